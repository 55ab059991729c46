"""Records what this version leaves of half a day of a served desk, so that later versions can be run on it.

    python tests/served/record_version.py tests/data/served-desk-1.tar.xz

Run it from the root of a checkout of the version to record, with the stack up. The file holds the folders of the
workers of market data and decisions, stopped by SIGTERM, every committed message of every topic, and the configuration.
"""

import json
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import uuid
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

import msgspec

from config.settings import FILES, read_settings
from connectors.kafka.client import Place, Watch, consumer_of
from connectors.kafka.tails import edges_of, partitions_of, read_to_end
from connectors.lake.digest import digests
from tests.served.desk import ServedDesk, embedded_replay

SOURCE = "simulator:instruments=2,days=1,ticks=2400"
SPEED = 4_000.0
PATIENCE_SECONDS = 120
ENOUGH = {"market-data-0-3": ("scored", 190), "decisions": ("risk.snapshots", 5)}
"""Each worker is stopped when a topic holds so many messages."""


def messages(cluster, topics):
    """Yield the committed messages of every partition."""
    watch = Watch("recorder")
    for topic in topics:
        with closing(consumer_of(cluster, watch, enable_partition_eof=True)) as consumer:
            starts = {
                place: low
                for place in partitions_of(consumer, cluster, watch, topic)
                for low, high in [edges_of(consumer, cluster, watch, place)]
                if low < high
            }
            if starts:
                yield from read_to_end(consumer, cluster, watch, starts)


def described(place, message):
    return {
        "topic": place.topic,
        "partition": place.partition,
        "offset": message.offset(),
        "key": message.key(),
        "value": message.value(),
        "headers": message.headers() or [],
    }


def half_a_day(desk, cluster):
    watch = Watch("recorder")
    for name, (topic, enough) in ENOUGH.items():
        desk.start(name)
        deadline = time.monotonic() + PATIENCE_SECONDS
        with closing(consumer_of(cluster, watch)) as consumer:
            while edges_of(consumer, cluster, watch, Place(topic, 0))[1] < enough:
                assert desk.workers[name].poll() is None, desk.said(name)
                assert time.monotonic() < deadline, f"{topic} does not grow: {desk.said(name)}"
                time.sleep(0.05)
        assert desk.kill(name, signal.SIGTERM) == 0, desk.said(name)
        assert "stopped" in desk.said(name), f"{name} came to its end before it was stopped"


def main(target):
    folder = Path(tempfile.mkdtemp())
    desk = ServedDesk(f"r{uuid.uuid4().hex[:10]}", folder / "served", SOURCE, speed=SPEED)
    cluster = desk.servers().kafka.cluster()
    desk.init()
    half_a_day(desk, cluster)
    topics = [path_line.split(":")[0].strip() for path_line in topic_lines()]
    held = [described(place, message) for place, message in messages(cluster, topics)]
    (folder / "messages.msgpack").write_bytes(msgspec.msgpack.encode(held))
    (folder / "config").mkdir()
    for name in FILES:
        shutil.copy(Path("config") / name, folder / "config" / name)
    embedded_replay(SOURCE, folder / "embedded")
    about = {
        "source": SOURCE,
        "configuration": read_settings().digest,
        "digests": digests(folder / "embedded" / "lake"),
    }
    (folder / "about.json").write_text(json.dumps(about, indent=2, sort_keys=True))
    with tarfile.open(target, "w:xz") as archive:
        for name in ("about.json", "config", "messages.msgpack", "served"):
            archive.add(folder / name, name)
    desk.close()
    shutil.rmtree(folder)


def topic_lines():
    """Return the lines of topics.yaml that name a topic."""
    return [
        line
        for line in Path("config/topics.yaml").read_text().splitlines()
        if line.startswith("  ") and "partitions:" in line
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
