"""The lake in a real object store: the same files as in a folder, whatever dies, and readable by anybody."""

import logging
import threading
import time
from urllib.parse import urlsplit

import polars as pl
import pyarrow.dataset
import pyarrow.fs
import pytest
from polars.testing import assert_frame_equal

from connectors.lake.codec import END_OF_INPUT, MarketCodec
from connectors.lake.digest import digests
from connectors.lake.lanes import Records
from connectors.lake.s3 import S3Shelf, StoreRefused
from connectors.lake.sink import LakePartition
from connectors.patience import Patience
from domain.market import MarketBatch, select
from tests.connectors.crash_flow import UNIVERSE, all_bars, all_ticks, position
from tests.connectors.crashes import run_with_kills
from tests.connectors.deadline import until
from tests.connectors.deaths import written_with_deaths
from tests.forwarder import Forwarder
from tests.lake_objects import emptied, marks, mirrored

pytestmark = pytest.mark.served
CODEC = MarketCodec(UNIVERSE, "test")
ROWS = 3000


@pytest.fixture(params=["s3", "minio"])
def bucket(request):
    given = request.getfixturevalue(request.param)
    made = given.place()
    client = made.client()
    if not client.bucket_exists(made.bucket):
        client.make_bucket(made.bucket)
    yield made
    emptied(made)


def batch(first, last):
    return MarketBatch(0, select(all_ticks(), slice(first, last)), all_bars()[first:last])


def positions(first, last):
    return Records("positions", [position(row) for row in range(first, last)])


def written_whole(folder):
    whole = LakePartition(folder, "0", None, CODEC, rows_per_file=400, durable=False)
    whole.write_batch([batch(0, ROWS), positions(0, ROWS), END_OF_INPUT])
    whole.close()
    return files(folder)


def files(lake):
    return {
        str(path.relative_to(lake)): pl.read_parquet(path, hive_partitioning=False)
        for path in sorted(lake.glob("*/date=*/*.parquet"))
    }


def assert_same(left, expected):
    assert list(left) == list(expected)
    for name, rows in left.items():
        assert_frame_equal(rows, expected[name])


@pytest.mark.parametrize("seed", [1, 2])
def test_a_writer_that_dies_anywhere_leaves_the_objects_of_one_that_did_not(tmp_path, bucket, seed):
    expected = written_whole(tmp_path / "whole")

    deaths = written_with_deaths(
        seed,
        ROWS,
        lambda state: LakePartition(
            tmp_path / "own", "0", state, CODEC, rows_per_file=400, shelf=S3Shelf(bucket)
        ),
        lambda first, last: [batch(first, last), positions(first, last)],
        [END_OF_INPUT],
        step=500,
        deaths_max=8,
    )

    assert deaths
    assert_same(files(mirrored(bucket, tmp_path / "mirror")), expected)
    assert not list((tmp_path / "own" / ".staging" / "0").iterdir())


@pytest.mark.slow
def test_a_killed_process_leaves_the_objects_of_one_that_was_not(tmp_path, bucket, monkeypatch):
    monkeypatch.setenv("ITA_S3__PREFIX", bucket.prefix)
    monkeypatch.setenv("ITA_S3__ENDPOINT", bucket.endpoint)
    assert run_with_kills("lake", tmp_path / "whole", 5, 0, lambda: None) == 0

    kills = run_with_kills("lake_s3", tmp_path / "killed", 34, 4, lambda: None)

    assert kills == 4
    mirror = mirrored(bucket, tmp_path / "mirror")
    assert_same(files(mirror), files(tmp_path / "whole" / "lake"))
    assert digests(mirror) == digests(tmp_path / "whole" / "lake")


def test_polars_pyarrow_and_duckdb_read_the_objects_as_hive_folders(tmp_path, bucket):
    import duckdb  # noqa: PLC0415  only here

    partition = LakePartition(tmp_path / "own", "0", None, CODEC, rows_per_file=400, shelf=S3Shelf(bucket))
    partition.write_batch([batch(0, ROWS), END_OF_INPUT])
    partition.close()
    address = urlsplit(bucket.endpoint)
    place = f"{bucket.bucket}/{bucket.prefix}market.bars"

    system = pyarrow.fs.S3FileSystem(
        access_key=bucket.access_key,
        secret_key=bucket.secret_key,
        endpoint_override=address.netloc,
        scheme=address.scheme,
        region=bucket.region,
    )
    dataset = pyarrow.dataset.dataset(place, filesystem=system, partitioning="hive")
    options = {
        "aws_access_key_id": bucket.access_key,
        "aws_secret_access_key": bucket.secret_key,
        "aws_endpoint_url": bucket.endpoint,
        "aws_region": bucket.region,
        "aws_allow_http": "true",
    }
    by_polars = pl.read_parquet(f"s3://{place}/**/*.parquet", storage_options=options, hive_partitioning=True)

    assert dataset.count_rows() == ROWS
    assert by_polars.height == ROWS
    assert duckdb.sql("select count(*), count(distinct date) from dataset").fetchall() == [
        (
            ROWS,
            by_polars["date"].n_unique(),
        )
    ]


