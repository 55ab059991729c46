"""Indicators of trend: averages, bands, channels and stops."""

from features.indicators.shapes import (
    close,
    deviation,
    efficiency,
    exponential,
    high,
    highest,
    lag,
    low,
    lowest,
    mean,
    middle,
    opened,
    over,
    total,
    true_range,
    typical,
    volume,
    weighted,
    wilder,
)
from features.series import Series, apply

One = tuple[Series, ...]


def sma(n: int) -> One:
    """Return the mean of the last n closes."""
    return (mean(close(), n),)


def ema(n: int, seed: str) -> One:
    """Return the exponential average."""
    return (exponential(close(), n, seed),)


def double(n: int) -> One:
    """Return 2 e - e(e)."""
    first = exponential(close(), n)
    return (2.0 * first - exponential(first, n),)


def triple(n: int) -> One:
    """Return 3 e - 3 e(e) + e(e(e))."""
    first = exponential(close(), n)
    second = exponential(first, n)
    return (3.0 * (first - second) + exponential(second, n),)


def triangular(n: int) -> One:
    """Return the mean of the mean, over the two halves of n."""
    inner, outer = ((n + 1) // 2, (n + 1) // 2) if n % 2 else (n // 2, n // 2 + 1)
    return (mean(mean(close(), inner), outer),)


def tillson(n: int, factor: float) -> One:
    """Return Tillson's T3: six averages weighted by the binomial of the factor."""
    averages = [close()]
    for _ in range(6):
        averages.append(exponential(averages[-1], n))
    square, cube = factor * factor, factor**3
    return (
        averages[6] * -cube
        + averages[5] * (3.0 * square + 3.0 * cube)
        + averages[4] * (-6.0 * square - 3.0 * factor - 3.0 * cube)
        + averages[3] * (1.0 + 3.0 * factor + cube + 3.0 * square),
    )


def kaufman(n: int, fast: int, slow: int) -> One:
    """Return Kaufman's adaptive average."""
    quick, slowly = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
    root = efficiency(close(), n) * (quick - slowly) + slowly
    return (apply("adaptive", close(), root * root),)


def hull(n: int) -> One:
    """Return the weighted mean over sqrt(n) of 2 w(n/2) - w(n)."""
    if n < 2:
        raise ValueError(f"bars is at least 2; {n} was given")
    return (weighted(2.0 * weighted(close(), n // 2) - weighted(close(), n), round(n**0.5)),)


def without_lag(n: int) -> One:
    """Return the exponential average of 2 c - c of (n - 1)/2 bars ago."""
    return (exponential(2.0 * close() - lag(close(), (n - 1) // 2), n),)


def bell(n: int, offset: float, sigma: float) -> One:
    """Return the mean weighted by a bell curve."""
    return (apply("bell", close(), params=(n, offset, sigma)),)


def by_volume(n: int) -> One:
    """Return the mean of closes weighted by volume."""
    return (over(total(close() * volume(), n), total(volume(), n), float("nan")),)


def bollinger(n: int, up: float, down: float) -> One:
    """Return the mean and bands of so many standard deviations."""
    line, spread = mean(close(), n), deviation(close(), n)
    return line + up * spread, line, line - down * spread


def acceleration(n: int) -> One:
    """Return the means of high (1 + 4 w), close and low (1 - 4 w), w = (high - low)/(high + low)."""
    width = over(4.0 * (high() - low()), high() + low())
    return mean(high() * (1.0 + width), n), mean(close(), n), mean(low() * (1.0 - width), n)


def keltner(n: int, factor: float, range_bars: int, seed: str) -> One:
    """Return the exponential average and bands of so many true ranges; from the first bar on, it has a range, too."""
    line = exponential(close(), n, seed, quiet=n)
    reach = factor * wilder(true_range(seed == "first"), range_bars)
    return line + reach, line, line - reach


def keltner_typical(n: int) -> One:
    """Return the mean of the typical price, and of (4 h - 2 l + c)/3 and (-2 h + 4 l + c)/3 (the original of 1960)."""
    upper = mean((4.0 * high() - 2.0 * low() + close()) / 3.0, n)
    lower = mean((-2.0 * high() + 4.0 * low() + close()) / 3.0, n)
    return upper, mean(typical(), n), lower


def donchian(n: int, until: str) -> One:
    """Return highest high, middle and lowest low, of the bar and those before it or of those before it only."""
    ago = 0 if until == "bar" else 1
    top, bottom = lag(highest(high(), n), ago), lag(lowest(low(), n), ago)
    return top, (top + bottom) / 2.0, bottom


def ichimoku(short: int, medium: int, long: int) -> One:
    """Return conversion and base line, and both spans as they are known at the bar (not moved ahead)."""

    def centre(n: int) -> Series:
        return (highest(high(), n) + lowest(low(), n)) / 2.0

    conversion, base = centre(short), centre(medium)
    return conversion, base, (conversion + base) / 2.0, centre(long)


def supertrend(n: int, factor: float) -> One:
    """Return the line that follows the close at so many true ranges."""
    reach = factor * wilder(true_range(), n)
    return (apply("trailing", close(), middle() + reach, middle() - reach),)


def chandelier(n: int, factor: float) -> One:
    """Return the stop of a long and of a short position."""
    reach = factor * wilder(true_range(), n)
    return highest(high(), n) - reach, lowest(low(), n) + reach


def vwap(n: int) -> One:
    """Return the mean of typical prices weighted by volume."""
    return (over(total(typical() * volume(), n), total(volume(), n), float("nan")),)


def candles() -> One:
    """Return the open, high, low and close of Heikin-Ashi."""
    last = (opened() + high() + low() + close()) / 4.0
    first = apply("held_open", opened(), close(), last)
    return (
        first,
        apply("greater", high(), apply("greater", first, last)),
        apply("smaller", low(), apply("smaller", first, last)),
        last,
    )
