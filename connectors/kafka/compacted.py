"""A compacted topic as a table: the last value of each key, read to the end, and followed.

    limits = read_compacted(cluster, "limits")
    limits.values["main"]
    for key, value in limits.follow(): ...

A message without a value takes its key away. Memory: one value for each key.
"""

from contextlib import suppress
from time import monotonic

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from connectors.kafka.client import (
    Doubt,
    KafkaCluster,
    KafkaRefused,
    Watch,
    classified,
    consumer_of,
    may_pass,
)
from connectors.kafka.tails import partitions_of, read_to_end
from connectors.patience import Patience

FOLLOW_MESSAGES = 512
ACKNOWLEDGED_SECONDS = 60.0
LOOK_SECONDS = 0.2


class Compacted:
    """The values of a compacted topic by key; not for use by several threads at once."""

    def __init__(self, cluster: KafkaCluster, topic: str, consumer: Consumer, watch: Watch) -> None:
        self._cluster, self._topic, self._consumer, self._watch = cluster, topic, consumer, watch
        self.values: dict[str, bytes] = {}

    def load(self) -> None:
        """Read the topic from the beginning to its end; raises KafkaRefused, Doubt."""
        places = partitions_of(self._consumer, self._cluster, self._watch, self._topic)
        starts = dict.fromkeys(places, 0)
        self.values.clear()
        for _, message in read_to_end(self._consumer, self._cluster, self._watch, starts):
            self._take(message)

    def follow(self, wait_seconds: float = 0.0) -> list[tuple[str, bytes | None]]:
        """Return what has changed since, in order within each key, None for a key that was taken away.

        Waits up to `wait_seconds` for a first change. Raises KafkaRefused.
        """
        self._watch.look()
        first = self._consumer.poll(wait_seconds) if wait_seconds else None
        messages = [] if first is None else [first]
        messages += self._consumer.consume(FOLLOW_MESSAGES, 0)
        changes = []
        for message in messages:
            error = message.error()
            if error is None:
                self._watch.well()
                changes.append(self._take(message))
            elif error.code() != KafkaError._PARTITION_EOF:
                failure = classified(error, f"topic {self._topic}")
                if not isinstance(failure, Doubt):
                    raise failure
                self._watch.heard(error)
        return changes

    def answers(self, seconds: float) -> bool:
        """Ask the broker about the topic; say whether it has answered in time."""
        try:
            self._consumer.get_watermark_offsets(TopicPartition(self._cluster.topic(self._topic), 0), seconds)
        except KafkaException:
            return False
        return True

    def _take(self, message: Message) -> tuple[str, bytes | None]:
        name, value = (message.key() or b"").decode(errors="replace"), message.value()
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value
        return name, value

    def close(self) -> None:
        """Let the topic go."""
        self._consumer.close()


def read_compacted(cluster: KafkaCluster, topic: str) -> Compacted:
    """Return a topic's values as they are by now; waits for a broker that is away. Raises KafkaRefused."""
    watch = Watch(f"kafka topic {topic}")
    consumer = consumer_of(
        cluster, watch, enable_partition_eof=True, fetch_wait_max_ms=50, auto_offset_reset="earliest"
    )
    made = Compacted(cluster, topic, consumer, watch)
    try:
        Patience().until_done(f"kafka topic {topic}", made.load, may_pass)
    except BaseException:
        made.close()
        raise
    return made


def put_value(cluster: KafkaCluster, topic: str, key: str, value: bytes) -> None:
    """Write the value of a key, and wait until the broker has it; raises KafkaRefused where it does not take it."""
    watch, failed = Watch(f"kafka writer of {topic}"), list[RuntimeError]()
    producer = Producer({**cluster.client, "acks": "all", "log_level": 1, "error_cb": watch.heard})
    producer.produce(
        cluster.topic(topic),
        value,
        key,
        on_delivery=lambda error, _: failed.append(classified(error, topic)) if error else None,
    )
    deadline = monotonic() + ACKNOWLEDGED_SECONDS
    while len(producer) and monotonic() < deadline:
        with suppress(KafkaException):
            producer.flush(LOOK_SECONDS)
        watch.look()
    if failed:
        raise failed[0]
    if len(producer):
        raise KafkaRefused(f"the broker does not acknowledge {topic} in {ACKNOWLEDGED_SECONDS:.0f} s")
