"""Strength of a trend: Wilder's directional movement.

A bar whose high, low or close is NaN gives NaN and leaves the state as it was.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.family import Family, Feature, check_window


class DirectionalParams(NamedTuple):
    """Bars of the smoothing."""

    window: int


DIRECTIONAL_STATE = np.dtype(
    [
        ("seen", np.int64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("plus", np.float64),
        ("minus", np.float64),
        ("range", np.float64),
        ("index", np.float64),
    ],
    align=True,
)


@njit(cache=True, nogil=True, error_model="numpy")
def directional_step(
    params: DirectionalParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Average directional index, +DI and -DI into `out[0:3]`.

    +DM = high - high before, -DM = low before - low: the larger where it is positive, the other 0. Sums S of +DM, -DM
    and the true range begin with n - 1 bars, then S - S/n + new (TA-Lib; Wilder begins with n, which fades).
    DI = 100 S(DM)/S(TR);
    DX = 100 |+DI - -DI|/(+DI + -DI); ADX is the mean of the first n DX, then ((n - 1) ADX + DX)/n. Where
    nothing moved, DI is 0 and the ADX stays.
    """
    instrument = bars["instrument"]
    bar_high, bar_low, bar_close = bars["high"], bars["low"], bars["close"]
    seen = state["seen"]
    last_high, last_low, last_close = state["high"], state["low"], state["close"]
    plus_state, minus_state, range_state = state["plus"], state["minus"], state["range"]
    index_state = state["index"]
    index_out, plus_out, minus_out = out[0], out[1], out[2]
    window = params.window
    for row in range(len(bars)):
        i = instrument[row]
        high = bar_high[row]
        low = bar_low[row]
        close = bar_close[row]
        out[:, row] = np.nan
        if np.isnan(high + low + close):
            continue
        n = seen[i]
        seen[i] = n + 1
        rise = high - last_high[i]
        fall = last_low[i] - low
        reach = max(high, last_close[i]) - min(low, last_close[i])
        last_high[i] = high
        last_low[i] = low
        last_close[i] = close
        if n == 0:
            continue
        fading = 0.0 if n < window else 1.0 / window
        plus = plus_state[i] - plus_state[i] * fading + (rise if rise > max(fall, 0.0) else 0.0)
        minus = minus_state[i] - minus_state[i] * fading + (fall if fall > max(rise, 0.0) else 0.0)
        whole = range_state[i] - range_state[i] * fading + reach
        plus_state[i] = plus
        minus_state[i] = minus
        range_state[i] = whole
        if n < window:
            continue
        plus_out[row] = 100.0 * plus / whole if whole > 0.0 else 0.0
        minus_out[row] = 100.0 * minus / whole if whole > 0.0 else 0.0
        still = not (whole > 0.0 and plus + minus > 0.0)
        index = 100.0 * abs(plus - minus) / (plus + minus) if not still else 0.0
        if n < 2 * window:
            index_state[i] += index
            if n == 2 * window - 1:
                index_state[i] /= window
        elif not still:
            index_state[i] = ((window - 1) * index_state[i] + index) / window
        if n >= 2 * window - 1:
            index_out[row] = index_state[i]


def directional(window: int = 14) -> Family:
    """Return the family of the average directional index and the directional indicators over `window` bars.

    Raises ValueError where the window is below 2.
    """
    check_window("directional movement", window, 2)
    source = "Wilder 1978; TA-Lib"
    features = (
        Feature(f"adx_{window}", f"average directional index, {window} bars", "index", 2 * window, 1, source),
        Feature(
            f"plus_di_{window}", f"share of upward movement, {window} bars", "index", window + 1, 1, source
        ),
        Feature(
            f"minus_di_{window}", f"share of downward movement, {window} bars", "index", window + 1, 1, source
        ),
    )
    return Family("directional", DirectionalParams(window), DIRECTIONAL_STATE, directional_step, features)
