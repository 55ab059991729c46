"""The desk's orders behind compliance: what the venue says of them, what is asked of it, and how accounts are settled.

Key     book
In      reports of the venue; instants at which an answer is overdue, or a session ends
Out     executions, reports, refusals, requests and breaks on the desk's streams; bookings to compliance and positions
State   `DeskState.ledger` and `DeskState.working`
Time    event time
Silence a report that comes again says nothing

Nothing that a venue says stops the desk. Where the venue does not lie, what leaves here is what came in.
"""

from typing import TYPE_CHECKING

import msgspec

from domain.envelope import record_id
from domain.order_messages import (
    DropCopy,
    OrderCancelReject,
    OrderReport,
    OrderRequest,
    Report,
    RequestKind,
)
from domain.orders import ExecType, Execution, OrderCancelRequest, OrdStatus
from operators.compliance import count_message
from operators.compliance_state import release, set_position, settle
from operators.decision_records import cancel_of
from operators.desk_state import Working, turn_over
from operators.order_ledger import (
    Change,
    Taken,
    ask_about,
    leave,
    next_overdue,
    not_over,
    questions,
    settle_accounts,
    take,
    take_over,
)
from operators.order_requests import unanswered
from operators.order_rules import COUNTED, Applied
from operators.orders import OrderState, name_of
from operators.positions import apply_change, holding
from operators.reconciliation import VENUE, Found, break_of
from operators.venue_link import HostedVenue

if TYPE_CHECKING:
    from operators.desk import Desk

_PLAIN = frozenset(
    {
        ExecType.PENDING_NEW,
        ExecType.NEW,
        ExecType.TRADE,
        ExecType.CANCELED,
        ExecType.REJECTED,
        ExecType.EXPIRED,
    }
)
"""Kinds of report that go to `oms.executions`; the others say more than those records hold, and go to `oms.reports`."""
_IN_EFFECT = COUNTED | {Applied.APPLIED, Applied.EARLY}


def take_reports(desk: "Desk", reports: list[Report], now_at: int) -> bool:
    """Hand reports to orders, compliance and positions, record what changed, and say whether anything was booked."""
    booked = False
    for report in reports:
        taken = take(desk.state.ledger, report)
        booked |= bool(taken.changes)
        tell(desk, taken.found, now_at)
        if taken.answer in _IN_EFFECT:
            _record(desk, report)
            follow(desk, report, taken, now_at)
    return booked


def tell(desk: "Desk", found: list[Found], now_at: int) -> None:
    """Record breaks."""
    desk.decided.breaks.extend(break_of(each, now_at, desk.next_number("breaks")) for each in found)


def _record(desk: "Desk", report: Report) -> None:
    """Record a report on the stream of its kind."""
    decided = desk.decided
    if isinstance(report, OrderCancelReject):
        decided.refusals.append(report)
    elif not isinstance(report, OrderReport):
        decided.executions.append(report)
    elif report.exec_type in _PLAIN:
        decided.executions.append(_plain(report))
    else:
        decided.reports.append(report)


def _plain(report: OrderReport) -> Execution:
    """Return the plain execution report of a full one."""
    return Execution(**{name: getattr(report, name) for name in Execution.__struct_fields__})


def follow(desk: "Desk", report: Report, taken: Taken, now_at: int) -> None:
    """Let compliance and positions follow a report, and let go of an order that is over."""
    state, order_state = desk.state, desk.state.ledger.orders[report.order_id]
    if isinstance(report, Execution):
        settle(state.compliance, report if not desk.lies else _as_known(order_state, report))
    elif order_state.is_over:
        release(state.compliance, order_state.order.cl_ord_id)
    for change in taken.changes:
        _book(desk, order_state, change, now_at)
    if desk.lies and taken.changes:
        _align(desk, order_state)
    key = (report.strategy, report.symbol)
    working = state.working.get(key)
    if working is not None and working.state is order_state:
        if order_state.is_over:
            del state.working[key]
            if not desk.lies:
                leave(state.ledger, report.order_id)
        elif working.cancelled and desk.lies and not unanswered(order_state):
            working.cancelled = False
    elif desk.lies and order_state.status in _AT_WORK and not unanswered(order_state):
        _ask(desk, order_state, RequestKind.CANCEL, "it works again, and is not wanted any more", now_at)


