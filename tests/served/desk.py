"""A whole served desk on real servers: its workers as processes, and what its stores hold in the end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import polars as pl
from sqlalchemy import create_engine, select

from apps.served import online_store
from config.servers import read_servers
from connectors.feast.store import declared_in, open_store, read_online
from connectors.kafka.client import KafkaCluster, Place, Watch, consumer_of
from connectors.kafka.codec import KafkaCodec
from connectors.kafka.tails import edges_of, read_to_end
from connectors.lake.codec import END_OF_INPUT, record_rows
from connectors.lake.digest import digests
from connectors.lake.lanes import Records
from connectors.lake.schemas import ACTIONS, DECISIONS, HEALTH, MARKET
from connectors.postgres.connection import desk_engine
from connectors.relational.models import journal_metadata
from flows.stages import OF_A_LYING_VENUE
from tests.lake_objects import mirrored
from tests.served.online_database import let_go, taken
from tests.served.points import points_compared

ROOT = Path(__file__).resolve().parents[2]
ITA = "import sys; from apps.cli.main import main; sys.argv = ['ita', *sys.argv[1:]]; main()"
ENDS_IN_SECONDS = 180
NAMES_THE_RUN = ("received_at",)
RAW = ("raw.trades", "raw.quotes")


def command(*words):
    return [sys.executable, "-c", ITA, *words]


@contextmanager
def initialised(request, desk):
    """Set up a desk for a test, which needs every server; close it in the end."""
    for server in ("kafka", "influx", "s3", "postgres", "redis"):
        request.getfixturevalue(server)
    desk.init()
    yield desk
    desk.close()


class ServedDesk:
    """The workers of one desk; `own` goes before its topics and keys, and names its database and bucket.

    `init` takes a database of Redis for it, where `redis_database` gives none, and `close` lets go of that.
    All workers are given `config`, those of market data `actions` and `against`, too, where there are any.
    """

    def __init__(
        self,
        own,
        folder,
        source,
        *,
        speed=0.0,
        redis_database=None,
        shards=("0-3",),
        servers=None,
        config=None,
        actions=None,
        against=None,
    ):
        self.configured = ("--config", str(config)) if config else ()
        self.actions = ("--actions", str(actions)) if actions else ()
        self.against = ("--against", against) if against else ()
        self.own, self.folder, self.source, self.speed = own, folder, source, speed
        self.environment = {
            **os.environ,
            "ITA_KAFKA__PREFIX": f"{own}.",
            "ITA_S3__PREFIX": f"{own}/",
            "ITA_POSTGRES__DATABASE": own,
            "ITA_INFLUX__BUCKET": own,
            **(servers or {}),
        }
        self.redis_database, self.has_taken = redis_database, False
        self.workers, self.metrics = {}, {}
        self.commands = {f"market-data-{part}": self._market(part) for part in shards}
        self.commands["decisions"] = ("decisions",)
        self.commands["execution"] = ("execution",)
        self.commands["sinks"] = ("sinks",)
        self.folder.mkdir(parents=True, exist_ok=True)

    def _market(self, part):
        source = ("--source", self.source, *self.actions, *self.against, "--speed", str(self.speed))
        return ("market-data", *source, "--shards", part)

    @contextmanager
    def environ(self):
        """Be in the environment of the workers, without what others have set since."""
        kept = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.settings())
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(kept)

    def servers(self):
        with self.environ():
            return read_servers()

    def settings(self):
        """Return the environment of the workers."""
        database = {} if self.redis_database is None else {"ITA_REDIS__DATABASE": str(self.redis_database)}
        return {**self.environment, **database}

    def init(self):
        if self.redis_database is None:
            self.redis_database, self.has_taken = taken(self.servers().redis, self.own), True
        subprocess.run(
            command("stack", "init"), check=True, env=self.settings(), cwd=ROOT, capture_output=True
        )

    def start(self, name):
        where = ("--out", str(self.folder), "--metrics-port", str(self.metrics.get(name, 0)))
        words = command("run", *self.commands[name], *self.configured, *where)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.workers[name] = subprocess.Popen(
                words, env=self.settings(), cwd=ROOT, stdout=log, stderr=log
            )

    def start_all(self):
        for name in self.commands:
            self.start(name)

    def said(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def kill(self, name, number=signal.SIGKILL):
        self.workers[name].send_signal(number)
        return self.workers[name].wait(60)

    def pace(self, speed):
        """Have the rest of the day come at `speed`, 0 for as fast as it goes."""
        for name in self.start_at(speed):
            if self.workers[name].poll() is None:
                self.kill(name, signal.SIGTERM)
                self.start(name)

    def start_at(self, speed):
        """Have the day come at `speed` whenever a worker is started; return the names of those that read it."""
        self.speed = speed
        readers = [name for name in self.commands if name.startswith("market-data")]
        for name in readers:
            self.commands[name] = self._market(self.commands[name][-1])
        return readers

    def look(self):
        """Start again what has died; return whether every worker has come to its end."""
        done = True
        for name, process in list(self.workers.items()):
            code = process.poll()
            if code == 0:
                continue
            done = False
            if code is not None:
                self.start(name)
        return done

    def wait(self, seconds=ENDS_IN_SECONDS):
        deadline = time.monotonic() + seconds
        while any(process.poll() is None for process in self.workers.values()):
            for name, process in self.workers.items():
                assert process.poll() in (None, 0), (
                    f"{name} ended with {process.poll()}: {self.said(name)[-2000:]}"
                )
            assert time.monotonic() < deadline, {name: self.said(name)[-500:] for name in self.workers}
            time.sleep(0.1)

    def close(self):
        for process in self.workers.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        if self.has_taken:
            let_go(self.servers().redis, self.redis_database, self.own)

    def replayed(self, source):
        """Replay a source of this desk; return the summary."""
        words = command("replay", source, *self.configured, "--json")
        done = subprocess.run(words, check=True, env=self.settings(), cwd=ROOT, capture_output=True)
        return json.loads(done.stdout)

    def lake(self, into):
        """Download the lake."""
        return mirrored(self.servers().s3.place(), into)

    def kafka_rows(self, topic, partitions):
        """Return the committed rows of a topic as the lake has them."""
        cluster = self.servers().kafka.cluster()
        return kafka_rows(cluster, topic, partitions)

    def online(self):
        """Return the online values of every feature, by instrument."""
        with self.environ():
            online_store(read_servers().redis)
            return online_values(self.folder / "sinks" / "feature_store")

    def journal(self):
        """Return every row of the journal's tables on PostgreSQL."""
        return journal_rows(desk_engine(self.servers().postgres.url()))


