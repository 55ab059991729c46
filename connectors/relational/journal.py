"""Reads a journal, also while it is written: orders and what led to them, by identifier or instrument and time."""

from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, Select, Table, func, inspect, or_, select

from connectors.relational.codec import record_of
from connectors.relational.models import CHECKS, TABLES, journal_metadata
from domain.controls import Control
from domain.decisions import Breach, DecisionPoint, Position, Signal, Verdict, VerdictKind
from domain.market import END
from domain.order_messages import OrderReport
from domain.orders import Execution, Intent, Order

RecordType = TypeVar("RecordType", bound=msgspec.Struct)

VERDICTS_AT_ONCE = 500


class JournalReader:
    """The journal that an engine reaches, read only; it lets the engine go when it is closed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tables = journal_metadata().tables

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Let the database go."""
        self.close()

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()

    def order(self, identifier: str) -> Order | None:
        """Return the order with that OrderID or ClOrdID."""
        return self._first(Order, "OrderID", identifier) or self._first(Order, "ClOrdID", identifier)

    def intent(self, cl_ord_id: str) -> Intent | None:
        """Return the intent with that ClOrdID."""
        return self._first(Intent, "ClOrdID", cl_ord_id)

    def signal(self, signal_id: str) -> Signal | None:
        """Return the signal with that identifier."""
        return self._first(Signal, "signal_id", signal_id)

    def verdict(self, cl_ord_id: str) -> Verdict | None:
        """Return the last verdict on an intent, with every check in the order of evaluation."""
        found = self.verdicts_on(cl_ord_id)
        return found[-1] if found else None

    def verdicts_on(self, cl_ord_id: str) -> list[Verdict]:
        """Return all verdicts on an intent, the first one first: one that was held has another when it is over."""
        table = self._table(Verdict)
        return self._records(Verdict, select(table).where(table.c["ClOrdID"] == cl_ord_id))

    def of_order(self, kind: type[RecordType], order_id: str) -> list[RecordType]:
        """Return the records of a type that name an order; none of a type that a journal of before does not have."""
        if not inspect(self._engine).has_table(TABLES[kind]):
            return []
        table = self._table(kind)
        return self._records(kind, select(table).where(table.c["OrderID"] == order_id))

    def executions(self, identifier: str) -> list[Execution]:
        """Return the executions of the order with that OrderID or ClOrdID, as they happened."""
        table = self._table(Execution)
        named = or_(table.c["OrderID"] == identifier, table.c["ClOrdID"] == identifier)
        return self._records(Execution, select(table).where(named))

    def reports(self, order_id: str) -> list[OrderReport]:
        """Return what was said of an order beside its executions: busts, corrections, states."""
        table = self._table(OrderReport)
        return self._records(OrderReport, select(table).where(table.c["OrderID"] == order_id))

    def signals(self, symbol: str, first_at: int = 0, last_at: int = END) -> list[Signal]:
        """Return the signals of an instrument with first_at <= event_at <= last_at (ns UTC)."""
        return self._between(Signal, symbol, first_at, last_at)

    def intents(self, symbol: str, first_at: int = 0, last_at: int = END) -> list[Intent]:
        """Return the intents of an instrument with first_at <= event_at <= last_at (ns UTC)."""
        return self._between(Intent, symbol, first_at, last_at)

    def verdicts(self, symbol: str, first_at: int = 0, last_at: int = END) -> list[Verdict]:
        """Return the verdicts of an instrument with first_at <= event_at <= last_at (ns UTC)."""
        return self._between(Verdict, symbol, first_at, last_at)

    def orders(self, symbol: str, first_at: int = 0, last_at: int = END) -> list[Order]:
        """Return the orders of an instrument with first_at <= event_at <= last_at (ns UTC)."""
        return self._between(Order, symbol, first_at, last_at)

    def decision_points(self, symbol: str, first_at: int = 0, last_at: int = END) -> list[DecisionPoint]:
        """Return the decision points of an instrument with first_at <= event_at <= last_at (ns UTC)."""
        return self._between(DecisionPoint, symbol, first_at, last_at)

    def all(self, kind: type[RecordType]) -> list[RecordType]:
        """Return every record of a type, in order of time; none of a type that a journal of before does not have."""
        if not inspect(self._engine).has_table(TABLES[kind]):
            return []
        return self._records(kind, select(self._table(kind)))

    def breaches(self) -> list[Breach]:
        """Return every breach."""
        return self._records(Breach, select(self._table(Breach)))

    def controls(self) -> list[Control]:
        """Return every command that took effect, or was refused, in that order."""
        return self._records(Control, select(self._table(Control)))

    def last_known_at(self) -> int:
        """Return the last instant (ns UTC) that a record speaks of, 0 where there is none."""
        tables = [self._table(kind) for kind in TABLES if "known_at" in self._table(kind).c]
        with self._engine.connect() as connection:
            lasts = [connection.execute(select(func.max(table.c["known_at"]))).scalar() for table in tables]
        return max((last for last in lasts if last is not None), default=0)

    def waiting(self) -> list[Verdict]:
        """Return the verdicts that hold an intent which nothing was said of since."""
        last: dict[str, Verdict] = {}
        for verdict in self._records(Verdict, select(self._table(Verdict))):
            last[verdict.cl_ord_id] = verdict
        return [verdict for verdict in last.values() if verdict.kind is VerdictKind.HELD]

    def positions(self, as_of: int = END) -> list[Position]:
        """Return the last position of each account, strategy and instrument with event_at <= as_of (ns UTC)."""
        table = self._table(Position)
        keys = [table.c[name] for name in ("Account", "strategy", "Symbol")]
        newest = func.row_number().over(
            partition_by=keys,
            order_by=[table.c[name].desc() for name in ("event_at", "known_at", "sequence")],
        )
        ranked = select(table, newest.label("place")).where(table.c["event_at"] <= as_of).subquery()
        columns = [ranked.c[column.name] for column in table.columns]
        query = select(*columns).where(ranked.c["place"] == 1).order_by(*(ranked.c[key.name] for key in keys))
        with self._engine.connect() as connection:
            return [record_of(Position, dict(row)) for row in connection.execute(query).mappings()]

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each table."""
        with self._engine.connect() as connection:
            there = set(inspect(connection).get_table_names())
            return {
                name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in self._tables.items()
                if name != "layout" and name in there
            }

    def _table(self, kind: type[msgspec.Struct]) -> Table:
        return self._tables[TABLES[kind]]

    def _first(self, kind: type[RecordType], column: str, value: str) -> RecordType | None:
        table = self._table(kind)
        found = self._records(kind, select(table).where(table.c[column] == value).limit(1))
        return found[0] if found else None

    def _between(self, kind: type[RecordType], symbol: str, first_at: int, last_at: int) -> list[RecordType]:
        table = self._table(kind)
        inside = table.c["event_at"].between(first_at, last_at)
        return self._records(kind, select(table).where(table.c["Symbol"] == symbol, inside))

    def _records(self, kind: type[RecordType], query: Select[Any]) -> list[RecordType]:
        """Return the records of a query in order of time, verdicts with their checks."""
        table = self._table(kind)
        ordered = query.order_by(
            *(table.c[name] for name in ("event_at", "known_at", "sequence", "record_id"))
        )
        with self._engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(ordered).mappings()]
            checks = self._checks(connection, [row["record_id"] for row in rows]) if kind is Verdict else {}
        return [record_of(kind, row, checks.get(row["record_id"], ())) for row in rows]

    def _checks(self, connection: Connection, verdicts: list[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the checks of each verdict, in the order of evaluation."""
        table = self._tables[CHECKS]
        found: dict[str, list[dict[str, Any]]] = {}
        for first in range(0, len(verdicts), VERDICTS_AT_ONCE):
            asked = table.c["verdict_record_id"].in_(verdicts[first : first + VERDICTS_AT_ONCE])
            for row in connection.execute(select(table).where(asked).order_by(table.c["place"])).mappings():
                found.setdefault(row["verdict_record_id"], []).append(dict(row))
        return found
