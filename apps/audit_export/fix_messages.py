"""Orders and reports of the audit as a FIX drop copy: tag=value messages of FIX 5.0 SP2 over FIXT.1.1.

An order is NewOrderSingle(35=D), a request to cancel OrderCancelRequest(35=F), a report ExecutionReport(35=8) with
CopyMsgIndicator(797) = Y. MsgSeqNum(34) is the row of the audit, so that a message leads back to its record; Text(58)
of an order names the decision that allowed it.
"""

from datetime import UTC, datetime
from typing import Any

from apps.audit_export.trail import Event

SOH = b"\x01"
BEGIN, VERSION = "FIXT.1.1", "9"
MESSAGES = {"oms.orders": "D", "oms.cancels": "F", "oms.executions": "8"}
FIELDS: dict[str, tuple[tuple[int, str], ...]] = {
    "D": (
        (11, "ClOrdID"), (37, "OrderID"), (1, "Account"), (55, "Symbol"), (54, "Side"), (60, "TransactTime"),
        (38, "OrderQty"), (40, "OrdType"), (44, "Price"), (15, "Currency"), (59, "TimeInForce"),
        (100, "ExDestination"), (58, "decision_id"),
    ),
    "F": (
        (41, "OrigClOrdID"), (37, "OrderID"), (11, "ClOrdID"), (1, "Account"), (55, "Symbol"), (54, "Side"),
        (60, "TransactTime"), (38, "OrderQty"), (58, "Text"),
    ),
    "8": (
        (37, "OrderID"), (11, "ClOrdID"), (17, "ExecID"), (150, "ExecType"), (39, "OrdStatus"), (1, "Account"),
        (55, "Symbol"), (54, "Side"), (38, "OrderQty"), (32, "LastQty"), (31, "LastPx"), (30, "LastMkt"),
        (851, "LastLiquidityInd"), (151, "LeavesQty"), (14, "CumQty"), (6, "AvgPx"), (60, "TransactTime"),
        (12, "Commission"), (58, "Text"),
    ),
}  # fmt: skip
"""Tags of each message and the field of the record that each is taken from, in order."""
COPY = (797, "Y")


def drop_copy(events: list[Event], sender: str, target: str) -> bytes:
    """Return the FIX messages of events, one after the other; events that are no messages are left out."""
    return b"".join(message(event, sender, target) for event in events if event.entry["stream"] in MESSAGES)


def message(event: Event, sender: str, target: str) -> bytes:
    """Return the message of an event, with BodyLength(9) and CheckSum(10)."""
    kind, payload = MESSAGES[event.entry["stream"]], event.payload
    fields: list[tuple[int, str]] = [
        (35, kind),
        (1128, VERSION),
        (34, str(event.number)),
        (49, sender),
        (52, utc(event.entry["recv_time"])),
        (56, target),
    ]
    for tag, name in FIELDS[kind]:
        words = _words(name, payload.get(name))
        if words:
            fields.append((tag, words))
    if kind == "8":
        fields.append(COPY)
    body = b"".join(b"%d=%b%b" % (tag, _clean(words), SOH) for tag, words in fields)
    head = b"8=%b%b9=%d%b" % (BEGIN.encode(), SOH, len(body), SOH)
    return head + body + b"10=%03d%b" % (sum(head + body) % 256, SOH)


def utc(instant: int) -> str:
    """Return an instant (ns UTC) as FIX's UTCTimestamp, to the nanosecond."""
    at = datetime.fromtimestamp(instant // 1_000_000_000, UTC)
    return f"{at:%Y%m%d-%H:%M:%S}.{instant % 1_000_000_000:09d}"


def _words(name: str, value: Any) -> str:
    if value is None or (name in ("LastQty", "LastPx") and not value):
        return ""
    return utc(value) if name == "TransactTime" else str(value)


def _clean(words: str) -> bytes:
    """Return a value without the sign that ends fields."""
    return words.encode().replace(SOH, b" ").replace(b"\n", b" ")
