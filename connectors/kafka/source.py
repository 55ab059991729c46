"""Reads Kafka topics as they grow: each committed message once and in order, from where the last snapshot stood.

A part is `topic:partition`; all parts of a worker share one consumer. Emits `(shard, item)`, an item being what
KafkaCodec reads: Rows, Records, a MarketBatch, or `Damaged` for a message that cannot be read, after which the
rest goes on, and `TopicEnd` for an end mark. Offsets live in the snapshots of the parts alone, so a run may go on with
more or fewer workers. An offset that a partition does not hold raises OffsetGone: nothing is jumped over. A broker
that is away is waited for.

    ticks = op.input("ticks", flow, KafkaSource(cluster, ("raw.trades",), (0, 1), KafkaCodec(), stop=END))

While messages come, polls do not wait; after some empty ones a poll waits up to a millisecond, and up to five where
nothing has come to any source of the process for as long.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from bytewax.inputs import AbortExecution, FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import Message

from connectors.kafka.client import KafkaCluster, Place
from connectors.kafka.codec import Damaged, KafkaCodec
from connectors.kafka.reader import IDLE_WAIT_SECONDS, Reached, SharedReader
from connectors.kafka.tails import instant_of
from connectors.lake.codec import END_OF_INPUT
from connectors.lake.lanes import TopicEnd
from connectors.tick_input import PAST, Stop

SourceState = dict[str, Any]


class Bound(NamedTuple):
    """Where reading begins or ends: `value` is an instant (ns UTC) or an offset, or offsets of parts by name."""

    kind: Literal["beginning", "end", "mark", "never", "offset", "time"]
    value: int | Mapping[str, int] = 0

    def of(self, part: str) -> int:
        """Return the value for a part; raises ValueError where there is none."""
        if isinstance(self.value, int):
            return self.value
        if part not in self.value:
            raise ValueError(f"offsets are given for {', '.join(self.value)}; {part} has none")
        return self.value[part]


BEGINNING = Bound("beginning")
END = Bound("end")
"""Stop before what is not committed yet when reading begins."""
MARK = Bound("mark")
"""Stop at the end mark of each partition."""
NEVER = Bound("never")


def at_offset(value: int | Mapping[str, int]) -> Bound:
    """Start at an offset, or stop before it."""
    return Bound("offset", value)


def at_time(instant: int) -> Bound:
    """Start at the first message at or after an instant (ns UTC), or stop before it."""
    return Bound("time", instant)


class KafkaSource(FixedPartitionedSource[tuple[str, Any], SourceState]):
    """Reads `partitions` of each of `topics`, from `start` to `stop`.

    `shard_of` names the shard of a topic and partition; it is the partition's number where that is left out. After
    `drain` is asked, nothing is read until the next snapshot, and then the flow ends. Raises ValueError for a start
    or stop that is none.
    """

    def __init__(
        self,
        cluster: KafkaCluster,
        topics: Sequence[str],
        partitions: Sequence[int],
        codec: KafkaCodec,
        *,
        start: Bound = BEGINNING,
        stop: Bound = NEVER,
        shard_of: Callable[[str, int], str] | None = None,
        drain: Stop | None = None,
    ) -> None:
        if start.kind not in ("beginning", "offset", "time") or stop.kind == "beginning":
            raise ValueError(
                "reading starts at the beginning, an offset or a time, and stops at the end, a mark, an offset, a time "
                f"or never; {start.kind} and {stop.kind} were given"
            )
        self.cluster, self.codec, self.start, self.stop = cluster, codec, start, stop
        self.shard_of = shard_of or (lambda _, partition: str(partition))
        self.drain = drain or Stop()
        self.is_full: Callable[[], bool] = lambda: False
        self._places = {
            f"{topic}:{number}": Place(topic, number) for topic in topics for number in partitions
        }
        self._readers: dict[int, SharedReader] = {}

    def held_while(self, is_full: Callable[[], bool]) -> "KafkaSource":
        """Read nothing while `is_full` says that what was read before waits inside the flow; return the source."""
        self.is_full = is_full
        return self

    def list_parts(self) -> list[str]:
        """Return `topic:partition` of each."""
        return sorted(self._places)

    def build_part(self, step_id: str, for_part: str, resume_state: SourceState | None) -> "KafkaReader":
        """Return the reader of one partition where it stood; raises OffsetGone, KafkaRefused."""
        worker = threading.get_ident()
        if worker not in self._readers or self._readers[worker].closed:
            ends = self.stop.kind in ("end", "offset", "time")
            self._readers[worker] = SharedReader(self.cluster, ends=ends)
        return KafkaReader(self, self._readers[worker], for_part, self._places[for_part], resume_state)


class KafkaReader(StatefulSourcePartition[tuple[str, Any], SourceState]):
    """Reads one partition; its state is the `offset` to go on at, where to `stop`, and whether it has `ended`."""

    def __init__(
        self,
        source: KafkaSource,
        reader: SharedReader,
        part: str,
        place: Place,
        state: SourceState | None,
    ) -> None:
        self._source, self._reader, self._place = source, reader, place
        self._shard = source.shard_of(*place)
        if state is None:
            state = {"offset": self._first(part), "stop": self._last(part), "ended": False}
        self._offset, self._stop, self._ended = state["offset"], state["stop"], state["ended"]
        self._snapshot_since_drain = self._opened = False
        self._ended = self._ended or (self._stop is not None and self._offset >= self._stop)
        if not self._ended:
            reader.open(place, self._offset)
            self._opened = True

    def _first(self, part: str) -> int:
        start = self._source.start
        if start.kind == "offset":
            return start.of(part)
        if start.kind == "time":
            return self._reader.first_at(self._place, start.of(part))
        return self._reader.edges(self._place)[0]

    def _last(self, part: str) -> int | None:
        """Return the offset to stop before, None where messages decide that."""
        stop = self._source.stop
        if stop.kind == "end":
            return self._reader.edges(self._place)[1]
        return stop.of(part) if stop.kind == "offset" else None

    def next_batch(self) -> list[tuple[str, Any]]:
        """Return what has come; nothing while a drain waits for its snapshot. Raises OffsetGone, KafkaRefused."""
        if self._source.drain.asked.is_set():
            if self._snapshot_since_drain:
                raise AbortExecution
            time.sleep(IDLE_WAIT_SECONDS)
            return []
        if self._ended:
            self._let_go()
            raise StopIteration
        if self._source.is_full():
            time.sleep(IDLE_WAIT_SECONDS)
            return []
        items: list[tuple[str, Any]] = []
        for thing in self._reader.poll(self._place, self._offset):
            if self._ended:
                break
            if isinstance(thing, Reached):
                self._pass(thing.offset)
            else:
                self._take(thing, items)
        return items

    def _take(self, message: Message, items: list[tuple[str, Any]]) -> None:
        offset, stop = message.offset() or 0, self._source.stop
        if self._stop is not None and offset >= self._stop:
            self._ended = True
            return
        if stop.kind == "time" and instant_of(message) >= stop.of(""):
            self._ended = True
            return
        item = self._source.codec.decode(
            self._place.topic,
            self._place.partition,
            offset,
            message.headers(),  # type: ignore[arg-type]
            message.value(),
        )
        if item is END_OF_INPUT:
            self._ended = stop.kind == "mark"
            items.append((self._shard, TopicEnd(self._place.topic)))
        else:
            told = item._replace(at=instant_of(message)) if isinstance(item, Damaged) else item
            items.append((self._shard, told))
        self._pass(offset + 1)

    def _pass(self, offset: int) -> None:
        """Note that all before an offset was read."""
        self._offset = max(self._offset, offset)
        self._ended = self._ended or (self._stop is not None and self._offset >= self._stop)

    def next_awake(self) -> datetime:
        """Ask to be polled at once."""
        return PAST

    def snapshot(self) -> SourceState:
        """Return the offset of the next message, where to stop, and whether the part has ended."""
        self._snapshot_since_drain = self._source.drain.asked.is_set()
        return {"offset": self._offset, "stop": self._stop, "ended": self._ended}

    def close(self) -> None:
        """Let the partition go."""
        self._let_go()

    def _let_go(self) -> None:
        if self._opened:
            self._opened = False
            self._reader.drop(self._place)
