"""The simulated venue: what would a market have answered to our orders, seen from outside it?

Key     venue
In      orders, cancels, replaces and questions, which arrive a latency after they were sent; quotes and trades of
        instruments with orders
Out     reports, in the order in which they happen; of a venue that lies, as its line lets them through
State   what is on its way, what rests, and how much of each shown size we have taken already
Time    event time only; an order meets the market that is there when it arrives
Silence never: every order that is sent is acknowledged or rejected, and ends or rests (what the line loses is another
        matter: `operators.venue_line`)

An order that arrives takes from the opposite best quote at the quote's price, up to the size shown and not taken
yet. What is left rests, and is filled at its own limit (an order at the market at the quote): when the opposite
quote reaches the limit, up to the size shown and not taken yet; when a trade goes through the limit, up to the
size traded; when a trade is at the limit, up to `participation_max` of the size, or, with a queue, what is traded
beyond the size that was shown before it. Where the opposite side is not quoted at all, trades at the limit or better
fill at their own price, up to that share. Better prices come first, earlier orders before later ones. No fill is worse
than the limit, and a market price between two ticks is taken to the worse one. A crossed quote, a halt and a closed
session fill nothing. A stop works from the trade on that reaches its price; fill-or-kill is filled whole on arrival or
cancelled; an order that may only rest is rejected where it would take; of an iceberg one part at a time may be filled,
and the next one stands behind the others; orders for the opening come before it and have the price of the first trade,
those for the close the price of the last.
"""

import heapq
from collections.abc import Callable
from decimal import Decimal

from domain.market import END
from domain.order_messages import OrderRequest, Report, SpecialOrder
from domain.orders import ExecType, Execution, Order, OrdStatus, OrdType, TimeInForce
from operators.agenda import Living, lives
from operators.venue_line import back_from_cut, hear, next_cut, next_heard, say
from operators.venue_matching import (
    auction,
    available,
    fill_from_trade,
    queue,
    see,
    take,
    takeable,
    trigger,
    watch_queue,
)
from operators.venue_params import VenueParams, chance, transit
from operators.venue_requests import amend, amend_later, answer, close_requests, settle
from operators.venue_restating import adjust
from operators.venue_state import Resting, Top, VenueState, finish, join_queue, report

__all__ = ["adjust"]
LIVES = lives(Living.ADJUSTS)

TopOf = Callable[[int], Top]


def submit(
    state: VenueState,
    params: VenueParams,
    order: Order,
    instrument: int,
    tick_size: Decimal,
    now_at: int,
    unit: Decimal = Decimal(1),
) -> None:
    """Send an order, in steps of `unit`; it arrives after the latency.

    Raises ValueError where its OrderID is at the venue already, or it has no quantity, or lacks the price of its kind.
    """
    if state.known(order.order_id) is not None:
        raise ValueError(f"order {order.order_id} was sent before; an OrderID is sent once")
    if order.ord_type in {OrdType.LIMIT, OrdType.STOP_LIMIT} and order.price is None:
        raise ValueError(f"order {order.order_id} is a limit order and needs a Price; none was given")
    stop_px = order.stop_px if isinstance(order, SpecialOrder) else None
    if order.ord_type in {OrdType.STOP, OrdType.STOP_LIMIT} and stop_px is None:
        raise ValueError(f"order {order.order_id} is a stop order and needs a StopPx; none was given")
    if order.order_qty < 1:
        raise ValueError(
            f"order {order.order_id} needs an OrderQty of at least 1; {order.order_qty} was given"
        )
    state.orders[order.order_id] = Resting(order, instrument, tick_size, unit=unit)
    if state.line.down_at is None:
        state.line.down_at = next_cut(params, now_at)
    _send(state, params, order.order_id, "order", now_at)


def cancel(state: VenueState, params: VenueParams, order_id: str, now_at: int) -> None:
    """Send a plain cancel; an order that is final when it arrives is not touched, and nothing is said."""
    _send(state, params, order_id, "cancel", now_at)


