"""`ita risk var` on real shares against a plain calculation of each method, skfolio, arch, and hand-made backtests."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from arch.univariate import EWMAVariance, ZeroMean
from scipy.stats import chi2, norm
from skfolio.measures import cvar, value_at_risk
from typer.testing import CliRunner

from apps.cli.main import _register, app
from tests.analytics.plain_figures import NO_PANELS, PANELS, stock_returns

pytestmark = pytest.mark.skipif(not PANELS.is_dir(), reason=NO_PANELS)

ROWS, ASSETS = 600, 6
WEIGHTS = np.array([0.3, -0.1, 0.25, 0.2, 0.15, 0.2])
ORDER = "order statistic: the loss of rank ceil(n * confidence), ascending"
AGED = "order statistic: the smallest loss whose cumulative age weight reaches the confidence"
CLOSED = "closed form: the quantile of the distribution that was fitted"


@pytest.fixture(scope="module")
def returns():
    """Return the returns of six shares, (600, 6)."""
    return stock_returns(ROWS)[:, :ASSETS]


@pytest.fixture
def var(tmp_path, returns):
    """Return a function that asks `ita risk var` of the six shares."""
    if not any(group.name == "risk" for group in app.registered_groups):
        _register()
    days = np.arange("2020-01-01", "2022-01-01", dtype="datetime64[D]")[:ROWS]
    names = [f"S{place}" for place in range(ASSETS)]
    rows = [f"{day},{','.join(map(repr, map(float, row)))}" for day, row in zip(days, returns, strict=True)]
    (tmp_path / "r.csv").write_text("\n".join([f"date,{','.join(names)}", *rows, ""]))
    held = [f"{name},{weight}" for name, weight in zip(names, WEIGHTS, strict=True)]
    (tmp_path / "w.csv").write_text("\n".join(["asset,weight", *held, ""]))

    def ask(*words):
        asked = [
            "risk",
            "var",
            str(tmp_path / "r.csv"),
            "--weights",
            str(tmp_path / "w.csv"),
            "--json",
            *words,
        ]
        answer = CliRunner().invoke(app, asked, catch_exceptions=False)
        return json.loads(answer.output)

    return ask


def ranked(losses, confidence):
    """Return VaR and ES by rank, written out."""
    ascending = sorted(map(float, losses))
    count = len(ascending)
    value = ascending[math.ceil(count * confidence - 1e-9) - 1]
    beyond = count * (1 - confidence)
    whole = math.floor(beyond + 1e-9)
    worst = ascending[::-1]
    return value, (math.fsum(worst[:whole]) + (beyond - whole) * worst[whole]) / beyond


def aged(losses, confidence, decay=0.98):
    """Return VaR and ES with weights that fall with age, written out from the largest loss down."""
    count = len(losses)
    weights = [decay ** (count - 1 - place) * (1 - decay) / (1 - decay**count) for place in range(count)]
    left, total = 1 - confidence, 0.0
    for loss, weight in sorted(zip(map(float, losses), weights, strict=True), reverse=True):
        part = min(weight, left)
        total, left = total + part * loss, left - part
        if left <= 1e-15:
            return loss, total / (1 - confidence)
    raise AssertionError


def bent(series, confidence):
    """Return VaR and ES of Cornish and Fisher, ES by adding up quantiles."""
    mean, spread = series.mean(), series - series.mean()
    second = (spread**2).mean()
    skewness, kurtosis = (spread**3).mean() / second**1.5, (spread**4).mean() / second**2 - 3

    def quantile(z):
        third = (2 * z**3 - 5 * z) * skewness**2 / 36
        moved = z + (z**2 - 1) * skewness / 6 + (z**3 - 3 * z) * kurtosis / 24 - third
        return -(mean + moved * series.std(ddof=1))

    tail = (np.arange(2_000_000) + 0.5) / 2_000_000 * (1 - confidence)
    return quantile(norm.ppf(1 - confidence)), quantile(norm.ppf(tail)).mean()


def normal(mean, deviation, confidence):
    z = norm.ppf(confidence)
    return z * deviation - mean, norm.pdf(z) / (1 - confidence) * deviation - mean


def smoothed(returns, decay=0.94):
    """Return the covariance of RiskMetrics, from the backcast of arch on."""
    first = decay ** np.arange(min(75, len(returns)))
    first /= first.sum()
    matrix = np.einsum("t,ti,tj->ij", first, returns[: len(first)], returns[: len(first)])
    for row in returns:
        matrix = decay * matrix + (1 - decay) * np.outer(row, row)
    return matrix


def refiltered(returns):
    """Return each day's returns over what arch says their deviation was, times tomorrow's."""
    made = np.empty_like(returns)
    for place, series in enumerate(returns.T):
        fitted = ZeroMean(1000 * series, volatility=EWMAVariance(0.94)).fit(disp="off")
        ahead = math.sqrt(fitted.forecast(horizon=1, reindex=False).variance.iloc[-1, 0])
        made[:, place] = series / fitted.conditional_volatility * ahead
    return made


ORACLES = {
    "historical": (ORDER, lambda returns, a: ranked(-returns @ WEIGHTS, a), 1e-12),
    "weighted": (AGED, lambda returns, a: aged(-returns @ WEIGHTS, a), 1e-9),
    "normal": (
        CLOSED,
        lambda returns, a: normal((returns @ WEIGHTS).mean(), (returns @ WEIGHTS).std(ddof=1), a),
        1e-10,
    ),
    "ewma": (
        CLOSED,
        lambda returns, a: normal(0.0, math.sqrt(WEIGHTS @ smoothed(returns) @ WEIGHTS), a),
        1e-10,
    ),
    "filtered": (ORDER, lambda returns, a: ranked(-refiltered(returns) @ WEIGHTS, a), 1e-9),
    "cornish-fisher": (CLOSED, lambda returns, a: bent(returns @ WEIGHTS, a), 1e-5),
}


@pytest.mark.parametrize("confidence", [0.95, 0.975, 0.99])
@pytest.mark.parametrize("method", sorted(ORACLES))
def test_each_method_equals_its_formula_written_out_and_components_add_up(method, confidence, var, returns):
    convention, oracle, near = ORACLES[method]

    told = var("--method", method, "--confidence", str(confidence))

    assert told["flags"] == []
    assert told["quantile_convention"] == convention
    assert (told["var"], told["es"]) == pytest.approx(oracle(returns, confidence), rel=near)
    parts = told["components"]
    assert sum(part["component_var"] for part in parts) == pytest.approx(told["var"], rel=1e-9)
    assert sum(part["component_es"] for part in parts) == pytest.approx(told["es"], rel=1e-9)
    for part, weight in zip(parts, WEIGHTS, strict=True):
        assert part["marginal_var"] * weight == pytest.approx(part["component_var"], rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_monte_carlo_comes_within_four_standard_errors_of_what_it_draws_from(confidence, var, returns):
    series = returns @ WEIGHTS
    exact = normal(series.mean(), series.std(ddof=1), confidence)

    told = var("--method", "monte-carlo", "--confidence", str(confidence))

    assert abs(told["var"] - exact[0]) < 4 * told["standard_error"]
    assert told["es"] == pytest.approx(exact[1], rel=0.02)
    assert told["quantile_convention"] == ORDER
    assert sum(part["component_var"] for part in told["components"]) == pytest.approx(told["var"], rel=1e-9)


def test_skfolio_gives_the_same_figures_and_numpy_the_linear_ones(var, returns):
    series = returns @ WEIGHTS

    told, linear = var("--confidence", "0.975"), var("--confidence", "0.975", "--quantile", "linear")

    assert told["var"] == pytest.approx(value_at_risk(series, 0.975), rel=1e-12)
    assert told["es"] == pytest.approx(cvar(series, 0.975), rel=1e-12)
    assert linear["var"] == pytest.approx(np.quantile(-series, 0.975), rel=1e-12)


def test_the_backtests_equal_their_formulas_written_out_over_plain_rolling_forecasts(var, returns):
    losses, window, expected = -returns @ WEIGHTS, 252, 0.05
    forecasts = [ranked(losses[day - window : day], 0.95) for day in range(window, ROWS)]
    flags = [loss > value for loss, (value, _) in zip(losses[window:], forecasts, strict=True)]
    days, seen = len(flags), sum(flags)

    told = var("--rolling", "252", "--backtest")["backtest"]

    rate = seen / days
    coverage = -2 * math.log(
        (1 - expected) ** (days - seen) * expected**seen / ((1 - rate) ** (days - seen) * rate**seen)
    )
    pairs = list(pairwise(flags))
    n00, n01, n10, n11 = (
        pairs.count(pair) for pair in ((False, False), (False, True), (True, False), (True, True))
    )
    after_none, after_one, anyway = n01 / (n00 + n01), n11 / (n10 + n11), (n01 + n11) / len(pairs)
    same = (1 - anyway) ** (n00 + n10) * anyway ** (n01 + n11)
    each = (1 - after_none) ** n00 * after_none**n01 * (1 - after_one) ** n10 * after_one**n11
    independence = -2 * math.log(same / each)
    beyond = [loss / es for loss, (_, es), out in zip(losses[window:], forecasts, flags, strict=True) if out]
    assert (told["observations"], told["exceptions"]) == (days, seen)
    assert told["kupiec"]["statistic"] == pytest.approx(coverage, rel=1e-9)
    assert told["kupiec"]["p_value"] == pytest.approx(chi2.sf(coverage, 1), rel=1e-9)
    assert told["christoffersen"]["statistic"] == pytest.approx(independence, rel=1e-9)
    assert told["conditional_coverage"]["p_value"] == pytest.approx(
        chi2.sf(coverage + independence, 2), rel=1e-9
    )
    at_most = math.fsum(
        math.comb(days, count) * expected**count * (1 - expected) ** (days - count)
        for count in range(seen + 1)
    )
    assert told["traffic_light"]["cumulative"] == pytest.approx(at_most, rel=1e-9)
    z2 = math.fsum(beyond) / (days * expected) - 1
    assert told["expected_shortfall"]["statistic"] == pytest.approx(z2, rel=1e-9)