_AT_WORK = frozenset({OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED})


def _as_known(state: OrderState, report: Execution) -> Execution:
    """Return a report on the order as it was sent that says what is known, with the end only where that is whole."""
    status = state.status if state.is_over else OrdStatus.PARTIALLY_FILLED
    return msgspec.structs.replace(
        report, cl_ord_id=state.order.cl_ord_id, cum_qty=max(0, state.cum_qty), ord_status=status
    )


def _book(desk: "Desk", order_state: OrderState, change: Change, now_at: int) -> None:
    """Book a change of an order's fills, and record the position; what is of our own making has a record too."""
    order = change.order
    instrument = desk.params.universe.of(order.symbol)
    if change.name not in order_state.fills:
        desk.decided.executions.append(_own(order_state, change, now_at, desk.next_number("own executions")))
    multiplier = instrument.unit_multiplier
    apply_change(desk.state.positions, order, change.quantity, change.price, change.commission, multiplier)
    desk.risk.booked(order, change.quantity, change.price, change.commission, now_at)
    turn_over(desk.state, order.strategy, change.quantity * change.price * multiplier)
    verb = "execution" if change.quantity > 0 else "taken back: execution"
    desk.position(order.strategy, order.symbol, now_at, f"{verb} {change.name}")


def _own(state: OrderState, change: Change, now_at: int, sequence: int) -> Execution:
    """Return the execution that stands for fills which only the venue's answer tells of, or takes it back."""
    order, back = state.order, change.quantity < 0
    name = record_id("taken back", change.name) if back else change.name
    return Execution(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source="desk:reconciliation",
        sequence=sequence,
        record_id=record_id("own execution", state.order.order_id, sequence),
        exec_id=name,
        order_id=order.order_id,
        cl_ord_id=state.cl_ord_id,
        account=order.account,
        strategy=order.strategy,
        symbol=order.symbol,
        side=order.side,
        exec_type=ExecType.TRADE_CANCEL if back else ExecType.TRADE,
        ord_status=state.status,
        order_qty=state.order_qty,
        leaves_qty=state.leaves_qty,
        cum_qty=max(0, state.cum_qty),
        avg_px=state.avg_px,
        transact_time=now_at,
        last_qty=abs(change.quantity),
        last_px=change.price,
        last_mkt=order.ex_destination,
        commission=change.commission,
        text=f"takes back {change.name}" if back else "by the venue's answer to a status request",
    )


def _align(desk: "Desk", order_state: OrderState) -> None:
    """Let compliance hold the position that the book holds."""
    order = order_state.order
    quantity = holding(desk.state.positions, order.strategy, order.symbol).quantity
    set_position(
        desk.state.compliance, order.account, order.strategy, desk.params.desk, order.symbol, quantity
    )


def cancel(desk: "Desk", working: Working, text: str, now_at: int) -> None:
    """Ask the venue to cancel what is left of an order; `text` says why."""
    working.cancelled = True
    if desk.lies:
        _ask(desk, working.state, RequestKind.CANCEL, text, now_at)
        return
    _count(desk, working.state, now_at)
    request = cancel_of(working.state.in_force, text, now_at, desk.next_number("orders"))
    desk.decided.cancels.append(request)
    desk.venue.cancel(request)


def _count(desk: "Desk", state: OrderState, now_at: int) -> None:
    """Count a message to the venue."""
    tier = desk.params.universe.of(state.order.symbol).tier
    count_message(desk.state.compliance, desk.compliance, state.order, tier, now_at)


