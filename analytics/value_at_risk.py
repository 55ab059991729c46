"""Value at risk and expected shortfall of a portfolio by each method of standards.md 2.2, with what each position adds.

Returns are an array (t, n): rows of observations, oldest first, columns of assets. Weights (n,) are fractions or money;
VaR and ES are losses in their unit, positive, for one observation ahead. Nothing here has chance without a seed.
"""

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache, partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri, stdtr

from analytics.covariance import (
    Repaired,
    checked_decay,
    ewma_covariance,
    ewma_variances,
    positive_semidefinite,
    sample_covariance,
    square_root,
)
from analytics.loss_scenarios import Scenarios, checked_confidence
from analytics.risk_models import CornishFisherModel, EllipticalModel, RiskModel, ScenarioModel

Floats = NDArray[np.float64]
Variances = Callable[[Floats], Floats]
"""From returns (t, n) to the variances forecast for each observation and the next one (t + 1, n)."""

DEGREES_MAX = 200.0
"""Degrees of freedom from which on Student's t is normal for every purpose here."""


class Method(StrEnum):
    """How the distribution of a loss is found."""

    HISTORICAL = "historical"
    WEIGHTED = "weighted"
    NORMAL = "normal"
    STUDENT_T = "student-t"
    EWMA = "ewma"
    FILTERED = "filtered"
    CORNISH_FISHER = "cornish-fisher"
    MONTE_CARLO = "monte-carlo"


OF_SERIES = frozenset(Method) - {Method.FILTERED, Method.MONTE_CARLO}
"""Methods that say the same of a portfolio's own series as of its assets'."""


class Copula(StrEnum):
    """How drawn returns depend on each other: jointly normal, or with the joint tails of Student's t."""

    NORMAL = "normal"
    STUDENT_T = "student-t"


class VarParams(NamedTuple):
    """Parameters of the methods; each uses those that its formula has.

    `age_decay` is lambda of the age-weighted history, `decay` lambda of the exponentially weighted covariance and of
    the filter, `degrees` those of Student's t (None: of greatest likelihood); `simulations`, `seed`, `copula` and
    `copula_degrees` are of Monte Carlo. `linear` takes numpy's linear quantile in place of the order statistic, where
    scenarios are equally likely.
    """

    age_decay: float = 0.98
    decay: float = 0.94
    degrees: float | None = None
    simulations: int = 100_000
    seed: int = 1
    copula: Copula = Copula.NORMAL
    copula_degrees: float = 4.0
    linear: bool = False


class Fitted(NamedTuple):
    """A model, and what its making had to say: names of doubts, and parameters that were found."""

    model: RiskModel
    flags: tuple[str, ...] = ()
    found: Mapping[str, float] = MappingProxyType({})


def fit(
    method: Method,
    returns: Floats,
    weights: Floats,
    params: VarParams | None = None,
    variances: Variances | None = None,
) -> Fitted:
    """Return the model of a method, made of returns (t, n) for a portfolio of weights (n,).

    `variances` filters each asset's series for filtered historical simulation, EWMA where it is left out. Raises
    ValueError for fewer than 2 observations, shapes that do not agree, or parameters outside of their range.
    """
    params = params or VarParams()
    if returns.ndim != 2 or weights.shape != (returns.shape[1],) or len(returns) < 2:
        raise ValueError(
            "value at risk needs returns of at least 2 observations, a column for each weight; "
            f"{returns.shape} returns and {weights.shape} weights were given"
        )
    match method:
        case Method.HISTORICAL:
            return Fitted(ScenarioModel(returns, None, params.linear))
        case Method.WEIGHTED:
            return Fitted(ScenarioModel(returns, age_weights(len(returns), params.age_decay)))
        case Method.NORMAL:
            return Fitted(EllipticalModel(returns.mean(axis=0), sample_covariance(returns)))
        case Method.STUDENT_T:
            degrees = params.degrees or student_degrees(returns @ weights)
            model = EllipticalModel(returns.mean(axis=0), sample_covariance(returns), degrees)
            return Fitted(model, (), {"degrees_of_freedom": degrees})
        case Method.EWMA:
            zero = np.zeros(returns.shape[1])
            return Fitted(EllipticalModel(zero, ewma_covariance(returns, params.decay)))
        case Method.FILTERED:
            filtered = variances or partial(ewma_panel, decay=params.decay)
            return Fitted(ScenarioModel(filtered_scenarios(returns, filtered(returns)), None, params.linear))
        case Method.CORNISH_FISHER:
            return _cornish_fisher(returns, weights, params)
        case Method.MONTE_CARLO:
            return _monte_carlo(returns, params)


def age_weights(count: int, decay: float) -> Floats:
    """Return the weights of Boudoukh, Richardson and Whitelaw, oldest first: lambda^(i-1) (1-lambda)/(1-lambda^n)."""
    checked_decay(decay)
    lags = np.arange(count - 1, -1, -1, dtype=np.float64)
    return np.asarray(decay**lags * (1.0 - decay) / (1.0 - decay**count))


def ewma_panel(returns: Floats, decay: float) -> Floats:
    """Return the exponentially weighted variances of each column (t, n): those forecast, and the next (t + 1, n)."""
    columns = [ewma_variances(returns[:, column], decay) for column in range(returns.shape[1])]
    return np.stack(columns, axis=1)


def filtered_scenarios(returns: Floats, variances: Floats) -> Floats:
    """Return r_t/sigma_t * sigma_{T+1} (t, n), each asset by its own volatility, all assets of a day together.

    Source: Barone-Adesi, Giannopoulos and Vosper 1999; Hull and White 1998. `variances` are (t + 1, n). A day whose
    forecast is 0 has a scenario of 0.
    """
    deviations = np.sqrt(variances)
    now, ahead = deviations[:-1], deviations[-1]
    return np.asarray(np.divide(returns * ahead, now, out=np.zeros_like(returns), where=now > 0))


