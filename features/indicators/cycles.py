"""Indicators of the dominant cycle: a Hilbert transform of the smoothed price."""

import math

from features.indicators.shapes import at_first, close, greater, lag, over, weighted
from features.series import Series, apply

One = tuple[Series, ...]
EARLY, LATE = 9, 34
"""Smooth prices that are left out before the transform begins; those that need a phase begin later, as in TA-Lib."""
DEGREES = 180.0 / math.pi


def smooth() -> Series:
    """Return the weighted mean of four closes."""
    return weighted(close(), 4)


def later(x: Series, n: int) -> Series:
    """Return a series without its first n values."""
    return apply("later", x, params=(n,))


def period(skip: int) -> Series:
    """Return the smooth period of the cycle."""
    return apply("cycle_period", smooth(), params=(skip,))


def phase() -> Series:
    """Return the phase of the cycle in degrees."""
    return apply("cycle_phase", smooth(), period(LATE))


def line() -> Series:
    """Return the smoothed mean over one period, 0 standing for the three means before the first."""
    mean = apply("cycle_mean", close(), period(LATE))
    nothing = mean * 0.0
    before = [at_first(lag(mean, n), nothing) for n in (1, 2, 3)]
    return (4.0 * mean + 3.0 * before[0] + 2.0 * before[1] + before[2]) / 10.0


def dominant_period() -> One:
    """Return the period, once it has settled."""
    return (later(period(EARLY), 20),)


def dominant_phase() -> One:
    """Return the phase, once it has settled."""
    return (later(phase(), 26),)


def phasor() -> One:
    """Return the parts in phase and in quadrature."""
    parts = (apply(name, smooth(), params=(EARLY,)) for name in ("in_phase", "quadrature"))
    return tuple(later(part, 20) for part in parts)


def sine() -> One:
    """Return the sine of the phase, and that of 45 degrees ahead."""
    turned = later(phase(), 26)
    return apply("sine", turned / DEGREES), apply("sine", (turned + 45.0) / DEGREES)


def trend_line() -> One:
    """Return the instantaneous trend line."""
    return (later(line(), 26),)


def trend_mode() -> One:
    """Return 1 in a trend, 0 in a cycle."""
    return (later(apply("trending", phase(), period(LATE), smooth(), line()), 26),)


def mesa(fast: float, slow: float, seed: str) -> One:
    """Return the adaptive average whose gain follows the turn of the phase, and the average that follows it."""
    if not fast >= slow:
        raise ValueError(f"fast is not below slow; {fast} and {slow} were given")
    ahead, aside = (apply(name, smooth(), params=(EARLY,)) for name in ("in_phase", "quadrature"))
    turned = DEGREES * apply("arctangent", over(aside, ahead))
    step = greater(at_first(lag(turned), turned * 0.0) - turned, 1.0)
    gain = greater(fast / step, slow)
    begin = close() * 0.0 if seed == "zero" else close()
    mesa_line = apply("adaptive", at_first(close() + gain * 0.0, begin), gain)
    following = apply("adaptive", at_first(mesa_line, begin), 0.5 * gain)
    return later(mesa_line, 20), later(following, 20)
