"""A Kafka topic holds every row once: rows that it holds already are left out, and a shard has one writer.

An item is `(shard, what)` in the shard's order, `what` being a MarketBatch, `Raw`, `Records`, `Refused` or `Rows`
as for the lake, or `Scored(batch)`; `(shard, END_OF_INPUT)` puts an end mark on every topic. The rows of a topic
and shard are numbered and stand in the partition of the shard. What waits is written in one transaction, by a
thread of its own; a snapshot is taken when everything before it is committed. With `linger_seconds` up to that much
time passes before rows are written, which spares transactions where nobody is in a hurry. After a restart the last
message of each partition says how many rows are there, and as many are skipped, in whatever batches they come again.
This needs the rows of a shard to come again in the same order.

A second writer of a shard takes over from the first, which ends with ShardFenced; nothing of it that was not
committed appears. While the broker is slow or gone, `write_batch` waits and the flow slows down; nothing is lost.
Readers have to read committed messages only.

    sink = KafkaSink(cluster, "market_data", {"0": 0, "1": 1}, ("raw.trades", "scored"), KafkaCodec(), market)
    op.output("kafka", op.merge("kept", raw, scored), sink)

Memory: up to `WEIGHT_MAX` rows for each shard, twice while they are encoded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.kafka.batches import (
    END_LANE,
    KafkaItem,
    Part,
    counts_of,
    cut,
    lane_and_weight,
    parts_of,
    streams_of,
)
from connectors.kafka.client import Doubt, KafkaCluster, Place, TopicShortened, Watch, may_pass
from connectors.kafka.codec import KafkaCodec, Message, end_mark
from connectors.kafka.tails import Tail, tails_of
from connectors.kafka.transactions import Transactions
from connectors.kafka.waiting import WEIGHT_MAX, Waiting
from connectors.lake.codec import MarketCodec
from connectors.patience import Patience
from connectors.topics.log import FIRST_WATERMARK, widened

ShardState = dict[str, Any]


class KafkaSink(FixedPartitionedSink[KafkaItem, ShardState]):
    """Writes `topics`; `shards` are the shards of this process and the partition of each.

    `flow` names the writer, so that another one of the same flow and shard takes over. `market` is needed where
    market data comes in columns. Raises ValueError where no shard or topic is named.
    """

    def __init__(
        self,
        cluster: KafkaCluster,
        flow: str,
        shards: Mapping[str, int],
        topics: Sequence[str],
        codec: KafkaCodec,
        market: MarketCodec | None = None,
        *,
        weight_max: int = WEIGHT_MAX,
        linger_seconds: float = 0.0,
    ) -> None:
        if not shards or not topics:
            raise ValueError(f"a Kafka sink needs shards and topics; {dict(shards)} and {topics} were given")
        self._cluster, self._flow, self._codec, self._market = cluster, flow, codec, market
        self._partitions, self._topics = dict(shards), tuple(sorted(set(topics)))
        self._shards = tuple(sorted(shards))
        self._weight_max, self._linger_seconds = weight_max, linger_seconds

    def list_parts(self) -> list[str]:
        """Return the shards."""
        return list(self._shards)

    def part_fn(self, item_key: str) -> int:
        """Return the place of a shard among the shards; raises ValueError for one that was not named."""
        if item_key not in self._partitions:
            raise ValueError(
                f"this sink writes shards {', '.join(self._shards)}; a row of shard {item_key!r} was given"
            )
        return self._shards.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: ShardState | None) -> "KafkaPartition":
        """Return the writer of one shard, which it takes over; raises KafkaRefused and its kinds."""
        return KafkaPartition(
            ShardWriter(
                self._cluster,
                f"{self._flow}.{for_part}",
                [Place(topic, self._partitions[for_part]) for topic in self._topics],
                self._codec,
                self._market,
                resume_state,
            ),
            self._weight_max,
            self._linger_seconds,
        )


class KafkaPartition(StatefulSinkPartition[KafkaItem, ShardState]):
    """Hands the items of one shard to its writer; works without a dataflow too."""

    def __init__(
        self, writer: "ShardWriter", weight_max: int = WEIGHT_MAX, linger_seconds: float = 0.0
    ) -> None:
        self._writer = writer
        try:
            writer.open()
        except BaseException:
            writer.close()
            raise
        self._waiting = Waiting(f"kafka-{writer.name}", writer.write, weight_max, linger_seconds)

    def write_batch(self, values: list[KafkaItem]) -> None:
        """Hand items over; raises what went wrong with those before, and TypeError for what is not taken."""
        for item in values:
            self._waiting.put(item, lane_and_weight(item)[1])

    def snapshot(self) -> ShardState:
        """Return how many rows of each topic were taken in, when all of them are committed."""
        self._waiting.settle()
        return self._writer.state()

    def close(self) -> None:
        """Let the shard go; nothing more is committed here, because an unwinding flow comes by too."""
        self._writer.patience.stop()
        self._waiting.close()
        self._writer.close()


@dataclass
class _Topic:
    """How many rows of each stream of a topic were taken in and are held, and how far the topic is."""

    place: Place
    taken: tuple[int, ...]
    held: tuple[int, ...]
    watermark: int = FIRST_WATERMARK
    at: int = 0
    ended: bool = False


class ShardWriter:
    """Writes groups of items to the topics of one shard, each row once; one thread at a time may use it."""

    def __init__(
        self,
        cluster: KafkaCluster,
        name: str,
        places: Sequence[Place],
        codec: KafkaCodec,
        market: MarketCodec | None = None,
        state: ShardState | None = None,
    ) -> None:
        self.name = name
        self.patience = Patience()
        self._cluster, self._codec, self._market = cluster, codec, market
        self._watch = Watch(f"kafka writer {name}")
        self._transactions = Transactions(cluster, f"{cluster.prefix}{name}", self.patience)
        kept: Mapping[str, Any] = state or {}
        self._topics: dict[str, _Topic] = {}
        for place in places:
            rows = widened(kept.get(place.topic, {}).get("rows", ()), streams_of(place.topic))
            watermark = kept.get(place.topic, {}).get("watermark", FIRST_WATERMARK)
            self._topics[place.topic] = _Topic(place, rows, rows, watermark)
        self._fed_by: dict[str, str] = {}
        self._ends: dict[Place, int] = {}
        self._doubtful = False

    def open(self) -> None:
        """Take the shard over and look up what its topics hold; raises KafkaRefused and its kinds, GivenUp."""
        self.patience.until_done(f"kafka writer {self.name} opens:", self._open, may_pass)

    def _open(self) -> None:
        self._transactions.open()
        tails = tails_of(self._cluster, self._watch, [topic.place for topic in self._topics.values()])
        self._ends = {place: tail.end for place, tail in tails.items()}
        for topic in self._topics.values():
            self._compare(topic, tails[topic.place])

    def _compare(self, topic: _Topic, tail: Tail) -> None:
        """Take over how far a topic is; raises TopicShortened where it holds less than was committed to it.

        Where old messages were deleted and none is left, what was committed is what was taken in.
        """
        if tail.standing is None and tail.deleted:
            return
        there, watermark, ended = tail.standing or ((), None, False)
        rows = widened(there, len(topic.held))
        if len(rows) != len(topic.held) or any(
            now < held for now, held in zip(rows, topic.held, strict=True)
        ):
            raise TopicShortened(
                f"topic {topic.place.topic}, partition {topic.place.partition} holds {rows} rows; {topic.held} were "
                "committed to it; it was deleted or made again: restore it together with the recovery folder, or "
                "start both anew"
            )
        topic.held, topic.at, topic.ended = rows, max(topic.at, tail.at), ended
        topic.watermark = max(topic.watermark, FIRST_WATERMARK if watermark is None else watermark)

    def write(self, items: Sequence[KafkaItem]) -> None:
        """Commit items; what may pass is waited out. Raises KafkaRefused and its kinds, ValueError, GivenUp."""
        ended, lanes = False, dict[str, list[KafkaItem]]()
        for item in items:
            lane, _ = lane_and_weight(item)
            if lane == END_LANE:
                ended = True
            else:
                lanes.setdefault(lane, []).append(item)
        parts = [part for lane in lanes.items() for part in self._parts(*lane)]
        self.patience.until_done(
            f"kafka writer {self.name} writes:", lambda: self._commit(parts, ended=ended), may_pass
        )
        for part in parts:
            topic = self._topics[part.topic]
            topic.taken = _sum(topic.taken, counts_of(part.body))

    def _parts(self, lane: str, items: list[KafkaItem]) -> list[Part]:
        parts = parts_of(self._market, items)
        for part in parts:
            if part.topic not in self._topics:
                raise ValueError(
                    f"this sink writes {', '.join(self._topics)}; rows of {part.topic} were given"
                )
            if self._fed_by.setdefault(part.topic, lane) != lane:
                raise ValueError(
                    f"rows of {part.topic} come as {self._fed_by[part.topic]} and as {lane}; one of them is allowed"
                )
        return parts

    def _commit(self, parts: Sequence[Part], *, ended: bool) -> None:
        """Write what the topics do not hold of the parts, whole or not at all."""
        if self._doubtful:
            self._open()
            self._doubtful = False
        after = {name: _Topic(**vars(topic)) for name, topic in self._topics.items()}
        messages = [message for part in parts for message in self._missing(after[part.topic], part)]
        if ended:
            messages += [
                (topic.place, end_mark(topic.held, _told(topic), topic.at))
                for topic in after.values()
                if not topic.ended
            ]
        if messages:
            try:
                self._transactions.write(messages, self._ends)
            except Doubt:
                self._doubtful = True
                raise
            for place, _ in messages:
                self._ends.pop(place, None)
        for name, topic in after.items():
            self._topics[name].held, self._topics[name].at = topic.held, topic.at
            self._topics[name].watermark, self._topics[name].ended = topic.watermark, topic.ended or ended

    def _missing(self, topic: _Topic, part: Part) -> list[tuple[Place, Message]]:
        """Return the messages of the rows that a topic does not hold, and note them as held."""
        counts = counts_of(part.body)
        skipped = tuple(
            min(count, max(0, held - taken))
            for count, held, taken in zip(counts, topic.held, topic.taken, strict=True)
        )
        topic.taken = _sum(topic.taken, counts)
        further = part.watermark is not None and part.watermark > topic.watermark
        if skipped == counts and not (further and len(counts) > 1):
            return []
        if topic.ended:
            raise ValueError(
                f"rows of {part.topic} came after its end mark: {counts} rows, {topic.held} are held"
            )
        rest = part._replace(body=cut(part.body, skipped, counts)) if any(skipped) else part
        made = self._codec.messages(rest, topic.held, topic.watermark)
        topic.held = tuple(map(max, topic.held, topic.taken))
        if part.watermark is not None:
            topic.watermark = max(topic.watermark, part.watermark)
        messages = []
        for message in made:
            topic.at = max(topic.at, message.at)
            messages.append((topic.place, message._replace(at=topic.at)))
        return messages

    def state(self) -> ShardState:
        """Return how many rows of each topic were taken in, and how far each is."""
        return {
            name: {"rows": topic.taken, "watermark": topic.watermark} for name, topic in self._topics.items()
        }

    def close(self) -> None:
        """Take back what is not committed, and let the shard go."""
        self._transactions.close()


def _told(topic: _Topic) -> int | None:
    return None if topic.watermark == FIRST_WATERMARK else topic.watermark


def _sum(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(one + other for one, other in zip(left, right, strict=True))
