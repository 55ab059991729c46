"""One consumer for all partitions that a worker reads: what it fetched waits for the part that it belongs to."""

from collections import deque
from time import monotonic
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, TopicPartition

from connectors.kafka.client import (
    Doubt,
    KafkaCluster,
    KafkaRefused,
    OffsetGone,
    Place,
    Watch,
    classified,
    consumer_of,
    may_pass,
)
from connectors.kafka.tails import edges_of, first_at
from connectors.patience import Patience

FETCH_MESSAGES = 512
HELD_MESSAGES = 4 * FETCH_MESSAGES
IDLE_POLLS = 2
IDLE_WAIT_SECONDS = 0.001
REST_SECONDS = 0.005
"""After how long without a message, to any reader of this process, a poll waits as long again."""
LOOK_SECONDS = 1.0


class Reading:
    """How far the readers of this process are: messages left of each place, when one was polled, when one came."""

    def __init__(self) -> None:
        self.left: dict[Place, int] = {}
        self.polled_at = self.came_at = 0.0


READING = Reading()


class Reached(NamedTuple):
    """All that stands before an offset has been read."""

    offset: int


class SharedReader:
    """Reads places for several parts in turn; memory: librdkafka's queue, and `HELD_MESSAGES` fetched ahead.

    `ends` has the parts told when they reach the end of their partition.
    """

    def __init__(self, cluster: KafkaCluster, *, ends: bool) -> None:
        self._cluster = cluster
        self._watch = Watch("kafka source")
        self._consumer = consumer_of(cluster, self._watch, enable_partition_eof=ends)
        self._seeker = consumer_of(
            cluster, self._watch, enable_partition_eof=True, fetch_wait_max_ms=10, max_partition_fetch_bytes=1
        )
        self._patience = Patience()
        self._waiting: dict[Place, deque[Message | Reached]] = {}
        self._at: dict[Place, int] = {}
        self._held = self._empty_polls = 0
        self._looked_at = 0.0
        self.closed = False

    def edges(self, place: Place) -> tuple[int, int]:
        """Return the lowest offset and that after the committed end; waits for the broker. Raises KafkaRefused."""
        return self._patience.until_done(
            f"kafka source {place.topic}:{place.partition}",
            lambda: edges_of(self._seeker, self._cluster, self._watch, place),
            may_pass,
        )

    def first_at(self, place: Place, instant: int) -> int:
        """Return the offset of the first message at or after an instant (ns UTC), else the end."""
        return self._patience.until_done(
            f"kafka source {place.topic}:{place.partition}",
            lambda: first_at(self._seeker, self._cluster, self._watch, place, instant),
            may_pass,
        )

    def open(self, place: Place, offset: int) -> None:
        """Read a place from an offset on; raises OffsetGone where the partition does not hold it."""
        lowest, highest = self.edges(place)
        if not lowest <= offset <= highest:
            raise _gone(place, offset, lowest, highest)
        self._waiting[place], self._at[place] = deque(), offset
        READING.left[place] = highest - offset
        self._consumer.incremental_assign(
            [TopicPartition(self._cluster.topic(place.topic), place.partition, offset)]
        )

    def drop(self, place: Place) -> None:
        """Read a place no more."""
        left = self._waiting.pop(place, None)
        if left is not None:
            self._held -= len(left)
            READING.left.pop(place, None)
            self._consumer.incremental_unassign(
                [TopicPartition(self._cluster.topic(place.topic), place.partition)]
            )
        if not self._waiting:
            self.closed = True
            self._consumer.close()
            self._seeker.close()

    def poll(self, place: Place, at: int) -> list[Message | Reached]:
        """Return what has come for a place that stands at an offset; waits a few milliseconds at the most.

        Raises OffsetGone, KafkaRefused.
        """
        self._watch.look()
        self._note(place, at)
        waiting = self._waiting[place]
        if self._held < HELD_MESSAGES:
            self._fetch(place, at)
        taken = list(waiting)
        self._held -= len(taken)
        waiting.clear()
        return taken

    def _note(self, place: Place, at: int) -> None:
        """Note where a place stands, and each second how much is left: the end as the last fetch has told it."""
        READING.polled_at, self._at[place] = monotonic(), at
        if READING.polled_at < self._looked_at + LOOK_SECONDS:
            return
        self._looked_at = READING.polled_at
        for known in self._waiting:
            there = TopicPartition(self._cluster.topic(known.topic), known.partition)
            edges = self._consumer.get_watermark_offsets(there, cached=True)
            if edges[1] >= 0:
                READING.left[known] = max(0, edges[1] - self._at[known])

    def _fetch(self, place: Place, at: int) -> None:
        idle = self._empty_polls > IDLE_POLLS * len(self._waiting)
        rests = READING.polled_at - READING.came_at > REST_SECONDS
        seconds = REST_SECONDS if rests else IDLE_WAIT_SECONDS
        first = self._consumer.poll(seconds) if idle and not self._held else None
        messages = [] if first is None else [first]
        messages += self._consumer.consume(FETCH_MESSAGES, 0)
        self._empty_polls = 0 if messages else self._empty_polls + 1
        for message in messages:
            self._sort(message, place, at)

    def _sort(self, message: Message, asking: Place, at: int) -> None:
        """Put a message where its part looks for it; an error of the connection is waited out."""
        place = Place((message.topic() or "").removeprefix(self._cluster.prefix), message.partition() or 0)
        error = message.error()
        if error is None:
            self._watch.well()
            READING.came_at = monotonic()
            self._hold(place, message)
        elif error.code() == KafkaError._PARTITION_EOF:
            self._hold(place, Reached(message.offset() or 0))
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise _gone(place, message.offset() or at, *self.edges(place))
        else:
            failure = classified(error, f"topic {asking.topic}")
            if not isinstance(failure, Doubt):
                raise failure
            self._watch.heard(error)

    def _hold(self, place: Place, thing: Message | Reached) -> None:
        if place in self._waiting:
            self._waiting[place].append(thing)
            self._held += 1


def _gone(place: Place, offset: int, lowest: int, highest: int) -> KafkaRefused:
    return OffsetGone(
        f"topic {place.topic}, partition {place.partition}: offset {offset} is not there; {lowest} to {highest} are; "
        "messages were deleted, or the topic was made again; start from the beginning or at a time, with a new "
        "recovery folder"
    )
