"""Volatility of the price: average true range, bands about the mean, z-score, and ranges of bars.

A bar that lacks a price which the feature reads (NaN; for logarithms also a price that is not positive) gives NaN and
leaves the state as it was.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.family import Family, Feature, check_window
from features.rolling import slide_spread, slide_sum, spread_fields, window_fields

GARMAN_KLASS_OPEN = 2.0 * np.log(2.0) - 1.0


class TrueRangeParams(NamedTuple):
    """Window in bars; `first` is the first bar whose range counts, 0 or 1."""

    window: int
    first: int


TRUE_RANGE_STATE = np.dtype(
    [("seen", np.int64), ("previous", np.float64), ("average", np.float64)], align=True
)


@njit(cache=True, nogil=True, error_model="numpy")
def true_range_step(
    params: TrueRangeParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Wilder's average true range into `out[0]`, the true range into `out[1]` where `out` has a second row.

    TR_i = max(high, close_{i-1}) - min(low, close_{i-1}). The average is the mean of the first n ranges, then
    ((n - 1) average + TR)/n. Both in the unit of the price.
    """
    instrument = bars["instrument"]
    bar_high = bars["high"]
    bar_low = bars["low"]
    bar_close = bars["close"]
    seen = state["seen"]
    previous = state["previous"]
    average_state = state["average"]
    average_out = out[0]
    range_out = out[len(out) - 1]
    with_range = len(out) > 1
    window = params.window
    first = params.first
    last = window - 1 + first
    for row in range(len(bars)):
        i = instrument[row]
        high = bar_high[row]
        low = bar_low[row]
        close = bar_close[row]
        if np.isnan(high + low + close):
            out[:, row] = np.nan
            continue
        n = seen[i]
        seen[i] = n + 1
        before = previous[i] if n else high
        previous[i] = close
        reach = max(high, before) - min(low, before)
        average = average_state[i]
        if n > last:
            average = ((window - 1) * average + reach) / window
        else:
            average += reach if n >= first else 0.0
            if n == last:
                average /= window
        average_state[i] = average
        average_out[row] = average if n >= last else np.nan
        if with_range:
            range_out[row] = reach if n >= first else np.nan


def true_range(window: int = 14, first_range: bool = False, range_column: bool = True) -> Family:
    """Return the family of the average true range over `window` bars and, where asked, of the true range itself.

    `first_range` says whether the first bar counts with high - low, which has no close before it: TA-Lib and Skender
    leave it out. Raises ValueError where the window is below 1.
    """
    check_window("average true range", window, 1)
    first = 0 if first_range else 1
    features = (
        Feature(
            f"atr_{window}",
            f"average true range, {window} bars",
            "price",
            window + first,
            1,
            "Wilder 1978; TA-Lib ATR; Skender",
        ),
        Feature(
            "true_range",
            "reach of the bar and the close before it",
            "price",
            1 + first,
            1,
            "Wilder 1978; TA-Lib",
        ),
    )[: 2 if range_column else 1]
    return Family("true_range", TrueRangeParams(window, first), TRUE_RANGE_STATE, true_range_step, features)


class BandParams(NamedTuple):
    """Window in bars and half the width of the band in standard deviations."""

    window: int
    width: float


