"""Activity bars of one name: rows in, closed bars out, and closed or open bars made again from the retained rows."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.action_records import Step
from domain.bar_kinds import BUILT_BAR, BarKind, BarSpec, Mark
from domain.market import END
from operators.activity_kernel import (
    BRICKS_MAX,
    IF_ONLY,
    MOVES,
    OPEN,
    close_sessions,
    sample,
    take,
    write,
)
from operators.activity_rows import Rows
from operators.agenda import PRICED
from operators.built_history import BuiltHistory

LIVES = PRICED
Emit = Callable[[NDArray[np.void]], None]
_WEIGHED = ("average", "expected_value", "buy_value", "sell_value", "bought", "sold")
_MISSING = ("average", "expected_value", "expected_ticks", "buy_share", "buy_value", "sell_value")


@dataclass
class ActivityState:
    """All the memory of one name."""

    open: NDArray[np.void]
    passed: NDArray[np.int64]
    history: BuiltHistory = field(default_factory=BuiltHistory)


@njit(cache=True, nogil=True, error_model="numpy")
def _replay(ones, kind, place, rows):  # type: ignore[no-untyped-def]
    """Take retained rows into the open bar `ones[0]` again; one that came late moves no open and close."""
    one = ones[0]
    event_at, price, size, bits = rows["event_at"], rows["price"], rows["size"], rows["bits"]
    sign, numbers = rows["sign"], rows["numbers"]
    for row in range(len(rows)):
        what = bits[row]
        if numbers[row, place] < 0 and what & MOVES:
            what = (what & ~np.uint32(MOVES)) | np.uint32(IF_ONLY)
        take(one, kind, event_at[row], price[row], size[row], what, sign[row])


@njit(cache=True, nogil=True, error_model="numpy")
def _written(ones, bars):  # type: ignore[no-untyped-def]
    """Write the open bar `ones[0]` over `bars[0]`."""
    write(bars[0], ones[0], 0, 0, 0, 0, 0)


def adjust(state: ActivityState, kind: BarKind, which: int, step: Step) -> None:
    """Bring what is expected of an instrument's imbalance or runs bars over an action: volumes, or sums of money.

    Bricks begin anew (`ActivityMaker.begin_anew`); every other kind expects nothing, and is cut where a session ends.
    """
    if kind < BarKind.TICK_IMBALANCE:
        return
    weight = (1.0, step.shares, step.shares / step.price)[(int(kind) - int(BarKind.TICK_IMBALANCE)) % 3]
    for name in _WEIGHED:
        state.open[name][which] *= weight


class ActivityMaker:
    """Makes the bars of one name; `place` is its place among the run's names."""

    def __init__(
        self,
        place: int,
        spec: BarSpec,
        instruments: int,
        sessions: tuple[NDArray[np.int64], NDArray[np.int32]],
        lateness: int,
        expected: tuple[int, int],
    ) -> None:
        self.spec = spec
        self._rule = (int(spec.kind), spec.size, float(expected[0]), float(expected[1]))
        self._place, self._instruments, self._lateness = place, instruments, lateness
        self._edges, self._labels = sessions
        self._room = 2 * instruments + 4096

    def fresh(self) -> ActivityState:
        """Return the memory of a name under which nothing was seen."""
        opened = np.zeros(self._instruments, OPEN)
        opened["closed_at"] = -END
        for name in _MISSING:
            opened[name] = np.nan
        return ActivityState(opened, np.zeros(1, np.int64))

    def take(
        self,
        state: ActivityState,
        rows: Rows,
        span: tuple[int, int],
        member: NDArray[np.int64],
        late: NDArray[np.int64],
        emit: Emit,
    ) -> None:
        """Take the rows of a span in; `member` and `late` are written for each row of the batch (see the kernel)."""
        start, stop = span
        room = self._room
        while start < stop:
            out = np.empty(room, BUILT_BAR)
            at, made = sample(
                self._rule, self._place, *rows, start, stop, state.open, state.passed,
                self._edges, self._labels, self._lateness, out, member, late,
            )  # fmt: skip
            emit(out[:made])
            room = self._room if at > start else 2 * self._instruments + BRICKS_MAX + 2
            start = at

    def close(self, state: ActivityState, watermark: int, emit: Emit) -> None:
        """Cut what is open at the session ends that the watermark (ns UTC) has passed."""
        due = int(self._edges[state.passed[0]])
        if watermark != END and (due >= END - self._lateness or watermark < due + self._lateness):
            return
        out = np.empty(2 * self._instruments, BUILT_BAR)
        made = close_sessions(
            watermark, self._rule, self._place, state.open, state.passed, self._edges, self._lateness, out
        )
        emit(out[:made])

    def begin_anew(self, state: ActivityState, which: int, at: int, emit: Emit) -> None:
        """Cut an instrument's open brick at an action (ns UTC): the next ones begin at the first price of after it."""
        one, made = state.open[which : which + 1], np.zeros(1, BUILT_BAR)
        one["seen"] = 0
        if not one["held"][0]:
            return
        _written(one, made)
        made["close_at"] = made["known_at"] = at
        made["number"], made["session"] = one["number"], one["session"]
        made["instrument"], made["spec"], made["marks"] = which, self._place, int(Mark.CUT)
        emit(made)
        one["held"], one["number"] = 0, one["number"] + 1
        one["closed_at"] = max(int(one["closed_at"][0]), at)

    def closed_again(
        self, state: ActivityState, at: int, rows: NDArray[np.void], column: int, known_at: int
    ) -> NDArray[np.void]:
        """Return the next version of the closed bar at a place of the history, made of the rows that stand.

        Its ends stay where they were, and those of a brick's prices, too.
        """
        bar = state.history.rows[at : at + 1]
        before, made, one = bar.copy(), bar.copy(), np.zeros(1, OPEN)
        for name in ("open", "close", "only"):
            one[name] = np.nan
        one["high"], one["low"] = -np.inf, np.inf
        _replay(one, self._rule[0], column, rows)
        _written(one, made)
        kept = ("open_at", "close_at", "number", "instrument", "spec", "session", "marks")
        prices = ("open", "high", "low", "close") if self.spec.kind == BarKind.RENKO else ()
        for name in (*kept, *prices):
            made[name] = before[name]
        made["known_at"], made["version"] = known_at, before["version"] + 1
        bar[:] = made
        return made

    def open_again(self, state: ActivityState, which: int, rows: NDArray[np.void], column: int) -> None:
        """Make the open bar of an instrument again, of the rows that stand; what was expected stays."""
        one = state.open[which : which + 1]
        one["held"] = 1 if len(rows) else 0
        for name in ("open", "close", "only"):
            one[name] = np.nan
        one["high"], one["low"] = -np.inf, np.inf
        for name in ("volume", "notional", "bought", "sold", "ticks", "buys", "sells"):
            one[name] = 0
        if len(rows):
            one["open_at"] = one["last_at"] = rows["event_at"][0]
            _replay(one, self._rule[0], column, rows)
