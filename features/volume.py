"""Volume: on balance, money flow, distance to the session's VWAP, volume against its time of day, illiquidity.

A bar that lacks a price which the feature reads (NaN; for logarithms also a price that is not positive) gives NaN and
leaves prices as they were; what only counts volume (session VWAP, profile of volume) counts its volume all the same.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.family import Family, Feature, check_window
from features.rolling import slide_spread, slide_sum, spread_fields, window_fields

PER_MILLION = 1e6
TIE = 1e-12


class VolumeParams(NamedTuple):
    """One window, in bars; on-balance volume has none and reads none."""

    window: int


ON_BALANCE_STATE = np.dtype([("seen", np.int64), ("previous", np.float64), ("total", np.float64)], align=True)


@njit(cache=True, nogil=True, error_model="numpy")
def on_balance_step(
    _params: VolumeParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """On-balance volume into `out[0]`: the first volume, then plus it where the close rose, minus where it fell."""
    instrument = bars["instrument"]
    close = bars["close"]
    volume = bars["volume"]
    seen = state["seen"]
    previous = state["previous"]
    total = state["total"]
    balance = out[0]
    for row in range(len(bars)):
        i = instrument[row]
        price = close[row]
        if np.isnan(price):
            balance[row] = np.nan
            continue
        if seen[i] == 0 or price > previous[i]:
            total[i] += volume[row]
        elif price < previous[i]:
            total[i] -= volume[row]
        seen[i] += 1
        previous[i] = price
        balance[row] = total[i]


def on_balance() -> Family:
    """Return the family of on-balance volume, as TA-Lib begins it; only its changes mean something."""
    feature = Feature("obv", "on-balance volume", "signed volume", 1, 1, "Granville 1963; TA-Lib OBV")
    return Family("on_balance", VolumeParams(0), ON_BALANCE_STATE, on_balance_step, (feature,))


@njit(cache=True, nogil=True, error_model="numpy")
def money_flow_step(
    params: VolumeParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Money flow index into `out[0]`: 100 up/(up + down), flows p times volume, p = (high + low + close)/3.

    A flow is up where p rose, down where it fell, by more than the rounding of p (1e-12 of it). 50 where nothing flowed
    (TA-Lib says 0 where less than 1 did).
    """
    instrument = bars["instrument"]
    bar_high = bars["high"]
    bar_low = bars["low"]
    bar_close = bars["close"]
    volume = bars["volume"]
    seen = state["seen"]
    previous = state["previous"]
    ring, head, place = state["ring"], state["head"], state["place"]
    index = out[0]
    window = params.window
    for row in range(len(bars)):
        i = instrument[row]
        typical = (bar_high[row] + bar_low[row] + bar_close[row]) / 3.0
        index[row] = np.nan
        if np.isnan(typical):
            continue
        n = seen[i]
        seen[i] = n + 1
        before = previous[i]
        previous[i] = typical
        if n == 0:
            continue
        flow = typical * volume[row]
        moved = typical - before
        least = TIE * abs(typical)
        up = slide_sum(ring, head, place, i, 0, 0, window, flow if moved > least else 0.0)
        down = slide_sum(ring, head, place, i, 1, window, window, flow if moved < -least else 0.0)
        if n >= window:
            index[row] = 100.0 * (up / (up + down)) if up + down > 0.0 else 50.0


def money_flow(window: int = 14) -> Family:
    """Return the family of the money flow index over `window` flows.

    Raises ValueError where the window is below 1.
    """
    check_window("money flow", window, 1)
    fields = [("seen", np.int64), ("previous", np.float64), *window_fields(window, window)]
    source = "Quong and Soudack 1989; TA-Lib MFI"
    feature = Feature(f"mfi_{window}", f"money flow index, {window} flows", "index", window + 1, 1, source)
    return Family(
        "money_flow", VolumeParams(window), np.dtype(fields, align=True), money_flow_step, (feature,)
    )


