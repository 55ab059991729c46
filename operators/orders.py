"""Orders: what state is an order in after each report about it?

Key     order
In      Execution
Out     what became of the report: in effect, repeated, waiting for an earlier one, superseded, or a break
State   OrderState: status, quantities, ExecIDs seen, reports that came too early; bounded by the order's reports
Time    none; reports may come twice and in any order, `sequence` of their source tells which was first
Silence never: every report gets one answer

Rules and invariants of standards.md 5.1. The state is a function of the set of reports, not of the order in which they
came in: fills chain by CumQty(14), so a report whose predecessor is missing waits, and the status is that of the last
report by `sequence`, or of the first end.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from domain.orders import FINAL, ExecType, Execution, Order, OrdStatus

TRANSITIONS: dict[OrdStatus, frozenset[OrdStatus]] = {
    OrdStatus.PENDING_NEW: frozenset(
        {
            OrdStatus.PENDING_NEW,
            OrdStatus.NEW,
            OrdStatus.PARTIALLY_FILLED,
            OrdStatus.FILLED,
            OrdStatus.PENDING_CANCEL,
            OrdStatus.CANCELED,
            OrdStatus.REJECTED,
            OrdStatus.EXPIRED,
        }
    ),
    OrdStatus.NEW: frozenset(
        {
            OrdStatus.NEW,
            OrdStatus.PARTIALLY_FILLED,
            OrdStatus.FILLED,
            OrdStatus.PENDING_CANCEL,
            OrdStatus.CANCELED,
            OrdStatus.REJECTED,
            OrdStatus.EXPIRED,
        }
    ),
    OrdStatus.PARTIALLY_FILLED: frozenset(
        {
            OrdStatus.PARTIALLY_FILLED,
            OrdStatus.FILLED,
            OrdStatus.PENDING_CANCEL,
            OrdStatus.CANCELED,
            OrdStatus.EXPIRED,
        }
    ),
    OrdStatus.PENDING_CANCEL: frozenset(
        {
            OrdStatus.NEW,
            OrdStatus.PARTIALLY_FILLED,
            OrdStatus.FILLED,
            OrdStatus.PENDING_CANCEL,
            OrdStatus.CANCELED,
            OrdStatus.REJECTED,
            OrdStatus.EXPIRED,
        }
    ),
    OrdStatus.FILLED: frozenset(),
    OrdStatus.CANCELED: frozenset(),
    OrdStatus.REJECTED: frozenset(),
    OrdStatus.EXPIRED: frozenset(),
}
"""Which status may follow which (5.1, first table and the platform's additions).

The table is closed under reports left out: where A leads to B and B to C without a fill, A leads to C, so that a New or
PendingCancel that comes late or never does no harm."""
PAIRS: dict[ExecType, frozenset[OrdStatus]] = {
    ExecType.PENDING_NEW: frozenset({OrdStatus.PENDING_NEW}),
    ExecType.NEW: frozenset({OrdStatus.NEW}),
    ExecType.TRADE: frozenset({OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED, OrdStatus.PENDING_CANCEL}),
    ExecType.PENDING_CANCEL: frozenset({OrdStatus.PENDING_CANCEL}),
    ExecType.CANCELED: frozenset({OrdStatus.CANCELED}),
    ExecType.REJECTED: frozenset({OrdStatus.REJECTED}),
    ExecType.EXPIRED: frozenset({OrdStatus.EXPIRED}),
}
"""Which status a report of each kind may carry (5.1)."""


class Applied(StrEnum):
    """What became of a report; a member of `BREAKS` is to be looked into by a person."""

    APPLIED = "applied"
    REPEATED = "repeated"
    EARLY = "early"
    SUPERSEDED = "superseded"
    LATE_FILL = "late_fill"
    ILLEGAL_PAIR = "illegal_pair"
    ILLEGAL_TRANSITION = "illegal_transition"
    OVERFILLED = "overfilled"
    QUANTITIES_DISAGREE = "quantities_disagree"
    PRICES_DISAGREE = "prices_disagree"
    WRONG_ORDER = "wrong_order"


BREAKS = frozenset(Applied) - {Applied.APPLIED, Applied.REPEATED, Applied.EARLY, Applied.SUPERSEDED}
"""Answers to reports that do not fit. All but `LATE_FILL` leave the state as it was."""
_ENDS_UNFILLED = frozenset({OrdStatus.CANCELED, OrdStatus.EXPIRED})
_UNFILLED = frozenset({OrdStatus.PENDING_NEW, OrdStatus.NEW, OrdStatus.REJECTED})


@dataclass
class OrderState:
    """An order and what has happened to it.

    `notional` is the exact sum of LastQty x LastPx over its fills, `reported_sequence` the `sequence` of the last
    report in effect, `early` the reports that wait for an earlier one, by ExecID.
    """

    order: Order
    status: OrdStatus = OrdStatus.PENDING_NEW
    cum_qty: int = 0
    notional: Decimal = Decimal(0)
    exec_ids: set[str] = field(default_factory=set)
    reported_sequence: int = -1
    early: dict[str, Execution] = field(default_factory=dict)

    @property
    def leaves_qty(self) -> int:
        """Return LeavesQty(151): what may still be filled."""
        return 0 if self.status in FINAL else self.order.order_qty - self.cum_qty

    @property
    def avg_px(self) -> Decimal:
        """Return AvgPx(6), 0 before the first fill."""
        return self.notional / self.cum_qty if self.cum_qty else Decimal(0)


def apply_report(state: OrderState, execution: Execution) -> Applied:
    """Change `state` by an execution report, and say what became of it.

    Idempotent on ExecID(17). Invariants 1 and 2 of 5.1: LeavesQty = OrderQty - CumQty while working and 0 when
    final, CumQty = sum of LastQty, never above OrderQty. A fill behind a cancel or an expiry is real: it counts,
    the order stays ended, and the answer is the break `LATE_FILL`, in whichever order the two come in. An order
    filled whole while a cancel is pending is Filled, for the cancel reject that follows is no execution report.
    After a report in effect, ask `apply_waiting`.
    """
    if not _same_order(state.order, execution):
        return Applied.WRONG_ORDER
    if execution.exec_id in state.exec_ids or execution.exec_id in state.early:
        return Applied.REPEATED
    contradiction = _contradiction(state.order, execution)
    if contradiction is not None:
        return contradiction
    if execution.sequence <= state.reported_sequence:
        return _behind(state, execution)
    if state.cum_qty + execution.last_qty > state.order.order_qty:
        return Applied.OVERFILLED
    before = execution.cum_qty - execution.last_qty
    if before > state.cum_qty:
        state.early[execution.exec_id] = execution
        return Applied.EARLY
    if before < state.cum_qty:
        return Applied.QUANTITIES_DISAGREE
    return _in_turn(state, execution)


def apply_waiting(state: OrderState) -> list[tuple[Execution, Applied]]:
    """Apply the reports that came too early and whose turn has come; return them in order, with what became of them."""
    answers: list[tuple[Execution, Applied]] = []
    while True:
        ready = [
            report for report in state.early.values() if report.cum_qty - report.last_qty <= state.cum_qty
        ]
        if not ready:
            return answers
        report = min(ready, key=lambda waiting: waiting.sequence)
        del state.early[report.exec_id]
        answers.append((report, apply_report(state, report)))


def _same_order(order: Order, execution: Execution) -> bool:
    """Say whether a report speaks of this order in everything that is booked by."""
    return (
        execution.order_id == order.order_id
        and execution.cl_ord_id == order.cl_ord_id
        and execution.account == order.account
        and execution.strategy == order.strategy
        and execution.symbol == order.symbol
        and execution.side is order.side
        and execution.order_qty == order.order_qty
    )


def _contradiction(order: Order, execution: Execution) -> Applied | None:
    """Return what a report says against itself, whatever the state."""
    status, cum_qty = execution.ord_status, execution.cum_qty
    if status not in PAIRS[execution.exec_type]:
        return Applied.ILLEGAL_PAIR
    if cum_qty > order.order_qty:
        return Applied.OVERFILLED
    trade = execution.exec_type is ExecType.TRADE
    fits = execution.last_qty >= 1 and execution.last_px is not None if trade else execution.last_qty == 0
    fits = fits and cum_qty >= execution.last_qty
    fits = fits and execution.leaves_qty == (0 if status in FINAL else order.order_qty - cum_qty)
    if status in _UNFILLED:
        fits = fits and cum_qty == 0
    elif status is OrdStatus.PARTIALLY_FILLED:
        fits = fits and 0 < cum_qty < order.order_qty
    elif status is OrdStatus.FILLED:
        fits = fits and cum_qty == order.order_qty
    return None if fits else Applied.QUANTITIES_DISAGREE


def _behind(state: OrderState, execution: Execution) -> Applied:
    """Answer a report that is older than the last one in effect; an end ends the order all the same."""
    if execution.exec_type is ExecType.TRADE or execution.cum_qty > state.cum_qty:
        return Applied.QUANTITIES_DISAGREE
    if execution.ord_status not in FINAL:
        state.exec_ids.add(execution.exec_id)
        return Applied.SUPERSEDED
    if execution.ord_status not in _ENDS_UNFILLED or state.status in _ENDS_UNFILLED:
        return Applied.ILLEGAL_TRANSITION
    state.status = execution.ord_status
    state.exec_ids.add(execution.exec_id)
    return Applied.LATE_FILL


def _in_turn(state: OrderState, execution: Execution) -> Applied:
    """Take a report into effect that follows on the last one."""
    late = state.status in _ENDS_UNFILLED and execution.exec_type is ExecType.TRADE
    if not late and execution.ord_status not in TRANSITIONS[state.status]:
        return Applied.ILLEGAL_TRANSITION
    price = execution.last_px if execution.last_px is not None else Decimal(0)
    notional = state.notional + execution.last_qty * price
    if not _average_fits(execution, notional):
        return Applied.PRICES_DISAGREE
    state.notional = notional
    state.cum_qty = execution.cum_qty
    state.reported_sequence = execution.sequence
    state.exec_ids.add(execution.exec_id)
    if late:
        return Applied.LATE_FILL
    whole = execution.exec_type is ExecType.TRADE and state.cum_qty == state.order.order_qty
    state.status = OrdStatus.FILLED if whole else execution.ord_status
    return Applied.APPLIED


def _average_fits(execution: Execution, notional: Decimal) -> bool:
    """Say whether AvgPx(6) is the average of the fills, to one unit of the last place that it is reported in."""
    reported = execution.avg_px
    if not reported.is_finite():
        return False
    unit = Decimal(1).scaleb(int(reported.as_tuple().exponent))
    return abs(reported * execution.cum_qty - notional) <= unit * execution.cum_qty
