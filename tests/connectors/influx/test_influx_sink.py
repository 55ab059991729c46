"""Points stand once with all their values, refused lines stand alone, and an absent server is waited for."""

import logging
import random
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from connectors.influx.server import InfluxServer
from connectors.influx.sink import InfluxPartition, InfluxSink
from connectors.influx.writer import InfluxRefused, Rejected
from connectors.lake.codec import END_OF_INPUT, MarketCodec
from connectors.lake.lanes import Records, Refused
from connectors.patience import GivenUp, Patience
from domain.market import SECOND, FeatureRows, Malformed, MarketBatch, select
from tests.connectors.crash_flow import FIRST_AT, SPACING, UNIVERSE, all_bars, all_ticks, position
from tests.connectors.crash_flow import ROWS as EVERY
from tests.connectors.influx.conftest import Bucket
from tests.connectors.served_flow import run_killed

pytestmark = pytest.mark.served

CODEC = MarketCodec(UNIVERSE, "test", ("ema", "rsi"))
ROWS = 400


def _partition(bucket: Bucket, folder: Path, **more: Any) -> InfluxPartition:
    return InfluxPartition(bucket.server, "0", folder / "refused.jsonl", CODEC, **more)


def _items(first: int, last: int) -> list[Any]:
    bars = all_bars(ROWS)[first:last]
    return [
        MarketBatch(
            0,
            select(all_ticks(ROWS), slice(first, last)),
            bars,
            features=FeatureRows(bars, np.array([bars["close"], -bars["close"]])),
        ),
        Records("positions", [position(row) for row in range(first, last)]),
        Refused(
            "normalise", [Malformed("s", "p", "no price", "", FIRST_AT + row) for row in range(first, last)]
        ),
    ]


def _written(bucket: Bucket, folder: Path) -> list[dict[str, Any]]:
    writer = _partition(bucket, folder)
    writer.write_batch([*_items(0, ROWS), END_OF_INPUT])
    writer.close()
    return bucket.points()


def test_bars_come_back_with_every_value(bucket: Bucket, tmp_path: Path) -> None:
    _written(bucket, tmp_path)

    bars = bucket.points("bars")

    assert bars == [
        {
            "time": FIRST_AT + row * SPACING,
            "_measurement": "bars",
            "instrument": UNIVERSE.names[row % 4],
            "interval": "1",
            "version": "0",
            "trade_count": "0",
            "close": str(row),
            **dict.fromkeys(("open", "high", "low", "volume", "vwap"), "0"),
        }
        for row in range(ROWS)
    ]


def test_features_positions_pnl_and_health_come_back_too(bucket: Bucket, tmp_path: Path) -> None:
    points = _written(bucket, tmp_path)

    of = {
        name: [point for point in points if point["_measurement"] == name]
        for name in ("features", "positions", "pnl", "health")
    }
    held = position(7)

    assert {name: len(found) for name, found in of.items() if name != "health"} == dict.fromkeys(
        ("features", "positions", "pnl"), ROWS
    )
    assert (of["features"][7]["ema"], of["features"][7]["rsi"]) == ("7", "-7")
    assert (int(of["positions"][7]["quantity"]), of["positions"][7]["account"]) == (7, "main")
    assert float(of["pnl"][7]["realised"]) == float(held.realised)
    assert sum(int(point["rows"]) for point in of["health"] if point.get("topic") == "positions") == ROWS
    assert max(int(point["refused"]) for point in of["health"] if "stage" in point) == ROWS


def test_what_comes_twice_stands_once(bucket: Bucket, tmp_path: Path) -> None:
    once = _written(bucket, tmp_path)

    assert _written(bucket, tmp_path) == once


def test_a_revision_overwrites_its_point(bucket: Bucket, tmp_path: Path) -> None:
    writer = _partition(bucket, tmp_path)
    first, revised = all_bars(ROWS)[:3].copy(), all_bars(ROWS)[1:2].copy()
    revised["close"], revised["version"] = 99.5, 1

    writer.write_batch([CODEC.bars(first)])
    writer.snapshot()
    writer.write_batch([CODEC.bars(revised)])
    writer.snapshot()

    writer.close()
    assert [(point["close"], point["version"]) for point in bucket.points("bars")] == [
        ("0", "0"),
        ("99.5", "1"),
        ("2", "0"),
    ]


def test_cut_anywhere_and_resumed_in_other_batches_the_points_are_the_same(
    bucket: Bucket, tmp_path: Path
) -> None:
    moments = random.Random(9)
    at, state = 0, None
    for _ in range(5):
        writer = _partition(bucket, tmp_path, state=state, lines_max=moments.randint(1, 90))
        snapshot = at
        while moments.random() < 0.8 and at < ROWS:
            last = min(ROWS, at + moments.randint(1, 60))
            writer.write_batch(_items(at, last))
            at = last
            if moments.random() < 0.5:
                snapshot, state = at, writer.snapshot()
        writer.close()
        at = snapshot
    writer = _partition(bucket, tmp_path, state=state)
    writer.write_batch([*_items(at, ROWS), END_OF_INPUT])
    writer.close()

    cut = bucket.points()

    assert cut == _written(bucket, tmp_path)


