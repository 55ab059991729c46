"""A Redis that takes nothing for a while is waited for: full, unable to save, or a replica; then all is online."""

import os
import shutil
import subprocess
from contextlib import closing, contextmanager

import pytest
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as NobodyAnswers
from redis.retry import Retry

from connectors.feast.codec import END_OF_FEATURES
from connectors.feast.sink import FeastPartition
from connectors.feast.store import open_store, read_online, redis_store
from connectors.patience import WAITS
from feature_repo.declarations import declarations
from tests.connectors.deadline import until
from tests.connectors.feast.feature_lakes import FEATURES, LINES, UNIVERSE, Row, event_at, feature_rows
from tests.ports import free_port

pytestmark = pytest.mark.xdist_group("feast")

SECRET = "ITA_TEST_REDIS_SECRET"
PASSWORD = "of-this-test"


@contextmanager
def redis_server(folder, port):
    """Start a Redis of one's own in a folder; give a client of it."""
    if shutil.which("redis-server") is None and os.environ.get("ITA_SERVED") != "required":
        pytest.skip("no redis-server on this machine; `ita stack up redis` installs one")
    folder.mkdir()
    words = ["--port", str(port), "--bind", "127.0.0.1", "--requirepass", PASSWORD, "--dir", str(folder)]
    words += ["--enable-protected-configs", "yes"]
    server = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
    retry = Retry(ConstantBackoff(0.1), 100, supported_errors=(NobodyAnswers,))
    client = Redis(port=port, password=PASSWORD, retry=retry)
    try:
        client.ping()
        yield client
    finally:
        client.close()
        server.kill()
        server.wait()


def be_full(client, _folder):
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", 1)


def have_room(client, _folder):
    client.config_set("maxmemory", 0)


def be_unable_to_save(client, folder):
    client.config_set("save", "3600 1")
    shutil.rmtree(folder)
    client.bgsave()
    until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")


def save_again(client, folder):
    folder.mkdir()
    client.config_set("dir", str(folder))
    client.bgsave()


def be_a_replica(client, _folder):
    client.replicaof("127.0.0.1", free_port())


def be_the_primary(client, _folder):
    client.replicaof("NO", "ONE")


@pytest.mark.parametrize(
    ("take_nothing", "take_all", "said"),
    [
        (be_full, have_room, "command not allowed when used memory > 'maxmemory'"),
        (be_unable_to_save, save_again, "MISCONF Redis is configured to save"),
        (be_a_replica, be_the_primary, "You can't write against a read only replica"),
    ],
    ids=["no memory left", "cannot save", "a replica"],
)
def test_what_redis_refuses_for_now_is_waited_for_and_then_is_online(
    tmp_path, monkeypatch, caplog, take_nothing, take_all, said
):
    monkeypatch.setenv(SECRET, PASSWORD)
    port = free_port()
    with redis_server(tmp_path / "redis", port) as client:
        online = redis_store("127.0.0.1", port, secret=SECRET)
        with closing(
            FeastPartition(tmp_path / "store", UNIVERSE.names, LINES, declarations, online=online)
        ) as sink:
            sink.write_batch([feature_rows([Row(1, 0, 1.0)]), END_OF_FEATURES])
            take_nothing(client, tmp_path / "redis")

            sink.write_batch([feature_rows([Row(2, 0, 2.0), Row(2, 1, 3.0)])])
            sink.snapshot()
            until(lambda: "the online store" in WAITS.now())
            take_all(client, tmp_path / "redis")
            sink.write_batch([END_OF_FEATURES])

        store = open_store(tmp_path / "store")
        answer = read_online(store, UNIVERSE.names, ("sequence", "version", FEATURES[0]))
    assert answer["sequence"] == [event_at(2), event_at(2), None]
    assert answer[FEATURES[0]] == [2.0, 3.0, None]
    (waited,) = [each.message for each in caplog.records if "has to wait" in each.message]
    assert waited.startswith(f"the online store has to wait: {said}")