def kafka_rows(cluster: KafkaCluster, topic, partitions):
    watch, codec = Watch("reader"), KafkaCodec()
    parts = []
    with closing(consumer_of(cluster, watch, enable_partition_eof=True)) as consumer:
        edges = {
            Place(topic, number): edges_of(consumer, cluster, watch, Place(topic, number))
            for number in partitions
        }
        starts = {place: low for place, (low, high) in edges.items() if low < high}
        if starts:
            for place, message in read_to_end(consumer, cluster, watch, starts):
                item = codec.decode(
                    topic, place.partition, message.offset(), message.headers(), message.value()
                )
                if item is END_OF_INPUT:
                    continue
                rows = record_rows(topic, item.records) if isinstance(item, Records) else item
                parts.append(pl.DataFrame(rows.table))
    return pl.concat(parts, how="vertical_relaxed") if parts else pl.DataFrame()


def journal_rows(engine):
    found = {}
    with engine.connect() as connection:
        for name, table in journal_metadata().tables.items():
            if name != "layout":
                found[name] = sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
    engine.dispose()
    return found


def online_values(folder):
    declared = declared_in(folder)
    names = (*declared.features, "sequence", "version")
    return read_online(open_store(folder), declared.instruments, names)


def sqlite_journal(path):
    return journal_rows(create_engine(f"sqlite:///{path}"))


def topic_rows(lake, topic):
    files = sorted((lake / topic).glob("date=*/*.parquet"))
    return (
        pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files])
        if files
        else pl.DataFrame()
    )


def embedded_replay(source, out, *others):
    """Replay the same source embedded, with other words of the command; return its summary."""
    words = command("replay", source, *others, "--out", str(out), "--json")
    done = subprocess.run(words, check=True, cwd=ROOT, capture_output=True)
    return json.loads(done.stdout)


def compared_whole(desk, out):
    """Return the counts of `all_compared`, and the digest of each topic that both runs have."""
    total = all_compared(desk, out)
    return total, {name: value for name, value in digests(desk.folder / "mirror").items() if name not in RAW}


def all_compared(desk, out, partitions=4):
    """Compare every store of a served desk with an embedded run; return the counts."""
    total = Counter(dict.fromkeys(("records", "missing", "twice", "different"), 0))
    lake = desk.lake(desk.folder / "mirror")

    def add(store, topic, found):
        total.update(found)
        if any(found[count] for count in ("missing", "twice", "different")):
            sys.stderr.write(f"{store} {topic}: {dict(found)}\n")

    for topic in (*MARKET, HEALTH, ACTIONS, *DECISIONS):
        if topic in RAW or topic in OF_A_LYING_VENUE:
            continue
        expected = topic_rows(out / "lake", topic)
        numbers = (0,) if topic in DECISIONS else range(partitions)
        add("kafka", topic, compared(desk.kafka_rows(topic, numbers), expected))
        add("lake", topic, compared(topic_rows(lake, topic), expected))
    journal, expected_journal = desk.journal(), sqlite_journal(out / "journal.sqlite")
    for name, rows in expected_journal.items():
        there, wanted = Counter(journal[name]), Counter(rows)
        missing, different = sum((wanted - there).values()), sum((there - wanted).values())
        add("journal", name, Counter(records=len(rows), missing=missing, twice=0, different=different))
    online, expected_online = desk.online(), online_values(out / "feature_store")
    total.update(records=len(expected_online["instrument"]), different=repr(online) != repr(expected_online))
    total.update(points_compared(desk.servers().influx, lambda topic: topic_rows(out / "lake", topic)))
    return total


def compared(found, expected):
    """Return how many records are missing, there twice, and different, by record_id and content."""
    if not expected.height and not found.height:
        return Counter()
    left = lines(found)
    right = lines(expected)
    names, expected_names = Counter(left), Counter(right)
    return Counter(
        records=len(right),
        missing=sum((expected_names - names).values()),
        twice=sum(count - 1 for count in Counter(name for name, _ in left).values() if count > 1),
        different=sum((names - expected_names).values()),
    )


def lines(rows):
    if not rows.height:
        return []
    kept = rows.select(sorted(set(rows.columns) - set(NAMES_THE_RUN)))
    kept = kept.with_columns(pl.col(pl.Categorical).cast(pl.String)) if kept.width else kept
    return [
        (row[kept.columns.index("record_id")], msgspec.json.encode(row, enc_hook=repr)) for row in kept.rows()
    ]
