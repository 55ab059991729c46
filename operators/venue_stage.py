"""The venue in a worker of its own: what became of the desk's orders, given a market that both see?

Key     book
In      Ordered; Order and OrderCancelRequest, by their one sequence; Progress of the desk
Out     Answered: reports in the order in which they happened, and a Promise
State   the venue, the marks, rows that the desk may still send orders into, and how far the desk is
Time    event time only: known_at of the rows, sending time plus latency of the requests
Silence promises nothing new; what was promised holds

A row is taken in when no request can arrive before it any more: the desk has said how far it is, and a request takes
the latency. From there the venue looks ahead with a copy of itself, to where an order that it has would be filled next
if the desk asked for nothing more, and promises silence until then. So a desk with orders waits for one answer for each
request and each report, and a desk without orders never does; what happens is the same as in `operators.decisions` with
the venue inside, to the last report.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.action_records import ENDS, ActionRecord
from domain.market import END, Kind, Ordered, Session
from domain.order_messages import Report
from domain.orders import (
    NOTHING_ASKED,
    NOTHING_PROMISED,
    Order,
    OrderCancelRequest,
    Progress,
    Promise,
)
from operators.agenda import Agenda, Living, lives, planned
from operators.backlog import Backlog
from operators.desk_state import DeskParams
from operators.marks import Cursor, fresh_marks, moves_last
from operators.marks import adjust as adjust_mark
from operators.stage import Stage
from operators.venue import (
    adjust,
    arrivals,
    cancel,
    end_of_session,
    next_arrival,
    on_quote,
    on_trade,
    submit,
    wants,
)
from operators.venue_restating import restate_held
from operators.venue_state import Top, VenueState

LIVES = lives(Living.ADJUSTS)
Request = Order | OrderCancelRequest


class Answered(NamedTuple):
    """What the venue says after an item: reports, and a promise where it is a new one; `ended` with the last of all."""

    executions: list[Report]
    promise: Promise | None
    ended: bool = False


def fork(state: VenueState) -> VenueState:
    """Return a venue that goes on by itself from where this one is."""
    return replace(
        state,
        coming=list(state.coming),
        orders={name: held.copy() for name, held in state.orders.items()},
        resting={which: list(names) for which, names in state.resting.items()},
        taken=dict(state.taken),
        closing=dict(state.closing),
    )


@dataclass
class Floor:
    """A market and the orders in it, up to a row: `batch` counts batches since the beginning, `row` is within it.

    `agenda` holds the corporate actions to come (None in a state of a version that knew of splits alone), `effected`
    the last ones that took effect: an order that was sent before them may still be on its way. In `ended` instruments
    nothing is traded any more.
    """

    marks: NDArray[np.void]
    marks_at: NDArray[np.int64]
    wanted: NDArray[np.bool_]
    venue: VenueState = field(default_factory=VenueState)
    session_end_at: int = END
    splits_done: int = 0
    batch: int = 0
    row: int = 0
    agenda: Agenda | None = None
    effected: tuple[ActionRecord, ...] = ()
    ended: frozenset[int] = frozenset()

    def copy(self) -> "Floor":
        """Return a floor that goes on by itself from where this one is."""
        return Floor(
            self.marks.copy(),
            self.marks_at.copy(),
            self.wanted.copy(),
            fork(self.venue),
            self.session_end_at,
            self.splits_done,
            self.batch,
            self.row,
            None if self.agenda is None else self.agenda.copy(),
            self.effected,
            self.ended,
        )


@dataclass
class VenueBook:
    """All the memory of the venue's worker.

    `floor` is what has happened for good, before `settled_until` (ns UTC); `batches` are the rows from there on, the
    first of which is number `first_batch`; `requests` wait for those before them. `horizon` is how far the market is
    known. `ahead`, whether a report was `found` there, and `quiet_until` are made again after a restart.
    """

    floor: Floor
    batches: deque[Ordered] = field(default_factory=deque)
    first_batch: int = 0
    opened: bool = False
    horizon: int = 0
    market_ended: bool = False
    last_row_at: int = 0
    requests: dict[int, Request] = field(default_factory=dict)
    heard: int = 0
    progress: Progress = NOTHING_ASKED
    decided_until: int = 0
    settled_until: int = 0
    promised: Promise = NOTHING_PROMISED
    ended: bool = False
    ahead: Floor | None = field(default=None, repr=False, compare=False)
    found: bool = False
    quiet_until: int = 0

    def __getstate__(self) -> dict[str, Any]:
        """Return what is stored: all but the look ahead."""
        return {**vars(self), "ahead": None, "found": False, "quiet_until": 0}


class VenueStage(Stage[VenueBook]):
    """The simulated venue, fed by topics; `params` are the desk's own."""

    def __init__(self, params: DeskParams, backlog: Backlog | None = None) -> None:
        self.params = params
        self._index = params.universe.indices()
        self._backlog = backlog or Backlog()

    def fresh(self) -> VenueBook:
        """Return a venue that has heard of nothing."""
        count = len(self.params.universe)
        floor = Floor(fresh_marks(count), np.zeros(1, np.int64), np.zeros(count, np.bool_))
        floor.agenda = planned(self.params.splits)
        return VenueBook(floor)

    def step(self, state: VenueBook, item: Ordered | Request | Progress) -> list[Answered]:
        """Take an item in, and answer with what is certain by now; raises ValueError for an order that cannot be."""
        if isinstance(item, Ordered):
            self._market(state, item)
        elif isinstance(item, Progress):
            state.progress = max(state.progress, item, key=lambda told: (told.requests, told.decided_until))
        elif item.sequence > state.heard:
            state.requests[item.sequence] = item
        executions = [*self._hear(state), *self._settle(state)]
        self._look_ahead(state)
        self._backlog.batches = len(state.batches)
        promise = Promise(
            requests=state.heard,
            executions=state.floor.venue.sequence,
            quiet_until=state.quiet_until,
            closed=state.ended,
        )
        is_new, state.promised = promise != state.promised, promise
        if not executions and not is_new:
            return []
        return [Answered(executions, promise if is_new else None, state.ended)]

    def _market(self, state: VenueBook, item: Ordered) -> None:
        """Take rows in, and note how far the market is known."""
        ticks_at, scores_at = item.ticks.known_at, item.scores["known_at"]
        for floor in (state.floor, state.ahead):
            if floor is not None and item.actions:
                self._agenda(floor).take(item.actions)
        seen = [int(column[0]) for column in (ticks_at, scores_at) if len(column)]
        if seen and not state.opened:
            state.opened = True
            state.floor.session_end_at = self.params.sessions.regular(min(seen))[1]
            self._agenda(state.floor).due(min(seen))
        if len(ticks_at):
            state.last_row_at = int(ticks_at[-1])
        state.batches.append(item)
        state.market_ended = item.watermark == END
        scored_at = int(scores_at[-1]) if len(scores_at) else 0
        state.horizon = max(state.last_row_at, scored_at) + 1 if state.market_ended else item.watermark

    def _hear(self, state: VenueBook) -> list[Report]:
        """Put the requests on their way whose turn it is, each after all that happened by its sending; return reports.

        The desk has decided on everything before a request that it sends. One that was sent later than the market is
        known waits for the market: a session may end before it, or a split take effect.
        """
        made: list[Report] = []
        while (request := state.requests.get(state.heard + 1)) is not None:
            state.decided_until = max(state.decided_until, request.transact_time)
            made += self._let_happen(state)
            if state.horizon <= request.transact_time and not state.market_ended:
                return made
            state.heard += 1
            del state.requests[state.heard]
            self._put_on_its_way(state, request)
        if state.progress.requests <= state.heard:
            state.decided_until = max(state.decided_until, state.progress.decided_until)
        return made

    def _put_on_its_way(self, state: VenueBook, request: Request) -> None:
        state.ahead = None
        if isinstance(request, Order):
            which = self._index[request.symbol]
            listed, sent_at = self.params.universe.of(request.symbol), request.transact_time
            terms = (listed.tick_size, sent_at, listed.unit)
            submit(state.floor.venue, self.params.venue, request, which, *terms)
            self._catch_up(state.floor, request)
        else:
            cancel(state.floor.venue, self.params.venue, request.order_id, request.transact_time)

    def _let_happen(self, state: VenueBook) -> list[Report]:
        """Let happen what no request can change any more."""
        safe = state.decided_until
        if safe < END:
            safe += self.params.venue.latency_nanoseconds
        settled_until = min(safe, state.horizon)
        if settled_until <= state.settled_until:
            return []
        made, _ = self._walk(state, state.floor, settled_until)
        state.settled_until = settled_until
        while state.floor.batch > state.first_batch:
            state.batches.popleft()
            state.first_batch += 1
        return made

    def _settle(self, state: VenueBook) -> list[Report]:
        """Let happen what no request can change any more, and all of it where the desk is done."""
        executions = self._let_happen(state)
        is_over = state.market_ended and state.decided_until == END
        if is_over and state.progress.requests == state.heard and not state.ended:
            executions += end_of_session(state.floor.venue, self.params.venue, state.last_row_at)
            state.ended = True
        return executions

    def _look_ahead(self, state: VenueBook) -> None:
        """Find out until when nothing happens to the orders that are here."""
        if not state.floor.venue.orders:
            state.ahead, state.quiet_until = None, END
            return
        if state.ahead is None or state.quiet_until < state.settled_until:
            state.ahead, state.found = state.floor.copy(), False
        if not state.found:
            made, reached = self._walk(state, state.ahead, state.horizon, first_only=True)
            state.found = bool(made)
            state.quiet_until = END if state.market_ended and not made else reached

    def _walk(
        self, state: VenueBook, floor: Floor, until: int, *, first_only: bool = False
    ) -> tuple[list[Report], int]:
        """Let happen on a floor what happens before `until`; return the reports, and how far that was (ns UTC)."""
        made: list[Report] = []
        while not (made and first_only):
            due_at = min(self._agenda(floor).next_at(), floor.session_end_at, next_arrival(floor.venue))
            now_at = self._advance(state, floor, min(due_at, until))
            if now_at is not None:
                made += self._row(state, floor, now_at)
            elif due_at < until:
                now_at = due_at
                made += self._due(floor, due_at)
            else:
                return made, until
            floor.wanted[:] = False
            floor.wanted[list(wants(floor.venue))] = True
        return made, made[0].transact_time

    def _advance(self, state: VenueBook, floor: Floor, until: int) -> int | None:
        """Take rows into the marks; return when a row was known (ns UTC) that an order waits for, None without one."""
        while floor.batch - state.first_batch < len(state.batches):
            ticks = state.batches[floor.batch - state.first_batch].ticks
            cursor = Cursor(ticks, floor.marks, floor.marks_at)
            cursor.row = floor.row
            stopped = cursor.advance(until, floor.wanted)
            floor.row = cursor.row
            if stopped:
                return int(ticks.known_at[floor.row - 1])
            if floor.row < len(ticks.known_at):
                return None
            floor.batch, floor.row = floor.batch + 1, 0
        return None

    def _row(self, state: VenueBook, floor: Floor, now_at: int) -> list[Report]:
        """Show the row before the floor's place to the orders of its instrument."""
        ticks, row = state.batches[floor.batch - state.first_batch].ticks, floor.row - 1
        which = int(ticks.instrument[row])
        top = Top.of(floor.marks[which], is_open=self._is_open(floor, which, now_at))
        if ticks.kind is not None and ticks.kind[row] == Kind.QUOTE:
            return on_quote(floor.venue, self.params.venue, which, top, now_at)
        if moves_last(ticks, row):
            price, size = float(ticks.price[row]), float(ticks.size[row])
            return on_trade(floor.venue, self.params.venue, which, price, size, top, now_at)
        return []

    def _due(self, floor: Floor, now_at: int) -> list[Report]:
        """Let corporate actions, the end of a session, and arrivals happen, in that order."""
        made: list[Report] = []
        for action in self._agenda(floor).due(now_at):
            if action.instrument in self._index:
                adjust(floor.venue, self.params.venue, self._index[action.instrument], action)
                if action.kind in ENDS:
                    floor.ended |= {self._index[action.instrument]}
                adjust_mark(floor.marks, self._index[action.instrument], action)
                young = now_at - self.params.venue.latency_nanoseconds
                kept = [one for one in floor.effected if one.effective_at > young]
                floor.effected = (*kept, action)
        if floor.session_end_at <= now_at:
            made += end_of_session(floor.venue, self.params.venue, now_at)
            floor.session_end_at = self.params.sessions.regular(now_at)[1]

        def top_of(which: int) -> Top:
            return Top.of(floor.marks[which], is_open=self._is_open(floor, which, now_at))

        return made + arrivals(floor.venue, self.params.venue, top_of, now_at)

    def _agenda(self, floor: Floor) -> Agenda:
        """Return the actions to come on a floor."""
        if floor.agenda is None:
            floor.agenda = planned(self.params.splits, floor.splits_done)
        return floor.agenda

    def _catch_up(self, floor: Floor, order: Order) -> None:
        """Restate an order that was sent before an action and is heard of after it."""
        held = floor.venue.orders[order.order_id]
        for action in floor.effected:
            if action.effective_at > order.transact_time and action.instrument == order.symbol:
                restate_held(held, action)

    def _is_open(self, floor: Floor, which: int, now_at: int) -> bool:
        return which not in floor.ended and self.params.sessions.session_at(now_at) == Session.REGULAR
