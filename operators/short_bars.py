"""Short bars: what traded in each part of a second, and again where a trade comes late or is cancelled.

They are to bars of less than a second what the clock's seconds are to longer ones: closed in order, lateness and
revisions dealt with, by the same rules (`operators/bars.py`), for `operators/composed_bars.py` to make bars of.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import gcd

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import BAR, END, SECOND, Kind, Ticks, row_count
from operators.agenda import Living, lives
from operators.bar_revisions import span
from operators.bar_rules import ACCUMULATOR, EFFECT, MADE_AGAIN, clear, put, take
from operators.retained_trades import CHUNK_ROWS, RetainedTrades, take_back

LIVES = lives(Living.UNTOUCHED)
"""Trades and bars stay in the prices of their time; no bar is open over an action."""
Refuse = Callable[[int, str], None]


@dataclass
class ShortState:
    """The trades of the revision horizon and of what is open, which begins at `begun_at` (ns UTC).

    `versions` are those of bars that were made again, by instrument and opening.
    """

    trades: RetainedTrades = field(default_factory=RetainedTrades)
    begun_at: int = -END
    versions: dict[tuple[int, int], int] = field(default_factory=dict)


def unit_of(length: int) -> int:
    """Return the length (ns) of the short bars that bars of a length (ns) are made of: it divides the second too."""
    return gcd(length, SECOND)


class ShortMaker:
    """Makes the bars of one unit, at whole multiples of it since 1970 (ns UTC).

    `lateness` in nanoseconds; `horizon` and `longest`, by whose bars a revision reaches back, in seconds.
    """

    def __init__(self, unit: int, lateness: int, horizon: int, longest: int) -> None:
        self._unit, self._lateness = unit, lateness
        self._horizon, self._longest = horizon, longest

    def take(self, state: ShortState, ticks: Ticks, refuse: Refuse) -> list[NDArray[np.void]]:
        """Take rows in; return the bars that close, each that was made again after those before it."""
        count, made = row_count(ticks), list[NDArray[np.void]]()
        if not count:
            return made
        begun = (ticks.known_at - self._lateness) // self._unit * self._unit
        begun = np.maximum.accumulate(np.maximum(begun, state.begun_at))
        apart = ticks.event_at < begun
        if ticks.conditions is not None:
            apart &= ticks.conditions & EFFECT != 0
        if ticks.kind is not None:
            apart = (apart & (ticks.kind == Kind.TRADE)) | (ticks.kind == Kind.CANCEL)
        stops = np.union1d(np.flatnonzero(apart), np.arange(CHUNK_ROWS, count, CHUNK_ROWS)).tolist()
        start = 0
        for stop in [*stops, count]:
            state.trades.append(ticks, start, stop)
            self._close(state, int(begun[min(stop, count - 1)]), made)
            start = stop
            if stop < count and apart[stop]:
                reason = self._revise(state, ticks, stop, made)
                if reason:
                    refuse(stop, reason)
                start = stop + 1
        return made

    def close(self, state: ShortState, clock: int) -> list[NDArray[np.void]]:
        """Return the bars that end, lateness added, at or before an instant (ns UTC); at END all."""
        made: list[NDArray[np.void]] = []
        until = END if clock == END else (clock - self._lateness) // self._unit * self._unit
        self._close(state, until, made)
        self._forget(state)
        return made

    def _close(self, state: ShortState, until: int, made: list[NDArray[np.void]]) -> None:
        if until <= state.begun_at:
            return
        rows = state.trades.every(state.begun_at, until)
        state.begun_at = until
        if len(rows):
            rows = rows[np.lexsort((rows["instrument"], rows["event_at"] // self._unit))]
            made.append(self._bars(rows))

    def _bars(self, rows: NDArray[np.void]) -> NDArray[np.void]:
        """Return the bars of trades that lie in order of unit, instrument and arrival."""
        out = np.zeros(len(rows), BAR)
        bars: NDArray[np.void] = out[: _accumulate(rows, self._unit, out)]
        bars["close_at"] = bars["open_at"] + self._unit
        bars["known_at"] = bars["close_at"] + self._lateness
        return bars

    def _revise(self, state: ShortState, ticks: Ticks, at: int, made: list[NDArray[np.void]]) -> str:
        """Take a trade back or a late one in, and make its bar again; return why that cannot be."""
        cancel = ticks.kind is not None and ticks.kind[at] == Kind.CANCEL
        unknown, traded_at = "cancel_of_unknown_trade", int(ticks.event_at[at])
        which, trades = int(ticks.instrument[at]), state.trades
        number = 0 if ticks.reference is None else int(ticks.reference[at])
        found = trades.find(which, number) if cancel else None
        if cancel and found is None:
            return unknown
        if found is not None:
            traded_at = int(found[0].rows["event_at"][found[1]])
        if not self._horizon:
            return unknown if cancel else "late_for_closed_bar"
        start_at = span(np.empty(0, np.int64), traded_at, self._longest)[0]
        if start_at < self._horizon_at(state) or start_at <= trades.capped_at:
            return unknown if cancel else "beyond_revision_horizon"
        open_at = traded_at // self._unit * self._unit
        held = len(trades.within(which, open_at, open_at + self._unit)) > 0
        if found is not None:
            take_back(*found)
        else:
            trades.append(ticks, at, at + 1)
        if open_at < state.begun_at:
            self._again(state, (which, open_at), held, int(ticks.known_at[at]), made)
        return ""

    def _again(
        self,
        state: ShortState,
        key: tuple[int, int],
        held: bool,
        known_at: int,
        made: list[NDArray[np.void]],
    ) -> None:
        which, open_at = key
        rows = state.trades.within(which, open_at, open_at + self._unit)
        if not held and not len(rows):
            return
        bar = self._bars(rows) if len(rows) else np.zeros(1, BAR)
        if not len(rows):
            bar["instrument"], bar["open_at"], bar["close_at"] = which, open_at, open_at + self._unit
            for name in ("open", "high", "low", "close", "vwap"):
                bar[name] = np.nan
        version = state.versions.get(key, int(held) - 1) + 1
        state.versions[key] = version
        bar["version"], bar["known_at"] = version, known_at
        bar["ended"] |= MADE_AGAIN
        made.append(bar)

    def _horizon_at(self, state: ShortState) -> int:
        return (state.begun_at // SECOND - self._horizon) * SECOND

    def _forget(self, state: ShortState) -> None:
        """Let go of what can no longer be revised."""
        if state.begun_at in {END, -END}:
            return
        before_at = self._horizon_at(state) if self._horizon else state.begun_at
        state.trades.forget(before_at)
        if state.versions and min(key[1] for key in state.versions) < before_at:
            state.versions = {key: each for key, each in state.versions.items() if key[1] >= before_at}


@njit(cache=True, nogil=True, error_model="numpy")
def _accumulate(rows, unit, out):  # type: ignore[no-untyped-def]
    """Write a bar for each unit and instrument; return how many."""
    made, row, count = 0, 0, len(rows)
    total = np.zeros(1, ACCUMULATOR)
    while row < count:
        which, number = rows[row].instrument, rows[row].event_at // unit
        clear(total[0])
        while row < count and rows[row].instrument == which and rows[row].event_at // unit == number:
            take(total[0], rows[row].price, rows[row].size, rows[row].conditions)
            row += 1
        bar = out[made]
        bar.ended = put(bar, total[0])
        bar.instrument, bar.open_at = which, number * unit
        made += 1
    return made
