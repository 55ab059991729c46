"""What orders, requests and reports carry beyond the plain ones: chains, busts, corrections, conditions, breaks.

An `OrderReport` is an execution report with what only some of them have; a plain `Execution` says the same where none
of it is needed. Fields have FIX names (standards.md 5.1, 5.2).
"""

from decimal import Decimal
from enum import IntEnum, StrEnum

import msgspec

from domain.envelope import Record
from domain.orders import ExecType, Execution, Order, OrdStatus, Side


class ExecInst(StrEnum):
    """FIX ExecInst(18): the one that the venue knows; the order rests or is rejected, and never takes."""

    PARTICIPATE_DONT_INITIATE = "6"


class CxlRejReason(IntEnum):
    """FIX CxlRejReason(102): why a cancel or a replace was refused."""

    TOO_LATE = 0
    UNKNOWN_ORDER = 1
    ALREADY_PENDING = 3
    DUPLICATE_CL_ORD_ID = 6
    OTHER = 99


class CxlRejResponseTo(StrEnum):
    """FIX CxlRejResponseTo(434): what was refused."""

    CANCEL = "1"
    REPLACE = "2"


class SpecialOrder(Order, frozen=True, kw_only=True):
    """An order with a condition: a stop price, never to take (post-only), or only a part shown (iceberg)."""

    stop_px: Decimal | None = msgspec.field(default=None, name="StopPx")
    exec_inst: ExecInst | None = msgspec.field(default=None, name="ExecInst")
    display_qty: int | None = msgspec.field(default=None, name="DisplayQty")


class RequestKind(StrEnum):
    """FIX MsgType(35) of what the desk asks about an order that it has sent."""

    CANCEL = "F"
    REPLACE = "G"
    STATUS = "H"


class OrderRequest(Record, frozen=True, kw_only=True):
    """`OrderReplaceRequested`, or a question for an order's state: what the desk asks of the venue, and why (`Text`).

    `orig_cl_ord_id` is the last ClOrdID that the venue has accepted; `order_qty` and `price` are the new terms of a
    replace, and those in force otherwise.
    """

    kind: RequestKind = msgspec.field(name="MsgType")
    cl_ord_id: str = msgspec.field(name="ClOrdID")
    orig_cl_ord_id: str = msgspec.field(name="OrigClOrdID")
    order_id: str = msgspec.field(name="OrderID")
    account: str = msgspec.field(name="Account")
    strategy: str
    symbol: str = msgspec.field(name="Symbol")
    side: Side = msgspec.field(name="Side")
    order_qty: int = msgspec.field(name="OrderQty")
    transact_time: int = msgspec.field(name="TransactTime")
    price: Decimal | None = msgspec.field(default=None, name="Price")
    text: str = msgspec.field(default="", name="Text")


class OrderReport(Execution, frozen=True, kw_only=True):
    """An execution report that names other messages: the request that it answers, or the fill that it takes back.

    `exec_ref_id` is the ExecID of the fill that a TradeCancel busts or a TradeCorrect puts right; `price` is the
    limit in force after the report; `exec_restatement_reason` says why a venue restated an order; `status_req_id` is
    the ClOrdID of the status request that is answered; `poss_dup` says that the report may have been sent before.
    """

    orig_cl_ord_id: str = msgspec.field(default="", name="OrigClOrdID")
    exec_ref_id: str = msgspec.field(default="", name="ExecRefID")
    exec_restatement_reason: int | None = msgspec.field(default=None, name="ExecRestatementReason")
    price: Decimal | None = msgspec.field(default=None, name="Price")
    status_req_id: str = msgspec.field(default="", name="StatusReqID")
    poss_dup: bool = msgspec.field(default=False, name="PossDupFlag")


class DropCopy(OrderReport, frozen=True, kw_only=True):
    """`oms.drop_copy`: a report as it stands on the venue's second line."""


GT_CORPORATE_ACTION = 0
"""FIX ExecRestatementReason(378)."""


class OrderRestated(OrderReport, frozen=True, kw_only=True):
    """`oms.restatements`: an open order is another one since a corporate action (FIX 150 = D, 378 = 0).

    Quantities are in the units of after it, `avg_px` too; `action_id` names the action.
    """

    exec_type: ExecType = msgspec.field(default=ExecType.RESTATED, name="ExecType")
    exec_restatement_reason: int | None = msgspec.field(
        default=GT_CORPORATE_ACTION, name="ExecRestatementReason"
    )
    action_id: str


class OrderCancelReject(Record, frozen=True, kw_only=True):
    """`OrderCancelRejected` (FIX 35=9): a cancel or a replace that the venue refuses, and the order's state.

    `cxl_rej_reason` is one of `CxlRejReason`.
    """

    cl_ord_id: str = msgspec.field(name="ClOrdID")
    orig_cl_ord_id: str = msgspec.field(name="OrigClOrdID")
    order_id: str = msgspec.field(name="OrderID")
    account: str = msgspec.field(name="Account")
    strategy: str
    symbol: str = msgspec.field(name="Symbol")
    ord_status: OrdStatus = msgspec.field(name="OrdStatus")
    cxl_rej_response_to: CxlRejResponseTo = msgspec.field(name="CxlRejResponseTo")
    cxl_rej_reason: int = msgspec.field(name="CxlRejReason")
    transact_time: int = msgspec.field(name="TransactTime")
    text: str = msgspec.field(default="", name="Text")


Report = Execution | OrderCancelReject
"""What a venue says about an order."""


class ReconciliationBreak(Record, frozen=True, kw_only=True):
    """Two records of one thing that should be the same and are not, or a report that cannot be.

    `left` and `right` name the two sides (`desk`, `venue`, `drop_copy`), `key` what they speak of
    (`order:3f2a`), `difference` what each of them says. `resolved` says that the desk has taken the other side's word
    for it, so that nothing is open.
    """

    break_id: str
    kind: str
    left: str
    right: str
    key: str
    difference: str
    order_id: str = msgspec.field(default="", name="OrderID")
    symbol: str = msgspec.field(default="", name="Symbol")
    resolved: bool = False
