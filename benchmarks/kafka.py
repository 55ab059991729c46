"""The desk's market flow with Kafka in and out, against the same flow from a lake into embedded sinks.

    python benchmarks/kafka.py

A simulated day is recorded once: as a lake, and as the topics `raw.trades` and `raw.quotes` of one partition each,
under a prefix of their own that is deleted at the end. Then the two flows run in turns in one process, after a turn
of each that is not counted. With Kafka, every turn writes all market topics and `scored` into new topics; embedded,
the same rows go to a lake and an embedded topic. The feature store is off in both: the served desk has it in another
worker. `ratio` is embedded seconds over Kafka seconds, of medians. What comes once a start and not once a tick is
named: `opening_seconds`, in which the sinks take their shards over, is counted in `ratio` and left out of
`ratio_without_opening`; `open_seconds`, in which the source reads the topics through, is counted in neither.

Then the parts alone, over the same raw rows: `consumer` is KafkaSource with its decoding, `decode` is KafkaCodec on
messages in memory, `producer` is KafkaSink, opened within it, until its snapshot; `plain_consumer` and
`plain_producer` are the client library in a loop on the same bytes, the consumer until it is closed. The table has
the shares of the Kafka flow's own thread in its median turn.
"""

import argparse
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, NamedTuple
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bytewax.dataflow import Dataflow
from confluent_kafka import Message, Producer

from apps.assembly import Assembly, assemble
from apps.run_folder import RunPaths
from apps.running import RunOptions, market_codec, market_edges, run_flow
from apps.served import BATCH_ROWS, EPOCH_SECONDS, MARKET_TOPICS, SCORED
from apps.stack.readiness import admin_client
from apps.stack.topic_setup import set_up_topics
from benchmarks.desk import Shares, TimedSink, TimedSinkPart, TimedSource, Turn, table
from config.servers import read_servers
from config.settings import Settings, read_settings
from config.topics import Topic, Topics
from connectors.files.lake_reference import keep_reference
from connectors.files.open_source import open_source
from connectors.kafka.client import KafkaCluster, Place, Watch, consumer_of
from connectors.kafka.codec import KafkaCodec
from connectors.kafka.sink import KafkaSink
from connectors.kafka.source import MARK, KafkaSource
from connectors.kafka.tails import read_to_end
from connectors.kafka.ticks import RAW, KafkaTicks
from connectors.kafka.told import Told
from connectors.lake.codec import END_OF_INPUT, Rows
from connectors.source import TickSource
from connectors.tick_input import Stop, TickInput
from connectors.topics.codec import MarketCodec
from connectors.topics.sink import TopicSink
from flows import market_data, served_market_data

SIMULATED = "simulator:instruments=20,days=3,ticks=500000"
QUICK = "simulator:instruments=4,days=1,ticks=20000"
SHARDS = ("0",)
ONE_PARTITION = {"0": 0}
DELETE_SECONDS = 30


class Bench(NamedTuple):
    """What every turn needs."""

    settings: Settings
    batch_rows: int


class Alone(NamedTuple):
    """Median seconds of each part alone, and the bytes and messages that went through them."""

    seconds: dict[str, float]
    messages: int
    megabytes: float


class OpenedSink(TimedSink):
    """A sink of which opening and closing are counted too: a transactional writer takes its shard over first."""

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> "OpenedSinkPart":
        part = self._shares.timed(
            f"{self._name} opening", lambda: self._sink.build_part(step_id, for_part, resume_state)
        )
        return OpenedSinkPart(part, self._name, self._shares)


class OpenedSinkPart(TimedSinkPart):
    def close(self) -> None:
        self._shares.timed(f"{self._name} closing", super().close)


@contextmanager
def own_topics(names: Sequence[str]) -> Iterator[KafkaCluster]:
    """Make topics of one partition under a new prefix, and delete them in the end."""
    kafka = read_servers().kafka.model_copy(update={"prefix": f"benchmark.{uuid4().hex[:10]}."})
    set_up_topics(kafka, Topics(topics={name: Topic(partitions=1) for name in names}))
    try:
        yield kafka.cluster()
    finally:
        client = admin_client(kafka)
        for future in client.delete_topics([kafka.prefix + name for name in names]).values():
            future.result(DELETE_SECONDS)


def timed_flow(
    bench: Bench, source: TickSource, paths: RunPaths, flow_of: Callable[[Assembly, Shares], Dataflow]
) -> Turn:
    """Assemble a flow and run it to its end."""
    shares = Shares()
    gc.collect()
    began, worked = perf_counter(), process_time()
    flow = flow_of(assemble(bench.settings, source, SHARDS, shares), shares)
    shares.timed("flow", lambda: run_flow(flow, paths.recovery("market_data"), EPOCH_SECONDS))
    return Turn(perf_counter() - began, process_time() - worked, shares.spent)


