"""A killed writer leaves, in the end, the rows of one that was never killed, and never half a batch."""

from pathlib import Path

import pytest

from connectors.postgres.journal import PostgresJournal
from tests.connectors.crash_flow import ROWS, UNIVERSE, position, verdict
from tests.connectors.postgres.conftest import Database
from tests.connectors.served_flow import run_killed

KILLS = 4
SEED = 34


@pytest.mark.served
@pytest.mark.slow
def test_a_killed_writer_leaves_every_record_once(database: Database, tmp_path: Path) -> None:
    kills = run_killed("postgres", {"url": database.desk}, tmp_path / "killed", SEED, KILLS)

    with PostgresJournal(database.desk) as journal:
        counts = {name: count for name, count in journal.counts().items() if count}
        kept = [record for name in UNIVERSE.names for record in journal.verdicts(name)]
        last = journal.positions()

    assert kills == KILLS
    assert counts == {"verdicts": ROWS, "checks": 2 * ROWS, "positions": ROWS}
    assert sorted(kept, key=lambda record: record.sequence) == [verdict(row) for row in range(ROWS)]
    assert last == [position(row) for row in range(ROWS - 4, ROWS)]
