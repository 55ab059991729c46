"""Compiled steps about the dominant cycle of a series; shape and rules are those of `features.series_windows`.

Source: Ehlers, Rocket Science for Traders (2001): a Hilbert transform of the detrended, smoothed price gives a part in
phase and one in quadrature; how fast they turn is the period of the cycle.
"""

import numpy as np

from features.series_windows import Floats, Ids, compiled

RING = 50
"""The longest cycle, in bars."""
TURN = 31
"""Memory of `_turn`: values seen; 7 smooth prices, 10 detrended, 7 in quadrature; in phase, quadrature, real,
imaginary, period, smooth period."""
MIDDLE, DETRENDED, QUADRATURE, REST = 1, 8, 18, 25


@compiled
def _transformed(values, first, gain):  # type: ignore[no-untyped-def]
    """Hilbert transform of every second value, `values[first]` the newest."""
    outer = values[first] - values[first + 6]
    return (0.0962 * outer + 0.5769 * (values[first + 2] - values[first + 4])) * gain


@compiled
def _push(held, first, last, value):  # type: ignore[no-untyped-def]
    """Put a value before those that are there, and let the oldest go."""
    for k in range(last - 1, first, -1):
        held[k] = held[k - 1]
    held[first] = value


@compiled
def _turn(held, price):  # type: ignore[no-untyped-def]
    """Take note of a smooth price: phases, period and smooth period."""
    before = held[29]
    gain = 0.075 * before + 0.54
    _push(held, MIDDLE, DETRENDED, price)
    _push(held, DETRENDED, QUADRATURE, _transformed(held, MIDDLE, gain))
    _push(held, QUADRATURE, REST, _transformed(held, DETRENDED, gain))
    ahead = held[DETRENDED + 3] - _transformed(held, QUADRATURE, gain)
    aside = held[QUADRATURE] + _transformed(held, DETRENDED + 3, gain)
    last_phase, last_square = held[25], held[26]
    held[25] = 0.2 * ahead + 0.8 * last_phase
    held[26] = 0.2 * aside + 0.8 * last_square
    held[27] = 0.2 * (held[25] * last_phase + held[26] * last_square) + 0.8 * held[27]
    held[28] = 0.2 * (held[25] * last_square - held[26] * last_phase) + 0.8 * held[28]
    period = before
    if held[27] != 0.0 and held[28] != 0.0:
        period = 2.0 * np.pi / np.arctan(held[28] / held[27])
    period = max(min(period, 1.5 * before), 0.67 * before)
    held[29] = 0.2 * max(min(period, 50.0), 6.0) + 0.8 * before
    held[30] = 0.33 * held[29] + 0.67 * held[30]


@compiled
def _cycle(instrument, smooth, place, state, at, skip, out):  # type: ignore[no-untyped-def]
    """Write what `_turn` knows at a place, from the smooth price after `skip` of them on.

    A price too large for the products of its parts makes it begin again as if it had seen nothing.
    """
    for row in range(len(smooth)):
        out[row] = np.nan
        if np.isnan(smooth[row]):
            continue
        held = state[instrument[row], at : at + TURN]
        held[0] += 1.0
        if held[0] > skip:
            _turn(held, smooth[row])
            if np.isfinite(held[27]) and np.isfinite(held[28]):
                out[row] = held[place]
            else:
                held[:] = 0.0


@compiled
def cycle_period(instrument: Ids, smooth: Floats, state: Floats, at: int, skip: int, out: Floats) -> None:
    """Smooth period of the dominant cycle, in bars."""
    _cycle(instrument, smooth, 30, state, at, skip, out)


@compiled
def in_phase(instrument: Ids, smooth: Floats, state: Floats, at: int, skip: int, out: Floats) -> None:
    """Part of the price in phase."""
    _cycle(instrument, smooth, DETRENDED + 3, state, at, skip, out)


@compiled
def quadrature(instrument: Ids, smooth: Floats, state: Floats, at: int, skip: int, out: Floats) -> None:
    """Part of the price a quarter of a cycle ahead."""
    _cycle(instrument, smooth, QUADRATURE, state, at, skip, out)


