"""What the columns of each lake topic are: one Arrow schema for each, and the total order of its rows.

Every schema begins with the envelope. Market rows name their instrument in `instrument` (dictionary of names)
and have a uint64 `record_id`; records of the decision plane keep their FIX names and their own text
`record_id`. A Decimal is text in plain notation, so that it comes back exact; instants are `timestamp[ns,
UTC]`.
"""

import types
import typing
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

import msgspec
import pyarrow as pa

from domain.action_records import ActionRecord
from domain.controls import Control
from domain.decisions import (
    Breach,
    Check,
    DecisionPoint,
    Position,
    Quarantined,
    RiskSnapshot,
    ScopeRisk,
    Signal,
    Verdict,
)
from domain.envelope import SCHEMA_VERSION
from domain.health import MarketHealth
from domain.order_messages import (
    DropCopy,
    OrderCancelReject,
    OrderReport,
    OrderRequest,
    OrderRestated,
    ReconciliationBreak,
)
from domain.orders import Execution, Intent, Order, OrderCancelRequest

INSTANT = pa.timestamp("ns", tz="UTC")
NAME = pa.dictionary(pa.int32(), pa.string())

ENVELOPE: tuple[tuple[str, pa.DataType], ...] = (
    ("event_at", INSTANT),
    ("known_at", INSTANT),
    ("received_at", INSTANT),
    ("source", NAME),
    ("sequence", pa.int64()),
    ("record_id", pa.uint64()),
    ("schema_version", pa.int16()),
)

_TICK = (*ENVELOPE, ("kind", pa.uint8()), ("instrument", NAME))
_TRADE = (
    ("price", pa.float64()),
    ("size", pa.float64()),
    ("conditions", pa.uint32()),
    ("flags", pa.uint32()),
    ("venue", NAME),
    ("reference", pa.int64()),
)
_QUOTE = (
    ("bid", pa.float64()),
    ("bid_size", pa.float64()),
    ("ask", pa.float64()),
    ("ask_size", pa.float64()),
    ("conditions", pa.uint32()),
    ("flags", pa.uint32()),
    ("venue", NAME),
)
_BEST = (
    ("best_bid", pa.float64()),
    ("best_bid_size", pa.float64()),
    ("best_ask", pa.float64()),
    ("best_ask_size", pa.float64()),
)
_NATIONAL = (
    *ENVELOPE,
    ("instrument", NAME),
    ("bid", pa.float64()),
    ("bid_size", pa.float64()),
    ("bid_venue", NAME),
    ("ask", pa.float64()),
    ("ask_size", pa.float64()),
    ("ask_venue", NAME),
    ("locked", pa.bool_()),
    ("crossed", pa.bool_()),
    ("session", NAME),
)
_BAR = (
    *ENVELOPE,
    ("instrument", NAME),
    ("interval", pa.int32()),
    ("version", pa.int16()),
    ("open_at", INSTANT),
    ("close_at", INSTANT),
    ("open", pa.float64()),
    ("high", pa.float64()),
    ("low", pa.float64()),
    ("close", pa.float64()),
    ("volume", pa.float64()),
    ("vwap", pa.float64()),
    ("trade_count", pa.int32()),
    ("session", NAME),
)
BUILT: tuple[tuple[str, pa.DataType], ...] = (("interval_name", NAME), ("mark", NAME))
"""Columns that `market.bars` has beside its own where a run makes bars of named kinds; of those `interval` is 0 and
`sequence` their number."""

_FEATURE = (*ENVELOPE, ("instrument", NAME), ("interval", pa.int32()), ("version", pa.int16()))
_SCORE = (
    *ENVELOPE,
    ("instrument", NAME),
    ("strategy", NAME),
    ("version", pa.int16()),
    ("score", pa.float64()),
    ("volatility", pa.float64()),
    ("price", pa.float64()),
    ("direction", pa.int8()),
    ("previous", pa.int8()),
    ("reason", NAME),
    ("changed", pa.bool_()),
)

MARKET: dict[str, tuple[tuple[str, pa.DataType], ...]] = {
    "raw.trades": (*_TICK, *_TRADE),
    "raw.quotes": (*_TICK, *_QUOTE),
    "market.trades": (*_TICK, *_TRADE, *_BEST),
    "market.quotes": (*_TICK, *_QUOTE, *_BEST),
    "market.nbbo": _NATIONAL,
    "market.bars": _BAR,
    "features": _FEATURE,
    "scores": _SCORE,
}

CROSS_SECTION = "features.cross_section"
"""Comparisons across the universe, written by the book where instruments are compared."""

