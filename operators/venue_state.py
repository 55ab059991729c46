"""What the simulated venue holds: the market that it shows, orders that rest or are on their way, and its reports."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.envelope import record_id
from domain.money import cents
from domain.order_messages import ExecInst, OrderReport, OrderRequest, Report, RequestKind, SpecialOrder
from domain.orders import (
    FINAL,
    IDLE,
    ExecType,
    Execution,
    LastLiquidityInd,
    Order,
    OrdStatus,
    OrdType,
)
from operators.order_rules import winning
from operators.venue_params import VenueParams, chance, fee_per_unit


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

    def own(self, sign: int) -> tuple[float, float]:
        """Return price and size of the side that a buy (1) or a sale (-1) rests on."""
        return self.opposite(-sign)


class Taken(NamedTuple):
    """How much of one side of a quote we have taken while it showed the same price and size."""

    price: float
    size: float
    quantity: int


class Filled(NamedTuple):
    """A fill as the venue holds it."""

    quantity: int
    price: Decimal


@dataclass
class Resting:
    """An order at the venue, or on its way to it.

    `order_qty`, `price` and `cl_ord_id` are in force. `ended` is how it ended, None while it works or is filled;
    `pending` are requests that are not settled, `fills` those that stand, by ExecID. `ahead` is how much was shown at
    its price before it (None: not seen yet), `shown` what is left of an iceberg's part; a stop waits until `triggered`.
    """

    order: Order
    instrument: int
    tick_size: Decimal
    cum_qty: int = 0
    notional: Decimal = Decimal(0)
    reports: int = 0
    order_qty: int = 0
    price: Decimal | None = None
    cl_ord_id: str = ""
    ended: OrdStatus | None = None
    pending: dict[str, OrderRequest] = field(default_factory=dict)
    fills: dict[str, Filled] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    ahead: int | None = None
    shown: int = 0
    triggered: bool = True
    unit: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        """Begin with the order's own terms."""
        if not self.cl_ord_id:
            self.order_qty, self.price, self.cl_ord_id = (
                self.order.order_qty,
                self.order.price,
                self.order.cl_ord_id,
            )
            self.shown = self.display_qty or 0
            self.triggered = self.order.ord_type not in {OrdType.STOP, OrdType.STOP_LIMIT}

    def __setstate__(self, stored: dict[str, Any]) -> None:
        """Be what was stored, also by a version whose orders had no terms but their own."""
        plain = Resting(stored["order"], stored["instrument"], stored["tick_size"])
        self.__dict__.update({**vars(plain), **stored})

    def copy(self) -> "Resting":
        """Return an order that goes on by itself."""
        return replace(self, pending=dict(self.pending), fills=dict(self.fills))

    @property
    def leaves_qty(self) -> int:
        """Return what may still be filled."""
        return self.order_qty - self.cum_qty

    @property
    def limit(self) -> Decimal | None:
        """Return the worst price that may be paid or taken, None for an order at the market."""
        return self.price if self.order.ord_type in {OrdType.LIMIT, OrdType.STOP_LIMIT} else None

    @property
    def display_qty(self) -> int | None:
        """Return how much of an iceberg is shown at a time, None for an order that is shown whole."""
        return self.order.display_qty if isinstance(self.order, SpecialOrder) else None

    @property
    def never_takes(self) -> bool:
        """Say whether the order may only rest."""
        return (
            isinstance(self.order, SpecialOrder)
            and self.order.exec_inst is ExecInst.PARTICIPATE_DONT_INITIATE
        )

    @property
    def status(self) -> OrdStatus:
        """Return OrdStatus: of those that hold at once the one that wins."""
        if self.ended is not None:
            return self.ended
        level = OrdStatus.NEW if self.cum_qty == 0 else OrdStatus.PARTIALLY_FILLED
        held = [OrdStatus.FILLED if self.leaves_qty <= 0 else level]
        for request in self.pending.values():
            replaces = request.kind is RequestKind.REPLACE
            held.append(OrdStatus.PENDING_REPLACE if replaces else OrdStatus.PENDING_CANCEL)
        return winning(held)

    def accepts(self, price: Decimal) -> bool:
        """Say whether a price is not worse than the limit."""
        return self.limit is None or (price - self.limit) * self.order.side.sign <= 0


@dataclass
class LineState:
    """The line to the desk: `outbox` is a heap of (due_at, number, report), `drop_copy` all that was said."""

    outbox: list[tuple[int, int, Report]] = field(default_factory=list)
    drop_copy: list[tuple[int, Report]] = field(default_factory=list)
    last_due_at: int = 0
    number: int = 0
    down_at: int | None = None