@njit(cache=True, nogil=True, error_model="numpy")
def bollinger_step(
    params: BandParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Mean of the closes plus and minus `width` deviations into `out[0:2]`, the mean and %b into `out[2:4]`.

    Deviations are of the population. The last two are written where `out` has them. %b is
    (close - lower)/(upper - lower), 0.5 where the band has no width.
    """
    instrument = bars["instrument"]
    close = bars["close"]
    seen = state["seen"]
    place = state["place"]
    mean_state = state["mean"]
    square_state = state["square"]
    means = state["means"]
    squares = state["squares"]
    upper_out, lower_out = out[0], out[1]
    middle_out, part_out = out[len(out) - 2], out[len(out) - 1]
    whole = len(out) > 2
    window = params.window
    width = params.width
    for row in range(len(bars)):
        i = instrument[row]
        price = close[row]
        if np.isnan(price):
            out[:, row] = np.nan
            continue
        middle, deviation = slide_spread(means, squares, mean_state, square_state, place, i, window, price)
        n = seen[i] + 1
        seen[i] = n
        if n < window:
            out[:, row] = np.nan
            continue
        reach = width * deviation
        upper_out[row] = middle + reach
        lower_out[row] = middle - reach
        if whole:
            middle_out[row] = middle
            part_out[row] = 0.5 + 0.5 * (price - middle) / reach if reach > 0.0 else 0.5


def bollinger(window: int = 20, width: float = 2.0, bands_only: bool = False) -> Family:
    """Return the family of Bollinger bands of the close: upper, lower and, unless `bands_only`, middle and %b.

    Raises ValueError where the window is below 2 or the width is not above 0.
    """
    check_window("bollinger", window, 2)
    if not width > 0:
        raise ValueError(f"bollinger needs a width above 0 standard deviations; {width} was given")
    source = "Bollinger; TA-Lib BBANDS; Skender"
    span = f"{window} closes"
    features = (
        Feature("bollinger_upper", f"mean of {span} + {width:g} deviations", "price", window, 1, source),
        Feature("bollinger_lower", f"mean of {span} - {width:g} deviations", "price", window, 1, source),
        Feature("bollinger_middle", f"mean of {span}", "price", window, 1, source),
        Feature(
            "bollinger_percent_b",
            "place of the close in the band, 0 lower, 1 upper",
            "ratio",
            window,
            1,
            source,
        ),
    )[: 2 if bands_only else 4]
    return Family(
        "bollinger",
        BandParams(window, width),
        np.dtype(spread_fields(window), align=True),
        bollinger_step,
        features,
    )


class ScoreParams(NamedTuple):
    """Window in bars."""

    window: int


@njit(cache=True, nogil=True, error_model="numpy")
def close_score_step(
    params: ScoreParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """How many population deviations the close is from its window's mean, into `out[0]`; 0 where there are none."""
    instrument = bars["instrument"]
    close = bars["close"]
    seen = state["seen"]
    place = state["place"]
    mean_state = state["mean"]
    square_state = state["square"]
    means = state["means"]
    squares = state["squares"]
    score = out[0]
    window = params.window
    for row in range(len(bars)):
        i = instrument[row]
        price = close[row]
        score[row] = np.nan
        if np.isnan(price):
            continue
        mean, deviation = slide_spread(means, squares, mean_state, square_state, place, i, window, price)
        n = seen[i] + 1
        seen[i] = n
        if n < window:
            continue
        score[row] = (price - mean) / deviation if deviation > 0.0 else 0.0


def close_score(window: int = 20) -> Family:
    """Return the family of the z-score of the close over `window` bars, the close among them.

    Raises ValueError where the window is below 2.
    """
    check_window("close z-score", window, 2)
    feature = Feature(
        f"close_z_{window}",
        f"z-score of the close over {window} closes",
        "score",
        window,
        1,
        "Skender StdDev",
    )
    return Family(
        "close_score",
        ScoreParams(window),
        np.dtype(spread_fields(window), align=True),
        close_score_step,
        (feature,),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def range_volatility_step(
    params: ScoreParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Parkinson's and Garman and Klass's volatility of one bar, as a fraction of the price, into `out[0:2]`.

    Parkinson: sqrt(mean(ln(H/L)^2)/(4 ln 2)). Garman-Klass: sqrt(mean(0.5 ln(H/L)^2 - (2 ln 2 - 1) ln(C/O)^2)).
    Neither sees what happened between bars. Where sale conditions let the close leave the range, a negative
    mean counts as 0.
    """
    instrument = bars["instrument"]
    bar_open = bars["open"]
    bar_high = bars["high"]
    bar_low = bars["low"]
    bar_close = bars["close"]
    seen = state["seen"]
    ring = state["ring"]
    head = state["head"]
    place = state["place"]
    parkinson, garman_klass = out[0], out[1]
    window = params.window
    for row in range(len(bars)):
        i = instrument[row]
        opened = bar_open[row]
        high = bar_high[row]
        low = bar_low[row]
        close = bar_close[row]
        parkinson[row] = np.nan
        garman_klass[row] = np.nan
        if not (opened > 0.0 and high > 0.0 and low > 0.0 and close > 0.0):
            continue
        reach = np.log(high / low) ** 2
        moved = np.log(close / opened) ** 2
        both = 0.5 * reach - GARMAN_KLASS_OPEN * moved
        reaches = slide_sum(ring, head, place, i, 0, 0, window, reach)
        sums = slide_sum(ring, head, place, i, 1, window, window, both)
        seen[i] += 1
        if seen[i] >= window:
            parkinson[row] = np.sqrt(reaches / window / (4.0 * np.log(2.0)))
            garman_klass[row] = np.sqrt(max(sums / window, 0.0))


def range_volatility(window: int = 20) -> Family:
    """Return the family of volatility from the ranges of `window` bars, per bar.

    Raises ValueError where the window is below 1.
    """
    check_window("range volatility", window, 1)
    state = np.dtype([("seen", np.int64), *window_fields(window, window)], align=True)
    span = f"{window} bars"
    features = (
        Feature(
            f"parkinson_{window}",
            f"volatility a bar from high and low, {span}",
            "ratio",
            window,
            1,
            "Parkinson 1980",
        ),
        Feature(
            f"garman_klass_{window}",
            f"volatility a bar from open, high, low and close, {span}",
            "ratio",
            window,
            1,
            "Garman and Klass 1980",
        ),
    )
    return Family("range_volatility", ScoreParams(window), state, range_volatility_step, features)
