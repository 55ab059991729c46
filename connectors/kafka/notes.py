"""Notes on Kafka: small records that stay true once they are said, so that it does no harm to say them again.

An item is `(key, Records(topic, [note]))`, or `(key, END_OF_INPUT)` for the end mark; all go to partition 0 of the
topic, in order, at least once, and without the delay of a transaction. A snapshot is taken when everything before it
is acknowledged, so nothing that was said is lost; after a restart notes since the last snapshot are said again. While
the broker is slow or gone the flow waits.

    op.output("to_promises", notes, NoteSink(cluster, "execution.promises", KafkaCodec({...}), ("book",)))
"""

from collections.abc import Sequence
from functools import partial

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as Sent

from connectors.kafka.batches import KafkaItem, Part
from connectors.kafka.client import Doubt, KafkaCluster, Watch, classified, note_producer_of
from connectors.kafka.codec import AT, KafkaCodec, Message, end_mark
from connectors.lake.lanes import Records
from connectors.patience import Patience

WAIT_SECONDS = 0.5


class NoteSink(FixedPartitionedSink[KafkaItem, None]):
    """Writes notes of `keys` to partition 0 of a topic."""

    def __init__(self, cluster: KafkaCluster, topic: str, codec: KafkaCodec, keys: Sequence[str]) -> None:
        self._cluster, self._topic, self._codec, self._keys = cluster, topic, codec, tuple(sorted(keys))

    def list_parts(self) -> list[str]:
        """Return the keys."""
        return list(self._keys)

    def part_fn(self, item_key: str) -> int:
        """Return the place of a key among the keys; raises ValueError for one that was not named."""
        return self._keys.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "NotePartition":
        """Return the writer of one key."""
        return NotePartition(self._cluster, self._topic, self._codec)


class NotePartition(StatefulSinkPartition[KafkaItem, None]):
    """Sends notes as they come."""

    def __init__(self, cluster: KafkaCluster, topic: str, codec: KafkaCodec) -> None:
        self._what = f"kafka notes {topic}"
        self._topic, self._name, self._codec = topic, cluster.topic(topic), codec
        self._watch, self._patience = Watch(self._what), Patience()
        self._producer = note_producer_of(cluster, self._watch)
        self._failed: KafkaError | None = None

    def write_batch(self, values: list[KafkaItem]) -> None:
        """Send notes; raises KafkaRefused and its kinds."""
        for item in values:
            for message in self._messages(item):
                self._patience.until_done(f"{self._what} sends:", partial(self._send, message), _is_full)
        self._producer.poll(0)
        self._look()

    def _messages(self, item: KafkaItem) -> list[Message]:
        if isinstance(item, Records):
            return self._codec.messages(Part(item.topic, item), (0,), 0)
        return [end_mark((0,), None, 0)]

    def _send(self, message: Message) -> None:
        try:
            self._producer.produce(
                self._name,
                message.value,
                partition=0,
                on_delivery=self._delivered,
                headers=[*message.headers, (AT, str(message.at))],
            )
        except BufferError:
            self._look()
            self._producer.poll(WAIT_SECONDS)
            raise
        except KafkaException as failure:
            raise classified(failure.args[0], self._what) from failure

    def _delivered(self, error: KafkaError | None, sent: Sent) -> None:
        """Note why a message was not delivered."""
        if error is not None and error.code() != KafkaError._PURGE_QUEUE:
            self._failed = self._failed or error

    def _look(self) -> None:
        self._watch.look()
        if self._failed is not None:
            raise classified(self._failed, self._what)

    def snapshot(self) -> None:
        """Wait until all that was sent is acknowledged; raises KafkaRefused and its kinds."""

        def acknowledged() -> None:
            left = self._producer.flush(WAIT_SECONDS)
            self._look()
            if left:
                raise Doubt(f"{left} notes are not acknowledged yet")

        self._patience.until_done(f"{self._what} waits:", acknowledged, _may_come)
        self._watch.well()

    def close(self) -> None:
        """Let the topic go; what is not acknowledged is said again after the next start."""
        self._patience.stop()
        self._producer.purge()
        self._producer.flush(WAIT_SECONDS)


def _is_full(failure: Exception) -> bool:
    return isinstance(failure, BufferError)


def _may_come(failure: Exception) -> bool:
    return isinstance(failure, Doubt)
