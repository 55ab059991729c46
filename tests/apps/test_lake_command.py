"""`ita lake compact` as a person calls it: a folder, a bucket, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apps.cli.lake import app
from apps.cli.main import WrongUse
from connectors.lake.codec import END_OF_INPUT, MarketCodec
from connectors.lake.digest import digests
from connectors.lake.s3 import S3Shelf
from connectors.lake.sink import LakePartition
from domain.market import MarketBatch, select
from tests.connectors.crash_flow import UNIVERSE, all_bars, all_ticks
from tests.lake_objects import emptied, marks, mirrored

ROOT = Path(__file__).resolve().parents[2]


def written(lake, shelf=None):
    partition = LakePartition(
        lake, "0", None, MarketCodec(UNIVERSE, "test"), rows_per_file=400, durable=False, shelf=shelf
    )
    partition.write_batch(
        [MarketBatch(0, select(all_ticks(), slice(0, 3000)), all_bars()[:3000]), END_OF_INPUT]
    )
    partition.close()


def called(*words):
    result = CliRunner().invoke(app, ["compact", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_a_folder_is_compacted_and_says_what_was_joined(tmp_path):
    written(tmp_path / "lake")
    before = digests(tmp_path / "lake")

    first = json.loads(called("--out", str(tmp_path), "--age", "0s", "--json"))
    again = called("--out", str(tmp_path), "--age", "0s")

    joined = [one for one in first["outcomes"] if one["rows_joined"]]
    assert {one["topic"] for one in joined} == {"market.bars", "market.quotes", "market.trades"}
    assert all(one["files_now"] < one["files"] for one in joined)
    assert digests(tmp_path / "lake") == before
    assert again == "nothing to join\n"


def test_files_of_this_hour_are_left_alone_unless_told(tmp_path):
    written(tmp_path / "lake")

    said = called("--out", str(tmp_path))

    assert "left alone: written to of late" in said
    assert "rows joined" not in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--age", "soon"], "--age is a whole number and s, m, h or d"),
        (["--served", "--out", "x"], "give one of them"),
        (["--out", "nowhere"], "nowhere holds no lake with files"),
    ],
)
def test_what_cannot_be_done_is_wrong_use_with_what_to_do(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(WrongUse, match=said):
        CliRunner().invoke(app, ["compact", *words], catch_exceptions=False)


@pytest.mark.served
def test_the_lake_of_the_served_desk_is_compacted_in_its_bucket(tmp_path, s3):
    bucket = s3.place()
    written(tmp_path / "staged", S3Shelf(bucket))
    before, names = digests(mirrored(bucket, tmp_path / "before")), marks(bucket)

    try:
        environment = {**os.environ, "ITA_S3__PREFIX": bucket.prefix}
        command = [sys.executable, "-m", "apps.cli.main", "lake", "compact", "--served", "--age", "0s"]
        said = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        ).stdout

        assert "rows joined" in said
        assert len(marks(bucket)) < len(names)
        assert digests(mirrored(bucket, tmp_path / "after")) == before
    finally:
        emptied(bucket)
