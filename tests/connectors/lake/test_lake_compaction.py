"""Compaction: fewer files with the same rows in the same order, whatever dies and whoever reads or writes meanwhile."""

import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.dataset
import pytest

from connectors.files.lake_ticks import LakeTicks
from connectors.lake.codec import END_OF_INPUT, MarketCodec
from connectors.lake.compaction import FRESH, OPEN, Rules, compacted
from connectors.lake.digest import counts, digests
from connectors.lake.lanes import Raw, Records
from connectors.lake.names import covered_by, files_of
from connectors.lake.s3 import S3Shelf
from connectors.lake.shelf import JOINING, STAGING, Joined, LocalShelf
from connectors.lake.sink import LakePartition
from connectors.lake.staging import LakeDamaged
from connectors.source import SourceError
from domain.market import MarketBatch, select
from tests.connectors.crash_flow import UNIVERSE, all_bars, all_ticks, position
from tests.connectors.deaths import written_with_deaths
from tests.connectors.lake.killed_compaction import NOW
from tests.lake_objects import emptied, marks, mirrored

ROOT = Path(__file__).resolve().parents[3]
CODEC = MarketCodec(UNIVERSE, "test")
ROWS = 3000
SECOND = 10**9
RULES = Rules(NOW, 0, 1500)


def batch(first, last):
    return MarketBatch(0, select(all_ticks(), slice(first, last)), all_bars()[first:last])