def embedded(bench: Bench, source: TickSource, folder: Path) -> Turn:
    """Run the market flow into a lake and an embedded topic, in a new folder."""
    paths = RunPaths(folder)
    options = RunOptions(bench.batch_rows, EPOCH_SECONDS, raw=True)

    def flow_of(made: Assembly, shares: Shares) -> Dataflow:
        edges = market_edges(bench.settings, paths, source, made, SHARDS, SHARDS, options, Stop())
        scored = TopicSink(paths.topics, SCORED, SHARDS, MarketCodec())
        return market_data.build(
            edges._replace(
                ticks=TimedSource(edges.ticks, shares),  # type: ignore[arg-type]  # a partitioned source
                lake=OpenedSink(edges.lake, "to_lake", shares),
                feature_store=None,
            ),
            made.stages._replace(pages=paths.pages("market_data")),
            OpenedSink(scored, "to_scored", shares),
        )

    return timed_flow(bench, source, paths, flow_of)


def served(bench: Bench, source: TickSource, cluster: KafkaCluster) -> Turn:
    """Run the market flow into new topics, as the market data worker of the served desk does."""

    def flow_of(made: Assembly, shares: Shares) -> Dataflow:
        index = {name: number for number, name in enumerate(made.universe.names)}
        ticks = TickInput(source, index, SHARDS, SHARDS, bench.batch_rows, Stop())
        market, codec = market_codec(bench.settings, source, made), KafkaCodec()
        edges = served_market_data.ServedMarketEdges(
            ticks=TimedSource(ticks, shares),
            topics=OpenedSink(
                KafkaSink(cluster, "market_data", ONE_PARTITION, MARKET_TOPICS, codec, market),
                "to_topics",
                shares,
            ),
            scored=OpenedSink(
                KafkaSink(cluster, SCORED, ONE_PARTITION, (SCORED,), codec), "to_scored", shares
            ),
        )
        return served_market_data.build(edges, made.stages._replace(pages=paths.pages("market_data")))

    with TemporaryDirectory(prefix="kafka_") as folder:
        paths = RunPaths(Path(folder))
        return timed_flow(bench, source, paths, flow_of)


def flows_in_turns(
    bench: Bench, kafka: TickSource, lake: TickSource, repeat: int
) -> tuple[list[Turn], list[Turn]]:
    """Return the turns with Kafka and those embedded, the first of each left out."""
    with_kafka, without = [], []
    for _ in range(1 + repeat):
        with TemporaryDirectory(prefix="kafka_") as folder:
            without.append(embedded(bench, lake, Path(folder)))
        with own_topics((*MARKET_TOPICS, SCORED)) as cluster:
            with_kafka.append(served(bench, kafka, cluster))
    return with_kafka[1:], without[1:]


def consumed(cluster: KafkaCluster) -> list[tuple[str, Any]]:
    """Read the raw topics through the source."""
    source = KafkaSource(cluster, RAW, (0,), KafkaCodec(), stop=MARK)
    parts = [source.build_part("ticks", name, None) for name in source.list_parts()]
    items: list[tuple[str, Any]] = []
    while parts:
        for part in tuple(parts):
            try:
                items += part.next_batch()
            except StopIteration:
                parts.remove(part)
    return items


def plainly_consumed(cluster: KafkaCluster) -> list[tuple[Place, Message]]:
    """Read the raw topics by the client library alone."""
    watch = Watch("benchmark")
    consumer = consumer_of(cluster, watch, enable_partition_eof=True)
    try:
        return list(read_to_end(consumer, cluster, watch, {Place(topic, 0): 0 for topic in RAW}))
    finally:
        consumer.close()


def decoded(codec: KafkaCodec, held: Sequence[tuple[Place, int, Any, bytes | None]]) -> list[Rows]:
    """Decode messages from memory; return their rows without the end marks."""
    made: list[Any] = [codec.decode(*place, offset, headers, value) for place, offset, headers, value in held]
    return [item for item in made if item is not END_OF_INPUT]


def produced(cluster: KafkaCluster, items: list[Any]) -> None:
    """Write rows through the sink."""
    part = KafkaSink(cluster, "benchmark", ONE_PARTITION, RAW, KafkaCodec()).build_part("", "0", None)
    try:
        part.write_batch(items)
        part.snapshot()
    finally:
        part.close()


def plainly_produced(cluster: KafkaCluster, values: list[tuple[str, bytes]]) -> None:
    """Write the same bytes by the client library alone, acknowledged and each once."""
    producer = Producer(
        {
            **cluster.client,
            "enable.idempotence": True,
            "message.max.bytes": Topics(topics={}).message_bytes_max,
        }
    )
    for topic, value in values:
        producer.produce(cluster.topic(topic), value, partition=0)
        producer.poll(0)
    producer.flush()