def ask(state: VenueState, params: VenueParams, request: OrderRequest, now_at: int) -> None:
    """Send a request that names itself and is answered: a cancel, a replace, or a question."""
    state.requests[request.cl_ord_id] = request
    _send(state, params, request.cl_ord_id, "request", now_at)


def _send(state: VenueState, params: VenueParams, name: str, kind: str, now_at: int) -> None:
    """Put a message on its way, behind those that are."""
    state.last_due_at = max(state.last_due_at, now_at + transit(params, name, kind))
    state.number += 1
    heapq.heappush(state.coming, (state.last_due_at, state.number, name, kind))


def next_arrival(state: VenueState) -> int:
    """Return when the next message arrives here or there (ns UTC), the greatest int64 where none is on its way."""
    coming = state.coming[0][0] if state.coming else END
    cut = state.line.down_at if state.line.down_at is not None and state.orders else END
    return min(coming, next_heard(state.line), cut)


def arrivals(state: VenueState, params: VenueParams, top_of: TopOf, now_at: int) -> list[Report]:
    """Take in what has arrived by `now_at`; `top_of` shows an instrument's market at that instant."""
    made: list[Report] = []
    while True:
        coming = state.coming[0][0] if state.coming else END
        cut_at = state.line.down_at if state.line.down_at is not None else END
        if min(coming, cut_at) > now_at:
            return _through_line(state, params, made, now_at)
        if cut_at <= coming:
            made += _cut(state, params, cut_at)
            continue
        due_at, _, name, kind = heapq.heappop(state.coming)
        came = _came(state, params, top_of, name, kind, due_at)
        amend_later(state, params, came, due_at)
        made += came


def _came(
    state: VenueState, params: VenueParams, top_of: TopOf, name: str, kind: str, due_at: int
) -> list[Report]:
    """Let happen what is due: a message that has come, or something at the venue itself."""
    if kind in {"bust", "correct"}:
        return amend(state, params, name, kind, due_at)
    lost = kind != "settle" and back_from_cut(params, due_at) is not None
    if kind in {"request", "settle"}:
        request = state.requests.pop(name)
        if lost:
            return []
        held = state.known(request.order_id)
        top = top_of(held.instrument) if held is not None else NOTHING_SHOWN
        if kind == "settle":
            return settle(state, params, held, request, top, due_at) if held is not None else []
        return answer(state, params, request, top, due_at)
    held = state.orders.get(name)
    if held is None:
        return []
    if lost:
        if kind == "order":
            del state.orders[name]
        return []
    if kind == "cancel":
        return [finish(state, params, held, ExecType.CANCELED, due_at, "cancelled on request")]
    came = _arrived(state, params, held, top_of(held.instrument), due_at)
    return list(came)


NOTHING_SHOWN = Top(float("nan"), 0.0, float("nan"), 0.0, halted=False, open=False)
"""The market of an order that is not here."""


def _cut(state: VenueState, params: VenueParams, now_at: int) -> list[Report]:
    """Cut the line; where that is agreed, everything that rests is cancelled."""
    state.line.down_at = next_cut(params, now_at)
    if params.line is None or not params.line.cancel_on_disconnect:
        return []
    resting = [name for names in state.resting.values() for name in names]
    return [
        finish(state, params, state.orders[name], ExecType.CANCELED, now_at, "the line was cut")
        for name in sorted(resting)
    ]


def _through_line(state: VenueState, params: VenueParams, made: list[Report], now_at: int) -> list[Report]:
    """Return what the desk hears of reports: at once, or what the line lets through by now."""
    if params.line is None:
        return made
    say(state.line, params, made)
    return hear(state.line, now_at)


