"""Composed bars: bars of any interval made of seconds or minutes, and made again when one of those is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.action_records import ActionRecord, step_of
from domain.bar_kinds import BUILT_BAR, PARTIAL, BarSpec, Empty, Mark, Partial
from domain.market import BAR, SECOND, Session
from operators.agenda import PRICED
from operators.bar_revisions import History
from operators.bar_rules import MADE_AGAIN
from operators.built_history import BuiltHistory
from operators.composing_kernel import (
    COMPOSED,
    PLACE,
    close_held,
    close_until,
    compose,
    total_of,
    written,
)
from operators.short_bars import unit_of

LIVES = PRICED
Emit = Callable[[NDArray[np.void]], None]


class Grid(NamedTuple):
    """Sessions, and the rules that all composed bars of a run have in common."""

    edges: NDArray[np.int64]
    labels: NDArray[np.int32]
    lateness: int
    empty: Empty
    horizon: int


@dataclass
class ComposedState:
    """All the memory of one interval."""

    open: NDArray[np.void]
    place: NDArray[np.void]
    history: BuiltHistory = field(default_factory=BuiltHistory)


def adjust(state: ComposedState, which: int, action: ActionRecord) -> None:
    """Bring the close that empty bars of an instrument carry over an action; no bar is open across one."""
    carried = float(state.open["carried"][which])
    state.open["carried"][which] = carried / step_of(action, carried).price


class Composer:
    """Makes the bars of one interval of `length` ns; `spec` is its place among the run's names."""

    def __init__(self, spec: int, length: int, instruments: int, grid: Grid) -> None:
        self.length = length
        self._spec, self._instruments, self._grid = spec, instruments, grid
        self._carry = grid.empty == Empty.CARRY
        self._room = 2 * instruments + 1024

    def fresh(self) -> ComposedState:
        """Return the memory of an interval in which nothing was seen."""
        opened = np.zeros(self._instruments, COMPOSED)
        opened["carried"] = np.nan
        return ComposedState(opened, np.zeros(1, PLACE))

    def take(self, state: ComposedState, bars: NDArray[np.void], emit: Emit) -> None:
        """Add closed bars, none of which was made again."""
        grid, out, at = self._grid, np.empty(self._room, BUILT_BAR), 0
        while at < len(bars):
            at, made = compose(
                bars, at, MADE_AGAIN, state.open, self._spec, state.place, self.length,
                grid.edges, grid.labels, grid.lateness, self._carry, out,
            )  # fmt: skip
            self._closed(state, out[:made], emit)

    def close(self, state: ComposedState, until: int, emit: Emit) -> None:
        """Close what ends, lateness added, at or before an instant (ns UTC)."""
        grid, out, done = self._grid, np.empty(self._room, BUILT_BAR), False
        while not done:
            made, done = close_until(
                until, state.open, self._spec, state.place, self.length,
                grid.edges, grid.labels, grid.lateness, self._carry, out,
            )  # fmt: skip
            self._closed(state, out[:made], emit)

    def end(self, state: ComposedState, emit: Emit) -> None:
        """Close everything."""
        grid, out = self._grid, np.empty(self._room, BUILT_BAR)
        made = close_held(state.open, self._spec, state.place, grid.edges, grid.labels, grid.lateness, out)
        self._closed(state, out[:made], emit)

    def forget(self, state: ComposedState, before_at: int) -> None:
        """Let go of bars that can no longer be revised."""
        state.history.forget(before_at - 2 * self.length)

    def _closed(self, state: ComposedState, bars: NDArray[np.void], emit: Emit) -> None:
        if len(bars):
            if self._grid.horizon:
                state.history.append(bars)
            emit(bars.copy())

    def revise(self, state: ComposedState, lows: History, low: np.void, emit: Emit) -> None:
        """Make the bar again in which a bar lies that was made again, and the empty ones that carry its close."""
        which, known_at = int(low["instrument"]), int(low["known_at"])
        self.close(state, known_at, emit)
        opened, open_at = state.open[which : which + 1], int(low["open_at"])
        rows = lows.within(which, open_at - self.length, open_at + self.length)
        place, total = total_of(rows, open_at, self.length, self._grid.edges)
        if int(place["close_at"][0]) + self._grid.lateness > known_at:
            for name in ("open", "high", "low", "close", "only", "volume", "notional", "trade_count", "held"):
                opened[name] = total[name]
            state.place[:] = place
            return
        made = self._bar_again(state, which, place, total, known_at)
        if made is not None:
            emit(made)
            self._carry_on(state, made, known_at, emit)

    def _bar_again(
        self,
        state: ComposedState,
        which: int,
        place: NDArray[np.void],
        total: NDArray[np.void],
        known_at: int,
    ) -> NDArray[np.void] | None:
        """Return the next version of a closed bar; None where nothing traded in it, and nothing stood there."""
        history, opened = state.history, state.open[which]
        at = history.at(which, int(place["close_at"][0]))
        if at is None and not total["held"][0]:
            return None
        session = int(self._grid.labels[place["segment"][0]])
        carries = self._carry and session == Session.REGULAR
        carried = self._close_before(history, which, int(place["close_at"][0])) if carries else np.nan
        made: NDArray[np.void] = written(total, carried, which, self._spec, place, known_at, session)
        if at is None:
            begins = int(place["open_at"][0]) in self._grid.edges
            made["marks"] |= 0 if opened["seen"] or begins else int(Mark.FIRST)
            opened["seen"] = 1
            history.append(made)
        else:
            made["version"] = history.rows["version"][at] + 1
            made["marks"] |= history.rows["marks"][at] & int(Mark.FIRST)
            history.rows[at] = made[0]
        return made

    @staticmethod
    def _close_before(history: BuiltHistory, which: int, close_at: int) -> float:
        held = history.of(which)
        before = held[(history.rows["close_at"][held] < close_at) & ~np.isnan(history.rows["close"][held])]
        if not len(before):
            return np.nan
        return float(history.rows["close"][before[np.argmax(history.rows["close_at"][before])]])

    def _carry_on(self, state: ComposedState, made: NDArray[np.void], known_at: int, emit: Emit) -> None:
        """Give the close of a bar that was made again to the empty ones after it, and to the next that is empty."""
        history, which = state.history, int(made["instrument"][0])
        held = history.of(which)
        held = held[np.argsort(history.rows["close_at"][held], kind="stable")]
        close = float(made["close"][0])
        for at in held[history.rows["close_at"][held] > made["close_at"][0]]:
            row = history.rows[at : at + 1]
            if not row["marks"][0] & int(Mark.EMPTY):
                break
            if not (row["close"][0] == close or (np.isnan(close) and np.isnan(row["close"][0]))):
                for name in ("open", "high", "low", "close"):
                    row[name] = close
                row["version"] += 1
                row["known_at"] = known_at
                emit(row.copy())
        spoken = held[~np.isnan(history.rows["close"][held])]
        if len(spoken):
            state.open["carried"][which] = history.rows["close"][spoken[-1]]


def lower_interval(spec: BarSpec, intervals_seconds: tuple[int, ...], edges: NDArray[np.int64]) -> float:
    """Return the seconds of the bars that a time bar is made of: 60 where it and the sessions are whole minutes.

    A second where it is one of seconds, else the part of a second that it is a multiple of.
    """
    if not spec.size.is_integer():
        return unit_of(spec.nanoseconds) / SECOND
    whole = spec.size % 60 == 0 and not (edges[:-1] % (60 * SECOND)).any()
    return 60 if whole and 60 in intervals_seconds else 1


def of_interval(bars: NDArray[np.void] | None, seconds: float) -> NDArray[np.void]:
    """Return the bars of an interval, in their order."""
    return np.empty(0, BAR) if bars is None else bars[bars["interval"] == seconds]


def with_partial(bars: NDArray[np.void], partial: Partial) -> NDArray[np.void]:
    """Return bars by the policy for those that are not whole: all, without the mark or with it, or the whole ones."""
    if partial == Partial.DROP:
        whole: NDArray[np.void] = bars[bars["marks"] & PARTIAL == 0]
        return whole
    if partial == Partial.KEEP:
        bars["marks"] &= ~np.uint8(PARTIAL)
    return bars
