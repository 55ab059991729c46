"""Indicators of momentum: how fast the price changes, and how far it is from where it was."""

from features.indicators.shapes import (
    above,
    at_first,
    change,
    close,
    exponential,
    falls,
    high,
    highest,
    lag,
    low,
    lowest,
    mean,
    middle,
    opened,
    over,
    rises,
    smaller,
    total,
    true_range,
    typical,
    volume,
    weighted,
    where,
    wilder,
)
from features.series import Series, apply

One = tuple[Series, ...]
STILL_SHARE = 1e-12
STILL_INDEX = 1e-9
"""Less than any price, by its size, or any index of 0 to 100 moves by: what is below has been made by rounding."""


def strength(x: Series, n: int, seed: str = "mean") -> Series:
    """Return 100 gain/(gain + loss) of Wilder's averages; 50 where nothing moved."""
    up, down = rises(x), falls(x)
    if seed == "first":
        up, down = at_first(up, x * 0.0), at_first(down, x * 0.0)
    gain, loss = wilder(up, n, seed, n), wilder(down, n, seed, n)
    return 100.0 * over(gain, gain + loss, 0.5)


def rsi(n: int, seed: str) -> One:
    """Return the relative strength index."""
    return (strength(close(), n, seed),)


def connors(n: int, streak: int, rank: int) -> One:
    """Return the mean of RSI, RSI of the streak, and the rank of the day's change."""
    runs = apply("streak", close())
    day = apply("percent_rank", over(change(close()), lag(close())), params=(rank,))
    return ((strength(close(), n) + strength(runs, streak) + day) / 3.0,)


def chande(n: int) -> One:
    """Return 100 (gain - loss)/(gain + loss) of Wilder's averages."""
    gain, loss = wilder(rises(close()), n), wilder(falls(close()), n)
    return (100.0 * over(gain - loss, gain + loss),)


def between(x: Series, bottom: Series, top: Series) -> Series:
    """Return where x lies between two, in percent; 0 where they are equal."""
    return 100.0 * over(x - bottom, top - bottom)


def fast_k(n: int) -> Series:
    """Return the raw %K."""
    return between(close(), lowest(low(), n), highest(high(), n))


def stochastic(n: int, slowing: int, signal: int) -> One:
    """Return slow %K and %D."""
    k = mean(fast_k(n), slowing)
    return k, mean(k, signal)


def stochastic_fast(n: int, signal: int) -> One:
    """Return raw %K and its mean."""
    return fast_k(n), mean(fast_k(n), signal)


def stochastic_strength(n: int, k: int, d: int, seed: str) -> One:
    """Return where the RSI lies in its own range, and its mean; a range that is rounding alone is none."""
    line = strength(close(), n, seed)
    bottom, top = lowest(line, k), highest(line, k)
    raw = where(above(top - bottom, STILL_INDEX), between(line, bottom, top), 0.0)
    return raw, mean(raw, d)


def percent_r(n: int) -> One:
    """Return Williams %R."""
    top, bottom = highest(high(), n), lowest(low(), n)
    return (-100.0 * over(top - close(), top - bottom),)


def channel(n: int) -> One:
    """Return the commodity channel index; 0 where prices stand still, however their mean is rounded."""
    price = typical()
    distance, usual = apply("mean_deviation", price, params=(n,)), mean(price, n)
    moving = above(distance, STILL_SHARE * apply("absolute", usual))
    return (where(moving, over(price - usual, 0.015 * distance), 0.0),)


def convergence(fast: int, slow: int, signal: int, seed: str) -> One:
    """Return MACD, signal and histogram."""
    if fast >= slow:
        raise ValueError(f"fast is below slow; {fast} and {slow} were given")
    begin = "first" if seed == "first" else "mean"
    late = slow - fast if seed == "late" else 0
    quick = exponential(close(), fast, begin, late, quiet=fast)
    slowly = exponential(close(), slow, begin, 0, quiet=slow)
    line = quick - slowly
    if seed == "first":
        quick = exponential(close(), fast, begin)
        line = quick - exponential(close(), slow, begin)
    trigger = exponential(line, signal, begin)
    return line, trigger, line - trigger


def averages(x: Series, fast: int, slow: int, average: str) -> tuple[Series, Series]:
    """Return the fast and the slow average of a price oscillator."""
    if fast >= slow:
        raise ValueError(f"fast is below slow; {fast} and {slow} were given")
    if average == "simple":
        return mean(x, fast), mean(x, slow)
    return exponential(x, fast), exponential(x, slow)


def price_oscillator(fast: int, slow: int, average: str) -> One:
    """Return fast - slow average."""
    quick, slowly = averages(close(), fast, slow, average)
    return (quick - slowly,)


