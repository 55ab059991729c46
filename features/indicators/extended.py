"""Indicators that take an average of one's choice, or that read several others together."""

from features.indicators.shapes import (
    above,
    absolute,
    at_first,
    change,
    close,
    deviation,
    efficiency,
    exponential,
    greater,
    high,
    highest,
    lag,
    low,
    lowest,
    mean,
    middle,
    opened,
    over,
    running,
    smaller,
    total,
    volume,
    weighted,
    where,
    wilder,
)
from features.series import Series, apply

One = tuple[Series, ...]
AVERAGES = ("simple", "exponential", "weighted", "double", "triple", "triangular")


def waits(n: int, kind: str) -> int:
    """Return how many bars an average of a kind needs before its first."""
    return (n - 1) * {"double": 2, "triple": 3}.get(kind, 1)


def average(x: Series, n: int, kind: str, skip: int = 0) -> Series:
    """Return an average of a kind; those that are seeded leave out the first `skip` values."""
    if kind == "simple":
        return mean(x, n)
    if kind == "weighted":
        return weighted(x, n)
    if kind == "triangular":
        inner, outer = ((n + 1) // 2, (n + 1) // 2) if n % 2 else (n // 2, n // 2 + 1)
        return mean(mean(x, inner), outer)
    first = exponential(x, n, skip=skip)
    if kind == "exponential":
        return first
    second = exponential(first, n)
    if kind == "double":
        return 2.0 * first - second
    return 3.0 * (first - second) + exponential(second, n)


def convergence(fast: int, fast_kind: str, slow: int, slow_kind: str, signal: int, signal_kind: str) -> One:
    """Return MACD of averages of one's choice, its signal and the difference; both averages begin together."""
    if fast >= slow:
        raise ValueError(f"fast is below slow; {fast} and {slow} were given")
    longest = max(waits(fast, fast_kind), waits(slow, slow_kind))
    quick = average(close(), fast, fast_kind, longest - waits(fast, fast_kind))
    slowly = average(close(), slow, slow_kind, longest - waits(slow, slow_kind))
    line = quick - slowly
    trigger = average(line, signal, signal_kind)
    return line, trigger, line - trigger


def parabolic(*params: float) -> One:
    """Return the stop, negative while short."""
    return (apply("parabolic", high(), low(), params=(*params, 1.0)),)


def acceleration(fast: int, slow: int, signal: int) -> One:
    """Return the awesome oscillator less its mean."""
    line = mean(middle(), fast) - mean(middle(), slow)
    return (line - mean(line, signal),)


def chande_plain(n: int) -> One:
    """Return 100 (rises - falls)/(rises + falls), summed over n changes."""
    moved = total(absolute(change(close())), n)
    return (100.0 * over(total(change(close()), n), moved),)


def kaufman_ratio(n: int) -> One:
    """Return Kaufman's efficiency ratio."""
    return (efficiency(close(), n),)


def elder_ray(n: int) -> One:
    """Return high and low less the exponential average of closes."""
    line = exponential(close(), n)
    return high() - line, low() - line


def open_to_close(n: int) -> One:
    """Return the mean of close less open."""
    return (mean(close() - opened(), n),)


def momentum_index(n: int, fast: int, slow: int, signal: int) -> One:
    """Return 100 of the twice smoothed distance to the middle by half the twice smoothed range, and its average."""
    top, bottom = highest(high(), n), lowest(low(), n)
    distance = exponential(exponential(close() - (top + bottom) / 2.0, slow), fast)
    reach = exponential(exponential(top - bottom, slow), fast)
    line = 100.0 * over(distance, reach / 2.0)
    return line, exponential(line, signal)


def vertical(n: int) -> One:
    """Return highest less lowest close by the way between."""
    reach = highest(close(), n) - lowest(close(), n)
    return (over(reach, total(absolute(change(close())), n)),)


def williams_accumulation() -> One:
    """Return the sum of what the close came up from the true low, or down from the true high."""
    before = lag(close())
    up, down = close() - smaller(low(), before), close() - greater(high(), before)
    step = where(above(close(), before), up, where(above(before, close()), down, 0.0))
    return (running(at_first(step, close() * 0.0)),)


def day_range(n: int) -> One:
    """Return the mean of high less low."""
    return (mean(high() - low(), n),)


def range_change(n: int, rate: int) -> One:
    """Return the change of the exponential average of high less low, in percent."""
    line = exponential(high() - low(), n)
    return (100.0 * over(line - lag(line, rate), lag(line, rate)),)


def range_by_volume() -> One:
    """Return high less low by volume."""
    return (over(high() - low(), volume()),)


def volume_ratio(n: int) -> One:
    """Return the volume by the mean of the n before."""
    return (over(volume(), lag(mean(volume(), n))),)


def three_lines(n: int, k_bars: int, d_bars: int) -> One:
    """Return K and D smoothed as Wilder does, and 3 K - 2 D."""
    bottom = lowest(low(), n)
    raw = 100.0 * over(close() - bottom, highest(high(), n) - bottom)
    k = wilder(raw, k_bars)
    d = wilder(k, d_bars)
    return k, d, 3.0 * k - 2.0 * d


def volatility_strength(n: int, bars: int) -> One:
    """Return 100 up/(up + down) of Wilder's averages of the deviation on rising and on falling bars."""
    spread, step = deviation(close(), bars), change(close())
    up = wilder(where(above(step, 0.0), spread, 0.0), n)
    down = wilder(where(above(-step, 0.0), spread, 0.0), n)
    return (100.0 * over(up, up + down),)


def forecast(n: int) -> One:
    """Return how far the close is from the line of least squares a bar ahead of the bar before, in percent."""
    ahead = mean(close(), n) + (n + 1) / 2.0 * apply("slope", close(), params=(n,))
    return (100.0 * over(close() - lag(ahead), close()),)
