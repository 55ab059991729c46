"""An embedded topic holds every row once: what is written is never taken back, and rows that come again are left out.

An item is `(partition, item)`, `item` being what the codec writes, or `END_OF_TOPIC`. Each batch becomes
visible to readers at once. The log numbers the rows of each partition; after a restart, rows whose numbers it
holds already are skipped, in whatever batches they come again, and readers keep their offsets. This needs the
rows of a partition to come again in the same order. A partition has one writer; another one is refused.

    sink = TopicSink(folder, "scores", ("0",), MarketCodec())
    op.output("to_scores", scored, sink)
"""

from pathlib import Path
from typing import Any, NamedTuple

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.topics.codec import TopicCodec
from connectors.topics.log import FIRST_WATERMARK, LogWriter, partition_path, widened

TopicState = dict[str, Any]


class EndOfTopic(NamedTuple):
    """No more will come in this partition."""

    ended: bool = True


END_OF_TOPIC = EndOfTopic()


class TopicSink(FixedPartitionedSink[Any, TopicState]):
    """Writes the named partitions of a topic in a topics folder.

    `durable` forces frames to the disk at each snapshot. Raises ValueError where a partition is named twice,
    or none is.
    """

    def __init__(
        self,
        folder: Path,
        topic: str,
        partitions: tuple[str, ...],
        codec: TopicCodec[Any],
        *,
        durable: bool = False,
    ) -> None:
        if not partitions or len(set(partitions)) != len(partitions):
            raise ValueError(f"topic {topic} needs partitions of different names; {partitions} were given")
        self._folder, self._topic, self._codec, self._durable = folder, topic, codec, durable
        self._partitions = tuple(sorted(partitions))

    def list_parts(self) -> list[str]:
        """Return the partitions."""
        return list(self._partitions)

    def part_fn(self, item_key: str) -> int:
        """Return the place of a partition among them; raises ValueError for one that was not named."""
        if item_key not in self._partitions:
            raise ValueError(
                f"topic {self._topic} has partitions {', '.join(self._partitions)}; {item_key!r} was given"
            )
        return self._partitions.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: TopicState | None) -> "TopicPartition":
        """Return the writer of one partition; raises TopicBusy, TopicDamaged."""
        path = partition_path(self._folder, self._topic, for_part)
        return TopicPartition(path, self._codec, resume_state, durable=self._durable)


class TopicPartition(StatefulSinkPartition[Any, TopicState]):
    """Writes one partition; works without a dataflow too."""

    def __init__(
        self, path: Path, codec: TopicCodec[Any], state: TopicState | None = None, *, durable: bool = False
    ) -> None:
        self._codec, self._durable = codec, durable
        kept = state or {
            "offset": 0,
            "rows": None,
            "taken": (0,) * codec.parts,
            "watermark": FIRST_WATERMARK,
            "ended": False,
        }
        self._taken = widened(kept["taken"], codec.parts)
        self._log = LogWriter(
            path, codec.parts, kept["offset"], kept["rows"], kept["watermark"], ended=kept["ended"]
        )

    def write_batch(self, values: list[Any]) -> None:
        """Write what the log does not hold yet; raises ValueError for rows after the end of the topic."""
        for value in values:
            if isinstance(value, EndOfTopic):
                self._end()
            else:
                self._take(value)

    def _take(self, item: Any) -> None:
        counts = self._codec.counts(item)
        held = self._log.rows
        skipped = tuple(
            min(count, max(0, have - at)) for count, have, at in zip(counts, held, self._taken, strict=True)
        )
        self._taken = tuple(at + count for at, count in zip(self._taken, counts, strict=True))
        watermark = self._codec.watermark(item)
        if skipped == counts and watermark <= self._log.watermark:
            return
        if self._log.ended:
            raise ValueError(f"rows came after the end of the topic: {counts} rows, watermark {watermark}")
        rest = self._codec.tail(item, skipped) if any(skipped) else item
        left = tuple(count - skip for count, skip in zip(counts, skipped, strict=True))
        self._log.append(watermark, left, self._codec.encode(rest))

    def _end(self) -> None:
        if not self._log.ended:
            self._log.append(self._log.watermark, (0,) * self._codec.parts, b"", ended=True)

    def snapshot(self) -> TopicState:
        """Return how many rows of each part were taken in, and how far the log was, which may be further."""
        if self._durable:
            self._log.synchronise()
        log = self._log
        return {
            "offset": log.offset,
            "rows": log.rows,
            "taken": self._taken,
            "watermark": log.watermark,
            "ended": log.ended,
        }

    def close(self) -> None:
        """Let the partition go."""
        self._log.close()
