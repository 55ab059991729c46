"""The desk's line to its venue: inside the same step, or a worker elsewhere that is waited for where it matters.

Both lines are asked the same and answer the same, so that what the desk decides does not depend on where its venue is.
Reports that come of a message that arrives, or of the end of a session, are due at their instant, before the scores of
that instant; those of a row of the market come after them.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from domain.action_records import ActionRecord
from domain.market import END
from domain.money import SMALLEST
from domain.order_messages import OrderRequest, Report
from domain.orders import (
    NOTHING_PROMISED,
    ExecType,
    Execution,
    LastLiquidityInd,
    Order,
    OrderCancelRequest,
    Promise,
)
from operators.agenda import Living, lives
from operators.reconciliation import Statement
from operators.venue import (
    adjust,
    arrivals,
    ask,
    cancel,
    end_of_session,
    next_arrival,
    on_quote,
    on_trade,
    submit,
    wants,
)
from operators.venue_line import hear, read_drop_copy
from operators.venue_params import VenueParams
from operators.venue_state import Top, VenueState

ONE = Decimal(1)
LIVES = lives(Living.UNTOUCHED)
"""Reports that wait for their instant are in the units of that instant: the venue hears of every action for itself."""
TopOf = Callable[[int], Top]


class ReportLost(RuntimeError):
    """The venue's reports are not numbered one after the other: one is missing for good."""


class HostedVenue:
    """The simulated venue inside the step: nothing has to be waited for."""

    def __init__(self, state: VenueState, params: VenueParams) -> None:
        self._state, self._params = state, params

    def send(
        self, order: Order, instrument: int, tick_size: Decimal, now_at: int, unit: Decimal = ONE
    ) -> None:
        """Send an order."""
        submit(self._state, self._params, order, instrument, tick_size, now_at, unit)

    def cancel(self, request: OrderCancelRequest) -> None:
        """Send a cancel request."""
        cancel(self._state, self._params, request.order_id, request.transact_time)

    def ask(self, request: OrderRequest) -> None:
        """Send a request that is answered."""
        ask(self._state, self._params, request, request.transact_time)

    def drop_copy(self, now_at: int) -> list[Report]:
        """Return what the drop copy has by now, each report once."""
        return read_drop_copy(self._state.line, now_at)

    def rest(self) -> list[Report]:
        """Return what is still on its way to the desk."""
        return hear(self._state.line, END)

    def statements(self, names: Iterable[str]) -> dict[str, Statement]:
        """Return what the venue holds of orders, by OrderID; those that never came there are left out."""
        held = {name: self._state.known(name) for name in names}
        return {
            name: Statement(each.status, each.order_qty, each.cum_qty, each.notional.quantize(SMALLEST))
            for name, each in held.items()
            if each is not None
        }

    def quiet_until(self) -> int:
        """Return how far the desk may go (ns UTC, exclusive) before it has to hear of the venue."""
        return END

    def next_due(self) -> int:
        """Return when the next report of an arrival is due (ns UTC)."""
        return next_arrival(self._state)

    def next_row(self) -> int:
        """Return when the next report of a market row is due, beside those that `quote` and `trade` answer."""
        return END

    def due(self, top_of: TopOf, now_at: int) -> list[Report]:
        """Return the reports of arrivals by now."""
        return arrivals(self._state, self._params, top_of, now_at)

    def of_row(self, now_at: int) -> list[Report]:
        """Return the reports of market rows by now that the desk did not have to show."""
        return []

    def quote(self, which: int, top: Top, now_at: int) -> list[Report]:
        """Show a best quote."""
        return on_quote(self._state, self._params, which, top, now_at)

    def trade(self, which: int, price: float, size: float, top: Top, now_at: int) -> list[Report]:
        """Show a trade."""
        return on_trade(self._state, self._params, which, price, size, top, now_at)

    def end_session(self, now_at: int) -> list[Report]:
        """Return the reports of the orders that end with the session."""
        return end_of_session(self._state, self._params, now_at)

    def wants(self) -> frozenset[int]:
        """Return the instruments that have to be shown."""
        return wants(self._state)

    def adjust(self, instrument: int, action: ActionRecord) -> None:
        """Let a corporate action happen to the orders of an instrument."""
        adjust(self._state, self._params, instrument, action)

    def closed(self) -> bool:
        """Say whether the venue has said its last, once the market has."""
        return True


@dataclass
class RemoteState:
    """What is known of a venue elsewhere.

    `unheard` holds the sending times (ns UTC) of requests that no promise speaks of yet; `promise` is the one in
    effect, `next_promise` the last one heard, which takes effect with the reports that it counts; `reports` wait for
    their instant.
    """

    sent: int = 0
    unheard: deque[int] = field(default_factory=deque)
    promise: Promise = NOTHING_PROMISED
    next_promise: Promise = NOTHING_PROMISED
    reports: deque[Execution] = field(default_factory=deque)
    received: int = 0


