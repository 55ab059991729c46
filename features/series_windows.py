"""Compiled steps over the last n values of a series, one memory per instrument.

Every step is `step(instrument, x[, y], state, at, n, ..., out)`: `instrument` int32 of the rows, `x` and `y` float64
columns, `state` float64 (instruments, width of all steps) in which a step owns the columns from `at` on, `out` float64
written whole. All zero is a memory that has seen nothing. A row whose value is NaN gives NaN and leaves the memory as
it was, so that a step speaks n values after its input does. Splitting rows over calls gives the same bits.

Sums and extremes go by blocks (see `features.rolling`): each value is added twice, nothing is ever subtracted, and what
a window answers does not depend on how long it has run. The others look at their n values again.
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
        count, place = np.int64(state[i, at]), np.int64(state[i, at + 1])
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
        full, place, running = state[i, at] > 0.0, np.int64(state[i, at + 1]), state[i, at + 2]
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
        count, place, running = np.int64(state[i, at]), np.int64(state[i, at + 1]), state[i, at + 2]
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


@compiled
def _remember(state, i, at, n, value):  # type: ignore[no-untyped-def]
    """Put a value into a ring of n after its count and place; return how many it holds and where the oldest is."""
    count, place = np.int64(state[i, at]), np.int64(state[i, at + 1])
    state[i, at + 2 + place] = value
    place = place + 1 if place + 1 < n else 0
    state[i, at + 1] = place
    if count < n:
        count += 1
        state[i, at] = count
    return count, place


@compiled
def weighted(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Mean of the last n values, weighted 1 (oldest) to n."""
    whole = n * (n + 1) / 2.0
    for row in range(len(x)):
        out[row] = np.nan
        if np.isnan(x[row]):
            continue
        i = instrument[row]
        count, oldest = _remember(state, i, at, n, x[row])
        if count >= n:
            answer = 0.0
            for k in range(n):
                place = oldest + k
                answer += (k + 1) * state[i, at + 2 + (place if place < n else place - n)]
            out[row] = answer / whole


@compiled
def bell(
    instrument: Ids, x: Floats, state: Floats, at: int, n: int, offset: float, sigma: float, out: Floats
) -> None:
    """Mean weighted by exp(-(k - offset (n - 1))^2/(2 (n/sigma)^2)), k = 0 for the oldest (Legoux, Kouzis-Loukas)."""
    weights = np.exp(-((np.arange(n) - offset * (n - 1)) ** 2) / (2.0 * (n / sigma) ** 2))
    whole = weights.sum()
    for row in range(len(x)):
        out[row] = np.nan
        if np.isnan(x[row]):
            continue
        i = instrument[row]
        count, oldest = _remember(state, i, at, n, x[row])
        if count >= n:
            answer = 0.0
            for k in range(n):
                place = oldest + k
                answer += weights[k] * state[i, at + 2 + (place if place < n else place - n)]
            out[row] = answer / whole


@compiled
def variance(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Mean squared distance of the last n values from their mean (divided by n)."""
    for row in range(len(x)):
        out[row] = np.nan
        if np.isnan(x[row]):
            continue
        i = instrument[row]
        count, _ = _remember(state, i, at, n, x[row])
        if count >= n:
            mean = 0.0
            for k in range(n):
                mean += state[i, at + 2 + k]
            mean /= n
            squares = 0.0
            for k in range(n):
                squares += (state[i, at + 2 + k] - mean) ** 2
            out[row] = squares / n


@compiled
def mean_deviation(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Mean distance of the last n values from their mean."""
    for row in range(len(x)):
        out[row] = np.nan
        if np.isnan(x[row]):
            continue
        i = instrument[row]
        count, _ = _remember(state, i, at, n, x[row])
        if count >= n:
            mean = 0.0
            for k in range(n):
                mean += state[i, at + 2 + k]
            mean /= n
            distance = 0.0
            for k in range(n):
                distance += abs(state[i, at + 2 + k] - mean)
            out[row] = distance / n


@compiled
def slope(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Slope, in units a row, of the line of least squares through the last n values."""
    centre = (n - 1) / 2.0
    squares = n * (n * n - 1.0) / 12.0
    for row in range(len(x)):
        out[row] = np.nan
        if np.isnan(x[row]):
            continue
        i = instrument[row]
        count, oldest = _remember(state, i, at, n, x[row])
        if count >= n:
            product = 0.0
            for k in range(n):
                place = oldest + k
                product += (k - centre) * state[i, at + 2 + (place if place < n else place - n)]
            out[row] = product / squares


@compiled
def age_of_highest(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """How many rows ago the highest of the last n values was, the latest of equals."""
    _age(instrument, x, 1.0, state, at, n, out)


@compiled
def age_of_lowest(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """How many rows ago the lowest of the last n values was, the latest of equals."""
    _age(instrument, x, -1.0, state, at, n, out)


@compiled
def _age(instrument, x, sign, state, at, n, out):  # type: ignore[no-untyped-def]
    for row in range(len(x)):
        value = x[row] * sign
        out[row] = np.nan
        if np.isnan(value):
            continue
        i = instrument[row]
        count, oldest = _remember(state, i, at, n, value)
        if count >= n:
            best, age = -np.inf, 0
            for k in range(n):
                place = oldest + k
                held = state[i, at + 2 + (place if place < n else place - n)]
                if held >= best:
                    best, age = held, n - 1 - k
            out[row] = age


@compiled
def percent_rank(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """How many percent of the n values before are below this one."""
    for row in range(len(x)):
        value = x[row]
        out[row] = np.nan
        if np.isnan(value):
            continue
        i = instrument[row]
        if state[i, at] >= n:
            below = 0
            for k in range(n):
                if state[i, at + 2 + k] < value:
                    below += 1
            out[row] = 100.0 * below / n
        _remember(state, i, at, n, value)


@compiled
def covariance(instrument: Ids, x: Floats, y: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Mean product of the distances of the last n pairs from their means. Memory: twice count, place, ring."""
    for row in range(len(x)):
        out[row] = np.nan
        if np.isnan(x[row]) or np.isnan(y[row]):
            continue
        i = instrument[row]
        other = at + n + 2
        count, _ = _remember(state, i, at, n, x[row])
        _remember(state, i, other, n, y[row])
        if count >= n:
            mean_x, mean_y = 0.0, 0.0
            for k in range(n):
                mean_x += state[i, at + 2 + k]
                mean_y += state[i, other + 2 + k]
            mean_x, mean_y = mean_x / n, mean_y / n
            product = 0.0
            for k in range(n):
                product += (state[i, at + 2 + k] - mean_x) * (state[i, other + 2 + k] - mean_y)
            out[row] = product / n
