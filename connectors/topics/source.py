"""Reads an embedded topic as it grows: each row of a partition once and in order, from where the last snapshot stood.

Emits `(partition, item)` for each whole frame. A partition ends with its end mark; a missing file is one that
nobody has written to yet. While frames come, polls do not wait; after `IDLE_POLLS` empty ones a poll waits a
millisecond.

    scores = op.input("scores", flow, TopicSource(folder, "scores", ("0", "1"), MarketCodec()))
"""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.tick_input import PAST
from connectors.topics.codec import TopicCodec
from connectors.topics.log import READ_BYTES_MAX, LogReader, partition_path

IDLE_POLLS = 8
IDLE_WAIT_SECONDS = 0.001

SourceState = dict[str, Any]


class TopicSource(FixedPartitionedSource[tuple[str, Any], SourceState]):
    """Reads the named partitions of a topic in a topics folder, about `bytes_max` bytes at a poll."""

    def __init__(
        self,
        folder: Path,
        topic: str,
        partitions: tuple[str, ...],
        codec: TopicCodec[Any],
        *,
        bytes_max: int = READ_BYTES_MAX,
    ) -> None:
        self._folder, self._topic, self._codec = folder, topic, codec
        self._partitions, self._bytes_max = tuple(sorted(partitions)), bytes_max

    def list_parts(self) -> list[str]:
        """Return the partitions."""
        return list(self._partitions)

    def build_part(self, step_id: str, for_part: str, resume_state: SourceState | None) -> "TopicReader":
        """Return the reader of one partition."""
        reader = LogReader(partition_path(self._folder, self._topic, for_part))
        return TopicReader(for_part, reader, self._codec, resume_state, self._bytes_max)


class TopicReader(StatefulSourcePartition[tuple[str, Any], SourceState]):
    """Reads one partition."""

    def __init__(
        self,
        partition: str,
        log: LogReader,
        codec: TopicCodec[Any],
        state: SourceState | None,
        bytes_max: int,
    ) -> None:
        self._partition, self._log, self._codec, self._bytes_max = partition, log, codec, bytes_max
        self._ended = False if state is None else state["ended"]
        self._log.offset = 0 if state is None else state["offset"]
        self._empty_polls = 0

    def next_batch(self) -> list[tuple[str, Any]]:
        """Return the items of the frames that are whole by now; raises StopIteration after the end mark."""
        if self._ended:
            raise StopIteration
        items: list[tuple[str, Any]] = []
        for frame in self._log.frames(self._bytes_max):
            self._ended = self._ended or frame.ended
            if not frame.ended:
                items.append((self._partition, self._codec.decode(frame.watermark, frame.body)))
        self._empty_polls = 0 if items or self._ended else self._empty_polls + 1
        if self._empty_polls > IDLE_POLLS:
            time.sleep(IDLE_WAIT_SECONDS)
        return items

    def next_awake(self) -> datetime:
        """Ask to be polled at once."""
        return PAST

    def snapshot(self) -> SourceState:
        """Return the offset of the next frame, and whether the partition has ended."""
        return {"offset": self._log.offset, "ended": self._ended}

    def close(self) -> None:
        """Let the file go."""
        self._log.close()
