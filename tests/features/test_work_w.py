"""The indicators of work W, as it defines them, from the same families with W's parameters."""

import math

import numpy as np
import pytest

from features.momentum import relative_strength
from features.moving_averages import exponential_averages
from features.realised import realised_volatility
from features.volatility import bollinger, true_range
from tests.features.random_bars import Market, computed, random_market


def exponential(values: list[float], length: int) -> list[float]:
    averages = [values[0]]
    for value in values[1:]:
        averages.append(averages[-1] + 2.0 / (length + 1) * (value - averages[-1]))
    return averages


def wilder(values: list[float], length: int, first: int) -> list[float]:
    averages = [math.nan] * (first + length - 1)
    average = sum(values[first : first + length]) / length
    averages.append(average)
    for value in values[first + length :]:
        average = ((length - 1) * average + value) / length
        averages.append(average)
    return averages


def work_w(market: Market) -> dict[str, list[float]]:
    high, low, close = (market.bars[name].tolist() for name in ("high", "low", "close"))
    count = len(close)
    fast, slow = exponential(close, 12), exponential(close, 26)
    macd = [a - b for a, b in zip(fast, slow, strict=True)]
    changes = [0.0] + [close[i] - close[i - 1] for i in range(1, count)]
    gains = wilder([max(change, 0.0) for change in changes], 14, 1)
    losses = wilder([max(-change, 0.0) for change in changes], 14, 1)
    ranges = [high[0] - low[0]]
    ranges += [max(high[i], close[i - 1]) - min(low[i], close[i - 1]) for i in range(1, count)]
    upper, lower, realised = [math.nan] * count, [math.nan] * count, [math.nan] * count
    for i in range(19, count):
        window = np.array(close[i - 19 : i + 1])
        upper[i], lower[i] = window.mean() + 2 * window.std(), window.mean() - 2 * window.std()
    for i in range(20, count):
        realised[i] = math.sqrt(
            math.fsum(math.log(close[j] / close[j - 1]) ** 2 for j in range(i - 19, i + 1))
        )
    return {
        "ema_12": fast,
        "ema_26": slow,
        "macd": macd,
        "macd_signal": exponential(macd, 9),
        "rsi_14": [100.0 - 100.0 / (1.0 + g / v) for g, v in zip(gains, losses, strict=True)],
        "atr_14": wilder(ranges, 14, 0),
        "bollinger_upper": upper,
        "bollinger_lower": lower,
        "realised_volatility_20": realised,
    }


FAMILIES = (
    exponential_averages(seed="first", histogram=False),
    relative_strength(),
    true_range(first_range=True, range_column=False),
    bollinger(bands_only=True),
    realised_volatility(),
)


@pytest.fixture(scope="module")
def market() -> Market:
    return random_market(2_000, seed=3)


def test_the_families_with_the_parameters_of_w_make_its_columns_and_no_others(market: Market):
    names = list(computed(market, *FAMILIES))

    assert names == list(work_w(market))


@pytest.mark.parametrize("name", ["ema_12", "ema_26", "macd", "macd_signal", "rsi_14", "atr_14"])
def test_averages_of_w_are_equal_to_the_last_bit(name: str, market: Market):
    expected = work_w(market)[name]

    np.testing.assert_array_equal(computed(market, *FAMILIES)[name], expected)


@pytest.mark.parametrize("name", ["bollinger_upper", "bollinger_lower", "realised_volatility_20"])
def test_windows_of_w_are_equal_to_1e12(name: str, market: Market):
    expected = work_w(market)[name]

    np.testing.assert_allclose(computed(market, *FAMILIES)[name], expected, rtol=1e-12, atol=0)


def test_relative_strength_is_100_without_losses_and_50_without_moves():
    market = random_market(40)
    market.bars["close"] = np.concatenate((np.full(20, 100.0), 101.0 + np.arange(20)))

    index = computed(market, relative_strength())["rsi_14"]

    assert np.isnan(index[:14]).all()
    assert index[14:20].tolist() == [50.0] * 6
    assert index[20:].tolist() == [100.0] * 20
