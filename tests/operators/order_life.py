"""Writes the messages of one order as a venue would that makes no mistake, and knows what is true of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from domain.envelope import record_id
from domain.order_messages import (
    CxlRejReason,
    CxlRejResponseTo,
    OrderCancelReject,
    OrderReport,
    Report,
    RequestKind,
)
from domain.orders import IDLE, ExecType, Order, OrdStatus, OrdType, Side, TimeInForce
from operators.order_requests import Terms, ask
from operators.order_rules import Applied, winning
from operators.orders import OrderState, apply_report

QUANTITY = 100
ORDER = Order(
    event_at=1,
    known_at=1,
    received_at=1,
    source="decisions",
    sequence=1,
    record_id="o",
    cl_ord_id="c",
    account="main",
    desk="equities",
    trader="ann",
    strategy="trend",
    symbol="AAA",
    side=Side.BUY,
    order_qty=QUANTITY,
    ord_type=OrdType.LIMIT,
    time_in_force=TimeInForce.DAY,
    transact_time=1,
    ex_destination="XSIM",
    price=Decimal(101),
    order_id="o",
    decision_id="d",
)


@dataclass(frozen=True)
class Truth:
    """What is true of the order at its venue."""

    end: OrdStatus | None = None
    acknowledged: bool = False
    order_qty: int = QUANTITY
    cl_ord_id: str = "c"
    pending: tuple[tuple[str, str, int], ...] = ()
    other: OrdStatus | None = None

    def status(self, cum_qty: int) -> OrdStatus:
        """Return OrdStatus: of those that hold, the one that wins."""
        if self.end is not None:
            return self.end
        level = OrdStatus.NEW if cum_qty == 0 else OrdStatus.PARTIALLY_FILLED
        level = OrdStatus.FILLED if cum_qty >= self.order_qty else level
        kinds = {"cancel": OrdStatus.PENDING_CANCEL, "replace": OrdStatus.PENDING_REPLACE}
        held = [level, *(kinds[kind] for kind, _, _ in self.pending)]
        return winning([*held, self.other] if self.other else held)


class Life:
    """The order at its venue; each method adds the messages of one thing that happens."""

    def __init__(self) -> None:
        self.asked = OrderState(ORDER)
        self.said: list[Report] = []
        self.fills: dict[str, tuple[int, Decimal]] = {}
        self.true = Truth()

    @property
    def cum_qty(self) -> int:
        return sum(quantity for quantity, _ in self.fills.values())

    @property
    def notional(self) -> Fraction:
        return sum((quantity * Fraction(price) for quantity, price in self.fills.values()), Fraction(0))

    @property
    def status(self) -> OrdStatus:
        return self.true.status(self.cum_qty)

    def say(self, kind: ExecType, status: OrdStatus | None = None, **more: Any) -> str:
        """Add an execution report; return its ExecID."""
        number = len(self.said) + 1
        name = record_id("execution", "o", number)
        status = self.status if status is None else status
        average = self.notional / self.cum_qty if self.cum_qty else Fraction(0)
        told = {
            "cl_ord_id": self.true.cl_ord_id,
            "order_qty": self.true.order_qty,
            "leaves_qty": 0 if status in IDLE else self.true.order_qty - self.cum_qty,
            **more,
        }
        self.said.append(
            OrderReport(
                **_envelope(number, name),
                exec_id=name,
                order_id="o",
                account="main",
                strategy="trend",
                symbol="AAA",
                side=Side.BUY,
                exec_type=kind,
                ord_status=status,
                cum_qty=self.cum_qty,
                avg_px=Decimal(average.numerator) / Decimal(average.denominator),
                transact_time=number,
                **told,
            )
        )
        return name

    def new(self) -> "Life":
        self.true = replace(self.true, acknowledged=True)
        self.say(ExecType.NEW, OrdStatus.NEW)
        return self

    def fill(self, quantity: int, price: str = "100") -> "Life":
        name = record_id("execution", "o", len(self.said) + 1)
        self.fills[name] = (quantity, Decimal(price))
        self.say(ExecType.TRADE, last_qty=quantity, last_px=Decimal(price))
        return self

    def end(self, status: OrdStatus = OrdStatus.CANCELED, kind: ExecType | None = None) -> "Life":
        self.true = replace(self.true, end=status, pending=())
        self.say(kind or ExecType(status.value))
        return self

    def bust(self, place: int = 0) -> "Life":
        name = sorted(self.fills, key=self._number)[place]
        del self.fills[name]
        self.say(ExecType.TRADE_CANCEL, exec_ref_id=name)
        return self

    def correct(self, quantity: int, price: str, place: int = 0) -> "Life":
        name = sorted(self.fills, key=self._number)[place]
        del self.fills[name]
        self.fills[record_id("execution", "o", len(self.said) + 1)] = (quantity, Decimal(price))
        self.say(ExecType.TRADE_CORRECT, exec_ref_id=name, last_qty=quantity, last_px=Decimal(price))
        return self

    def _number(self, name: str) -> int:
        return next(number for number, report in enumerate(self.said) if report.record_id == name)

    def ask(self, kind: RequestKind, order_qty: int | None = None, price: str = "101") -> str:
        """Let the desk ask for something; return its ClOrdID."""
        terms = None if order_qty is None else Terms(order_qty, Decimal(price))
        return ask(self.asked, kind, len(self.said) + 1, len(self.asked.requests) + 2, "", terms).cl_ord_id

    def pending(self, name: str) -> "Life":
        """Say that a request is pending."""
        request = self.asked.requests[name]
        word = request.kind.name.lower()
        self.true = replace(self.true, pending=(*self.true.pending, (word, name, request.order_qty)))
        kind = ExecType.PENDING_CANCEL if word == "cancel" else ExecType.PENDING_REPLACE
        self.say(kind, cl_ord_id=name, orig_cl_ord_id=self.true.cl_ord_id)
        return self

    def accept(self, name: str) -> "Life":
        """Cancel or replace as was asked; a quantity below what is filled is amended to it."""
        request, before = self.asked.requests[name], self.true.cl_ord_id
        left = tuple(each for each in self.true.pending if each[1] != name)
        if request.kind is RequestKind.CANCEL:
            self.true = replace(self.true, end=OrdStatus.CANCELED, pending=())
            self.say(ExecType.CANCELED, cl_ord_id=name, orig_cl_ord_id=before)
            return self
        self.true = replace(
            self.true, pending=left, cl_ord_id=name, order_qty=max(request.order_qty, self.cum_qty)
        )
        self.say(ExecType.REPLACED, cl_ord_id=name, orig_cl_ord_id=before, price=request.price)
        return self

    def refuse(self, name: str, reason: CxlRejReason = CxlRejReason.TOO_LATE) -> "Life":
        request, number = self.asked.requests[name], len(self.said) + 1
        left = tuple(each for each in self.true.pending if each[1] != name)
        self.true = replace(self.true, pending=left)
        self.said.append(
            OrderCancelReject(
                **_envelope(number, record_id("reject", "o", number)),
                cl_ord_id=name,
                orig_cl_ord_id=self.true.cl_ord_id,
                order_id="o",
                account="main",
                strategy="trend",
                symbol="AAA",
                ord_status=self.status,
                cxl_rej_response_to=CxlRejResponseTo.CANCEL
                if request.kind is RequestKind.CANCEL
                else CxlRejResponseTo.REPLACE,
                cxl_rej_reason=reason,
                transact_time=number,
            )
        )
        return self

    def restate(self, reason: int, **changes: Any) -> "Life":
        self.true = replace(self.true, **changes)
        self.say(ExecType.RESTATED, exec_restatement_reason=reason)
        return self

    def answer_status(self) -> "Life":
        """Answer a status request that the desk makes now."""
        name = self.ask(RequestKind.STATUS)
        self.say(ExecType.ORDER_STATUS, status_req_id=name)
        return self


def _envelope(number: int, name: str) -> dict[str, Any]:
    return {
        "event_at": number,
        "known_at": number,
        "received_at": number,
        "source": "venue",
        "sequence": 10 * number,
        "record_id": name,
    }


def deliver(life: Life, reports: Sequence[Report] | None = None) -> tuple[OrderState, list[Applied]]:
    """Hand reports to an order of which everything was asked that the life knows; return it, and every answer."""
    state = OrderState(ORDER, dict(life.asked.requests))
    answers = [apply_report(state, report) for report in (life.said if reports is None else reports)]
    return state, answers


def shown(state: OrderState) -> tuple[Any, ...]:
    """Return what an order comes to."""
    return (state.status, state.order_qty, state.cum_qty, state.leaves_qty, state.cl_ord_id, state.gap)


def changed(report: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(report, **changes)