def test_while_the_store_is_gone_the_flow_waits_and_afterwards_nothing_is_missing(tmp_path, bucket, caplog):
    caplog.set_level(logging.INFO, "ita.connectors")
    expected = written_whole(tmp_path / "whole")
    address = urlsplit(bucket.endpoint)
    with Forwarder(address.hostname, address.port) as road:
        shelf = S3Shelf(bucket._replace(endpoint=f"http://{road.host}:{road.port}"), Patience(0.02, 0.1))
        partition = LakePartition(tmp_path / "own", "0", None, CODEC, rows_per_file=400, shelf=shelf)
        road.cut()
        writer = threading.Thread(
            target=partition.write_batch, args=([batch(0, ROWS), positions(0, ROWS), END_OF_INPUT],)
        )
        writer.start()
        until(lambda: "has to wait" in caplog.text)
        assert marks(bucket) == []

        road.open()
        writer.join(60)
        partition.close()

    assert not writer.is_alive()
    assert caplog.text.count("has to wait") == 1
    assert "ends its wait after" in caplog.text
    assert_same(files(mirrored(bucket, tmp_path / "mirror")), expected)


def test_a_worker_that_stops_while_the_store_is_gone_ends_soon_and_the_next_one_publishes(tmp_path, bucket):
    expected = written_whole(tmp_path / "whole")
    address = urlsplit(bucket.endpoint)
    with Forwarder(address.hostname, address.port) as road:
        gone = S3Shelf(bucket._replace(endpoint=f"http://{road.host}:{road.port}"))
        partition = LakePartition(tmp_path / "own", "0", None, CODEC, rows_per_file=400, shelf=gone)
        road.cut()
        partition.write_batch([batch(0, 1000), positions(0, 1000)])
        state = partition.snapshot()
        began = time.monotonic()
        partition.close()
        took = time.monotonic() - began

    successor = LakePartition(tmp_path / "own", "0", state, CODEC, rows_per_file=400, shelf=S3Shelf(bucket))
    successor.write_batch([batch(1000, ROWS), positions(1000, ROWS), END_OF_INPUT])
    successor.close()

    assert took < 10
    assert_same(files(mirrored(bucket, tmp_path / "mirror")), expected)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"secret_key": "wrong-secret"}, "refuses looking for the bucket"),
        ({"bucket": "no-bucket-of-this-name"}, "has no bucket no-bucket-of-this-name"),
    ],
)
def test_what_the_store_refuses_for_good_is_said_and_not_tried_again(tmp_path, bucket, wrong, said):
    shelf = S3Shelf(bucket._replace(**wrong))
    made = tmp_path / "made.parquet"
    made.write_bytes(b"content")

    with pytest.raises(StoreRefused, match=said):
        shelf.put(made, "market.bars/date=2024-01-02/0-000000000000.parquet", 1)


def test_an_object_that_was_put_back_without_its_header_still_says_how_many_rows_it_holds(tmp_path, bucket):
    written_whole(tmp_path / "lake")
    mark, rows = next(iter(files(tmp_path / "lake").items()))
    bucket.client().fput_object(bucket.bucket, bucket.key(mark), str(tmp_path / "lake" / mark))

    assert S3Shelf(bucket).rows(mark) == rows.height


def test_an_object_of_somebody_else_under_a_name_of_ours_is_refused(bucket):
    mark = "market.bars/date=2024-01-02/0-000000000000.parquet"
    import io  # noqa: PLC0415  only here

    bucket.client().put_object(bucket.bucket, bucket.key(mark), io.BytesIO(b"x"), 1)

    with pytest.raises(StoreRefused, match="put there by something else"):
        S3Shelf(bucket).rows(mark)
