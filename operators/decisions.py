"""Decisions: from each signal to what became of it, one event at a time, in the one total order.

Key     book
In      Ordered
Out     Decided: signals, decision points, intents, verdicts, orders, executions, positions, snapshots, breaches
State   marks, compliance, working orders, the simulated venue, positions, and where each strategy wants to stand
Time    known_at of the rows, and the due times of the venue and of the desk's own timers, in one order
Silence never: every signal has a decision point, also when no order follows

At one instant the order is: what is due (splits, ends of sessions, the venue, snapshots), then signals, then
ticks. Rows
that nobody waits for are taken into the marks by a compiled scan, and cost no Python.
"""

import numpy as np
from numba import njit

from domain.market import END, Condition, Kind, Ordered
from operators.decision_records import Decided, Score, nothing_decided
from operators.desk import Desk
from operators.desk_state import DeskParams, DeskState, fresh_desk
from operators.marks import Cursor
from operators.stage import Stage

_TRADED = np.uint32(Condition.MOVES_OPEN_CLOSE)


@njit(cache=True, nogil=True, error_model="numpy")
def next_asking(scores, start, unsettled):  # type: ignore[no-untyped-def]
    """Return the next row that asks for a decision: a change, or a position that is not yet where it should be."""
    changed, strategy, instrument = scores["changed"], scores["strategy"], scores["instrument"]
    for row in range(start, len(scores)):
        if changed[row] or unsettled[strategy[row], instrument[row]]:
            return row
    return len(scores)


class Decisions(Stage[DeskState]):
    """The whole desk behind the signals, with the simulated venue inside."""

    layout = "3"

    def __init__(self, params: DeskParams) -> None:
        self.params = params
        self._names = params.universe.names
        self._strategies = tuple(strategy.name for strategy in params.strategies)

    def fresh(self) -> DeskState:
        """Return the memory of a book that holds its starting cash and nothing else."""
        return fresh_desk(self.params)

    def step(self, state: DeskState, item: Ordered) -> list[Decided]:
        """Walk an ordered batch from event to event."""
        desk = Desk(self.params, state, nothing_decided(item.watermark, item.arrived))
        cursor = Cursor(item.ticks, state.marks, state.marks_at)
        first_at, opened_at = _first_at(item), state.snapshot_at
        if first_at < END:
            desk.open(first_at)
            state.events += state.snapshot_at != opened_at
        scores, known_at = item.scores, item.scores["known_at"]
        until = _horizon(state, item)
        passed = 0
        while True:
            asking = next_asking(scores, passed, state.unsettled)
            score_at = int(known_at[asking]) if asking < len(scores) else END
            due_at = desk.next_due()
            if cursor.advance(min(score_at, due_at, until), state.wanted):
                state.events += 1
                now_at = self._row(desk, cursor)
                passed = max(passed, int(np.searchsorted(known_at, now_at, "right")))
            elif min(score_at, due_at) >= until:
                break
            elif due_at <= score_at:
                state.events += 1
                desk.on_due(due_at)
                passed = max(passed, int(np.searchsorted(known_at, due_at, "left")))
            else:
                state.events += 1
                desk.on_score(self._score(item, asking))
                passed = asking + 1
        if item.watermark == END:
            state.events += 1
            desk.close()
        return [desk.decided]

    def _row(self, desk: Desk, cursor: Cursor) -> int:
        """Hand a row that a working order waits for to the venue; return its known_at (ns UTC)."""
        ticks, row = cursor.ticks, cursor.row - 1
        which, now_at = int(ticks.instrument[row]), int(ticks.known_at[row])
        if ticks.kind is not None and ticks.kind[row] == Kind.QUOTE:
            desk.on_quote(which, now_at)
        elif ticks.conditions is None or ticks.conditions[row] & _TRADED:
            desk.on_trade(which, float(ticks.price[row]), float(ticks.size[row]), now_at)
        return now_at

    def _score(self, item: Ordered, row: int) -> Score:
        score = item.scores[row]
        return Score(
            self._strategies[int(score["strategy"])],
            self._names[int(score["instrument"])],
            int(score["direction"]),
            float(score["score"]),
            float(score["volatility"]),
            float(score["price"]),
            int(score["close_at"]),
            int(score["known_at"]),
            int(score["version"]),
            int(score["reason"]),
            bool(score["changed"]),
        )


def _first_at(item: Ordered) -> int:
    ticks_at = int(item.ticks.known_at[0]) if len(item.ticks.known_at) else END
    scores_at = int(item.scores["known_at"][0]) if len(item.scores) else END
    return min(ticks_at, scores_at)


def _horizon(state: DeskState, item: Ordered) -> int:
    """Return how far the walk goes: to the watermark, or behind the last row of an input that has ended."""
    if item.watermark < END:
        return item.watermark
    ticks_at = int(item.ticks.known_at[-1]) if len(item.ticks.known_at) else 0
    scores_at = int(item.scores["known_at"][-1]) if len(item.scores) else 0
    return max(int(state.marks_at[0]), ticks_at, scores_at) + 1
