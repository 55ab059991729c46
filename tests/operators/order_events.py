"""Brings an order into a state of standards.md 5.1, and writes the report of an event as a right venue would."""

from decimal import Decimal
from typing import NamedTuple

from domain.envelope import record_id
from domain.order_messages import OrderCancelReject, Report, RequestKind
from domain.orders import ExecType, OrdStatus
from operators.order_rules import Applied
from operators.orders import OrderState, apply_report
from tests.operators.order_life import QUANTITY, Life, changed, deliver

PRICE = Decimal(100)
FILLS = {"none": (), "part": (20, 10), "whole": (30, 70)}
"""What was filled of 100 units, in two fills, so that the bust of one leaves the other."""
LEVELS = frozenset({OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED})


class Became(NamedTuple):
    """What became of an event: the answer, and status and CumQty after it."""

    answer: Applied
    status: OrdStatus
    cum_qty: int


def order_in(status: OrdStatus, filled: str) -> Life:
    """Return the life of an order up to a status, with that much filled."""
    life = Life()
    if filled == "unknown":
        return life
    if status is OrdStatus.PENDING_NEW:
        life.say(ExecType.PENDING_NEW, status)
        return life
    if status is OrdStatus.REJECTED:
        return life.end(status)
    life.new()
    for quantity in FILLS[filled]:
        life.fill(quantity)
    if status not in LEVELS:
        life.say(ExecType(status.value), status)
    return life


def report_of(life: Life, kind: ExecType, status: OrdStatus) -> Report:
    """Return the report of an event that leaves the order in a status: its quantities are what is true then."""
    before, number = life.cum_qty, len(life.said) + 1
    name, more = record_id("execution", "o", number), {}
    if kind is ExecType.TRADE:
        quantity = max(1, QUANTITY - before) if status is OrdStatus.FILLED else 5
        life.fills[name] = (quantity, PRICE)
        more = {"last_qty": quantity, "last_px": PRICE}
    elif kind in {ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT}:
        busted = next(iter(life.fills), "none")
        quantity, _ = life.fills.pop(busted, (0, PRICE))
        more = {"exec_ref_id": busted}
        if kind is ExecType.TRADE_CORRECT:
            less = 0 if status is OrdStatus.FILLED else 5
            life.fills[name] = (max(1, quantity - less), PRICE)
            more |= {"last_qty": max(1, quantity - less), "last_px": PRICE}
    elif kind is ExecType.REPLACED and status in LEVELS:
        order_qty = before if status is OrdStatus.FILLED else 150
        more = {"order_qty": order_qty, "leaves_qty": order_qty - before}
    life.say(kind, status, **more)
    return life.said[-1]


def happens(status: OrdStatus, filled: str, kind: ExecType, after: OrdStatus) -> Became:
    """Return what becomes of a report about an order in a state."""
    life = order_in(status, filled)
    state = _state(life, status, filled)
    answer = apply_report(state, report_of(life, kind, after))
    return Became(answer, state.status, state.cum_qty)


def refused(status: OrdStatus, filled: str, said: OrdStatus) -> tuple[Became, int]:
    """Return what becomes of an order whose replace is refused with a status, and the gap that it leaves."""
    life = order_in(status, filled)
    state = _state(life, status, filled)
    name = life.ask(RequestKind.REPLACE, 120)
    state.requests.update(life.asked.requests)
    life.refuse(name)
    report = changed(life.said[-1], ord_status=said)
    assert isinstance(report, OrderCancelReject)
    answer = apply_report(state, report)
    return Became(answer, state.status, state.cum_qty), state.gap


def _state(life: Life, status: OrdStatus, filled: str) -> OrderState:
    state, answers = deliver(life)
    assert set(answers) <= {Applied.APPLIED}
    assert (state.status, state.cum_qty) == (status, sum(FILLS.get(filled, ())))
    return state
