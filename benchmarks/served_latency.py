"""Latency of the served desk over loopback: from a tick's arrival in the market data worker to its verdict, read.

    python benchmarks/latency.py --served --seconds 60 --rate 10000 --instruments 100 --speed 60

The market data worker's flow runs here, `decisions` and `execution` are processes of their own, and a reader takes
committed messages as any client would. History first; then ticks come due one by one on the machine's clock, as in
`latency.py`, and the first seconds of them are not counted. A verdict follows from a score, which is there as soon as
a tick has shown that its time is over: `tick_to_verdict` begins when that tick came due and ends when the verdict is
read. The ratio is p99 of the whole to that of `tick_to_scored`, which ends when the scored batch can be read. Hops:

* `tick_to_made`: the tick's batch goes through the market data flow, and the scored batch is handed to the producer;
* `made_to_scored`: its transaction commits, and a reader is given it;
* `scored_to_decided`: the decisions worker is given it, decides, and hands the verdict to its producer; where it has to
  hear of the venue first, the promise's way is in it;
* `decided_to_verdict`: that transaction commits, and a reader is given it.

Instants of producers are those of Kafka's messages, whole milliseconds.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter_ns, sleep, time_ns
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from confluent_kafka import TopicPartition

from apps.assembly import assemble
from apps.run_folder import RunPaths
from apps.running import market_codec, run_flow
from apps.served import BATCH_ROWS, MARKET_LINGER_SECONDS, MARKET_TOPICS, SCORED
from apps.stack.readiness import admin_client
from apps.stack.topic_setup import set_up_topics
from benchmarks.steady_market import OPENS_AT, SteadyMarket
from config.servers import read_servers
from config.settings import read_settings
from config.topics import read_topics
from connectors.kafka.client import KafkaCluster, Watch, consumer_of
from connectors.kafka.codec import KafkaCodec, standing_of
from connectors.kafka.reference import publish_reference
from connectors.kafka.sink import KafkaSink
from connectors.lake.lanes import Records
from connectors.tick_input import Pace, Stop, TickInput
from domain.decisions import Verdict
from domain.orders import Progress
from flows import served_market_data
from flows.stages import NOTES, PROGRESS

ROOT = Path(__file__).resolve().parents[1]
ITA = "import sys; from apps.cli.main import main; sys.argv = ['ita', *sys.argv[1:]]; main()"
SHARD = "0"
WORKERS = ("decisions", "execution")
DELETE_SECONDS = 30
END_SECONDS = 120
HOPS = ("tick_to_made", "made_to_scored", "scored_to_decided", "decided_to_verdict")


class Seen(NamedTuple):
    """A message: the event time that it speaks of (ns UTC), when it was made and read (ns of `perf_counter_ns`)."""

    at: int
    made: int
    read: int


@contextmanager
def own_desk() -> Iterator[tuple[KafkaCluster, str]]:
    """Make every topic of a desk with one partition under a new prefix, and delete them in the end."""
    prefix = f"benchmark.{uuid4().hex[:10]}."
    kafka = read_servers().kafka.model_copy(update={"prefix": prefix})
    topics = read_topics()
    one = {name: topic.model_copy(update={"partitions": 1}) for name, topic in topics.topics.items()}
    set_up_topics(kafka, topics.model_copy(update={"topics": one}))
    try:
        yield kafka.cluster(), prefix
    finally:
        client = admin_client(kafka)
        for future in client.delete_topics([prefix + name for name in one]).values():
            future.result(DELETE_SECONDS)


class Reader:
    """Reads scored batches and verdicts on a thread of its own, and notes when each could be read.

    `clock` holds until the desk has spoken of the last batch of history, so that ticks come due from then on.
    """

    def __init__(self, cluster: KafkaCluster, market: SteadyMarket, speed: float) -> None:
        self._speed, self._live_at = speed, market.live_at
        self._held = (market.live_at - 1 - OPENS_AT) // speed
        self._asked, self._began, self._over = False, 0, threading.Event()
        self._clocks_apart = time_ns() - perf_counter_ns()
        self.scored: list[Seen] = []
        self.verdicts: list[Seen] = []
        self._decided_until = 0
        self._consumer = consumer_of(cluster, Watch("latency"), fetch_wait_max_ms=1)
        self._codec, self._cluster = KafkaCodec(NOTES), cluster
        read = (SCORED, "verdicts", PROGRESS)
        self._consumer.assign([TopicPartition(cluster.topic(name), 0, 0) for name in read])
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def clock(self) -> int:
        """Return nanoseconds since the open, by the machine's clock once history is through."""
        if not self._asked:
            self._asked = True
            return 0
        return int(self._held) + (perf_counter_ns() - self._began if self._began else 0)

    def due(self, known_at: int) -> float:
        """Return when a row came due, on the machine's clock (ns)."""
        return self._began + (known_at - self._live_at + 1) / self._speed

    def begin(self) -> None:
        """Let ticks come due."""
        self._began = perf_counter_ns()

    def is_through(self) -> bool:
        """Say whether the desk has decided on all of history."""
        return self._decided_until >= OPENS_AT + int(self._held * self._speed)

    def _read(self) -> None:
        while not self._over.is_set():
            first = self._consumer.poll(0.05)  # `consume` would wait that long for more messages
            now = perf_counter_ns()
            for message in () if first is None else (first, *self._consumer.consume(1_000, 0)):
                if message.error() is not None:
                    continue
                made = message.timestamp()[1] * 1_000_000 - self._clocks_apart
                if message.topic() == self._cluster.topic(SCORED):
                    standing = standing_of(message.headers())  # type: ignore[arg-type]
                    if standing is not None and standing.watermark is not None:
                        self.scored.append(Seen(standing.watermark, made, now))
                    continue
                topic = (message.topic() or "").removeprefix(self._cluster.prefix)
                item: Any = self._codec.decode(topic, 0, 0, message.headers(), message.value())  # type: ignore[arg-type]
                for record in item.records if isinstance(item, Records) else ():
                    if isinstance(record, Progress):
                        self._decided_until = max(self._decided_until, record.decided_until)
                    elif isinstance(record, Verdict):
                        self.verdicts.append(Seen(record.known_at, made, now))

    def close(self) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join()
        self._consumer.close()


