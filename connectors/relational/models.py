"""Tables of the decision journal, one for each kind of record and one row for each check of a verdict.

Columns keep the names that the records have on topics (FIX names where FIX has one); instants are ns UTC in
64-bit integers; Decimals are text in plain notation, exact. `record_id` is unique in its table, so that what
comes twice is kept once. The tables are SQLAlchemy metadata and hold nothing that only one database knows.
"""

import types
import typing
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)
from sqlalchemy.types import TypeEngine

from domain.controls import Control
from domain.decisions import (
    Breach,
    Check,
    DecisionPoint,
    Position,
    Quarantined,
    RiskSnapshot,
    Signal,
    Verdict,
)
from domain.order_messages import (
    DropCopy,
    OrderCancelReject,
    OrderReport,
    OrderRequest,
    ReconciliationBreak,
)
from domain.orders import Execution, Intent, Order, OrderCancelRequest

LAYOUT_VERSION = 4

TABLES: dict[type[msgspec.Struct], str] = {
    Signal: "signals",
    Intent: "intents",
    Verdict: "verdicts",
    Order: "orders",
    OrderCancelRequest: "cancels",
    Execution: "executions",
    Position: "positions",
    RiskSnapshot: "risk_snapshots",
    Breach: "breaches",
    Control: "controls",
    DecisionPoint: "decision_points",
    Quarantined: "quarantined",
    OrderRequest: "requests",
    OrderReport: "reports",
    OrderCancelReject: "refusals",
    DropCopy: "drop_copies",
    ReconciliationBreak: "breaks",
}
"""Table of each record type."""

CHECKS = "checks"

INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "signals": (("Symbol", "event_at"), ("signal_id",)),
    "intents": (("ClOrdID",), ("Symbol", "event_at"), ("signal_id",)),
    "verdicts": (("ClOrdID",), ("Symbol", "event_at")),
    "orders": (("OrderID",), ("ClOrdID",), ("Symbol", "event_at")),
    "cancels": (("OrderID",), ("OrigClOrdID",), ("Symbol", "event_at")),
    "executions": (("OrderID",), ("ClOrdID",), ("Symbol", "event_at")),
    "positions": (("Account", "strategy", "Symbol", "event_at"),),
    "risk_snapshots": (("Account", "event_at"),),
    "breaches": (("event_at",),),
    "controls": (("event_at",), ("command_id",)),
    "decision_points": (("Symbol", "event_at"), ("signal_id",), ("ClOrdID",)),
    "quarantined": (("stage", "reason"),),
    "requests": (("OrderID",),),
    "reports": (("OrderID",), ("Symbol", "event_at")),
    "refusals": (("OrderID",),),
    "drop_copies": (("OrderID",),),
    "breaks": (("OrderID",), ("event_at",)),
}


CHECKED: dict[str, tuple[tuple[str, str], ...]] = {
    "controls": (
        ("controls_two_persons", "maker = '' OR maker <> who"),
        ("controls_two_needed", "kind NOT IN ('release', 'approve', 'override') OR maker <> ''"),
    )
}
"""What every row of a table keeps: maker and checker are two persons (standards.md 2.6, PT-44, PT-45)."""


def fields(kind: type[msgspec.Struct]) -> list[tuple[str, str, Any]]:
    """Return (column name, attribute, Python type) of the fields that become columns; checks are rows of their own."""
    hints = typing.get_type_hints(kind)
    named = [(field.encode_name, field.name, hints[field.name]) for field in msgspec.structs.fields(kind)]
    return [field for field in named if field[1] != CHECKS]


def journal_metadata() -> MetaData:
    """Return all tables of the journal."""
    metadata = MetaData()
    Table("layout", metadata, Column("version", Integer, primary_key=True))
    for kind, name in TABLES.items():
        record_table(metadata, kind, name, INDEXES[name])
    Table(
        CHECKS,
        metadata,
        Column("verdict_record_id", String, primary_key=True),
        Column("place", Integer, primary_key=True, autoincrement=False),
        *(column for name, _, hint in fields(Check) for column in _check_columns(name, hint)),
    )
    return metadata


def record_table(
    metadata: MetaData, kind: type[msgspec.Struct], name: str, indexed: tuple[tuple[str, ...], ...]
) -> Table:
    """Return a table with one column for each field of a record type, one row for each `record_id`."""
    columns = [
        Column(column, _type(hint), primary_key=column == "record_id", nullable=_optional(hint))
        for column, _, hint in fields(kind)
    ]
    kept = [CheckConstraint(rule, called) for called, rule in CHECKED.get(name, ())]
    return Table(
        name, metadata, *columns, *kept, *(Index(_index_name(name, names), *names) for names in indexed)
    )


def _index_name(table: str, names: tuple[str, ...]) -> str:
    return f"{table}_by_{'_'.join(names).lower()}"


def _check_columns(name: str, hint: Any) -> list[Column[Any]]:
    """Return the column of a check's field; two where it may be a number or words."""
    if name in ("measured", "limit"):
        return [Column(f"{name}_number", Float), Column(f"{name}_text", String)]
    return [Column(name, _type(hint), nullable=_optional(hint))]


def _optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def _type(hint: Any) -> TypeEngine[Any]:
    """Return the column type of a field."""
    if isinstance(hint, types.UnionType):
        return _type(next(option for option in typing.get_args(hint) if option is not type(None)))
    if typing.get_origin(hint) is tuple or hint in (str, Decimal) or issubclass(hint, Enum):
        return String()
    numbers: dict[Any, TypeEngine[Any]] = {int: BigInteger(), float: Float(), bool: Boolean()}
    return numbers[hint]
