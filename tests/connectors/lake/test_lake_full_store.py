"""An object store whose disk is full is waited for with staged files; with room the lake is that of any other run."""

import io
import logging
import secrets
import threading

import pytest

from connectors.lake.bucket import Bucket
from connectors.lake.codec import END_OF_INPUT, MarketCodec
from connectors.lake.s3 import S3Shelf
from connectors.lake.sink import LakePartition
from connectors.patience import Patience
from tests.connectors.crash_flow import UNIVERSE
from tests.connectors.deadline import until
from tests.connectors.lake.test_lake_s3 import ROWS, assert_same, batch, files, positions, written_whole
from tests.connectors.own_server import OwnServer, absent
from tests.lake_objects import marks, mirrored
from tests.ports import SEAWEEDFS, free_port
from tests.small_disk import disk, filled

pytestmark = pytest.mark.served

CODEC = MarketCodec(UNIVERSE, "test")
KILOBYTES = 300_000


@pytest.fixture
def small_store(tmp_path):
    """Start a SeaweedFS whose data is on a small file system; give its bucket and that file system's folder."""
    if not OwnServer.is_installed("seaweedfs-4.48/bin/weed"):
        absent("SeaweedFS is not installed; `ita stack up s3` installs it")
    keys = {"ITA_S3__ACCESS_KEY": secrets.token_hex(8), "ITA_S3__SECRET_KEY": secrets.token_hex(16)}
    server = OwnServer("s3", tmp_path / "s3", keys, free_port(*SEAWEEDFS))
    bucket = Bucket(f"http://127.0.0.1:{server.port}", "lake", *map(keys.__getitem__, keys))
    with disk(tmp_path / "s3", KILOBYTES):
        try:
            server.start()
            until(lambda: takes_objects(bucket))
            yield bucket, tmp_path / "s3"
        finally:
            server.kill()


def takes_objects(bucket):
    """Say whether the store takes an object: for some seconds after it begins to listen it answers 500."""
    client = bucket.client()
    try:
        if not client.bucket_exists(bucket.bucket):
            client.make_bucket(bucket.bucket)
        client.put_object(bucket.bucket, "first", io.BytesIO(b"it"), 2)
    except Exception:  # noqa: BLE001  whatever it is, it passes before the deadline or fails the test
        return False
    return True


def test_a_store_without_room_is_waited_for_and_with_room_holds_the_same_lake(small_store, tmp_path, caplog):
    caplog.set_level(logging.INFO, "ita.connectors")
    bucket, folder = small_store
    expected = written_whole(tmp_path / "whole")
    shelf = S3Shelf(bucket, Patience(0.02, 0.5))
    partition = LakePartition(tmp_path / "own", "0", None, CODEC, rows_per_file=400, shelf=shelf)

    with filled(folder):
        flow = threading.Thread(
            target=partition.write_batch, args=([batch(0, ROWS), positions(0, ROWS), END_OF_INPUT],)
        )
        flow.start()
        until(lambda: "has to wait" in caplog.text)
        flow.join(1.0)
        waited, published = flow.is_alive(), marks(bucket)
    flow.join(120)
    partition.close()

    assert waited
    assert published == []
    assert not flow.is_alive()
    assert caplog.text.count("has to wait") == 1
    assert "InternalError" in caplog.text
    assert_same(files(mirrored(bucket, tmp_path / "mirror")), expected)
