"""Decisions: from each signal to what became of it, one event at a time, in the one total order.

Key     book
In      Ordered; Execution and Promise of a venue in a worker of its own; Command, and ControlsRead after the first ones
Out     Decided: signals, decision points, intents, verdicts, orders, executions, positions, snapshots, breaches
State   marks, compliance, working orders, the venue or what is known of it, positions, where each strategy wants to
        stand, and the batches that wait for the venue
Time    known_at of the rows, and the due times of the venue and of the desk's own timers, in one order
Silence never: every signal has a decision point, also when no order follows

At one instant the order is: controls, health, what is due (corporate actions, ends of sessions, the venue, snapshots),
then signals, then ticks. Rows that nobody waits for are taken into the marks by a compiled scan, and cost no Python.
"""

from numba import njit

from domain.controls import Command, ControlKind, ControlsRead
from domain.health import ALLOWED, TradingState
from domain.market import END, Kind, Ordered, select
from domain.orders import Execution, Progress, Promise
from operators.agenda import Living, lives
from operators.backlog import Backlog
from operators.controls import (
    NOTHING_BEFORE,
    VENUE,
    Before,
    cancels,
    carry_out,
    place,
    recall,
    restates_limits,
    take,
    with_limits,
)
from operators.decision_records import Decided, Score, nothing_decided
from operators.desk import Desk, Watch
from operators.desk_actions import agenda
from operators.desk_holds import follow
from operators.desk_lists import cancel_listed
from operators.desk_state import DeskParams, DeskState, Walk, fresh_desk
from operators.health import take_health
from operators.marks import Cursor, moves_last
from operators.order_risk import OrderRisk
from operators.people import NOBODY, People, begin
from operators.stage import Stage
from operators.venue_link import RemoteState, RemoteVenue

LIVES = lives(Living.ADJUSTS)
Heard = Ordered | Execution | Promise | Command | ControlsRead


# Kernels that are called for each event hold the GIL: who lets go of it for a microsecond waits for the decoder.
@njit(cache=True, error_model="numpy")
def next_asking(scores, start, unsettled):  # type: ignore[no-untyped-def]
    """Return the next row that asks for a decision: a change, or a position that is not yet where it should be."""
    changed, strategy, instrument = scores["changed"], scores["strategy"], scores["instrument"]
    for row in range(start, len(scores)):
        if changed[row] or unsettled[strategy[row], instrument[row]]:
            return row
    return len(scores)


@njit(cache=True, error_model="numpy")
def passed_by(scores, start, until):  # type: ignore[no-untyped-def]
    """Return the first row from `start` on that is known at or after an instant (ns UTC)."""
    known_at = scores["known_at"]
    for row in range(start, len(scores)):
        if known_at[row] >= until:
            return row
    return len(scores)


