"""Distributions of a loss, and what is read from them: value at risk and expected shortfall (standards.md 2.2).

A loss is positive. For a confidence a in (0, 1), VaR_a = inf{x: P(L <= x) >= a} and
ES_a = 1/(1 - a) * integral of VaR_u over u from a to 1, both in the unit of the loss.
"""

from dataclasses import dataclass
from math import lgamma, log, pi

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from analytics.loss_scenarios import checked_confidence

Floats = NDArray[np.float64]

ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))


def normal_density(x: Floats) -> Floats:
    """Return the density of the standard normal distribution."""
    return np.asarray(np.exp(-0.5 * x * x) / ROOT_TWO_PI)


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
