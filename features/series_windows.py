"""Compiled steps over the last n values of a series, one memory per instrument.

Every step is `step(instrument, x[, y], state, at, n, ..., out)`: `instrument` int32 of the rows, `x` and `y` float64
columns, `state` float64 (instruments, width of all steps) in which a step owns the columns from `at` on, `out` float64
written whole. All zero is a memory that has seen nothing. A row whose value is NaN gives NaN and leaves the memory as
it was, so that a step speaks n values after its input does. Splitting rows over calls gives the same bits.

Sums and extremes go by blocks (see `features.rolling`): each value is added twice, nothing is ever subtracted, and what
a window answers does not depend on how long it has run. Those that look at
their n values again are in `features.series_sweeps`.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int32]

compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def ending(instrument, row):  # type: ignore[no-untyped-def]
    """Return where the rows of one instrument that begin at a row end; what it remembers stays in registers so long."""
    end = row + 1
    while end < len(instrument) and instrument[end] == instrument[row]:
        end += 1
    return end


@compiled
def lag(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Value of n rows ago. Memory: count up to n, place, ring of n."""
    ring = at + 2
    begin = 0
    while begin < len(x):
        i, end = instrument[begin], ending(instrument, begin)
        count, place = int(state[i, at]), int(state[i, at + 1])
        for row in range(begin, end):
            value = x[row]
            out[row] = np.nan
            if np.isnan(value):
                continue
            if count >= n:
                out[row] = state[i, ring + place]
            else:
                count += 1
            state[i, ring + place] = value
            place = place + 1 if place + 1 < n else 0
        state[i, at], state[i, at + 1] = count, place
        begin = end


@compiled
def total(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Sum of the last n values. Memory: whether n came, place, sum of the running block, ring of n."""
    ring = at + 3
    begin = 0
    while begin < len(x):
        i, end = instrument[begin], ending(instrument, begin)
        full, place, running = state[i, at] > 0.0, int(state[i, at + 1]), state[i, at + 2]
        for row in range(begin, end):
            value = x[row]
            out[row] = np.nan
            if np.isnan(value):
                continue
            running += value
            state[i, ring + place] = value
            place += 1
            if place < n:
                if full:
                    out[row] = running + state[i, ring + place]
                continue
            tail = value
            for k in range(n - 2, -1, -1):
                tail += state[i, ring + k]
                state[i, ring + k] = tail
            full, place, running = True, 0, 0.0
            out[row] = tail
        state[i, at], state[i, at + 1], state[i, at + 2] = 1.0 if full else 0.0, place, running
        begin = end


@compiled
def _extreme(instrument, x, sign, state, at, n, least, out):  # type: ignore[no-untyped-def]
    """Highest of the last n values times sign, times sign, of fewer from `least` on.

    Memory: count up to n, place, highest of the block, ring of n.
    """
    ring = at + 3
    begin = 0
    while begin < len(x):
        i, end = instrument[begin], ending(instrument, begin)
        count, place, running = int(state[i, at]), int(state[i, at + 1]), state[i, at + 2]
        for row in range(begin, end):
            value = x[row] * sign
            out[row] = np.nan
            if np.isnan(value):
                continue
            running = value if place == 0 else max(running, value)
            answer = running
            state[i, ring + place] = value
            place += 1
            if place < n:
                if count >= n:
                    answer = max(running, state[i, ring + place])
            else:
                place = 0
                tail = value
                for k in range(n - 2, -1, -1):
                    tail = max(tail, state[i, ring + k])
                    state[i, ring + k] = tail
            if count < n:
                count += 1
            if count >= least:
                out[row] = answer * sign
        state[i, at], state[i, at + 1], state[i, at + 2] = count, place, running
        begin = end


@compiled
def highest(instrument: Ids, x: Floats, state: Floats, at: int, n: int, least: int, out: Floats) -> None:
    """Highest of the last n values, of fewer from the first `least` on."""
    _extreme(instrument, x, 1.0, state, at, n, least, out)


@compiled
def lowest(instrument: Ids, x: Floats, state: Floats, at: int, n: int, least: int, out: Floats) -> None:
    """Lowest of the last n values, of fewer from the first `least` on."""
    _extreme(instrument, x, -1.0, state, at, n, least, out)