class Decisions(Stage[DeskState]):
    """The whole desk behind the signals, with the simulated venue inside, or a worker's elsewhere."""

    layout = "5"

    def __init__(
        self,
        params: DeskParams,
        backlog: Backlog | None = None,
        before: Before = NOTHING_BEFORE,
        *,
        controlled: bool = False,
        watch: Watch | None = None,
        people: People = NOBODY,
    ) -> None:
        """Decide after what was `before`; where it is `controlled` nothing begins ahead of ControlsRead.

        `watch` is shown every intent before it is decided on; `people` are what is done without anybody's being there.
        """
        self.params, self.watch, self._people = params, watch, people
        self._recorded, self._said_until = before
        self._begins, self._begun = not controlled, False
        self._backlog = backlog or Backlog()
        self._names = params.universe.names
        self._strategies = tuple(strategy.name for strategy in params.strategies)
        scenarios = params.risk_scenarios
        self._order_risk = None if scenarios is None else OrderRisk(params.universe, scenarios)

    def fresh(self) -> DeskState:
        """Return the memory of a book that holds its starting cash and nothing else."""
        return fresh_desk(self.params)

    def step(self, state: DeskState, item: Heard) -> list[Decided]:
        """Walk ordered batches from event to event, as far as it is known what the venue does."""
        if self._recorded:
            recall(state.controls, self._recorded)
            self._recorded = ()
        if not self._begun:
            begin(state.controls, self._people)
            self._begun = True
        self._hear(state, item)
        self._backlog.is_over = state.walked_until == END
        if not self._begins or self._backlog.is_over:
            return []
        arrived = state.walks[0].item.arrived if state.walks else 0
        desk = Desk(
            self.params, state, nothing_decided(0, arrived), self.watch, self._order_risk, self._people
        )
        self._control(desk, state.walked_until)
        watermark = decided_until = state.walked_until
        while state.walks:
            watermark = decided_until = self._walk(desk, state.walks[0])
            walk = state.walks[0]
            if decided_until < _end_of(walk):
                break
            decided_until = walk.item.watermark
            if decided_until == END and not self._closed(desk):
                break
            watermark = decided_until
            state.walks.popleft()
        state.walked_until = watermark
        self._backlog.batches, self._backlog.is_over = len(state.walks), watermark == END
        self._backlog.stands_at, self._backlog.known_until = watermark, _known_until(state)
        decided = desk.decided._replace(watermark=watermark, progress=self._progress(state, decided_until))
        return [decided] if isinstance(item, Ordered) or decided.progress or any(decided[1:-2]) else []

    def _hear(self, state: DeskState, item: Heard) -> None:
        """Take an item in."""
        if isinstance(item, Ordered):
            state.walks.append(Walk(item._replace(features=None)))
            return
        state.events += 1
        match item:
            case Command():
                take(state.controls, item, max(_from(state, item), self._said_until))
            case ControlsRead():
                self._begins = True
            case _:
                RemoteVenue(remote_state(state), self.params.venue).hear(item)

    def _control(self, desk: Desk, until: int) -> None:
        """Let controls take effect that are due by `until` (ns UTC)."""
        controls = desk.state.controls
        while controls.next_at() <= until:
            desk.state.events += 1
            state = desk.state
            risk = self.params.risk_limits, state.risk.watched
            control = carry_out(controls, state.compliance, desk.compliance, state.holds, risk)
            desk.compliance = with_limits(self.params.compliance, controls.limits)
            desk.decided.controls.append(control)
            if restates_limits(control):
                desk.state.limits_since = control.known_at
            if control.kind is ControlKind.LIMITS:
                desk.watch_limits(control.known_at)
            follow(desk, control)
            if control.kind is ControlKind.SANCTIONS:
                cancel_listed(desk, control.known_at)
            desk.risk.answer(control)
            if cancels(control):
                desk.cancel_all(control.known_at, control.scope)

    def _progress(self, state: DeskState, decided_until: int) -> Progress | None:
        """Return how far the desk is, for a venue elsewhere; None where that was said before."""
        if not isinstance(state.venue, RemoteState):
            return None
        now = Progress(requests=state.venue.sent, decided_until=decided_until)
        if now == state.told or decided_until < self._said_until:
            return None
        state.told = now
        return now

    def _closed(self, desk: Desk) -> bool:
        """Close the book at the end of all input; say whether the venue was ready for it."""
        if desk.venue.closed():
            desk.state.events += 1
            desk.close()
            return True
        return False

    def _walk(self, desk: Desk, walk: Walk) -> int:
        """Walk a batch until its end, or until the venue has to be heard; return how far that is (ns UTC)."""
        state, item = desk.state, walk.item
        cursor = Cursor(item.ticks, state.marks, state.marks_at)
        if walk.until is None:
            first_at, opened_at = _first_at(item), state.snapshot_at
            if item.actions:
                state.events += 1
                agenda(desk).take(item.actions)
            if first_at < END:
                desk.open(first_at)
                place(state.controls, first_at)
                state.events += state.snapshot_at != opened_at
            walk.until = _horizon(state, item)
        scores, known_at = item.scores, item.scores["known_at"]
        passed = heard = 0
        while True:
            until = min(walk.until, desk.venue.quiet_until())
            asking = next_asking(scores, passed, state.unsettled)
            score_at = int(known_at[asking]) if asking < len(scores) else END
            due_at, row_at = desk.next_due(), desk.venue.next_row()
            said_at = min(
                state.controls.next_at(), item.health[heard].known_at if heard < len(item.health) else END
            )
            if cursor.advance(min(score_at, due_at, until, row_at, said_at), state.wanted):
                state.events += 1
                now_at = self._row(desk, cursor)
                passed = passed_by(scores, passed, now_at + 1)
            elif min(score_at, due_at, row_at, said_at) >= until:
                break
            elif said_at <= min(score_at, due_at, row_at):
                self._control(desk, said_at)
                heard = self._take_health(desk, item, heard, said_at)
            elif row_at < min(score_at, due_at):
                state.events += 1
                desk.on_row_reports(row_at)
                passed = passed_by(scores, passed, row_at + 1)
            elif due_at <= score_at:
                state.events += 1
                desk.on_due(due_at)
                passed = passed_by(scores, passed, due_at)
            else:
                state.events += 1
                desk.on_score(self._score(item, asking))
                passed = asking + 1
        if until < walk.until or item.watermark == END:
            passed = passed_by(scores, passed, until)
            walk.item = item._replace(
                ticks=select(item.ticks, slice(cursor.row, None)),
                scores=scores[passed:],
                health=item.health[heard:],
            )
        return until

    def _take_health(self, desk: Desk, item: Ordered, heard: int, until: int) -> int:
        """Let health hold that was known by `until` (ns UTC); return how many records of the batch hold now.

        Where it leaves nothing allowed, the working orders of the instrument are cancelled.
        """
        while heard < len(item.health) and item.health[heard].known_at <= until:
            record = item.health[heard]
            desk.state.events += 1
            take_health(desk.state.health, record)
            if self.params.health_gates and ALLOWED[record.state] is TradingState.HALT:
                scope, text = f"instrument:{record.instrument}", f"its data is {record.state.value}"
                desk.cancel_all(until, scope, text)
            heard += 1
        return heard

    def _row(self, desk: Desk, cursor: Cursor) -> int:
        """Hand a row that a working order waits for to the venue; return its known_at (ns UTC)."""
        ticks, row = cursor.ticks, cursor.row - 1
        which, now_at = int(ticks.instrument[row]), int(ticks.known_at[row])
        if ticks.kind is not None and ticks.kind[row] == Kind.QUOTE:
            desk.on_quote(which, now_at)
        elif moves_last(ticks, row):
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
            float(score["weight"]) or 1.0,
        )


def remote_state(state: DeskState) -> RemoteState:
    """Return what is known of the venue elsewhere; raises TypeError where it is inside."""
    if not isinstance(state.venue, RemoteState):
        raise TypeError("the venue is inside this desk, and yet something came from one elsewhere")
    return state.venue


def _from(state: DeskState, command: Command) -> int:
    """Return from when on a command holds (ns UTC): from where the desk stands, or behind what came too late.

    Reports of the venue that are read again speak of now: what the desk has yet to decide is older, and stays refused.
    """
    if command.kind is ControlKind.FRESH and command.scope == VENUE:
        return _known_until(state)
    return state.walked_until


def _known_until(state: DeskState) -> int:
    """Return up to when market data is here (ns UTC)."""
    ahead = [walk.item.watermark for walk in state.walks if walk.item.watermark < END]
    return max([state.walked_until, *ahead[-1:]])


def _end_of(walk: Walk) -> int:
    return END if walk.until is None else walk.until


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
