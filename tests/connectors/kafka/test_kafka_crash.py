"""Kills of the writer and of the broker leave each row once and in order; a broker that is away holds the flow up."""

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bytewax.recovery import init_db_dir

from connectors.kafka.codec import KafkaCodec
from connectors.kafka.source import KafkaSource
from connectors.lake.lanes import Records
from tests.connectors.crash_flow import position
from tests.connectors.deadline import until
from tests.connectors.kafka.crash_writer import ROWS
from tests.connectors.kafka.desk import assert_rows, handing_over, items_of, part_of

pytestmark = [pytest.mark.served, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[3]
KILLS = 5
SEED = 11


def _written(broker, folder, seed, patience_seconds):
    command = [
        sys.executable,
        "-m",
        "tests.connectors.kafka.crash_writer",
        broker.cluster.client["bootstrap.servers"],
        broker.cluster.prefix,
        folder,
        str(seed),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        try:
            return process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def test_a_writer_that_is_killed_again_and_again_leaves_each_row_once_and_in_order(broker, tmp_path):
    broker.make("raw.trades", "raw.quotes", "scored", "positions")
    init_db_dir(tmp_path, 1)
    moments = random.Random(SEED)

    codes = [_written(broker, tmp_path, seed, moments.uniform(0.7, 2.0)) for seed in range(KILLS)]
    codes.append(_written(broker, tmp_path, KILLS, None))

    # a quick machine has written everything before the last of them
    assert set(codes[:3]) == {-9}
    assert codes[-1] == 0
    assert_rows(broker, ROWS, ended=True)


def test_a_broker_that_is_killed_under_way_costs_nothing_and_doubles_nothing(mortal_broker):
    broker = mortal_broker
    broker.make("raw.trades", "raw.quotes", "scored", "positions")
    source = KafkaSource(broker.cluster, ("positions",), (0,), KafkaCodec())
    reader = source.build_part("in", "positions:0", None)
    part = part_of(broker)
    read = []

    for first in range(0, 900, 300):
        for start in range(first, first + 300, 10):
            part.write_batch(items_of(start, start + 10))
        broker.kill()
        part.write_batch(items_of(first + 300, first + 310) if first == 600 else [])
        broker.start()
        part.snapshot()

    while len(read) < 910:
        read += until(reader.next_batch)
    part.close()
    reader.close()
    assert [record.quantity for _, item in read for record in item.records] == list(range(910))
    assert_rows(broker, 910)


def test_while_the_broker_is_away_the_flow_waits_and_nothing_is_dropped(mortal_broker):
    broker = mortal_broker
    broker.make("positions")
    part = part_of(broker, topics=("positions",), weight_max=1_000)
    part.write_batch([Records("positions", [position(0)])])
    part.snapshot()
    flow, handed = handing_over(part, 400)

    broker.stop()
    flow.start()
    flow.join(8)
    assert flow.is_alive()
    assert handed[0] < 80
    broker.start()
    flow.join(60)
    part.snapshot()
    part.close()

    codec = KafkaCodec()
    items = [
        codec.decode("positions", 0, message.offset(), message.headers(), message.value())
        for message in broker.messages("positions")
    ]
    assert [item.records[0].quantity for item in items] == list(range(400))


def test_a_writer_may_be_closed_while_the_broker_is_away(mortal_broker):
    mortal_broker.make("positions")
    part = part_of(mortal_broker, topics=("positions",))
    mortal_broker.kill()
    part.write_batch([Records("positions", [position(0)])])

    closing = threading.Thread(target=part.close)
    closing.start()
    closing.join(20)

    assert not closing.is_alive()
