"""Momentum of the close: relative strength, stochastic, commodity channel, Williams %R, rates of change.

A bar that lacks a price which the feature reads (NaN; for logarithms also a price that is not positive) gives NaN and
leaves the state as it was.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.family import Family, Feature, check_window
from features.rolling import (
    mean_distance,
    slide_highest,
    slide_lowest,
    slide_spread,
    slide_sum,
    spread_fields,
    window_fields,
)


class WindowParams(NamedTuple):
    """One window, in bars."""

    window: int


RELATIVE_STRENGTH_STATE = np.dtype(
    [("seen", np.int64), ("previous", np.float64), ("gain", np.float64), ("loss", np.float64)], align=True
)


@njit(cache=True, nogil=True, error_model="numpy")
def relative_strength_step(
    params: WindowParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Wilder's relative strength index, 100 - 100/(1 + gain/loss), into `out[0]`.

    Average gain and loss are the means of the first n changes, then ((n - 1) average + change)/n. 100 where nothing was
    lost, 50 where the price has not moved (TA-Lib says 0 there, Skender 100).
    """
    instrument = bars["instrument"]
    close = bars["close"]
    seen = state["seen"]
    previous = state["previous"]
    gain_state = state["gain"]
    loss_state = state["loss"]
    index = out[0]
    window = params.window
    for row in range(len(bars)):
        i = instrument[row]
        price = close[row]
        if np.isnan(price):
            index[row] = np.nan
            continue
        n = seen[i]
        seen[i] = n + 1
        change = price - previous[i] if n else 0.0
        previous[i] = price
        rise = max(change, 0.0)
        fall = max(-change, 0.0)
        if n > window:
            gain = ((window - 1) * gain_state[i] + rise) / window
            loss = ((window - 1) * loss_state[i] + fall) / window
        else:
            gain = gain_state[i] + rise
            loss = loss_state[i] + fall
            if n == window:
                gain /= window
                loss /= window
        gain_state[i] = gain
        loss_state[i] = loss
        strength = 50.0 if gain == loss else 100.0 - 100.0 / (1.0 + gain / loss)
        index[row] = strength if n >= window else np.nan


def relative_strength(window: int = 14) -> Family:
    """Return the family of Wilder's relative strength index over `window` changes.

    Raises ValueError where the window is below 1.
    """
    check_window("relative strength", window, 1)
    feature = Feature(
        f"rsi_{window}",
        f"relative strength index, {window} changes",
        "index",
        window + 1,
        1,
        "Wilder 1978; TA-Lib",
    )
    return Family(
        "relative_strength", WindowParams(window), RELATIVE_STRENGTH_STATE, relative_strength_step, (feature,)
    )


class StochasticParams(NamedTuple):
    """Bars of the range, values over which %K is smoothed, and those over which %D is."""

    window: int
    slowing: int
    signal: int


