"""A killed feature store writer leaves, in the end, what one that was never killed leaves, and never goes back."""

import sqlite3
from pathlib import Path

import pytest
from bytewax.testing import run_main

from connectors.feast.store import open_store, read_online
from features.catalogue import CATALOGUE
from tests.connectors.crash_flow import FIRST_AT, ROWS, SPACING, UNIVERSE, flow
from tests.connectors.crashes import run_with_kills

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("feast")]

KILLS = 3
SEED = 21
COLUMNS = ("sequence", "version", *(line.name for line in CATALOGUE[:2]))


def online(folder: Path) -> dict[str, list]:
    return read_online(open_store(folder / "feature_store"), UNIVERSE.names, COLUMNS)


def event_times(path: Path) -> dict[bytes, int]:
    """Return the event time of each instrument's online row, in whole seconds."""
    if not path.exists():
        return {}
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT entity_key, min(event_ts), max(event_ts) FROM desk_bar_features GROUP BY 1"
        )
        found = {key: (low, high) for key, low, high in rows}
    except sqlite3.OperationalError:
        return {}
    finally:
        connection.close()
    assert all(low == high for low, high in found.values()), "a row was seen half written"
    return {key: low for key, (low, _) in found.items()}


def test_a_killed_writer_leaves_the_same_rows_and_never_shows_an_older_one(tmp_path: Path) -> None:
    run_main(flow("features", tmp_path / "whole", 1))
    killed = tmp_path / "killed"
    seen: list[dict[bytes, int]] = [{}]
    changes: list[int] = []

    def look() -> None:
        now = event_times(killed / "feature_store" / "online.db")
        assert all(now.get(key, at) >= at for key, at in seen[-1].items())
        changes.append(now != seen[-1])
        seen.append({**seen[-1], **now})

    kills = run_with_kills("features", killed, SEED, KILLS, look)

    assert kills == KILLS
    assert sum(changes) > KILLS
    assert online(killed) == online(tmp_path / "whole")
    assert max(online(killed)["sequence"]) == FIRST_AT + (ROWS - 1) * SPACING
