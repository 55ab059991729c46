"""The simulated venue: what would a market have answered to our orders, seen from outside it?

Key     venue
In      orders and cancels, which arrive a latency after they were sent; quotes and trades of instruments with orders
Out     Execution, in the order in which they happen
State   what is on its way, what rests, and how much of each shown size we have taken already
Time    event time only; an order meets the market that is there when it arrives
Silence never: every order that is sent is acknowledged or rejected, and ends or rests

An order that arrives takes from the opposite best quote at the quote's price, up to the size shown and not taken
yet. What is left rests, and is filled at its own limit (an order at the market at the quote): when the opposite
quote reaches the limit, up to the size shown and not taken yet; when a trade goes through the limit, up to the
size traded; when a trade is at the limit, up to `participation_max` of the size. Where the opposite side is not
quoted at all, trades at the limit or better fill at their own price, up to that share. Better prices come first,
earlier orders before later ones. No fill is worse than the limit, and a market price between two ticks is taken to
the worse one. A crossed quote, a halt and a closed session fill nothing.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.envelope import record_id
from domain.market import END
from domain.money import cents, exact_price, whole_units
from domain.orders import (
    FINAL,
    ExecType,
    Execution,
    LastLiquidityInd,
    Order,
    OrdStatus,
    OrdType,
    TimeInForce,
)


@dataclass(frozen=True)
class VenueParams:
    """How the venue behaves.

    `latency_nanoseconds` between sending and arrival, either way counted once, and up to `jitter_nanoseconds` more, a
    function of `seed` and the message; messages never overtake each other. `fee_per_unit` in the order's currency,
    charged per report and rounded to cents; `participation_max` is our share of a trade's size.
    """

    name: str = "XSIM"
    latency_nanoseconds: int = 500_000
    fee_per_unit: Decimal = Decimal("0.003")
    participation_max: float = 0.2
    jitter_nanoseconds: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a venue that answers before it was asked, or trades more than the market."""
        if min(self.latency_nanoseconds, self.jitter_nanoseconds) < 0 or self.fee_per_unit < 0:
            raise ValueError(
                f"a venue needs latency_nanoseconds, jitter_nanoseconds and fee_per_unit of at least 0; "
                f"{self.latency_nanoseconds}, {self.jitter_nanoseconds} and {self.fee_per_unit} were given"
            )
        if not 0 < self.participation_max <= 1:
            raise ValueError(f"a venue needs participation_max in (0, 1]; {self.participation_max} was given")


class Top(NamedTuple):
    """The market of one instrument as the venue shows it: NaN prices where a side is not quoted."""

    bid: float
    bid_size: float
    ask: float
    ask_size: float
    halted: bool
    open: bool

    @staticmethod
    def of(mark: NDArray[np.void], *, is_open: bool) -> "Top":
        """Return the market of an instrument as its mark (`operators.marks.MARK`) has it."""
        bid, ask = float(mark["bid"]), float(mark["ask"])
        return Top(bid, float(mark["bid_size"]), ask, float(mark["ask_size"]), bool(mark["halted"]), is_open)

    @property
    def fills(self) -> bool:
        """Say whether the venue trades at all: open, not halted, not crossed."""
        return self.open and not self.halted and not self.bid > self.ask

    def opposite(self, sign: int) -> tuple[float, float]:
        """Return price and size of the side that a buy (1) or a sale (-1) takes from."""
        return (self.ask, self.ask_size) if sign > 0 else (self.bid, self.bid_size)


class Taken(NamedTuple):
    """How much of one side of a quote we have taken while it showed the same price and size."""

    price: float
    size: float
    quantity: int


@dataclass
class Resting:
    """An order at the venue, or on its way to it."""

    order: Order
    instrument: int
    tick_size: Decimal
    unit: Decimal = Decimal(1)
    cum_qty: int = 0
    notional: Decimal = Decimal(0)
    reports: int = 0

    @property
    def leaves_qty(self) -> int:
        """Return what may still be filled."""
        return self.order.order_qty - self.cum_qty

    @property
    def limit(self) -> Decimal | None:
        """Return the worst price that may be paid or taken, None for an order at the market."""
        return self.order.price if self.order.ord_type is OrdType.LIMIT else None

    def accepts(self, price: Decimal) -> bool:
        """Say whether a price is not worse than the limit."""
        return self.limit is None or (price - self.limit) * self.order.side.sign <= 0