class RemoteVenue:
    """A venue elsewhere, which sees the market for itself and answers on a topic."""

    def __init__(self, state: RemoteState, params: VenueParams) -> None:
        self._state, self._params = state, params

    def hear(self, told: Execution | Promise) -> None:
        """Take in a report or a promise, each of them once; raises ReportLost."""
        state = self._state
        if isinstance(told, Execution):
            if told.sequence > state.received + 1:
                raise ReportLost(
                    f"the venue's report {told.sequence} came after {state.received}; read its topic from where the "
                    "desk stopped, or start desk and venue anew"
                )
            if told.sequence == state.received + 1:
                state.received += 1
                state.reports.append(told)
        elif _further(told, state.next_promise):
            state.next_promise = told
        if state.next_promise is not state.promise and state.received >= state.next_promise.executions:
            while state.unheard and state.sent - len(state.unheard) < state.next_promise.requests:
                state.unheard.popleft()
            state.promise = state.next_promise

    def send(
        self, order: Order, _instrument: int, _tick_size: Decimal, now_at: int, _unit: Decimal = ONE
    ) -> None:
        """Note an order that leaves by its topic."""
        self._asked(order.sequence, now_at)

    def cancel(self, request: OrderCancelRequest) -> None:
        """Note a cancel request that leaves by its topic."""
        self._asked(request.sequence, request.transact_time)

    def _asked(self, number: int, now_at: int) -> None:
        """Note a request; a desk that begins anew makes those again that the venue has spoken of long ago."""
        self._state.sent = number
        if number > self._state.promise.requests:
            self._state.unheard.append(now_at)

    def quiet_until(self) -> int:
        """Return how far the desk may go (ns UTC, exclusive) before it has to hear of the venue."""
        state = self._state
        arrival = state.unheard[0] + self._params.latency_nanoseconds if state.unheard else END
        return min(state.promise.quiet_until, arrival)

    def next_due(self) -> int:
        """Return when the next report of an arrival is due (ns UTC)."""
        reports = self._state.reports
        return reports[0].transact_time if reports and not _of_row(reports[0]) else END

    def next_row(self) -> int:
        """Return when the next report of a market row is due."""
        reports = self._state.reports
        return reports[0].transact_time if reports and _of_row(reports[0]) else END

    def due(self, _top_of: TopOf, now_at: int) -> list[Report]:
        """Return the reports of arrivals by now."""
        return self._take(lambda report: not _of_row(report), now_at)

    def of_row(self, now_at: int) -> list[Report]:
        """Return the reports of market rows by now."""
        return self._take(_of_row, now_at)

    def quote(self, which: int, top: Top, now_at: int) -> list[Report]:
        """Show nothing: the venue sees the market for itself."""
        return []

    def trade(self, which: int, price: float, size: float, top: Top, now_at: int) -> list[Report]:
        """Show nothing: the venue sees the market for itself."""
        return []

    def end_session(self, now_at: int) -> list[Report]:
        """Return the reports of the orders that end with the session."""
        return self._take(lambda report: report.exec_type is ExecType.EXPIRED, now_at)

    def wants(self) -> frozenset[int]:
        """Return that nothing has to be shown."""
        return frozenset()

    def adjust(self, instrument: int, action: ActionRecord) -> None:
        """Do nothing: the venue hears of corporate actions for itself."""

    def closed(self) -> bool:
        """Say whether the venue has said its last."""
        return self._state.promise.closed

    def _take(self, is_meant: Callable[[Execution], bool], now_at: int) -> list[Report]:
        taken: list[Report] = []
        reports = self._state.reports
        while reports and reports[0].transact_time <= now_at and is_meant(reports[0]):
            taken.append(reports.popleft())
        return taken


Link = HostedVenue | RemoteVenue


def link_of(state: VenueState | RemoteState, params: VenueParams) -> Link:
    """Return the line to a venue that is inside or elsewhere."""
    if isinstance(state, RemoteState):
        return RemoteVenue(state, params)
    return HostedVenue(state, params)


def _of_row(report: Execution) -> bool:
    """Say whether a report came of a row of the market: a fill of an order that rested."""
    return report.last_liquidity_ind == LastLiquidityInd.ADDED


def _further(promise: Promise, than: Promise) -> bool:
    """Say whether a promise knows more; a venue that starts again repeats old ones."""
    return (promise.requests, promise.executions, promise.closed, promise.quiet_until) > (
        than.requests,
        than.executions,
        than.closed,
        than.quiet_until,
    )
