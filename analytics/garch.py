"""GARCH(1,1) variances of a series of returns, fitted by the package arch; never in the hot path."""

import warnings
from typing import NamedTuple

import numpy as np
from arch import arch_model
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SCALE = 100.0
"""Returns are fitted in percent: arch's optimiser is made for numbers near 1."""
OBSERVATIONS_MIN = 50


class Garch(NamedTuple):
    """sigma_t^2 = omega + alpha r_{t-1}^2 + beta sigma_{t-1}^2 with a mean of zero, in the unit of the returns.

    `backcast` is the variance before the first observation; `converged` says whether the optimiser came to an end.
    """

    omega: float
    alpha: float
    beta: float
    backcast: float
    converged: bool


def fit_garch(returns: Floats) -> Garch:
    """Fit a GARCH(1,1) with normal innovations and a mean of zero to a series (n,), oldest first.

    Raises ValueError for fewer than 50 observations, or where all are equal.
    """
    if len(returns) < OBSERVATIONS_MIN or not np.ptp(returns) > 0:
        raise ValueError(
            f"GARCH needs at least {OBSERVATIONS_MIN} observations that differ; {len(returns)} were given"
        )
    scale = SCALE if 1e-4 < np.std(returns) < 1.0 else 1.0 / float(np.std(returns))
    model = arch_model(returns * scale, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what arch warns of is in `converged`
        fitted = model.fit(disp="off", show_warning=False)
    omega, alpha, beta = (float(each) for each in fitted.params)
    backcast = float(model.volatility.backcast(np.asarray(returns * scale)))
    return Garch(omega / scale**2, alpha, beta, backcast / scale**2, fitted.convergence_flag == 0)


def garch_variances(returns: Floats, model: Garch) -> Floats:
    """Return the variance that is forecast for each observation and, last, for the next one: (n + 1,)."""
    out = np.empty(len(returns) + 1)
    _recurse(returns, model.omega, model.alpha, model.beta, model.backcast, out)
    return out


@njit(cache=True, nogil=True)
def _recurse(returns: Floats, omega: float, alpha: float, beta: float, backcast: float, out: Floats) -> None:
    variance = omega + (alpha + beta) * backcast
    for row in range(len(returns)):
        out[row] = variance
        variance = omega + alpha * returns[row] * returns[row] + beta * variance
    out[len(returns)] = variance


class GarchFilter:
    """Variances of a panel of returns, each column by a GARCH(1,1) of its own that is fitted every `refit` calls."""

    def __init__(self, refit: int = 1) -> None:
        self._refit = refit
        self._calls = 0
        self._models: list[Garch] = []

    def __call__(self, returns: Floats) -> Floats:
        """Return the variances forecast for returns (t, n) and the observation after them: (t + 1, n)."""
        columns = np.ascontiguousarray(returns.T)
        if self._calls % self._refit == 0:
            self._models = [fit_garch(column) for column in columns]
        self._calls += 1
        pairs = zip(columns, self._models, strict=True)
        return np.stack([garch_variances(column, model) for column, model in pairs], axis=1)
