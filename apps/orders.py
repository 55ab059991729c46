"""Orders as a journal has them: the state that their reports come to, and everything that happened to one."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol, TypeVar

import msgspec

from apps.identifiers import Unidentified, identified
from connectors.relational.journal import JournalReader
from domain.order_messages import (
    OrderCancelReject,
    OrderReport,
    OrderRequest,
    ReconciliationBreak,
    Report,
    RequestKind,
)
from domain.orders import Execution, Order, OrderCancelRequest
from operators.order_requests import standing
from operators.orders import OrderState, apply_report

OWN = "desk:reconciliation"
"""Source of executions that the desk has made itself; what they stand for follows from the others."""


class NoSuchOrder(ValueError):
    """No order, or more than one, has that identifier."""


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One order as it stands; instants are ns UTC, `fees` in its currency, `open_breaks` counts those not resolved."""

    order_id: str
    cl_ord_id: str
    sent_at: int
    account: str
    strategy: str
    instrument: str
    side: str
    ord_type: str
    order_qty: int
    price: Decimal | None
    status: str
    cum_qty: int
    leaves_qty: int
    avg_px: Decimal
    fees: Decimal
    open_breaks: int


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an order: when it was known (ns UTC), what, and in words."""

    at: int
    what: str
    status: str
    text: str
    record_id: str


class OrderStory(msgspec.Struct, frozen=True, kw_only=True):
    """An order, and everything that happened to it in the order in which it was known."""

    order: OrderLine
    history: tuple[Happening, ...]


class KeptOrders:
    """All orders of a journal, with what was asked and said about each."""

    def __init__(self, journal: JournalReader) -> None:
        self.orders = {order.order_id: order for order in journal.all(Order)}
        self.cancels = _by_order(journal.all(OrderCancelRequest))
        self.requests = _by_order(journal.all(OrderRequest))
        reports: list[Report] = [
            *journal.all(Execution),
            *journal.all(OrderReport),
            *journal.all(OrderCancelReject),
        ]
        self.reports = _by_order(reports)
        self.breaks = _by_order(journal.all(ReconciliationBreak))

    def state(self, order_id: str) -> OrderState:
        """Return what the reports about an order come to, by the state machine that the desk has."""
        order = self.orders[order_id]
        state = OrderState(order)
        asked = [*map(_request_of, self.cancels.get(order_id, ())), *self.requests.get(order_id, ())]
        state.requests = {each.cl_ord_id: each for each in sorted(asked, key=_sent)}
        for report in sorted(self.reports.get(order_id, ()), key=_number):
            if report.source != OWN:
                apply_report(state, report)
        return state

    def line(self, order_id: str) -> OrderLine:
        """Return an order as it stands."""
        state, order = self.state(order_id), self.orders[order_id]
        breaks = self.open_breaks(order_id)
        return OrderLine(
            order_id=order_id,
            cl_ord_id=state.cl_ord_id,
            sent_at=order.transact_time,
            account=order.account,
            strategy=order.strategy,
            instrument=order.symbol,
            side=order.side.name.lower(),
            ord_type=order.ord_type.name.lower(),
            order_qty=state.order_qty,
            price=state.price,
            status="unknown" if not state.reports else _word(standing(state).name),
            cum_qty=state.cum_qty,
            leaves_qty=state.leaves_qty,
            avg_px=state.avg_px,
            fees=sum((fill.commission for fill in state.fills.values() if not fill.amended_by), Decimal(0)),
            open_breaks=len(breaks),
        )

    def open_breaks(self, order_id: str) -> list[ReconciliationBreak]:
        """Return the breaks of an order that nothing has resolved later."""
        last = {each.break_id: each for each in self.breaks.get(order_id, ())}
        return [each for each in last.values() if not each.resolved]

    def story(self, identifier: str) -> OrderStory:
        """Return everything about the order of an OrderID or ClOrdID, or of how one begins; raises NoSuchOrder."""
        order_id = self._named(identifier)
        order = self.orders[order_id]
        happened = [
            Happening(
                at=order.known_at,
                what="sent",
                status="",
                text=f"{order.side.name.lower()} {order.order_qty} {order.symbol} at {order.price}",
                record_id=order.record_id,
            )
        ]
        happened += [_cancelled(each) for each in self.cancels.get(order_id, ())]
        happened += [_asked(each) for each in self.requests.get(order_id, ())]
        happened += [_reported(each) for each in self.reports.get(order_id, ())]
        happened += [_broken(each) for each in self.breaks.get(order_id, ())]
        return OrderStory(
            order=self.line(order_id), history=tuple(sorted(happened, key=lambda each: each.at))
        )

    def _named(self, identifier: str) -> str:
        ids = {
            **{order.cl_ord_id: name for name, order in self.orders.items()},
            **{n: n for n in self.orders},
        }
        try:
            return identified(identifier, ids, "order")
        except Unidentified as nothing:
            raise NoSuchOrder(str(nothing)) from nothing


class OfOrder(Protocol):
    """A record about an order."""

    @property
    def order_id(self) -> str:
        """Return the OrderID."""
        ...


About = TypeVar("About", bound=OfOrder)


def _by_order(records: Iterable[About]) -> dict[str, list[About]]:
    """Return records by the order that they are about."""
    found: dict[str, list[About]] = {}
    for record in records:
        found.setdefault(record.order_id, []).append(record)
    return found


def _request_of(cancel: OrderCancelRequest) -> OrderRequest:
    """Return a cancel request as one of all kinds."""
    shared = {name: getattr(cancel, name) for name in OrderRequest.__struct_fields__ if hasattr(cancel, name)}
    return OrderRequest(**shared, kind=RequestKind.CANCEL)


def _sent(request: OrderRequest) -> tuple[int, int]:
    return request.transact_time, request.sequence


def _number(report: Report) -> int:
    return report.sequence


def _word(name: str) -> str:
    return name.lower().replace("_", " ")


def _cancelled(cancel: OrderCancelRequest) -> Happening:
    return Happening(
        at=cancel.known_at, what="cancel asked", status="", text=cancel.text, record_id=cancel.record_id
    )


def _asked(request: OrderRequest) -> Happening:
    what = f"{request.kind.name.lower()} asked"
    terms = f"{request.order_qty} at {request.price}; " if request.kind is RequestKind.REPLACE else ""
    return Happening(
        at=request.known_at, what=what, status="", text=terms + request.text, record_id=request.record_id
    )


def _reported(report: Report) -> Happening:
    if isinstance(report, OrderCancelReject):
        what, text = "refused", report.text
    else:
        traded = f"{report.last_qty} at {report.last_px}; " if report.last_qty else ""
        what = _word(report.exec_type.name)
        text = f"{traded}{report.cum_qty} of {report.order_qty} filled"
        text += f"; {report.text}" if report.text else ""
    return Happening(
        at=report.known_at,
        what=what,
        status=_word(report.ord_status.name),
        text=text,
        record_id=report.record_id,
    )


def _broken(found: ReconciliationBreak) -> Happening:
    return Happening(
        at=found.known_at,
        what="break resolved" if found.resolved else "break",
        status="",
        text=f"{found.kind}: {found.left} and {found.right}: {found.difference}",
        record_id=found.record_id,
    )