DECISIONS: dict[str, type[msgspec.Struct]] = {
    "signals": Signal,
    "intents": Intent,
    "verdicts": Verdict,
    "oms.orders": Order,
    "oms.cancels": OrderCancelRequest,
    "oms.executions": Execution,
    "oms.restatements": OrderRestated,
    "positions": Position,
    "risk.snapshots": RiskSnapshot,
    "risk.exposures": ScopeRisk,
    "risk.breaches": Breach,
    "risk.controls": Control,
    "oms.requests": OrderRequest,
    "oms.reports": OrderReport,
    "oms.refusals": OrderCancelReject,
    "oms.drop_copy": DropCopy,
    "oms.breaks": ReconciliationBreak,
    "decision_points": DecisionPoint,
}
"""Record type of each topic of the decision plane; `quarantine.<stage>` beside them holds `Quarantined`."""

HEALTH = "market.health"
ACTIONS = "market.actions"
MARKET_RECORDS: dict[str, type[msgspec.Struct]] = {HEALTH: MarketHealth, ACTIONS: ActionRecord}
"""Record type of each market topic that holds single records and no columns; its shards are those of market data."""

TOTAL_ORDER = (
    "event_at",
    "kind",
    "interval",
    "strategy",
    "instrument",
    "Symbol",
    "source",
    "sequence",
    "version",
    "record_id",
)
"""Columns that order a topic, first to last; a topic is ordered by those that it has. `interval` and `strategy` are the
kind of a bar, feature or score row."""

INSTANTS = frozenset({"TransactTime"})


class UnknownTopic(ValueError):
    """A topic was named that the lake does not keep."""


@cache
def type_name(kind: pa.DataType) -> str:
    """Return an Arrow type in words; a dictionary of names is text to who reads it."""
    return str(kind.value_type) if pa.types.is_dictionary(kind) else str(kind)


def market_schema(topic: str, features: tuple[str, ...] = (), *, built: bool = False) -> pa.Schema:
    """Return the schema of a market topic; `features` names the columns of topic `features`.

    With `built` it is that of `market.bars` where bars of named kinds are made.

    Raises UnknownTopic.
    """
    known = {**MARKET, CROSS_SECTION: _FEATURE}
    if topic not in known:
        raise UnknownTopic(f"{topic!r} is no market topic; the market topics are {', '.join(known)}")
    columns = [*known[topic], *(BUILT if built else ()), *((name, pa.float64()) for name in features)]
    return pa.schema(columns, metadata={"topic": topic, "schema_version": str(SCHEMA_VERSION)})


def record_type(topic: str) -> type[msgspec.Struct]:
    """Return the record type that a topic of single records holds; raises UnknownTopic."""
    if topic.startswith("quarantine."):
        return Quarantined
    kind = DECISIONS.get(topic) or MARKET_RECORDS.get(topic)
    if kind is None:
        raise UnknownTopic(
            f"{topic!r} is no decision topic; they are {', '.join(DECISIONS)} and quarantine.<stage>"
        )
    return kind


@cache
def record_schema(topic: str) -> pa.Schema:
    """Return the schema of a decision topic, made from its record type; raises UnknownTopic."""
    columns = [pa.field(name, _arrow(name, kind)) for name, _, kind in record_columns(record_type(topic))]
    return pa.schema(columns, metadata={"topic": topic, "schema_version": str(SCHEMA_VERSION)})


@cache
def record_columns(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, Any], ...]:
    """Return (column name, attribute, Python type) of each field of a record type, envelope first."""
    hints = typing.get_type_hints(kind)
    return tuple((field.encode_name, field.name, hints[field.name]) for field in msgspec.structs.fields(kind))


def _arrow(name: str, kind: Any) -> pa.DataType:
    """Return the Arrow type of a field of a record."""
    options = [option for option in typing.get_args(kind) if option is not type(None)]
    if isinstance(kind, types.UnionType):
        return _arrow(name, options[0]) if len(options) == 1 else NUMBER_OR_WORD
    if typing.get_origin(kind) is tuple:
        return pa.list_(CHECK if options[0] is Check else _arrow(name, options[0]))
    if kind is int:
        return INSTANT if name.endswith("_at") or name in INSTANTS else pa.int64()
    if kind in (str, Decimal) or issubclass(kind, Enum):
        return pa.string()
    return {float: pa.float64(), bool: pa.bool_()}[kind]


NUMBER_OR_WORD = pa.struct([("number", pa.float64()), ("word", pa.string())])
"""A value that is a number where numbers were compared, else words; the other part is null."""

CHECK = pa.struct([pa.field(name, _arrow(name, kind)) for name, _, kind in record_columns(Check)])
"""One check of a verdict."""
