"""Moving averages of the close: simple, exponential, and their convergence and divergence (MACD).

Simple averages are re-added over the window. An exponential average of n bars moves by a = 2/(n + 1):
e_i = e_{i-1} + a (c_i - e_{i-1}). What it starts from is the `seed`:

* `mean`   the mean of the first n closes, at bar n; each of the two averages of the MACD is seeded by itself and the
           signal by the mean of the first 9 MACD values (Skender, Stock.Indicators). TA-Lib's EMA is the same; its MACD
           seeds the short average as late as the long one, so that both agree once the seeds have faded.
* `first`  the first close, at bar 1, and the signal the first MACD, which is 0 (Appel's formula; pandas, ta).

A bar whose close is NaN gives NaN and leaves the state as it was.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.family import Family, Feature
from features.rolling import slide_sum, window_fields, window_starts


class SimpleParams(NamedTuple):
    """Windows in bars, and where each begins in the ring."""

    windows: tuple[int, ...]
    starts: tuple[int, ...]


@njit(cache=True, nogil=True, error_model="numpy")
def simple_step(
    params: SimpleParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Mean of the last `windows[j]` closes into `out[j]`; in the unit of the price."""
    instrument = bars["instrument"]
    close = bars["close"]
    seen = state["seen"]
    ring = state["ring"]
    head = state["head"]
    place = state["place"]
    for row in range(len(bars)):
        i = instrument[row]
        price = close[row]
        if np.isnan(price):
            out[:, row] = np.nan
            continue
        seen[i] += 1
        for k in range(len(params.windows)):
            width = params.windows[k]
            total = slide_sum(ring, head, place, i, k, params.starts[k], width, price)
            out[k, row] = total / width if seen[i] >= width else np.nan


def simple_averages(windows: tuple[int, ...] = (10, 20, 50)) -> Family:
    """Return the family of simple moving averages of the close over `windows` bars each.

    Raises ValueError where there is no window or one is below 1.
    """
    if not windows or min(windows) < 1:
        raise ValueError(f"simple averages need windows of at least 1 bar; {windows} was given")
    state = np.dtype([("seen", np.int64), *window_fields(*windows)], align=True)
    features = tuple(
        Feature(f"sma_{width}", f"mean of the last {width} closes", "price", width, 1, "Skender; TA-Lib SMA")
        for width in windows
    )
    return Family(
        "simple_averages", SimpleParams(windows, window_starts(*windows)), state, simple_step, features
    )


class ExponentialParams(NamedTuple):
    """Lengths in bars, and over how many values the mean goes that seeds each average."""

    fast: int
    slow: int
    signal: int
    fast_seed: int
    slow_seed: int
    signal_seed: int


EXPONENTIAL_STATE = np.dtype(
    [("seen", np.int64), ("fast", np.float64), ("slow", np.float64), ("signal", np.float64)], align=True
)


@njit(cache=True, nogil=True, error_model="numpy")
def exponential_step(
    params: ExponentialParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Fast and slow average, MACD, its signal and the histogram into `out[0:5]`.

    MACD = fast - slow, the signal is its average, the histogram MACD - signal, written where `out` has a fifth row.
    While an average is being seeded its state holds the sum.
    """
    instrument = bars["instrument"]
    close = bars["close"]
    seen = state["seen"]
    fast_state = state["fast"]
    slow_state = state["slow"]
    signal_state = state["signal"]
    fast_out, slow_out, macd_out, signal_out = out[0], out[1], out[2], out[3]
    histogram_out = out[len(out) - 1]
    with_histogram = len(out) > 4
    fast_gain = 2.0 / (params.fast + 1)
    slow_gain = 2.0 / (params.slow + 1)
    signal_gain = 2.0 / (params.signal + 1)
    fast_last = params.fast_seed - 1
    slow_last = params.slow_seed - 1
    signal_last = slow_last + params.signal_seed - 1
    for row in range(len(bars)):
        i = instrument[row]
        price = close[row]
        if np.isnan(price):
            out[:, row] = np.nan
            continue
        n = seen[i]
        seen[i] = n + 1
        fast = fast_state[i]
        slow = slow_state[i]
        signal = signal_state[i]
        if n > signal_last:
            fast += fast_gain * (price - fast)
            slow += slow_gain * (price - slow)
            macd = fast - slow
            signal += signal_gain * (macd - signal)
        else:
            fast = seeded(fast, price, n, fast_last, fast_gain)
            slow = seeded(slow, price, n, slow_last, slow_gain)
            macd = fast - slow if n >= slow_last else np.nan
            if n >= slow_last:
                signal = seeded(signal, macd, n - slow_last, signal_last - slow_last, signal_gain)
        fast_state[i] = fast
        slow_state[i] = slow
        signal_state[i] = signal
        fast_out[row] = fast if n >= fast_last else np.nan
        slow_out[row] = slow if n >= slow_last else np.nan
        macd_out[row] = macd
        signal_out[row] = signal if n >= signal_last else np.nan
        if with_histogram:
            histogram_out[row] = macd - signal if n >= signal_last else np.nan


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def seeded(average: float, value: float, n: int, last: int, gain: float) -> float:
    """Return an average after its value n (from 0): a sum before `last`, the mean at `last`, exponential after it."""
    if n > last:
        return average + gain * (value - average)
    if n == last:
        return (average + value) / (last + 1)
    return average + value


def exponential_averages(
    fast: int = 12, slow: int = 26, signal: int = 9, seed: str = "mean", histogram: bool = True
) -> Family:
    """Return the family of two exponential averages of the close, their MACD, its signal and the histogram.

    Raises ValueError where the lengths are not 1 <= fast < slow and signal >= 1, or the seed is not `mean` or `first`.
    """
    if not 1 <= fast < slow or signal < 1:
        given = f"fast {fast}, slow {slow}, signal {signal}"
        raise ValueError(f"exponential averages need 1 <= fast < slow and signal >= 1; {given} was given")
    if seed not in {"mean", "first"}:
        raise ValueError(f"an exponential average is seeded by 'mean' or 'first'; {seed!r} was given")
    seeds = (fast, slow, signal) if seed == "mean" else (1, 1, 1)
    params: Any = ExponentialParams(fast, slow, signal, *seeds)
    source = "Skender; TA-Lib EMA" if seed == "mean" else "ta; pandas ewm(adjust=False)"
    lag = f"{fast}, {slow}, {signal}"
    whole = seeds[1] + seeds[2] - 1
    features = (
        Feature(
            f"ema_{fast}", f"exponential average of the close, {fast} bars", "price", seeds[0], 1, source
        ),
        Feature(
            f"ema_{slow}", f"exponential average of the close, {slow} bars", "price", seeds[1], 1, source
        ),
        Feature("macd", f"ema_{fast} - ema_{slow}", "price", seeds[1], 1, source),
        Feature("macd_signal", f"exponential average of the MACD ({lag})", "price", whole, 1, source),
        Feature("macd_histogram", f"macd - macd_signal ({lag})", "price", whole, 1, source),
    )[: 5 if histogram else 4]
    return Family("exponential_averages", params, EXPONENTIAL_STATE, exponential_step, features)
