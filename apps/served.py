"""Workers of the served desk, each a process of its own: market data by shard, decisions, execution, and sinks.

They meet over Kafka. A worker keeps its recovery store and what is staged in a folder of its own below `out`; SIGTERM
drains it and a restart goes on where it was. The market data worker writes what the desk trades to
`reference.actions`; the others wait for it before they begin. What one worker alone needs is imported where it is
made, since the others start sooner without it.
"""

import os
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer
from bytewax.dataflow import Dataflow

from apps.actions import actions_digest, heard_beside, with_actions
from apps.assembly import Assembly, assemble
from apps.audit_trail import audit_sink, with_audited
from apps.health import CONTROLS, LAG_MESSAGES_MAX, REFERENCE, Health, opened
from apps.list_screening import ListScreener
from apps.live import begin_venue, watched
from apps.provenance import keep_provenance
from apps.run_folder import RunFolder, RunFolderError
from apps.running import PUSH_SECONDS, market_codec, run_flow, stop_on_signal
from apps.second_feed import with_second
from apps.shard_claims import claimed_folder, same_partitions
from apps.shard_states import state_store
from apps.sources import sources_of
from apps.venues import is_live
from config.servers import Redis, Servers, read_servers
from config.settings import Settings, SettingsError, read_settings
from connectors.acted_live import ActedLive
from connectors.kafka.client import KafkaCluster
from connectors.kafka.codec import KafkaCodec
from connectors.kafka.controls import ControlSource, said_before
from connectors.kafka.notes import NoteSink
from connectors.kafka.reference import described_source, publish_reference
from connectors.kafka.sink import KafkaSink
from connectors.kafka.source import MARK, KafkaSource
from connectors.kafka.tails import partition_count
from connectors.lake.schemas import DECISIONS, MARKET, MARKET_RECORDS
from connectors.lake.sink import LakeSink
from connectors.live_input import Live, LiveInput
from connectors.screened_commands import ScreenedCommands
from connectors.source import TickSource
from connectors.tick_input import Pace, Stop, TickInput
from connectors.websocket.live_ticks import LiveTicks
from flows import served_decisions, served_execution, served_market_data, sinks
from flows.stages import (
    BOOK,
    EXECUTIONS,
    NOTES,
    OF_A_LYING_VENUE,
    PROGRESS,
    PROMISES,
    UNREADABLE,
    KeptFeatures,
    Stages,
)
from operators.backlog import Backlog
from operators.controls import Before
from operators.decisions import Decisions
from operators.party_screening import parties_of
from operators.venue_stage import VenueStage

if TYPE_CHECKING:
    from connectors.feast.store import Online

SCORED = "scored"
MARKET_TOPICS = (*MARKET, *MARKET_RECORDS, "quarantine.market_data")
DECISION_TOPICS = tuple(topic for topic in DECISIONS if topic not in OF_A_LYING_VENUE)
SENT_TOPICS = tuple(topic for topic in DECISION_TOPICS if topic != EXECUTIONS)
BOOK_WORKERS = ("decisions", "execution")
"""Those that read every shard, and are not ready before each has spoken."""
BATCHES_AHEAD = 512
"""How many batches the venue may know that the desk has not decided on yet."""
EPOCH_SECONDS = 1.0
MARKET_LINGER_SECONDS = 0.1
"""How much later market data may be at the stores than at the book: each transaction costs broker and worker some."""
BATCH_ROWS = 4_096
USER = "ITA_REDIS__USER"
PASSWORD = "ITA_REDIS__PASSWORD"  # noqa: S105  the name of a variable


class Worker(NamedTuple):
    """What is run: which worker, over which shards (None: all), from which source, how fast, and where.

    `actions` are of the market data worker: the others hear of them with the market, and keep them.
    """

    kind: str
    shards: str | None
    source: str
    speed: float
    config: Path | None
    out: Path
    metrics_host: str
    metrics_port: int
    actions: Path | None = None
    against: str | None = None


class Bench(NamedTuple):
    """What every worker has at hand: settings, servers, folder, recovery store, part of the desk, stop and health."""

    settings: Settings
    servers: Servers
    cluster: KafkaCluster
    folder: RunFolder
    store: str
    shards: tuple[str, ...]
    mine: tuple[str, ...]
    stop: Stop
    health: Health