@dataclass
class VenueState:
    """All the memory of the venue.

    `coming` is a heap of (due_at, number, order_id, kind), `resting` holds OrderIDs in order of arrival by instrument,
    `taken` is by instrument and the sign of those who take.
    """

    coming: list[tuple[int, int, str, str]] = field(default_factory=list)
    orders: dict[str, Resting] = field(default_factory=dict)
    resting: dict[int, list[str]] = field(default_factory=dict)
    taken: dict[tuple[int, int], Taken] = field(default_factory=dict)
    last_due_at: int = 0
    number: int = 0
    sequence: int = 0


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

    Raises ValueError where its OrderID is at the venue already, or it has no quantity, or a limit order has no price.
    """
    if order.order_id in state.orders:
        raise ValueError(f"order {order.order_id} was sent before; an OrderID is sent once")
    if order.ord_type is OrdType.LIMIT and order.price is None:
        raise ValueError(f"order {order.order_id} is a limit order and needs a Price; none was given")
    if order.order_qty < 1:
        raise ValueError(
            f"order {order.order_id} needs an OrderQty of at least 1; {order.order_qty} was given"
        )
    state.orders[order.order_id] = Resting(order, instrument, tick_size, unit)
    _send(state, params, order.order_id, "order", now_at)


def cancel(state: VenueState, params: VenueParams, order_id: str, now_at: int) -> None:
    """Send a cancel; an order that is final when it arrives is not touched."""
    _send(state, params, order_id, "cancel", now_at)


def _send(state: VenueState, params: VenueParams, order_id: str, kind: str, now_at: int) -> None:
    """Put a message on its way, behind those that are."""
    chance = int(record_id("latency", params.seed, order_id, kind), 16) if params.jitter_nanoseconds else 0
    due_at = now_at + params.latency_nanoseconds + chance % (params.jitter_nanoseconds + 1)
    state.last_due_at = max(state.last_due_at, due_at)
    state.number += 1
    heapq.heappush(state.coming, (state.last_due_at, state.number, order_id, kind))


def next_arrival(state: VenueState) -> int:
    """Return when the next message arrives (ns UTC), the greatest int64 where none is on its way."""
    return state.coming[0][0] if state.coming else END


def arrivals(
    state: VenueState, params: VenueParams, top_of: Callable[[int], Top], now_at: int
) -> list[Execution]:
    """Take in what has arrived by `now_at`; `top_of` shows an instrument's market at that instant."""
    made: list[Execution] = []
    while state.coming and state.coming[0][0] <= now_at:
        due_at, _, order_id, kind = heapq.heappop(state.coming)
        held = state.orders.get(order_id)
        if held is None:
            continue
        if kind == "cancel":
            made.append(_finish(state, held, ExecType.CANCELED, due_at, "cancelled on request"))
        else:
            made += _arrived(state, params, held, top_of(held.instrument), due_at)
    return made


def _arrived(state: VenueState, params: VenueParams, held: Resting, top: Top, now_at: int) -> list[Execution]:
    """Acknowledge or reject an order that arrives, fill what can be filled at once, and let the rest rest."""
    if not top.open or top.halted:
        why = "the instrument is halted" if top.halted else "the session is closed"
        return [_finish(state, held, ExecType.REJECTED, now_at, why)]
    made = [_report(state, held, ExecType.NEW, OrdStatus.NEW, now_at)]
    state.resting.setdefault(held.instrument, []).append(held.order.order_id)
    _see(state, held.instrument, top)
    if top.fills:
        made += _take(state, params, held, now_at, arriving=True)
    immediate = held.order.time_in_force is TimeInForce.IMMEDIATE_OR_CANCEL
    if immediate and held.order.order_id in state.orders:
        made.append(_finish(state, held, ExecType.CANCELED, now_at, "not filled at once"))
    return made


def on_quote(
    state: VenueState, params: VenueParams, instrument: int, top: Top, now_at: int
) -> list[Execution]:
    """Fill resting orders that the opposite quote has reached, as far as its size is shown and not taken yet."""
    made: list[Execution] = []
    _see(state, instrument, top)
    if top.fills:
        for held in _queue(state, instrument):
            made += _take(state, params, held, now_at, arriving=False)
    return made


def _see(state: VenueState, instrument: int, top: Top) -> None:
    """Look at a quote: of a side that shows something else than before, nothing has been taken."""
    for sign in (1, -1):
        shown, before = top.opposite(sign), state.taken.get((instrument, sign))
        if before is None or before[:2] != shown:
            state.taken[instrument, sign] = Taken(*shown, 0)


def _take(
    state: VenueState, params: VenueParams, held: Resting, now_at: int, *, arriving: bool
) -> list[Execution]:
    """Fill an order from the opposite quote that was seen last, as far as price and size allow."""
    sign, limit = held.order.side.sign, held.limit
    seen = state.taken[held.instrument, sign]
    shown = whole_units(seen.size, held.unit)
    if not (seen.price > 0 and shown > seen.quantity):
        return []
    price = exact_price(seen.price, held.tick_size, sign)
    quantity = min(held.leaves_qty, shown - seen.quantity)
    if quantity < 1 or not held.accepts(price):
        return []
    state.taken[held.instrument, sign] = seen._replace(quantity=seen.quantity + quantity)
    fill_price = price if arriving or limit is None else limit
    liquidity = LastLiquidityInd.REMOVED if arriving else LastLiquidityInd.ADDED
    return [_fill(state, params, held, quantity, fill_price, now_at, liquidity)]


