"""A broker whose disk is full ends itself; the flow waits, and with room every row is there once and in order."""

import logging

import pytest

from connectors.kafka.codec import KafkaCodec
from connectors.lake.lanes import Records
from tests.connectors.crash_flow import position
from tests.connectors.deadline import until
from tests.connectors.kafka.conftest import MortalBroker
from tests.connectors.kafka.desk import handing_over, part_of
from tests.small_disk import disk, filled

pytestmark = pytest.mark.served

KILOBYTES = 200_000
ROWS = 400


def test_a_broker_without_room_is_waited_for_and_with_room_holds_every_row_once(tmp_path, caplog):
    caplog.set_level(logging.INFO, "ita.connectors")
    broker = MortalBroker(tmp_path)
    with disk(tmp_path / "kafka", KILOBYTES):
        try:
            broker.start()
            broker.make("positions")
            part = part_of(broker, topics=("positions",), weight_max=1_000)
            part.write_batch([Records("positions", [position(0)])])
            part.snapshot()
            flow, handed = handing_over(part, ROWS)
            with filled(tmp_path / "kafka"):
                flow.start()
                until(lambda: not broker.ready())
                flow.join(3.0)
                waited, handed_meanwhile = flow.is_alive(), handed[0]
            broker.kill()
            broker.start()
            flow.join(60)
            part.snapshot()
            part.close()
            messages = broker.messages("positions")
        finally:
            broker.kill()

    codec = KafkaCodec()
    items = [
        codec.decode("positions", 0, message.offset(), message.headers(), message.value())
        for message in messages
    ]
    assert waited
    assert handed_meanwhile < ROWS // 2
    assert "waits for the broker" in caplog.text
    assert [item.records[0].quantity for item in items] == list(range(ROWS))
