"""Covariance of returns: of a sample, exponentially weighted, and made positive semi-definite where it is not.

Returns are rows of observations, oldest first, and columns of assets; no value is missing.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BACKCAST_SPAN = 75
"""Observations that the first variance is taken from, weighted by decay from the first one on; as the package arch."""


class Repaired(NamedTuple):
    """A positive semi-definite matrix (n, n), and the lowest eigenvalue of the correlations before it was made one."""

    matrix: Floats
    lowest: float

    @property
    def changed(self) -> bool:
        """Say whether the matrix that was given was not positive semi-definite."""
        return self.lowest < 0.0


def sample_covariance(returns: Floats) -> Floats:
    """Return the sample covariance (n, n) with n - 1 below the line; raises ValueError for fewer than 2 rows."""
    if len(returns) < 2:
        raise ValueError(f"a covariance needs at least 2 observations; {len(returns)} was given")
    return np.atleast_2d(np.cov(returns, rowvar=False))


def checked_decay(decay: float) -> float:
    """Return a decay factor between 0 and 1; raises ValueError for any other."""
    if not 0.0 < decay < 1.0:
        raise ValueError(f"lambda lies between 0 and 1, such as 0.94 for days; {decay:g} was given")
    return decay


def backcast_weights(count: int, decay: float) -> Floats:
    """Return what the first observations count for in the variance before the first one; they sum to 1."""
    weights = decay ** np.arange(min(BACKCAST_SPAN, count), dtype=np.float64)
    return np.asarray(weights / weights.sum())


def ewma_variances(returns: Floats, decay: float, first: float | None = None) -> Floats:
    """Return the variance forecast for each observation of a series (n,) and, last, for the next one: (n + 1,).

    S_t = lambda S_{t-1} + (1 - lambda) r_{t-1}^2 with a mean of zero (RiskMetrics 1996); `first` is the variance of the
    first observation, the backcast of the series where it is left out.
    """
    checked_decay(decay)
    if first is None:
        weights = backcast_weights(len(returns), decay)
        first = float(weights @ returns[: len(weights)] ** 2)
    out = np.empty(len(returns) + 1)
    _ewma(np.ascontiguousarray(returns), decay, first, out)
    return out


@njit(cache=True, nogil=True)
def _ewma(returns: Floats, decay: float, first: float, out: Floats) -> None:
    variance = first
    for row in range(len(returns)):
        out[row] = variance
        variance = decay * variance + (1.0 - decay) * returns[row] * returns[row]
    out[len(returns)] = variance


def ewma_covariance(returns: Floats, decay: float) -> Floats:
    """Return the exponentially weighted covariance (n, n) that is forecast for the next observation.

    The mean is zero; the first matrix is the backcast. w'Sw is the variance that `ewma_variances` gives of the series
    of w'r, because both are the same linear recursion.
    """
    checked_decay(decay)
    count = len(returns)
    lags = (1.0 - decay) * decay ** np.arange(count - 1, -1, -1, dtype=np.float64)
    early = backcast_weights(count, decay) * decay**count
    lags[: len(early)] += early
    return np.asarray((returns * lags[:, None]).T @ returns)


def positive_semidefinite(matrix: Floats) -> Repaired:
    """Return the matrix with the negative eigenvalues of its correlations clipped to 0, and its variances kept.

    Raises ValueError where it is not square, not symmetric, not finite, or has a negative variance.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise ValueError(f"a covariance is a square of finite numbers; its shape is {matrix.shape}")
    variances = np.diag(matrix)
    if (variances < 0).any() or not np.allclose(matrix, matrix.T, rtol=1e-8, atol=1e-300):
        raise ValueError("a covariance is symmetric, and its variances are at least 0")
    deviations = np.sqrt(variances)
    scale = np.where(deviations > 0, deviations, 1.0)
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    lowest = float(values[0])
    if lowest >= -1e-12 * len(values):
        return Repaired(matrix, max(lowest, 0.0))
    clipped = (vectors * np.maximum(values, 0.0)) @ vectors.T
    kept = np.sqrt(np.diag(clipped))
    clipped = clipped / np.outer(kept, kept)
    return Repaired(clipped * np.outer(deviations, deviations), lowest)


def square_root(matrix: Floats) -> Floats:
    """Return C with CC' equal to a positive semi-definite matrix.

    It is the Cholesky factor, or the symmetric root where there is none because the rank is below n.
    """
    try:
        return np.asarray(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
