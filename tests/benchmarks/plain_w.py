"""Work W in plain Python, written from its definition and from nothing else."""

from collections import defaultdict
from itertools import pairwise
from math import log, nan, sqrt
from typing import Any

Row = tuple[int, int, float, int]


def bars_of(rows: list[Row]) -> dict[int, list[dict[str, float]]]:
    """W1: the bars of each instrument, in order; rows are (ts_ns, sym, price, size)."""
    grouped: dict[tuple[int, int], list[tuple[float, int]]] = defaultdict(list)
    for ts_ns, sym, price, size in rows:
        grouped[sym, ts_ns // 1_000_000_000].append((price, size))
    bars: dict[int, list[dict[str, float]]] = defaultdict(list)
    for (sym, _), trades in sorted(grouped.items()):
        prices = [price for price, _ in trades]
        volume = sum(size for _, size in trades)
        vwap = sum(price * size for price, size in trades) / volume
        bars[sym].append(
            {"open": prices[0], "high": max(prices), "low": min(prices), "close": prices[-1], "vwap": vwap}
        )
    return bars


def averaged(values: list[float], length: int) -> list[float]:
    """W2: an exponential average that starts from the first value."""
    made = values[:1]
    for value in values[1:]:
        made.append(made[-1] + 2 / (length + 1) * (value - made[-1]))
    return made


def wilder(values: list[float]) -> list[float]:
    """W2: the mean of the first 14 values, at the last of them, then (13 * average + value)/14; NaN before."""
    made = [nan] * len(values)
    for i in range(13, len(values)):
        made[i] = sum(values[:14]) / 14 if i == 13 else (13 * made[i - 1] + values[i]) / 14
    return made


def strength(closes: list[float]) -> list[float]:
    """W2: the relative strength index."""
    changes = [later - earlier for earlier, later in pairwise(closes)]
    gains = [nan, *wilder([max(change, 0.0) for change in changes])]
    losses = [nan, *wilder([max(-change, 0.0) for change in changes])]
    made = []
    for gain, loss in zip(gains, losses, strict=True):
        if gain == 0 == loss:
            made.append(50.0)
        elif loss == 0:
            made.append(100.0)
        else:
            made.append(100 - 100 / (1 + gain / loss))
    return made


def windows(closes: list[float]) -> tuple[list[float], list[float], list[float]]:
    """W2: upper and lower Bollinger band, and realised volatility."""
    upper, lower, realised = [], [], []
    for i in range(len(closes)):
        last = closes[i - 19 : i + 1]
        mean = sum(last) / 20
        deviation = sqrt(sum((close - mean) ** 2 for close in last) / 20)
        upper.append(mean + 2 * deviation if i >= 19 else nan)
        lower.append(mean - 2 * deviation if i >= 19 else nan)
        squares = [log(closes[j] / closes[j - 1]) ** 2 for j in range(i - 19, i + 1)] if i >= 20 else [nan]
        realised.append(sqrt(sum(squares)))
    return upper, lower, realised


def traded(sym: int, bars: list[dict[str, float]], counts: dict[str, int]) -> dict[str, Any]:
    """W2 and W3 for one instrument: its last state; adds to the counts."""
    closes = [bar["close"] for bar in bars]
    ema12, ema26 = averaged(closes, 12), averaged(closes, 26)
    macd = [fast - slow for fast, slow in zip(ema12, ema26, strict=True)]
    signal = averaged(macd, 9)
    rsi = strength(closes)
    before = [None, *closes[:-1]]
    atr = wilder(
        [
            bar["high"] - bar["low"] if last is None else max(bar["high"], last) - min(bar["low"], last)
            for bar, last in zip(bars, before, strict=True)
        ]
    )
    upper, lower, realised = windows(closes)
    position, cash, pending = 0, 0.0, 0
    for i, bar in enumerate(bars):
        if pending:
            position += pending * 100
            cash -= pending * 100 * bar["open"]
            counts["fills"] += 1
        pending = side = 0
        if i >= 34 and macd[i - 1] <= signal[i - 1] and macd[i] > signal[i] and rsi[i] < 60:
            side = 1
        if i >= 34 and macd[i - 1] >= signal[i - 1] and macd[i] < signal[i] and rsi[i] > 40:
            side = -1
        if not side:
            continue
        counts["intents"] += 1
        if sym % 20 == 7:
            counts["rejected_1"] += 1
        elif 100 * bar["close"] > 30000:
            counts["rejected_2"] += 1
        elif abs(position + side * 100) > 100:
            counts["rejected_3"] += 1
        else:
            counts["accepted"] += 1
            pending = side
    return {
        "sym": sym,
        "bars": len(bars),
        "close": closes[-1],
        "vwap": bars[-1]["vwap"],
        "ema12": ema12[-1],
        "ema26": ema26[-1],
        "macd": macd[-1],
        "signal": signal[-1],
        "rsi": rsi[-1],
        "atr": atr[-1],
        "bollinger_upper": upper[-1],
        "bollinger_lower": lower[-1],
        "rv": realised[-1],
        "position": position,
        "pnl": cash + position * closes[-1],
    }


def work(rows: list[Row]) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Return the counts and the last state of every instrument that traded."""
    counts = dict.fromkeys(
        ("events", "bars", "intents", "accepted", "rejected_1", "rejected_2", "rejected_3", "fills"), 0
    )
    bars = bars_of(rows)
    counts["events"] = len(rows)
    counts["bars"] = sum(len(made) for made in bars.values())
    return counts, [traded(sym, bars[sym], counts) for sym in sorted(bars)]
