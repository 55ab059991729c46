"""The journal keeps every decision record once: `record_id` is unique, and a record that comes again changes nothing.

An item is `("journal", record)` or `("journal", list of records)`, the records being Signal, Intent, Verdict,
Order, Execution, Position, RiskSnapshot, Breach, DecisionPoint and Quarantined; any key may be used, there is
one partition. Each batch of the flow is one transaction, so a reader sees a verdict together with all its
checks. Nothing is held back between batches, and a restart writes what comes again over what is there without
effect.

    op.output("to_journal", op.key_on("one_journal", records, one_key), JournalSink(folder /
    "journal.sqlite"))

The journal has one writer; another one is refused. It is a file of its own, never one of Bytewax's recovery
files.
"""

import fcntl
import os
from pathlib import Path
from typing import Any

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert

from connectors.relational.append_only import refuse_changes
from connectors.relational.codec import rows_of
from connectors.relational.models import LAYOUT_VERSION, journal_metadata

PARTITION = "journal"
LAYOUT = "layout"
BUSY_WAIT_SECONDS = 10

JournalItem = msgspec.Struct | list[Any] | tuple[Any, ...]


class JournalBusy(RuntimeError):
    """Another writer holds the journal."""


class JournalRefused(RuntimeError):
    """The journal was written with a layout that this program does not write."""


class JournalSink(FixedPartitionedSink[JournalItem, int]):
    """Writes decision records to the journal at `path`, which is made where it is missing."""

    def __init__(self, path: Path) -> None:
        self._path = Path(path)

    def list_parts(self) -> list[str]:
        """Return the one partition."""
        return [PARTITION]

    def part_fn(self, item_key: str) -> int:
        """Return the one partition's place."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> "JournalPartition":
        """Return the writer; raises JournalBusy, JournalRefused."""
        return JournalPartition(self._path, resume_state or 0)


class JournalPartition(StatefulSinkPartition[JournalItem, int]):
    """Writes records; works without a dataflow too."""

    def __init__(self, path: Path, taken: int = 0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(path)
        self._taken = taken
        self._engine = _engine(path)
        self._metadata = journal_metadata()
        self._metadata.create_all(self._engine)
        refuse_changes(self._engine, [name for name in self._metadata.tables if name != LAYOUT])
        self._check_layout(path)
        self._inserts = {
            name: str(
                insert(table).on_conflict_do_nothing().compile(dialect=sqlite.dialect(paramstyle="qmark"))
            )
            for name, table in self._metadata.tables.items()
        }

    def _check_layout(self, path: Path) -> None:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO layout SELECT ? WHERE NOT EXISTS (SELECT 1 FROM layout)", (LAYOUT_VERSION,)
            )
            version = connection.exec_driver_sql("SELECT version FROM layout").scalar_one()
        if version != LAYOUT_VERSION:
            self.close()
            raise JournalRefused(
                f"{path} has layout {version}, this version writes {LAYOUT_VERSION}; give this run a new output folder"
            )

    def write_batch(self, values: list[JournalItem]) -> None:
        """Write records in one transaction; raises TypeError for what the journal does not keep."""
        records = [
            record for value in values for record in (value if isinstance(value, (list, tuple)) else (value,))
        ]
        if not records:
            return
        rows = rows_of(records)
        with self._engine.begin() as connection:
            for name, many in rows.items():
                connection.exec_driver_sql(self._inserts[name], many)
        self._taken += len(records)

    def snapshot(self) -> int:
        """Return how many records were taken in; they are all in the journal."""
        return self._taken

    def close(self) -> None:
        """Let the journal go."""
        self._engine.dispose()
        os.close(self._lock)


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_WAIT_SECONDS})
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    """Write ahead, so that readers never wait and never see half a batch."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _locked(path: Path) -> int:
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as busy:
        os.close(descriptor)
        raise JournalBusy(
            f"{path} is being written by another process; a journal has one writer; stop it, or give this run another "
            f"output folder"
        ) from busy
    return descriptor
