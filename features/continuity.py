"""Bars that stay continuous across corporate actions: what comes after is brought into the prices and shares of before.

A state that is stepped over such bars needs no rule for an action, and what it makes is brought back by the same factor
(docs/decisions/0004-splits-by-factor.md).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PRICES = ("open", "high", "low", "close", "vwap")


class Factor(NamedTuple):
    """What brings bars of an instrument that open from `effective_at` (ns UTC) on into the prices of before.

    Prices are multiplied by `price`, shares divided by `shares`.
    """

    instrument: int
    effective_at: int
    price: float
    shares: float


def factors_at(factors: Sequence[Factor], bars: NDArray[np.void]) -> NDArray[np.float64] | None:
    """Return the cumulative factors of price (row 0) and shares (row 1) at each bar's open; None where all are 1."""
    made: NDArray[np.float64] | None = None
    for factor in factors:
        after = (bars["instrument"] == factor.instrument) & (bars["open_at"] >= factor.effective_at)
        if after.any():
            made = np.ones((2, len(bars))) if made is None else made
            made[0, after] *= factor.price
            made[1, after] *= factor.shares
    return made


def continuous(
    bars: NDArray[np.void], price: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.void]:
    """Return bars in the prices and shares of before, by the factors of each."""
    made = bars.copy()
    for name in PRICES:
        made[name] *= price
    made["volume"] /= shares
    return made


def continuous_quotes(
    quotes: NDArray[np.void], price: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.void]:
    """Return quote bars in the prices and shares of before, by the factors of each; none where there are none."""
    made = quotes.copy()
    if len(made):
        for name in ("bid", "ask", "spread_sum"):
            made[name] *= price
        for name in ("bid_size", "ask_size", "order_flow", "buy_volume", "sell_volume"):
            made[name] /= shares
    return made
