"""Requests: what the desk asks about an order that it has sent, and when it has waited too long for the answer.

Key     order
In      a cancel, a replace or a question that somebody wants; the instant
Out     OrderRequest with its place in the chain; what is overdue, and since when
State   the order's own (`operators.orders`)
Time    the instants of requests and reports; `timeout` nanoseconds later an answer is overdue
Silence an order that nobody has asked about and that said everything is not overdue

Invariants 3 and 5 of standards.md 5.1: every request has a ClOrdID of its own and names the last one that was
accepted; a replace is in force when the venue says so, and until then both old and new quantity are exposed.
"""

from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from domain.envelope import record_id
from domain.order_messages import OrderRequest, RequestKind
from domain.orders import ENDED, FINAL, OrdStatus
from operators.agenda import Living, lives
from operators.order_rules import winning
from operators.orders import OrderState, terms_of

PATIENCE_MAX = 8
_QUESTIONS_READ = (PATIENCE_MAX - 1).bit_length()
LIVES = lives(Living.UNTOUCHED)
"""What was asked stays as it was asked; its terms are read in the units in force (`operators.orders.terms_of`)."""
_STATUS_OF = {RequestKind.CANCEL: OrdStatus.PENDING_CANCEL, RequestKind.REPLACE: OrdStatus.PENDING_REPLACE}


class Terms(NamedTuple):
    """New terms of a replace."""

    order_qty: int
    price: Decimal | None


class Overdue(NamedTuple):
    """Since when (ns UTC) the venue owes an answer, and which."""

    since: int
    text: str


def ask(
    state: OrderState,
    kind: RequestKind,
    now_at: int,
    sequence: int,
    text: str = "",
    terms: Terms | None = None,
) -> OrderRequest:
    """Return a request about an order, noted in its state; `terms` are those of a replace, else the ones in force.

    The ClOrdID is a function of the order and the number of requests before, so that the same desk asks the same.
    """
    order = state.order
    new = terms or Terms(state.order_qty, state.price)
    name = record_id(kind.name.lower(), order.order_id, len(state.requests) + 1)
    request = OrderRequest(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source=order.source,
        sequence=sequence,
        record_id=name,
        kind=kind,
        cl_ord_id=name,
        orig_cl_ord_id=state.cl_ord_id,
        order_id=order.order_id,
        account=order.account,
        strategy=order.strategy,
        symbol=order.symbol,
        side=order.side,
        order_qty=new.order_qty,
        transact_time=now_at,
        price=new.price,
        text=text,
    )
    state.requests[name] = request
    return request


def unanswered(state: OrderState) -> list[OrderRequest]:
    """Return the cancels and replaces that the venue has not answered for good, oldest first."""
    if state.status in ENDED:
        return []
    return [
        request
        for name, request in state.requests.items()
        if request.kind is not RequestKind.STATUS and name not in state.answered
    ]


def standing(state: OrderState) -> OrdStatus:
    """Return the status with what the desk itself has asked and not heard of yet; the highest of them is said."""
    asked = [_STATUS_OF[request.kind] for request in unanswered(state)]
    return winning([state.status, *asked])


def exposed_qty(state: OrderState) -> int:
    """Return how much may still be filled at most: of old and new quantity the larger (invariant 5)."""
    pending = [
        terms_of(state, request).order_qty
        for request in unanswered(state)
        if request.kind is RequestKind.REPLACE
    ]
    if state.status in FINAL and not pending:
        return max(0, state.gap)
    return max(0, max([state.order_qty, *pending]) - state.cum_qty)


def overdue_at(state: OrderState, waits: Overdue, timeout: int) -> int:
    """Return when (ns UTC) what the venue owes of an order will be, or was, overdue.

    A question is asked again until it is answered, each time after twice the time of before, up to `PATIENCE_MAX` times
    the `timeout`.
    """
    newest_first = (
        request.transact_time
        for name, request in reversed(state.requests.items())
        if request.kind is RequestKind.STATUS and name not in state.answered
    )
    # more of them change nothing, and an order that is never answered has ever more
    asked = list(islice(newest_first, _QUESTIONS_READ))
    patience = min(PATIENCE_MAX, 1 << len(asked))
    return max([waits.since, *asked[:1]]) + timeout * patience


def owed(state: OrderState) -> Overdue | None:
    """Return since when (ns UTC) the venue owes something, and what; None where it owes nothing."""
    if not state.reports:
        return Overdue(state.order.transact_time, "the order was not acknowledged")
    waiting = unanswered(state)
    if waiting:
        first = waiting[0]
        return Overdue(first.transact_time, f"{first.kind.name.lower()} {first.cl_ord_id} was not answered")
    if state.gap or state.orphans:
        heard_at = max(report.known_at for _, _, report in state.reports)
        missing = f"the venue says {state.claimed_qty} filled, {state.cum_qty} are known"
        return Overdue(heard_at, missing if state.gap else f"busts of unknown fills {sorted(state.orphans)}")
    return None


def miss(state: OrderState, now_at: int) -> None:
    """Note that the acknowledgement of an order is overdue: it is UNKNOWN until the venue speaks of it."""
    if not state.reports and state.unknown_since is None:
        state.unknown_since = now_at
