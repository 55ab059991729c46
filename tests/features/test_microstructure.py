"""Measures of quotes, on the worked examples of standards.md 6.5 and at the edges."""

import math

import numpy as np

from features import evaluate
from features.microstructure import quote_measures
from tests.features.random_bars import Market, computed, random_market


def one_quote(**fields: float) -> Market:
    market = random_market(1)
    quotes = np.zeros(1, market.quotes.dtype)
    quotes[["bid", "ask"]] = (np.nan, np.nan)
    for name, value in fields.items():
        quotes[name] = value
    return market._replace(quotes=quotes)


def test_weighted_mid_and_queue_imbalance_are_those_of_the_standard():
    market = one_quote(bid=99.99, bid_size=300, ask=100.01, ask_size=100)

    features = computed(market, quote_measures())

    middle = (99.99 + 100.01) / 2
    assert features["queue_imbalance"][0] == 0.5
    assert math.isclose(middle * (1 + features["microprice_distance"][0]), 100.005, rel_tol=1e-15)
    assert math.isclose(features["quote_spread"][0], 0.02, abs_tol=1e-13)
    assert math.isclose(features["quote_spread_bps"][0], 2.0, abs_tol=1e-9)


def test_the_order_flow_of_the_standard_is_given_in_average_depths_of_a_side():
    path = [(700, 400, 200), (300, 600, 700), (300, 200, 400), (900, 100, -400)]
    market = random_market(4)
    market.quotes["bid_size"], market.quotes["ask_size"], market.quotes["order_flow"] = np.array(
        path, float
    ).T

    flow = computed(market, quote_measures(depth_decay=0.0))["order_flow_imbalance"]
    smooth = computed(market, quote_measures(depth_decay=0.5))["order_flow_imbalance"]

    assert flow.tolist() == [200 / 550, 700 / 450, 400 / 250, -400 / 500]
    assert smooth.tolist() == [200 / 550, 700 / 500, 400 / 375, -400 / 437.5]


def test_trade_signs_go_from_all_sold_to_all_bought():
    market = random_market(4)
    market.quotes["buy_volume"] = [0.0, 300.0, 100.0, 0.0]
    market.quotes["sell_volume"] = [500.0, 100.0, 0.0, 0.0]

    imbalance = computed(market, quote_measures())["trade_sign_imbalance"]

    np.testing.assert_array_equal(imbalance, [-1.0, 0.5, 1.0, np.nan])


def test_a_bar_with_one_side_quoted_has_no_spread_and_no_imbalance():
    market = one_quote(bid=99.99, bid_size=300, buy_volume=10)

    features = computed(market, quote_measures())

    known = [name for name, values in features.items() if not np.isnan(values[0])]
    assert known == ["trade_sign_imbalance"]


def test_a_bar_without_new_quotes_has_no_means_but_keeps_its_last_spread():
    market = one_quote(bid=99.0, bid_size=100, ask=101.0, ask_size=100, quote_count=0)

    features = computed(market, quote_measures())

    assert np.isnan(features["quote_spread_mean"][0])
    assert np.isnan(features["quote_spread_mean_bps"][0])
    assert np.isnan(features["queue_imbalance_mean"][0])
    assert features["quote_spread"][0] == 2.0
    assert features["quote_spread_bps"][0] == 200.0


def test_a_bar_without_both_sizes_does_not_move_the_average_depth():
    market = random_market(3)
    market.quotes["bid"][1] = np.nan
    family = quote_measures()
    states = evaluate.fresh((family,), 1)

    evaluate.run((family,), states, *market.rows(slice(0, 1)))
    before = states[0].tobytes()
    evaluate.run((family,), states, *market.rows(slice(1, 2)))

    assert states[0].tobytes() == before
