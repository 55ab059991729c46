"""Realised variance of log returns from close to close: windows of returns, jumps apart, and an exponential average.

r_i = ln(c_i/c_{i-1}) between bars that follow each other, also across sessions where nothing else is said (standards.md
6.5). A bar whose close is NaN or not positive gives NaN and leaves the state as it was: the next return spans it.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import SECOND, Session
from features.family import Family, Feature, check_window
from features.rolling import slide_sum, window_fields, window_starts

REGULAR = int(Session.REGULAR)
REGULAR_SECONDS_A_YEAR = 252.0 * 23_400.0


class RealisedParams(NamedTuple):
    """Windows in returns, and where each sum begins in the ring: one a window, or squares and products of each."""

    windows: tuple[int, ...]
    starts: tuple[int, ...]


@njit(cache=True, nogil=True, error_model="numpy")
def realised_volatility_step(
    params: RealisedParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Square root of the sum of the last `windows[j]` squared returns into `out[j]`, not annualised."""
    instrument = bars["instrument"]
    close = bars["close"]
    seen = state["seen"]
    previous = state["previous"]
    ring = state["ring"]
    head = state["head"]
    place = state["place"]
    for row in range(len(bars)):
        i = instrument[row]
        price = close[row]
        if not price > 0.0:
            out[:, row] = np.nan
            continue
        n = seen[i]
        seen[i] = n + 1
        if n == 0:
            previous[i] = price
            out[:, row] = np.nan
            continue
        change = np.log(price / previous[i])
        previous[i] = price
        square = change * change
        for k in range(len(params.windows)):
            width = params.windows[k]
            total = slide_sum(ring, head, place, i, k, params.starts[k], width, square)
            out[k, row] = np.sqrt(total) if n >= width else np.nan


def realised_volatility(windows: tuple[int, ...] = (20,)) -> Family:
    """Return the family of realised volatility over `windows` returns each, per window.

    Raises ValueError where there is no window or one is below 1.
    """
    check_window("realised volatility", min(windows, default=0), 1)
    params = RealisedParams(windows, window_starts(*windows))
    fields = [("seen", np.int64), ("previous", np.float64), *window_fields(*windows)]
    state = np.dtype(fields, align=True)
    features = tuple(
        Feature(
            f"realised_volatility_{width}",
            f"square root of the sum of {width} squared log returns",
            "ratio",
            width + 1,
            1,
            "Andersen et al. 2003; standards 6.5",
        )
        for width in windows
    )
    return Family("realised_volatility", params, state, realised_volatility_step, features)


