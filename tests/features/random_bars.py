"""Seeded bars and quotes of several instruments, interleaved, with a price for everything."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.market import BAR, DAY_SECONDS, MINUTE, QUOTE_BAR, SECOND, Session
from features import evaluate
from features.family import Family

FIRST_DAY = 20_098
OPENING = 14 * 3_600 + 30 * 60


class Market(NamedTuple):
    """Rows as a step takes them."""

    bars: NDArray[np.void]
    days: NDArray[np.int32]
    quotes: NDArray[np.void]

    def rows(self, which: slice | NDArray[np.intp] | NDArray[np.bool_]) -> "Market":
        """Return some rows of each array."""
        return Market(self.bars[which].copy(), self.days[which].copy(), self.quotes[which].copy())


def random_market(count: int, instruments: int = 1, seed: int = 0, day_bars: int = 390) -> Market:
    """Return `count` minute bars of New York winter days with `day_bars` bars a day for each of the instruments."""
    random = np.random.default_rng(seed)
    bars = np.zeros(count, BAR)
    step = np.arange(count) // instruments
    bars["instrument"] = np.arange(count) % instruments
    moves = np.zeros((instruments, int(step[-1]) + 1 if count else 0))
    moves[:] = random.normal(0.0, 4e-4, moves.shape)
    path = 100.0 * np.exp(moves.cumsum(axis=1))
    bars["close"] = np.round(path[bars["instrument"], step], 2)
    bars["open"] = np.round(bars["close"] * (1 + random.normal(0.0, 2e-4, count)), 2)
    bars["high"] = np.maximum(bars["open"], bars["close"]) + np.round(random.exponential(0.03, count), 2)
    bars["low"] = np.minimum(bars["open"], bars["close"]) - np.round(random.exponential(0.03, count), 2)
    bars["volume"] = random.integers(1, 10_000, count)
    bars["vwap"] = (bars["high"] + bars["low"] + bars["close"]) / 3
    days = (FIRST_DAY + step // day_bars).astype(np.int32)
    bars["open_at"] = (
        days.astype(np.int64) * (DAY_SECONDS * SECOND) + OPENING * SECOND + (step % day_bars) * MINUTE
    )
    bars["close_at"] = bars["open_at"] + MINUTE
    bars["known_at"] = bars["close_at"]
    bars["interval"] = 60
    bars["session"] = int(Session.REGULAR)
    bars["trade_count"] = 1
    return Market(bars, days, random_quotes(bars, random))


def random_quotes(bars: NDArray[np.void], random: np.random.Generator) -> NDArray[np.void]:
    """Return a quote row for each bar, both sides quoted."""
    count = len(bars)
    quotes = np.zeros(count, QUOTE_BAR)
    quotes["instrument"] = bars["instrument"]
    quotes["close_at"] = bars["close_at"]
    quotes["bid"] = bars["close"] - np.round(random.integers(1, 4, count) / 100, 2)
    quotes["ask"] = bars["close"] + np.round(random.integers(1, 4, count) / 100, 2)
    for side in ("bid_size", "ask_size", "buy_volume", "sell_volume"):
        quotes[side] = random.integers(1, 900, count)
    quotes["quote_count"] = random.integers(1, 40, count)
    quotes["spread_sum"] = quotes["quote_count"] * random.uniform(0.01, 0.05, count)
    quotes["imbalance_sum"] = quotes["quote_count"] * random.uniform(-1.0, 1.0, count)
    quotes["order_flow"] = random.normal(0.0, 2_000.0, count)
    return quotes


def computed(market: Market, *families: Family) -> dict[str, NDArray[np.float64]]:
    """Return what fresh families make of a market, by feature."""
    instruments = int(market.bars["instrument"].max()) + 1
    values = evaluate.run(families, evaluate.fresh(families, instruments), *market)
    names = [feature.name for family in families for feature in family.features]
    return dict(zip(names, values, strict=True))
