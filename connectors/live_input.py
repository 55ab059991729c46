"""A source of ticks that come now as a Bytewax input: never waits, and says how far it is when nothing comes."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from time import perf_counter_ns, sleep
from typing import Any, Protocol, runtime_checkable

import numpy as np
from bytewax.inputs import AbortExecution, StatefulSourcePartition
from numpy.typing import NDArray

from connectors.tick_input import (
    EMPTY_POLLS_MAX,
    HEARTBEAT_NANOSECONDS,
    PAST,
    WAIT_SECONDS_MAX,
    Position,
    TickInput,
)
from domain.market import END, Chunk, MarketBatch, empty_ticks, row_count, select

Batches = list[tuple[str, MarketBatch]]


@runtime_checkable
class Live(Protocol):
    """A source whose rows come as they happen; what it has handed on once it gives again after a restart."""

    def stream(self, index: Mapping[str, int], owned: NDArray[np.bool_], first: int) -> Iterator[Any]:
        """Yield moments (`segment`, `chunk`, `reached_at`) from a segment on; it never waits."""
        ...

    def synchronise(self) -> None:
        """Have all that was handed on so far on the disk."""
        ...


class LivePartition(StatefulSourcePartition[tuple[str, MarketBatch], Position]):
    """One shard's rows, as they come."""

    def __init__(self, settings: "LiveInput", live: Live, shard: str, resume: Position | None) -> None:
        self._settings, self._live, self._shard = settings, live, shard
        self._position = resume or Position()
        now = self._position
        self._done = (now.rows, now.malformed, now.health, now.actions)
        self._done_segment = self._position.segment
        self._said_end = self._snapshot_since_stop = False
        self._empty_polls = 0
        self._moments = live.stream(settings.index, settings.owned(shard), self._position.segment)

    def next_batch(self) -> Batches:
        """Return what has come; nothing while a stop waits for its snapshot, or while nothing comes."""
        if self._settings.stop.asked.is_set():
            if self._snapshot_since_stop:
                raise AbortExecution
            return self._wait()
        if self._said_end:
            raise StopIteration
        moment = next(self._moments, None)
        if moment is None:
            self._said_end = True
            self._position = Position(self._position.segment + 1, 0, 0, END)
            return [(self._shard, MarketBatch(END, empty_ticks(), arrived=perf_counter_ns()))]
        chunk = self._left(moment.segment, moment.chunk)
        if row_count(chunk.ticks) or chunk.malformed or chunk.health or chunk.actions:
            return self._handed(moment.segment, chunk)
        if moment.reached_at < self._position.watermark + HEARTBEAT_NANOSECONDS:
            return self._wait()
        return self._handed(moment.segment, Chunk(empty_ticks()), moment.reached_at)

    def _left(self, segment: int, chunk: Chunk) -> Chunk:
        """Return what of a chunk had not left before the restart."""
        if segment != self._done_segment or not any(self._done):
            return chunk
        held = (row_count(chunk.ticks), len(chunk.malformed), len(chunk.health), len(chunk.actions))
        left = tuple(map(min, self._done, held))
        rows, malformed, health, actions = (was - now for was, now in zip(self._done, left, strict=True))
        self._done = (rows, malformed, health, actions)
        ticks = select(chunk.ticks, slice(left[0], None))
        return Chunk(ticks, chunk.malformed[left[1] :], chunk.health[left[2] :], chunk.actions[left[3] :])

    def _handed(self, segment: int, chunk: Chunk, reached_at: int = -1) -> Batches:
        self._empty_polls = 0
        before = self._position
        rows, malformed, health, actions = (before.rows, before.malformed, before.health, before.actions)
        if segment != before.segment:
            rows = malformed = health = actions = 0
        known = [int(chunk.ticks.known_at[-1])] if row_count(chunk.ticks) else []
        said = [row.known_at for row in (*chunk.health[-1:], *chunk.actions[-1:])]
        watermark = max(before.watermark, reached_at, *known, *said)
        rows, malformed = rows + row_count(chunk.ticks), malformed + len(chunk.malformed)
        health, actions = health + len(chunk.health), actions + len(chunk.actions)
        self._position = Position(segment, rows, malformed, watermark, health, actions)
        batch = MarketBatch(
            watermark,
            chunk.ticks,
            malformed=chunk.malformed,
            arrived=perf_counter_ns(),
            health=chunk.health,
            actions=chunk.actions,
        )
        return [(self._shard, batch)]

    def _wait(self) -> Batches:
        """Answer with nothing; after a few such answers, sleep for a millisecond."""
        self._empty_polls += 1
        if self._empty_polls > EMPTY_POLLS_MAX:
            sleep(WAIT_SECONDS_MAX)
        return []

    def next_awake(self) -> datetime | None:
        """Ask to be called again at once; the polls that find nothing wait by themselves."""
        return PAST

    def snapshot(self) -> Position:
        """Return how far the shard has read; what it has read is on the disk."""
        self._live.synchronise()
        self._snapshot_since_stop = self._settings.stop.asked.is_set()
        return self._position


class LiveInput(TickInput):
    """Ticks that come now, by shard; as `TickInput`, without a pace of its own."""

    def build_part(self, _step_id: str, for_part: str, resume_state: Position | None) -> Any:
        """Open a shard where it stood."""
        if not isinstance(self.source, Live):
            raise TypeError(f"a live input reads a live source; {self.source.name} is none")
        return LivePartition(self, self.source, for_part, resume_state)
