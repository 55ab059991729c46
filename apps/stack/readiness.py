"""Whether a server does its work: each is asked to do some, as an open port says little."""

import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import minio as minio_client
import psycopg
import redis as redis_package
import urllib3
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.stack.passwords import read_secrets
from apps.stack.places import minio, places
from config.servers import S3, Influx, Kafka, Postgres, Redis, Servers
from connectors.kafka.client import is_refusal, plain, unlike

SECONDS = 3
HEARD_MAX = 10
PROBE = "ita-readiness-probe"
PROBE_KEY = "ita:doctor"
"""What Redis is asked to keep for a second."""


class NotReady(RuntimeError):
    """A server does not do its work, with its reason."""


_REFUSALS = (
    OSError,
    KafkaException,
    NotReady,
    psycopg.Error,
    redis_package.RedisError,
    urllib3.exceptions.HTTPError,
    minio_client.error.MinioException,
)


def why_not_ready(name: str, servers: Servers) -> str | None:
    """Return why the server cannot be worked with now, and None where it can."""
    try:
        _PROBES[name](servers)
    except _REFUSALS as error:
        return " ".join(str(error).split()) or type(error).__name__
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
    return AdminClient(_quiet(kafka))


def _quiet(kafka: Kafka) -> dict[str, Any]:
    return kafka.client() | {"log_level": 0, "socket.timeout.ms": SECONDS * 1000}


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
        with _opener(influx).open(request, timeout=seconds) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace").strip()


def _opener(influx: Influx) -> urllib.request.OpenerDirector:
    """Return what asks a server of ours, past any proxy, and checks its certificate with the configured authority."""
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_checked(influx.ca))
    )


def _checked(ca: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=None if ca is None else str(ca))


def redis_client_of(redis: Redis) -> redis_package.Redis:
    """Return a client of Redis that tries once, and not for long."""
    return redis_package.Redis(
        host=redis.host,
        port=redis.port,
        db=redis.database,
        username=redis.user or None,
        password=redis.password.get_secret_value() or None,
        ssl=redis.tls,
        ssl_ca_certs=None if redis.ca is None else str(redis.ca),
        socket_timeout=SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


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
    heard: list[KafkaError] = []
    client = AdminClient(_quiet(servers.kafka) | {"error_cb": heard.append})
    try:
        named = client.list_topics(timeout=SECONDS).brokers
    except KafkaException as error:
        for _ in range(HEARD_MAX):
            client.poll(0)
        refusal = next((plain(one) for one in heard if is_refusal(one)), None)
        raise NotReady(refusal or unlike(servers.kafka.client()) or error.args[0].str()) from error
    if not named:
        raise NotReady("the broker names no brokers")


def _influx(servers: Servers) -> None:
    with _opener(servers.influx).open(f"{servers.influx.url}/health", timeout=SECONDS) as answer:
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
    client = redis_client_of(servers.redis)
    try:
        client.ping()
    finally:
        client.close()


_PROBES: dict[str, Callable[[Servers], None]] = {
    "kafka": _kafka,
    "influx": _influx,
    "s3": _s3,
    "minio": _minio,
    "postgres": _postgres,
    "redis": _redis,
}