def seconds_of(work: Callable[[], Any]) -> float:
    gc.collect()
    began = perf_counter()
    work()
    return perf_counter() - began


def parts_alone(cluster: KafkaCluster, repeat: int) -> Alone:
    """Time consumer, decoding and producer over the raw rows, in turns."""
    codec = KafkaCodec()
    held = [
        (place, message.offset() or 0, message.headers(), message.value())
        for place, message in plainly_consumed(cluster)
    ]
    items = decoded(codec, held)
    values = [(place.topic, value) for place, _, _, value in held if value]
    spent: dict[str, list[float]] = {}
    for _ in range(repeat):
        with own_topics(RAW) as target, own_topics(RAW) as plain_target:
            works: dict[str, Callable[[], Any]] = {
                "consumer": lambda: consumed(cluster),
                "plain_consumer": lambda: plainly_consumed(cluster),
                "decode": lambda: decoded(codec, held),
                "producer": partial(produced, target, list(items)),
                "plain_producer": partial(plainly_produced, plain_target, values),
            }
            for name, work in works.items():
                spent.setdefault(name, []).append(seconds_of(work))
    megabytes = sum(len(value) for _, value in values) / 1e6
    return Alone({name: median(times) for name, times in spent.items()}, len(values), megabytes)


def opening_seconds(turn: Turn) -> float:
    """Return how long the sinks took to take their shards over."""
    return sum(spent for name, spent in turn.spent.items() if name.endswith(" opening")) / 1e9


def measure(given: str, batch_rows: int, repeat: int) -> tuple[dict[str, Any], str]:
    """Return the line and the table of a source."""
    bench, recorded = Bench(read_settings(None), batch_rows), open_source(given)
    load = os.getloadavg()[0]
    with TemporaryDirectory(prefix="kafka_") as folder, own_topics((*MARKET_TOPICS, SCORED)) as cluster:
        embedded(bench, recorded, Path(folder))
        keep_reference(RunPaths(Path(folder)).lake, recorded)
        served(bench, recorded, cluster)
        began = perf_counter()
        kafka = KafkaTicks(cluster, told=Told(recorded.reference(), recorded.splits()))
        open_seconds = perf_counter() - began
        with_kafka, without = flows_in_turns(bench, kafka, open_source(f"lake:{folder}"), repeat)
        rows = sum(item.table.num_rows for _, item in consumed(cluster) if isinstance(item, Rows))
        alone = parts_alone(cluster, repeat)
    seconds, embedded_seconds = (median(turn.seconds for turn in turns) for turns in (with_kafka, without))
    worked, embedded_worked = (
        median(turn.processor_seconds for turn in turns) for turns in (with_kafka, without)
    )
    opening = median(opening_seconds(turn) for turn in with_kafka)
    line = {
        "source": given,
        "ticks": rows,
        "seconds": round(seconds, 3),
        "ticks_per_second": round(rows / seconds),
        "embedded_seconds": round(embedded_seconds, 3),
        "embedded_ticks_per_second": round(rows / embedded_seconds),
        "ratio": round(embedded_seconds / seconds, 2),
        "opening_seconds": round(opening, 3),
        "ratio_without_opening": round(embedded_seconds / (seconds - opening), 2),
        "processor_ratio": round(embedded_worked / worked, 2),
        "open_seconds": round(open_seconds, 3),
        **{f"{name}_ticks_per_second": round(rows / spent) for name, spent in alone.seconds.items()},
        "messages": alone.messages,
        "megabytes": round(alone.megabytes, 1),
        "repeat": repeat,
        "batch_rows": batch_rows,
        "load_average": [round(load, 1), round(os.getloadavg()[0], 1)],
    }
    return line, table(min(with_kafka, key=lambda turn: abs(turn.seconds - seconds)))


def asked(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kafka.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--source", default=SIMULATED, help="where the ticks come from")
    parser.add_argument("--batch-rows", type=int, default=BATCH_ROWS, help="most rows of a batch")
    parser.add_argument("--repeat", type=int, default=3, help="turns of each")
    parser.add_argument("--quick", action="store_true", help="a small simulated day, one turn")
    return parser.parse_args(words)


def main(words: list[str]) -> None:
    options = asked(words)
    given, repeat = (QUICK, 1) if options.quick else (options.source, options.repeat)
    line, shares = measure(given, options.batch_rows, repeat)
    print(json.dumps(line))
    print(shares)


if __name__ == "__main__":
    main(sys.argv[1:])
