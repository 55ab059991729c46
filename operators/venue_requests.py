"""What the simulated venue answers to cancels, replaces and questions, and how it takes fills back.

Each request is answered once: done, refused with a reason, or an order's state. A request may be pending for a while,
in which the order goes on being filled at its old terms (standards.md 5.1, invariant 3).
"""

import heapq
from decimal import Decimal
from typing import Any

from domain.envelope import record_id
from domain.order_messages import (
    CxlRejReason,
    CxlRejResponseTo,
    OrderCancelReject,
    OrderReport,
    OrderRequest,
    Report,
    RequestKind,
)
from domain.orders import ExecType, Execution, OrdStatus, TimeInForce
from operators.venue_matching import AUCTIONS, see, take
from operators.venue_params import VenueParams, chance
from operators.venue_state import (
    Filled,
    Resting,
    Top,
    VenueState,
    finish,
    forget,
    join_queue,
    report,
)

AT_ONCE = frozenset({TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL})


def schedule(state: VenueState, due_at: int, name: str, kind: str) -> None:
    """Let something happen at the venue at an instant."""
    state.number += 1
    heapq.heappush(state.coming, (due_at, state.number, name, kind))


def answer(
    state: VenueState, params: VenueParams, request: OrderRequest, top: Top, now_at: int
) -> list[Report]:
    """Answer a request that has arrived."""
    held = state.known(request.order_id)
    if request.kind is RequestKind.STATUS:
        return [_status(state, params, held, request, now_at)]
    if held is None:
        return [refusal(state, None, request, CxlRejReason.UNKNOWN_ORDER, now_at)]
    if request.cl_ord_id in held.names or request.cl_ord_id == held.order.cl_ord_id:
        return [refusal(state, held, request, CxlRejReason.DUPLICATE_CL_ORD_ID, now_at)]
    held.names += (request.cl_ord_id,)
    if held.ended is not None or held.leaves_qty <= 0:
        return [refusal(state, held, request, CxlRejReason.TOO_LATE, now_at)]
    line = params.line
    if line is not None and chance("refused", params.seed, request.cl_ord_id) < line.refusals:
        return [refusal(state, held, request, CxlRejReason.OTHER, now_at)]
    if line is None or line.pending_nanoseconds == 0:
        return settle(state, params, held, request, top, now_at)
    held.pending[request.cl_ord_id] = request
    state.requests[request.cl_ord_id] = request
    schedule(state, now_at + line.pending_nanoseconds, request.cl_ord_id, "settle")
    kind = ExecType.PENDING_CANCEL if request.kind is RequestKind.CANCEL else ExecType.PENDING_REPLACE
    return [report(state, params, held, kind, now_at, **_chain(request, held))]


def _chain(request: OrderRequest, held: Resting) -> dict[str, Any]:
    return {"cl_ord_id": request.cl_ord_id, "orig_cl_ord_id": held.cl_ord_id}


def settle(
    state: VenueState, params: VenueParams, held: Resting, request: OrderRequest, top: Top, now_at: int
) -> list[Report]:
    """Do what was asked, or refuse it where it is too late by now."""
    held.pending.pop(request.cl_ord_id, None)
    replaces = request.kind is RequestKind.REPLACE
    filled = held.leaves_qty <= 0
    if held.ended is not None or (filled and not (replaces and request.order_qty > held.cum_qty)):
        return [refusal(state, held, request, CxlRejReason.TOO_LATE, now_at)]
    chain = _chain(request, held)
    if not replaces:
        return [finish(state, params, held, ExecType.CANCELED, now_at, request.text, **chain)]
    loses_place = request.price != held.price or request.order_qty > held.order_qty
    held.order_qty, held.price = max(request.order_qty, held.cum_qty), request.price
    held.cl_ord_id = request.cl_ord_id
    made: list[Report] = [report(state, params, held, ExecType.REPLACED, now_at, **chain)]
    if held.leaves_qty <= 0:
        forget(state, params, held)
        return made
    if loses_place:
        _work(state, held)
        see(state, held.instrument, top)
        if top.fills and held.triggered and not held.never_takes and held.order.time_in_force not in AUCTIONS:
            made += take(state, params, held, now_at, arriving=True)
    return made


def _work(state: VenueState, held: Resting) -> None:
    """Let an order work, also one that was done."""
    for ended in (state.done, state.past):
        ended.pop(held.order.order_id, None)
    state.orders[held.order.order_id] = held
    join_queue(state, held)