def _ask(desk: "Desk", state: OrderState, kind: RequestKind, text: str, now_at: int) -> None:
    """Ask something of a venue that answers requests."""
    number = desk.next_number("orders")
    _send(desk, state, ask_about(desk.state.ledger, state, kind, now_at, number, text), now_at)


def _send(desk: "Desk", state: OrderState, request: OrderRequest, now_at: int) -> None:
    _count(desk, state, now_at)
    if request.kind is RequestKind.CANCEL:
        desk.decided.cancels.append(_cancel_record(state, request))
    else:
        desk.decided.requests.append(request)
    hosted(desk).ask(request)


def _cancel_record(state: OrderState, request: OrderRequest) -> OrderCancelRequest:
    """Return the record of a cancel request."""
    order = state.order
    plain = cancel_of(order, request.text, request.transact_time, request.sequence)
    return msgspec.structs.replace(
        plain,
        record_id=request.record_id,
        cl_ord_id=request.cl_ord_id,
        orig_cl_ord_id=request.orig_cl_ord_id,
        order_qty=request.order_qty,
    )


def hosted(desk: "Desk") -> HostedVenue:
    """Return the line to a venue inside; raises TypeError where it is elsewhere."""
    if not isinstance(desk.venue, HostedVenue):
        raise TypeError("only a venue inside the desk lies")
    return desk.venue


def next_question(desk: "Desk") -> int:
    """Return when the desk asks for an answer that has not come (ns UTC)."""
    return next_overdue(desk.state.ledger, desk.params.answer_nanoseconds)


def ask_overdue(desk: "Desk", now_at: int) -> None:
    """Ask for the answers that are overdue."""
    ledger, state = desk.state.ledger, desk.state
    number = state.sequences.get("orders", 0) + 1
    for request in questions(ledger, now_at, desk.params.answer_nanoseconds, number):
        desk.next_number("orders")
        _send(desk, ledger.orders[request.order_id], request, now_at)


def settle_session(desk: "Desk", now_at: int, *, last: bool = False) -> None:
    """Compare the day's orders with the drop copy and with the venue's own statement, when a session has ended.

    With the `last` session what is still on the line is heard first. What was over at the end of the session before is
    let go of.
    """
    venue, ledger, state = hosted(desk), desk.state.ledger, desk.state
    if last:
        take_reports(desk, venue.rest(), now_at)
    copied = venue.drop_copy(now_at)
    desk.decided.drop_copy.extend(_copied(each) for each in copied if isinstance(each, OrderReport))
    for report in sorted(copied, key=lambda each: each.sequence):
        taken = take_over(ledger, [report])
        tell(desk, taken.found, now_at)
        if report.order_id in ledger.orders and (taken.changes or taken.found):
            if ledger.orders[report.order_id].answers[name_of(report)] in _IN_EFFECT:
                _record(desk, report)
            follow(desk, report, taken, now_at)
    for key, working in list(state.working.items()):
        if working.state.is_over:
            del state.working[key]
    for order_id in state.settled:
        leave(ledger, order_id)
    tell(desk, settle_accounts(ledger, venue.statements(ledger.orders), VENUE), now_at)
    state.settled = {order_id for order_id, each in ledger.orders.items() if each.is_over}


def tell_open(desk: "Desk", now_at: int) -> None:
    """Record the orders that have not ended with their session."""
    ledger = desk.state.ledger
    left = [each.state.order.order_id for each in desk.state.working.values()]
    tell(desk, not_over({order_id: ledger.orders[order_id] for order_id in left}, VENUE), now_at)


def _copied(report: OrderReport) -> DropCopy:
    """Return a report as it stands on the drop copy."""
    named = {name: getattr(report, name) for name in OrderReport.__struct_fields__}
    return DropCopy(**{**named, "record_id": record_id("drop copy", report.record_id)})
