"""How concentrated a book is, how long it would take to be rid of it, and what that would cost (standards.md 2.5)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

IMPACT = 1.0
"""Y of the square-root law: impact = Y sigma sqrt(Q/ADV)."""


class Concentration(NamedTuple):
    """Herfindahl-Hirschman index of gross weights, the number of equal positions with the same, and 0 to 1 of both."""

    hhi: float
    effective_number: float
    normalised: float


def concentration(values: Floats) -> Concentration:
    """Return the concentration of signed values; all 0 where nothing is held, normalised 1 for a single position."""
    held = np.abs(values[values != 0.0])
    gross = float(held.sum())
    if not gross > 0.0:
        return Concentration(0.0, 0.0, 0.0)
    hhi, count = float(((held / gross) ** 2).sum()), len(held)
    return Concentration(hhi, 1.0 / hhi, (hhi - 1.0 / count) / (1.0 - 1.0 / count) if count > 1 else 1.0)


def days_to_liquidate(values: Floats, volumes: Floats, participation: float) -> Floats:
    """Return |q|/(participation * ADV), (n,), both in units or both in money; infinite where nothing trades.

    Raises ValueError for a participation outside of (0, 1].
    """
    if not 0.0 < participation <= 1.0:
        raise ValueError(f"a participation is above 0 and at most 1; {participation:g} was given")
    sizes, capacity = np.abs(values), participation * volumes
    days = np.full(len(sizes), np.inf)
    np.divide(sizes, capacity, out=days, where=capacity > 0)
    days[sizes == 0.0] = 0.0
    return days


def liquid_share(values: Floats, days: Floats, within: float) -> float:
    """Return which part of the gross value can be sold within so many days, each position at its own pace."""
    sizes = np.abs(values)
    gross = float(sizes.sum())
    if not gross > 0.0:
        return 1.0
    parts = np.ones(len(sizes))
    np.divide(within, days, out=parts, where=days > within)
    return float((sizes * parts).sum()) / gross


def impact(sizes: Floats, volumes: Floats, deviations: Floats, factor: float = IMPACT) -> Floats:
    """Return the cost of selling sizes at once, a fraction of value: Y sigma sqrt(Q/ADV); infinite without ADV."""
    share = np.full(len(sizes), np.inf)
    np.divide(np.abs(sizes), volumes, out=share, where=volumes > 0)
    share[sizes == 0.0] = 0.0
    return np.asarray(factor * deviations * np.sqrt(share))


def liquidation_cost(values: Floats, volumes: Floats, deviations: Floats, half_spreads: Floats) -> Floats:
    """Return what selling each position costs in money: half the spread and the impact; it is added to VaR."""
    return np.abs(values) * (half_spreads + impact(values, volumes, deviations))


class Drawdown(NamedTuple):
    """How far a NAV is below its highest so far (fraction), the most that was, and for how many observations now."""

    now: float
    deepest: float
    under_water: int
    longest_under_water: int


def drawdown(nav: Floats) -> Drawdown:
    """Return 1 - NAV_t/max NAV_s over s <= t, of a series (t,) above 0; raises ValueError where there is none."""
    if not len(nav) or not (nav > 0).all():
        raise ValueError("a drawdown is of a series of values above 0; one is not, or there is none")
    depth = 1.0 - nav / np.maximum.accumulate(nav)
    below = depth > 0
    ends = np.flatnonzero(~below)
    spans = np.diff(np.append(ends, len(nav))) - 1
    return Drawdown(float(depth[-1]), float(depth.max()), int(spans[-1]), int(spans.max()))


class Margin(NamedTuple):
    """Initial and maintenance margin, and what part of equity the latter is.

    `distance` is how far prices may move against the book, as a fraction of its gross value, until equity meets it.
    """

    initial: float
    maintenance: float
    to_equity: float
    distance: float


def regulation_t(values: Floats, equity: float, initial: float = 0.50, maintenance: float = 0.25) -> Margin:
    """Return the margin of Regulation T: 50 per cent of the gross value at first, 25 to maintain; equity above 0."""
    gross = float(np.abs(values).sum())
    return _margin(initial * gross, maintenance * gross, gross, equity)


def portfolio_margin(values: Floats, betas: Floats, equity: float, shock: float = 0.15) -> Margin:
    """Return the loss of the worse of a market move of so much up and down, as initial and maintenance margin."""
    loss = abs(float(values @ betas)) * shock
    return _margin(loss, loss, float(np.abs(values).sum()), equity)


def tiered_margin(values: Floats, equity: float, tiers: tuple[tuple[float, float], ...]) -> Margin:
    """Return the margin of tiers (notional from, rate), each rate on the part of a position from there on."""
    needed = 0.0
    for size in np.abs(values):
        ends = [start for start, _ in tiers[1:]] + [np.inf]
        needed += sum(
            rate * max(min(float(size), end) - start, 0.0)
            for (start, rate), end in zip(tiers, ends, strict=True)
        )
    return _margin(needed, needed, float(np.abs(values).sum()), equity)


def _margin(initial: float, maintenance: float, gross: float, equity: float) -> Margin:
    if not equity > 0:
        raise ValueError(f"margin is measured against an equity above 0; {equity:g} was given")
    distance = (equity - maintenance) / gross if gross > 0 else float("inf")
    return Margin(initial, maintenance, maintenance / equity, distance)