@njit(cache=True, nogil=True, error_model="numpy")
def realised_variance_step(
    params: RealisedParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Realised and bipower variance over `windows[j]` returns into `out[2 * j]` and `out[2 * j + 1]`.

    Realised: sum r^2. Bipower: (pi/2) sum |r_i||r_{i-1}| over the neighbours inside the window, one product fewer than
    returns; jumps leave it nearly as it was.
    """
    instrument = bars["instrument"]
    close = bars["close"]
    seen = state["seen"]
    previous = state["previous"]
    moved = state["moved"]
    ring = state["ring"]
    head = state["head"]
    place = state["place"]
    half_pi = np.pi / 2.0
    for row in range(len(bars)):
        i = instrument[row]
        price = close[row]
        out[:, row] = np.nan
        if not price > 0.0:
            continue
        n = seen[i]
        seen[i] = n + 1
        if n == 0:
            previous[i] = price
            continue
        change = abs(np.log(price / previous[i]))
        product = change * moved[i]
        previous[i] = price
        moved[i] = change
        for k in range(len(params.windows)):
            width = params.windows[k]
            squares = slide_sum(ring, head, place, i, 2 * k, params.starts[2 * k], width, change * change)
            start = params.starts[2 * k + 1]
            products = slide_sum(ring, head, place, i, 2 * k + 1, start, width - 1, product)
            if n >= width:
                out[2 * k, row] = squares
                out[2 * k + 1, row] = half_pi * products


def realised_variance(windows: tuple[int, ...] = (20, 60)) -> Family:
    """Return the family of realised and bipower variance over `windows` returns each, per window.

    Raises ValueError where there is no window or one is below 2.
    """
    check_window("realised variance", min(windows, default=0), 2)
    pairs = [part for width in windows for part in (width, width - 1)]
    params = RealisedParams(windows, window_starts(*pairs))
    fields = [("seen", np.int64), ("previous", np.float64), ("moved", np.float64), *window_fields(*pairs)]
    state = np.dtype(fields, align=True)
    features: list[Feature] = []
    for width in windows:
        realised = f"sum of {width} squared log returns"
        bipower = f"pi/2 times the sum of products of neighbours among {width} absolute log returns"
        features += [
            Feature(f"realised_variance_{width}", realised, "variance", width + 1, 1, "standards 6.5"),
            Feature(f"bipower_variance_{width}", bipower, "variance", width + 1, 1, "standards 6.5"),
        ]
    return Family("realised_variance", params, state, realised_variance_step, tuple(features))


class AverageParams(NamedTuple):
    """Lambda, how many returns seed the average, seconds a year of trading, and which returns count."""

    decay: float
    seed: int
    seconds_a_year: float
    regular_only: bool
    within_day: bool


AVERAGE_STATE = np.dtype(
    [
        ("seen", np.int64),
        ("close_at", np.int64),
        ("previous", np.float64),
        ("rate", np.float64),
        ("day", np.int32),
        ("session", np.int8),
    ],
    align=True,
)


@njit(cache=True, nogil=True, error_model="numpy")
def average_volatility_step(
    params: AverageParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Annualised volatility from an exponential average of variance per second, into `out[0]`.

    v = lambda v + (1 - lambda) r^2/seconds, where the return spans `seconds` between the two closes, so that a minute
    without a trade does not look like a jump; volatility = sqrt(v * seconds a year). v starts as the mean of the first
    `seed` rates. A bar whose return does not count (other session, first of its day) repeats the value before it.
    """
    instrument = bars["instrument"]
    close = bars["close"]
    close_at = bars["close_at"]
    session = bars["session"]
    seen = state["seen"]
    last_at = state["close_at"]
    previous = state["previous"]
    rate_state = state["rate"]
    last_day = state["day"]
    last_session = state["session"]
    volatility = out[0]
    for row in range(len(bars)):
        i = instrument[row]
        price = close[row]
        if not price > 0.0:
            volatility[row] = np.nan
            continue
        counts = previous[i] > 0.0 and close_at[row] > last_at[i]
        if params.within_day:
            counts = counts and last_day[i] == days[row] and last_session[i] == session[row]
        if params.regular_only:
            counts = counts and session[row] == REGULAR and last_session[i] == REGULAR
        if counts:
            change = np.log(price / previous[i])
            rate = change * change * SECOND / (close_at[row] - last_at[i])
            n = seen[i] + 1
            seen[i] = n
            if n > params.seed:
                rate_state[i] = params.decay * rate_state[i] + (1.0 - params.decay) * rate
            else:
                rate_state[i] += (rate - rate_state[i]) / n
        previous[i] = price
        last_at[i] = close_at[row]
        last_day[i] = days[row]
        last_session[i] = session[row]
        enough = seen[i] >= params.seed
        volatility[row] = np.sqrt(rate_state[i] * params.seconds_a_year) if enough else np.nan


def average_volatility(
    decay: float = 0.99,
    seed: int = 30,
    seconds_a_year: float = REGULAR_SECONDS_A_YEAR,
    regular_only: bool = True,
    within_day: bool = True,
) -> Family:
    """Return the family of `volatility_ewma`, the annualised fraction by which positions are sized.

    `decay` is lambda of RiskMetrics. With `within_day` a return counts only between bars of one trading day and
    session, so that the night is left out; a year is 252 regular sessions of 6.5 hours unless
    `seconds_a_year` says otherwise.

    Raises ValueError where decay is not between 0 and 1, the seed below 1 or the year not above 0.
    """
    check_window("volatility_ewma", seed, 1)
    if not 0.0 < decay < 1.0:
        raise ValueError(f"volatility_ewma needs a decay between 0 and 1; {decay} was given")
    if not seconds_a_year > 0.0:
        raise ValueError(f"volatility_ewma needs a year of more than 0 seconds; {seconds_a_year} was given")
    params = AverageParams(decay, seed, seconds_a_year, regular_only, within_day)
    feature = Feature(
        "volatility_ewma",
        f"annualised volatility, exponential average of squared returns, lambda {decay:g}",
        "ratio",
        seed + 1,
        1,
        "RiskMetrics 1996",
    )
    return Family("average_volatility", params, AVERAGE_STATE, average_volatility_step, (feature,))
