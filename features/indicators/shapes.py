"""The pieces that indicators are written in: columns of the bar, averages, windows and changes of a series."""

from features.series import Series, apply, column

OPEN, HIGH, LOW, CLOSE, VOLUME = "open", "high", "low", "close", "volume"


def opened() -> Series:
    """Return the open."""
    return column(OPEN)


def high() -> Series:
    """Return the high."""
    return column(HIGH)


def low() -> Series:
    """Return the low."""
    return column(LOW)


def close() -> Series:
    """Return the close."""
    return column(CLOSE)


def volume() -> Series:
    """Return the volume."""
    return column(VOLUME)


def typical() -> Series:
    """Return (high + low + close)/3."""
    return (high() + low() + close()) / 3.0


def middle() -> Series:
    """Return (high + low)/2."""
    return (high() + low()) / 2.0


def lag(x: Series, n: int = 1) -> Series:
    """Return the value of n bars ago; x itself for 0."""
    return apply("lag", x, params=(n,)) if n else x


def change(x: Series, n: int = 1) -> Series:
    """Return the difference to the value of n bars ago."""
    return x - lag(x, n)


def total(x: Series, n: int) -> Series:
    """Return the sum of the last n values."""
    return apply("total", x, params=(n,))


def mean(x: Series, n: int) -> Series:
    """Return the mean of the last n values."""
    return total(x, n) / float(n)


def exponential(x: Series, n: int, seed: str = "mean", skip: int = 0, quiet: int = 0) -> Series:
    """Return the exponential average with gain 2/(n + 1), from the mean of n values on, or from the first."""
    return smoothed(x, n if seed == "mean" else 1, 2.0 / (n + 1.0), skip, quiet)


def wilder(x: Series, n: int, seed: str = "mean", quiet: int = 0) -> Series:
    """Return Wilder's average: exponential with gain 1/n."""
    return smoothed(x, n if seed == "mean" else 1, 1.0 / n, 0, quiet)


def wilder_sum(x: Series, n: int, quiet: int) -> Series:
    """Return Wilder's running sum, n times his average; silent before value `quiet`."""
    return apply("wilder_sum", x, params=(n, quiet))


def smoothed(x: Series, seeds: int, gain: float, skip: int = 0, quiet: int = 0) -> Series:
    """Return the exponential average of a gain, from the mean of `seeds` values on; silent before value `quiet`."""
    return apply("exponential", x, params=(seeds, gain, skip, quiet))


def weighted(x: Series, n: int) -> Series:
    """Return the mean weighted 1 to n."""
    return apply("weighted", x, params=(n,))


def highest(x: Series, n: int, least: int = 0) -> Series:
    """Return the highest of the last n values, of fewer from `least` on."""
    return apply("highest", x, params=(n, least or n))


def lowest(x: Series, n: int, least: int = 0) -> Series:
    """Return the lowest of the last n values, of fewer from `least` on."""
    return apply("lowest", x, params=(n, least or n))


def variance(x: Series, n: int) -> Series:
    """Return the population variance of the last n values."""
    return apply("variance", x, params=(n,))


def deviation(x: Series, n: int, sample: bool = False) -> Series:
    """Return the standard deviation of the last n values, of the population or of a sample."""
    spread = variance(x, n)
    return square_root(spread * (n / (n - 1.0)) if sample else spread)


def square_root(x: Series) -> Series:
    """Return the square root."""
    return apply("square_root", x)


def absolute(x: Series) -> Series:
    """Return the absolute value."""
    return apply("absolute", x)


def logarithm(x: Series) -> Series:
    """Return the natural logarithm."""
    return apply("logarithm", x)


def number(value: float, like: Series) -> Series:
    """Return a constant that is missing where another series is."""
    return like * 0.0 + value


def over(x: Series, y: Series, otherwise: float = 0.0) -> Series:
    """Return x / y, and `otherwise` where y is 0."""
    return apply("ratio", x, y, params=(otherwise,))


def greater(x: Series, y: Series | float) -> Series:
    """Return the greater of two."""
    return apply("greater", x, _like(y, x))


def smaller(x: Series, y: Series | float) -> Series:
    """Return the smaller of two."""
    return apply("smaller", x, _like(y, x))


def above(x: Series, y: Series | float) -> Series:
    """Return 1 where x > y, else 0."""
    return apply("above", x, _like(y, x))


def where(condition: Series, x: Series, y: Series | float) -> Series:
    """Return x where the condition is above 0, else y."""
    return apply("where", condition, x, _like(y, x))


def efficiency(x: Series, n: int) -> Series:
    """Return how far it came in n bars by the way it took, from 0 to 1; 1 where it stood still."""
    return smaller(over(absolute(change(x, n)), total(absolute(change(x)), n), 1.0), 1.0)


def rises(x: Series) -> Series:
    """Return the change where it is positive, else 0."""
    return greater(change(x), 0.0)


def falls(x: Series) -> Series:
    """Return minus the change where it is negative, else 0."""
    return greater(-change(x), 0.0)


def true_range(first: bool = False) -> Series:
    """Return max(high, close before) - min(low, close before); where `first`, high - low on the first bar."""
    before = lag(close())
    reach = greater(high(), before) - smaller(low(), before)
    return apply("first_number", reach, high() - low()) if first else reach


def running(x: Series) -> Series:
    """Return the sum of all values."""
    return apply("running", x)


def at_first(x: Series, value: Series) -> Series:
    """Return x, and another series while x is missing."""
    return apply("first_number", x, value)


def _like(value: Series | float, x: Series) -> Series:
    return value if isinstance(value, Series) else number(value, x)
