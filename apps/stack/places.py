"""Which servers there are, where each listens, and where the state of those that we start lies."""

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from config.servers import Servers

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "infra" / "native"
COMPOSE = ROOT / "infra" / "docker-compose.yml"
FOLDER_VARIABLE = "ITA_STACK"
MINIO_AFTER_S3 = 100
"""MinIO, the second S3 server, listens that many ports after the first."""


class Place(NamedTuple):
    """A server's name on the command line, what it is called, and its address."""

    name: str
    title: str
    host: str
    port: int

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"{self.host}:{self.port}"


DEFAULT = ("kafka", "influx", "s3", "postgres", "redis")
"""What `ita stack up` starts where nothing is named; MinIO starts only when it is named."""


class UnknownServer(ValueError):
    """A server was named that there is none of."""


def places(servers: Servers) -> dict[str, Place]:
    """Return the servers by name."""
    kafka_host, _, kafka_port = servers.kafka.bootstrap.split(",")[0].rpartition(":")
    influx, s3 = urlsplit(servers.influx.url), urlsplit(servers.s3.endpoint)
    s3_port = s3.port or 19000
    listed = (
        Place("kafka", "Kafka", kafka_host, int(kafka_port)),
        Place("influx", "InfluxDB", influx.hostname or "", influx.port or 8086),
        Place("s3", "SeaweedFS", s3.hostname or "", s3_port),
        Place("minio", "MinIO", s3.hostname or "", s3_port + MINIO_AFTER_S3),
        Place("postgres", "PostgreSQL", servers.postgres.host, servers.postgres.port),
        Place("redis", "Redis", servers.redis.host, servers.redis.port),
    )
    return {place.name: place for place in listed}


def chosen(names: list[str], known: dict[str, Place]) -> list[Place]:
    """Return the named servers, or the default ones; raises UnknownServer with what is allowed."""
    for name in names:
        if name not in known:
            raise UnknownServer(f"there is no server {name!r}; there are {', '.join(known)}")
    return [known[name] for name in names or DEFAULT]


def minio(servers: Servers) -> Servers:
    """Return the same servers with MinIO in the place of the S3 server."""
    place = places(servers)["minio"]
    endpoint = f"{urlsplit(servers.s3.endpoint).scheme}://{place.address}"
    return servers.model_copy(update={"s3": servers.s3.model_copy(update={"endpoint": endpoint})})


def stack_folder() -> Path:
    """Return where the state of the servers lies that we start: `ITA_STACK`, or `.ita/stack` of the project."""
    return Path(os.environ.get(FOLDER_VARIABLE) or ROOT / ".ita" / "stack").resolve()
