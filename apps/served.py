"""Workers of the served desk, each a process of its own: market data by shard, decisions by book, and sinks.

They meet over Kafka. A worker keeps its recovery store and what is staged in a folder of its own below `out`; SIGTERM
drains it and a restart goes on where it was. The market data worker writes what the desk trades to
`reference.actions`; the others wait for it before they begin.
"""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import typer
from bytewax.dataflow import Dataflow
from confluent_kafka.admin import AdminClient

from apps.assembly import assemble
from apps.health import LAG_MESSAGES_MAX, REFERENCE, Health, opened
from apps.live import watched
from apps.run_folder import RunFolder, RunFolderError
from apps.running import PUSH_SECONDS, market_codec, run_flow, stop_on_signal
from apps.sources import sources_of
from config.servers import Redis, Servers, read_servers
from config.settings import Settings, read_settings
from connectors.feast.sink import FeastSink
from connectors.feast.store import Online, redis_store
from connectors.influx.sink import InfluxSink
from connectors.kafka.client import KafkaCluster, KafkaRefused
from connectors.kafka.codec import KafkaCodec
from connectors.kafka.reference import described_source, publish_reference
from connectors.kafka.sink import KafkaSink
from connectors.kafka.source import MARK, KafkaSource
from connectors.lake.s3 import S3Shelf
from connectors.lake.schemas import DECISIONS, MARKET
from connectors.lake.sink import LakeSink
from connectors.postgres.connection import postgres_url
from connectors.postgres.sink import PostgresSink
from connectors.source import TickSource
from connectors.tick_input import Pace, Stop, TickInput
from feature_repo.declarations import declarations
from features.catalogue import CATALOGUE
from flows import served_decisions, served_market_data, sinks
from flows.stages import BOOK, KeptFeatures

WORKERS = ("market-data", "decisions", "sinks")
SCORED = "scored"
MARKET_TOPICS = (*MARKET, "quarantine.market_data")
DECISION_TOPICS = tuple(DECISIONS)
QUARANTINE = "quarantine.kafka"
EPOCH_SECONDS = 1.0
BATCH_ROWS = 4_096
ANSWER_SECONDS = 10.0
PASSWORD = "ITA_REDIS__PASSWORD"  # noqa: S105  the name of a variable


class Worker(NamedTuple):
    """What is run: which worker, over which shards (None: all), from which source, how fast, and where."""

    kind: str
    shards: str | None
    source: str
    speed: float
    config: Path | None
    out: Path
    metrics_host: str
    metrics_port: int


class Bench(NamedTuple):
    """What every worker has at hand: its settings, servers and folder, its stop and its health."""

    settings: Settings
    servers: Servers
    cluster: KafkaCluster
    folder: RunFolder
    shards: tuple[str, ...]
    mine: tuple[str, ...]
    stop: Stop
    health: Health


def run_worker(worker: Worker) -> None:
    """Run a worker until it is stopped or its input ends; going on where an earlier one stopped."""
    settings, servers = read_settings(worker.config), read_servers(worker.config)
    cluster = servers.kafka.cluster()
    shards = tuple(str(number) for number in range(partitions_of(cluster, SCORED)))
    mine = chosen(worker.shards, shards) if worker.kind == "market-data" else shards
    name = f"{worker.kind}-{'.'.join(mine)}" if worker.kind == "market-data" else worker.kind
    identity = {"kind": worker.kind, "shards": list(mine), "configuration": settings.digest}
    folder = RunFolder(worker.out / name, identity)
    try:
        stop = Stop()
        health = watched(worker.metrics_host, worker.metrics_port)
        if worker.kind == "decisions":
            health.needs_shards(shards)
            health.needs_lag(LAG_MESSAGES_MAX)
        bench = Bench(settings, servers, cluster, folder, shards, mine, stop, health)
        with stop_on_signal(stop):
            flow = _FLOWS[worker.kind](bench, worker)
            if flow is not None:
                run_flow(flow, folder.recovery(worker.kind), EPOCH_SECONDS, live=True)
        typer.echo(
            f"{name} stopped; the same command goes on" if stop.asked.is_set() else f"{name} is done",
            err=True,
        )
    finally:
        folder.close()


def _market_data(bench: Bench, worker: Worker) -> Dataflow:
    source = sources_of((worker.source,), config=worker.config)
    publish_reference(bench.cluster, source)
    bench.health.has(REFERENCE)
    made = assemble(bench.settings, source, bench.shards, bench.health)
    index = {name: number for number, name in enumerate(made.universe.names)}
    pace = Pace(worker.speed, time.monotonic_ns) if worker.speed > 0 else None
    partitions = {shard: int(shard) for shard in bench.mine}
    codec = KafkaCodec()
    edges = served_market_data.ServedMarketEdges(
        ticks=TickInput(source, index, bench.shards, bench.mine, BATCH_ROWS, bench.stop, pace),
        topics=KafkaSink(
            bench.cluster,
            "market_data",
            partitions,
            MARKET_TOPICS,
            codec,
            market_codec(bench.settings, source, made),
        ),
        scored=KafkaSink(bench.cluster, SCORED, partitions, (SCORED,), codec),
    )
    return served_market_data.build(
        opened(edges, bench.health), made.stages._replace(pages=bench.folder.pages(worker.kind))
    )