def on_trade(
    state: VenueState, params: VenueParams, instrument: int, price: float, size: float, top: Top, now_at: int
) -> list[Execution]:
    """Fill resting orders from a trade: through the limit, at the limit, or where the opposite side is not quoted."""
    made: list[Execution] = []
    queue = _queue(state, instrument)
    if not (queue and top.fills and price > 0):
        return made
    left = whole_units(size, queue[0].unit)
    share = int(left * Decimal(repr(params.participation_max)))
    for held in queue:
        sign, limit = held.order.side.sign, held.limit
        exact = exact_price(price, held.tick_size, sign)
        quoted = top.opposite(sign)[0] > 0
        if not held.accepts(exact) or (quoted and limit is None):
            continue
        through = quoted and exact != limit
        quantity = min(held.leaves_qty, left if through else min(left, share))
        if quantity < 1:
            continue
        fill_price = limit if quoted and limit is not None else exact
        made.append(_fill(state, params, held, quantity, fill_price, now_at, LastLiquidityInd.ADDED))
        left -= quantity
        share -= 0 if through else quantity
    return made


def end_of_session(state: VenueState, now_at: int) -> list[Execution]:
    """Expire every order, resting or on its way, in the order in which they were sent."""
    made = [
        _finish(state, held, ExecType.EXPIRED, now_at, "the session has ended")
        for held in list(state.orders.values())
    ]
    state.coming.clear()
    state.taken.clear()
    return made


def wants(state: VenueState) -> frozenset[int]:
    """Return the instruments whose quotes and trades the venue has to see."""
    return frozenset(state.resting)


def _queue(state: VenueState, instrument: int) -> list[Resting]:
    """Return the resting orders of an instrument, better prices first, then earlier arrivals."""
    resting = [state.orders[order_id] for order_id in state.resting.get(instrument, ())]
    return sorted(resting, key=_eagerness)


def _eagerness(held: Resting) -> tuple[bool, Decimal]:
    """Return what sorts the readiest payer first; orders at the market come before all limits."""
    limit = held.limit
    return (False, Decimal(0)) if limit is None else (True, -held.order.side.sign * limit)


def _fill(
    state: VenueState,
    params: VenueParams,
    held: Resting,
    quantity: int,
    price: Decimal,
    now_at: int,
    liquidity: LastLiquidityInd,
) -> Execution:
    """Report a fill; an order filled whole is forgotten."""
    held.cum_qty += quantity
    held.notional += quantity * price
    status = OrdStatus.PARTIALLY_FILLED if held.leaves_qty else OrdStatus.FILLED
    fee, last = cents(params.fee_per_unit * quantity * held.unit), (quantity, price, liquidity)
    made = _report(state, held, ExecType.TRADE, status, now_at, last=last, fee=fee)
    if status is OrdStatus.FILLED:
        _forget(state, held)
    return made


def _finish(state: VenueState, held: Resting, exec_type: ExecType, now_at: int, text: str) -> Execution:
    """Report the end of an order that was not filled whole, and forget it."""
    _forget(state, held)
    return _report(state, held, exec_type, OrdStatus(exec_type.value), now_at, text=text)


def _forget(state: VenueState, held: Resting) -> None:
    """Let go of an order that is final."""
    order_id = held.order.order_id
    del state.orders[order_id]
    resting = state.resting.get(held.instrument, [])
    if order_id in resting:
        resting.remove(order_id)
    if not resting:
        state.resting.pop(held.instrument, None)


def _report(
    state: VenueState,
    held: Resting,
    exec_type: ExecType,
    status: OrdStatus,
    now_at: int,
    *,
    last: tuple[int, Decimal | None, LastLiquidityInd | None] = (0, None, None),
    fee: Decimal = Decimal(0),
    text: str = "",
) -> Execution:
    """Return the next report about an order; its ExecID is a function of OrderID and the report's number."""
    held.reports += 1
    state.sequence += 1
    order, (last_qty, last_px, liquidity) = held.order, last
    exec_id = record_id("execution", order.order_id, held.reports)
    return Execution(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source="venue:simulated",
        sequence=state.sequence,
        record_id=exec_id,
        exec_id=exec_id,
        order_id=order.order_id,
        cl_ord_id=order.cl_ord_id,
        account=order.account,
        strategy=order.strategy,
        symbol=order.symbol,
        side=order.side,
        exec_type=exec_type,
        ord_status=status,
        order_qty=order.order_qty,
        leaves_qty=0 if status in FINAL else held.leaves_qty,
        cum_qty=held.cum_qty,
        avg_px=held.notional / held.cum_qty if held.cum_qty else Decimal(0),
        transact_time=now_at,
        last_qty=last_qty,
        last_px=last_px,
        last_mkt=order.ex_destination if last_qty else "",
        last_liquidity_ind=liquidity,
        commission=fee,
        text=text,
    )
