"""The journal on PostgreSQL keeps every record once: `record_id` is unique, and what comes again changes nothing.

An item is `("journal", record)` or `("journal", list of records)`, the records being those of SQLite's journal and
InstrumentVersion, ConfigurationVersion and ComplianceEntry. Each batch of the flow is one transaction, and nothing
is held back between batches, so a snapshot says nothing that is not committed. While the server is gone or full
the flow waits. A record that the server refuses for its own sake (a number too large, text that it cannot keep)
is kept in `quarantined` with the server's reason, and the others go in.

    sink = PostgresSink(postgres_url("127.0.0.1", 5432, "ita", "ita_desk", password))
    op.output("to_journal", op.key_on("one_journal", records, one_key), sink)

Rows are copied straight into their tables, which is fastest; only where that fails, because rows came before or
one is refused, they are inserted with what is there already left out.

One writer of a name is at work at a time. It holds a lock of the server as long as its connection lives, and has a
generation; who has lost the connection goes on only with the lock and while no later generation was written.
"""

import logging
import secrets
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import psycopg
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from psycopg import sql
from sqlalchemy import Table

from connectors.patience import Patience
from connectors.postgres.connection import connected, of_the_row, passes, place_of, refused, words
from connectors.postgres.migrations import check_of
from connectors.postgres.models import TABLES, WRITERS, desk_metadata
from connectors.relational.codec import Row, rows_of, streams_of
from domain.decisions import Quarantined
from domain.envelope import record_id

PARTITION = "journal"
BUSY_WAIT_SECONDS = 10.0
INT64 = range(-(2**63), 2**63)

PostgresItem = msgspec.Struct | list[Any] | tuple[Any, ...]

_log = logging.getLogger("ita.connectors")


class PostgresBusy(RuntimeError):
    """Another writer holds the journal, or has taken it over."""


