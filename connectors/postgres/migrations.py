"""Brings the tables, indexes and grants of the relational store to what this version knows, or says what to do.

The steps lie in `connectors/postgres/versions/`, one file each, in one line; each database says in its table
`alembic_version` how far it is. An upgrade is one transaction: it is there as a whole, or nothing of it.
"""

from pathlib import Path
from typing import Any

import psycopg
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from connectors.postgres.connection import connected, desk_engine, place_of

FOLDER = Path(__file__).parent


class SchemaRefused(RuntimeError):
    """The tables are not those that this version reads and writes."""


def head() -> str:
    """Return the last step that this version knows."""
    return ScriptDirectory(str(FOLDER)).get_current_head() or ""


def current(url: str) -> str | None:
    """Return the step that the database is at, None where it has none of our tables."""
    with connected(url) as connection:
        return current_of(connection)


def current_of(connection: psycopg.Connection[Any]) -> str | None:
    """Return the step that the database of a connection is at."""
    present = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
    if present is None or not present[0]:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def check(url: str) -> None:
    """Raise SchemaRefused, saying what to do, where the tables are older or newer than this version."""
    with connected(url) as connection:
        check_of(url, connection)


def check_of(url: str, connection: psycopg.Connection[Any]) -> None:
    """Do the same over a connection of that address."""
    found = current_of(connection)
    if found == head():
        return
    if found is None:
        raise SchemaRefused(f"{place_of(url)} has none of the desk's tables; `ita stack init` makes them")
    if found in _known():
        raise SchemaRefused(
            f"{place_of(url)} has tables of step {found}, this version needs {head()}; stop the workers and upgrade by "
            f"`ita stack init`"
        )
    raise _newer(url, found)


def upgrade(url: str) -> None:
    """Bring the tables to the last step, all of it or nothing; at the last step nothing is done.

    The user of `url` has to own the schema. Raises SchemaRefused where a newer version made the tables, or the
    schema is missing.
    """
    engine = desk_engine(url)
    try:
        with engine.begin() as connection:
            _upgrade(url, connection)
    finally:
        engine.dispose()


def _upgrade(url: str, connection: Connection) -> None:
    schema = connection.execute(text("SELECT current_schema()")).scalar_one()
    if schema is None:
        raise SchemaRefused(
            f"{place_of(url)} has no schema to make tables in; create the one that its search_path names first"
        )
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('ita upgrade ' || current_schema(), 0))")
    )
    context = MigrationContext.configure(connection)
    found = context.get_current_revision()
    if found is not None and found not in _known():
        raise _newer(url, found)
    scripts = ScriptDirectory(str(FOLDER))
    if found is None:
        context.stamp(scripts, "base")  # makes the table that says how far it is, which the first step grants
    with Operations.context(context):
        for step in reversed(list(scripts.iterate_revisions("head", found or "base"))):
            step.module.upgrade()
            context.stamp(scripts, step.revision)


def _known() -> set[str]:
    return {step.revision for step in ScriptDirectory(str(FOLDER)).walk_revisions()}


def _newer(url: str, found: str) -> SchemaRefused:
    return SchemaRefused(
        f"{place_of(url)} has tables of step {found}, this version knows steps up to {head()}; run the version that "
        f"made them, or restore the backup that was taken before its upgrade"
    )
