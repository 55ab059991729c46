"""Distributions of a loss, and what is read from them: value at risk and expected shortfall (standards.md 2.2).

A loss is positive. For a confidence a in (0, 1), VaR_a = inf{x: P(L <= x) >= a} and
ES_a = 1/(1 - a) * integral of VaR_u over u from a to 1, both in the unit of the loss.
"""

from dataclasses import dataclass, field
from math import lgamma, log, pi
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

Floats = NDArray[np.float64]

ROUNDING = 1e-9
"""Probabilities that differ by less of an observation are taken for equal: 0.95 of 100 observations are 95 of them."""
ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))


class LossDistribution(Protocol):
    """What every distribution of a loss can be asked."""

    def var(self, confidence: float) -> float:
        """Return the value at risk."""
        ...

    def es(self, confidence: float) -> float:
        """Return the expected shortfall."""
        ...

    def beyond(self, confidences: Floats) -> Floats:
        """Return (1 - a) ES_a, the integral of VaR over the tail, for each confidence a."""
        ...


def checked_confidence(confidence: float) -> float:
    """Return a confidence that lies between 0 and 1; raises ValueError for any other."""
    if not 0.0 < confidence < 1.0:
        hint = f"; {confidence / 100:g} is {confidence:g} percent" if 1.0 < confidence < 100.0 else ""
        raise ValueError(f"a confidence lies between 0 and 1, such as 0.95; {confidence:g} was given{hint}")
    return confidence


def normal_density(x: Floats) -> Floats:
    """Return the density of the standard normal distribution."""
    return np.asarray(np.exp(-0.5 * x * x) / ROOT_TWO_PI)


@dataclass(frozen=True)
class Scenarios:
    """Losses that were seen or drawn, shape (n,), each with a probability, 1/n where none are given.

    VaR is an order statistic: of n equal ones the one of rank ceil(n a), ascending. ES is that of Acerbi and Tasche
    (2002): the mean of the worst 1 - a of the probability, of the last loss as much of it as is still needed. With
    `linear` VaR lies between two order statistics, at place (n - 1) a from 0, as numpy's default quantile; ES is the
    same, and probabilities are then equal. Raises ValueError where there is no loss, one is not finite, or the
    probabilities are not of its shape, not all at least 0, or 0 altogether.
    """

    losses: Floats
    probabilities: Floats | None = None
    linear: bool = False
    order: NDArray[np.intp] = field(init=False, repr=False, compare=False)
    _sorted: Floats = field(init=False, repr=False, compare=False)
    _below: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Sort the losses."""
        count = len(self.losses)
        if not count or not np.isfinite(self.losses).all():
            raise ValueError("a distribution of scenarios needs at least one loss, and finite ones")
        order = np.argsort(self.losses, kind="stable")
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "_sorted", self.losses[order])
        if self.probabilities is None:
            below = np.arange(1, count + 1) / count
        else:
            weights = self.probabilities
            if weights.shape != self.losses.shape or (weights < 0).any() or not weights.sum() > 0:
                raise ValueError("probabilities are one for each loss, at least 0, and not all 0")
            if self.linear:
                raise ValueError("the linear quantile is of equal probabilities; weights were given")
            below = np.cumsum(weights[order]) / weights.sum()
        object.__setattr__(self, "_below", below)

    def rank(self, confidence: float) -> int:
        """Return the place, ascending from 0, of the loss that is the value at risk by order statistic."""
        count = len(self._sorted)
        found = int(np.searchsorted(self._below, checked_confidence(confidence) - ROUNDING / count))
        return min(found, count - 1)

    def var(self, confidence: float) -> float:
        """Return the value at risk."""
        if self.linear:
            return float(np.quantile(self._sorted, checked_confidence(confidence)))
        return float(self._sorted[self.rank(confidence)])

    def es(self, confidence: float) -> float:
        """Return the expected shortfall of Acerbi and Tasche."""
        weights = self.tail_weights(confidence)
        return float(weights @ self._sorted[len(self._sorted) - len(weights) :])

    def tail_weights(self, confidence: float) -> Floats:
        """Return what each loss of the tail counts for in the shortfall, ascending; the first is the VaR scenario.

        They sum to 1, and belong to `order[-len(weights):]`.
        """
        rank, below = self.rank(confidence), self._below
        weights = np.diff(below[rank:], prepend=0.0)
        weights[0] = max(1.0 - confidence - (1.0 - below[rank]), 0.0)
        return np.asarray(weights / weights.sum())

    def beyond(self, confidences: Floats) -> Floats:
        """Return (1 - a) ES_a for each confidence: a sum over the tail, and linear between two losses."""
        shares = np.diff(self._below, prepend=0.0)
        sums = np.concatenate([np.cumsum((shares * self._sorted)[::-1])[::-1], [0.0]])
        return np.asarray(np.interp(confidences, np.concatenate([[0.0], self._below]), sums))


@dataclass(frozen=True)
class Normal:
    """A loss -mu - sigma Z with Z standard normal: VaR = z sigma - mu, ES = phi(z)/(1 - a) sigma - mu."""

    mean: float
    deviation: float

    def var(self, confidence: float) -> float:
        """Return the value at risk."""
        return normal_multiple(confidence) * self.deviation - self.mean

    def es(self, confidence: float) -> float:
        """Return the expected shortfall."""
        return normal_shortfall(confidence) * self.deviation - self.mean

    def beyond(self, confidences: Floats) -> Floats:
        """Return (1 - a) ES_a for each confidence."""
        return np.asarray(
            normal_density(ndtri(confidences)) * self.deviation - (1.0 - confidences) * self.mean
        )


@dataclass(frozen=True)
class StudentT:
    """A loss -mu - sigma T with T of Student's distribution, scaled to a variance of 1; `degrees` above 2."""

    mean: float
    deviation: float
    degrees: float

    def __post_init__(self) -> None:
        """Refuse degrees of freedom that leave no variance."""
        if not self.degrees > 2:
            raise ValueError(f"Student's t needs degrees of freedom above 2; {self.degrees:g} was given")

    def var(self, confidence: float) -> float:
        """Return the value at risk."""
        return student_multiple(confidence, self.degrees) * self.deviation - self.mean

    def es(self, confidence: float) -> float:
        """Return the expected shortfall."""
        return student_shortfall(confidence, self.degrees) * self.deviation - self.mean

    def beyond(self, confidences: Floats) -> Floats:
        """Return (1 - a) ES_a for each confidence."""
        return student_tail(confidences, self.degrees) * self.deviation - (1.0 - confidences) * self.mean


