"""Each method of value at risk against plain calculations, arch and skfolio, and what positions add."""

import numpy as np
import pytest
from arch import arch_model
from arch.univariate import EWMAVariance, ZeroMean
from scipy.stats import kurtosis, skew

from analytics.covariance import ewma_covariance, ewma_variances, positive_semidefinite, square_root
from analytics.garch import fit_garch, garch_variances
from analytics.loss_distributions import CornishFisher
from analytics.loss_scenarios import Scenarios
from analytics.risk_models import CornishFisherModel, EllipticalModel
from analytics.value_at_risk import (
    Copula,
    Method,
    VarParams,
    age_weights,
    contributions,
    fit,
    standard_error,
    student_degrees,
)
from tests.analytics.plain_figures import COVARIANCE, NO_PANELS, PANELS, VALUES, stock_returns

needs_panels = pytest.mark.skipif(not PANELS.is_dir(), reason=NO_PANELS)
PARAMS = VarParams(simulations=20_000)


@pytest.fixture
def returns():
    """Return made-up returns of four assets with fat tails that depend on each other, (500, 4)."""
    generator = np.random.default_rng(5)
    market = generator.standard_t(5, (500, 1))
    return 0.01 * (0.6 * market + generator.standard_t(6, (500, 4)) * [1.0, 0.5, 1.5, 0.8])


def test_the_worked_example_of_components_is_met():
    model = EllipticalModel(np.zeros(3), COVARIANCE)

    parts = contributions(model, VALUES, 0.99)
    whole = model.distribution(VALUES)

    assert whole.deviation == pytest.approx(124_277.91, abs=0.005)
    assert whole.var(0.99) == pytest.approx(289_113.66, abs=0.005)
    assert whole.es(0.975) == pytest.approx(290_537.26, abs=0.005)
    assert [part.component_var for part in parts] == pytest.approx(
        [195_612.68, 69_915.15, 23_585.83], abs=0.005
    )
    assert sum(part.component_var for part in parts) == pytest.approx(whole.var(0.99), rel=1e-12)
    assert parts[2].incremental_var == pytest.approx(-9_937.43, abs=0.005)
    assert sum(part.component_es for part in parts) == pytest.approx(whole.es(0.99), rel=1e-12)


def test_the_published_variances_of_riskmetrics_are_met():
    series = np.array([0.01, -0.02, 0.015, -0.005, 0.03])

    variances = ewma_variances(series, 0.94, 1e-4)

    assert variances == pytest.approx([1e-4, 1e-4, 1.18e-4, 1.2442e-4, 1.184548e-4, 1.653475e-4], abs=5e-11)


def test_the_published_age_weights_are_met():
    weights = age_weights(250, 0.98)

    assert (weights[-1], weights[0]) == pytest.approx((0.020129, 0.000131557), rel=5e-5)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)


@needs_panels
def test_ewma_variances_of_real_shares_equal_those_of_arch():
    series = 100 * stock_returns(800)[:, 0]
    model = ZeroMean(series, volatility=EWMAVariance(0.94))

    theirs = model.fit(disp="off").conditional_volatility

    assert np.sqrt(ewma_variances(series, 0.94))[:-1] == pytest.approx(theirs, rel=1e-12)


@needs_panels
def test_garch_variances_of_real_shares_equal_those_of_arch():
    series = stock_returns(800)[:, 0]
    theirs = arch_model(100 * series, mean="Zero", vol="GARCH", rescale=False).fit(disp="off")

    ours = garch_variances(series, fit_garch(series))

    assert np.sqrt(ours)[:-1] * 100 == pytest.approx(theirs.conditional_volatility, rel=1e-9)
    ahead = theirs.forecast(horizon=1).variance.to_numpy()[-1, 0]
    assert ours[-1] * 1e4 == pytest.approx(ahead, rel=1e-9)


def test_the_matrix_of_ewma_gives_a_portfolio_the_variance_of_its_own_series(returns):
    weights = np.array([0.4, -0.2, 0.5, 0.3])

    matrix = ewma_covariance(returns, 0.94)

    assert weights @ matrix @ weights == pytest.approx(ewma_variances(returns @ weights, 0.94)[-1], rel=1e-10)


def test_filtered_scenarios_are_standard_returns_at_the_volatility_of_tomorrow(returns):
    weights = np.array([0.4, -0.2, 0.5, 0.3])
    scenarios = np.zeros_like(returns)
    for column in range(4):
        deviations = np.sqrt(ewma_variances(returns[:, column], 0.94))
        for row in range(500):
            scenarios[row, column] = returns[row, column] / deviations[row] * deviations[500]

    filtered = fit(Method.FILTERED, returns, weights).model.distribution(weights)

    assert filtered.var(0.95) == pytest.approx(Scenarios(-scenarios @ weights).var(0.95), rel=1e-12)


@pytest.mark.parametrize("method", list(Method))
def test_components_add_up_and_marginals_are_derivatives(method, returns):
    weights = np.array([0.4, -0.2, 0.5, 0.3])
    model = fit(method, returns, weights, PARAMS).model

    parts = contributions(model, weights, 0.95)

    whole = model.distribution(weights)
    assert sum(part.component_var for part in parts) == pytest.approx(whole.var(0.95), rel=1e-9)
    assert sum(part.component_es for part in parts) == pytest.approx(whole.es(0.95), rel=1e-9)
    for place, part in enumerate(parts):
        without = np.where(np.arange(4) == place, 0.0, weights)
        rest = model.distribution(without).var(0.95)
        assert part.incremental_var == pytest.approx(whole.var(0.95) - rest, abs=1e-12)
        step = 1e-6 * np.eye(4)[place]
        up, down = (model.distribution(weights + sign * step).es(0.95) for sign in (1, -1))
        assert part.component_es / weights[place] == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("method", sorted({*Method} - {Method.FILTERED, Method.MONTE_CARLO}))
