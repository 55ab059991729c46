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
    begin = 0
    while begin < len(x):
        i, end = instrument[begin], ending(instrument, begin)
        count, held = int(state[i, at]), state[i, at + 1]
        for row in range(begin, end):
            value = x[row]
            out[row] = np.nan
            if np.isnan(value):
                continue
            count += 1
            held = held + value if count < n else held - held / n + value
            if count >= quiet:
                out[row] = held
        state[i, at], state[i, at + 1] = count, held
        begin = end


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
def adaptive(instrument: Ids, x: Floats, gain: Floats, state: Floats, at: int, out: Floats) -> None:
    """Move a by g (x - a), g of each row's own; while that is missing, a is x and nothing is said. Memory: a."""
    begin = 0
    while begin < len(x):
        i, end = instrument[begin], ending(instrument, begin)
        average = state[i, at]
        for row in range(begin, end):
            out[row] = np.nan
            if np.isnan(x[row]):
                continue
            if np.isnan(gain[row]):
                average = x[row]
            else:
                average += gain[row] * (x[row] - average)
                out[row] = average
        state[i, at] = average
        begin = end


@compiled
def parabolic(
    instrument: Ids,
    high: Floats,
    low: Floats,
    state: Floats,
    at: int,
    start: float,
    offset: float,
    first_long: float,
    step_long: float,
    limit_long: float,
    first_short: float,
    step_short: float,
    limit_short: float,
    side: float,
    out: Floats,
) -> None:
    """Wilder's parabolic stop and reverse, speaking from the second bar on.

    A start above 0 begins long at it, below 0 short at minus it; 0 begins long at the low before unless -DM is greater.
    A stop moves by `offset` of itself when it turns. Where `side` is not 0, it is negative while short.
    Memory: count, whether long, stop of this bar, extreme, factor, high and low of the bar before.
    """
    for row in range(len(high)):
        top, bottom = high[row], low[row]
        out[row] = np.nan
        if np.isnan(top) or np.isnan(bottom):
            continue
        held = state[instrument[row], at : at + 7]
        held[0] += 1.0
        before_top, before_bottom = held[5], held[6]
        held[5], held[6] = top, bottom
        if held[0] == 1.0:
            continue
        if held[0] == 2.0:
            down = before_bottom - bottom
            rises = start > 0.0 or (start == 0.0 and not (down > 0.0 and down > top - before_top))
            held[1] = 1.0 if rises else 0.0
            held[2] = abs(start) if start != 0.0 else before_bottom if rises else before_top
            held[3] = top if rises else bottom
            held[4] = min(first_long, limit_long) if rises else min(first_short, limit_short)
            before_top, before_bottom = top, bottom
        stop, extreme, factor = held[2], held[3], held[4]
        if held[1] > 0.0:
            if bottom <= stop:
                turned = max(extreme, before_top, top) * (1.0 + offset)
                out[row] = -turned if side != 0.0 else turned
                factor = min(first_short, limit_short)
                held[1], held[3], held[4] = 0.0, bottom, factor
                held[2] = max(turned + factor * (bottom - turned), before_top, top)
            else:
                out[row] = stop
                if top > extreme:
                    extreme, factor = top, min(factor + step_long, limit_long)
                held[3], held[4] = extreme, factor
                held[2] = min(stop + factor * (extreme - stop), before_bottom, bottom)
        elif top >= stop:
            turned = min(extreme, before_bottom, bottom) * (1.0 - offset)
            out[row] = turned
            factor = min(first_long, limit_long)
            held[1], held[3], held[4] = 1.0, top, factor
            held[2] = min(turned + factor * (top - turned), before_bottom, bottom)
        else:
            out[row] = -stop if side != 0.0 else stop
            if bottom < extreme:
                extreme, factor = bottom, min(factor + step_short, limit_short)
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
def held_open(
    instrument: Ids, opened: Floats, close: Floats, mean: Floats, state: Floats, at: int, out: Floats
) -> None:
    """Heikin-Ashi's open: the middle of the candle before, that of open and close at first.

    Memory: whether there was one, open, mean.
    """
    for row in range(len(opened)):
        out[row] = np.nan
        if np.isnan(opened[row]) or np.isnan(close[row]) or np.isnan(mean[row]):
            continue
        held = state[instrument[row], at : at + 3]
        answer = (held[1] + held[2]) / 2.0 if held[0] > 0.0 else (opened[row] + close[row]) / 2.0
        held[0], held[1], held[2] = 1.0, answer, mean[row]
        out[row] = answer
