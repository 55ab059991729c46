"""Stress of a person's own positions: scenarios, reverse stress, VaR under other markets, and liquidity."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.covariance import positive_semidefinite, sample_covariance
from analytics.exposures import by_name, exposures
from analytics.liquidity import (
    concentration,
    days_to_liquidate,
    liquid_share,
    liquidation_cost,
    portfolio_margin,
    regulation_t,
)
from analytics.loss_distributions import normal_multiple
from analytics.risk_models import portfolio_deviation
from analytics.stress import (
    Scenario,
    breaking_scale,
    correlated,
    hypothetical,
    reverse_stress,
    stressed,
    window_scenario,
)
from apps.position_file import Positions
from apps.return_file import Returns
from apps.stress_file import StressTests
from apps.written_dates import instants_of

Floats = NDArray[np.float64]

DRIVERS = 5
WITHIN_DAYS = (1, 5, 20)


class StressAsked(NamedTuple):
    """What is asked for: `nav` and `loss` in base currency, `participation` of daily volume, VaR's confidence."""

    nav: float
    loss: float
    participation: float = 0.2
    confidence: float = 0.99


def stress_figures(
    positions: Positions, tests: StressTests, asked: StressAsked, returns: Returns | None
) -> dict[str, Any]:
    """Return all results, as plain values; P&L in base currency, losses negative.

    Raises ValueError for a net asset value, a loss or a participation that make no sense.
    """
    if not asked.nav > 0 or not asked.loss > 0:
        raise ValueError(
            f"a net asset value and a loss are above 0; {asked.nav:g} and {asked.loss:g} were given"
        )
    holdings = positions.holdings
    scenarios = [*tests.scenarios, *hypothetical(holdings, tests.shocks)]
    results = [_result(positions, scenario, asked, returns) for scenario in scenarios]
    worst = min(results, key=lambda row: float(row["pnl"]))
    return {
        "base_currency": holdings.base_currency,
        "nav": asked.nav,
        "scenario_file": str(tests.path),
        "sign": "P&L: losses are negative",
        "exposures": exposures(holdings.values, holdings.betas, asked.nav)._asdict(),
        "sectors": _by_name(holdings.values, holdings.sectors),
        "currencies": _by_name(holdings.values, holdings.currencies),
        "scenarios": results,
        "worst": {"name": worst["name"], "pnl": worst["pnl"], "of_nav": worst["of_nav"]},
        "reverse": _reverse(positions, scenarios, asked, returns),
        "var": _other_markets(positions, tests, asked, returns),
        "concentration": concentration(holdings.values)._asdict(),
        "liquidity": _liquidity(positions, tests, asked),
        "margin": {
            "regulation_t": regulation_t(holdings.values, asked.nav)._asdict(),
            "portfolio_margin": portfolio_margin(holdings.values, holdings.betas, asked.nav)._asdict(),
        },
    }


