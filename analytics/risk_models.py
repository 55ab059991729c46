"""Models of a portfolio's risk: how its loss is distributed for given weights, and what each position adds.

A model is made of returns (rows of observations, columns of assets) by `analytics.value_at_risk`; weights are what is
held of each asset, as fractions or in money, and the loss is in the unit of the weights. Contributions are Euler's: a
measure is homogeneous in the weights, so that components w_i dM/dw_i add up to it.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from analytics.loss_distributions import (
    CornishFisher,
    Normal,
    StudentT,
    normal_multiple,
    normal_shortfall,
    student_multiple,
    student_shortfall,
)
from analytics.loss_scenarios import LossDistribution, Scenarios

Floats = NDArray[np.float64]


class Components(NamedTuple):
    """What each position adds to VaR and to ES, shape (n,); each sums to the whole."""

    var: Floats
    es: Floats


class RiskModel(Protocol):
    """What every model can be asked."""

    def distribution(self, weights: Floats) -> LossDistribution:
        """Return the distribution of the loss of a portfolio."""
        ...

    def components(self, weights: Floats, confidence: float) -> Components:
        """Return what each position adds."""
        ...


@dataclass(frozen=True)
class EllipticalModel:
    """Normal returns of a mean (n,) and covariance (n, n), or Student-t ones where `degrees` are given."""

    mean: Floats
    covariance: Floats
    degrees: float | None = None

    def distribution(self, weights: Floats) -> LossDistribution:
        """Return the distribution of the loss of a portfolio."""
        mean = float(weights @ self.mean)
        deviation = portfolio_deviation(weights, self.covariance)
        if self.degrees is None:
            return Normal(mean, deviation)
        return StudentT(mean, deviation, self.degrees)

    def components(self, weights: Floats, confidence: float) -> Components:
        """Return w_i (k (S w)_i / sigma - mu_i), with k the multiple of VaR and of ES."""
        if self.degrees is None:
            multiples = normal_multiple(confidence), normal_shortfall(confidence)
        else:
            multiples = (
                student_multiple(confidence, self.degrees),
                student_shortfall(confidence, self.degrees),
            )
        rise = deviation_rise(weights, self.covariance)
        var, es = (weights * (multiple * rise - self.mean) for multiple in multiples)
        return Components(var, es)


@dataclass(frozen=True)
class ScenarioModel:
    """Returns of each asset in scenarios (s, n), each with a probability, 1/s where none are given.

    The component of ES is the mean loss of the position over the tail. The component of VaR is its loss in the scenario
    that is the VaR; with a `band` above 0 its mean over the scenarios whose rank is within that share of all of them,
    scaled to the VaR, which is steadier where scenarios are drawn.
    """

    scenarios: Floats
    probabilities: Floats | None = None
    linear: bool = False
    band: float = 0.0

    def distribution(self, weights: Floats) -> Scenarios:
        """Return the distribution of the loss of a portfolio."""
        return Scenarios(-(self.scenarios @ weights), self.probabilities, self.linear)

    def components(self, weights: Floats, confidence: float) -> Components:
        """Return what each position adds."""
        losses = self.distribution(weights)
        rank, tail = losses.rank(confidence), losses.tail_weights(confidence)
        worst = self.scenarios[losses.order[-len(tail) :]]
        es = -(tail @ worst) * weights
        reach = int(self.band * len(self.scenarios))
        near = losses.order[max(rank - reach, 0) : rank + reach + 1]
        var = -self.scenarios[near].mean(axis=0) * weights
        whole, total = losses.var(confidence), float(var.sum())
        if total != 0.0:
            var = var * (whole / total)
        return Components(var, np.asarray(es))


@dataclass(frozen=True)
class CornishFisherModel:
    """Returns (t, n) of which a portfolio's mean, deviation, skewness and excess kurtosis are taken.

    Skewness and kurtosis are the moments of the sample, m3/m2^1.5 and m4/m2^2 - 3, the deviation has t - 1 below the
    line. Where they lie outside the domain of the expansion the history speaks in its place.
    """

    returns: Floats
    linear: bool = False
    history: ScenarioModel = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep the history as the model that stands in."""
        object.__setattr__(self, "history", ScenarioModel(self.returns, None, self.linear))

    def distribution(self, weights: Floats) -> LossDistribution:
        """Return the distribution of the loss of a portfolio."""
        bent = self.expansion(weights)
        return bent if bent is not None and bent.is_valid else self.history.distribution(weights)

    def expansion(self, weights: Floats) -> CornishFisher | None:
        """Return the expansion, valid or not; None where the portfolio's returns do not differ."""
        series = self.returns @ weights
        mean, spread = float(series.mean()), series - series.mean()
        second = float(np.mean(spread**2))
        if not second > 1e-24 * max(float(np.mean(series**2)), 1e-300):
            return None
        skewness = float(np.mean(spread**3)) / second**1.5
        kurtosis = float(np.mean(spread**4)) / second**2 - 3.0
        return CornishFisher(mean, float(series.std(ddof=1)), skewness, kurtosis)

    def components(self, weights: Floats, confidence: float) -> Components:
        """Return what each position adds, by the derivatives of the four moments."""
        bent = self.expansion(weights)
        if bent is None or not bent.is_valid:
            return self.history.components(weights, confidence)
        spread = self.returns - self.returns.mean(axis=0)
        series = spread @ weights
        second = float(np.mean(series**2))
        rise = spread.T @ series / len(series) / second
        skew_rise = 3.0 * (spread.T @ series**2 / len(series) / second**1.5 - bent.skewness * rise)
        kurtosis_rise = 4.0 * (spread.T @ series**3 / len(series) / second**2 - (bent.kurtosis + 3.0) * rise)
        z, s, k = float(ndtri(1.0 - confidence)), bent.skewness, bent.kurtosis
        tail = normal_shortfall(confidence)
        measures = []
        for multiple, by_skew, by_kurtosis in (
            (
                (bent.var(confidence) + bent.mean) / bent.deviation,
                -((z * z - 1.0) / 6 - (2.0 * z**3 - 5.0 * z) * s / 18),
                -(z**3 - 3.0 * z) / 24,
            ),
            (
                tail * (1.0 + z * s / 6 + (z * z - 1.0) * k / 24 - (2.0 * z * z - 1.0) * s * s / 36),
                tail * (z / 6 - (2.0 * z * z - 1.0) * s / 18),
                tail * (z * z - 1.0) / 24,
            ),
        ):
            bends = multiple * rise + by_skew * skew_rise + by_kurtosis * kurtosis_rise
            measures.append(weights * (bent.deviation * bends - self.returns.mean(axis=0)))
        return Components(*measures)


def portfolio_deviation(weights: Floats, covariance: Floats) -> float:
    """Return sqrt(w'Sw)."""
    return float(np.sqrt(max(float(weights @ covariance @ weights), 0.0)))


def deviation_rise(weights: Floats, covariance: Floats) -> Floats:
    """Return S w / sqrt(w'Sw): what the deviation rises by with each weight; 0 where there is no deviation."""
    deviation = portfolio_deviation(weights, covariance)
    return covariance @ weights / deviation if deviation > 0.0 else np.zeros_like(weights)