def close_requests(state: VenueState, now_at: int) -> list[Report]:
    """Refuse what is still pending about orders that were filled, when the session ends."""
    made: list[Report] = []
    for held in (*state.orders.values(), *state.done.values(), *state.past.values()):
        for request in list(held.pending.values()):
            del held.pending[request.cl_ord_id]
            made.append(refusal(state, held, request, CxlRejReason.TOO_LATE, now_at))
    return made


def refusal(
    state: VenueState, held: Resting | None, request: OrderRequest, reason: CxlRejReason, now_at: int
) -> OrderCancelReject:
    """Return the refusal of a cancel or a replace."""
    state.sequence += 1
    replaces = request.kind is RequestKind.REPLACE
    return OrderCancelReject(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source="venue:simulated",
        sequence=state.sequence,
        record_id=record_id("refusal", request.cl_ord_id, state.sequence),
        cl_ord_id=request.cl_ord_id,
        orig_cl_ord_id=held.cl_ord_id if held is not None else request.orig_cl_ord_id,
        order_id=request.order_id,
        account=request.account,
        strategy=request.strategy,
        symbol=request.symbol,
        ord_status=held.status if held is not None else OrdStatus.REJECTED,
        cxl_rej_response_to=CxlRejResponseTo.REPLACE if replaces else CxlRejResponseTo.CANCEL,
        cxl_rej_reason=reason,
        transact_time=now_at,
        text=reason.name.lower().replace("_", " "),
    )


def _status(
    state: VenueState, params: VenueParams, held: Resting | None, request: OrderRequest, now_at: int
) -> Execution:
    """Return an order's state; one that is not here was never accepted."""
    if held is not None:
        return report(state, params, held, ExecType.ORDER_STATUS, now_at, status_req_id=request.cl_ord_id)
    state.sequence += 1
    name = record_id("unknown", request.cl_ord_id, state.sequence)
    return OrderReport(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source="venue:simulated",
        sequence=state.sequence,
        record_id=name,
        exec_id=name,
        order_id=request.order_id,
        cl_ord_id=request.orig_cl_ord_id,
        account=request.account,
        strategy=request.strategy,
        symbol=request.symbol,
        side=request.side,
        exec_type=ExecType.ORDER_STATUS,
        ord_status=OrdStatus.REJECTED,
        order_qty=request.order_qty,
        leaves_qty=0,
        cum_qty=0,
        avg_px=Decimal(0),
        transact_time=now_at,
        text="unknown order",
        status_req_id=request.cl_ord_id,
    )


def amend_later(state: VenueState, params: VenueParams, made: list[Report], now_at: int) -> None:
    """Decide of each fill whether it will be busted or corrected, and let that happen in its time."""
    line = params.line
    if line is None or not (line.busts or line.corrections):
        return
    for each in made:
        if not isinstance(each, Execution) or each.exec_type is not ExecType.TRADE:
            continue
        place = chance("amended", params.seed, each.exec_id)
        if place < line.busts + line.corrections:
            kind = "bust" if place < line.busts else "correct"
            schedule(state, now_at + line.amend_nanoseconds, f"{each.order_id}/{each.exec_id}", kind)


def amend(state: VenueState, params: VenueParams, name: str, kind: str, now_at: int) -> list[Report]:
    """Bust a fill, or correct its price by a tick; an order that is not whole any more works again."""
    order_id, exec_id = name.split("/")
    held = state.known(order_id)
    filled = held.fills.pop(exec_id, None) if held is not None else None
    if held is None or filled is None:
        return []
    held.notional -= filled.quantity * filled.price
    if kind == "correct":
        price = filled.price + held.tick_size
        held.notional += filled.quantity * price
        made = report(
            state,
            params,
            held,
            ExecType.TRADE_CORRECT,
            now_at,
            last=(filled.quantity, price, None),
            text="the price was wrong",
            exec_ref_id=exec_id,
        )
        held.fills[made.exec_id] = Filled(filled.quantity, price)
        return [made]
    held.cum_qty -= filled.quantity
    if held.ended is None and order_id not in state.orders:
        if held.order.time_in_force in AT_ONCE | AUCTIONS:
            held.ended = OrdStatus.CANCELED
        else:
            _work(state, held)
    return [
        report(
            state,
            params,
            held,
            ExecType.TRADE_CANCEL,
            now_at,
            text="the trade was busted",
            exec_ref_id=exec_id,
        )
    ]
