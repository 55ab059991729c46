"""Records as entries of the audit log: what happened, when, by whom, and the record whole.

An entry has the columns of standards.md 4.2: `actor` (what spoke: a strategy, compliance, the venue, a door),
`event_id` (the record's lasting name, unique in a log), `event_time` and `recv_time` (ns UTC), `stream` (the topic),
`type` (the event's name of standards.md 5.2), `payload` (the record as it stands on its topic), `writer` and
`writer_seq`. A verdict carries all its checks, each with measured value, limit and outcome (standards.md 1.5).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from connectors.audit.personal import People, context_of
from domain.controls import Control, ControlKind
from domain.decisions import Breach, Signal, Verdict, VerdictKind
from domain.envelope import Record
from domain.orders import ExecType, Execution, Intent, Order, OrderCancelRequest

VERDICTS = {
    VerdictKind.APPROVED: "OrderValidated",
    VerdictKind.HELD: "OrderHeld",
    VerdictKind.REFUSED: "OrderRejected",
}
EXECUTIONS = {
    ExecType.PENDING_NEW: "OrderPendingNew",
    ExecType.NEW: "OrderAccepted",
    ExecType.TRADE: "TradeExecuted",
    ExecType.CANCELED: "OrderCanceled",
    ExecType.PENDING_CANCEL: "OrderPendingCancel",
    ExecType.REJECTED: "OrderRejectedByVenue",
    ExecType.EXPIRED: "OrderExpired",
}
CONTROLS = {
    ControlKind.KILL: "KillSwitchActivated",
    ControlKind.ASKED: "SecondPersonAwaited",
    ControlKind.RELEASE: "KillSwitchReleased",
    ControlKind.APPROVE: "OrderApproved",
    ControlKind.REFUSE: "HeldOrderRefused",
    ControlKind.OVERRIDE: "OrderOverridden",
    ControlKind.LIMITS: "LimitChanged",
    ControlKind.SANCTIONS: "NameListLoaded",
    ControlKind.ACKNOWLEDGE: "BreachAcknowledged",
    ControlKind.WAIVE: "BreachWaived",
    ControlKind.STALE: "ControlsStale",
    ControlKind.FRESH: "ControlsFresh",
    ControlKind.REFUSED: "CommandRefused",
}
NAMES: dict[type[Record], str] = {
    Signal: "SignalGenerated",
    Intent: "OrderRequested",
    Order: "OrderSent",
    OrderCancelRequest: "OrderCancelRequested",
    Breach: "RiskLimitBreached",
}
RELEASED = "none"
Personal = Mapping[str, tuple[str, ...]]
PERSONAL: Personal = {"risk.controls": ("who", "maker")}
"""Fields of each topic that name a person."""

_ENCODER = msgspec.json.Encoder(order="sorted")


def event_type(record: Record) -> str:
    """Return the name of the event that a record is of."""
    match record:
        case Verdict():
            return VERDICTS[record.kind]
        case Execution():
            return EXECUTIONS.get(record.exec_type, "ExecutionReport")
        case Control(kind=ControlKind.KILL, mode="none"):
            return "KillSwitchReleased"
        case Control():
            return CONTROLS[record.kind]
    return NAMES.get(type(record), type(record).__name__)


class EntryCodec:
    """Turns records into bodies of entries for one writer; `people` seals the fields that `personal` names."""

    def __init__(self, writer: str, people: People, personal: Personal = PERSONAL) -> None:
        self._end = b',"writer":%b,"writer_seq":' % _ENCODER.encode(writer)
        self._people, self._personal = people, personal
        self._words: dict[str, bytes] = {}

    def bodies(self, records: Iterable[tuple[str, Record]]) -> list[bytes]:
        """Return the body of each record of a topic, in order."""
        encode, words, personal, end = _ENCODER.encode, self._word, self._personal, self._end
        return [
            b'{"actor":%b,"event_id":"%b","event_time":%d,"payload":%b,"recv_time":%d,"stream":%b,"type":%b%b'
            % (
                words(record.source),
                record.record_id.encode(),
                record.event_at,
                encode(record) if topic not in personal else self._sealed(topic, record),
                record.received_at,
                words(topic),
                words(event_type(record)),
                end,
            )
            for topic, record in records
        ]

    def _word(self, text: str) -> bytes:
        """Return a text that comes again and again as JSON."""
        known = self._words.get(text)
        if known is None:
            known = self._words[text] = _ENCODER.encode(text)
        return known

    def _sealed(self, topic: str, record: Record) -> bytes:
        """Return a record as JSON with its personal fields sealed."""
        fields: dict[str, Any] = msgspec.to_builtins(record)
        for name in self._personal[topic]:
            if fields.get(name):
                fields[name] = self._people.seal(fields[name], context_of(record.record_id, name))
        return _ENCODER.encode(fields)
