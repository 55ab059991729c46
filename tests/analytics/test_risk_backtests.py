"""Backtests: every figure of standards.md 2.3, the published tables, and the power of the test of shortfall."""

import numpy as np
import pytest

from analytics.loss_distributions import Normal
from analytics.loss_scenarios import Scenarios
from analytics.risk_backtests import (
    MULTIPLIERS_1996,
    Ratio,
    Transitions,
    christoffersen,
    conditional_coverage,
    kupiec,
    leaves_internal_model,
    shortfall_statistic,
    shortfall_test,
    tail_losses,
    traffic_light,
    transitions,
)

LIGHTS = (
    (0.081059, "green", 5.0252, 0.0250),
    (0.285752, "green", 1.1765, 0.2781),
    (0.543169, "green", 0.1084, 0.7419),
    (0.758117, "green", 0.0949, 0.7580),
    (0.892188, "green", 0.7691, 0.3805),
    (0.958817, "yellow", 1.9568, 0.1619),
    (0.986299, "yellow", 3.5554, 0.0594),
    (0.995975, "yellow", 5.4970, 0.0190),
    (0.998943, "yellow", 7.7336, 0.0054),
    (0.999750, "yellow", 10.2290, 0.0014),
    (0.999946, "red", 12.9555, 0.0003),
)
MAR33 = (1.50, 1.50, 1.50, 1.50, 1.50, 1.70, 1.76, 1.83, 1.88, 1.92, 2.00)


def ratio(statistic, p_value, degrees):
    return Ratio(statistic, p_value, degrees)


def spread(*places):
    flags = np.zeros(250, np.bool_)
    flags[list(places)] = True
    return flags


@pytest.mark.parametrize("exceptions", range(11))
def test_250_days_at_99_per_cent_have_the_published_zone_and_ratio(exceptions):
    cumulative, zone, statistic, p_value = LIGHTS[exceptions]

    light, coverage = traffic_light(250, exceptions, 0.01), kupiec(250, exceptions, 0.01)

    assert light.zone == zone
    assert light.cumulative == pytest.approx(cumulative, abs=5e-7)
    assert (light.multiplier, light.multiplier_1996) == (MAR33[exceptions], MULTIPLIERS_1996[exceptions])
    assert coverage == ratio(pytest.approx(statistic, abs=5e-5), pytest.approx(p_value, abs=5e-5), 1)


def test_the_multiplier_is_of_250_days_at_99_per_cent_and_ends_at_ten_exceptions():
    assert traffic_light(250, 40, 0.01).multiplier == 2.00
    assert traffic_light(250, 40, 1.0 - 0.99).multiplier == 2.00
    assert traffic_light(252, 4, 0.01).multiplier is None
    assert traffic_light(250, 4, 0.05).multiplier is None


@pytest.mark.parametrize(
    ("expected", "days", "above", "below"),
    [
        (0.01, 255, 0, 7),
        (0.01, 510, 1, 11),
        (0.01, 1000, 4, 17),
        (0.025, 255, 2, 12),
        (0.025, 510, 6, 21),
        (0.025, 1000, 15, 36),
        (0.05, 255, 6, 21),
        (0.05, 510, 16, 36),
        (0.05, 1000, 37, 65),
        (0.075, 255, 11, 28),
        (0.075, 510, 27, 51),
        (0.075, 1000, 59, 92),
        (0.10, 255, 16, 36),
        (0.10, 510, 38, 65),
        (0.10, 1000, 81, 120),
    ],
)
def test_kupiec_does_not_reject_within_the_published_bounds_alone(expected, days, above, below):
    kept = [n for n in range(days + 1) if kupiec(days, n, expected).statistic <= 3.841459]

    assert (kept[0] - 1, kept[-1] + 1) == (above, below)


@pytest.mark.parametrize(
    ("flags", "counts", "coverage", "independence", "joint"),
    [
        (spread(10, 60, 110, 160, 210), (239, 5, 5, 0), 1.956810, 0.204932, 2.161742),
        (spread(100, 101, 102, 103, 104), (243, 1, 1, 4), 1.956810, 30.984813, 32.941622),
        (spread(20, 21, 90, 150, 151, 200, 230), (237, 5, 5, 2), 5.496990, 6.736193, 12.233184),
    ],
)
def test_clustered_exceptions_have_the_published_ratios(flags, counts, coverage, independence, joint):
    seen = transitions(flags)
    first, second = kupiec(250, int(flags.sum()), 0.01), christoffersen(seen)

    assert seen == Transitions(*counts)
    assert first.statistic == pytest.approx(coverage, abs=1e-6)
    assert second.statistic == pytest.approx(independence, abs=1e-6)
    assert conditional_coverage(first, second).statistic == pytest.approx(joint, abs=1.5e-6)


