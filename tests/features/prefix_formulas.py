"""Every feature again, said plainly: its value at the last bar of a prefix, from the whole prefix, NaN where too short.

Written from the definitions, without states, for windows and parameters of the default families.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.features.random_bars import Market

NAN = math.nan
SLOTS = 20


class Prefix(NamedTuple):
    """The bars so far, in columns; `quotes` are those of the last bar and before."""

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    vwap: NDArray[np.float64]
    days: NDArray[np.int32]
    quotes: NDArray[np.void]


def prefix_of(market: Market, count: int) -> Prefix:
    """Return the first `count` rows of a market of one instrument."""
    bars = market.bars[:count]
    names = ("open", "high", "low", "close", "volume", "vwap")
    columns = {name: np.array(bars[name]) for name in names}
    return Prefix(**columns, days=market.days[:count], quotes=market.quotes[:count])


def mean_of_last(values: Sequence[float] | NDArray[np.float64], length: int) -> float:
    return math.fsum(values[-length:]) / length if len(values) >= length else NAN


def exponential(values: Sequence[float] | NDArray[np.float64], length: int) -> float:
    if len(values) < length:
        return NAN
    average = math.fsum(values[:length]) / length
    for value in values[length:]:
        average += 2.0 / (length + 1) * (value - average)
    return float(average)


def macd(p: Prefix) -> float:
    return exponential(p.close, 12) - exponential(p.close, 26)


def macd_signal(p: Prefix) -> float:
    line = [exponential(p.close[:n], 12) - exponential(p.close[:n], 26) for n in range(26, len(p.close) + 1)]
    return exponential(line, 9)


def wilder(values: Sequence[float] | NDArray[np.float64], length: int) -> float:
    if len(values) < length:
        return NAN
    average = math.fsum(values[:length]) / length
    for value in values[length:]:
        average = ((length - 1) * average + value) / length
    return float(average)


def relative_strength(p: Prefix) -> float:
    changes = np.diff(p.close)
    gain, loss = wilder(np.maximum(changes, 0), 14), wilder(np.maximum(-changes, 0), 14)
    return 100.0 * gain / (gain + loss)


def raw_stochastic(p: Prefix, end: int) -> float:
    highest, lowest = p.high[end - 14 : end].max(), p.low[end - 14 : end].min()
    return float(100.0 * (p.close[end - 1] - lowest) / (highest - lowest))


def stochastic_k(p: Prefix, end: int | None = None) -> float:
    end = len(p.close) if end is None else end
    return math.fsum(raw_stochastic(p, n) for n in range(end - 2, end + 1)) / 3 if len(p.close) >= 18 else NAN


def stochastic_d(p: Prefix) -> float:
    end = len(p.close)
    return math.fsum(stochastic_k(p, n) for n in range(end - 2, end + 1)) / 3 if end >= 18 else NAN


def commodity_channel(p: Prefix) -> float:
    if len(p.close) < 20:
        return NAN
    typical = ((p.high + p.low + p.close) / 3)[-20:]
    distance = np.abs(typical - typical.mean()).mean()
    return float((typical[-1] - typical.mean()) / (0.015 * distance))


def log_return(p: Prefix, bars: int) -> float:
    return math.log(p.close[-1] / p.close[-1 - bars]) if len(p.close) > bars else NAN


def true_ranges(p: Prefix) -> NDArray[np.float64]:
    before = p.close[:-1]
    high, low = p.high[1:], p.low[1:]
    return np.maximum(high - low, np.maximum(np.abs(high - before), np.abs(low - before)))


def directions(p: Prefix) -> tuple[float, float, float]:
    """+DI, -DI and DX at the last bar, from sums that begin with 13 movements."""
    if len(p.close) < 15:
        return NAN, NAN, NAN
    rise, fall = np.diff(p.high), -np.diff(p.low)
    plus_moves = np.where((rise > fall) & (rise > 0), rise, 0.0)
    minus_moves = np.where((fall > rise) & (fall > 0), fall, 0.0)
    sums = []
    for moves in (plus_moves, minus_moves, true_ranges(p)):
        total = math.fsum(moves[:13])
        for move in moves[13:]:
            total += move - total / 14
        sums.append(total)
    plus, minus = 100.0 * sums[0] / sums[2], 100.0 * sums[1] / sums[2]
    return plus, minus, 100.0 * abs(plus - minus) / (plus + minus)


def directional_index(p: Prefix) -> float:
    parts = [Prefix(*(column[:n] for column in p)) for n in range(15, len(p.close) + 1)]
    return wilder([directions(part)[2] for part in parts], 14)


def deviation(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(((values - values.mean()) ** 2).mean()))


def band(p: Prefix, width: float) -> float:
    return float(p.close[-20:].mean() + width * deviation(p.close[-20:])) if len(p.close) >= 20 else NAN


def percent_b(p: Prefix) -> float:
    return float((p.close[-1] - band(p, -2.0)) / (band(p, 2.0) - band(p, -2.0)))


def score(values: NDArray[np.float64], length: int) -> float:
    window = values[-length:]
    return float((window[-1] - window.mean()) / deviation(window)) if len(values) >= length else NAN


def parkinson(p: Prefix) -> float:
    squares = np.log(p.high / p.low) ** 2
    return math.sqrt(mean_of_last(squares, 20) / (4 * math.log(2)))


def garman_klass(p: Prefix) -> float:
    terms = 0.5 * np.log(p.high / p.low) ** 2 - (2 * math.log(2) - 1) * np.log(p.close / p.open) ** 2
    return math.sqrt(mean_of_last(terms, 20))


def returns(p: Prefix) -> NDArray[np.float64]:
    return np.log(p.close[1:] / p.close[:-1])


def realised(p: Prefix, length: int) -> float:
    return math.fsum(returns(p)[-length:] ** 2) if len(p.close) > length else NAN


def bipower(p: Prefix, length: int) -> float:
    if len(p.close) <= length:
        return NAN
    moves = np.abs(returns(p)[-length:])
    return math.pi / 2 * math.fsum(moves[1:] * moves[:-1])


def volatility_average(p: Prefix) -> float:
    """Minute returns within each day: the mean of the first 30 squares, then lambda 0.99; 98,280 minutes a year."""
    inside = p.days[1:] == p.days[:-1]
    squares = returns(p)[inside] ** 2
    if len(squares) < 30:
        return NAN
    variance = squares[:30].mean()
    for square in squares[30:]:
        variance = 0.99 * variance + 0.01 * square
    return math.sqrt(variance * 252 * 390)


def on_balance(p: Prefix) -> float:
    return float(p.volume[0] + math.fsum(np.sign(np.diff(p.close)) * p.volume[1:]))


def money_flow(p: Prefix) -> float:
    if len(p.close) < 15:
        return NAN
    typical = np.round((p.high + p.low + p.close) / 3, 9)
    signs = np.sign(np.diff(typical))[-14:]
    flows = (typical * p.volume)[-14:]
    up, down = math.fsum(flows[signs > 0]), math.fsum(flows[signs < 0])
    return 100.0 * up / (up + down)


def distances(p: Prefix) -> NDArray[np.float64]:
    today = p.days == p.days[-1]
    average = np.cumsum((p.vwap * p.volume)[today]) / np.cumsum(p.volume[today])
    distance: NDArray[np.float64] = (p.close[today] - average) / average
    return distance


def session_average(p: Prefix) -> float:
    today = p.days == p.days[-1]
    return float(np.average(p.vwap[today], weights=p.volume[today]))


def profile_ratio(p: Prefix) -> float:
    """Bars of a day stand in slots 0, 1, 2, ...; the profile looks at slots below `SLOTS`."""
    slot = int((p.days == p.days[-1]).sum()) - 1
    starts = [int(np.argmax(p.days == day)) for day in np.unique(p.days)[:-1]]
    if not starts or slot >= SLOTS:
        return NAN
    average = 0.0
    for k, start in enumerate(starts):
        average += max(0.1, 1 / (k + 1)) * (p.volume[start + slot] - average)
    return float(p.volume[-1] / average)


def illiquidity(p: Prefix) -> float:
    moves = np.abs(returns(p)) / (p.vwap * p.volume)[1:]
    return 1e6 * mean_of_last(moves, 20)


def order_flow(p: Prefix) -> float:
    depths = (p.quotes["bid_size"] + p.quotes["ask_size"]) / 2
    depth = depths[0]
    for value in depths[1:]:
        depth = 0.9 * depth + 0.1 * value
    return float(p.quotes["order_flow"][-1] / depth)


def of_quote(formula: Callable[[dict[str, float]], float]) -> Callable[[Prefix], float]:
    names = (
        "bid",
        "bid_size",
        "ask",
        "ask_size",
        "spread_sum",
        "imbalance_sum",
        "quote_count",
        "buy_volume",
        "sell_volume",
    )
    return lambda p: formula({name: float(p.quotes[name][-1]) for name in names})


def middle(q: dict[str, float]) -> float:
    return (q["bid"] + q["ask"]) / 2


def weighted_middle(q: dict[str, float]) -> float:
    return (q["bid_size"] * q["ask"] + q["ask_size"] * q["bid"]) / (q["bid_size"] + q["ask_size"])


FORMULAS: dict[str, Callable[[Prefix], float]] = {
    "sma_10": lambda p: mean_of_last(p.close, 10),
    "sma_20": lambda p: mean_of_last(p.close, 20),
    "sma_50": lambda p: mean_of_last(p.close, 50),
    "ema_12": lambda p: exponential(p.close, 12),
    "ema_26": lambda p: exponential(p.close, 26),
    "macd": macd,
    "macd_signal": macd_signal,
    "macd_histogram": lambda p: macd(p) - macd_signal(p),
    "rsi_14": relative_strength,
    "stochastic_k": stochastic_k,
    "stochastic_d": stochastic_d,
    "williams_r_14": lambda p: raw_stochastic(p, len(p.close)) - 100.0 if len(p.close) >= 14 else NAN,
    "cci_20": commodity_channel,
    "log_return_1": lambda p: log_return(p, 1),
    "log_return_5": lambda p: log_return(p, 5),
    "log_return_15": lambda p: log_return(p, 15),
    "roc_10": lambda p: 100.0 * math.expm1(log_return(p, 10)),
    "adx_14": directional_index,
    "plus_di_14": lambda p: directions(p)[0],
    "minus_di_14": lambda p: directions(p)[1],
    "atr_14": lambda p: wilder(true_ranges(p), 14),
    "true_range": lambda p: float(true_ranges(p)[-1]) if len(p.close) > 1 else NAN,
    "bollinger_upper": lambda p: band(p, 2.0),
    "bollinger_lower": lambda p: band(p, -2.0),
    "bollinger_middle": lambda p: band(p, 0.0),
    "bollinger_percent_b": percent_b,
    "close_z_20": lambda p: score(p.close, 20),
    "parkinson_20": parkinson,
    "garman_klass_20": garman_klass,
    "realised_volatility_20": lambda p: math.sqrt(realised(p, 20)),
    "realised_variance_20": lambda p: realised(p, 20),
    "bipower_variance_20": lambda p: bipower(p, 20),
    "realised_variance_60": lambda p: realised(p, 60),
    "bipower_variance_60": lambda p: bipower(p, 60),
    "volatility_ewma": volatility_average,
    "obv": on_balance,
    "mfi_14": money_flow,
    "session_vwap": session_average,
    "vwap_distance": lambda p: float(distances(p)[-1]),
    "vwap_distance_z_30": lambda p: score(distances(p), 30),
    "volume_profile_ratio": profile_ratio,
    "amihud_20": illiquidity,
    "quote_spread": of_quote(lambda q: q["ask"] - q["bid"]),
    "quote_spread_bps": of_quote(lambda q: 1e4 * (q["ask"] - q["bid"]) / middle(q)),
    "quote_spread_mean": of_quote(lambda q: q["spread_sum"] / q["quote_count"]),
    "quote_spread_mean_bps": of_quote(lambda q: 1e4 * q["spread_sum"] / q["quote_count"] / middle(q)),
    "queue_imbalance": of_quote(lambda q: (q["bid_size"] - q["ask_size"]) / (q["bid_size"] + q["ask_size"])),
    "queue_imbalance_mean": of_quote(lambda q: q["imbalance_sum"] / q["quote_count"]),
    "microprice_distance": of_quote(lambda q: weighted_middle(q) / middle(q) - 1.0),
    "order_flow_imbalance": order_flow,
    "trade_sign_imbalance": of_quote(
        lambda q: (q["buy_volume"] - q["sell_volume"]) / (q["buy_volume"] + q["sell_volume"])
    ),
}