def student_degrees(series: Floats) -> float:
    """Return the degrees of freedom of greatest likelihood, with the mean and the variance of the sample.

    Between 2.1 and 200, to 0.1 per cent, by golden section on their reciprocal.
    """
    deviation = float(series.std(ddof=1))
    if not deviation > 0.0:
        return DEGREES_MAX
    standard = (series - series.mean()) / deviation

    def cost(reciprocal: float) -> float:
        degrees = 1.0 / reciprocal
        scaled = standard**2 / (degrees - 2.0)
        constant = gammaln((degrees + 1) / 2) - gammaln(degrees / 2) - 0.5 * np.log(degrees - 2.0)
        return float((degrees + 1) / 2 * float(np.log1p(scaled).mean()) - float(constant))

    low, high, part = 1.0 / DEGREES_MAX, 1.0 / 2.1, (np.sqrt(5.0) - 1.0) / 2
    while high - low > 1e-3 * low:
        left, right = high - part * (high - low), low + part * (high - low)
        low, high = (low, right) if cost(left) < cost(right) else (left, high)
    return float(2.0 / (low + high))


def _cornish_fisher(returns: Floats, weights: Floats, params: VarParams) -> Fitted:
    model = CornishFisherModel(returns, params.linear)
    bent = model.expansion(weights)
    if bent is None:
        return Fitted(model, ("cornish-fisher-undefined: historical in its place",))
    found = {"skewness": bent.skewness, "excess_kurtosis": bent.kurtosis}
    flags = () if bent.is_valid else ("cornish-fisher-outside-its-domain: historical in its place",)
    return Fitted(model, flags, found)


def _monte_carlo(returns: Floats, params: VarParams) -> Fitted:
    repaired = positive_semidefinite(sample_covariance(returns))
    drawn = drawn_returns(returns.mean(axis=0), repaired, params)
    flags = ("covariance-repaired: negative eigenvalues were clipped",) if repaired.changed else ()
    return Fitted(ScenarioModel(drawn, None, params.linear, band=0.0025), flags)


def drawn_returns(mean: Floats, covariance: Repaired, params: VarParams) -> Floats:
    """Return mu + C Z (simulations, n) with CC' the covariance, the same for the same seed.

    With the t copula the ranks of each draw are those of a multivariate t, and each asset alone stays normal.
    """
    if params.simulations < 100:
        raise ValueError(f"Monte Carlo needs at least 100 simulations; {params.simulations} was given")
    normals, mixing = _draws(params.simulations, len(mean), params.seed, params.copula_degrees)
    deviations = np.sqrt(np.diag(covariance.matrix))
    root = square_root(covariance.matrix)
    if params.copula is Copula.NORMAL:
        return np.asarray(mean + normals @ root.T)
    scale = np.where(deviations > 0, deviations, 1.0)
    correlated = normals @ (root / scale[:, None]).T
    ranks = stdtr(params.copula_degrees, correlated / np.sqrt(mixing))
    return np.asarray(mean + deviations * ndtri(np.clip(ranks, 1e-16, 1.0 - 1e-16)))


@lru_cache(maxsize=1)
def _draws(simulations: int, assets: int, seed: int, degrees: float) -> tuple[Floats, Floats]:
    """Return standard normals (simulations, assets) and what mixes them to Student's t; kept for the next forecast."""
    generator = np.random.default_rng(seed)
    normals = generator.standard_normal((simulations, assets))
    return normals, generator.chisquare(degrees, (simulations, 1)) / degrees


def standard_error(losses: Scenarios, confidence: float) -> float:
    """Return the standard error sqrt(a(1-a)/n)/f(q) of a VaR that was drawn, f a kernel estimate of the density."""
    values, quantile = losses.losses, losses.var(checked_confidence(confidence))
    count, spread = len(values), float(np.std(values))
    quarters = np.quantile(values, (0.25, 0.75))
    width: float = min(spread, float(quarters[1] - quarters[0]) / 1.34) * 0.9 * float(count) ** -0.2
    if not width > 0.0:
        return 0.0
    bumps = np.exp(-0.5 * ((values - quantile) / width) ** 2)
    density = float(bumps.mean()) / (width * math.sqrt(2.0 * math.pi))
    error = math.sqrt(confidence * (1.0 - confidence) / count)
    return error / density


class Contribution(NamedTuple):
    """What one position adds: `marginal_var` is component by weight, `incremental_var` VaR with it less VaR without."""

    weight: float
    marginal_var: float
    component_var: float
    incremental_var: float
    component_es: float


def contributions(model: RiskModel, weights: Floats, confidence: float) -> list[Contribution]:
    """Return what each position adds; components of VaR and of ES each sum to the whole, incremental ones do not.

    A position of weight 0 has no marginal by division; that of a small position in its place is given.
    """
    whole = model.distribution(weights).var(confidence)
    parts = model.components(weights, confidence)
    made = []
    for place, weight in enumerate(weights):
        without = weights.copy()
        without[place] = 0.0
        incremental = whole - model.distribution(without).var(confidence) if weight else 0.0
        marginal = parts.var[place] / weight if weight else _marginal(model, weights, place, confidence)
        made.append(
            Contribution(
                float(weight), float(marginal), float(parts.var[place]), incremental, float(parts.es[place])
            )
        )
    return made


def _marginal(model: RiskModel, weights: Floats, place: int, confidence: float) -> float:
    nudged = weights.copy()
    nudged[place] = 1e-6 * max(float(np.abs(weights).max()), 1e-12)
    return float(model.components(nudged, confidence).var[place] / nudged[place])