def run_worker(worker: Worker) -> None:
    """Run a worker until it is stopped or its input ends; going on where an earlier one stopped."""
    settings = read_settings(worker.config, judging=worker.kind == "decisions")
    servers = read_servers(worker.config)
    cluster = servers.kafka.cluster()
    shards = tuple(str(number) for number in range(partition_count(cluster, SCORED)))
    mine = chosen(worker.shards, shards) if worker.kind == "market-data" else shards
    name = f"{worker.kind}-{'.'.join(mine)}" if worker.kind == "market-data" else worker.kind
    identity = {"kind": worker.kind, "shards": list(mine), "configuration": settings.digest}
    if worker.actions is not None and not is_live(worker.source):
        identity["actions"] = actions_digest(worker.actions)
    if worker.against is not None:
        identity["against"] = worker.against
    with claimed_folder(cluster, worker.out / name, identity, worker.kind, mine) as folder:
        keep_provenance(folder.path, settings)
        store = worker.kind
        if worker.kind == "market-data":
            same_partitions(cluster, MARKET_TOPICS, len(shards))
            store = state_store(folder, mine, len(shards))
        stop = Stop()
        health = watched(worker.metrics_host, worker.metrics_port)
        if worker.kind in BOOK_WORKERS:
            health.needs_shards(shards)
            if worker.kind == "decisions":
                health.needs(CONTROLS, "limits and kill switches are not read yet")
            health.needs_lag(LAG_MESSAGES_MAX)
        bench = Bench(settings, servers, cluster, folder, store, shards, mine, stop, health)
        with stop_on_signal(stop):
            _run(bench, worker)
        typer.echo(
            f"{name} stopped; the same command goes on" if stop.asked.is_set() else f"{name} is done",
            err=True,
        )


def _run(bench: Bench, worker: Worker) -> None:
    """Run the worker's flow; a venue is let go at its end."""
    source = _source(bench, worker)
    try:
        if source is not None:
            bench.health.has(REFERENCE)
            flow = _flow(bench, worker, source)
            run_flow(flow, bench.folder.recovery(bench.store), EPOCH_SECONDS, live=True)
    finally:
        if isinstance(source, LiveTicks | ActedLive):
            source.close()


def _source(bench: Bench, worker: Worker) -> TickSource | None:
    """Return what the desk trades: the worker's source, made known to the others, or what they are told of it.

    None where a stop comes before it is known.
    """
    if worker.kind == "market-data":
        source: TickSource
        if is_live(worker.source):
            source = begin_venue(worker.source, bench.folder, worker.config, bench.shards, bench.mine)
            source = heard_beside(source, bench.settings, bench.folder, worker.actions)
        else:
            source = sources_of((worker.source,), config=worker.config)
            source = with_actions(source, bench.settings, worker.actions)
            source = with_second(source, bench.settings, worker.against, worker.config)
        publish_reference(bench.cluster, source)
        return source

    def stopped() -> bool:
        bench.health.still_starts()
        return bench.stop.asked.is_set()

    return described_source(bench.cluster, stopped)


def refuse_comparisons(made: Assembly) -> None:
    """Raise SettingsError where the configuration compares instruments: between servers there is no topic for it."""
    if made.comparisons:
        raise SettingsError(
            f"{made.comparisons[0].name} compares instruments, which the served desk has no topic for; take it out of "
            "features.cross_section.compare and of what strategies read, or run the desk without servers"
        )


def _flow(bench: Bench, worker: Worker, source: TickSource) -> Dataflow:
    made = assemble(bench.settings, source, bench.shards, bench.health)
    refuse_comparisons(made)
    stages = made.stages._replace(pages=bench.folder.pages(bench.store))
    if worker.kind == "market-data":
        market = _market_data(bench, source, made, worker.speed)
        return served_market_data.build(opened(market, bench.health), stages)
    if worker.kind == "decisions":
        return _decisions(bench, stages)
    if worker.kind == "execution":
        return _execution(bench, stages)
    return sinks.build(opened(_sinks(bench, made), bench.health))


def _market_data(
    bench: Bench, source: TickSource, made: Assembly, speed: float
) -> served_market_data.ServedMarketEdges:
    pace = Pace(speed, time.monotonic_ns) if speed > 0 else None
    partitions = {shard: int(shard) for shard in bench.mine}
    market = market_codec(bench.settings, source, made)
    return served_market_data.ServedMarketEdges(
        ticks=(LiveInput if isinstance(source, Live) else TickInput)(
            source, made.universe.indices(), bench.shards, bench.mine, BATCH_ROWS, bench.stop, pace
        ),
        topics=KafkaSink(
            bench.cluster,
            "market_data",
            partitions,
            MARKET_TOPICS,
            KafkaCodec(),
            market,
            linger_seconds=MARKET_LINGER_SECONDS,
        ),
        scored=KafkaSink(bench.cluster, SCORED, partitions, (SCORED,), KafkaCodec()),
    )


