"""A digest follows the rows of a topic and nothing else."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from connectors.lake.codec import END_OF_INPUT, MarketCodec
from connectors.lake.digest import counts, digest, digests
from connectors.lake.lanes import Records
from connectors.lake.schemas import UnknownTopic
from connectors.lake.sink import LakePartition
from domain.market import MarketBatch, Ticks, select
from tests.connectors.crash_flow import UNIVERSE, all_bars, all_ticks, position, verdict

CODEC = MarketCodec(UNIVERSE, "test")
ROWS = 3000


def _write(lake: Path, shards: int, rows_per_file: int, ticks: Ticks) -> Path:
    """Write rows to a lake; row i belongs to the shard of its instrument."""
    bars = all_bars(ROWS)
    for shard in range(shards):
        partition = LakePartition(lake, str(shard), None, CODEC, rows_per_file=rows_per_file, durable=False)
        mine = ticks.instrument % shards == shard
        kept = np.flatnonzero(np.arange(ROWS) % shards == shard).tolist()
        records = Records("positions", [position(row) for row in kept])
        partition.write_batch(
            [MarketBatch(0, select(ticks, mine), bars[bars["instrument"] % shards == shard]), records]
        )
        partition.write_batch([Records("verdicts", [verdict(row) for row in kept]), END_OF_INPUT])
        partition.close()
    return lake


@pytest.fixture(scope="module")
def ticks() -> Ticks:
    return all_ticks(ROWS)


def test_a_digest_is_the_same_for_any_shards_files_and_slices(tmp_path: Path, ticks: Ticks) -> None:
    one = _write(tmp_path / "one", 1, 10_000, ticks)
    four = _write(tmp_path / "four", 4, 170, ticks)

    assert digests(one) == digests(four)
    assert len(set(digests(one).values())) == 5
    assert {topic: digest(four, topic, slice_rows=97) for topic in digests(one)} == digests(one)
    assert counts(one) == counts(four)
    assert counts(one)["verdicts"] == ROWS


@pytest.mark.parametrize("column", ["price", "known_at", "received_at", "sequence", "venue", "flags"])
def test_a_digest_changes_when_one_value_changes(tmp_path: Path, ticks: Ticks, column: str) -> None:
    trade = int(np.flatnonzero(ticks.kind == 0)[500])
    changed = getattr(ticks, column).copy()
    changed[trade] += 1

    before = digests(_write(tmp_path / "before", 1, 10_000, ticks))
    after = digests(_write(tmp_path / "after", 1, 10_000, ticks._replace(**{column: changed})))

    assert {topic for topic in before if before[topic] != after[topic]} == {"market.trades"}


def test_a_digest_changes_when_a_nested_value_changes(tmp_path: Path) -> None:
    found = []
    for place, measured in enumerate((1.0, 1.0000001)):
        base = verdict(3)
        changed = base.__class__(
            **{
                **{name: getattr(base, name) for name in base.__struct_fields__},
                "checks": (
                    base.checks[0].__class__(
                        check="PT-04", code="", outcome=base.checks[0].outcome, measured=measured, limit=None
                    ),
                    base.checks[1],
                ),
            }
        )
        partition = LakePartition(tmp_path / str(place), "0", durable=False)
        partition.write_batch([Records("verdicts", [changed]), END_OF_INPUT])
        partition.close()
        found.append(digest(tmp_path / str(place), "verdicts"))

    assert found[0] != found[1]


def test_a_digest_ignores_the_order_of_files_and_row_groups(tmp_path: Path, ticks: Ticks) -> None:
    lake = _write(tmp_path / "lake", 1, 10_000, ticks)
    before = digest(lake, "market.trades")
    for path in sorted((lake / "market.trades").glob("date=*/*.parquet")):
        table = pq.read_table(path, partitioning=None)
        backwards = table.take(np.arange(table.num_rows)[::-1])
        pq.write_table(backwards, path, row_group_size=111)
        path.rename(path.with_name(f"9-{path.name}"))

    assert digest(lake, "market.trades") == before


def test_a_digest_of_an_unknown_topic_names_the_known_ones(tmp_path: Path, ticks: Ticks) -> None:
    lake = _write(tmp_path / "lake", 1, 10_000, ticks)

    with pytest.raises(
        UnknownTopic, match=r"it holds market\.bars, market\.quotes, market\.trades, positions, verdicts"
    ):
        digest(lake, "market.trade")