@dataclass(frozen=True)
class CornishFisher:
    """A normal loss whose quantiles are bent by the skewness S and the excess kurtosis K of the returns.

    z_cf = z + (z^2 - 1) S/6 + (z^3 - 3z) K/24 - (2z^3 - 5z) S^2/36 with z the lower quantile; VaR = -(mu + z_cf sigma),
    and ES is the integral of that over the tail. Both are a distribution's only where z_cf rises with z: `is_valid`
    (Maillard 2012).
    """

    mean: float
    deviation: float
    skewness: float
    kurtosis: float

    @property
    def is_valid(self) -> bool:
        """Say whether skewness and kurtosis lie in the domain in which the quantiles rise."""
        return cornish_fisher_valid(self.skewness, self.kurtosis)

    def var(self, confidence: float) -> float:
        """Return the value at risk."""
        z = float(ndtri(1.0 - checked_confidence(confidence)))
        return -(self.mean + cornish_fisher_quantile(z, self.skewness, self.kurtosis) * self.deviation)

    def es(self, confidence: float) -> float:
        """Return the expected shortfall: the quantiles are a polynomial in z, and it is integrated term by term."""
        return float(self.beyond(np.array([checked_confidence(confidence)]))[0]) / (1.0 - confidence)

    def beyond(self, confidences: Floats) -> Floats:
        """Return (1 - a) ES_a for each confidence."""
        z, s, k = ndtri(1.0 - confidences), self.skewness, self.kurtosis
        bent = 1.0 + z * s / 6 + (z * z - 1.0) * k / 24 - (2.0 * z * z - 1.0) * s * s / 36
        return np.asarray(normal_density(z) * bent * self.deviation - (1.0 - confidences) * self.mean)


def normal_multiple(confidence: float) -> float:
    """Return VaR of a standard normal loss."""
    return float(ndtri(checked_confidence(confidence)))


def normal_shortfall(confidence: float) -> float:
    """Return ES of a standard normal loss."""
    return float(normal_density(ndtri(checked_confidence(confidence)))) / (1.0 - confidence)


def student_multiple(confidence: float, degrees: float) -> float:
    """Return VaR of a Student-t loss of variance 1."""
    scale = np.sqrt((degrees - 2.0) / degrees)
    return float(scale * stdtrit(degrees, checked_confidence(confidence)))


def student_shortfall(confidence: float, degrees: float) -> float:
    """Return ES of a Student-t loss of variance 1."""
    return float(student_tail(np.array([checked_confidence(confidence)]), degrees)[0]) / (1.0 - confidence)


def student_tail(confidences: Floats, degrees: float) -> Floats:
    """Return (1 - a) ES_a of a Student-t loss of variance 1: s f(t) (nu + t^2)/(nu - 1), s = sqrt((nu - 2)/nu)."""
    t = stdtrit(degrees, confidences)
    log_scale = lgamma((degrees + 1) / 2) - lgamma(degrees / 2) - 0.5 * log(degrees * pi)
    density = np.exp(log_scale - (degrees + 1) / 2 * np.log1p(t * t / degrees))
    return np.asarray(np.sqrt((degrees - 2.0) / degrees) * density * (degrees + t * t) / (degrees - 1.0))


def cornish_fisher_quantile(z: float, skewness: float, kurtosis: float) -> float:
    """Return the quantile that a normal one becomes."""
    s, k = skewness, kurtosis
    return z + (z * z - 1.0) * s / 6 + (z**3 - 3.0 * z) * k / 24 - (2.0 * z**3 - 5.0 * z) * s * s / 36


def cornish_fisher_valid(skewness: float, kurtosis: float) -> bool:
    """Say whether the Cornish-Fisher quantiles rise everywhere, so that they are those of a distribution."""
    rise = kurtosis / 8 - skewness**2 / 6
    if skewness == 0.0 and kurtosis == 0.0:
        return True
    return rise > 0 and skewness**2 / 9 - 4 * rise * (1 - kurtosis / 8 + 5 * skewness**2 / 36) <= 0
