"""Indicators of volume and of volatility."""

import math

from features.indicators.shapes import (
    above,
    at_first,
    change,
    close,
    deviation,
    exponential,
    greater,
    high,
    highest,
    lag,
    logarithm,
    low,
    lowest,
    mean,
    middle,
    over,
    running,
    smaller,
    square_root,
    total,
    true_range,
    volume,
    where,
    wilder,
)
from features.series import Series, apply

One = tuple[Series, ...]


def money() -> Series:
    """Return the volume times where the close lies in the bar's range, from -1 to 1."""
    return over(2.0 * close() - high() - low(), high() - low()) * volume()


def oscillator(fast: int, slow: int) -> One:
    """Return the difference of two averages of the accumulation line, both from its first value on."""
    line = running(money())
    return (exponential(line, fast, "first", quiet=slow) - exponential(line, slow, "first", quiet=slow),)


def balance() -> One:
    """Return the running sum of volume signed by the close's change; the first bar counts."""
    signed = apply("sign", change(close())) * volume()
    return (running(at_first(signed, volume())),)


def force(n: int) -> One:
    """Return the exponential average of change times volume, from the first change on."""
    return (exponential(change(close()) * volume(), n, "first", quiet=n),)


def ease(n: int) -> One:
    """Return movement of the middle times range by volume, times 100 million, and its mean."""
    raw = 1e8 * over(change(middle()) * (high() - low()), volume(), float("nan"))
    return raw, mean(raw, n)


def price_volume() -> One:
    """Return the running sum of volume times the close's percentage change."""
    return (running(over(change(close()), lag(close())) * volume()),)


def on_volume(more: bool) -> One:
    """Return 1,000 moved by the close's change on bars of more, or of less, volume."""
    step = change(volume()) if more else -change(volume())
    moved = where(above(step, 0.0), over(change(close()), lag(close())), 0.0)
    return (apply("chained", at_first(moved, close() * 0.0), params=(1000.0,)),)


def average_range(n: int, first: str) -> Series:
    """Return Wilder's average of the true range."""
    return wilder(true_range(first == "count"), n)


def ulcer(n: int) -> One:
    """Return the root of the mean squared fall from the highest close, in percent."""
    top = highest(close(), n, 1)
    fall = 100.0 * over(close() - top, top)
    return (square_root(total(fall * fall, n) / float(n)),)


def choppiness(n: int) -> One:
    """Return 100 log(sum of true ranges/(true high - true low)) by log n."""
    before = lag(close())
    reach = highest(greater(high(), before), n) - lowest(smaller(low(), before), n)
    return (100.0 / math.log(n) * logarithm(over(total(true_range(), n), reach, float("nan"))),)


def realised(n: int, periods: float) -> One:
    """Return the sample deviation of log returns, a year's, in percent."""
    returns = logarithm(over(close(), lag(close()), float("nan")))
    return (100.0 * math.sqrt(periods) * deviation(returns, n, sample=True),)
