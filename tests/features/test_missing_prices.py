"""A bar without a price says nothing and changes nothing that is made of prices."""

import numpy as np
import pytest

from features import evaluate
from features.catalogue import CATALOGUE, columns, default_families
from features.family import Family
from tests.features.random_bars import Market, computed, random_market

COUNTS_VOLUME = {"session_distance", "volume_profile", "quote_measures"}
FAMILIES = default_families()
OF_PRICE = tuple(family for family in FAMILIES if family.name not in COUNTS_VOLUME)


def with_silent_bars(market: Market) -> tuple[Market, np.ndarray]:
    silent = np.random.default_rng(1).random(len(market.bars)) < 0.2
    for name in ("open", "high", "low", "close"):
        market.bars[name][silent] = np.nan
    return market, silent


@pytest.mark.parametrize("family", OF_PRICE, ids=lambda family: family.name)
def test_bars_without_prices_give_nan_and_the_others_what_they_give_without_them(family: Family):
    market, silent = with_silent_bars(random_market(300, seed=6))

    with_them = evaluate.run((family,), evaluate.fresh((family,), 1), *market)
    without = evaluate.run((family,), evaluate.fresh((family,), 1), *market.rows(~silent))

    assert np.isnan(with_them[:, silent]).all()
    np.testing.assert_array_equal(with_them[:, ~silent], without)


@pytest.mark.parametrize("family", OF_PRICE, ids=lambda family: family.name)
def test_a_bar_without_prices_leaves_the_state_as_it_was(family: Family):
    market = random_market(100, seed=6)
    states = evaluate.fresh((family,), 1)
    evaluate.run((family,), states, *market.rows(slice(0, 99)))
    before = states[0].tobytes()
    last = market.rows(slice(99, 100))
    for name in ("open", "high", "low", "close"):
        last.bars[name] = np.nan

    evaluate.run((family,), states, *last)

    assert states[0].tobytes() == before


def test_volume_of_a_bar_without_prices_counts_in_the_session_vwap():
    market = random_market(3)
    market.bars["vwap"] = [10.0, 20.0, 30.0]
    market.bars["volume"] = [1.0, 1.0, 2.0]
    market.bars["close"] = [10.0, np.nan, 45.0]

    features = computed(market, *default_families())

    assert features["session_vwap"].tolist() == [10.0, 15.0, 22.5]
    np.testing.assert_array_equal(features["vwap_distance"], [0.0, np.nan, 1.0])


def test_features_of_returns_pass_over_prices_that_are_not_positive():
    market = random_market(200, seed=8)
    odd = np.arange(200) % 50 == 49
    market.bars["close"][odd] = [0.0, -1.0, 0.0, -2.0]
    names = [
        line.name for line in CATALOGUE if line.name.startswith(("log_", "realised", "bipower", "amihud"))
    ]

    features = computed(market, *FAMILIES)
    without = computed(market.rows(~odd), *FAMILIES)

    for name in names:
        assert np.isnan(features[name][odd]).all()
        np.testing.assert_array_equal(features[name][~odd], without[name])


def test_a_run_without_quotes_leaves_the_features_of_quotes_empty_and_the_others_as_they_were():
    market = random_market(100, seed=8)
    of_quotes = FAMILIES[-1].features

    with_quotes = evaluate.run(FAMILIES, evaluate.fresh(FAMILIES, 1), *market)
    without = evaluate.run(FAMILIES, evaluate.fresh(FAMILIES, 1), market.bars, market.days, market.quotes[:0])

    assert columns(FAMILIES)[-len(of_quotes)] == "quote_spread"
    assert np.isnan(without[-len(of_quotes) :]).all()
    np.testing.assert_array_equal(without[: -len(of_quotes)], with_quotes[: -len(of_quotes)])