def _decisions(bench: Bench, worker: Worker) -> Dataflow | None:
    source = _described(bench)
    if source is None:
        return None
    made = assemble(bench.settings, source, bench.shards, bench.health)
    codec, book = KafkaCodec(), {BOOK: 0}
    edges = served_decisions.ServedDecisionEdges(
        scored=KafkaSource(
            bench.cluster,
            (SCORED,),
            tuple(int(shard) for shard in bench.shards),
            codec,
            stop=MARK,
            drain=bench.stop,
        ),
        topics=KafkaSink(bench.cluster, "decisions", book, DECISION_TOPICS, codec),
        quarantine=KafkaSink(bench.cluster, "decisions_quarantine", book, (QUARANTINE,), codec),
    )
    return served_decisions.build(
        opened(edges, bench.health), made.stages._replace(pages=bench.folder.pages(worker.kind))
    )


def _sinks(bench: Bench, _worker: Worker) -> Dataflow | None:
    source = _described(bench)
    if source is None:
        return None
    made = assemble(bench.settings, source, bench.shards, bench.health)
    index = {name: number for number, name in enumerate(made.universe.names)}
    servers, settings, folder = bench.servers, bench.settings, bench.folder
    keepers = (*bench.shards, BOOK)
    reading: dict[str, Any] = {"stop": MARK, "drain": bench.stop}
    numbers = tuple(int(shard) for shard in bench.shards)
    edges = sinks.SinkEdges(
        market=KafkaSource(bench.cluster, MARKET_TOPICS, numbers, KafkaCodec(), **reading),
        decisions=KafkaSource(
            bench.cluster, DECISION_TOPICS, (0,), KafkaCodec(), shard_of=lambda *_: BOOK, **reading
        ),
        lake=LakeSink(
            folder.lake,
            keepers,
            rows_per_file=settings.base.lake.rows_per_file,
            shelf=lambda: S3Shelf(servers.s3.place()),
        ),
        journal=PostgresSink(
            postgres_url(
                servers.postgres.host,
                servers.postgres.port,
                servers.postgres.database,
                servers.postgres.user,
                servers.postgres.password.get_secret_value(),
            )
        ),
        feature_store=FeastSink(
            folder.feature_store,
            bench.shards,
            made.universe.names,
            CATALOGUE,
            declarations,
            push_seconds=PUSH_SECONDS,
            online=online_store(servers.redis),
        ),
        features=KeptFeatures(index, made.features),
        series=InfluxSink(servers.influx.place(), keepers, folder.path / "refused"),
    )
    return sinks.build(opened(edges, bench.health))


_FLOWS: dict[str, Callable[[Bench, Worker], Dataflow | None]] = {
    "market-data": _market_data,
    "decisions": _decisions,
    "sinks": _sinks,
}


def _described(bench: Bench) -> TickSource | None:
    """Return what the desk trades, once it is known; None where a stop comes first."""

    def stopped() -> bool:
        bench.health.still_starts()
        return bench.stop.asked.is_set()

    source = described_source(bench.cluster, stopped)
    bench.health.has(REFERENCE)
    return source


def online_store(redis: Redis) -> Online:
    """Return the online store on Redis; its password goes by the environment, and into no file."""
    secret = redis.password.get_secret_value()
    if secret:
        os.environ[PASSWORD] = secret
    return redis_store(
        redis.host, redis.port, redis.database, tls=redis.tls, secret=PASSWORD if secret else ""
    )


def partitions_of(cluster: KafkaCluster, topic: str) -> int:
    """Return how many partitions a topic has, which is how many shards the desk has; raises KafkaRefused."""
    name = cluster.topic(topic)
    found = AdminClient(cluster.client).list_topics(name, timeout=ANSWER_SECONDS).topics[name]
    if found.error is not None:
        raise KafkaRefused(f"there is no topic {name}: {found.error.str()}; `ita stack init` makes it")
    return len(found.partitions)


def chosen(words: str | None, shards: tuple[str, ...]) -> tuple[str, ...]:
    """Return the shards that `0-3` or `0,2` names; raises RunFolderError for one that is not there."""
    if words is None:
        return shards
    named: list[str] = []
    for part in words.split(","):
        ends = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if ends is None:
            raise RunFolderError(f"shards are written 0-3 or 0,2; {words!r} was given")
        first, last = int(ends[1]), int(ends[2] or ends[1])
        named += [str(number) for number in range(first, last + 1)]
    wrong = [shard for shard in named if shard not in shards]
    if wrong or len(set(named)) < len(named) or not named:
        raise RunFolderError(
            f"the desk has shards {', '.join(shards)}, as many as topic {SCORED} has partitions; {words!r} was given"
        )
    return tuple(named)
