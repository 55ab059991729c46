"""The ledger of orders: all orders of a book, what was booked of them, and what was said about their breaks.

Key     book
In      orders as they are sent; reports, in any order and any number of times; the drop copy; the instant
Out     what the books are to change, the breaks that are new or explained by now, the questions to the venue
State   Ledger: the state of each order, its bookings, the breaks that were told
Time    event time: an answer that is overdue is asked for
Silence a report that changes nothing and fits makes nothing

Nothing that a venue says stops the desk: what cannot be is a break with both sides named. What is booked of an order is
always what its fills come to (`operators.orders.bookings`): where that changes, the difference is booked, be it a fill,
a bust, a correction, or an execution of our own making that the true one replaces.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from domain.action_records import ActionRecord
from domain.market import END
from domain.order_messages import OrderRequest, Report, RequestKind
from domain.orders import Order, OrdStatus
from operators import orders
from operators.agenda import Living, lives
from operators.order_bookings import bookings, breaks_of
from operators.order_requests import Overdue, Terms, ask, miss, overdue_at, owed
from operators.order_rules import BREAKS, Applied
from operators.orders import Booking, OrderState, apply_report, name_of
from operators.reconciliation import (
    DESK,
    DROP_COPY,
    VENUE,
    Found,
    Statement,
    found_in_answer,
    found_in_report,
    open_breaks,
    words_of,
)

LIVES = lives(Living.ADJUSTS)


class Change(NamedTuple):
    """What is to be booked: `quantity` in the order's direction, below 0 where something is taken back."""

    order: Order
    name: str
    quantity: int
    price: Decimal
    commission: Decimal


class Taken(NamedTuple):
    """What followed from a report."""

    answer: Applied
    changes: list[Change]
    found: list[Found]


@dataclass
class Ledger:
    """All orders by OrderID; `booked` and `told` (breaks by name) by OrderID, `strays` are reports of no order here.

    `open` are the orders of which the venue may owe something: all but those that were looked at and to which nothing
    has happened since, so that what is over costs nothing.
    """

    orders: dict[str, OrderState] = field(default_factory=dict)
    open: dict[str, OrderState] = field(default_factory=dict)
    booked: dict[str, dict[str, Booking]] = field(default_factory=dict)
    told: dict[str, dict[str, Applied]] = field(default_factory=dict)
    strays: set[str] = field(default_factory=set)

    def __setstate__(self, stored: dict[str, Any]) -> None:
        """Be what was stored, also by a version that looked at all orders."""
        vars(self).update({"open": dict(stored["orders"]), **stored})


def enter(ledger: Ledger, order: Order) -> OrderState:
    """Enter an order that is sent; return its state."""
    state = OrderState(order)
    keep(ledger, state)
    return state


def keep(ledger: Ledger, state: OrderState) -> None:
    """Keep an order that is under way."""
    ledger.orders[state.order.order_id] = ledger.open[state.order.order_id] = state


def leave(ledger: Ledger, order_id: str) -> None:
    """Let go of an order of which nothing more is expected."""
    for part in (ledger.orders, ledger.open, ledger.booked, ledger.told):
        part.pop(order_id, None)


def adjust(ledger: Ledger, action: ActionRecord, tick_size: Decimal) -> dict[str, bool]:
    """Restate every order of an action's instrument; say by OrderID whether it goes on.

    What was booked is in the new units with the books themselves, so that nothing is booked by that.
    """
    made: dict[str, bool] = {}
    for order_id, state in ledger.orders.items():
        if state.order.symbol != action.instrument:
            continue
        made[order_id] = orders.adjust(state, action, tick_size)
        ledger.open[order_id] = state
        if order_id in ledger.booked:
            ledger.booked[order_id] = bookings(state)
    return made


def take(ledger: Ledger, report: Report) -> Taken:
    """Take a report in; never raises."""
    state = ledger.orders.get(report.order_id)
    if state is None:
        return _stray(ledger, report, Applied.WRONG_ORDER, "no such order is here")
    ledger.open[report.order_id] = state
    answer = apply_report(state, report)
    if answer is Applied.WRONG_ORDER:
        return _stray(ledger, report, answer, "it is not what was asked for")
    if answer is Applied.EXEC_ID_REUSED:
        return _stray(ledger, report, answer, "another report has its ExecID")
    if answer is Applied.REPEATED:
        return Taken(answer, [], [])
    return Taken(answer, _changes(ledger, state), _news(ledger, state))


def _stray(ledger: Ledger, report: Report, answer: Applied, text: str) -> Taken:
    """Answer a report that no order takes in; it is told once."""
    name = f"{name_of(report)}/{answer}"
    if name in ledger.strays:
        return Taken(answer, [], [])
    ledger.strays.add(name)
    return Taken(answer, [], [found_in_report(report, answer, text)])