def run_market(
    market: SteadyMarket, cluster: KafkaCluster, reader: Reader, speed: float, folder: Path
) -> None:
    """Run the market data worker's flow over the market, paced by the reader's clock."""
    settings, paths = read_settings(None), RunPaths(folder)
    publish_reference(cluster, market)
    made = assemble(settings, market, (SHARD,))
    index = {name: number for number, name in enumerate(made.universe.names)}
    pace = Pace(speed, reader.clock)
    edges = served_market_data.ServedMarketEdges(
        ticks=TickInput(market, index, (SHARD,), (SHARD,), BATCH_ROWS, Stop(), pace),
        topics=KafkaSink(
            cluster,
            "market_data",
            {SHARD: 0},
            MARKET_TOPICS,
            KafkaCodec(),
            market_codec(settings, market, made),
            linger_seconds=MARKET_LINGER_SECONDS,
        ),
        scored=KafkaSink(cluster, SCORED, {SHARD: 0}, (SCORED,), KafkaCodec()),
    )
    flow = served_market_data.build(edges, made.stages._replace(pages=paths.pages("market_data")))
    run_flow(flow, paths.recovery("market_data"), 1.0, live=True)


def hops(reader: Reader, market: SteadyMarket, counted_at: int) -> dict[str, np.ndarray[Any, Any]]:
    """Return the nanoseconds of each hop, by verdict."""
    known_at = market.known_at()
    counted = [seen for seen in reader.verdicts if counted_at <= seen.at < known_at[-1]]
    instants = [seen.at for seen in counted]
    carried = np.searchsorted([seen.at for seen in reader.scored], instants, side="right")
    due = np.array([reader.due(int(at)) for at in known_at[np.searchsorted(known_at, instants)]])
    scored, decided = (
        np.array([(seen.made, seen.read) for seen in some], np.float64).reshape(-1, 2)
        for some in ([reader.scored[which] for which in carried], counted)
    )
    steps = (due, *scored.T, *decided.T)
    taken = {name: steps[number + 1] - steps[number] for number, name in enumerate(HOPS)}
    return {"tick_to_verdict": steps[4] - due, "tick_to_scored": steps[2] - due, **taken}


def served(market: SteadyMarket, speed: float, settle_seconds: float) -> dict[str, np.ndarray[Any, Any]]:
    """Run the desk over a market; return the nanoseconds of each hop, by verdict."""
    with own_desk() as (cluster, prefix), TemporaryDirectory(prefix="latency_") as folder:
        reader = Reader(cluster, market, speed)
        environment = {**os.environ, "ITA_KAFKA__PREFIX": prefix}
        words = ("--out", folder, "--metrics-port", "0")
        workers = [
            subprocess.Popen([sys.executable, "-c", ITA, "run", kind, *words], cwd=ROOT, env=environment)
            for kind in WORKERS
        ]
        starter = threading.Thread(target=begin_when_through, args=(reader,))
        starter.start()
        try:
            run_market(market, cluster, reader, speed, Path(folder))
            deadline = monotonic() + END_SECONDS
            while any(worker.poll() is None for worker in workers) and monotonic() < deadline:
                sleep(0.1)
        finally:
            for worker in workers:
                worker.kill()
            starter.join()
            reader.close()
        return hops(reader, market, market.live_at + int(settle_seconds * speed * 1e9))


def begin_when_through(reader: Reader) -> None:
    """Let ticks come due two seconds after the desk has decided on the last of history."""
    while not reader.is_through():
        sleep(0.05)
    sleep(2.0)
    reader.begin()