def test_lines_that_the_server_refuses_stand_alone_with_its_words(bucket: Bucket, tmp_path: Path) -> None:
    conflicting = f"bars close=true {FIRST_AT}".encode()
    bucket.call("POST", f"/api/v2/write?org=test&bucket={bucket.server.bucket}", conflicting)
    writer = _partition(bucket, tmp_path, lines_max=64)
    writer.write_batch([CODEC.bars(all_bars(ROWS)[:50]), Records("positions", [position(1), position(2)])])
    writer.snapshot()
    bad = msgspec.structs.replace(position(4), account="x" * 70_000)
    for _ in range(2):
        writer.write_batch([Records("positions", [position(3), bad, position(5)])])
        writer.snapshot()

    writer.close()
    kept = [
        msgspec.json.decode(line, type=Rejected)
        for line in (tmp_path / "refused.jsonl").read_bytes().splitlines()
    ]
    conflicts = [each for each in kept if "field type conflict" in each.reason]
    long = [each for each in kept if bad.account in each.line]
    assert len(conflicts) == 50
    assert len(long) == 2
    assert len(kept) == 52
    assert [int(point["quantity"]) for point in bucket.points("positions")] == [1, 2, 3, 5]


def test_a_wrong_token_and_a_missing_bucket_end_at_once_with_a_plain_error(
    bucket: Bucket, tmp_path: Path
) -> None:
    for server, words in (
        (bucket.server._replace(token="no"), "401 unauthorized access"),
        (bucket.server._replace(bucket="nowhere"), 'bucket "nowhere" not found'),
    ):
        writer = InfluxPartition(server, "0", tmp_path / "refused.jsonl")
        writer.write_batch([Records("positions", [position(1)])])
        with pytest.raises(InfluxRefused, match=words):
            writer.snapshot()
        with pytest.raises(InfluxRefused, match="ITA_INFLUX__TOKEN"):
            writer.snapshot()
        writer.close()


def test_the_flow_waits_in_bounded_memory_while_the_server_is_gone_and_nothing_is_lost(
    bucket: Bucket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ita.connectors")
    writer = _partition(bucket, tmp_path, lines_max=10, patience=Patience(0.01, 0.2))
    bucket.process.kill()
    taken = 0

    def write() -> None:
        nonlocal taken
        for row in range(ROWS):
            writer.write_batch([CODEC.bars(all_bars(ROWS)[row : row + 1])])
            taken += 1
        writer.snapshot()

    flow = threading.Thread(target=write)
    flow.start()
    flow.join(1.5)
    waited, taken_meanwhile = flow.is_alive(), taken
    bucket.process.start()
    flow.join(60)

    writer.close()
    assert waited
    assert taken_meanwhile < 60
    assert [point["close"] for point in bucket.points("bars")] == [str(row) for row in range(ROWS)]
    said = [record.levelname for record in caplog.records if record.name == "ita.connectors"]
    assert said == ["WARNING", "INFO"]


def test_a_wait_that_is_ended_writes_nothing_and_says_so(tmp_path: Path) -> None:
    patience = Patience(0.01, 0.05)
    server = InfluxServer("http://127.0.0.1:9", "test", "first", "token")
    writer = InfluxPartition(server, "0", tmp_path / "refused.jsonl", patience=patience)
    writer.write_batch([Records("positions", [position(1)])])

    patience.stop()

    with pytest.raises(GivenUp, match=r"bucket first at http://127.0.0.1:9 was given up while waiting"):
        writer.snapshot()
    writer.close()


def test_gzip_changes_nothing(bucket: Bucket, tmp_path: Path) -> None:
    writer = InfluxPartition(bucket.server._replace(gzip=True), "0", tmp_path / "refused.jsonl", CODEC)
    writer.write_batch([CODEC.bars(all_bars(ROWS)), END_OF_INPUT])
    writer.close()

    assert [point["close"] for point in bucket.points("bars")] == [str(row) for row in range(ROWS)]


def test_shards_have_different_names_and_only_they_are_written(bucket: Bucket, tmp_path: Path) -> None:
    sink = InfluxSink(bucket.server, ("1", "0"), tmp_path)

    assert sink.list_parts() == ["0", "1"]
    with pytest.raises(ValueError, match="a row of shard '7' was given"):
        sink.part_fn("7")
    with pytest.raises(ValueError, match="shards need different names"):
        InfluxSink(bucket.server, ("0", "0"), tmp_path)
    with pytest.raises(ValueError, match="lines_max is 1 to 50000; 0 was given"):
        InfluxSink(bucket.server, ("0",), tmp_path, lines_max=0)


def test_a_market_batch_without_a_codec_is_a_plain_error(bucket: Bucket, tmp_path: Path) -> None:
    writer = InfluxPartition(bucket.server, "0", tmp_path / "refused.jsonl")

    with pytest.raises(TypeError, match="need a MarketCodec"):
        writer.write_batch(_items(0, 1))

    writer.close()


@pytest.mark.slow
def test_a_killed_writer_leaves_every_point_once(bucket: Bucket, tmp_path: Path) -> None:
    kills = run_killed("influx", bucket.server._asdict(), tmp_path / "killed", 21, 4)

    assert kills == 4
    bars = bucket.points("bars")
    assert [(point["time"], point["close"]) for point in bars] == [
        (FIRST_AT + row * SPACING, str(row)) for row in range(EVERY)
    ]
    assert all(point["time"] % SECOND == 0 for point in bars)
