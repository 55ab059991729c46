"""Cointegration of two prices: the Engle-Granger regression and the unit root test of what it leaves.

    y = alpha + beta x + e,     de_t = gamma e_{t-1} + phi de_{t-1} + u_t,     statistic = gamma / se(gamma)

Source: Engle and Granger 1987; critical values by the response surface of MacKinnon 2010, table 2, two variables with a
constant. The more negative the statistic, the less likely is it that the two drift apart.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
OBSERVATIONS_MIN = 20
SURFACE = {
    0.01: (-3.89644, -10.9519, -22.527),
    0.05: (-3.33613, -6.1101, -6.823),
    0.10: (-3.04445, -4.2412, -2.720),
}


class Fit(NamedTuple):
    """`alpha` and `beta` of the regression, the deviation of its residuals (n - 2), and the statistic of the test.

    All are NaN where there are fewer than `OBSERVATIONS_MIN` observations or x does not move.
    """

    alpha: float
    beta: float
    deviation: float
    statistic: float


def engle_granger(y: Floats, x: Floats) -> Fit:
    """Return the fit of y on x, float64 of one length, in their unit; the test has no constant and one lag."""
    if y.shape != x.shape or y.ndim != 1:
        raise ValueError(f"a regression has two columns of one length; {y.shape} and {x.shape} were given")
    return Fit(*_fit(np.ascontiguousarray(y), np.ascontiguousarray(x)))


def critical_value(level: float, observations: int) -> float:
    """Return what the statistic falls below with probability `level` where nothing is cointegrated.

    `level` is 0.01, 0.05 or 0.1; `observations` at least `OBSERVATIONS_MIN`. Raises ValueError for others.
    """
    if level not in SURFACE or observations < OBSERVATIONS_MIN:
        raise ValueError(
            f"a critical value has a level of {', '.join(map(str, SURFACE))} and at least {OBSERVATIONS_MIN} "
            f"observations; {level} and {observations} were given"
        )
    limit, first, second = SURFACE[level]
    return limit + first / observations + second / observations**2


@njit(cache=True, nogil=True, error_model="numpy")
def _fit(y, x):  # type: ignore[no-untyped-def]
    """Return alpha, beta, the deviation of the residuals, and the statistic."""
    count = len(y)
    if count < OBSERVATIONS_MIN:
        return math.nan, math.nan, math.nan, math.nan
    mean_y, mean_x = np.mean(y), np.mean(x)
    cross = square = 0.0
    for row in range(count):
        cross += (x[row] - mean_x) * (y[row] - mean_y)
        square += (x[row] - mean_x) ** 2
    if not square > 0.0:
        return math.nan, math.nan, math.nan, math.nan
    beta = cross / square
    alpha = mean_y - beta * mean_x
    left = np.empty(count)
    for row in range(count):
        left[row] = y[row] - alpha - beta * x[row]
    return alpha, beta, np.sqrt(np.sum(left**2) / (count - 2)), _unit_root(left)


@njit(cache=True, nogil=True, error_model="numpy")
def _unit_root(left):  # type: ignore[no-untyped-def]
    """Return the t statistic of gamma, from the normal equations of two regressors without a constant."""
    aa = ab = bb = ay = by = yy = 0.0
    for t in range(2, len(left)):
        step, level, before = left[t] - left[t - 1], left[t - 1], left[t - 1] - left[t - 2]
        aa += level * level
        ab += level * before
        bb += before * before
        ay += level * step
        by += before * step
        yy += step * step
    determinant = aa * bb - ab * ab
    if not determinant > 0.0:
        return math.nan
    gamma = (bb * ay - ab * by) / determinant
    phi = (aa * by - ab * ay) / determinant
    errors = yy - gamma * ay - phi * by
    freedom = len(left) - 2 - 2
    variance = errors / freedom * bb / determinant
    return gamma / np.sqrt(variance) if variance > 0.0 else math.nan