@compiled
def cycle_phase(instrument: Ids, smooth: Floats, period: Floats, state: Floats, at: int, out: Floats) -> None:
    """Phase of the dominant cycle in degrees, -45 to 315, from a Fourier sum over one period.

    Memory: phase of before, place, ring of smooth prices since there is a period.
    """
    for row in range(len(smooth)):
        out[row] = np.nan
        if np.isnan(smooth[row]) or np.isnan(period[row]):
            continue
        held = state[instrument[row], at : at + 2 + RING]
        place = int(held[1])
        held[2 + place] = smooth[row]
        held[1] = place + 1 if place + 1 < RING else 0
        whole = int(period[row] + 0.5)
        real, imaginary = 0.0, 0.0
        for k in range(whole):
            price = held[2 + (place - k if place >= k else place - k + RING)]
            real += np.sin(2.0 * np.pi * k / whole) * price
            imaginary += np.cos(2.0 * np.pi * k / whole) * price
        phase = held[0]
        if abs(imaginary) > 0.0:
            phase = np.degrees(np.arctan(real / imaginary))
        else:
            phase += 90.0 * np.sign(real)
        phase += 90.0 + 360.0 / period[row]
        if imaginary < 0.0:
            phase += 180.0
        if phase > 315.0:
            phase -= 360.0
        held[0] = phase
        out[row] = phase


@compiled
def cycle_mean(instrument: Ids, x: Floats, period: Floats, state: Floats, at: int, out: Floats) -> None:
    """Mean of the last values, as many as the period has. Memory: place, ring of values."""
    for row in range(len(x)):
        out[row] = np.nan
        if np.isnan(x[row]):
            continue
        held = state[instrument[row], at : at + 1 + RING]
        place = int(held[0])
        held[1 + place] = x[row]
        held[0] = place + 1 if place + 1 < RING else 0
        if not np.isnan(period[row]):
            whole = int(period[row] + 0.5)
            answer = 0.0
            for k in range(whole):
                answer += held[1 + (place - k if place >= k else place - k + RING)]
            out[row] = answer / whole if whole > 0 else 0.0


@compiled
def trending(
    instrument: Ids,
    phase: Floats,
    period: Floats,
    smooth: Floats,
    line: Floats,
    state: Floats,
    at: int,
    out: Floats,
) -> None:
    """1 in a trend, 0 in a cycle: since the sine crossed its lead, or while the phase turns as a cycle's does, 0.

    Price 1.5 % or more off the trend line is a trend in any case. Memory: phase, sine and lead before, bars since.
    """
    for row in range(len(phase)):
        out[row] = np.nan
        if np.isnan(phase[row]) or np.isnan(period[row]) or np.isnan(smooth[row]):
            continue
        held = state[instrument[row], at : at + 4]
        sine, lead = np.sin(np.radians(phase[row])), np.sin(np.radians(phase[row] + 45.0))
        crossed = (sine > lead and held[1] <= held[2]) or (sine < lead and held[1] >= held[2])
        held[3] = 1.0 if crossed else held[3] + 1.0
        trend = not crossed and held[3] >= 0.5 * period[row]
        turned, whole = phase[row] - held[0], 360.0 / period[row]
        trend = trend and not 0.67 * whole < turned < 1.5 * whole
        if not np.isnan(line[row]) and line[row] != 0.0:
            trend = trend or abs((smooth[row] - line[row]) / line[row]) >= 0.015
        held[0], held[1], held[2] = phase[row], sine, lead
        out[row] = 1.0 if trend else 0.0


@compiled
def later(instrument: Ids, x: Floats, state: Floats, at: int, n: int, out: Floats) -> None:
    """Pass values on, but for the first n. Memory: count."""
    for row in range(len(x)):
        out[row] = np.nan
        if np.isnan(x[row]):
            continue
        i = instrument[row]
        if state[i, at] < n:
            state[i, at] += 1.0
        else:
            out[row] = x[row]
