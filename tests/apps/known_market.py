"""The market of the known run: two days of half an hour, a halt, a split, flagged rows, and two strategies' scores."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.instruments import Instrument, Universe
from domain.market import (
    BAR,
    MINUTE,
    SCORE,
    SECOND,
    Condition,
    Kind,
    Quality,
    ScoreReason,
    Ticks,
    complete_ticks,
)

UNIVERSE = Universe((Instrument(name="AAA"), Instrument(name="BBB")))
FEATURES = ("ema_12", "atr_14", "volatility_ewma")
STRATEGIES = ("trend", "reversion")
OPENS = (1_709_821_800 * SECOND, 1_709_908_200 * SECOND)
MINUTES = 30
LATENESS = 250_000_000
HALT = range(10, 15)
TREND = {4: ScoreReason.GATED, 5: ScoreReason.BELOW_ENTRY, 6: ScoreReason.ENTERED, 9: ScoreReason.LEFT}
ENTERED_AT, LEFT_AT, REVERSED_AT = (OPENS[0] + minute * MINUTE + LATENESS for minute in (6, 9, 20))


def close_at(minute: int, day: int = 0) -> int:
    """Return when the bar of a minute (from 1) closes."""
    return OPENS[day] + minute * MINUTE


def price(minute: int, day: int, instrument: int) -> float:
    """Return the close of a minute."""
    whole = 100.0 + 50 * instrument + round(float(np.sin(minute / 4)), 2)
    return whole / 2 if (day, instrument) == (1, 0) else whole


def bars() -> NDArray[np.void]:
    """Return the minute bars, the last of BBB's first day once more as a revision."""
    made = [
        (day, minute, instrument, 0)
        for day in (0, 1)
        for minute in range(1, MINUTES + 1)
        for instrument in (0, 1)
        if not ((day, instrument) == (0, 0) and minute - 1 in HALT)
    ]
    made.append((0, MINUTES, 1, 1))
    rows = np.zeros(len(made), BAR)
    for row, (day, minute, instrument, version) in zip(rows, made, strict=True):
        at, close = close_at(minute, day), price(minute, day, instrument)
        row["open_at"], row["close_at"], row["known_at"] = at - MINUTE, at, at + LATENESS + version * SECOND
        row["open"], row["close"], row["vwap"] = close, close, close
        row["high"], row["low"] = close + 0.1, close - 0.1
        row["volume"], row["trade_count"], row["interval"], row["session"] = 1000, 10, 60, 2
        row["instrument"], row["version"] = instrument, version
    return rows


def scores() -> NDArray[np.void]:
    """Return what the strategies thought of AAA on the first day."""
    rows = []
    for bar in bars():
        minute = int((bar["close_at"] - OPENS[0]) // MINUTE)
        if bar["instrument"] == 0 and minute <= MINUTES:
            rows += [_trend(bar, minute), _reversion(bar, minute)]
    return np.array(rows, SCORE)


def _trend(bar: np.void, minute: int) -> tuple[Any, ...]:
    usual = (
        ScoreReason.WARMING_UP if minute <= 3 else ScoreReason.HELD if minute < 9 else ScoreReason.BELOW_ENTRY
    )
    reason, after, before = TREND.get(minute, usual), int(6 <= minute < 9), int(6 < minute <= 9)
    value = np.nan if reason is ScoreReason.WARMING_UP else 0.7 if after else 0.1
    return _row(bar, 0, value, after, before, reason)


def _reversion(bar: np.void, minute: int) -> tuple[Any, ...]:
    entered = ScoreReason.ENTERED if minute in {6, 20} else ScoreReason.HELD
    reason = ScoreReason.OUTSIDE_SESSION if minute == MINUTES else entered
    after = 0 if minute < 6 or minute == MINUTES else -1 if minute < 20 else 1
    before = 0 if minute <= 6 else -1 if minute <= 20 else 1
    return _row(bar, 1, -0.9 if after < 0 else 0.9, after, before, reason)


def _row(
    bar: np.void, strategy: int, value: float, after: int, before: int, reason: ScoreReason
) -> tuple[Any, ...]:
    at, changed = bar["close_at"], int(after != before)
    stand = (after, before, int(reason), changed)
    return (at, at + LATENESS, value, 0.2, bar["close"], 0.0, 0, strategy, 0, *stand)


def ticks() -> Ticks:
    """Return a few trades and quotes with flags, and AAA's halt and resumption."""
    doubtful = int(Quality.OFF_TICK | Quality.REGRESSING)
    return complete_ticks(
        {
            "event_at": OPENS[0] + np.array([0, 1, 2, 600, 900, 1200]) * SECOND,
            "instrument": np.zeros(6, np.int32),
            "sequence": np.arange(1, 7),
            "kind": np.array([Kind.TRADE, Kind.TRADE, Kind.QUOTE, Kind.STATUS, Kind.STATUS, Kind.TRADE]),
            "price": np.array([100.0, 100.005, np.nan, np.nan, np.nan, 101.0]),
            "size": np.array([100.0, 100, 0, 0, 0, 100]),
            "bid": np.array([np.nan, np.nan, 101.0, np.nan, np.nan, np.nan]),
            "ask": np.array([np.nan, np.nan, 100.0, np.nan, np.nan, np.nan]),
            "conditions": np.array([7, 7, 7, int(Condition.HALTED), int(Condition.RESUMED), 7]),
            "flags": np.array([0, doubtful, int(Quality.CROSSED), 0, 0, int(Quality.REGRESSING)]),
        }
    )