def _by_name(values: Floats, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    return {name: {"gross": gross, "net": net} for name, (gross, net) in by_name(values, names).items()}


def _result(
    positions: Positions, scenario: Scenario, asked: StressAsked, returns: Returns | None
) -> dict[str, Any]:
    """Return what one scenario costs, by the real returns of its window where they are known."""
    holdings, moved_by = positions.holdings, "factors"
    inside = _window(scenario, returns)
    if returns is not None and inside is not None and inside.any():
        real = window_scenario(holdings, scenario, returns.assets, returns.values[inside])
        known = sum(name in real.instruments for name in holdings.names)
        moved_by = f"{int(inside.sum())} days of returns for {known} of {len(holdings.names)} positions"
        scenario = real
    earned = stressed(holdings, scenario)
    order = np.argsort(earned, kind="stable")[:DRIVERS]
    return {
        "name": scenario.name,
        "kind": scenario.kind,
        "from": scenario.window[0],
        "to": scenario.window[1],
        "source": scenario.source,
        "mark": scenario.mark,
        "moved_by": moved_by,
        "pnl": float(earned.sum()),
        "of_nav": float(earned.sum()) / asked.nav,
        "drivers": [
            {"asset": holdings.names[place], "pnl": float(earned[place])}
            for place in order
            if earned[place] < 0
        ],
    }


def _window(scenario: Scenario, returns: Returns | None) -> NDArray[np.bool_] | None:
    import polars as pl  # noqa: PLC0415  only where there is a file of returns

    if returns is None or not all(scenario.window) or not scenario.replayed:
        return None
    dates = instants_of(pl.Series(returns.dates))
    first, last = instants_of(pl.Series(list(scenario.window)))
    return np.asarray((dates >= first) & (dates < last + 86_400_000_000_000))


def _covariance(positions: Positions, returns: Returns | None) -> tuple[Floats | None, str]:
    """Return the covariance of the positions' returns, or why there is none."""
    if returns is None:
        return None, "give --returns for it"
    missing = [name for name in positions.holdings.names if name not in returns.assets]
    if missing:
        return None, f"the file of returns has no column for {', '.join(missing[:5])}"
    columns = [returns.assets.index(name) for name in positions.holdings.names]
    return positive_semidefinite(sample_covariance(returns.values[:, columns])).matrix, ""


def _reverse(
    positions: Positions, scenarios: list[Scenario], asked: StressAsked, returns: Returns | None
) -> dict[str, Any]:
    """Return what would have to happen to lose the amount: the likeliest move, and each scenario's scale."""
    holdings = positions.holdings
    covariance, why = _covariance(positions, returns)
    linear: dict[str, Any] = {"left_out": why}
    if covariance is not None:
        found = reverse_stress(holdings.values, covariance, asked.loss)
        linear = {
            "distance": found.distance,
            "moves": dict(zip(holdings.names, found.moves.tolist(), strict=True)),
        }
    scales = {each.name: breaking_scale(holdings, each, asked.loss) for each in scenarios}
    reached = {name: scale for name, scale in scales.items() if scale is not None}
    least = min(reached, key=lambda name: reached[name]) if reached else None
    return {
        "loss": asked.loss,
        "linear": linear,
        "scales": scales,
        "least": None if least is None else {"name": least, "scale": reached[least]},
    }


def _other_markets(
    positions: Positions, tests: StressTests, asked: StressAsked, returns: Returns | None
) -> dict[str, Any]:
    """Return the normal VaR of today and of markets with other volatilities and correlations."""
    covariance, why = _covariance(positions, returns)
    if covariance is None:
        return {"left_out": why}
    values, z = positions.holdings.values, normal_multiple(asked.confidence)
    told = {"confidence": asked.confidence, "today": z * portfolio_deviation(values, covariance)}
    multiple = float(tests.others.get("volatility_multiple", 2.0))
    told[f"volatility x{multiple:g}"] = told["today"] * multiple
    for each in tests.others.get("correlations", (0.9, 0.0)):
        other = positive_semidefinite(correlated(covariance, float(each))).matrix
        told[f"correlation {each:g}"] = z * portfolio_deviation(values, other)
    return told


def _liquidity(positions: Positions, tests: StressTests, asked: StressAsked) -> dict[str, Any]:
    """Return days and cost to be rid of the book, today and in worse markets; what lacks a volume is named."""
    values = positions.holdings.values
    known = ~np.isnan(positions.volumes)
    deviations = np.nan_to_num(positions.volatilities)
    spread = float(tests.others.get("spread_multiple", 5.0))
    depth = float(tests.others.get("depth_divisor", 5.0))
    volume = float(tests.others.get("volume_divisor", 2.0))
    names = [
        name for name, is_known in zip(positions.holdings.names, known.tolist(), strict=True) if not is_known
    ]
    told: dict[str, Any] = {
        "participation": asked.participation,
        "without_volume": names,
        "without_volatility": int(np.isnan(positions.volatilities).sum()),
        "markets": {},
    }
    for market, spreads, thinner, fewer in (
        ("today", 1.0, 1.0, 1.0),
        (f"spreads x{spread:g}", spread, 1.0, 1.0),
        (f"depth /{depth:g}", 1.0, depth, 1.0),
        (f"volume /{volume:g}", 1.0, 1.0, volume),
    ):
        volumes = positions.volumes[known] / fewer
        days = days_to_liquidate(values[known], volumes, asked.participation)
        cost = liquidation_cost(
            values[known], volumes / thinner, deviations[known], positions.spreads[known] * spreads / 2
        )
        finite = np.isfinite(days)
        told["markets"][market] = {
            "days_longest": float(days[finite].max()) if finite.any() else None,
            "positions_that_cannot_be_sold": int((~finite).sum()),
            "cost": float(cost[np.isfinite(cost)].sum()),
            "liquid_within_days": {
                str(within): liquid_share(values[known], days, within) for within in WITHIN_DAYS
            },
        }
    return told
