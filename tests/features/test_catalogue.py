"""The catalogue tells the truth about the families."""

import re

import numpy as np
import pytest

from features.catalogue import (
    CATALOGUE,
    columns,
    default_families,
    families_of,
    feature,
    lines,
    price_columns,
)
from features.moving_averages import simple_averages
from tests.features.random_bars import computed, random_market

UNITS = {
    "price",
    "ratio",
    "percent",
    "basis points",
    "index",
    "volume",
    "currency",
    "variance",
    "score",
    "signed volume",
}


def test_there_are_at_least_thirty_features_and_each_has_a_name_of_its_own():
    names = [line.name for line in CATALOGUE]

    assert len(set(names)) == len(names) >= 30


def test_every_line_has_a_plain_name_a_meaning_a_known_unit_and_a_source():
    for line in CATALOGUE:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", line.name)
        assert line.meaning
        assert line.unit in UNITS
        assert line.source
        assert line.version >= 1


def test_every_feature_speaks_first_at_its_warm_up_and_never_falls_silent_on_whole_bars():
    market = random_market(800, seed=9)

    features = computed(market, *default_families())

    for line in CATALOGUE:
        spoken = ~np.isnan(features[line.name])
        if line.name == "vwap_distance_z_30":
            spoken[390 : 390 + 29] = True
            spoken[780:] = True
        assert int(np.argmax(spoken)) + 1 == line.warm_up, line.name
        assert spoken[line.warm_up - 1 :].all(), line.name


def test_prices_and_only_prices_scale_with_the_price():
    market = random_market(500, seed=1)
    doubled = market.rows(slice(None))
    for name in ("open", "high", "low", "close", "vwap"):
        doubled.bars[name] *= 2.0
    for name in ("bid", "ask", "spread_sum"):
        doubled.quotes[name] *= 2.0
    families = default_families()

    once, twice = computed(market, *families), computed(doubled, *families)

    scaling = [
        line.name
        for line in CATALOGUE
        if np.allclose(twice[line.name], 2.0 * once[line.name], equal_nan=True, atol=0)
    ]
    assert [columns(families)[k] for k in price_columns(families)] == scaling


def test_columns_stand_in_the_order_of_the_families():
    assert columns(default_families()) == tuple(line.name for line in CATALOGUE)


def test_a_wrong_name_is_answered_with_the_nearest_one():
    assert feature("rsi_14").warm_up == 15

    with pytest.raises(ValueError, match=r"no feature is named 'rsi14'; the nearest is 'rsi_14'"):
        feature("rsi14")


def test_one_name_in_two_families_is_refused():
    with pytest.raises(ValueError, match="'sma_10' was given twice"):
        lines((simple_averages((10,)), simple_averages((10, 20))))


def test_the_families_of_some_names_are_those_that_make_them():
    chosen = families_of(("rsi_14", "macd", "ema_12"), default_families())

    assert [family.name for family in chosen] == ["exponential_averages", "relative_strength"]
    with pytest.raises(ValueError, match="no feature is named 'atr'"):
        families_of(("atr",), default_families())
