"""Indicators of direction and its strength, and lines of least squares."""

from features.indicators.shapes import (
    above,
    absolute,
    change,
    close,
    exponential,
    high,
    lag,
    low,
    mean,
    over,
    square_root,
    total,
    true_range,
    variance,
    where,
    wilder,
    wilder_sum,
)
from features.series import Series, apply

One = tuple[Series, ...]


def movement(up: bool) -> Series:
    """Return the directional movement of a bar, up or down."""
    rise, fall = change(high()), -change(low())
    one, other = (rise, fall) if up else (fall, rise)
    return where(above(one, other) * above(one, 0.0), one, 0.0)


def directional(n: int, up: bool) -> Series:
    """Return 100 movement/true range, Wilder's sums."""
    return 100.0 * over(wilder_sum(movement(up), n, n), wilder_sum(true_range(), n, n))


def index(n: int) -> Series:
    """Return 100 |up - down|/(up + down)."""
    up, down = directional(n, True), directional(n, False)
    return 100.0 * over(absolute(up - down), up + down)


def average_index(n: int) -> Series:
    """Return Wilder's average of the index."""
    return wilder(index(n), n)


def rated(n: int) -> One:
    """Return the middle of the average index and that of n - 1 bars ago."""
    line = average_index(n)
    return ((line + lag(line, n - 1)) / 2.0,)


def aroon(n: int) -> tuple[Series, Series]:
    """Return how recent the highest high and the lowest low of n + 1 bars are, in percent."""
    up = 100.0 * (n - apply("age_of_highest", high(), params=(n + 1,))) / float(n)
    down = 100.0 * (n - apply("age_of_lowest", low(), params=(n + 1,))) / float(n)
    return up, down


def vortex(n: int) -> One:
    """Return the sums of |h - l before| and |l - h before| by that of the true range."""
    reach = total(true_range(), n)
    return (
        over(total(absolute(high() - lag(low())), n), reach),
        over(total(absolute(low() - lag(high())), n), reach),
    )


def mass(n: int, bars: int) -> One:
    """Return the sum of e(h - l)/e(e(h - l)), 1 each where bars have no range."""
    first = exponential(high() - low(), n)
    return (total(over(first, exponential(first, n), 1.0), bars),)


def line_at(n: int, place: float) -> One:
    """Return the line of least squares at a place, counted in bars from the middle of the window."""
    return (mean(close(), n) + place * apply("slope", close(), params=(n,)),)


def tilt(n: int) -> Series:
    """Return the slope of the line of least squares."""
    return apply("slope", close(), params=(n,))


def correlation(n: int) -> One:
    """Return the correlation of high and low."""
    together = apply("covariance", high(), low(), params=(n,))
    spread = square_root(variance(high(), n) * variance(low(), n))
    return (over(together, spread),)


def beta(n: int) -> One:
    """Return the beta of the low's changes to the high's."""
    first = over(change(high()), lag(high()))
    second = over(change(low()), lag(low()))
    return (over(apply("covariance", first, second, params=(n,)), variance(first, n)),)
