"""Efficient prices of the simulated market: one log-price path a second for each instrument and day.

A path is a level, a share of the market's own path, a random walk of its own whose steps are larger near open and
close, spells of drift that a trend follower may find, and a mean-reverting part that a fader may find.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

DAY_BEGINS_SECONDS = 4 * 3600
OPEN_SECONDS = 9 * 3600 + 1800
CLOSE_SECONDS = 16 * 3600
DAY_ENDS_SECONDS = 20 * 3600
PATH_SECONDS = DAY_ENDS_SECONDS - DAY_BEGINS_SECONDS
REGULAR_SECONDS = CLOSE_SECONDS - OPEN_SECONDS
NAMES = [
    "ACMEX",
    "BOREA",
    "CALDR",
    "DUNEX",
    "ELARA",
    "FENIX",
    "GALVA",
    "HELIX",
    "IRIDA",
    "JUNIP",
    "KESTR",
    "LUMEN",
    "MARLO",
    "NIMBU",
    "ORBIS",
    "PELAG",
    "QUARZ",
    "RIVEN",
    "SOLEX",
    "TALUS",
    "UMBRA",
    "VANTA",
    "WILLO",
    "XENON",
    "YARRO",
    "ZEPHY",
]


class Traits(NamedTuple):
    """What an instrument is like: opening level, daily volatility, beta, share of activity, spread in ticks."""

    level: float
    volatility: float
    beta: float
    weight: float
    spread_ticks: int


def names_of(count: int) -> tuple[str, ...]:
    """Return `count` names of instruments that exist nowhere else, sorted."""
    made = NAMES[:count] + [f"SYNTH{number:05d}" for number in range(len(NAMES), count)]
    return tuple(sorted(made))


def generator(seed: int, *place: int) -> np.random.Generator:
    """Return the generator of one place (purpose, day, instrument); no other place shares its numbers."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *place])))


def traits_of(seed: int, count: int) -> list[Traits]:
    """Return the traits of every instrument; the weights add up to 1."""
    made = []
    for number in range(count):
        random = generator(seed, 1, 0, number)
        level = float(np.exp(random.uniform(np.log(15.0), np.log(300.0))))
        spread = 1 + int(level > 80) + int(level > 180)
        made.append(
            Traits(
                level,
                random.uniform(0.012, 0.03),
                random.uniform(0.5, 1.5),
                random.lognormal(0.0, 0.8),
                spread,
            )
        )
    whole = sum(traits.weight for traits in made)
    return [traits._replace(weight=traits.weight / whole) for traits in made]


def market_path(seed: int, day: int) -> NDArray[np.float64]:
    """Return the market's own log path of a day, 0 at its start."""
    random = generator(seed, 2, day)
    return np.cumsum(random.normal(0.0, 0.008 / np.sqrt(REGULAR_SECONDS), PATH_SECONDS) * _shape())


def instrument_path(
    seed: int, day: int, number: int, traits: Traits, market: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return an instrument's log path of a day relative to its start, with the overnight gap in it."""
    random = generator(seed, 3, day, number)
    step = traits.volatility / np.sqrt(REGULAR_SECONDS)
    walk = np.cumsum(random.normal(0.0, 0.7 * step, PATH_SECONDS) * _shape())
    gap = random.normal(0.0, 0.2 * traits.volatility) if day else 0.0
    reverting = _reverting(random.normal(0.0, 2.2 * step, PATH_SECONDS) * _shape(), 1.0 - np.log(2.0) / 240.0)
    path: NDArray[np.float64] = gap + traits.beta * market + walk + reverting + _spells(random, traits)
    return path


def _shape() -> NDArray[np.float64]:
    """Return how large the steps are in each second: U-shaped in the regular session, small outside it."""
    second = np.arange(PATH_SECONDS) + DAY_BEGINS_SECONDS
    inside = (second >= OPEN_SECONDS) & (second < CLOSE_SECONDS)
    u = (second - OPEN_SECONDS) / REGULAR_SECONDS
    return np.where(inside, 0.75 + 1.6 * (2 * u - 1) ** 4, 0.25)


def _spells(random: np.random.Generator, traits: Traits) -> NDArray[np.float64]:
    """Return the log drift of two to four spells of 15 to 45 minutes."""
    drift = np.zeros(PATH_SECONDS)
    for _ in range(int(random.integers(2, 5))):
        length = int(random.integers(900, 2700))
        begins = OPEN_SECONDS - DAY_BEGINS_SECONDS + int(random.integers(0, REGULAR_SECONDS - length))
        drift[begins : begins + length] += (
            random.choice([-1.0, 1.0]) * traits.volatility * random.uniform(0.4, 0.9) / length
        )
    return np.cumsum(drift)


@njit(cache=True)
def _reverting(shocks, keep):  # type: ignore[no-untyped-def]
    """Return the first-order autoregression of shocks."""
    out = np.empty(len(shocks))
    level = 0.0
    for at in range(len(shocks)):
        level = keep * level + shocks[at]
        out[at] = level
    return out
