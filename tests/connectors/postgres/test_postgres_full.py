"""A PostgreSQL that only reads for a while, or whose disk is full, is waited for; then every row is there."""

import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from connectors.patience import Patience
from connectors.postgres.migrations import upgrade
from connectors.postgres.sink import PostgresPartition
from tests.connectors.crash_flow import position
from tests.connectors.deadline import until
from tests.connectors.postgres.conftest import Database
from tests.small_disk import disk, filled

pytestmark = pytest.mark.served

ROWS = 300
AT_ONCE = 20
KILOBYTES = 40_000


@contextmanager
def read_only(database: Database) -> Iterator[None]:
    """Have the server begin every transaction as one that only reads."""

    def be(setting: str) -> None:
        database.execute(f"ALTER SYSTEM {setting}")
        database.execute("SELECT pg_reload_conf()")

    be("SET default_transaction_read_only = on")
    until(lambda: database.rows("SHOW default_transaction_read_only") == [("on",)])
    try:
        yield
    finally:
        be("RESET default_transaction_read_only")


def written_through(
    database: Database, none_taken: AbstractContextManager[None], caplog: pytest.LogCaptureFixture
) -> str:
    """Write rows one after the other, the server taking nothing for a while; return what was said meanwhile."""
    writer = PostgresPartition(database.desk, patience=Patience(0.01, 0.2))
    writer.write_batch([position(0)])
    handed = [0]

    def hand_over() -> None:
        for first in range(1, ROWS, AT_ONCE):
            writer.write_batch([position(row) for row in range(first, min(ROWS, first + AT_ONCE))])
            handed[0] = first

    flow = threading.Thread(target=hand_over)
    with none_taken:
        flow.start()
        until(lambda: "has to wait" in caplog.text)
        flow.join(1.0)
        waited, handed_meanwhile = flow.is_alive(), handed[0]
    flow.join(60)
    writer.close()

    assert waited
    assert handed_meanwhile <= AT_ONCE
    assert not flow.is_alive()
    assert database.rows("SELECT quantity FROM positions ORDER BY 1") == [(row,) for row in range(ROWS)]
    assert database.rows("SELECT count(*) FROM quarantined") == [(0,)]
    assert caplog.text.count("has to wait") == 1
    return caplog.text


def test_a_server_that_only_reads_is_waited_for_and_then_has_every_row_once(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    said = written_through(database, read_only(database), caplog)

    assert "in a read-only transaction" in said


def test_a_server_whose_disk_is_full_is_waited_for_and_then_has_every_row_once(
    empty: Database, caplog: pytest.LogCaptureFixture
) -> None:
    small = f"small_{secrets.token_hex(6)}"
    folder = Path(tempfile.gettempdir()) / small
    try:
        with disk(folder, KILOBYTES):
            shutil.chown(folder, "postgres")
            empty.execute(f"CREATE TABLESPACE {small} LOCATION '{folder}'")
            upgrade(f"{empty.owner}%20-cdefault_tablespace%3D{small}")

            said = written_through(empty, filled(folder), caplog)

            empty.execute(f"DROP SCHEMA {empty.schema} CASCADE")
            empty.execute(f"DROP TABLESPACE {small}")
    finally:
        folder.rmdir()

    assert "No space left on device" in said
