"""What only work W has: its strategy, three checks and fill rule, as one stage of the flow.

Key     shard
In      MarketBatch with one-second bars and the features of `families()`
Out     Traded: the batch, and one row per bar
State   position, cash, pending order and the last MACD and signal, one record per instrument
Time    the bars'
Silence never: each bar has its row
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import MarketBatch
from features.family import Family
from features.momentum import relative_strength
from features.moving_averages import exponential_averages
from features.realised import realised_volatility
from features.volatility import bollinger, true_range
from operators.stage import Stage

WARM_UP_BARS = 34
ACCOUNT = np.dtype(
    [
        ("bars", np.int64),
        ("macd", np.float64),
        ("signal", np.float64),
        ("cash", np.float64),
        ("position", np.int32),
        ("pending", np.int32),
    ],
    align=True,
)
TRADED = np.dtype(
    [
        ("pnl", np.float64),
        ("position", np.int32),
        ("side", np.int8),
        ("reason", np.int8),
        ("filled", np.int8),
    ],
    align=True,
)
"""`side` is the intent's, 0 for none; `reason` is 0 where it was accepted; `filled` is 1 where an order filled."""


class Traded(NamedTuple):
    """A batch and, row for row with its bars, what was traded."""

    batch: MarketBatch
    rows: NDArray[np.void]


def families() -> tuple[Family, ...]:
    """Return the desk's families that hold the measures of W; their columns are, in order, `MEASURES`."""
    return (
        exponential_averages(12, 26, 9, seed="first", histogram=False),
        relative_strength(14),
        true_range(14, first_range=True, range_column=False),
        bollinger(20, 2.0, bands_only=True),
        realised_volatility((20,)),
    )


MEASURES = ("ema12", "ema26", "macd", "signal", "rsi", "atr", "bollinger_upper", "bollinger_lower", "rv")
"""The columns of `families()`, by W's names."""


@njit(cache=True, nogil=True, error_model="numpy")
def trade(bars, values, accounts, rows):  # type: ignore[no-untyped-def]
    """Fill, signal, check and value each bar, in order."""
    instrument, opened, closed = bars["instrument"], bars["open"], bars["close"]
    macds, signals, strengths = values[2], values[3], values[4]
    seen, last_macd, last_signal = accounts["bars"], accounts["macd"], accounts["signal"]
    cashes, positions, pendings = accounts["cash"], accounts["position"], accounts["pending"]
    pnl, held, sides = rows["pnl"], rows["position"], rows["side"]
    reasons, fills = rows["reason"], rows["filled"]
    for row in range(len(bars)):
        i = np.int64(instrument[row])
        position, cash, pending, close = np.int64(positions[i]), cashes[i], np.int64(pendings[i]), closed[row]
        if pending != 0:
            position += pending * 100
            cash -= pending * 100 * opened[row]
            positions[i], cashes[i], pendings[i] = position, cash, 0
        macd, signal, strength = macds[row], signals[row], strengths[row]
        macd_before, signal_before = last_macd[i], last_signal[i]
        side, reason = 0, 0
        if seen[i] >= WARM_UP_BARS:
            if macd_before <= signal_before and macd > signal and strength < 60.0:
                side = 1
            elif macd_before >= signal_before and macd < signal and strength > 40.0:
                side = -1
            if side != 0:
                if i % 20 == 7:
                    reason = 1
                elif 100.0 * close > 30000.0:
                    reason = 2
                elif abs(position + side * 100) > 100:
                    reason = 3
                else:
                    pendings[i] = side
        seen[i] += 1
        last_macd[i], last_signal[i] = macd, signal
        pnl[row], held[row] = cash + position * close, position
        sides[row], reasons[row], fills[row] = side, reason, pending != 0


class Trading(Stage[NDArray[np.void]]):
    """Bars and features to what W trades."""

    def __init__(self, instruments: int) -> None:
        self._instruments = instruments

    def fresh(self) -> NDArray[np.void]:
        """Return accounts that hold nothing."""
        return np.zeros(self._instruments, ACCOUNT)

    def step(self, state: NDArray[np.void], item: MarketBatch) -> list[Traded]:
        """Trade each bar of a batch."""
        features: Any = item.features
        rows = np.empty(len(features.bars), TRADED)
        trade(features.bars, features.values, state, rows)
        return [Traded(item, rows)]
