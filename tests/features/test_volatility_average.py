"""The volatility that sizes positions: which returns count, and what a year is."""

import math

import numpy as np

from domain.market import MINUTE, Session
from features.realised import average_volatility
from tests.features.random_bars import Market, computed, random_market


def moving_by(change: float, count: int, day_bars: int = 390) -> Market:
    market = random_market(count, day_bars=day_bars)
    market.bars["close"] = 100.0 * np.exp(change * (np.arange(count) % 2))
    return market


def test_a_constant_move_a_minute_is_annualised_by_the_minutes_of_a_years_sessions():
    volatility = computed(moving_by(0.001, 40), average_volatility())["volatility_ewma"]

    assert np.isnan(volatility[:30]).all()
    np.testing.assert_allclose(volatility[30:], 0.001 * math.sqrt(252 * 390), rtol=1e-12)


def test_the_jump_over_night_does_not_count():
    calm, jumping = moving_by(0.001, 120, day_bars=60), moving_by(0.001, 120, day_bars=60)
    jumping.bars["close"][60:] *= 2.0

    np.testing.assert_array_equal(
        computed(jumping, average_volatility())["volatility_ewma"],
        computed(calm, average_volatility())["volatility_ewma"],
    )


def test_a_return_over_several_minutes_counts_as_the_variance_of_one():
    market = moving_by(0.001, 60)
    wide = market.rows(slice(None))
    wide.bars["close_at"] = wide.bars["close_at"][0] + 4 * MINUTE * np.arange(60)

    dense = computed(market, average_volatility())["volatility_ewma"]
    sparse = computed(wide, average_volatility())["volatility_ewma"]

    np.testing.assert_allclose(sparse[30:], dense[30:] / 2.0, rtol=1e-12)


def test_bars_outside_the_regular_session_repeat_the_value_before_them():
    market = moving_by(0.001, 80)
    market.bars["session"][60:] = int(Session.POST)
    market.bars["close"][60:] *= np.linspace(1.0, 2.0, 20)

    regular = computed(market, average_volatility())["volatility_ewma"]
    every = computed(market, average_volatility(regular_only=False))["volatility_ewma"]

    assert regular[60:].tolist() == [regular[59]] * 20
    assert every[60] == every[59]
    assert every[61] != every[60]


def test_day_bars_count_where_returns_may_span_days():
    market = moving_by(0.01, 60, day_bars=1)
    market.bars["close_at"] = market.days.astype(np.int64) * 24 * 60 * MINUTE

    nights = computed(market, average_volatility(within_day=False, seconds_a_year=365 * 86_400))[
        "volatility_ewma"
    ]
    days = computed(market, average_volatility())["volatility_ewma"]

    np.testing.assert_allclose(nights[30:], 0.01 * math.sqrt(365), rtol=1e-12)
    assert np.isnan(days).all()