def items(first, last):
    records = Records("positions", [position(row) for row in range(first, last)])
    return [batch(first, last), Raw(select(all_ticks(), slice(first, last))), records]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a lake of many small files of two shards."""
    lake = tmp_path_factory.mktemp("written") / "lake"
    for shard, rows in (("0", (0, ROWS // 2)), ("1", (ROWS // 2, ROWS))):
        partition = LakePartition(lake, shard, None, CODEC, rows_per_file=200, durable=False)
        partition.write_batch([*items(*rows), END_OF_INPUT])
        partition.close()
    return lake


@pytest.fixture
def lake(written, tmp_path):
    return shutil.copytree(written, tmp_path / "lake")


@pytest.fixture(params=["s3", "minio"])
def bucket(request):
    made = request.getfixturevalue(request.param).place()
    if not made.client().bucket_exists(made.bucket):
        made.client().make_bucket(made.bucket)
    yield made
    emptied(made)


def compact(lake, rules=RULES):
    return list(compacted(LocalShelf(lake, durable=False), rules, lake / STAGING / JOINING))


def listed(lake):
    return sorted(str(path.relative_to(lake)) for path in lake.glob("*/date=*/*.parquet"))


def last_date(lake, into):
    """Return a lake with the bars of the last date alone, which both shards have."""
    folder = files_of(lake, "market.bars")[-1].parent
    shutil.copytree(folder, into / folder.relative_to(lake))
    return into


def in_file_order(lake, topic):
    """Return the record ids of each shard in the order of its files."""
    paths = files_of(lake, topic)
    shards = sorted({path.name.partition("-")[0] for path in paths})
    return {
        (shard, folder): [
            name
            for path in paths
            if path.parent.name == folder and path.name.startswith(f"{shard}-")
            for name in pl.read_parquet(path, hive_partitioning=False)["record_id"].to_list()
        ]
        for shard in shards
        for folder in sorted({path.parent.name for path in paths})
    }


def read_by_everybody(lake, topic):
    """Return the rows that polars, DuckDB and pyarrow count in the folders of a topic."""
    place = lake / topic
    by_polars = pl.scan_parquet(place, hive_partitioning=True).select(pl.len()).collect().item()
    by_duckdb = duckdb.connect().execute(f"select count(*) from read_parquet('{place}/**/*.parquet')")
    return (
        by_polars,
        by_duckdb.fetchall()[0][0],
        pyarrow.dataset.dataset(place, partitioning="hive").count_rows(),
    )


def test_small_files_become_few_with_the_same_rows_in_the_same_order(lake, written):
    before = len(listed(lake))

    outcomes = compact(lake)

    assert len(listed(lake)) < before / 3
    assert digests(lake) == digests(written)
    for topic, rows in counts(written).items():
        assert in_file_order(lake, topic) == in_file_order(written, topic)
        assert read_by_everybody(lake, topic) == (rows, rows, rows)
    assert sum(one.files_now for one in outcomes) == len(listed(lake))
    assert not (lake / STAGING / JOINING).exists()


def test_a_replay_reads_the_same_ticks_of_a_compacted_lake(lake, written):
    compact(lake)

    left, right = LakeTicks(lake), LakeTicks(written)

    index = {name: place for place, name in enumerate(left.instruments())}
    owned = pl.Series([True] * len(index)).to_numpy()
    assert (left.segments(), left.instruments()) == (right.segments(), right.instruments())
    for day in left.segments():
        of_left, of_right = (list(source.read(day, index, owned)) for source in (left, right))
        assert [chunk.ticks.sequence.tolist() for chunk in of_left] == [
            chunk.ticks.sequence.tolist() for chunk in of_right
        ]


def test_a_replay_that_began_before_a_compaction_says_to_begin_again(lake):
    begun = LakeTicks(lake)
    compact(lake)

    index = {name: place for place, name in enumerate(begun.instruments())}
    rows = begun.read(begun.segments()[0], index, pl.Series([True] * len(index)).to_numpy())
    with pytest.raises(SourceError, match="went while the lake was read"):
        list(rows)


def test_compacting_again_changes_nothing(lake):
    compact(lake)
    names = {name: (lake / name).stat().st_ino for name in listed(lake)}

    again = compact(lake)

    assert {name: (lake / name).stat().st_ino for name in listed(lake)} == names
    assert sum(one.rows_joined for one in again) == 0


def test_joined_files_are_joined_on_with_what_came_later(lake, written):
    compact(lake, Rules(NOW, 0, 700))
    compact(lake, Rules(NOW, 0, 1500))

    assert digests(lake) == digests(written)
    assert covered_by(listed(lake)) == {}
    assert all(file.read_bytes() for file in files_of(lake, "market.bars"))


def test_a_date_that_is_not_over_or_was_written_to_of_late_is_left_alone(lake):
    names = listed(lake)
    bars = files_of(lake, "market.bars")
    over_at = int(pl.Series([bars[-1].parent.name[5:]]).str.to_date().cast(pl.Datetime("ns"))[0].timestamp())
    put_at = max(path.stat().st_mtime_ns for path in lake.glob("*/date=*/*.parquet"))

    early = compact(lake, Rules(over_at * SECOND, 0))
    fresh = compact(lake, Rules(put_at + 59 * SECOND, 60))
    after = compact(lake, Rules(put_at + 61 * SECOND, 60))

    assert {one.left for one in early if one.date == bars[-1].parent.name[5:]} <= {OPEN, ""}
    assert OPEN in {one.left for one in early}
    assert {one.left for one in fresh} <= {FRESH, ""}
    assert sum(one.rows_joined for one in fresh) == 0
    assert sum(one.rows_joined for one in after) > 0
    assert listed(lake) != names


def test_files_of_other_columns_are_not_joined(lake):
    paths = files_of(lake, "positions")
    for path in paths[len(paths) // 2 :]:
        pl.read_parquet(path, hive_partitioning=False).with_columns(extra=pl.lit(1)).write_parquet(path)

    compact(lake)

    columns = [set(pl.read_parquet_schema(path)) for path in files_of(lake, "positions")]
    assert sum("extra" in names for names in columns) >= 1
    assert sum("extra" not in names for names in columns) >= 1
    assert counts(lake)["positions"] == ROWS


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_writer_that_dies_and_comes_back_to_a_compacted_lake_writes_no_row_twice(tmp_path, seed):
    whole, own = tmp_path / "whole", tmp_path / "own"
    partition = LakePartition(whole, "0", None, CODEC, rows_per_file=200, durable=False)
    partition.write_batch([*items(0, ROWS), END_OF_INPUT])
    partition.close()

    def opened(state):
        if own.exists():
            compact(own)
        return LakePartition(own, "0", state, CODEC, rows_per_file=200, durable=False)

    assert written_with_deaths(seed, ROWS, opened, items, [END_OF_INPUT], step=500, deaths_max=8)

    assert digests(own) == digests(whole)
    assert covered_by(listed(own)) == {}


def test_a_file_that_comes_back_with_other_rows_than_were_joined_is_refused(tmp_path):
    partition = LakePartition(tmp_path, "0", None, CODEC, rows_per_file=200, durable=False)
    partition.write_batch([*items(0, ROWS), END_OF_INPUT])
    partition.close()
    compact(tmp_path)

    other = LakePartition(tmp_path, "0", None, CODEC, rows_per_file=150, durable=False)

    with pytest.raises(LakeDamaged, match="rows_per_file"):
        other.write_batch([*items(0, ROWS), END_OF_INPUT])
    other.close()


def test_a_joined_file_that_lacks_rows_of_its_name_is_said_and_nothing_is_taken_away(lake, written):
    compact(lake)
    joined = next(path for path in files_of(lake, "market.bars") if path.stem.count("-") == 2)
    for path in files_of(written, "market.bars"):
        if path.parent.name == joined.parent.name and not (lake / path.relative_to(written)).exists():
            shutil.copy(path, lake / path.relative_to(written))
    pl.read_parquet(joined, hive_partitioning=False).head(10).write_parquet(joined)
    names = listed(lake)

    with pytest.raises(LakeDamaged, match="does not hold its"):
        compact(lake)

    assert listed(lake) == names


def test_what_a_writer_puts_while_folders_are_exchanged_is_shown(lake):
    shelf = LocalShelf(lake, durable=False)
    folder = next(kept.mark for kept in shelf.kept("")).rpartition("/")[0]
    marks_before = [kept.mark for kept in shelf.kept(f"{folder}/")]
    aside = lake / STAGING / JOINING / folder
    aside.mkdir(parents=True)
    late = aside / "9-000000000000.parquet"
    shutil.copy(lake / marks_before[0], late)
    made = aside.parent / "made.parquet"
    shutil.copy(lake / marks_before[0], made)

    shelf.replace(folder, [Joined(made, f"{folder}/0-000000000000-000000009999.parquet", 1, ())])
    shelf.tidy()

    assert (lake / folder / late.name).exists()
    assert not aside.exists()


def test_readers_of_every_kind_count_each_row_once_while_a_folder_is_compacted(lake):
    topic, seen, over = "market.bars", [], threading.Event()
    rows = counts(lake)[topic]

    def read():
        while not over.is_set():
            try:
                seen.append(read_by_everybody(lake, topic))
            except (OSError, pl.exceptions.PolarsError, duckdb.Error):
                continue

    reader = threading.Thread(target=read)
    reader.start()
    for rows_max in range(300, 1500, 100):
        compact(lake, Rules(NOW, 0, rows_max))
    over.set()
    reader.join()

    assert set(seen) == {(rows, rows, rows)}


@pytest.fixture(scope="module")
def killer():
    """Return what compacts a place and is killed before its n-th change; answers whether it was killed."""
    command = [sys.executable, "-m", "tests.connectors.lake.killed_compaction"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def ask(change, *place):
            process.stdin.write(" ".join(map(str, (change, *place))) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline().strip()
            assert answer in {"killed", "done"}, answer
            return answer == "killed"

        yield ask
        process.stdin.close()


@pytest.mark.parametrize("system", ["exchanging", "plain"])
def test_killed_before_any_change_the_next_compaction_ends_what_was_begun(written, tmp_path, killer, system):
    small = last_date(written, tmp_path / "small")
    expected = digests(small)
    rows, change = counts(small)["market.bars"], 1

    while killer(change, system, lake := shutil.copytree(small, tmp_path / f"killed-{change}")):
        assert digests(lake) == expected
        if system == "exchanging":
            assert read_by_everybody(lake, "market.bars") == (rows, rows, rows)

        compact(lake)

        assert digests(lake) == expected
        assert read_by_everybody(lake, "market.bars") == (rows, rows, rows)
        assert covered_by(listed(lake)) == {}
        assert not (lake / STAGING / JOINING).exists()
        change += 1
    assert change > 10


@pytest.mark.served
def test_in_an_object_store_our_readers_count_each_row_once_whatever_request_is_the_last(
    written, tmp_path, killer, bucket
):
    small = last_date(written, tmp_path / "small")
    expected, change = digests(small), 1

    filled(bucket, small)
    while killer(change, "s3", bucket.endpoint, bucket.prefix):
        mirror = mirrored(bucket, tmp_path / f"mirror-{change}")
        assert digests(mirror) == expected
        change += 1
        if change % 3 == 0:
            emptied(bucket)
            filled(bucket, small)

    assert digests(mirrored(bucket, tmp_path / "end")) == expected
    assert covered_by(marks(bucket)) == {}
    assert len(marks(bucket)) < len(listed(small)) / 2
    assert change > 10


def filled(bucket, lake):
    shelf = S3Shelf(bucket)
    for mark in listed(lake):
        shelf.put(lake / mark, mark, pl.read_parquet(lake / mark, hive_partitioning=False).height)


@pytest.mark.served
def test_a_writer_that_dies_and_comes_back_to_a_compacted_bucket_writes_no_row_twice(tmp_path, bucket):
    whole = tmp_path / "whole"
    partition = LakePartition(whole, "0", None, CODEC, rows_per_file=400, durable=False)
    partition.write_batch([batch(0, ROWS), END_OF_INPUT])
    partition.close()

    def opened(state):
        with tempfile.TemporaryDirectory() as work:
            list(compacted(S3Shelf(bucket), RULES, Path(work)))
        return LakePartition(
            tmp_path / "own", "0", state, CODEC, rows_per_file=400, shelf=S3Shelf(bucket), durable=False
        )

    assert written_with_deaths(
        5, ROWS, opened, lambda *rows: [batch(*rows)], [END_OF_INPUT], step=900, deaths_max=5
    )

    assert digests(mirrored(bucket, tmp_path / "mirror")) == digests(whole)
    assert covered_by(marks(bucket)) == {}