def _arrived(state: VenueState, params: VenueParams, held: Resting, top: Top, now_at: int) -> list[Execution]:
    """Acknowledge or reject an order that arrives, fill what can be filled at once, and let the rest rest."""
    order = held.order
    why = _objection(state, params, held, top)
    if why:
        return [finish(state, params, held, ExecType.REJECTED, now_at, why)]
    made = [report(state, params, held, ExecType.NEW, now_at)]
    join_queue(state, held)
    see(state, held.instrument, top)
    if not held.triggered or order.time_in_force in {TimeInForce.AT_THE_OPENING, TimeInForce.AT_THE_CLOSE}:
        return made
    whole = order.time_in_force is TimeInForce.FILL_OR_KILL
    if whole and available(state, held) < order.order_qty:
        return [*made, finish(state, params, held, ExecType.CANCELED, now_at, "could not be filled whole")]
    if top.fills:
        made += take(state, params, held, now_at, arriving=True)
        while whole and order.order_id in state.orders:
            made += take(state, params, held, now_at, arriving=True)
    if order.time_in_force is TimeInForce.IMMEDIATE_OR_CANCEL and order.order_id in state.orders:
        made.append(finish(state, params, held, ExecType.CANCELED, now_at, "not filled at once"))
    if params.queue:
        watch_queue(state, held.instrument, top)
    return made


def _objection(state: VenueState, params: VenueParams, held: Resting, top: Top) -> str:
    """Return why the venue does not take an order, empty where it does."""
    opening = held.order.time_in_force is TimeInForce.AT_THE_OPENING
    if opening and top.open:
        return "the opening is over"
    if not opening and (not top.open or top.halted):
        return "the instrument is halted" if top.halted else "the session is closed"
    if params.line is not None and chance("rejected", params.seed, held.order.order_id) < params.line.rejects:
        return "the venue does not take it"
    if held.never_takes and top.fills:
        see(state, held.instrument, top)
        if takeable(state, held) is not None:
            return "it would take, and may only rest"
    return ""


def on_quote(state: VenueState, params: VenueParams, instrument: int, top: Top, now_at: int) -> list[Report]:
    """Fill resting orders that the opposite quote has reached, as far as its size is shown and not taken yet."""
    made: list[Report] = []
    see(state, instrument, top)
    if top.fills:
        for held in queue(state, instrument):
            made += take(state, params, held, now_at, arriving=False)
    if params.queue:
        watch_queue(state, instrument, top)
    amend_later(state, params, made, now_at)
    return _through_line(state, params, made, now_at)


def on_trade(
    state: VenueState, params: VenueParams, instrument: int, price: float, size: float, top: Top, now_at: int
) -> list[Report]:
    """Fill resting orders from a trade: through the limit, at the limit, or where the opposite side is not quoted."""
    if not (top.fills and price > 0 and size > 0):
        return []
    made: list[Report] = []
    waiting = {state.orders[name].order.time_in_force for name in state.resting.get(instrument, ())}
    if TimeInForce.AT_THE_OPENING in waiting:
        made += auction(state, params, instrument, TimeInForce.AT_THE_OPENING, price, now_at)
    if TimeInForce.AT_THE_CLOSE in waiting:
        state.closing[instrument] = price
    made += fill_from_trade(state, params, instrument, price, size, top, now_at)
    made += trigger(state, params, instrument, price, now_at)
    amend_later(state, params, made, now_at)
    return _through_line(state, params, made, now_at)


def end_of_session(state: VenueState, params: VenueParams, now_at: int) -> list[Report]:
    """Hold the closing auction, then expire every order, resting or on its way, in the order in which they were sent.

    An order that is good till cancelled stays, and is done for the day.
    """
    made: list[Report] = []
    state.past, state.done = state.done, {}
    for instrument, price in sorted(state.closing.items()):
        made += auction(state, params, instrument, TimeInForce.AT_THE_CLOSE, price, now_at)
    for held in list(state.orders.values()):
        if held.order.time_in_force is not TimeInForce.GOOD_TILL_CANCEL:
            made.append(finish(state, params, held, ExecType.EXPIRED, now_at, "the session has ended"))
        elif params.line is not None and held.reports:
            made.append(
                report(state, params, held, ExecType.DONE_FOR_DAY, now_at, status=OrdStatus.DONE_FOR_DAY)
            )
    made += close_requests(state, now_at)
    state.coming = [each for each in state.coming if each[3] == "order" and each[2] in state.orders]
    state.requests.clear()
    state.taken.clear()
    state.closing.clear()
    return _through_line(state, params, made, now_at)


def wants(state: VenueState) -> frozenset[int]:
    """Return the instruments whose quotes and trades the venue has to see."""
    return frozenset(state.resting)