@njit(cache=True, nogil=True, error_model="numpy")
def session_distance_step(
    params: VolumeParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Session VWAP, (close - VWAP)/VWAP, and that distance's z-score over `window` bars, into `out[0:3]`.

    The VWAP is the turnover over the volume since the session of this trading day began; all begins anew with each
    session. The z-score uses the population deviation and is 0 where there is none. A bar without a close still tells
    the VWAP.
    """
    instrument = bars["instrument"]
    close = bars["close"]
    volume = bars["volume"]
    vwap = bars["vwap"]
    session = bars["session"]
    day_state = state["day"]
    session_state = state["session"]
    turnover = state["turnover"]
    traded = state["traded"]
    seen = state["seen"]
    place = state["place"]
    mean_state, square_state = state["mean"], state["square"]
    means, squares = state["means"], state["squares"]
    average_out, distance_out, score_out = out[0], out[1], out[2]
    window = params.window
    for row in range(len(bars)):
        i = instrument[row]
        if day_state[i] != days[row] or session_state[i] != session[row]:
            day_state[i] = days[row]
            session_state[i] = session[row]
            turnover[i] = 0.0
            traded[i] = 0.0
            seen[i] = 0
            place[i] = 0
        if volume[row] > 0.0 and not np.isnan(vwap[row]):
            turnover[i] += volume[row] * vwap[row]
            traded[i] += volume[row]
        average = turnover[i] / traded[i] if traded[i] > 0.0 else np.nan
        distance = (close[row] - average) / average
        average_out[row] = average
        distance_out[row] = distance
        score_out[row] = np.nan
        if np.isnan(distance):
            continue
        n = seen[i] + 1
        seen[i] = n
        mean, deviation = slide_spread(means, squares, mean_state, square_state, place, i, window, distance)
        if n >= window:
            score_out[row] = (distance - mean) / deviation if deviation > 0.0 else 0.0


def session_distance(window: int = 30) -> Family:
    """Return the family of the session's VWAP, the distance of the close from it, and the z-score over `window` bars.

    Raises ValueError where the window is below 2.
    """
    check_window("session distance", window, 2)
    fields = [
        *spread_fields(window),
        ("turnover", np.float64),
        ("traded", np.float64),
        ("day", np.int32),
        ("session", np.int8),
    ]
    score = f"z-score of vwap_distance over {window} bars of one session"
    features = (
        Feature("session_vwap", "volume-weighted price since the session began", "price", 1, 1, "ta VWAP"),
        Feature("vwap_distance", "(close - session_vwap)/session_vwap", "ratio", 1, 1, "by definition"),
        Feature(f"vwap_distance_z_{window}", score, "score", window, 1, "by definition"),
    )
    state = np.dtype(fields, align=True)
    return Family("session_distance", VolumeParams(window), state, session_distance_step, features)


@njit(cache=True, nogil=True, error_model="numpy")
def illiquidity_step(
    params: VolumeParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Amihud's illiquidity into `out[0]`: mean of |ln(c_i/c_{i-1})|/turnover over `window` bars.

    It is per million of currency. Turnover is volume times VWAP. A bar without turnover or without a close gives
    NaN and leaves the state as it was.
    """
    instrument = bars["instrument"]
    close = bars["close"]
    volume = bars["volume"]
    vwap = bars["vwap"]
    seen = state["seen"]
    previous = state["previous"]
    ring, head, place = state["ring"], state["head"], state["place"]
    measure = out[0]
    window = params.window
    for row in range(len(bars)):
        i = instrument[row]
        price = close[row]
        turnover = volume[row] * vwap[row]
        measure[row] = np.nan
        if not (price > 0.0 and turnover > 0.0):
            continue
        n = seen[i]
        seen[i] = n + 1
        before = previous[i]
        previous[i] = price
        if n == 0:
            continue
        moved = abs(np.log(price / before)) / turnover
        total = slide_sum(ring, head, place, i, 0, 0, window, moved)
        if n >= window:
            measure[row] = PER_MILLION * total / window


def illiquidity(window: int = 20) -> Family:
    """Return the family of Amihud's illiquidity over `window` returns.

    Raises ValueError where the window is below 1.
    """
    check_window("illiquidity", window, 1)
    fields = [("seen", np.int64), ("previous", np.float64), *window_fields(window)]
    meaning = f"mean |return|/turnover of {window} bars, per million of currency"
    feature = Feature(f"amihud_{window}", meaning, "ratio", window + 1, 1, "Amihud 2002; standards 6.5")
    return Family(
        "illiquidity", VolumeParams(window), np.dtype(fields, align=True), illiquidity_step, (feature,)
    )
