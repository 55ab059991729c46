"""Real servers for tests that are marked `served`: skipped with the reason where one does not answer.

With ITA_SERVED=required a server that does not answer fails the test instead.
"""

import os
import socket
import tempfile
import uuid
from urllib.parse import urlsplit

import pytest

from config.servers import read_servers

os.environ.setdefault("ITA_AUDIT_HOME", tempfile.mkdtemp(prefix="ita-audit-home-"))
"""Keys of tests are no person's keys: what tests start has them, too."""


def answers(host, port):
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def wanted(name, host, port):
    if answers(host, port):
        return
    said = f"no {name} at {host}:{port}; `ita stack up {name}` starts one"
    (pytest.fail if os.environ.get("ITA_SERVED") == "required" else pytest.skip)(said)


@pytest.fixture(scope="session")
def servers():
    return read_servers()


@pytest.fixture
def own():
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def kafka(servers, own):
    host, port = servers.kafka.bootstrap.split(",")[0].rsplit(":", 1)
    wanted("kafka", host, int(port))
    return servers.kafka.model_copy(update={"prefix": f"{own}."})


@pytest.fixture
def influx(servers):
    address = urlsplit(servers.influx.url)
    wanted("influx", address.hostname, address.port)
    return servers.influx


@pytest.fixture
def s3(servers, own):
    address = urlsplit(servers.s3.endpoint)
    wanted("s3", address.hostname, address.port)
    return servers.s3.model_copy(update={"prefix": f"{own}/"})


@pytest.fixture
def minio(servers, own):
    endpoint = os.environ.get("ITA_MINIO_ENDPOINT", "http://127.0.0.1:19100")
    address = urlsplit(endpoint)
    wanted("minio", address.hostname, address.port)
    return servers.s3.model_copy(update={"endpoint": endpoint, "prefix": f"{own}/"})


@pytest.fixture
def postgres(servers):
    wanted("postgres", servers.postgres.host, servers.postgres.port)
    return servers.postgres


@pytest.fixture
def redis(servers):
    wanted("redis", servers.redis.host, servers.redis.port)
    return servers.redis
