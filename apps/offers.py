"""What each server offers of what the served desk needs: sign-in, topics, buckets, tables, and room to write."""

import urllib.parse
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus

import psycopg
import redis as redis_client
from confluent_kafka import KafkaException

from apps.findings import Finding, broken, doubtful, well
from apps.stack.places import DEFAULT, places
from apps.stack.readiness import (
    PROBE_KEY,
    SECONDS,
    admin_client,
    answers,
    influx_answer,
    redis_client_of,
    s3_client,
    why_not_ready,
)
from apps.stack.topic_setup import TopicsFailed, differing_settings
from config.servers import Influx, Kafka, Postgres, Redis, Servers, environment_file
from config.topics import Topics
from connectors.postgres.connection import PostgresRefused
from connectors.postgres.migrations import SchemaRefused, check, head

INIT = "run `ita stack init`"

Lacking = Callable[[str, str], Finding]


def offers(servers: Servers, topics: Topics, *, served: bool) -> Iterator[Finding]:
    """Yield how each server is; none where none answers and `served` is not asked for.

    What a server lacks stands in the way of a run with `served`, and is worth a look otherwise.
    """
    known = places(servers)
    there = {name: answers(name, servers) for name in DEFAULT}
    if not served and not any(there.values()):
        return
    for name in DEFAULT:
        title, address = known[name].title, known[name].address
        lacking: Lacking = partial(broken if served else doubtful, title)
        if there[name]:
            yield _looked_at(name, servers, topics, lacking) or well(title, f"{address} {_OFFERED[name]}")
        elif served:
            yield lacking(
                f"nothing answers at {address}", f"run `ita stack up {name}`, or correct its address"
            )
        else:
            yield well(title, f"nothing answers at {address}; only the served desk needs it")


_OFFERED = {
    "kafka": "has the topics as configured",
    "influx": "has the bucket",
    "s3": "has the bucket, and keeps objects",
    "postgres": "lets the desk sign in, and has the tables of this version",
    "redis": "lets the desk sign in and write",
}


def _looked_at(name: str, servers: Servers, topics: Topics, lacking: Lacking) -> Finding | None:
    """Return what the server lacks, None where that is nothing."""
    if name == "postgres":
        return _postgres(servers.postgres, lacking)
    reason = why_not_ready(name, servers)
    if reason is not None:
        return lacking(reason, _mending(name))
    if name == "kafka":
        return _kafka(servers.kafka, topics, lacking)
    if name == "influx":
        return _influx(servers.influx, lacking)
    if name == "redis":
        return _redis(servers.redis, lacking)
    bucket = servers.s3.bucket
    return (
        None if s3_client(servers.s3).bucket_exists(bucket) else lacking(f"there is no bucket {bucket}", INIT)
    )


def _mending(name: str) -> str:
    secrets = {
        "kafka": "ITA_KAFKA__USERNAME and ITA_KAFKA__PASSWORD",
        "influx": "ITA_INFLUX__TOKEN",
        "s3": "ITA_S3__ACCESS_KEY and ITA_S3__SECRET_KEY",
        "redis": "ITA_REDIS__USER and ITA_REDIS__PASSWORD",
    }
    return (
        f"see `ita stack status`; what signs in is {secrets[name]}, of the environment or {environment_file()}, and a "
        f"certificate is checked with the authority in the file that ITA_{name.upper()}__CA names"
    )


def _kafka(kafka: Kafka, topics: Topics, lacking: Lacking) -> Finding | None:
    """Compare topics, their partitions and settings with those configured."""
    client = admin_client(kafka)
    try:
        there = client.list_topics(timeout=SECONDS).topics
        named = {kafka.prefix + name: topic for name, topic in topics.topics.items()}
        missing = sorted(set(named) - set(there))
        if missing:
            return lacking(f"{len(missing)} topics are missing: {', '.join(missing)}", INIT)
        wrong = [
            f"{name} has {len(there[name].partitions)} partitions and {topic.partitions} are configured"
            for name, topic in named.items()
            if len(there[name].partitions) != topic.partitions
        ]
        settings = {name: topics.broker_settings(topic) for name, topic in named.items()}
        wrong += differing_settings(client, settings, SECONDS)
    except TopicsFailed as error:
        return lacking(str(error), _mending("kafka"))
    except KafkaException as error:
        return lacking(error.args[0].str(), _mending("kafka"))
    if wrong:
        return doubtful("Kafka", "; ".join(wrong), f"{INIT}, which grows partitions; set the rest yourself")
    return None


def _influx(influx: Influx, lacking: Lacking) -> Finding | None:
    """Look the bucket up with the desk's token."""
    query = urllib.parse.urlencode({"org": influx.organisation, "name": influx.bucket})
    try:
        status, said = influx_answer(influx, f"/api/v2/buckets?{query}")
    except OSError as error:
        return lacking(str(error), _mending("influx"))
    if status >= HTTPStatus.BAD_REQUEST and status != HTTPStatus.NOT_FOUND:
        reason = f"the token is refused: {status} {HTTPStatus(status).phrase}"
        return lacking(reason, _mending("influx"))
    found = status == HTTPStatus.OK and said["buckets"]
    words = f"there is no bucket {influx.bucket} of {influx.organisation} that the token may see"
    return None if found else lacking(words, INIT)


def _postgres(postgres: Postgres, lacking: Lacking) -> Finding | None:
    """Sign in as the desk does, and compare the step of the tables with this version's."""
    try:
        check(postgres.url())
    except (SchemaRefused, PostgresRefused, psycopg.Error) as error:
        words = " ".join(str(error).split())
        return lacking(words, f"{INIT}; step {head()} is needed, and ITA_POSTGRES__PASSWORD signs in")
    return None


def _redis(redis: Redis, lacking: Lacking) -> Finding | None:
    """Write a key that goes by itself."""
    client = redis_client_of(redis)
    try:
        client.set(PROBE_KEY, "1", ex=1)
    except redis_client.RedisError as error:
        return lacking(f"it cannot be written: {error}", "make room, or let the role write")
    finally:
        client.close()
    return None
