"""Run families over bars: the one way from bars to features, live and in back-fill.

The rows of `out` are the columns of the families one after the other; each family's step writes its own slice of them.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import BAR, QUOTE_BAR
from features.family import Family


def fresh(families: Sequence[Family], instruments: int) -> list[NDArray[np.void]]:
    """Return the state of each family for `instruments` instruments that have seen nothing."""
    return [family.fresh(instruments) for family in families]


@njit(cache=True, nogil=True, error_model="numpy")
def reach(bars: NDArray[np.void]) -> tuple[int, int]:
    """Return the lowest and the highest instrument of at least one bar."""
    instrument = bars["instrument"]
    first = last = instrument[0]
    for row in range(1, len(bars)):
        first = min(first, instrument[row])
        last = max(last, instrument[row])
    return first, last


def run(
    families: Sequence[Family],
    states: Sequence[NDArray[np.void]],
    bars: NDArray[np.void],
    days: NDArray[np.int32],
    quotes: NDArray[np.void],
) -> NDArray[np.float64]:
    """Step every family over `bars` and return its columns, shape (columns of all families, bars), C order.

    `states` are changed in place, one per family as `fresh` makes them; `days` (int32, days since 1970-01-01) and
    `quotes` (`QUOTE_BAR`) go with the rows of `bars` (`BAR`), `quotes` may be empty where the run has none. An array
    that cannot be written has another type to numba than one that can: pass the same kind each time, or pay for
    compiling.

    Raises ValueError where the lengths do not fit or an instrument is not one of the states'.
    """
    count = len(bars)
    if len(states) != len(families):
        raise ValueError(f"run needs one state per family; {len(families)} and {len(states)} were given")
    if len(days) != count or len(quotes) not in {0, count}:
        lengths = f"{count} bars, {len(days)} days and {len(quotes)} quotes"
        raise ValueError(f"run needs a day for each bar, and a quote for each or none; {lengths} were given")
    out = np.empty((sum(len(family.features) for family in families), count))
    if not count:
        return out
    first, last = reach(bars)
    held = min((len(state) for state in states), default=last + 1)
    if first < 0 or last >= held:
        raise ValueError(f"run has the states of {held} instruments; bars of {first} to {last} were given")
    begin = 0
    for family, state in zip(families, states, strict=True):
        end = begin + len(family.features)
        family.step(family.params, state, bars, days, quotes, out[begin:end])
        begin = end
    return out


def warm(families: Sequence[Family]) -> None:
    """Compile every step, or load it from the cache, so that the first real bar does not wait for it."""
    for family in families:
        out = np.empty((len(family.features), 0))
        family.step(
            family.params,
            family.fresh(1),
            np.empty(0, BAR),
            np.empty(0, np.int32),
            np.empty(0, QUOTE_BAR),
            out,
        )
