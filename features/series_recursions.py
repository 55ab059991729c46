"""Compiled steps whose memory is what they last answered; shape and rules are those of `features.series_windows`."""

import numpy as np

from features.series_windows import Floats, Ids, compiled, ending


@compiled
def exponential(
    instrument: Ids,
    x: Floats,
    state: Floats,
    at: int,
    n: int,
    gain: float,
    skip: int,
    quiet: int,
    out: Floats,
) -> None:
    """E + gain (x - e) from the mean of n values on, after `skip` values that are left out.

    Speaks from value max(skip + n, quiet) on. Memory: count, average.
    """
    begin, first = 0, skip + n
    while begin < len(x):
        i, end = instrument[begin], ending(instrument, begin)
        count, average = int(state[i, at]), state[i, at + 1]
        for row in range(begin, end):
            value = x[row]
            out[row] = np.nan
            if np.isnan(value):
                continue
            count += 1
            if count > first:
                average += gain * (value - average)
            elif count > skip:
                average += value
                if count == first:
                    average /= n
            if count >= first and count >= quiet:
                out[row] = average
        state[i, at], state[i, at + 1] = count, average
        begin = end


@compiled
def wilder_sum(instrument: Ids, x: Floats, state: Floats, at: int, n: int, quiet: int, out: Floats) -> None:
    """S - s/n + x from the sum of n - 1 values on (Wilder 1978), silent before value `quiet`. Memory: count, sum."""
    for row in range(len(x)):
        value = x[row]
        out[row] = np.nan
        if np.isnan(value):
            continue
        i = instrument[row]
        count = state[i, at] + 1.0
        state[i, at] = count
        held = state[i, at + 1]
        held = held + value if count < n else held - held / n + value
        state[i, at + 1] = held
        if count >= quiet:
            out[row] = held


@compiled
def running(instrument: Ids, x: Floats, state: Floats, at: int, out: Floats) -> None:
    """Sum of all values. Memory: sum."""
    for row in range(len(x)):
        out[row] = np.nan
        if not np.isnan(x[row]):
            i = instrument[row]
            state[i, at] += x[row]
            out[row] = state[i, at]


@compiled
def chained(instrument: Ids, x: Floats, state: Floats, at: int, begin: float, out: Floats) -> None:
    """`begin` times the product of 1 + x over all values. Memory: whether there was one, product."""
    for row in range(len(x)):
        out[row] = np.nan
        if not np.isnan(x[row]):
            i = instrument[row]
            held = state[i, at + 1] if state[i, at] > 0.0 else begin
            state[i, at] = 1.0
            state[i, at + 1] = held * (1.0 + x[row])
            out[row] = state[i, at + 1]


@compiled
def streak(instrument: Ids, x: Floats, state: Floats, at: int, out: Floats) -> None:
    """How many values in a row have risen (above 0) or fallen (below 0). Memory: whether one came, value, streak."""
    for row in range(len(x)):
        value = x[row]
        out[row] = np.nan
        if np.isnan(value):
            continue
        i = instrument[row]
        held, before = state[i, at + 2], state[i, at + 1]
        if state[i, at] == 0.0 or value == before:
            held = 0.0
        elif value > before:
            held = max(held, 0.0) + 1.0
        else:
            held = min(held, 0.0) - 1.0
        state[i, at], state[i, at + 1], state[i, at + 2] = 1.0, value, held
        out[row] = held


@compiled
def adaptive(
    instrument: Ids, x: Floats, state: Floats, at: int, n: int, fast: float, slow: float, out: Floats
) -> None:
    """Kaufman's average: k + c (x - k), c = (e (f - s) + s)^2, e = |x - x_n|/sum |change|, f and s = 2/(m + 1).

    The first value spoken is value n + 1, which moves from value n.
    Memory: count up to n, place, average, ring of n + 1.
    """
    quick, slowly = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
    ring = at + 3
    for row in range(len(x)):
        value = x[row]
        out[row] = np.nan
        if np.isnan(value):
            continue
        i = instrument[row]
        count, place = state[i, at], int(state[i, at + 1])
        average = state[i, at + 2]
        state[i, ring + place] = value
        oldest = place + 1 if place < n else 0
        state[i, at + 1] = oldest
        if count < n:
            state[i, at], state[i, at + 2] = count + 1.0, value
            continue
        first = state[i, ring + oldest]
        path, last, here = 0.0, first, oldest
        for _ in range(n):
            here = here + 1 if here < n else 0
            path += abs(state[i, ring + here] - last)
            last = state[i, ring + here]
        ratio = abs(value - first) / path if path > 0.0 else 1.0
        constant = (min(ratio, 1.0) * (quick - slowly) + slowly) ** 2
        average += constant * (value - average)
        state[i, at + 2] = average
        out[row] = average


