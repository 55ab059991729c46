"""Engle-Granger equals statsmodels, a worked case by hand, and finds what belongs together and what does not."""

import numpy as np
import pytest
from statsmodels.tsa.adfvalues import mackinnoncrit
from statsmodels.tsa.stattools import coint

from features.cointegration import critical_value, engle_granger


def two(seed, tied, count=300):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=count).cumsum()
    left = rng.normal(size=count) if tied else rng.normal(size=count).cumsum()
    return 2.0 + 0.7 * x + left, x


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tied", [True, False])
def test_the_statistic_is_that_of_statsmodels(seed, tied):
    y, x = two(seed, tied)

    fit = engle_granger(y, x)

    beta, alpha = np.polyfit(x, y, 1)
    reference = coint(y, x, trend="c", maxlag=1, autolag=None)
    np.testing.assert_allclose(fit[:2], [alpha, beta], rtol=1e-9)
    np.testing.assert_allclose(fit.statistic, reference[0], rtol=1e-9)
    left = y - alpha - beta * x
    np.testing.assert_allclose(fit.deviation, np.sqrt((left**2).sum() / 298), rtol=1e-9)


@pytest.mark.parametrize("count", [20, 60, 240, 1000])
def test_critical_values_are_those_of_mackinnon(count):
    expected = mackinnoncrit(2, "c", count)

    np.testing.assert_allclose(
        [critical_value(0.05, count), critical_value(0.1, count)], expected[1:], rtol=1e-9
    )


def test_a_line_without_a_rest_has_alpha_and_beta_and_nothing_to_test():
    x = np.arange(32.0) - 15.5

    fit = engle_granger(3.0 + 2.0 * x, x)

    assert (fit.alpha, fit.beta, fit.deviation) == (3.0, 2.0, 0.0)
    assert np.isnan(fit.statistic)


def test_about_one_in_twenty_of_pairs_that_drift_apart_falls_below_the_five_percent_value():
    below = [engle_granger(*two(seed, False)).statistic < critical_value(0.05, 299) for seed in range(400)]
    tied = [engle_granger(*two(seed, True)).statistic < critical_value(0.05, 299) for seed in range(100)]

    assert 8 <= sum(below) <= 34
    assert all(tied)


@pytest.mark.parametrize("count", [0, 19])
def test_too_few_observations_have_no_fit(count):
    assert np.isnan(engle_granger(np.zeros(count), np.arange(float(count)))).all()


def test_columns_of_two_lengths_and_a_level_that_has_no_value_are_refused():
    with pytest.raises(ValueError, match=r"two columns of one length; \(3,\) and \(2,\) were given"):
        engle_granger(np.zeros(3), np.zeros(2))
    with pytest.raises(
        ValueError, match=r"a level of 0\.01, 0\.05, 0\.1 and at least 20 observations; 0\.02 and 50"
    ):
        critical_value(0.02, 50)
