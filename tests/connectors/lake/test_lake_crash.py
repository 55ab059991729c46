"""A killed lake writer leaves, in the end, the files of one that was never killed."""

from pathlib import Path

import polars as pl
import pytest
from bytewax.testing import run_main
from polars.testing import assert_frame_equal

from connectors.lake.digest import digests
from tests.connectors.crash_flow import flow
from tests.connectors.crashes import run_with_kills

KILLS = 4
SEED = 34


def _files(lake: Path) -> dict[str, pl.DataFrame]:
    paths = sorted(lake.glob("*/date=*/*.parquet"))
    return {str(path.relative_to(lake)): pl.read_parquet(path, hive_partitioning=False) for path in paths}


@pytest.mark.slow
def test_a_killed_writer_leaves_the_same_files_and_never_shows_half_a_file(tmp_path: Path) -> None:
    run_main(flow("lake", tmp_path / "whole", 1))
    whole = _files(tmp_path / "whole" / "lake")
    killed = tmp_path / "killed" / "lake"
    shown: dict[Path, int] = {}

    def look() -> None:
        for path in killed.glob("*/date=*/*.parquet"):
            written_at = path.stat().st_mtime_ns
            if shown.get(path) != written_at:
                rows = pl.read_parquet(path, hive_partitioning=False)
                assert_frame_equal(rows, whole[str(path.relative_to(killed))])
                shown[path] = written_at

    kills = run_with_kills("lake", tmp_path / "killed", SEED, KILLS, look)

    assert kills == KILLS
    assert shown
    left = _files(killed)
    assert list(left) == list(whole)
    for name, rows in left.items():
        assert_frame_equal(rows, whole[name])
    assert digests(killed) == digests(tmp_path / "whole" / "lake")
    assert not list((killed / ".staging" / "0").iterdir())
