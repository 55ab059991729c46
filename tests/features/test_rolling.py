"""Windows keep the rounding of their own values only."""

import math

import numpy as np
from numpy.typing import NDArray

from features.momentum import stochastic
from features.moving_averages import simple_averages
from features.realised import realised_variance
from features.volatility import bollinger, close_score
from tests.features.random_bars import Market, computed, random_market


def closing_at(close: NDArray[np.float64]) -> Market:
    market = random_market(len(close))
    for name in ("open", "high", "low", "close"):
        market.bars[name] = close
    return market


def test_a_mean_is_as_exact_after_a_hundred_thousand_bars_as_after_fifty():
    market = random_market(100_000, seed=12)
    close = market.bars["close"]

    mean = computed(market, simple_averages())["sma_50"]

    ends = [*range(50, 300), *range(99_700, 100_001)]
    expected = [math.fsum(close[end - 50 : end]) / 50 for end in ends]
    np.testing.assert_allclose([mean[end - 1] for end in ends], expected, rtol=5e-15, atol=0)


def test_a_huge_value_leaves_nothing_behind_when_it_leaves_the_window():
    close = 1e-3 + 1e-6 * np.sin(np.arange(200))
    close[90] = 1e12

    features = computed(closing_at(close), simple_averages(), bollinger(), realised_variance())

    for end in range(152, 200):
        assert math.isclose(features["sma_50"][end], math.fsum(close[end - 49 : end + 1]) / 50, rel_tol=1e-14)
        window = close[end - 19 : end + 1]
        assert math.isclose(features["bollinger_upper"][end], window.mean() + 2 * window.std(), rel_tol=1e-12)
        squares = np.log(close[end - 59 : end + 1] / close[end - 60 : end]) ** 2
        assert math.isclose(features["realised_variance_60"][end], math.fsum(squares), rel_tol=1e-12)


def test_deviations_keep_twelve_digits_where_the_price_is_a_million_times_its_moves():
    close = 1e6 + np.random.default_rng(3).normal(0.0, 1.0, 3_000)

    score = computed(closing_at(close), close_score())["close_z_20"]

    windows = np.lib.stride_tricks.sliding_window_view(close - 1e6, 20)
    expected = (windows[:, -1] - windows.mean(axis=1)) / windows.std(axis=1)
    np.testing.assert_allclose(score[19:], expected, rtol=0, atol=1e-8)


def test_a_price_that_stands_still_has_no_deviation_at_all():
    close = np.concatenate((np.linspace(1.0, 2.0, 30), np.full(60, 0.1 + 0.2)))

    features = computed(closing_at(close), bollinger(), close_score(), stochastic())

    for name, value in (("bollinger_upper", 0.1 + 0.2), ("bollinger_percent_b", 0.5), ("close_z_20", 0.0)):
        assert features[name][50:].tolist() == [value] * 40, name
    assert features["stochastic_d"][50:].tolist() == [0.0] * 40


def test_highest_and_lowest_are_those_of_the_window_for_negative_prices_too():
    close = np.random.default_rng(4).normal(0.0, 5.0, 400)

    raw = computed(closing_at(close), stochastic(14, 1, 1))["stochastic_k"]

    windows = np.lib.stride_tricks.sliding_window_view(close, 14)
    lowest, highest = windows.min(axis=1), windows.max(axis=1)
    np.testing.assert_allclose(
        raw[13:], 100 * (close[13:] - lowest) / (highest - lowest), rtol=1e-13, atol=1e-12
    )
