"""Ticks that a run recorded in its lake, read again."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.files.lake_reference import keep_reference
from connectors.files.lake_ticks import LakeTicks
from connectors.files.open_source import open_source
from connectors.lake.codec import MarketCodec
from connectors.source import SourceError, TickSource
from domain.instruments import Instrument, Universe
from domain.market import Ticks, concatenate, row_count, select
from tests.connectors.files.reading import assert_same, index_of, read_whole, split_and_joined

DAY_NANOSECONDS = 86_400 * 1_000_000_000


def record(lake: Path, source: TickSource, stage: str, shards: int, rows_per_file: int = 700) -> None:
    """Write what a source holds in the layout of the lake, each shard in its order."""
    universe = Universe(tuple(Instrument(name=name) for name in source.instruments()))
    codec = MarketCodec(universe, source.name)
    index, count = index_of(source), len(source.instruments())
    for shard in range(shards):
        written: dict[str, int] = {}
        for segment in source.segments():
            for chunk in source.read(segment, index, np.arange(count) % shards == shard):
                for day, ticks in by_day(chunk.ticks):
                    for rows in codec.ticks(stage, ticks):
                        for start in range(0, rows.table.num_rows, rows_per_file):
                            first = written.get(rows.topic, 0)
                            part = rows.table.slice(start, rows_per_file)
                            path = lake / rows.topic / f"date={day}" / f"{shard}-{first:012d}.parquet"
                            path.parent.mkdir(parents=True, exist_ok=True)
                            pq.write_table(pa.Table.from_batches([part]), path)
                            written[rows.topic] = first + part.num_rows


def by_day(ticks: Ticks) -> list[tuple[str, Ticks]]:
    days = ticks.event_at // DAY_NANOSECONDS
    return [(str(np.datetime64(int(day), "D")), select(ticks, days == day)) for day in np.unique(days)]


@pytest.fixture(scope="module")
def simulated() -> TickSource:
    return open_source("simulator:instruments=6,ticks=6000,days=2")


@pytest.mark.parametrize("stage", ["raw", "market"])
@pytest.mark.parametrize("shards", [1, 3])
def test_what_was_recorded_is_read_again_column_for_column(
    tmp_path: Path, simulated: TickSource, stage: str, shards: int
) -> None:
    record(tmp_path / "lake", simulated, stage, shards)
    expected, _ = read_whole(simulated)

    source = LakeTicks(tmp_path)
    ticks, malformed = read_whole(source)

    assert (source.name, source.instruments()) == ("simulator", simulated.instruments())
    assert source.segments() == simulated.segments()
    assert not malformed
    assert_same(ticks, expected)


def test_readers_of_a_lake_share_its_instruments(tmp_path: Path, simulated: TickSource) -> None:
    record(tmp_path, simulated, "raw", 2)
    source = LakeTicks(tmp_path)

    whole, _ = read_whole(source)
    joined, _ = split_and_joined(source, 3)

    assert_same(whole, joined)


def test_raw_topics_win_over_what_the_desk_made_of_them(tmp_path: Path, simulated: TickSource) -> None:
    one_day = open_source("simulator:instruments=6,ticks=6000,days=2", None, None, simulated.segments()[0])
    record(tmp_path, simulated, "raw", 1)
    record(tmp_path, one_day, "market", 1)

    ticks, _ = read_whole(LakeTicks(tmp_path))

    assert row_count(ticks) == row_count(read_whole(simulated)[0])


def test_instruments_and_days_narrow_a_lake(tmp_path: Path, simulated: TickSource) -> None:
    record(tmp_path, simulated, "raw", 2)
    name, day = simulated.instruments()[1], simulated.segments()[1]
    index = index_of(simulated)
    expected = concatenate([chunk.ticks for chunk in simulated.read(day, index, np.arange(6) == 1)])

    source = LakeTicks(tmp_path, (name,), day, None)
    ticks, _ = read_whole(source)

    assert (source.instruments(), source.segments()) == ((name,), (day,))
    assert_same(ticks._replace(instrument=expected.instrument), expected)


def test_a_lake_gives_back_what_the_recorded_source_knew_of_its_instruments(
    tmp_path: Path, simulated: TickSource
) -> None:
    record(tmp_path / "lake", simulated, "raw", 1)
    name = simulated.instruments()[0]
    assert LakeTicks(tmp_path).reference() == ()

    keep_reference(tmp_path / "lake", simulated)

    assert LakeTicks(tmp_path).reference() == simulated.reference()
    assert LakeTicks(tmp_path).splits() == simulated.splits()
    assert [one.name for one in LakeTicks(tmp_path, (name,)).reference()] == [name]


def test_a_kept_reference_that_is_damaged_is_refused(tmp_path: Path, simulated: TickSource) -> None:
    record(tmp_path, simulated, "raw", 1)
    (tmp_path / "reference.json").write_text('{"instruments": 3}')

    with pytest.raises(SourceError, match=r"reference\.json cannot be read"):
        LakeTicks(tmp_path)


def test_a_folder_without_ticks_is_no_lake(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no ticks of a lake"):
        LakeTicks(tmp_path)


def test_a_truncated_file_of_a_lake_is_refused_by_name(tmp_path: Path, simulated: TickSource) -> None:
    record(tmp_path, simulated, "raw", 1)
    path = min(tmp_path.rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-50])

    with pytest.raises(SourceError, match="no whole Parquet file"):
        LakeTicks(tmp_path)
