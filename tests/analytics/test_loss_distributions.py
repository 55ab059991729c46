"""VaR and ES of each distribution: the figures of standards.md 2.2 to their last digit, and properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skfolio.measures import cvar, value_at_risk

from analytics.loss_distributions import CornishFisher, Normal, StudentT, cornish_fisher_valid
from analytics.loss_scenarios import Scenarios
from tests.analytics.plain_figures import NO_PANELS, PANELS, stock_returns

ONE_TO_250 = np.arange(1.0, 251.0)


@pytest.mark.parametrize(
    ("confidence", "var", "es", "linear"),
    [(0.95, 238, 244.24, 237.55), (0.975, 244, 247.36, 243.775), (0.99, 248, 249.20, 247.51)],
)
def test_losses_of_1_to_250_have_the_published_var_and_es(confidence, var, es, linear):
    seen = Scenarios(ONE_TO_250[::-1].copy())

    assert seen.var(confidence) == var
    assert seen.es(confidence) == pytest.approx(es, abs=1e-9)
    assert Scenarios(ONE_TO_250, linear=True).var(confidence) == pytest.approx(linear, abs=1e-9)
    assert Scenarios(ONE_TO_250, linear=True).es(confidence) == pytest.approx(es, abs=1e-9)


@pytest.mark.parametrize(
    ("confidence", "var", "es"),
    [
        (0.95, 1.644854, 2.062713),
        (0.975, 1.959964, 2.337803),
        (0.99, 2.326348, 2.665214),
        (0.995, 2.575829, 2.891949),
    ],
)
def test_a_normal_loss_has_the_published_multiples(confidence, var, es):
    assert Normal(0.0, 1.0).var(confidence) == pytest.approx(var, abs=5e-7)
    assert Normal(0.0, 1.0).es(confidence) == pytest.approx(es, abs=5e-7)


@pytest.mark.parametrize(
    ("degrees", "confidence", "var", "es"),
    [
        (4, 0.975, 1.963243, 2.823871),
        (6, 0.975, 1.997895, 2.658636),
        (10, 0.975, 1.992908, 2.521388),
        (4, 0.99, 2.649492, 3.691510),
        (6, 0.99, 2.565978, 3.292545),
        (10, 0.99, 2.471991, 3.008184),
    ],
)
def test_a_student_loss_has_the_published_multiples(degrees, confidence, var, es):
    assert StudentT(0.0, 1.0, degrees).var(confidence) == pytest.approx(var, abs=5e-7)
    assert StudentT(0.0, 1.0, degrees).es(confidence) == pytest.approx(es, abs=5e-7)


@pytest.mark.parametrize(
    ("skewness", "kurtosis", "at_95", "at_99"),
    [
        (-0.5, 1, 1.762106, 2.833709),
        (-0.5, 3, 1.721744, 3.301284),
        (-1, 3, 1.849786, 3.386689),
        (0, 3, 1.584311, 3.027711),
        (0, 0, 1.644854, 2.326348),
    ],
)
def test_cornish_fisher_has_the_published_multiples(skewness, kurtosis, at_95, at_99):
    bent = CornishFisher(0.0, 1.0, skewness, kurtosis)

    assert bent.is_valid
    assert bent.var(0.95) == pytest.approx(at_95, abs=5e-7)
    assert bent.var(0.99) == pytest.approx(at_99, abs=5e-7)


@pytest.mark.parametrize(("skewness", "kurtosis"), [(-1, 1), (-2, 4), (0.5, 0), (0, 9), (0, -1)])
def test_cornish_fisher_is_not_valid_outside_of_its_domain(skewness, kurtosis):
    assert not cornish_fisher_valid(skewness, kurtosis)


@pytest.mark.parametrize(
    "forecast",
    [
        Normal(0.01, 0.2),
        StudentT(-0.01, 0.2, 5.0),
        CornishFisher(0.01, 0.2, -0.5, 3.0),
        Scenarios(ONE_TO_250, np.linspace(1.0, 2.0, 250)),
        Scenarios(ONE_TO_250),
    ],
)
def test_es_is_the_mean_of_var_over_the_tail(forecast):
    starts = 0.95 + 0.05 * (np.arange(200_000) + 0.5) / 200_000

    mean = np.mean([forecast.var(start) for start in starts[::40]])

    assert forecast.es(0.95) == pytest.approx(mean, rel=2e-3)
    assert forecast.beyond(np.array([0.95, 0.99])) == pytest.approx(
        [0.05 * forecast.es(0.95), 0.01 * forecast.es(0.99)], rel=1e-9
    )


@pytest.mark.skipif(not PANELS.is_dir(), reason=NO_PANELS)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.975, 0.99])
def test_historical_figures_of_real_shares_equal_those_of_skfolio(confidence):
    returns = stock_returns(1000)
    weights = 0.98 ** np.arange(1000)[::-1]

    plain = [Scenarios(-column) for column in returns.T]
    aged = [Scenarios(-column, weights) for column in returns.T]

    var = [value_at_risk(returns, confidence), value_at_risk(returns, confidence, sample_weight=weights)]
    es = [cvar(returns, confidence), cvar(returns, confidence, sample_weight=weights)]
    assert [each.var(confidence) for each in plain] == pytest.approx(list(var[0]), rel=1e-12)
    assert [each.es(confidence) for each in plain] == pytest.approx(list(es[0]), rel=1e-12)
    assert [each.var(confidence) for each in aged] == pytest.approx(list(var[1]), rel=1e-12)
    assert [each.es(confidence) for each in aged] == pytest.approx(list(es[1]), rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e3, 1e3)), st.floats(0.01, 0.99))
def test_var_is_the_smallest_loss_that_is_not_exceeded_often_enough(losses, confidence):
    var = Scenarios(losses).var(confidence)

    assert np.mean(losses <= var) >= confidence - 1e-9
    assert np.mean(losses < var) < confidence
    assert Scenarios(losses).es(confidence) >= var - 1e-9


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, -0.1, float("nan")])
def test_a_confidence_outside_of_0_and_1_is_refused(confidence):
    for forecast in (Normal(0.0, 1.0), StudentT(0.0, 1.0, 5.0), Scenarios(ONE_TO_250)):
        with pytest.raises(ValueError, match=r"a confidence lies between 0 and 1, such as 0\.95"):
            forecast.var(confidence)


def test_scenarios_that_make_no_distribution_are_refused():
    for losses, weights, linear in (
        (np.array([]), None, False),
        (np.array([1.0, np.nan]), None, False),
        (ONE_TO_250, np.ones(3), False),
        (ONE_TO_250, np.zeros(250), False),
        (ONE_TO_250, -np.ones(250), False),
        (ONE_TO_250, np.ones(250), True),
    ):
        with pytest.raises(
            ValueError, match=r"needs at least one loss|are one for each loss|linear quantile"
        ):
            Scenarios(losses, weights, linear)
    with pytest.raises(ValueError, match="above 2; 2 was given"):
        StudentT(0.0, 1.0, 2.0)
