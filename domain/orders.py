"""Orders and executions in FIX terms: what was asked of a venue, and what it answered (standards.md 5.1, 5.2)."""

from decimal import Decimal
from enum import IntEnum, StrEnum

import msgspec

from domain.envelope import Record


class Side(StrEnum):
    """FIX Side(54)."""

    BUY = "1"
    SELL = "2"
    SELL_SHORT = "5"
    SELL_SHORT_EXEMPT = "6"

    @property
    def sign(self) -> int:
        """Return +1 for a buy and -1 for a sale."""
        return 1 if self is Side.BUY else -1


class OrdType(StrEnum):
    """FIX OrdType(40)."""

    MARKET = "1"
    LIMIT = "2"
    STOP = "3"
    STOP_LIMIT = "4"


class TimeInForce(StrEnum):
    """FIX TimeInForce(59)."""

    DAY = "0"
    GOOD_TILL_CANCEL = "1"
    AT_THE_OPENING = "2"
    IMMEDIATE_OR_CANCEL = "3"
    FILL_OR_KILL = "4"
    AT_THE_CLOSE = "7"


class OrdStatus(StrEnum):
    """FIX OrdStatus(39)."""

    PENDING_NEW = "A"
    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    CALCULATED = "B"
    EXPIRED = "C"
    PENDING_REPLACE = "E"


class ExecType(StrEnum):
    """FIX ExecType(150): why a report was sent."""

    PENDING_NEW = "A"
    NEW = "0"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    CALCULATED = "B"
    EXPIRED = "C"
    RESTATED = "D"
    PENDING_REPLACE = "E"
    TRADE = "F"
    TRADE_CORRECT = "G"
    TRADE_CANCEL = "H"
    ORDER_STATUS = "I"
    TRIGGERED = "L"


class LastLiquidityInd(IntEnum):
    """FIX LastLiquidityInd(851): did a fill come to an order that rested, or did the order take it on arrival?"""

    ADDED = 1
    REMOVED = 2


FINAL = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED})
"""Nothing more is expected of the order; a bust or a replace can still make a filled one work again."""
ENDED = FINAL - {OrdStatus.FILLED}
"""The order is over for good, unless its venue reinstates it."""
IDLE = FINAL | {OrdStatus.DONE_FOR_DAY, OrdStatus.CALCULATED}
"""LeavesQty(151) is 0 in these (standards.md 5.1, invariant 1)."""


class OrderTerms(Record, frozen=True, kw_only=True):
    """What an intent asks for and an order holds; `order_qty` in units, `price` in the instrument's currency."""

    cl_ord_id: str = msgspec.field(name="ClOrdID")
    account: str = msgspec.field(name="Account")
    desk: str
    trader: str
    strategy: str
    symbol: str = msgspec.field(name="Symbol")
    side: Side = msgspec.field(name="Side")
    order_qty: int = msgspec.field(name="OrderQty")
    ord_type: OrdType = msgspec.field(name="OrdType")
    time_in_force: TimeInForce = msgspec.field(name="TimeInForce")
    transact_time: int = msgspec.field(name="TransactTime")
    ex_destination: str = msgspec.field(name="ExDestination")
    price: Decimal | None = msgspec.field(default=None, name="Price")
    currency: str = msgspec.field(default="USD", name="Currency")


class Intent(OrderTerms, frozen=True, kw_only=True):
    """`OrderRequested`: a strategy asks for an order; `signal_at` is when its signal was known (ns UTC)."""

    signal_id: str
    signal_at: int
    position_before: int
    target_position: int


class Order(OrderTerms, frozen=True, kw_only=True):
    """`OrderValidated` on `oms.orders`: an intent that was allowed; `decision_id` names the verdict that allowed it."""

    order_id: str = msgspec.field(name="OrderID")
    decision_id: str


class OrderCancelRequest(Record, frozen=True, kw_only=True):
    """`oms.cancels`: the desk asks the venue to cancel what is left of an order, and `text` says why (FIX 35=F).

    Orders and cancel requests are numbered in one `sequence`, in which the venue takes them.
    """

    cl_ord_id: str = msgspec.field(name="ClOrdID")
    orig_cl_ord_id: str = msgspec.field(name="OrigClOrdID")
    order_id: str = msgspec.field(name="OrderID")
    account: str = msgspec.field(name="Account")
    strategy: str
    symbol: str = msgspec.field(name="Symbol")
    side: Side = msgspec.field(name="Side")
    order_qty: int = msgspec.field(name="OrderQty")
    transact_time: int = msgspec.field(name="TransactTime")
    ex_destination: str = msgspec.field(name="ExDestination")
    text: str = msgspec.field(default="", name="Text")


class Execution(Record, frozen=True, kw_only=True):
    """An execution report: the state of an order after something happened to it.

    `last_qty`, `last_px` and `last_liquidity_ind` are of this report; `cum_qty`, `leaves_qty` and `avg_px` are of the
    order after it; `commission` is the fee of this report in the order's currency.
    """

    exec_id: str = msgspec.field(name="ExecID")
    order_id: str = msgspec.field(name="OrderID")
    cl_ord_id: str = msgspec.field(name="ClOrdID")
    account: str = msgspec.field(name="Account")
    strategy: str
    symbol: str = msgspec.field(name="Symbol")
    side: Side = msgspec.field(name="Side")
    exec_type: ExecType = msgspec.field(name="ExecType")
    ord_status: OrdStatus = msgspec.field(name="OrdStatus")
    order_qty: int = msgspec.field(name="OrderQty")
    leaves_qty: int = msgspec.field(name="LeavesQty")
    cum_qty: int = msgspec.field(name="CumQty")
    avg_px: Decimal = msgspec.field(name="AvgPx")
    transact_time: int = msgspec.field(name="TransactTime")
    last_qty: int = msgspec.field(default=0, name="LastQty")
    last_px: Decimal | None = msgspec.field(default=None, name="LastPx")
    last_mkt: str = msgspec.field(default="", name="LastMkt")
    commission: Decimal = msgspec.field(default=Decimal(0), name="Commission")
    text: str = msgspec.field(default="", name="Text")
    last_liquidity_ind: int | None = msgspec.field(default=None, name="LastLiquidityInd")


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The desk tells the venue how far it is: whatever it asks before `decided_until` (ns UTC) is among its `requests`.

    `requests` counts orders and cancel requests; at the greatest int64 there will never be another one.
    """

    requests: int
    decided_until: int


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """The venue tells the desk what it may rely on, as long as it asks for nothing after its first `requests`.

    There are `executions` reports so far, and none more happens before `quiet_until` (ns UTC). `closed` says that none
    will ever come.
    """

    requests: int
    executions: int
    quiet_until: int
    closed: bool = False


NOTHING_ASKED = Progress(requests=0, decided_until=0)
NOTHING_PROMISED = Promise(requests=0, executions=0, quiet_until=2**63 - 1)
"""Where nothing was asked for, nothing happens."""