@njit(cache=True, nogil=True, error_model="numpy")
def stochastic_step(
    params: StochasticParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Slow %K, slow %D and Williams %R into `out[0:3]`.

    Raw %K = 100 (close - lowest low)/(highest high - lowest low), %K its mean over `slowing` bars, %D the mean of %K
    over `signal`; %R = raw %K - 100. Where the range is 0, raw %K and %R are 0 (TA-Lib, Skender). %K and %D
    speak together, as TA-Lib's do.
    """
    instrument = bars["instrument"]
    bar_high = bars["high"]
    bar_low = bars["low"]
    bar_close = bars["close"]
    seen = state["seen"]
    ring, head, place = state["ring"], state["head"], state["place"]
    mean_ring, mean_head, mean_place = state["mean_ring"], state["mean_head"], state["mean_place"]
    slow, signal, williams = out[0], out[1], out[2]
    window = params.window
    slowing = params.slowing
    for row in range(len(bars)):
        i = instrument[row]
        high = bar_high[row]
        low = bar_low[row]
        close = bar_close[row]
        slow[row] = np.nan
        signal[row] = np.nan
        williams[row] = np.nan
        if np.isnan(high + low + close):
            continue
        n = seen[i] + 1
        seen[i] = n
        highest = slide_highest(ring, head, place, i, 0, 0, window, high)
        lowest = slide_lowest(ring, head, place, i, 1, window, window, low)
        if n < window:
            continue
        reach = highest - lowest
        raw = 100.0 * (close - lowest) / reach if reach > 0.0 else 0.0
        williams[row] = 100.0 * (close - highest) / reach if reach > 0.0 else 0.0
        k = slide_sum(mean_ring, mean_head, mean_place, i, 0, 0, slowing, raw) / slowing
        if n < window + slowing - 1:
            continue
        d = slide_sum(mean_ring, mean_head, mean_place, i, 1, slowing, params.signal, k) / params.signal
        if n >= window + slowing + params.signal - 2:
            slow[row] = k
            signal[row] = d


def stochastic(window: int = 14, slowing: int = 3, signal: int = 3) -> Family:
    """Return the family of the slow stochastic and Williams %R, which look at the same range of `window` bars.

    Raises ValueError where a length is below 1.
    """
    check_window("stochastic", min(window, slowing, signal), 1)
    whole = window + slowing + signal - 2
    lengths = f"({window}, {slowing}, {signal})"
    means = window_fields(slowing, signal, prefix="mean_")
    state = np.dtype([("seen", np.int64), *window_fields(window, window), *means], align=True)
    features = (
        Feature("stochastic_k", f"slow %K {lengths}", "index", whole, 1, "Lane; TA-Lib STOCH"),
        Feature("stochastic_d", f"slow %D {lengths}", "index", whole, 1, "Lane; TA-Lib STOCH"),
        Feature(
            f"williams_r_{window}",
            f"Williams %R, {window} bars",
            "index",
            window,
            1,
            "Williams; TA-Lib WILLR",
        ),
    )
    return Family("stochastic", StochasticParams(window, slowing, signal), state, stochastic_step, features)


@njit(cache=True, nogil=True, error_model="numpy")
def commodity_channel_step(
    params: WindowParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Commodity channel index into `out[0]`: (p - mean p)/(0.015 mean |p - mean p|), p = (high + low + close)/3.

    0 where p has not moved.
    """
    instrument = bars["instrument"]
    bar_high = bars["high"]
    bar_low = bars["low"]
    bar_close = bars["close"]
    seen = state["seen"]
    place = state["place"]
    mean_state = state["mean"]
    square_state = state["square"]
    means = state["means"]
    squares = state["squares"]
    ring = state["ring"]
    index = out[0]
    window = params.window
    for row in range(len(bars)):
        i = instrument[row]
        typical = (bar_high[row] + bar_low[row] + bar_close[row]) / 3.0
        index[row] = np.nan
        if np.isnan(typical):
            continue
        ring[i, place[i]] = typical
        mean, _ = slide_spread(means, squares, mean_state, square_state, place, i, window, typical)
        n = seen[i] + 1
        seen[i] = n
        if n >= window:
            distance = mean_distance(ring, i, window, mean)
            index[row] = (typical - mean) / (0.015 * distance) if distance > 0.0 else 0.0


def commodity_channel(window: int = 20) -> Family:
    """Return the family of Lambert's commodity channel index over `window` bars.

    Raises ValueError where the window is below 2.
    """
    check_window("commodity channel", window, 2)
    state = np.dtype([*spread_fields(window), ("ring", np.float64, (window,))], align=True)
    source = "Lambert 1980; TA-Lib CCI"
    feature = Feature(f"cci_{window}", f"commodity channel index, {window} bars", "index", window, 1, source)
    return Family("commodity_channel", WindowParams(window), state, commodity_channel_step, (feature,))


class RateParams(NamedTuple):
    """Bars that each logarithmic return and each percentage spans, and the longest of them."""

    logarithmic: tuple[int, ...]
    percent: tuple[int, ...]
    longest: int


@njit(cache=True, nogil=True, error_model="numpy")
def rate_step(
    params: RateParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """ln(c_i/c_{i-h}) for each logarithmic h, then 100 (c_i/c_{i-h} - 1) for each percentage, one row of `out` each."""
    instrument = bars["instrument"]
    close = bars["close"]
    seen = state["seen"]
    place = state["place"]
    ring = state["ring"]
    longest = params.longest
    logarithms = len(params.logarithmic)
    for row in range(len(bars)):
        i = instrument[row]
        price = close[row]
        out[:, row] = np.nan
        if not price > 0.0:
            continue
        n = seen[i]
        at = place[i]
        for k in range(logarithms):
            back = at - params.logarithmic[k]
            if n >= params.logarithmic[k]:
                out[k, row] = np.log(price / ring[i, back if back >= 0 else back + longest])
        for k in range(len(params.percent)):
            back = at - params.percent[k]
            if n >= params.percent[k]:
                out[logarithms + k, row] = 100.0 * (
                    price / ring[i, back if back >= 0 else back + longest] - 1.0
                )
        ring[i, at] = price
        place[i] = at + 1 if at + 1 < longest else 0
        seen[i] = n + 1


def rates_of_change(logarithmic: tuple[int, ...] = (1, 5, 15), percent: tuple[int, ...] = (10,)) -> Family:
    """Return the family of log returns and percentage changes of the close over so many bars each.

    Raises ValueError where either has no length or one is below 1.
    """
    check_window("rates of change", min(min(logarithmic, default=0), min(percent, default=0)), 1)
    longest = max(*logarithmic, *percent)
    state = np.dtype([("seen", np.int64), ("place", np.int64), ("ring", np.float64, (longest,))], align=True)
    features = (
        *(
            Feature(f"log_return_{h}", f"log return over {h} bars", "ratio", h + 1, 1, "ln(c/c_h)")
            for h in logarithmic
        ),
        *(Feature(f"roc_{h}", f"change over {h} bars", "percent", h + 1, 1, "TA-Lib ROC") for h in percent),
    )
    return Family("rates_of_change", RateParams(logarithmic, percent, longest), state, rate_step, features)
