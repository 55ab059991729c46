"""Every indicator that TA-Lib has, to 1e-9, with values missing at the same bars."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import talib
from numpy.typing import NDArray

from features.catalogue import default_families
from tests.features.random_bars import Market, computed, random_market

Floats = NDArray[np.float64]
COUNT = 1_500


class Prices(NamedTuple):
    """Columns as TA-Lib takes them."""

    high: Floats
    low: Floats
    close: Floats
    volume: Floats


ORACLES: dict[str, Callable[[Prices], Floats]] = {
    "sma_10": lambda p: talib.SMA(p.close, 10),
    "sma_20": lambda p: talib.SMA(p.close, 20),
    "sma_50": lambda p: talib.SMA(p.close, 50),
    "ema_12": lambda p: talib.EMA(p.close, 12),
    "ema_26": lambda p: talib.EMA(p.close, 26),
    "rsi_14": lambda p: talib.RSI(p.close, 14),
    "stochastic_k": lambda p: talib.STOCH(p.high, p.low, p.close, 14, 3, 0, 3, 0)[0],
    "stochastic_d": lambda p: talib.STOCH(p.high, p.low, p.close, 14, 3, 0, 3, 0)[1],
    "williams_r_14": lambda p: talib.WILLR(p.high, p.low, p.close, 14),
    "cci_20": lambda p: talib.CCI(p.high, p.low, p.close, 20),
    "log_return_1": lambda p: np.log(talib.ROCR(p.close, 1)),
    "log_return_5": lambda p: np.log(talib.ROCR(p.close, 5)),
    "log_return_15": lambda p: np.log(talib.ROCR(p.close, 15)),
    "roc_10": lambda p: talib.ROC(p.close, 10),
    "adx_14": lambda p: talib.ADX(p.high, p.low, p.close, 14),
    "plus_di_14": lambda p: talib.PLUS_DI(p.high, p.low, p.close, 14),
    "minus_di_14": lambda p: talib.MINUS_DI(p.high, p.low, p.close, 14),
    "atr_14": lambda p: talib.ATR(p.high, p.low, p.close, 14),
    "true_range": lambda p: talib.TRANGE(p.high, p.low, p.close),
    "bollinger_upper": lambda p: talib.BBANDS(p.close, 20, 2.0, 2.0)[0],
    "bollinger_middle": lambda p: talib.BBANDS(p.close, 20, 2.0, 2.0)[1],
    "bollinger_lower": lambda p: talib.BBANDS(p.close, 20, 2.0, 2.0)[2],
    "obv": lambda p: talib.OBV(p.close, p.volume),
    "mfi_14": lambda p: talib.MFI(p.high, p.low, p.close, p.volume, 14),
}


def prices(market: Market) -> Prices:
    return Prices(*(np.ascontiguousarray(market.bars[name]) for name in Prices._fields))


@pytest.fixture(scope="module")
def market() -> Market:
    return random_market(COUNT, seed=11)


@pytest.fixture(scope="module")
def features(market: Market) -> dict[str, Floats]:
    return computed(market, *default_families())


@pytest.mark.parametrize("name", ORACLES)
def test_a_feature_equals_talib_at_every_bar_and_is_missing_where_talib_is(
    name: str, market: Market, features: dict[str, Floats]
):
    columns = prices(market)

    expected = ORACLES[name](columns)

    np.testing.assert_allclose(features[name], expected, rtol=1e-9, atol=1e-9)


def test_macd_equals_talib_once_the_seeds_have_faded(market: Market, features: dict[str, Floats]):
    close = prices(market).close

    macd, signal, histogram = talib.MACD(close, 12, 26, 9)

    assert np.flatnonzero(~np.isnan(macd))[0] == 33
    for name, expected in (("macd", macd), ("macd_signal", signal), ("macd_histogram", histogram)):
        np.testing.assert_allclose(features[name][250:], expected[250:], rtol=0, atol=1e-9)


def test_the_close_score_is_the_distance_from_talibs_mean_in_its_deviations(
    market: Market, features: dict[str, Floats]
):
    close = prices(market).close

    expected = (close - talib.SMA(close, 20)) / talib.STDDEV(close, 20)

    np.testing.assert_allclose(features["close_z_20"], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-4, 1e6])
def test_features_equal_talib_for_pennies_and_for_very_large_prices(scale: float):
    market = random_market(400, seed=5)
    for name in ("open", "high", "low", "close", "vwap"):
        market.bars[name] *= scale
    columns = prices(market)

    features = computed(market, *default_families())

    for name in ("sma_20", "ema_26", "rsi_14", "atr_14", "stochastic_d", "roc_10", "bollinger_middle"):
        np.testing.assert_allclose(features[name], ORACLES[name](columns), rtol=1e-9, atol=1e-9 * scale)
