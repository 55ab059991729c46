"""Value at risk of a person's own returns: the estimate, what each position adds, rolling forecasts, and backtests."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.loss_scenarios import LossDistribution, Scenarios, checked_confidence
from analytics.risk_backtests import (
    Ratio,
    christoffersen,
    conditional_coverage,
    kupiec,
    shortfall_test,
    tail_losses,
    traffic_light,
    transitions,
)
from analytics.value_at_risk import (
    OF_SERIES,
    Copula,
    Fitted,
    Method,
    Variances,
    VarParams,
    contributions,
    fit,
    standard_error,
)
from apps.return_file import Returns

Floats = NDArray[np.float64]

WINDOW = 252
REFIT = 21
"""Rolling forecasts fit GARCH anew every so many observations, and filter with the last fit in between."""
SIMULATIONS_ROLLING = 10_000
"""Rolling forecasts draw so many at the most."""
ORDER_STATISTIC = "order statistic: the loss of rank ceil(n * confidence), ascending"
LINEAR = "linear: between order statistics, at place (n - 1) * confidence from 0, as numpy's default"
WEIGHTED = "order statistic: the smallest loss whose cumulative age weight reaches the confidence"
CLOSED_FORM = "closed form: the quantile of the distribution that was fitted"
SHORTFALL = "Acerbi-Tasche: mean of the worst (1 - confidence) of the probability, the last loss in part"
SHORTFALL_CLOSED = "closed form: the integral of VaR over the tail"
SCALING = "one-day figures times the square root of the days: right for independent, identically distributed returns"


class Asked(NamedTuple):
    """What is asked for; `garch` filters by GARCH(1,1) in place of EWMA, `value` is what the portfolio is worth."""

    method: Method
    confidence: float = 0.95
    params: VarParams = VarParams()
    garch: bool = False
    horizon: int = 1
    value: float = 1.0
    rolling: int | None = None
    backtest: bool = False


class Forecasts(NamedTuple):
    """Rolling forecasts, each made of the observations before its own: `first` is the place of the first one."""

    first: int
    var: Floats
    es: Floats
    losses: Floats
    tails: Floats | None

    @property
    def exceptions(self) -> NDArray[np.bool_]:
        """Return where the loss was above the VaR that was forecast for it."""
        return np.asarray(self.losses > self.var)


def risk_figures(returns: Returns, weights: Floats, asked: Asked, weights_from: str) -> dict[str, Any]:
    """Return all that was asked for, as plain values; raises ValueError for what cannot be computed."""
    checked_confidence(asked.confidence)
    if asked.horizon < 1 or not asked.value > 0:
        raise ValueError(
            f"a horizon is at least 1 day, and a value above 0; {asked.horizon} and {asked.value:g} were given"
        )
    if asked.params.linear and asked.method not in {
        Method.HISTORICAL,
        Method.FILTERED,
        Method.CORNISH_FISHER,
        Method.MONTE_CARLO,
    }:
        raise ValueError(f"a linear quantile is of equally likely scenarios; {asked.method} has none")
    window = WINDOW if asked.backtest and asked.rolling is None else asked.rolling
    if window is not None and not 2 <= window < len(returns.values):
        raise ValueError(
            "rolling forecasts need a window of at least 2 observations and fewer than there are, "
            f"{len(returns.values)}; {window} was given"
        )
    values = returns.values[-asked.rolling :] if asked.rolling is not None else returns.values
    held = weights * asked.value
    fitted = fit(asked.method, values, held, asked.params, _variances(asked))
    losses = fitted.model.distribution(held)
    scale = float(np.sqrt(asked.horizon))
    told: dict[str, Any] = {
        "method": str(asked.method),
        "confidence": asked.confidence,
        "horizon_days": asked.horizon,
        "horizon_scaling": SCALING if asked.horizon > 1 else "none: one observation ahead",
        "value": asked.value,
        "observations": len(values),
        "from": returns.dates[-len(values)],
        "to": returns.dates[-1],
        "var": scale * losses.var(asked.confidence),
        "es": scale * losses.es(asked.confidence),
        "sign": "losses are positive",
        **_conventions(asked, losses),
        "parameters": {**_parameters(asked), **fitted.found},
        "weights_from": weights_from,
        "weights_sum": float(weights.sum()),
        "flags": [
            *fitted.flags,
            *_doubts(asked, losses, returns),
            *_doubts_of_units(weights, returns, weights_from),
        ],
        "components": _components(returns.assets, fitted, held, asked, scale),
    }
    if asked.method is Method.MONTE_CARLO and isinstance(losses, Scenarios):
        told["standard_error"] = scale * standard_error(losses, asked.confidence)
    if window is not None:
        rolled = rolling_forecasts(returns.values, held, asked, window)
        told["rolling"] = _rolling(returns.dates, rolled, window)
        if asked.backtest:
            told["backtest"] = backtests(rolled, asked.confidence)
    return told


def _variances(asked: Asked, refit: int = 1) -> Variances | None:
    """Return the filter of filtered historical simulation, where it is not the usual one."""
    if not asked.garch:
        return None
    from analytics.garch import GarchFilter  # noqa: PLC0415  arch takes two seconds to import

    return GarchFilter(refit)


def _conventions(asked: Asked, losses: LossDistribution) -> dict[str, str]:
    if not isinstance(losses, Scenarios):
        return {"quantile_convention": CLOSED_FORM, "es_convention": SHORTFALL_CLOSED}
    if asked.method is Method.WEIGHTED:
        return {"quantile_convention": WEIGHTED, "es_convention": SHORTFALL}
    return {
        "quantile_convention": LINEAR if asked.params.linear else ORDER_STATISTIC,
        "es_convention": SHORTFALL,
    }


def _parameters(asked: Asked) -> dict[str, Any]:
    """Return the parameters that the method reads."""
    params = asked.params
    match asked.method:
        case Method.WEIGHTED:
            return {"age_lambda": params.age_decay}
        case Method.EWMA:
            return {"lambda": params.decay, "mean": 0.0}
        case Method.FILTERED if asked.garch:
            return {"volatility": "garch(1,1), mean 0, by arch", "refit_every": REFIT}
        case Method.FILTERED:
            return {"volatility": "ewma", "lambda": params.decay}
        case Method.MONTE_CARLO:
            drawn = {"simulations": params.simulations, "simulations_rolling": SIMULATIONS_ROLLING}
            return {**drawn, "seed": params.seed, "copula": str(params.copula)}
        case Method.NORMAL | Method.STUDENT_T:
            return {"mean": "of the sample", "variance": "of the sample, n - 1"}
        case Method.CORNISH_FISHER:
            return {"moments": "of the sample: variance n - 1, skewness and excess kurtosis n"}
        case _:
            return {}


def _doubts(asked: Asked, losses: LossDistribution, returns: Returns) -> list[str]:
    """Return what makes the figure doubtful."""
    doubts = []
    if isinstance(losses, Scenarios) and len(losses.losses) * (1.0 - asked.confidence) < 1.0 - 1e-9:
        doubts.append("few-observations: none lies beyond the quantile, the figure is the largest loss")
    if returns.dropped:
        doubts.append(f"incomplete-rows: {returns.dropped} were left out")
    return doubts


def _doubts_of_units(weights: Floats, returns: Returns, weights_from: str) -> list[str]:
    """Return what suggests that returns are no fractions, or weights no parts of a whole."""
    doubts = []
    lowest, total = float(returns.values.min()), float(weights.sum())
    if returns.from_prices:
        doubts.append("made-of-prices: returns are price by the price before, less 1")
    if lowest < -1.0 and weights_from != "one":
        doubts.append(
            f"below-minus-one: a return is {lowest:g}, which loses more than all; are they in percent (0.01 is 1%), "
            "or money (--weights one)?"
        )
    if weights_from not in ("equal", "one") and abs(total - 1.0) > 1e-6:
        doubts.append(f"weights-sum: they sum to {total:g}, not 1, and are taken as they are given")
    return doubts


def _components(
    assets: Sequence[str], fitted: Fitted, held: Floats, asked: Asked, scale: float
) -> list[dict[str, Any]]:
    if len(assets) == 1:
        return []
    parts = contributions(fitted.model, held, asked.confidence)
    return [
        {
            "asset": asset,
            "weight": part.weight,
            "marginal_var": scale * part.marginal_var,
            "component_var": scale * part.component_var,
            "incremental_var": scale * part.incremental_var,
            "component_es": scale * part.component_es,
        }
        for asset, part in zip(assets, parts, strict=True)
    ]


def rolling_forecasts(values: Floats, held: Floats, asked: Asked, window: int) -> Forecasts:
    """Return a forecast for each observation that has `window` before it, of those alone."""
    losses = -(values @ held)
    jointly_normal = asked.method is Method.MONTE_CARLO and asked.params.copula is Copula.NORMAL
    if asked.method in OF_SERIES or jointly_normal:
        values, held = -losses[:, None], np.ones(1)
    variances = _variances(asked, REFIT)
    params = asked.params._replace(simulations=min(asked.params.simulations, SIMULATIONS_ROLLING))
    count, confidence = len(values) - window, asked.confidence
    var, es, tails = np.empty(count), np.empty(count), []
    for place in range(count):
        past = values[place : place + window]
        forecast = fit(asked.method, past, held, params, variances).model.distribution(held)
        var[place], es[place] = forecast.var(confidence), forecast.es(confidence)
        if asked.backtest:
            tails.append(tail_losses(forecast, confidence))
    return Forecasts(window, var, es, losses[window:], np.array(tails) if tails else None)


def _rolling(dates: Sequence[str], rolled: Forecasts, window: int) -> dict[str, Any]:
    rows = zip(dates[window:], rolled.var, rolled.es, rolled.losses, rolled.exceptions, strict=True)
    return {
        "window": window,
        "forecasts": [
            {"date": date, "var": float(var), "es": float(es), "loss": float(loss), "exception": bool(out)}
            for date, var, es, loss, out in rows
        ],
    }


def backtests(rolled: Forecasts, confidence: float, seed: int = 1) -> dict[str, Any]:
    """Return the backtests of standards.md 2.3 over rolling forecasts, as plain values."""
    exceptions, expected = rolled.exceptions, 1.0 - confidence
    count, seen = len(exceptions), int(exceptions.sum())
    counts = transitions(exceptions)
    coverage, independence = kupiec(count, seen, expected), christoffersen(counts)
    light = traffic_light(count, seen, expected)
    told: dict[str, Any] = {
        "observations": count,
        "exceptions": seen,
        "exceptions_expected": count * expected,
        "exception_rate": seen / count,
        "kupiec": _told(coverage),
        "christoffersen": {**_told(independence), "transitions": counts._asdict()},
        "conditional_coverage": _told(conditional_coverage(coverage, independence)),
        "traffic_light": light._asdict(),
    }
    if rolled.tails is not None and not (rolled.es > 0).all():
        told["expected_shortfall_left_out"] = "the test needs forecasts of ES above 0, and one is not"
    elif rolled.tails is not None:
        tested = shortfall_test(rolled.losses, exceptions, rolled.es, rolled.tails, expected, seed=seed)
        told["expected_shortfall"] = {
            **tested._asdict(),
            "test": "Acerbi-Szekely Z2 = sum(L I / ES) / (T (1 - confidence)) - 1; above 0 says that ES is too small",
        }
    return told


def _told(ratio: Ratio) -> dict[str, Any]:
    return {"statistic": ratio.statistic, "p_value": ratio.p_value, "degrees_of_freedom": ratio.degrees}
