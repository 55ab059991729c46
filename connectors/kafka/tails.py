"""What partitions hold already: where they begin and end, and how far their last committed message says they are."""

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import NamedTuple

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.kafka.client import (
    ANSWER_SECONDS,
    Doubt,
    KafkaCluster,
    KafkaRefused,
    Place,
    Watch,
    classified,
    consumer_of,
    unlike,
)
from connectors.kafka.codec import AT, Standing, standing_of

ASK_SECONDS = 1.0
HEARD_MAX = 10
FIRST_LOOK_BACK = 2
"""A message and the mark that commits it."""
MILLISECOND = 1_000_000


def edges_of(consumer: Consumer, cluster: KafkaCluster, watch: Watch, place: Place) -> tuple[int, int]:
    """Return the lowest offset of a partition and that after its committed end; raises KafkaRefused, Doubt.

    A client whose connection breaks while it asks who leads a partition says that there is no such partition. So the
    broker is asked before that is believed.
    """
    partition = TopicPartition(cluster.topic(place.topic), place.partition)
    try:
        found = consumer.get_watermark_offsets(partition, timeout=ANSWER_SECONDS)
    except KafkaException as failure:
        listened(consumer, watch)
        what = f"topic {place.topic}, partition {place.partition}"
        unknown = failure.args[0].code() == KafkaError._UNKNOWN_PARTITION
        if unknown and place in partitions_of(consumer, cluster, watch, place.topic):
            raise Doubt(f"{what}: the broker has it, and was not heard to say where it ends") from failure
        raise classified(failure.args[0], what) from failure
    if found is None:
        raise Doubt(f"topic {place.topic}: the broker does not answer in {ANSWER_SECONDS:.0f} s")
    return found[0], found[1]


def partitions_of(consumer: Consumer, cluster: KafkaCluster, watch: Watch, topic: str) -> list[Place]:
    """Return the partitions of a topic; raises KafkaRefused, Doubt.

    A refused sign-in is an answer that a client keeps to itself, so it is asked for between waits. They grow, because
    an answer that comes after its wait is lost: a broker that is far away or busy would never be heard.
    """
    patience_ends, name = monotonic() + ANSWER_SECONDS, cluster.topic(topic)
    ask = ASK_SECONDS
    while True:
        try:
            found = consumer.list_topics(name, timeout=ask).topics[name]
            break
        except KafkaException as failure:
            listened(consumer, watch)
            meant = classified(failure.args[0], f"topic {topic}")
            left = patience_ends - monotonic()
            if not isinstance(meant, Doubt) or left < 0:
                raise meant from failure
            ask = min(2 * ask, max(left, ASK_SECONDS))
    if found.error is not None:
        raise classified(found.error, f"topic {topic}")
    return [Place(topic, number) for number in sorted(found.partitions)]


def partition_count(cluster: KafkaCluster, topic: str) -> int:
    """Return how many partitions a topic has; raises KafkaRefused (also where the broker speaks otherwise), Doubt."""
    watch = Watch(f"kafka topic {topic}")
    consumer = consumer_of(cluster, watch)
    try:
        return len(partitions_of(consumer, cluster, watch, topic))
    except Doubt as doubt:
        if (said := unlike(cluster.client)) is not None:
            raise KafkaRefused(f"kafka topic {topic}: {said}") from doubt
        raise
    finally:
        consumer.close()


def listened(consumer: Consumer, watch: Watch) -> None:
    """Let a consumer say why it cannot reach the broker; raises KafkaRefused where it was refused."""
    for _ in range(HEARD_MAX):
        consumer.poll(0)
        watch.look()


def read_to_end(
    consumer: Consumer, cluster: KafkaCluster, watch: Watch, starts: dict[Place, int]
) -> Iterator[tuple[Place, Message]]:
    """Yield the committed messages from offsets on until each partition was read to its end.

    Raises KafkaRefused, and Doubt where the broker is silent for too long.
    """
    consumer.assign(
        [TopicPartition(cluster.topic(topic), number, at) for (topic, number), at in starts.items()]
    )
    reading = set(starts)
    patience_ends = monotonic() + ANSWER_SECONDS
    while reading:
        watch.look()
        message = consumer.poll(0.1)
        if message is None:
            if monotonic() > patience_ends:
                raise Doubt(f"kafka says nothing for {ANSWER_SECONDS:.0f} s")
            continue
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise classified(error, "reading what is committed")
        place = Place((message.topic() or "").removeprefix(cluster.prefix), message.partition() or 0)
        if error is not None:
            reading.discard(place)
        else:
            yield place, message
        patience_ends = monotonic() + ANSWER_SECONDS


class Tail(NamedTuple):
    """How far the last message of ours says that a partition is, and its instant (ns UTC).

    `standing` is None where there is no message of ours; `deleted` says that there were messages once. `end` is the
    offset after what was committed when it was looked up.
    """

    standing: Standing | None
    at: int
    deleted: bool
    end: int


def tails_of(cluster: KafkaCluster, watch: Watch, places: Iterable[Place]) -> dict[Place, Tail]:
    """Return how far each partition is by its last committed message of ours.

    Aborted messages, commit marks and messages without our headers are passed over, however many they are.
    Raises KafkaRefused, Doubt.
    """
    consumer = consumer_of(cluster, watch, enable_partition_eof=True, fetch_wait_max_ms=10)
    try:
        edges = {place: edges_of(consumer, cluster, watch, place) for place in places}
        found: dict[Place, Tail] = {
            place: Tail(None, 0, deleted=low > 0, end=high) for place, (low, high) in edges.items()
        }
        back = FIRST_LOOK_BACK
        missing = {place for place, (low, high) in edges.items() if low < high}
        while missing:
            starts = {place: max(edges[place][0], edges[place][1] - back) for place in missing}
            for place, message in read_to_end(consumer, cluster, watch, starts):
                standing = standing_of(message.headers())  # type: ignore[arg-type]
                if standing is not None:
                    found[place] = Tail(standing, instant_of(message), deleted=False, end=edges[place][1])
            missing = {
                place
                for place in missing
                if found[place].standing is None and starts[place] > edges[place][0]
            }
            back *= 8
        return found
    finally:
        consumer.close()


def instant_of(message: Message) -> int:
    """Return the instant of a message of ours (ns UTC), of any other the time that the broker tells."""
    said = dict(message.headers() or ()).get(AT)
    if isinstance(said, bytes) and said.isdigit():
        return int(said)
    kind, milliseconds = message.timestamp()
    return milliseconds * MILLISECOND if kind and milliseconds != OFFSET_INVALID else 0


def first_at(consumer: Consumer, cluster: KafkaCluster, watch: Watch, place: Place, instant: int) -> int:
    """Return the offset of the first committed message of ours at or after an instant (ns UTC), else the end.

    Our messages are in order of time. They are looked at themselves, a few of them: the broker's own index is of the
    time of the machine.
    """
    low, high = edges_of(consumer, cluster, watch, place)
    found = high
    while low < high:
        middle = (low + high) // 2
        messages = (one for _, one in read_to_end(consumer, cluster, watch, {place: middle}))
        message = next((one for one in messages if standing_of(one.headers())), None)  # type: ignore[arg-type]
        offset = found if message is None else message.offset() or 0
        if message is None or instant_of(message) >= instant:
            found, high = min(found, offset), middle
        else:
            low = offset + 1
    return found
