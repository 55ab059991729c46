"""Bars the slow way: every bar that is due is made from the list of trades that stand at that moment."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from domain.market import DAY_SECONDS, END, SECOND, Condition, Kind, Quality, Ticks, row_count
from domain.sessions import SessionTable

HORIZON_SECONDS = 1200


class Bar(NamedTuple):
    """What a bar says, apart from its measures."""

    instrument: int
    interval: int
    open_at: int
    close_at: int
    known_at: int
    version: int
    session: int
    ended: int


class Measures(NamedTuple):
    """Open, high, low, close, volume, vwap and number of trades."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float
    trade_count: int


@dataclass
class Trade:
    """A trade, in order of arrival."""

    event_at: int
    instrument: int
    sequence: int
    price: float
    size: float
    conditions: Condition
    in_order: bool
    stands: bool = True


@dataclass
class BarOracle:
    """Feed rows in order, then `finish`; `bars` must have come out, and rows refused for the reasons in `refused`."""

    table: SessionTable | None
    intervals: tuple[int, ...]
    lateness: int
    trades: list[Trade] = field(default_factory=list)
    waiting: set[tuple[int, int, int, int]] = field(default_factory=set)
    versions: dict[tuple[int, int, int], int] = field(default_factory=dict)
    bars: list[tuple[Bar, Measures]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    begun: int = -END
    unit: int = SECOND

    def span(self, event_at: int, seconds: int) -> tuple[int, int]:
        """Return open and close of the bar that an instant lies in."""
        if seconds != DAY_SECONDS:
            open_at = event_at - event_at % (seconds * SECOND)
            return open_at, open_at + seconds * SECOND
        assert self.table is not None
        edges = [0, *self.table.edges.tolist(), END]
        after = next(edge for edge in edges if edge > event_at)
        return max(edge for edge in edges if edge <= event_at), after

    def measures(self, instrument: int, open_at: int, close_at: int) -> Measures | None:
        """Return what the standing trades of a stretch of time come to; None where there are none."""
        effect = Condition(519)
        inside = [
            trade
            for trade in self.trades
            if trade.stands
            and trade.instrument == instrument
            and open_at <= trade.event_at < close_at
            and trade.conditions & effect
        ]
        if not inside:
            return None
        inside.sort(key=lambda trade: trade.event_at // self.unit)
        movers = [t.price for t in inside if t.conditions & Condition.MOVES_OPEN_CLOSE and t.in_order]
        last_if_only = Condition.LAST_IF_ONLY | Condition.MOVES_OPEN_CLOSE
        others = [t.price for t in inside if t.conditions & last_if_only] if not movers else []
        ends = movers or others[-1:] or [np.nan]
        ranging = [t.price for t in inside if t.conditions & Condition.MOVES_HIGH_LOW] or [ends[0]]
        counted = [t for t in inside if t.conditions & Condition.COUNTS_VOLUME]
        volume = sum(t.size for t in counted)
        vwap = sum(t.size * t.price for t in counted) / volume if volume else np.nan
        return Measures(ends[0], max(ranging), min(ranging), ends[-1], volume, vwap, len(counted))

    def feed(self, ticks: Ticks) -> None:
        """Take rows in order."""
        for row in range(row_count(ticks)):
            self._clock((int(ticks.known_at[row]) - self.lateness) // SECOND * SECOND, ended=0)
            kind = Kind.TRADE if ticks.kind is None else Kind(int(ticks.kind[row]))
            if kind == Kind.CANCEL:
                self._cancel(ticks, row)
            elif kind == Kind.TRADE:
                self._trade(ticks, row)

    def finish(self) -> None:
        """End the input."""
        self._clock(END, ended=1)

    def _clock(self, begun: int, ended: int) -> None:
        self.begun = max(self.begun, begun)
        due = sorted(key for key in self.waiting if key[0] <= self.begun)
        for close_at, interval, instrument, open_at in due:
            self.waiting.discard((close_at, interval, instrument, open_at))
            known_at = min(close_at + self.lateness, END)
            self._make((instrument, interval, open_at), close_at, known_at, ended, made_before=False)

    def _make(
        self, key: tuple[int, int, int], close_at: int, known_at: int, ended: int, made_before: bool
    ) -> None:
        measures = self.measures(key[0], key[2], close_at)
        if measures is None and not made_before:
            return
        self.versions[key] = version = self.versions.get(key, -1) + 1
        session = 0 if self.table is None else int(self.table.session(np.array([key[2]]))[0])
        empty = Measures(np.nan, np.nan, np.nan, np.nan, 0.0, np.nan, 0)
        bar = Bar(key[0], key[1], key[2], close_at, known_at, version, session, ended)
        self.bars.append((bar, measures or empty))

    def _trade(self, ticks: Ticks, row: int) -> None:
        conditions = Condition(7) if ticks.conditions is None else Condition(int(ticks.conditions[row]))
        flags = 0 if ticks.flags is None or ticks.conditions is None else int(ticks.flags[row])
        trade = Trade(
            int(ticks.event_at[row]),
            int(ticks.instrument[row]),
            0 if ticks.sequence is None else int(ticks.sequence[row]),
            float(ticks.price[row]),
            float(ticks.size[row]),
            conditions,
            not flags & Quality.REGRESSING,
        )
        late = trade.event_at < self.begun and bool(conditions & Condition(519))
        if late and self._beyond(trade.event_at):
            self.refused.append("beyond_revision_horizon")
            return
        self.trades.append(trade)
        if conditions & Condition(519):
            self._touch(trade, int(ticks.known_at[row]))

    def _beyond(self, event_at: int) -> bool:
        longest = max(seconds for seconds in self.intervals if seconds < DAY_SECONDS)
        return self.span(event_at, longest)[0] < self.begun - HORIZON_SECONDS * SECOND

    def _touch(self, trade: Trade, known_at: int) -> None:
        for seconds in self.intervals:
            open_at, close_at = self.span(trade.event_at, seconds)
            key = (trade.instrument, seconds, open_at)
            if close_at > self.begun:
                self.waiting.add((close_at, seconds, trade.instrument, open_at))
            else:
                self._make(key, close_at, known_at, 0, made_before=key in self.versions)

    def _cancel(self, ticks: Ticks, row: int) -> None:
        assert ticks.reference is not None
        which, reference = int(ticks.instrument[row]), int(ticks.reference[row])
        found = [t for t in self.trades if t.stands and (t.instrument, t.sequence) == (which, reference)]
        if not found or reference <= 0 or self._beyond(found[-1].event_at):
            self.refused.append("cancel_of_unknown_trade")
            return
        found[-1].stands = False
        self._touch(found[-1], int(ticks.known_at[row]))