def _reading(
    bench: Bench,
    topics: tuple[str, ...],
    shards: tuple[str, ...] | None = None,
    codec: KafkaCodec | None = None,
) -> KafkaSource:
    """Return the input from topics of every shard, or of the book's one partition where there are no shards."""
    return KafkaSource(
        bench.cluster,
        topics,
        tuple(map(int, shards)) if shards else (0,),
        codec or KafkaCodec(),
        stop=MARK,
        shard_of=None if shards else lambda *_: BOOK,
        drain=bench.stop,
    )


def _decisions(bench: Bench, stages: Stages) -> Dataflow:
    """Return the flow that decides, with its venue in the execution worker."""
    codec, book, backlog = KafkaCodec(NOTES), {BOOK: 0}, Backlog()
    params = replace(stages.decisions.params, remote_venue=True)
    before = Before(*said_before(bench.cluster, f"decisions.{BOOK}", SENT_TOPICS, PROGRESS))
    edges = served_decisions.ServedDecisionEdges(
        scored=_reading(bench, (SCORED,), bench.shards).held_while(backlog.is_full),
        venue=_reading(bench, (EXECUTIONS, PROMISES), codec=codec),
        controls=ScreenedCommands(
            ControlSource(bench.cluster, BOOK, lambda: backlog.is_over, behind=backlog.is_behind),
            ListScreener(parties_of(params.universe.instruments, bench.settings.facts)),
        ),
        topics=KafkaSink(bench.cluster, "decisions", book, SENT_TOPICS, codec),
        progress=NoteSink(bench.cluster, PROGRESS, codec, (BOOK,)),
        quarantine=KafkaSink(bench.cluster, "decisions_quarantine", book, (UNREADABLE,), codec),
        audit=audit_sink(bench.settings, bench.folder),
    )
    return served_decisions.build(
        opened(edges, bench.health),
        stages._replace(
            decisions=Decisions(
                params,
                backlog,
                with_audited(before, bench.settings, bench.folder),
                controlled=True,
            )
        ),
    )


def _execution(bench: Bench, stages: Stages) -> Dataflow:
    """Return the flow of the venue."""
    codec, book, backlog = KafkaCodec(NOTES), {BOOK: 0}, Backlog(BATCHES_AHEAD)
    params = replace(stages.decisions.params, remote_venue=True)
    edges = served_execution.ServedExecutionEdges(
        scored=_reading(bench, (SCORED,), bench.shards).held_while(backlog.is_full),
        requests=_reading(bench, ("oms.orders", "oms.cancels", PROGRESS), codec=codec),
        topics=KafkaSink(bench.cluster, "execution", book, (EXECUTIONS,), codec),
        promises=NoteSink(bench.cluster, PROMISES, codec, (BOOK,)),
    )
    return served_execution.build(
        opened(edges, bench.health), stages._replace(venue=VenueStage(params, backlog))
    )


def _sinks(bench: Bench, made: Assembly) -> sinks.SinkEdges:
    from connectors.feast.sink import FeastSink  # noqa: PLC0415  of this worker alone
    from connectors.influx.sink import InfluxSink  # noqa: PLC0415  of this worker alone
    from connectors.lake.s3 import S3Shelf  # noqa: PLC0415  of this worker alone
    from connectors.postgres.sink import PostgresSink  # noqa: PLC0415  of this worker alone
    from feature_repo.declarations import declarations  # noqa: PLC0415  of this worker alone

    servers, folder, keepers = bench.servers, bench.folder, (*bench.shards, BOOK)
    return sinks.SinkEdges(
        market=_reading(bench, MARKET_TOPICS, bench.shards),
        decisions=_reading(bench, (*DECISION_TOPICS, UNREADABLE)),
        lake=LakeSink(
            folder.lake,
            keepers,
            rows_per_file=bench.settings.base.lake.rows_per_file,
            shelf=lambda: S3Shelf(servers.s3.place()),
        ),
        journal=PostgresSink(servers.postgres.url()),
        feature_store=FeastSink(
            folder.feature_store,
            bench.shards,
            made.universe.names,
            made.lines,
            declarations,
            push_seconds=PUSH_SECONDS,
            online=online_store(servers.redis),
        ),
        features=KeptFeatures(made.universe.indices(), made.features),
        series=InfluxSink(servers.influx.place(), keepers, folder.path / "refused"),
    )


def online_store(redis: Redis) -> "Online":
    """Return the online store on Redis; user and password go by the environment, and into no file."""
    from connectors.feast.store import redis_store  # noqa: PLC0415  of this worker alone

    secret = redis.password.get_secret_value()
    if secret:
        os.environ[PASSWORD] = secret
    if redis.user:
        os.environ[USER] = redis.user
    return redis_store(
        redis.host,
        redis.port,
        redis.database,
        tls=redis.tls,
        ca="" if redis.ca is None else str(redis.ca),
        user=USER if redis.user else "",
        secret=PASSWORD if secret else "",
    )


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
    return tuple(sorted(named, key=int))
