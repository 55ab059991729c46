"""Stress of a book: what scenarios would cost, which one costs most, and what would have to happen for a given loss.

Source: standards.md 2.4. Values are signed market values in base currency; moves are fractions; results are P&L, losses
negative.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SCALE_MAX = 1_000.0
"""How far a scenario is scaled up in search of a loss; beyond that it is said never to come to it."""


class Holdings(NamedTuple):
    """What is held: names, signed values in base currency, and by what they move; all of length n."""

    names: tuple[str, ...]
    values: Floats
    betas: Floats
    sectors: tuple[str, ...]
    currencies: tuple[str, ...]
    base_currency: str = "USD"


@dataclass(frozen=True)
class Scenario:
    """Moves of factors, as fractions: `equity` times beta, plus what the sector does besides.

    An instrument's own move takes the place of both; its currency moves in any case. `volatility` multiplies today's.
    A historical one that is `replayed` follows the real returns of its window, where they are known.
    """

    name: str
    kind: str = "hypothetical"
    equity: float = 0.0
    sectors: Mapping[str, float] = field(default_factory=dict)
    currencies: Mapping[str, float] = field(default_factory=dict)
    instruments: Mapping[str, float] = field(default_factory=dict)
    volatility: float = 1.0
    source: str = ""
    window: tuple[str, str] = ("", "")
    mark: str = ""
    replayed: bool = True


def moves(holdings: Holdings, scenario: Scenario, scale: float = 1.0) -> Floats:
    """Return the move of each position's value in base currency, (n,), every factor scaled, none below -1."""
    out = np.empty(len(holdings.names))
    for place, name in enumerate(holdings.names):
        sector, currency = holdings.sectors[place], holdings.currencies[place]
        by_factor = holdings.betas[place] * scenario.equity + scenario.sectors.get(sector, 0.0)
        price = max(scale * scenario.instruments.get(name, by_factor), -1.0)
        translated = 0.0
        if currency != holdings.base_currency:
            translated = max(scale * scenario.currencies.get(currency, 0.0), -1.0)
        out[place] = (1.0 + price) * (1.0 + translated) - 1.0
    return out


def stressed(holdings: Holdings, scenario: Scenario, scale: float = 1.0) -> Floats:
    """Return the P&L of each position, (n,)."""
    return holdings.values * moves(holdings, scenario, scale)


def window_scenario(
    holdings: Holdings, scenario: Scenario, names: Sequence[str], returns: Floats
) -> Scenario:
    """Return a historical scenario with what instruments really did in its window: returns (days, names), compounded.

    A position that has no returns is left to the scenario's factors, which are its beta and sector.
    """
    compounded = np.prod(1.0 + returns, axis=0) - 1.0
    real = {name: float(move) for name, move in zip(names, compounded, strict=True)}
    held = {name: real[name] for name in holdings.names if name in real}
    return Scenario(**{**scenario.__dict__, "instruments": {**scenario.instruments, **held}})


class FactorShocks(NamedTuple):
    """The hypothetical shocks of standards.md 2.4 that move values; each number is a scenario of its own."""

    equity: tuple[float, ...] = (-0.30, -0.20, -0.10, 0.10, 0.20, 0.30)
    each_sector: tuple[float, ...] = (-0.25,)
    each_currency: tuple[float, ...] = (-0.10, 0.10)
    recalled_shorts: int = 5
    recalled_rise: float = 0.20
    largest_gap: float = -0.50


def hypothetical(holdings: Holdings, shocks: FactorShocks) -> list[Scenario]:
    """Return the shocks as scenarios of what is held: its sectors and currencies, its largest position and shorts."""
    made = [Scenario(f"equity {move:+.0%}", equity=move) for move in shocks.equity]
    for sector in sorted(set(holdings.sectors) - {""}):
        made += [
            Scenario(f"sector {sector} {move:+.0%}", sectors={sector: move}) for move in shocks.each_sector
        ]
    for currency in sorted(set(holdings.currencies) - {holdings.base_currency}):
        made += [
            Scenario(f"currency {currency} {move:+.0%}", currencies={currency: move})
            for move in shocks.each_currency
        ]
    shorts = [
        int(place) for place in np.argsort(holdings.values, kind="stable") if holdings.values[place] < 0
    ]
    recalled = {holdings.names[place]: shocks.recalled_rise for place in shorts[: shocks.recalled_shorts]}
    if recalled:
        made.append(Scenario(f"borrow of the top {len(recalled)} shorts recalled", instruments=recalled))
    if len(holdings.names):
        largest = holdings.names[int(np.argmax(np.abs(holdings.values)))]
        made.append(
            Scenario(f"gap of {largest} {shocks.largest_gap:+.0%}", instruments={largest: shocks.largest_gap})
        )
    return made


class ReverseStress(NamedTuple):
    """The likeliest move of the factors that loses a given amount, and how unlikely it is (Mahalanobis distance)."""

    moves: Floats
    distance: float


def reverse_stress(exposures: Floats, covariance: Floats, loss: float) -> ReverseStress:
    """Return f* = -L S d/(d'Sd) and L/sqrt(d'Sd) for exposures d (k,) to factors of covariance S (k, k).

    Raises ValueError for a loss that is not above 0, or exposures without any variance.
    """
    variance = float(exposures @ covariance @ exposures)
    if not loss > 0 or not variance > 0:
        raise ValueError(
            f"reverse stress needs a loss above 0 and exposures that vary; {loss:g} and a variance of "
            f"{variance:g} were given"
        )
    return ReverseStress(-loss * (covariance @ exposures) / variance, loss / float(np.sqrt(variance)))


def breaking_scale(holdings: Holdings, scenario: Scenario, loss: float) -> float | None:
    """Return by how much a scenario is to be scaled to lose an amount, None where it never does.

    Prices end at 0 and currencies multiply prices, so the loss is not linear in the scale: it is looked for in steps of
    2 per cent, upwards, and then halved down to a millionth.
    """

    def lost(scale: float) -> float:
        return -float(stressed(holdings, scenario, scale).sum())

    low, high = 0.0, 1e-3
    while lost(high) < loss:
        low, high = high, high * 1.02
        if high > SCALE_MAX:
            return None
    while high - low > 1e-9 * high:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if lost(middle) >= loss else (middle, high)
    return high


def correlated(covariance: Floats, correlation: float) -> Floats:
    """Return a covariance with the same variances and every correlation at one value between -1 and 1.

    It is positive semi-definite for values from -1/(n - 1) on; below `analytics.covariance.positive_semidefinite`
    mends it.
    """
    if not -1.0 <= correlation <= 1.0:
        raise ValueError(f"a correlation lies between -1 and 1; {correlation:g} was given")
    deviations = np.sqrt(np.diag(covariance))
    correlations = np.full(covariance.shape, correlation)
    np.fill_diagonal(correlations, 1.0)
    return np.asarray(correlations * np.outer(deviations, deviations))