def percent_oscillator(fast: int, slow: int, average: str) -> One:
    """Return 100 (fast - slow)/slow average."""
    quick, slowly = averages(close(), fast, slow, average)
    return (100.0 * over(quick - slowly, slowly),)


def percentage(x: Series, fast: int, slow: int, signal: int) -> One:
    """Return 100 (e - e)/e of exponential averages from the first value on, its average, and the difference."""
    if fast >= slow:
        raise ValueError(f"fast is below slow; {fast} and {slow} were given")
    slowly = exponential(x, slow, "first")
    line = 100.0 * over(exponential(x, fast, "first") - slowly, slowly)
    trigger = exponential(line, signal, "first")
    return line, trigger, line - trigger


def ultimate(short: int, medium: int, long: int) -> One:
    """Return 100 (4 a + 2 b + c)/7, each buying pressure over true range."""
    pressure = close() - smaller(low(), lag(close()))
    shares = [over(total(pressure, n), total(true_range(), n)) for n in (short, medium, long)]
    return (100.0 * (4.0 * shares[0] + 2.0 * shares[1] + shares[2]) / 7.0,)


def trix(n: int) -> One:
    """Return the percentage change of the third exponential average."""
    line = exponential(exponential(exponential(close(), n), n), n)
    return (100.0 * over(change(line), lag(line)),)


def true_strength(slow: int, fast: int) -> One:
    """Return 100 e(e(change))/e(e(|change|)), averages from the first change on."""

    def twice(x: Series) -> Series:
        return exponential(exponential(x, slow, "first"), fast, "first")

    step = change(close())
    return (100.0 * over(twice(step), twice(apply("absolute", step))),)


def know_sure(signal: int) -> One:
    """Return Pring's sum of four smoothed rates of change, and its mean."""
    rates = [
        mean(100.0 * over(change(close(), n), lag(close(), n)), m)
        for n, m in ((10, 10), (15, 10), (20, 10), (30, 15))
    ]
    line = rates[0] + 2.0 * rates[1] + 3.0 * rates[2] + 4.0 * rates[3]
    return line, mean(line, signal)


def schaff(slow: int, fast: int, cycle: int, first: int, second: int) -> One:
    """Return the Schaff trend cycle: the stochastic, smoothed, of the stochastic, smoothed, of the MACD."""
    line = exponential(close(), fast, "first") - exponential(close(), slow, "first")

    def smooth(x: Series, n: int) -> Series:
        bottom = lowest(x, cycle)
        raw = 100.0 * over(x - bottom, highest(x, cycle) - bottom, float("nan"))
        return exponential(raw, n, "first")

    return (smooth(smooth(line, first), second),)


def coppock(long: int, short: int, n: int) -> One:
    """Return the weighted mean of two rates of change."""
    rates = [100.0 * over(change(close(), m), lag(close(), m)) for m in (long, short)]
    return (weighted(rates[0] + rates[1], n),)


def detrended(n: int) -> One:
    """Return the close of n/2 + 1 bars ago less the mean."""
    return (lag(close(), n // 2 + 1) - mean(close(), n),)


def awesome(fast: int, slow: int) -> One:
    """Return the difference of two means of (h + l)/2."""
    return (mean(middle(), fast) - mean(middle(), slow),)


def fisher(n: int) -> One:
    """Return Ehlers' Fisher transform of (h + l)/2 in its range, and that of the bar before."""
    price = middle()
    bottom = lowest(price, n)
    line = apply("fisher", 2.0 * (over(price - bottom, highest(price, n) - bottom, 0.5) - 0.5))
    return line, lag(line)


def power() -> One:
    """Return (c - o)/(h - l)."""
    return (over(close() - opened(), high() - low()),)


def flow(n: int) -> One:
    """Return the money flow index: 100 of what rose by what moved, typical price times volume."""
    step, money = change(typical()), typical() * volume()
    up = total(where(above(step, 0.0), money, 0.0), n)
    down = total(where(above(-step, 0.0), money, 0.0), n)
    return (100.0 * over(up, up + down),)


def intraday(n: int) -> One:
    """Return 100 of what rose by what moved from open to close; 50 where nothing moved."""
    step = close() - opened()
    up, moved = total(where(above(step, 0.0), step, 0.0), n), total(apply("absolute", step), n)
    return (100.0 * over(up, moved, 0.5),)


def rate(n: int, factor: float, less: float) -> One:
    """Return factor (c/c_n - less)."""
    before = lag(close(), n)
    ratio = over(close(), before, float("nan"))
    return (factor * (ratio - less),)


def fixed(signal: int) -> One:
    """Return MACD with the gains that TA-Lib fixes."""
    quick = apply("exponential", close(), params=(12, 0.15, 14, 0))
    line = quick - apply("exponential", close(), params=(26, 0.075, 0, 0))
    trigger = exponential(line, signal)
    return line, trigger, line - trigger
