"""Published sheets: Skender's expected values to the last digit they print, and the worked tables of `ta`.

ta's sheets for RSI begin their averages at the first change and end before that fades, so they prove nothing here.
"""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.market import BAR, QUOTE_BAR
from features.family import Family
from features.momentum import commodity_channel, rates_of_change, relative_strength, stochastic
from features.moving_averages import exponential_averages, simple_averages
from features.trend_strength import directional
from features.volatility import bollinger, true_range
from features.volume import money_flow, on_balance, session_distance
from tests.features.random_bars import Market, computed

SHEETS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "indicators"
Floats = NDArray[np.float64]

pytestmark = pytest.mark.skipif(not SHEETS.is_dir(), reason="../shared/data/indicators is not there")


def market_of(**columns: Sequence[float]) -> Market:
    count = len(next(iter(columns.values())))
    bars = np.zeros(count, BAR)
    for name, column in columns.items():
        bars[name] = column
    return Market(bars, np.zeros(count, np.int32), np.empty(0, QUOTE_BAR))


def numbers(texts: Sequence[str]) -> Floats:
    return np.array([float(text) if text.strip() else np.nan for text in texts])


def sheet(name: str) -> dict[str, Floats]:
    with (SHEETS / "ta" / f"cs-{name}.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    columns = {title: [row[k] for row in rows[1:]] for k, title in enumerate(rows[0])}
    return {title: numbers(texts) for title, texts in columns.items() if title and "Date" not in title}


def skender_market(name: str) -> Market:
    with (SHEETS / "skender" / "quotes" / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("open", "high", "low", "close", "volume")
    return market_of(**{title: numbers([row[title] for row in rows]) for title in names})


def skender_column(name: str, field: str) -> Floats:
    rows = json.loads((SHEETS / "skender" / "results" / f"{name}.standard.json").read_text())
    return np.array([np.nan if row[field] is None else row[field] for row in rows], np.float64)


@pytest.mark.parametrize(
    ("family", "feature", "result", "field"),
    [
        (simple_averages((20,)), "sma_20", "sma", "sma"),
        (exponential_averages(20, 26), "ema_20", "ema", "ema"),
        (exponential_averages(), "ema_12", "macd", "fastEma"),
        (exponential_averages(), "ema_26", "macd", "slowEma"),
        (exponential_averages(), "macd", "macd", "macd"),
        (exponential_averages(), "macd_signal", "macd", "signal"),
        (exponential_averages(), "macd_histogram", "macd", "histogram"),
        (relative_strength(), "rsi_14", "rsi", "rsi"),
        (true_range(), "atr_14", "atr", "atr"),
        (true_range(), "true_range", "atr", "tr"),
        (bollinger(), "bollinger_middle", "bb", "sma"),
        (bollinger(), "bollinger_upper", "bb", "upperBand"),
        (bollinger(), "bollinger_lower", "bb", "lowerBand"),
        (bollinger(), "bollinger_percent_b", "bb", "percentB"),
    ],
)
def test_a_feature_equals_skenders_sheet_and_is_missing_where_it_is_null(
    family: Family, feature: str, result: str, field: str
):
    market = skender_market("default")

    values = computed(market, family)[feature]

    np.testing.assert_allclose(values, skender_column(result, field), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["penny", "zeros", "toobig", "bitcoin"])
def test_awkward_quotes_never_give_an_infinite_or_a_late_missing_value(name: str):
    market = skender_market(name)
    families = (
        simple_averages(),
        exponential_averages(),
        relative_strength(),
        stochastic(),
        directional(),
        bollinger(),
    )

    features = computed(market, *families)

    for family in families:
        for line in family.features:
            assert np.isfinite(features[line.name][line.warm_up - 1 :]).all(), line.name


def test_directional_movement_agrees_with_the_sheet_of_ta_once_the_seeds_have_faded():
    table = sheet("adx")
    market = market_of(high=table["High"], low=table["Low"], close=table["Close"])

    features = computed(market, directional())

    for feature, column in (("adx_14", "ADX"), ("plus_di_14", "+DI14"), ("minus_di_14", "-DI14")):
        np.testing.assert_allclose(features[feature][400:], table[column][400:], rtol=0, atol=1e-6)


def test_average_true_range_that_counts_the_first_bar_equals_the_sheet_of_ta():
    table = sheet("atr")
    market = market_of(high=table["High"], low=table["Low"], close=table["Close"])

    average = computed(market, true_range(first_range=True))["atr_14"]

    np.testing.assert_allclose(average[13:], table["ATR"][13:], rtol=0, atol=1e-9)


def test_bollinger_bands_equal_the_sheet_of_ta():
    table = sheet("bbands")

    features = computed(market_of(close=table["Close"]), bollinger())

    np.testing.assert_allclose(features["bollinger_upper"], table["HighBand"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(features["bollinger_lower"], table["LowBand"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(features["bollinger_percent_b"], table["PercentageBand"], rtol=0, atol=1e-6)


def test_the_commodity_channel_index_equals_the_sheet_of_ta():
    table = sheet("cci")
    market = market_of(high=table["High"], low=table["Low"], close=table["Close"])

    index = computed(market, commodity_channel())["cci_20"]

    np.testing.assert_allclose(index, table["CCI"], rtol=0, atol=0.03)


def test_the_money_flow_index_equals_the_sheet_of_ta():
    table = sheet("mfi")
    market = market_of(high=table["High"], low=table["Low"], close=table["Close"], volume=table["Volume"])

    index = computed(market, money_flow())["mfi_14"]

    np.testing.assert_allclose(index, table["MFI"], rtol=0, atol=1e-5)


def test_on_balance_volume_equals_the_sheet_of_ta():
    table = sheet("obv")
    volume = np.nan_to_num(table["Volume"])

    balance = computed(market_of(close=table["Close"], volume=volume), on_balance())["obv"]

    np.testing.assert_array_equal(balance[1:], table["OBV"][1:])


def test_macd_seeded_by_the_first_close_equals_the_sheet_of_ta():
    table = sheet("macd")

    features = computed(market_of(close=table["Close"]), exponential_averages(seed="first"))

    for feature, column in (("ema_12", "short_ema"), ("ema_26", "long_ema"), ("macd", "MACD_line")):
        known = ~np.isnan(table[column])
        np.testing.assert_allclose(features[feature][known], table[column][known], rtol=1e-9, atol=1e-9)


def test_the_stochastic_and_williams_r_equal_the_sheets_of_ta():
    table = sheet("soo")
    close = np.where(np.isnan(table["Close"]), (table["High"] + table["Low"]) / 2, table["Close"])
    market = market_of(high=table["High"], low=table["Low"], close=close)

    features = computed(market, stochastic(14, 1, 3))

    np.testing.assert_allclose(features["stochastic_k"][15:], table["SO"][15:], rtol=0, atol=1e-6)
    np.testing.assert_allclose(features["stochastic_d"][16:], table["SO_SIG"][16:], rtol=0, atol=1e-5)
    np.testing.assert_allclose(features["williams_r_14"], sheet("percentr")["Williams_%R"], rtol=0, atol=1e-6)


def test_the_rate_of_change_equals_the_sheet_of_ta():
    table = sheet("roc")

    rate = computed(market_of(close=table["Close"]), rates_of_change(percent=(12,)))["roc_12"]

    np.testing.assert_allclose(rate, table["ROC"], rtol=0, atol=1e-7)


def test_the_session_vwap_of_typical_prices_equals_the_sheet_of_ta_while_its_window_is_open():
    table = sheet("vwap")
    market = market_of(close=table["Close"], vwap=table["Typical Price"], volume=table["Volume"])

    average = computed(market, session_distance())["session_vwap"]

    np.testing.assert_allclose(average[:14], table["vwap"][:14], rtol=0, atol=1e-5)
