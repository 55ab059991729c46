"""Topics of their own on the broker for each test, and plain clients to write to and read them with."""

import os
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.kafka.client import MESSAGE_BYTES_MAX, KafkaCluster
from tests.connectors.deadline import until
from tests.ports import free_port

SCRIPT = Path(__file__).resolve().parents[3] / "infra" / "native" / "kafka.sh"


class Broker:
    """A cluster, and what a test does with it behind the connector's back."""

    def __init__(self, cluster):
        self.cluster = cluster
        self._admin = AdminClient({**cluster.client, "log_level": 1})

    def ready(self):
        """Say whether the broker answers."""
        try:
            return bool(self._admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def make(self, *topics, partitions=1, **settings):
        allowed = {
            "max.message.bytes": str(MESSAGE_BYTES_MAX),
        }
        allowed |= {name.replace("_", "."): value for name, value in settings.items()}
        made = [NewTopic(self.cluster.topic(topic), partitions, 1, config=allowed) for topic in topics]
        for future in self._admin.create_topics(made).values():
            future.result(30)

    def delete(self, topic):
        for future in self._admin.delete_topics([self.cluster.topic(topic)]).values():
            future.result(30)

    def delete_before(self, topic, offset):
        places = [TopicPartition(self.cluster.topic(topic), 0, offset)]
        for future in self._admin.delete_records(places).values():
            future.result(30)

    def send(self, topic, value, *, partition=0, headers=None, key=None):
        producer = Producer({**self.cluster.client, "message.max.bytes": MESSAGE_BYTES_MAX})
        producer.produce(self.cluster.topic(topic), value, key, partition, headers=headers)
        assert producer.flush(30) == 0

    def messages(self, topic, *, partition=0):
        """Return the committed messages of a partition, read by a plain client."""
        consumer = Consumer(
            {
                **self.cluster.client,
                "group.id": "plain",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        consumer.assign([TopicPartition(self.cluster.topic(topic), partition, 0)])
        found = []
        while True:
            message = consumer.poll(30)
            assert message is not None, "the broker says nothing"
            if message.error():
                break
            found.append(message)
        consumer.close()
        return found


@pytest.fixture
def broker(kafka):
    return Broker(KafkaCluster(kafka.client(), kafka.prefix))


class MortalBroker(Broker):
    """A broker of this test alone, which may be killed and started again; clients come by `seen_at`, if it is given."""

    def __init__(self, folder, seen_at=None):
        self.port = free_port()
        self._folder = folder
        address = f"127.0.0.1:{seen_at or self.port}"
        self._environment = os.environ | ({"ITA_KAFKA_ADVERTISED": address} if seen_at else {})
        super().__init__(KafkaCluster({"bootstrap.servers": address}, "mortal."))

    def _run(self, command, *arguments):
        with (self._folder / f"{command}.log").open("wb") as log:
            subprocess.run(
                [SCRIPT, command, self._folder / "kafka", *arguments],
                check=True,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start(self):
        self._run("start", str(self.port))
        until(self.ready)

    def kill(self):
        self._run("kill")

    def stop(self):
        self._run("stop")


@pytest.fixture
def mortal_broker(broker, tmp_path):
    assert broker.ready()
    made = MortalBroker(tmp_path)
    made.start()
    yield made
    made.kill()