@compiled
def parabolic(
    instrument: Ids, high: Floats, low: Floats, state: Floats, at: int, step: float, limit: float, out: Floats
) -> None:
    """Wilder's parabolic stop and reverse, speaking from the second bar on; it begins long unless -DM is greater.

    Memory: count, whether long, stop of this bar, extreme, factor, high and low of the bar before.
    """
    for row in range(len(high)):
        top, bottom = high[row], low[row]
        out[row] = np.nan
        if np.isnan(top) or np.isnan(bottom):
            continue
        i = instrument[row]
        count = state[i, at]
        held = state[i, at : at + 7]
        state[i, at] = count + 1.0
        before_top, before_bottom = held[5], held[6]
        held[5], held[6] = top, bottom
        if count == 0.0:
            continue
        if count == 1.0:
            down = before_bottom - bottom
            rises = not (down > 0.0 and down > top - before_top)
            held[1] = 1.0 if rises else 0.0
            held[2] = before_bottom if rises else before_top
            held[3] = top if rises else bottom
            held[4] = step
            before_top, before_bottom = top, bottom
        stop, extreme, factor = held[2], held[3], held[4]
        if held[1] > 0.0:
            if bottom <= stop:
                turned = max(extreme, before_top, top)
                out[row] = turned
                held[1], held[3], held[4] = 0.0, bottom, step
                turned += step * (bottom - turned)
                held[2] = max(turned, before_top, top)
            else:
                out[row] = stop
                if top > extreme:
                    extreme, factor = top, min(factor + step, limit)
                held[3], held[4] = extreme, factor
                held[2] = min(stop + factor * (extreme - stop), before_bottom, bottom)
        elif top >= stop:
            turned = min(extreme, before_bottom, bottom)
            out[row] = turned
            held[1], held[3], held[4] = 1.0, top, step
            turned += step * (top - turned)
            held[2] = min(turned, before_bottom, bottom)
        else:
            out[row] = stop
            if bottom < extreme:
                extreme, factor = bottom, min(factor + step, limit)
            held[3], held[4] = extreme, factor
            held[2] = max(stop + factor * (extreme - stop), before_top, top)


@compiled
def trailing(
    instrument: Ids, close: Floats, upper: Floats, lower: Floats, state: Floats, at: int, out: Floats
) -> None:
    """SuperTrend's line: bands that only tighten, the lower one while the close is above it, else the upper one.

    Memory: whether there was one, close, upper and lower band of the bar before, whether the lower one is followed.
    """
    for row in range(len(close)):
        price, top, bottom = close[row], upper[row], lower[row]
        out[row] = np.nan
        if np.isnan(price) or np.isnan(top) or np.isnan(bottom):
            continue
        i = instrument[row]
        if state[i, at] == 0.0:
            follows = price > (top + bottom) / 2.0
        else:
            before, before_top, before_bottom = state[i, at + 1], state[i, at + 2], state[i, at + 3]
            top = top if top < before_top or before > before_top else before_top
            bottom = bottom if bottom > before_bottom or before < before_bottom else before_bottom
            follows = price >= bottom if state[i, at + 4] > 0.0 else price > top
        state[i, at], state[i, at + 1], state[i, at + 2], state[i, at + 3] = 1.0, price, top, bottom
        state[i, at + 4] = 1.0 if follows else 0.0
        out[row] = bottom if follows else top


@compiled
def fisher(instrument: Ids, x: Floats, state: Floats, at: int, out: Floats) -> None:
    """Ehlers' Fisher transform of a value in [-1, 1]: v = 0.33 x + 0.67 v, f = ln((1 + v)/(1 - v))/2 + f/2.

    Memory: v, f.
    """
    for row in range(len(x)):
        out[row] = np.nan
        if np.isnan(x[row]):
            continue
        i = instrument[row]
        value = min(max(0.33 * x[row] + 0.67 * state[i, at], -0.999), 0.999)
        answer = 0.5 * np.log((1.0 + value) / (1.0 - value)) + 0.5 * state[i, at + 1]
        state[i, at], state[i, at + 1] = value, answer
        out[row] = answer


@compiled
def held_open(instrument: Ids, opened: Floats, mean: Floats, state: Floats, at: int, out: Floats) -> None:
    """Heikin-Ashi's open: the middle of the candle before, (open + mean)/2 at first.

    Memory: whether there was one, open, close.
    """
    for row in range(len(opened)):
        out[row] = np.nan
        if np.isnan(opened[row]) or np.isnan(mean[row]):
            continue
        i = instrument[row]
        answer = (
            (state[i, at + 1] + state[i, at + 2]) / 2.0
            if state[i, at] > 0.0
            else (opened[row] + mean[row]) / 2.0
        )
        state[i, at], state[i, at + 1], state[i, at + 2] = 1.0, answer, mean[row]
        out[row] = answer