@dataclass
class VenueState:
    """All the memory of the venue.

    `coming` is a heap of (due_at, number, name, kind), `resting` holds OrderIDs in order of arrival by instrument,
    `taken` is by instrument and the sign of those who take. `requests` are those that `coming` names, `done` and
    `past` the orders that have ended in this session and the one before, of a venue that may be asked about them.
    `closing` is the last trade by instrument, `traded` the units filled so far.
    """

    coming: list[tuple[int, int, str, str]] = field(default_factory=list)
    orders: dict[str, Resting] = field(default_factory=dict)
    resting: dict[int, list[str]] = field(default_factory=dict)
    taken: dict[tuple[int, int], Taken] = field(default_factory=dict)
    last_due_at: int = 0
    number: int = 0
    sequence: int = 0
    requests: dict[str, OrderRequest] = field(default_factory=dict)
    done: dict[str, Resting] = field(default_factory=dict)
    past: dict[str, Resting] = field(default_factory=dict)
    closing: dict[int, float] = field(default_factory=dict)
    traded: int = 0
    line: LineState = field(default_factory=LineState)

    def __setstate__(self, stored: dict[str, Any]) -> None:
        """Be what was stored, also by a version that knew of no requests but cancels."""
        self.__dict__.update({**vars(VenueState()), **stored})

    def known(self, order_id: str) -> Resting | None:
        """Return an order that is here, or has ended here."""
        return self.orders.get(order_id) or self.done.get(order_id) or self.past.get(order_id)


def fill(
    state: VenueState,
    params: VenueParams,
    held: Resting,
    quantity: int,
    price: Decimal,
    now_at: int,
    liquidity: LastLiquidityInd,
) -> Execution:
    """Report a fill; an order filled whole is forgotten."""
    line = params.line
    if (
        line is not None
        and quantity > 1
        and chance("part", params.seed, held.order.order_id, held.reports) < line.partial_fills
    ):
        quantity = 1 + int(chance("of", params.seed, held.order.order_id, held.reports) * (quantity - 1))
    held.cum_qty += quantity
    held.notional += quantity * price
    if held.display_qty:
        held.shown = (
            held.shown - quantity if held.shown > quantity else min(held.display_qty, held.leaves_qty)
        )
    fee = cents(fee_per_unit(params, state.traded, liquidity) * quantity * held.unit)
    state.traded += quantity
    made = report(state, params, held, ExecType.TRADE, now_at, last=(quantity, price, liquidity), fee=fee)
    if line is not None:
        held.fills[made.exec_id] = Filled(quantity, price)
    if held.leaves_qty <= 0:
        forget(state, params, held)
    return made


def finish(
    state: VenueState,
    params: VenueParams,
    held: Resting,
    exec_type: ExecType,
    now_at: int,
    text: str,
    **more: Any,
) -> Execution:
    """Report the end of an order that was not filled whole, and forget it."""
    held.ended = OrdStatus(exec_type.value)
    held.pending.clear()
    forget(state, params, held)
    return report(state, params, held, exec_type, now_at, text=text, **more)


def forget(state: VenueState, params: VenueParams, held: Resting) -> None:
    """Let go of an order that is final; one that may be asked about it is kept until the next session ends."""
    order_id = held.order.order_id
    state.orders.pop(order_id, None)
    leave_queue(state, held)
    if params.line is not None:
        state.done[order_id] = held


def leave_queue(state: VenueState, held: Resting) -> None:
    """Take an order out of the queue of its instrument."""
    resting = state.resting.get(held.instrument, [])
    if held.order.order_id in resting:
        resting.remove(held.order.order_id)
    if not resting:
        state.resting.pop(held.instrument, None)


def join_queue(state: VenueState, held: Resting) -> None:
    """Put an order at the end of the queue of its instrument, behind all that is shown."""
    leave_queue(state, held)
    held.ahead = None
    state.resting.setdefault(held.instrument, []).append(held.order.order_id)


def report(
    state: VenueState,
    params: VenueParams,
    held: Resting,
    exec_type: ExecType,
    now_at: int,
    *,
    last: tuple[int, Decimal | None, LastLiquidityInd | None] = (0, None, None),
    fee: Decimal = Decimal(0),
    text: str = "",
    status: OrdStatus | None = None,
    **more: Any,
) -> Execution:
    """Return the next report about an order; its ExecID is a function of OrderID and the report's number.

    A venue that lies has full ones, with `more` of their fields.
    """
    held.reports += 1
    state.sequence += 1
    order, (last_qty, last_px, liquidity) = held.order, last
    exec_id = record_id("execution", order.order_id, held.reports)
    status = held.status if status is None else status
    said: dict[str, Any] = {
        "event_at": now_at,
        "known_at": now_at,
        "received_at": now_at,
        "source": "venue:simulated",
        "sequence": state.sequence,
        "record_id": exec_id,
        "exec_id": exec_id,
        "order_id": order.order_id,
        "cl_ord_id": held.cl_ord_id,
        "account": order.account,
        "strategy": order.strategy,
        "symbol": order.symbol,
        "side": order.side,
        "exec_type": exec_type,
        "ord_status": status,
        "order_qty": held.order_qty,
        "leaves_qty": 0 if status in (FINAL if params.line is None else IDLE) else max(0, held.leaves_qty),
        "cum_qty": held.cum_qty,
        "avg_px": held.notional / held.cum_qty if held.cum_qty else Decimal(0),
        "transact_time": now_at,
        "last_qty": last_qty,
        "last_px": last_px,
        "last_mkt": order.ex_destination if last_qty else "",
        "last_liquidity_ind": liquidity,
        "commission": fee,
        "text": text,
    }
    if params.line is None:
        return Execution(**said)
    return OrderReport(**{**said, "price": held.price, **more})