def test_a_portfolio_and_its_own_series_have_the_same_figures(method, returns):
    weights = np.array([0.4, -0.2, 0.5, 0.3])

    panel = fit(method, returns, weights).model.distribution(weights)
    series = fit(method, (returns @ weights)[:, None], np.ones(1)).model.distribution(np.ones(1))

    for measure in ("var", "es"):
        ours, alone = getattr(panel, measure)(0.975), getattr(series, measure)(0.975)
        assert ours == pytest.approx(alone, rel=1e-10)


def test_cornish_fisher_falls_back_to_history_outside_of_its_domain_and_says_so():
    series = np.full((300, 1), 0.001)
    series[::50] = -0.2
    weights = np.ones(1)

    fitted = fit(Method.CORNISH_FISHER, series, weights)

    assert fitted.flags == ("cornish-fisher-outside-its-domain: historical in its place",)
    assert fitted.model.distribution(weights).var(0.95) == Scenarios(-series[:, 0]).var(0.95)
    same = fit(Method.CORNISH_FISHER, np.full((30, 1), 0.001), weights)
    assert same.flags == ("cornish-fisher-undefined: historical in its place",)


def test_cornish_fisher_takes_the_moments_of_the_sample(returns):
    weights = np.array([0.25, 0.25, 0.25, 0.25])
    series = returns @ weights

    bent = CornishFisherModel(returns).expansion(weights)

    assert bent == CornishFisher(
        pytest.approx(series.mean(), rel=1e-12),
        pytest.approx(series.std(ddof=1), rel=1e-12),
        pytest.approx(skew(series), rel=1e-9),
        pytest.approx(kurtosis(series), rel=1e-9),
    )


@pytest.mark.parametrize("copula", list(Copula))
def test_monte_carlo_comes_within_four_standard_errors_of_the_normal_figure_of_one_asset(copula, returns):
    one = np.array([1.0, 0.0, 0.0, 0.0])
    params = PARAMS._replace(copula=copula, simulations=50_000)

    drawn = fit(Method.MONTE_CARLO, returns, one, params).model.distribution(one)
    exact = fit(Method.NORMAL, returns, one).model.distribution(one)

    error = standard_error(drawn, 0.99)
    spread = returns[:, 0].std(ddof=1)
    density = np.exp(-0.5 * 2.326348**2) / np.sqrt(2 * np.pi) / spread
    assert error == pytest.approx(np.sqrt(0.99 * 0.01 / 50_000) / density, rel=0.15)
    assert abs(drawn.var(0.99) - exact.var(0.99)) < 4 * error


def test_the_same_seed_gives_the_same_figure_and_another_seed_another(returns):
    weights = np.full(4, 0.25)

    def var(seed):
        params = PARAMS._replace(seed=seed)
        return fit(Method.MONTE_CARLO, returns, weights, params).model.distribution(weights).var(0.95)

    assert var(1) == var(1)
    assert var(1) != var(2)


def test_joint_losses_are_more_frequent_under_the_t_copula(returns):
    weights = np.full(4, 0.25)

    def es(copula):
        params = PARAMS._replace(copula=copula)
        return fit(Method.MONTE_CARLO, returns, weights, params).model.distribution(weights).es(0.99)

    assert es(Copula.STUDENT_T) > 1.05 * es(Copula.NORMAL)


def test_a_matrix_that_is_no_covariance_is_made_one_with_its_variances_kept():
    wrong = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    deviations = np.array([1.0, 2.0, 3.0])
    matrix = wrong * np.outer(deviations, deviations)

    repaired = positive_semidefinite(matrix)

    assert repaired.changed
    assert repaired.lowest == pytest.approx(np.linalg.eigvalsh(wrong)[0], rel=1e-9)
    assert np.diag(repaired.matrix) == pytest.approx(np.diag(matrix), rel=1e-12)
    assert np.linalg.eigvalsh(repaired.matrix)[0] > -1e-12
    assert not positive_semidefinite(COVARIANCE).changed
    root = square_root(repaired.matrix)
    assert root @ root.T == pytest.approx(repaired.matrix, abs=1e-9)


def test_the_degrees_of_freedom_of_a_long_student_series_are_found():
    series = 0.01 * np.random.default_rng(3).standard_t(5, 40_000)

    assert student_degrees(series) == pytest.approx(5.0, abs=0.4)


def test_what_cannot_be_fitted_is_refused(returns):
    four = np.full(4, 0.25)

    for method, panel, weights, params in (
        (Method.HISTORICAL, returns[:1], four, None),
        (Method.HISTORICAL, returns, four[:2], None),
        (Method.EWMA, returns, four, VarParams(decay=1.0)),
        (Method.WEIGHTED, returns, four, VarParams(age_decay=0.0)),
        (Method.MONTE_CARLO, returns, four, VarParams(simulations=5)),
    ):
        with pytest.raises(ValueError, match=r"at least 2 observations|lambda lies|at least 100 simulations"):
            fit(method, panel, weights, params)
