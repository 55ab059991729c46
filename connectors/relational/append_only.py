"""Triggers of SQLite that refuse to change or delete a row, as the grants and triggers of PostgreSQL do.

SQLite has no TRUNCATE and no roles: a DELETE without a condition fires the trigger for each row like any other. Who
owns the file can still drop a trigger or write over the file; that is what the audit log's chain and anchors are for.
"""

from collections.abc import Iterable

from sqlalchemy import Engine


def refuse_changes(engine: Engine, tables: Iterable[str]) -> None:
    """Have SQLite refuse UPDATE and DELETE on tables; those that refuse already stay so."""
    with engine.begin() as connection:
        for table in tables:
            for change in ("UPDATE", "DELETE"):
                words = f"table {table} is append-only: {change} is refused; write a new row with a later known_at"
                connection.exec_driver_sql(
                    f'CREATE TRIGGER IF NOT EXISTS "{table}_refuses_{change.lower()}" BEFORE {change} ON "{table}" '
                    f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
                )
