"""Reads what instruments and configuration were, as known at an instant, and the compliance log."""

from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
from sqlalchemy import Select, func, or_, select

from connectors.postgres.connection import desk_engine
from connectors.postgres.migrations import check
from connectors.postgres.models import (
    TABLES,
    ComplianceEntry,
    ConfigurationVersion,
    InstrumentVersion,
    desk_metadata,
)
from connectors.relational.codec import record_of
from domain.market import END

RecordType = TypeVar("RecordType", bound=msgspec.Struct)


class Reference:
    """Reference data, configuration versions and compliance log at `url`; raises SchemaRefused, PostgresRefused."""

    def __init__(self, url: str) -> None:
        check(url)
        self._engine = desk_engine(url)
        tables = desk_metadata().tables
        self._tables = {kind: tables[name] for kind, name in TABLES.items()}

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Let the database go."""
        self._engine.dispose()

    def instruments(self, valid_at: int, known_at: int = END) -> list[InstrumentVersion]:
        """Return what each instrument was at `valid_at`, by what was known at `known_at` (ns UTC, both included).

        Of several versions that hold, the one that was known last counts.
        """
        table = self._tables[InstrumentVersion]
        holds = (
            table.c["known_at"] <= known_at,
            table.c["valid_from"] <= valid_at,
            or_(table.c["valid_to"].is_(None), table.c["valid_to"] > valid_at),
        )
        newest = func.row_number().over(
            partition_by=table.c["instrument"],
            order_by=[table.c[name].desc() for name in ("known_at", "valid_from", "sequence")],
        )
        ranked = select(table, newest.label("place")).where(*holds).subquery()
        columns = [ranked.c[column.name] for column in table.columns]
        query = select(*columns).where(ranked.c["place"] == 1).order_by(ranked.c["instrument"])
        return self._records(InstrumentVersion, query)

    def configuration(self, effective_at: int, known_at: int = END) -> ConfigurationVersion | None:
        """Return the configuration in force at an instant, by what was known at `known_at` (ns UTC)."""
        table = self._tables[ConfigurationVersion]
        query = (
            select(table)
            .where(table.c["effective_at"] <= effective_at, table.c["known_at"] <= known_at)
            .order_by(*(table.c[name].desc() for name in ("effective_at", "known_at", "sequence")))
            .limit(1)
        )
        found = self._records(ConfigurationVersion, query)
        return found[0] if found else None

    def compliance(self, first_at: int = 0, last_at: int = END) -> list[ComplianceEntry]:
        """Return the entries of the compliance log with first_at <= event_at <= last_at (ns UTC), in order."""
        table = self._tables[ComplianceEntry]
        query = (
            select(table)
            .where(table.c["event_at"].between(first_at, last_at))
            .order_by(*(table.c[name] for name in ("event_at", "known_at", "sequence", "record_id")))
        )
        return self._records(ComplianceEntry, query)

    def _records(self, kind: type[RecordType], query: Select[Any]) -> list[RecordType]:
        with self._engine.connect() as connection:
            return [record_of(kind, dict(row)) for row in connection.execute(query).mappings()]
