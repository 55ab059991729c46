"""A transaction that its writer died in holds up every reader, until a successor of the writer decides it."""

import signal
import subprocess
import sys
import time

import pytest
from confluent_kafka import TopicPartition

from connectors.kafka.client import TRANSACTION_MILLISECONDS, Watch, consumer_of
from tests.connectors.deadline import DEADLINE_SECONDS, until
from tests.connectors.kafka.desk import TOPICS, assert_rows, items_of, part_of

pytestmark = pytest.mark.served

STALLED_SECONDS = 3.0


@pytest.mark.parametrize("turn", [0, 1])
def test_readers_stall_on_a_hanging_transaction_and_go_on_as_soon_as_a_successor_has_opened(broker, turn):
    broker.make(*TOPICS, "other")
    first = part_of(broker)
    first.write_batch(items_of(0, 50))
    state = first.snapshot()
    first.close()
    address, prefix = broker.cluster.client["bootstrap.servers"], broker.cluster.prefix
    words = ("-m", "tests.connectors.kafka.hanging_writer", address, prefix, f"desk.0.{turn}", "positions")
    died = subprocess.run([sys.executable, *words], check=False, timeout=DEADLINE_SECONDS)
    broker.send("positions", b"behind it")

    reader = consumer_of(broker.cluster, Watch("reader"))
    reader.assign([TopicPartition(broker.cluster.topic("positions"), 0, 0)])
    read = []

    def has_come():
        message = reader.poll(0.1)
        read.extend([message.value()] if message is not None and not message.error() else [])
        return b"behind it" in read

    stalled_until = time.monotonic() + STALLED_SECONDS
    while time.monotonic() < stalled_until:
        assert not has_come()
    before, began = len(read), time.monotonic()
    successor = part_of(broker, state)
    until(has_come)
    seconds = time.monotonic() - began
    reader.close()

    assert died.returncode == -signal.SIGKILL
    assert before > 0
    assert seconds < min(DEADLINE_SECONDS, TRANSACTION_MILLISECONDS / 1000 / 10)
    assert b"of the dead" not in read
    successor.close()


def test_what_a_successor_writes_behind_a_hanging_transaction_stands_there_once(broker):
    broker.make(*TOPICS)
    first = part_of(broker)
    first.write_batch(items_of(0, 50))
    state = first.snapshot()
    first.close()
    address, prefix = broker.cluster.client["bootstrap.servers"], broker.cluster.prefix
    words = ("-m", "tests.connectors.kafka.hanging_writer", address, prefix, "desk.0.0", "positions")
    died = subprocess.run([sys.executable, *words], check=False, timeout=DEADLINE_SECONDS)

    successor = part_of(broker, state)
    successor.write_batch(items_of(50, 120))
    successor.snapshot()
    successor.close()

    assert died.returncode == -signal.SIGKILL
    assert_rows(broker, 120)