class PostgresSink(FixedPartitionedSink[PostgresItem, int]):
    """Writes records to the tables at `url` as the writer called `name`.

    `busy_wait_seconds` is how long a start waits for a writer that is just leaving; `patience` may be stopped from
    outside, which ends every wait for the server.
    """

    def __init__(
        self,
        url: str,
        name: str = PARTITION,
        *,
        busy_wait_seconds: float = BUSY_WAIT_SECONDS,
        patience: Patience | None = None,
    ) -> None:
        self._url, self._name, self._busy_wait_seconds = url, name, busy_wait_seconds
        self._patience = patience

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return [PARTITION]

    def part_fn(self, item_key: str) -> int:
        """Return the one partition's place."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> "PostgresPartition":
        """Return the writer; raises PostgresBusy, PostgresRefused, SchemaRefused."""
        return PostgresPartition(
            self._url,
            self._name,
            resume_state or 0,
            busy_wait_seconds=self._busy_wait_seconds,
            patience=self._patience,
        )


class PostgresPartition(StatefulSinkPartition[PostgresItem, int]):
    """Writes records; works without a dataflow too. `quarantined` counts the records that were refused."""

    def __init__(
        self,
        url: str,
        name: str = PARTITION,
        taken: int = 0,
        *,
        busy_wait_seconds: float = BUSY_WAIT_SECONDS,
        patience: Patience | None = None,
    ) -> None:
        self._url, self._name, self._taken = url, name, taken
        self._patience = patience or Patience()
        self._what = f"the journal at {place_of(url)}"
        self._application = f"ita {name[:30]} {secrets.token_hex(8)}"
        self._statements = {table.name: _statements(table) for table in desk_metadata().tables.values()}
        self.quarantined = 0
        self._connection = self._persist(lambda: self._first(busy_wait_seconds))
        self._generation = self._persist(self._next_generation)

    def _persist(self, work: Any) -> Any:
        """Do work through every absence of the server; raises PostgresRefused for what waiting does not mend."""
        try:
            return self._patience.until_done(self._what, work, passes)
        except psycopg.Error as failure:
            raise refused(self._url, failure) from failure

    def _first(self, wait_seconds: float) -> psycopg.Connection[Any]:
        """Return the connection that holds the lock, for the first time."""
        connection = connected(self._url, self._application)
        try:
            check_of(self._url, connection)
            self._lock(connection, wait_seconds)
        except BaseException as failure:
            connection.close()
            if not isinstance(failure, psycopg.errors.LockNotAvailable):
                raise
            raise PostgresBusy(
                f"{self._what} is being written by another writer of the name {self._name}; one is allowed; stop it, "
                f"or give this one another name"
            ) from failure
        return connection

    def _lock(self, connection: psycopg.Connection[Any], wait_seconds: float) -> None:
        connection.execute(f"SET lock_timeout = {max(1, int(wait_seconds * 1000))}")
        connection.execute(
            "SELECT pg_advisory_lock(hashtextextended(current_schema() || ' writer ' || %s, 0))",
            (self._name,),
        )
        connection.execute("SET lock_timeout = 0")

    def _next_generation(self) -> int:
        """Write down that a new writer begins; a connection that was lost meanwhile is had again first."""
        if self._connection.closed:
            self._connection = self._first(BUSY_WAIT_SECONDS)
        generation: tuple[int] = self._connection.execute(
            f"INSERT INTO {WRITERS} (name, generation, taken_from) "  # noqa: S608  a constant
            f"SELECT %s, coalesce(max(generation), 0) + 1, %s FROM {WRITERS} WHERE name = %s RETURNING generation",
            (self._name, socket.gethostname(), self._name),
        ).fetchone() or (0,)
        return generation[0]

    def _again(self) -> psycopg.Connection[Any]:
        """Return a new connection with the lock, unless somebody else has been writing.

        The server may not know yet that the old connection is dead; it is told.
        """
        connection = connected(self._url, self._application)
        try:
            self._refuse_if_superseded(connection)
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = %s AND pid <> pg_backend_pid()",
                (self._application,),
            )
            self._lock(connection, 1.0)
            self._refuse_if_superseded(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _refuse_if_superseded(self, connection: psycopg.Connection[Any]) -> None:
        row = connection.execute(
            f"SELECT max(generation) FROM {WRITERS} WHERE name = %s",  # noqa: S608  a constant
            (self._name,),
        ).fetchone()
        if row is not None and row[0] != self._generation:
            raise PostgresBusy(
                f"{self._what} was taken over by generation {row[0]} of writer {self._name}; this one, generation "
                f"{self._generation}, had lost its connection and writes no more"
            )

    def write_batch(self, values: list[PostgresItem]) -> None:
        """Write records in one transaction, waiting while the server is gone.

        Raises TypeError for what the journal does not keep, PostgresBusy where another writer has taken over, and
        PostgresRefused for what a person has to mend.
        """
        records = [
            record for value in values for record in (value if isinstance(value, (list, tuple)) else (value,))
        ]
        if not records:
            return
        refusals = self._persist(lambda: self._write(records, streams_of(records, TABLES)))
        self._taken += len(records)
        self.quarantined += refusals

    def _write(self, records: list[msgspec.Struct], rows: dict[str, Iterator[Row]]) -> int:
        """Write records in one transaction; return how many were refused.

        Rows are made while the server is at work on those before them.
        """
        if self._connection.closed:
            self._connection = self._again()
        try:
            with self._connection.transaction():
                for name, many in rows.items():
                    with self._connection.cursor().copy(self._statements[name][0]) as copy:
                        for row in many:
                            copy.write_row(row)
        except (psycopg.Error, UnicodeEncodeError) as failure:
            if not of_the_row(failure):
                raise
            return self._write_singly(records)
        return 0

    def _write_singly(self, records: list[msgspec.Struct]) -> int:
        with self._connection.transaction():
            refusals = self._insert(records)
            self._insert([_refusal(record, reason) for record, reason in refusals])
        for record, reason in refusals[:1]:
            _log.warning(
                "%s refused %d of %d records, now in quarantined; the first, %s: %s",
                self._what, len(refusals), len(records), type(record).__name__, reason,
            )  # fmt: skip
        return len(refusals)

    def _insert(self, records: Sequence[msgspec.Struct]) -> list[tuple[msgspec.Struct, str]]:
        """Add the records that are not there yet; return those that the server refuses, by halving, and why."""
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                for name, many in rows_of(records, TABLES).items():
                    cursor.executemany(self._statements[name][1], many)
        except (psycopg.Error, UnicodeEncodeError) as failure:
            if not of_the_row(failure):
                raise
            if len(records) == 1:
                return [(records[0], words(failure))]
            half = len(records) // 2
            return self._insert(records[:half]) + self._insert(records[half:])
        return []

    def snapshot(self) -> int:
        """Return how many records were taken in; they are all committed."""
        return self._taken

    def close(self) -> None:
        """Let the journal go."""
        self._connection.close()


def _statements(table: Table) -> tuple[bytes, bytes]:
    """Return how rows are copied into a table, and how they are added where they are not there yet."""
    name = sql.Identifier(table.name)
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    keys = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.primary_key)
    places = sql.SQL(", ").join([sql.Placeholder()] * len(table.columns))
    return (
        sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns).as_bytes(),
        sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO NOTHING")
        .format(name, columns, places, keys)
        .as_bytes(),
    )


def _refusal(record: Any, reason: str) -> Quarantined:
    """Return the record of a refused record; the same record is always refused under the same name."""
    known_at = record.known_at if record.known_at in INT64 else 0
    return Quarantined(
        event_at=known_at,
        known_at=known_at,
        received_at=known_at,
        source="journal",
        sequence=0,
        record_id=record_id("quarantine", PARTITION, type(record).__name__, ascii(record.record_id)),
        stage=PARTITION,
        reason=reason.replace("\0", "\\0"),
        place=f"{TABLES[type(record)]} {record.record_id!a}",
        raw=ascii(msgspec.to_builtins(record)),
    )
