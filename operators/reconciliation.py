"""Reconciliation: do two records of the same orders agree, and if not, in what?

Key     order
In      what the desk holds of an order; what its venue or the drop copy says
Out     reports that the desk takes over; ReconciliationBreak for each difference that names both sides
State   none of its own
Time    the instant of the comparison
Silence what agrees is not spoken of

Invariant 6 of standards.md 5.1. The drop copy is the venue's own second line: a report that stands there and did not
come here is taken over, as it is, with its ExecID. What differs after that is a break that stays open.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from domain.envelope import record_id
from domain.money import SMALLEST
from domain.order_messages import OrderReport, ReconciliationBreak, Report
from domain.orders import Execution, OrdStatus
from operators.order_rules import BREAKS, Applied
from operators.orders import OrderState, apply_report, name_of

DESK, VENUE, DROP_COPY = "desk", "venue", "drop_copy"


class Statement(NamedTuple):
    """What one side says of an order: status, quantities, and the sum of its fills at their prices."""

    status: OrdStatus
    order_qty: int
    cum_qty: int
    notional: Decimal


def statement_of(state: OrderState) -> Statement:
    """Return what the desk says of an order."""
    return Statement(state.status, state.order_qty, state.cum_qty, state.notional.quantize(SMALLEST))


def differences(left: Statement, right: Statement) -> str:
    """Return in words what two sides do not agree in, empty where they agree."""
    pairs = zip(Statement._fields, left, right, strict=True)
    return "; ".join(
        f"{name}: {_word(ours)} and {_word(theirs)}" for name, ours, theirs in pairs if ours != theirs
    )


def _word(value: object) -> str:
    return value.name.lower() if isinstance(value, OrdStatus) else f"{value}"


def adopt(state: OrderState, reports: Iterable[Report]) -> list[tuple[Report, Applied]]:
    """Take over the reports of another line that did not come by the desk's own; return what became of each."""
    ordered = sorted(reports, key=lambda each: (each.sequence, name_of(each)))
    return [(each, apply_report(state, each)) for each in ordered if name_of(each) not in state.answers]


class Found(NamedTuple):
    """A difference on its way to a record."""

    kind: str
    left: str
    right: str
    order_id: str
    symbol: str
    difference: str
    resolved: bool = False


def break_of(found: Found, now_at: int, sequence: int) -> ReconciliationBreak:
    """Return the record of a difference; the same difference has the same `break_id`."""
    lasting = record_id("break", found.kind, found.left, found.right, found.order_id, found.difference)
    return ReconciliationBreak(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source="reconciliation",
        sequence=sequence,
        record_id=record_id(lasting, sequence),
        break_id=lasting,
        kind=found.kind,
        left=found.left,
        right=found.right,
        key=f"order:{found.order_id}",
        difference=found.difference,
        order_id=found.order_id,
        symbol=found.symbol,
        resolved=found.resolved,
    )


def found_in_answer(state: OrderState, name: str, answer: Applied) -> Found:
    """Return the break of a report that does not fit."""
    report = next(each for _, own, each in state.reports if own == name)
    text = f"the desk reads {answer} in report {name} (number {report.sequence}): {words_of(report)}"
    return Found(str(answer), DESK, VENUE, report.order_id, report.symbol, text)


def words_of(report: Report) -> str:
    """Return what a report says in a few words."""
    status = report.ord_status.name.lower()
    if not isinstance(report, Execution):
        return f"refusal of {report.cl_ord_id}, {status}"
    traded = f" of {report.last_qty} at {report.last_px}" if report.last_qty else ""
    reference = report.exec_ref_id if isinstance(report, OrderReport) else ""
    amended = f" of execution {reference}" if reference else ""
    filled = f"{report.cum_qty} of {report.order_qty} filled"
    return f"{report.exec_type.name.lower()}{traded}{amended}, {status}, {filled}"


def found_in_report(report: Report, answer: Applied, text: str) -> Found:
    """Return the break of a report that is of no order here, or of another than it says."""
    return Found(
        str(answer), DESK, VENUE, report.order_id, report.symbol, f"report {name_of(report)}: {text}"
    )


def open_breaks(states: Mapping[str, OrderState], other: Mapping[str, Statement], right: str) -> list[Found]:
    """Return what the desk and another side do not agree in, those orders included that only one side knows."""
    found: list[Found] = []
    for order_id in sorted({*states, *other}):
        state, theirs = states.get(order_id), other.get(order_id)
        if state is None:
            found.append(
                Found("unknown_order", DESK, right, order_id, "", f"only {right} knows it: {theirs}")
            )
            continue
        symbol = state.order.symbol
        if theirs is None:
            if state.status is not OrdStatus.REJECTED:
                text = f"only the desk knows it: {statement_of(state)}"
                found.append(Found("unknown_order", DESK, right, order_id, symbol, text))
            continue
        difference = differences(statement_of(state), theirs)
        if difference:
            found.append(Found("order_differs", DESK, right, order_id, symbol, difference))
    return found


def is_break(answer: Applied) -> bool:
    """Say whether an answer is to be looked into by a person."""
    return answer in BREAKS
