"""A killed journal writer leaves, in the end, the rows of one that was never killed."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from bytewax.testing import run_main

from tests.connectors.crash_flow import ROWS, flow
from tests.connectors.crashes import run_with_kills

KILLS = 4
SEED = 34


def _rows(path: Path) -> dict[str, list[Any]]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    found = {
        name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3, 4, 5, 6, 7").fetchall()
        for name in ("verdicts", "checks", "positions")
    }
    connection.close()
    return found


@pytest.mark.slow
def test_a_killed_writer_leaves_the_same_rows_and_never_shows_a_verdict_without_its_checks(
    tmp_path: Path,
) -> None:
    run_main(flow("journal", tmp_path / "whole", 1))
    journal = tmp_path / "killed" / "journal.sqlite"
    shown = [0]

    def look() -> None:
        if not journal.exists():
            return
        connection = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
        if (
            connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE name IN ('verdicts', 'checks')"
            ).fetchone()[0]
            == 2
        ):
            query = "SELECT (SELECT count(*) FROM verdicts), (SELECT count(*) FROM checks)"
            verdicts, checks = connection.execute(query).fetchone()
            assert checks == 2 * verdicts
            shown[0] = max(shown[0], verdicts)
        connection.close()

    kills = run_with_kills("journal", tmp_path / "killed", SEED, KILLS, look)

    assert kills == KILLS
    assert shown[0]
    assert _rows(journal) == _rows(tmp_path / "whole" / "journal.sqlite")
    assert len(_rows(journal)["verdicts"]) == ROWS
