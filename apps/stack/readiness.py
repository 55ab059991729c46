"""Whether a server does its work: each is asked to do some, as an open port says little."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from io import BytesIO
from typing import Any

import minio as minio_client
import psycopg
import urllib3
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from apps.stack.passwords import read_secrets
from apps.stack.places import minio, places
from config.servers import S3, Influx, Kafka, Postgres, Redis, Servers

SECONDS = 3
PROBE = "ita-readiness-probe"


class NotReady(RuntimeError):
    """A server does not do its work, with its reason."""


def why_not_ready(name: str, servers: Servers) -> str | None:
    """Return why the server cannot be worked with now, and None where it can."""
    try:
        _PROBES[name](servers)
    except (OSError, KafkaException, NotReady, psycopg.Error, urllib3.exceptions.HTTPError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    except minio_client.error.MinioException as error:
        return " ".join(str(error).split())
    return None


def answers(name: str, servers: Servers) -> bool:
    """Return whether something listens at the server's address."""
    place = places(servers)[name]
    try:
        with socket.create_connection((place.host, place.port), SECONDS):
            return True
    except OSError:
        return False


def until_ready(name: str, servers: Servers, seconds: float, alive: Callable[[], bool]) -> None:
    """Wait for the server; raises NotReady with its last reason when it ends or the time is over."""
    deadline = time.monotonic() + seconds
    while (reason := why_not_ready(name, servers)) is not None:
        if not alive():
            raise NotReady(f"{places(servers)[name].title} ended while it started")
        if time.monotonic() > deadline:
            raise NotReady(f"{places(servers)[name].title} is not ready after {seconds:.0f} s: {reason}")
        time.sleep(0.1)


def admin_client(kafka: Kafka) -> AdminClient:
    """Return an administrator's client of the broker that keeps quiet about a broker that is not there yet."""
    return AdminClient(kafka.client() | {"log_level": 0, "socket.timeout.ms": SECONDS * 1000})


def s3_client(s3: S3) -> minio_client.Minio:
    """Return a client of the object store that tries once, and not for long."""
    return s3.place().client(SECONDS)


def influx_answer(
    influx: Influx, path: str, body: dict[str, Any] | None = None, seconds: float = SECONDS
) -> tuple[int, Any]:
    """Call InfluxDB with the desk's token; return the status, and its JSON or, from 400 on, its words.

    Raises OSError where nobody answers.
    """
    request = urllib.request.Request(  # noqa: S310  the scheme is the configuration's own
        influx.url + path,
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Token {influx.token.get_secret_value()}"},
    )
    try:
        with _opener().open(request, timeout=seconds) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace").strip()


def _opener() -> urllib.request.OpenerDirector:
    """Return what asks a server of ours, past any proxy."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def sign_in(postgres: Postgres, user: str, password: str, database: str) -> psycopg.Connection[Any]:
    """Return a connection of a role to a database of the server, each statement for itself."""
    return psycopg.connect(
        host=postgres.host,
        port=postgres.port,
        user=user,
        password=password,
        dbname=database,
        sslmode=postgres.tls,
        sslrootcert=None if postgres.ca is None else str(postgres.ca),
        connect_timeout=SECONDS,
        autocommit=True,
    )


def _kafka(servers: Servers) -> None:
    if not admin_client(servers.kafka).list_topics(timeout=SECONDS).brokers:
        raise NotReady("the broker names no brokers")


def _influx(servers: Servers) -> None:
    with _opener().open(f"{servers.influx.url}/health", timeout=SECONDS) as answer:
        if b'"pass"' not in answer.read():
            raise NotReady("its health is not `pass`")


def _s3(servers: Servers) -> None:
    """Put an object, read it and delete it: SeaweedFS answers long before it can."""
    client = s3_client(servers.s3)
    if not client.bucket_exists(PROBE):
        client.make_bucket(PROBE)
    client.put_object(PROBE, PROBE, BytesIO(b"ready"), 5)
    answer = client.get_object(PROBE, PROBE)
    try:
        if answer.read() != b"ready":
            raise NotReady("an object comes back other than it was put")
    finally:
        answer.close()
        answer.release_conn()
    client.remove_object(PROBE, PROBE)


def _minio(servers: Servers) -> None:
    _s3(minio(servers))


def _postgres(servers: Servers) -> None:
    password = read_secrets()["ITA_POSTGRES_ADMIN__PASSWORD"]
    with sign_in(servers.postgres, "postgres", password, "postgres") as connection:
        connection.execute("select 1")


def _redis(servers: Servers) -> None:
    """Sign in and ask for a PONG, in Redis's own few words."""
    with socket.create_connection((servers.redis.host, servers.redis.port), SECONDS) as wire:
        said = _redis_words(wire, *_redis_sign_in(servers.redis)) + _redis_words(wire, "PING")
    if said != "+OK+PONG":
        raise NotReady(said.strip() or "no answer")


def _redis_sign_in(redis: Redis) -> list[str]:
    return ["AUTH", *([redis.user] if redis.user else []), redis.password.get_secret_value()]


def _redis_words(wire: socket.socket, *words: str) -> str:
    told = "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    wire.sendall(f"*{len(words)}\r\n{told}".encode())
    return wire.recv(512).decode().strip()


_PROBES: dict[str, Callable[[Servers], None]] = {
    "kafka": _kafka,
    "influx": _influx,
    "s3": _s3,
    "minio": _minio,
    "postgres": _postgres,
    "redis": _redis,
}