def test_the_published_example_of_1043_days_is_met():
    coverage, independence = kupiec(1043, 57, 0.05), christoffersen(Transitions(932, 53, 53, 4))
    joint, light = conditional_coverage(coverage, independence), traffic_light(1043, 57, 0.05)

    assert coverage == ratio(pytest.approx(0.46147, abs=5e-6), pytest.approx(0.49694, abs=5e-6), 1)
    assert independence == ratio(pytest.approx(0.25866, abs=5e-6), pytest.approx(0.61104, abs=5e-6), 1)
    assert joint == ratio(pytest.approx(0.72013, abs=5e-6), pytest.approx(0.69763, abs=5e-6), 2)
    assert (light.cumulative, light.type_one) == pytest.approx((0.77913, 0.26396), abs=5e-6)


def test_days_without_and_with_nothing_but_exceptions_have_finite_ratios():
    for flags in (np.zeros(50, np.bool_), np.ones(50, np.bool_)):
        assert tuple(christoffersen(transitions(flags))) == (0.0, 1.0, 1)
        assert np.isfinite(kupiec(50, int(flags.sum()), 0.05).statistic)


def test_a_desk_leaves_the_internal_model_above_12_or_30_exceptions():
    assert [leaves_internal_model(*n) for n in ((12, 30), (13, 0), (0, 31))] == [False, True, True]


def test_tail_losses_have_the_shortfall_as_their_mean():
    for forecast in (Normal(0.001, 0.02), Scenarios(np.arange(1.0, 251.0))):
        assert tail_losses(forecast, 0.95).mean() == pytest.approx(forecast.es(0.95), rel=1e-9)


def test_the_statistic_of_shortfall_is_nought_where_losses_are_as_forecast():
    losses, flags, shortfalls = np.zeros(100), np.zeros(100, np.bool_), np.full(100, 2.0)
    flags[:5], losses[:5] = True, 2.0

    assert shortfall_statistic(losses, flags, shortfalls, 0.05) == pytest.approx(0.0, abs=1e-12)
    assert shortfall_statistic(2 * losses, flags, shortfalls, 0.05) == pytest.approx(1.0, abs=1e-12)
    with pytest.raises(ValueError, match="forecasts above 0"):
        shortfall_statistic(losses, flags, np.zeros(100), 0.05)


def test_a_shortfall_that_is_too_small_is_found_and_a_right_one_is_not():
    forecast = Normal(0.0, 1.0)
    tails = np.tile(tail_losses(forecast, 0.975), (1000, 1))
    shortfalls = np.full(1000, forecast.es(0.975))
    p_values = {}
    for deviation in (1.0, 1.3):
        losses = deviation * np.random.default_rng(8).standard_normal(1000)
        exceptions = losses > forecast.var(0.975)
        p_values[deviation] = shortfall_test(losses, exceptions, shortfalls, tails, 0.025, 2000).p_value

    assert p_values[1.0] > 0.05
    assert p_values[1.3] < 0.01


def test_the_p_value_is_the_same_for_the_same_seed():
    tails = np.tile(tail_losses(Normal(0.0, 1.0), 0.95), (100, 1))
    losses = np.random.default_rng(1).standard_normal(100)
    flags = losses > Normal(0.0, 1.0).var(0.95)
    given = losses, flags, np.full(100, Normal(0.0, 1.0).es(0.95)), tails, 0.05

    assert shortfall_test(*given, 500, 3) == shortfall_test(*given, 500, 3)


@pytest.mark.parametrize(("days", "exceptions", "expected"), [(0, 0, 0.01), (10, 11, 0.01), (10, 1, 0.0)])
def test_counts_that_cannot_be_are_refused(days, exceptions, expected):
    for backtest in (kupiec, traffic_light):
        with pytest.raises(ValueError, match="a backtest needs observations"):
            backtest(days, exceptions, expected)
