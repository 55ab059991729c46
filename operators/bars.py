"""Bars: what traded, at which prices, in each second, minute, five minutes and session of an instrument.

Key     shard
In      MarketBatch with ticks
Out     MarketBatch with `bars`, in order of closing, then interval, then instrument
State   one open bar per instrument and interval (two of the shortest), the trades of the revision horizon, and the
        minute bars of the sessions that it reaches
Time    a bar closes when the shard's watermark, or a row's known_at, passes its end plus the lateness; a trade or
        cancel that comes for a closed bar makes a revision: the bar again, `version` one higher
Silence none: a row that can move no bar leaves as malformed, with its reason
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.market import (
    BAR,
    DAY_SECONDS,
    END,
    MINUTE,
    SECOND,
    Kind,
    Malformed,
    MarketBatch,
    Ticks,
    row_count,
)
from domain.sessions import SessionTable
from operators.agenda import Living, lives
from operators.bar_kernel import CLOCK, accumulate, advance
from operators.bar_revisions import History, horizon_at, revise, span
from operators.bar_rules import ACCUMULATOR, MADE_AGAIN
from operators.stage import Stage

LIVES = lives(Living.UNTOUCHED)
"""An action takes effect where a trading day begins: no bar is open over that; bars stay in prices of their time."""


@dataclass(frozen=True)
class BarParams:
    """Which bars are made and how long they may be revised.

    `intervals_seconds` rise, begin with 1 and are whole multiples of each other; 86,400 stands for a
    session's bar. `lateness_nanoseconds` is below a second: how long after its end a bar waits for rows that
    are on their way. `revision_horizon_seconds` is how far back a late trade or a cancel may reach; 0 keeps no
    trades: such rows then leave as malformed. With `keep_marks` the kernel's marks stay on the bars in `ended`, and
    those that were made again have one of their own: what composes longer bars of them reads and clears them.
    """

    instruments: int
    sessions: SessionTable | None
    names: tuple[str, ...] = ()
    source: str = ""
    intervals_seconds: tuple[int, ...] = (1, 60, 300, DAY_SECONDS)
    lateness_nanoseconds: int = 0
    revision_horizon_seconds: int = 1200
    keep_marks: bool = False

    def __post_init__(self) -> None:
        """Refuse intervals that do not nest and a lateness that would need more open bars."""
        intervals = self.intervals_seconds
        nested = all(longer % shorter == 0 for shorter, longer in pairwise(intervals))
        if not intervals or intervals[0] != 1 or not nested or sorted(set(intervals)) != list(intervals):
            raise ValueError(
                f"bar intervals begin with 1, rising multiples of each other; {intervals} were given"
            )
        if not 0 <= self.lateness_nanoseconds < SECOND:
            raise ValueError(
                f"bar lateness is at least 0 and below one second; {self.lateness_nanoseconds} ns were given"
            )
        if intervals[-1] == DAY_SECONDS and self.sessions is None:
            raise ValueError("a session bar needs a session table; none was given")
        if not self.revision_horizon_seconds:
            return
        longest = max(interval for interval in intervals if interval < DAY_SECONDS)
        if 60 not in intervals or self.revision_horizon_seconds < longest:
            raise ValueError(
                f"revisions need one-minute bars and a horizon of at least the longest bar within a day, {longest} s; "
                f"intervals {intervals} and a horizon of {self.revision_horizon_seconds} s were given"
            )


@dataclass
class BarState:
    """All the memory of one shard."""

    open: NDArray[np.void]
    touched: NDArray[np.uint64]
    clock: NDArray[np.void]
    history: History = field(default_factory=History)


class Bars(Stage[BarState]):
    """Ticks to bars of all intervals."""

    def __init__(self, params: BarParams) -> None:
        self.params = params
        table = params.sessions
        self._edges = np.array([END], np.int64) if table is None else np.append(table.edges, END)
        self._labels = np.zeros(2, np.int32) if table is None else np.append(table.labels, 0).astype(np.int32)
        self._intervals = np.array(params.intervals_seconds, np.int64) * SECOND

    def fresh(self) -> BarState:
        """Return the memory of a shard that has seen nothing."""
        slots = len(self.params.intervals_seconds) + 1
        words = (self.params.instruments + 63) // 64
        return BarState(
            open=np.zeros((slots, self.params.instruments), ACCUMULATOR),
            touched=np.zeros((slots, words), np.uint64),
            clock=np.zeros(1, CLOCK),
        )

    def step(self, state: BarState, item: MarketBatch) -> list[MarketBatch]:
        """Take a batch in; answer with the same batch and the bars that closed."""
        ticks, count = item.ticks, row_count(item.ticks)
        made: list[NDArray[np.void]] = []
        refused: list[Malformed] = []
        start = 0
        while start < count:
            at = self._accumulate(state, ticks, start, made)
            if self.params.revision_horizon_seconds:
                state.history.trades.append(ticks, start, at)
            if at < count:
                self._revise(state, ticks, at, made, refused)
            start = at + 1
        self._advance(state, item.watermark, made)
        state.history.trades.forget(horizon_at(state, self.params))
        bars = made[0] if len(made) == 1 else np.concatenate([np.empty(0, BAR), *made])
        return [item._replace(bars=bars, malformed=item.malformed + tuple(refused))]

    def _room(self, rows: int) -> NDArray[np.void]:
        """Return space for all that can close: a row, or what a slot holds, makes at most one bar of each interval."""
        levels = len(self._intervals)
        return np.empty(levels * (rows + (levels + 1) * self.params.instruments), BAR)

    def _accumulate(self, state: BarState, ticks: Ticks, start: int, made: list[NDArray[np.void]]) -> int:
        out = self._room(row_count(ticks) - start)
        at, closed = accumulate(
            ticks.event_at,
            ticks.known_at,
            ticks.instrument,
            ticks.price,
            ticks.size,
            ticks.kind,
            ticks.conditions,
            ticks.flags,
            start,
            state.open,
            state.touched,
            state.clock,
            self._intervals,
            self._edges,
            self._labels,
            self.params.lateness_nanoseconds,
            out,
        )
        self._note(state, out[:closed], made)
        return int(at)

    def _advance(self, state: BarState, watermark: int, made: list[NDArray[np.void]]) -> None:
        out = self._room(0)
        closed = advance(
            watermark,
            state.open,
            state.touched,
            state.clock,
            self._intervals,
            self._edges,
            self._labels,
            self.params.lateness_nanoseconds,
            out,
        )
        self._note(state, out[:closed], made)

    def _note(self, state: BarState, bars: NDArray[np.void], made: list[NDArray[np.void]]) -> None:
        """Take note of what closed; its marks are for the history and go no further."""
        if not len(bars):
            return
        made.append(bars)
        if self.params.revision_horizon_seconds:
            minutes = bars[bars["interval"] == MINUTE // SECOND]
            if len(minutes):
                self._remember(state, minutes)
        if not self.params.keep_marks:
            bars["ended"] &= 1

    def _remember(self, state: BarState, minutes: NDArray[np.void]) -> None:
        horizon, intervals = horizon_at(state, self.params), self.params.intervals_seconds
        if intervals[-1] == DAY_SECONDS:
            state.history.remember(minutes)
            state.history.forget(span(self._edges, horizon, DAY_SECONDS)[0])
        else:
            state.history.forget(span(self._edges, horizon, intervals[-1])[0])

    def _revise(
        self, state: BarState, ticks: Ticks, at: int, made: list[NDArray[np.void]], refused: list[Malformed]
    ) -> None:
        kind = Kind.TRADE if ticks.kind is None else Kind(int(ticks.kind[at]))
        bars, reason = (
            np.empty(0, BAR),
            "late_for_closed_bar" if kind == Kind.TRADE else "cancel_of_unknown_trade",
        )
        if self.params.revision_horizon_seconds:
            bars, reason = revise(state, self.params, self._edges, ticks, at)
        if reason:
            refused.append(refusal(self.params, ticks, at, reason, kind))
        elif len(bars):
            bars["ended"] = bars["ended"] | MADE_AGAIN if self.params.keep_marks else bars["ended"] & 1
            made.append(bars)


def refusal(params: BarParams, ticks: Ticks, at: int, reason: str, kind: Kind) -> Malformed:
    """Return the quarantine entry of the row at `at` of a batch."""
    name = params.names[int(ticks.instrument[at])] if params.names else str(int(ticks.instrument[at]))
    sequence = 0 if ticks.sequence is None else int(ticks.sequence[at])
    values: dict[str, Any] = {
        "kind": kind.name,
        "event_at": int(ticks.event_at[at]),
        "price": float(ticks.price[at]),
        "size": float(ticks.size[at]),
    }
    return Malformed(params.source, f"{name}:{sequence}", reason, repr(values), int(ticks.known_at[at]))