def _changes(ledger: Ledger, state: OrderState) -> list[Change]:
    """Return the difference between what is booked of an order and what is to be, and note it as booked."""
    order, before, after = state.order, ledger.booked.get(state.order.order_id, {}), bookings(state)
    gone = [
        Change(order, name, -entry.quantity, entry.price, -entry.commission)
        for name, entry in before.items()
        if name not in after
    ]
    new = [Change(order, name, *entry) for name, entry in after.items() if name not in before]
    ledger.booked[order.order_id] = after
    return gone + new


def _news(ledger: Ledger, state: OrderState) -> list[Found]:
    """Return the breaks of an order that were not told yet, and those told ones that are explained by now."""
    order_id = state.order.order_id
    before, after = ledger.told.get(order_id, {}), breaks_of(state)
    if not before and not after:
        return []
    new = [
        found_in_answer(state, name, answer)
        for name, answer in after.items()
        if before.get(name) is not answer
    ]
    explained = [
        found_in_answer(state, name, answer)._replace(resolved=True)
        for name, answer in before.items()
        if after.get(name) is not answer
    ]
    ledger.told[order_id] = after
    return explained + new


def ask_about(
    ledger: Ledger,
    state: OrderState,
    kind: RequestKind,
    now_at: int,
    sequence: int,
    text: str = "",
    terms: Terms | None = None,
) -> OrderRequest:
    """Return a request about an order, as `order_requests.ask` makes it, to which the venue owes an answer."""
    ledger.open[state.order.order_id] = state
    return ask(state, kind, now_at, sequence, text, terms)


def owing(ledger: Ledger) -> list[tuple[OrderState, Overdue]]:
    """Return the orders of which the venue owes something, in the order in which they were sent, and what."""
    waiting = [(state, owed(state)) for state in ledger.open.values()]
    found = [(state, waits) for state, waits in waiting if waits is not None]
    ledger.open = {state.order.order_id: state for state, _ in found}
    return sorted(found, key=lambda each: each[0].order.sequence)


def next_overdue(ledger: Ledger, timeout: int) -> int:
    """Return when the first answer is overdue (ns UTC), the greatest int64 where the venue owes none."""
    return min((overdue_at(state, waits, timeout) for state, waits in owing(ledger)), default=END)


def questions(ledger: Ledger, now_at: int, timeout: int, next_number: int) -> list[OrderRequest]:
    """Return a status request for each order of which an answer is overdue; one never acknowledged is UNKNOWN.

    `next_number` is the `sequence` of the first.
    """
    asked: list[OrderRequest] = []
    for state, waits in owing(ledger):
        if overdue_at(state, waits, timeout) <= now_at:
            miss(state, now_at)
            asked.append(ask(state, RequestKind.STATUS, now_at, next_number + len(asked), waits.text))
    return asked


def take_over(ledger: Ledger, drop_copy: Iterable[Report]) -> Taken:
    """Take over what stands on the drop copy and did not come by the line; each is a break that is resolved by that."""
    changes: list[Change] = []
    found: list[Found] = []
    for report in sorted(drop_copy, key=lambda each: (each.sequence, name_of(each))):
        state = ledger.orders.get(report.order_id)
        if state is not None and name_of(report) in state.answers:
            continue
        taken = take(ledger, report)
        changes += taken.changes
        found += taken.found
        if state is not None and taken.answer not in BREAKS:
            text = f"only {DROP_COPY} has report {name_of(report)}: {words_of(report)}"
            found.append(
                Found("not_delivered", DESK, DROP_COPY, report.order_id, report.symbol, text, resolved=True)
            )
    return Taken(Applied.APPLIED, changes, found)


def settle_accounts(ledger: Ledger, other: dict[str, Statement], right: str = VENUE) -> list[Found]:
    """Return everything that is open at the end of a session: orders that are not over, and differences."""
    found = not_over(ledger.orders, right)
    for order_id, state in ledger.orders.items():
        if state.imputed_qty:
            text = (
                f"{state.imputed_qty} at {state.imputed_value / state.imputed_qty} by the venue's word alone"
            )
            found.append(Found("imputed", DESK, right, order_id, state.order.symbol, text))
    return found + open_breaks(ledger.orders, other, right)


def not_over(orders: Mapping[str, OrderState], right: str) -> list[Found]:
    """Return the orders of which something is still to come when their session has ended."""
    found = []
    for order_id, state in orders.items():
        if state.is_over or state.status is OrdStatus.DONE_FOR_DAY:
            continue
        text = f"{'unknown' if state.is_unknown else state.status.name.lower()}, gap {state.gap}"
        text += f", busts of unknown fills {sorted(state.orphans)}" if state.orphans else ""
        found.append(Found("not_over", DESK, right, order_id, state.order.symbol, text))
    return found
