"""Where files end, what a restart does at any point, and who may write."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest
from polars.testing import assert_frame_equal

from connectors.lake.codec import END_OF_INPUT, MarketCodec, Rows
from connectors.lake.lanes import Raw, Records, Refused
from connectors.lake.sink import LakeBusy, LakePartition, LakeSink
from connectors.lake.staging import LakeDamaged
from domain.market import Malformed, MarketBatch, select
from tests.connectors.crash_flow import ROWS, UNIVERSE, all_bars, all_ticks, position
from tests.connectors.deaths import written_with_deaths

CODEC = MarketCodec(UNIVERSE, "test")
DAY = 86_400 * 10**9


def _batch(first: int, last: int) -> MarketBatch:
    return MarketBatch(0, select(all_ticks(), slice(first, last)), all_bars()[first:last])


def _files(lake: Path) -> dict[str, pl.DataFrame]:
    paths = sorted(lake.glob("*/date=*/*.parquet"))
    return {str(path.relative_to(lake)): pl.read_parquet(path, hive_partitioning=False) for path in paths}


def _rows(*event_at: int) -> Rows:
    times = pa.array(np.array(event_at)).cast(pa.timestamp("ns", "UTC"))
    return Rows("plain", pa.table({"event_at": times}))


def _written(lake: Path, items: list[Any], *, rows_per_file: int = 100) -> dict[str, list[int]]:
    partition = LakePartition(lake, "0", rows_per_file=rows_per_file, durable=False)
    partition.write_batch(items)
    partition.snapshot()
    partition.close()
    return {name: rows["event_at"].cast(pl.Int64).to_list() for name, rows in _files(lake).items()}


def test_a_file_ends_at_rows_per_file_exactly(tmp_path: Path) -> None:
    items = [_rows(1, 2, 3), _rows(4, 5), END_OF_INPUT]

    files = _written(tmp_path, items, rows_per_file=2)

    assert files == {
        "plain/date=1970-01-01/0-000000000000.parquet": [1, 2],
        "plain/date=1970-01-01/0-000000000002.parquet": [3, 4],
        "plain/date=1970-01-01/0-000000000004.parquet": [5],
    }


def test_a_day_ends_an_hour_after_midnight_and_late_rows_before_that_join_it(tmp_path: Path) -> None:
    hour = 3600 * 10**9
    items = [_rows(1, DAY + 1, 2, DAY + hour - 1, 3)]

    assert _written(tmp_path, items) == {}

    files = _written(tmp_path, [*items, _rows(DAY + hour)])

    assert files == {"plain/date=1970-01-01/0-000000000000.parquet": [1, 2, 3]}


def test_a_fifth_open_day_ends_the_day_that_was_written_least_recently(tmp_path: Path) -> None:
    newest = 9 * DAY
    items = [_rows(newest, 1, DAY, 2 * DAY, 2, 3 * DAY)]

    files = _written(tmp_path, items)

    assert files == {"plain/date=1970-01-10/0-000000000000.parquet": [newest]}


def test_nothing_is_visible_before_a_file_is_whole(tmp_path: Path) -> None:
    files = _written(tmp_path, [_rows(1, 2, 3)])

    assert files == {}


def test_closing_publishes_nothing_because_an_unwinding_flow_closes_too(tmp_path: Path) -> None:
    partition = LakePartition(tmp_path, "0", durable=False)
    partition.write_batch([_rows(1)])
    partition.close()

    assert _files(tmp_path) == {}


@pytest.mark.parametrize("seed", range(12))
def test_a_writer_that_dies_anywhere_and_comes_back_in_other_batches_leaves_the_same_files(
    tmp_path: Path, seed: int
) -> None:
    whole = LakePartition(tmp_path / "whole", "0", None, CODEC, rows_per_file=400, durable=False)
    whole.write_batch(
        [_batch(0, 5000), Records("positions", [position(row) for row in range(5000)]), END_OF_INPUT]
    )
    whole.close()
    lake = tmp_path / "broken"

    deaths = written_with_deaths(
        seed,
        5000,
        lambda state: LakePartition(lake, "0", state, CODEC, rows_per_file=400, durable=False),
        lambda first, last: [
            _batch(first, last),
            Records("positions", [position(row) for row in range(first, last)]),
        ],
        [END_OF_INPUT],
        step=500,
        deaths_max=12,
    )

    assert deaths
    left, expected = _files(lake), _files(tmp_path / "whole")
    assert list(left) == list(expected)
    for name, rows in left.items():
        assert_frame_equal(rows, expected[name])


def test_a_lake_that_lost_staged_rows_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    partition = LakePartition(tmp_path, "0", durable=False)
    partition.write_batch([_rows(1, 2)])
    state = partition.snapshot()
    partition.close()
    next((tmp_path / ".staging" / "0").iterdir()).unlink()

    with pytest.raises(LakeDamaged, match="restore the lake folder together with the recovery folder"):
        LakePartition(tmp_path, "0", state, durable=False)


def test_a_file_that_was_being_made_when_the_writer_died_is_made_by_the_next_one(tmp_path: Path) -> None:
    partition = LakePartition(tmp_path, "0", durable=False)
    partition.write_batch([_rows(1, 2)])
    state = partition.snapshot()
    partition.close()
    state["plain"]["closing"] = list(state["plain"]["open"].values())
    state["plain"]["open"] = {}

    LakePartition(tmp_path, "0", state, durable=False).close()
    LakePartition(tmp_path, "0", state, durable=False).close()

    assert [rows.height for rows in _files(tmp_path).values()] == [2]
    assert not list((tmp_path / ".staging" / "0").iterdir())


def test_a_file_that_cannot_be_made_stops_the_writer(tmp_path: Path) -> None:
    partition = LakePartition(tmp_path, "0", rows_per_file=2, durable=False)
    (tmp_path / "plain").write_text("a file stands where the topic's folder belongs")

    with pytest.raises(OSError, match="plain"):
        partition.write_batch([_rows(1, 2), END_OF_INPUT])

    partition.close()


def test_a_snapshot_forces_what_was_staged_since_the_last_one_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[str] = []
    monkeypatch.setattr("connectors.lake.sink.synchronise", lambda path: forced.append(path.name))
    partition = LakePartition(tmp_path, "0")

    partition.write_batch([_rows(1), _rows(DAY)])
    partition.snapshot()
    first = sorted(forced)
    forced.clear()
    partition.snapshot()
    partition.close()

    assert first == ["0", "plain-1970-01-01-000000000000.arrows", "plain-1970-01-02-000000000001.arrows"]
    assert forced == []


def test_rows_that_were_staged_after_the_snapshot_are_gone_after_a_restart(tmp_path: Path) -> None:
    partition = LakePartition(tmp_path, "0", durable=False)
    partition.write_batch([_rows(1, 2)])
    state = partition.snapshot()
    partition.write_batch([_rows(3, 4 * DAY)])
    partition.snapshot()
    partition.close()

    again = LakePartition(tmp_path, "0", state, durable=False)

    assert [path.name for path in (tmp_path / ".staging" / "0").iterdir()] == [
        "plain-1970-01-01-000000000000.arrows"
    ]
    again.write_batch([_rows(5), END_OF_INPUT])
    again.close()
    assert [rows["event_at"].cast(pl.Int64).to_list() for rows in _files(tmp_path).values()] == [[1, 2, 5]]


def test_a_lake_whose_staged_rows_were_cut_short_by_one_byte_is_refused(tmp_path: Path) -> None:
    partition = LakePartition(tmp_path, "0", durable=False)
    partition.write_batch([_rows(1, 2)])
    state = partition.snapshot()
    partition.close()
    staged = next((tmp_path / ".staging" / "0").iterdir())
    staged.write_bytes(staged.read_bytes()[:-1])

    with pytest.raises(LakeDamaged, match="2 rows are missing"):
        LakePartition(tmp_path, "0", state, durable=False)


def test_a_second_writer_of_a_shard_is_refused_and_one_of_another_shard_is_not(tmp_path: Path) -> None:
    first = LakePartition(tmp_path, "0")

    with pytest.raises(LakeBusy, match="one writer is allowed"):
        LakePartition(tmp_path, "0")

    LakePartition(tmp_path, "1").close()
    first.close()


def test_a_row_of_a_shard_that_was_not_named_is_refused(tmp_path: Path) -> None:
    sink = LakeSink(tmp_path, ("1", "0"))

    with pytest.raises(ValueError, match="shards 0, 1; a row of shard '2' was given"):
        sink.part_fn("2")

    assert [sink.part_fn("0"), sink.part_fn("1")] == [0, 1]


def test_a_topic_that_two_kinds_of_items_feed_is_refused(tmp_path: Path) -> None:
    partition = LakePartition(tmp_path, "0", None, CODEC, durable=False)
    partition.write_batch([_batch(0, 10), *CODEC.ticks("market", all_ticks(10))])

    with pytest.raises(ValueError, match="one of them is allowed"):
        partition.snapshot()

    partition.close()


def test_polars_duckdb_and_pyarrow_read_the_folders_and_their_dates(tmp_path: Path) -> None:
    partition = LakePartition(tmp_path, "0", None, CODEC, durable=False)
    refused = Malformed("test", "line 3", "not_finite", "nan", 5)
    partition.write_batch([_batch(0, ROWS), Raw(all_ticks()), Refused("normalise", [refused]), END_OF_INPUT])
    partition.close()
    trades = int(np.count_nonzero(all_ticks().kind == 0))
    days = len(np.unique(all_ticks().event_at // DAY))

    topic = tmp_path / "market.trades"
    with_polars = (
        pl.scan_parquet(topic, hive_partitioning=True).select(pl.len(), pl.col("date").n_unique()).collect()
    )
    counted = f"SELECT count(*), count(DISTINCT date) FROM read_parquet('{topic}/**/*.parquet')"
    with_duckdb = duckdb.connect().execute(counted).fetchall()
    with_arrow = pa.dataset.dataset(topic, partitioning="hive").to_table(columns=["date", "instrument"])

    assert with_polars.row(0) == (trades, days)
    assert with_duckdb == [(trades, days)]
    assert (with_arrow.num_rows, len(with_arrow.column("date").unique())) == (trades, days)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".staging") == [
        "market.bars",
        "market.quotes",
        "market.trades",
        "quarantine.normalise",
        "raw.quotes",
        "raw.trades",
    ]
