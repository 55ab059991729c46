"""Any source of ticks as a Bytewax input: each row once, from where the last snapshot stood, at full speed or paced.

A partition is a shard; it reads the instruments that the shard owns. Decoding runs on a thread of its own, a few chunks
ahead. A stop lets the snapshot that follows it complete before the flow ends, so that nothing is split or lost.
"""

import contextlib
import queue
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import perf_counter_ns, sleep

import numpy as np
from bytewax.inputs import AbortExecution, FixedPartitionedSource, StatefulSourcePartition
from numpy.typing import NDArray

from connectors.source import TickSource
from domain.envelope import Record
from domain.market import END, Chunk, MarketBatch, empty_ticks, row_count, select

AHEAD_CHUNKS = 2
PAST = datetime(2000, 1, 1, tzinfo=UTC)
EMPTY_POLLS_MAX = 8
WAIT_SECONDS_MAX = 0.001
HEARTBEAT_NANOSECONDS = 10_000_000
FAST_WAIT_SECONDS_MAX = 0.005
FAST_HEARTBEAT_NANOSECONDS = 100_000_000
"""Of the clock, where event time runs faster: ten milliseconds of event time would be gone with each poll."""


@dataclass(frozen=True)
class Position:
    """How far a shard has read: the segment, and the rows, malformed rows, health and actions of it that have left."""

    segment: int = 0
    rows: int = 0
    malformed: int = 0
    watermark: int = -1
    health: int = 0
    actions: int = 0


@dataclass
class Stop:
    """Set by whoever wants the run to end after the next snapshot."""

    asked: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Pace:
    """Event time runs `speed` times as fast as the given clock (ns); rows leave when their known_at comes."""

    speed: float
    clock: Callable[[], int]

    def __post_init__(self) -> None:
        """Refuse a clock that stands still."""
        if not self.speed > 0:
            raise ValueError(f"speed is above 0; {self.speed} was given")

    @property
    def heartbeat(self) -> int:
        """Return after how much event time (ns) a shard without data says how far it is."""
        return HEARTBEAT_NANOSECONDS if self.speed <= 1.0 else int(FAST_HEARTBEAT_NANOSECONDS * self.speed)

    @property
    def wait_seconds_max(self) -> float:
        """Return for how long a poll that finds nothing may sleep."""
        return WAIT_SECONDS_MAX if self.speed <= 1.0 else FAST_WAIT_SECONDS_MAX


class Decoder:
    """Reads a source's segments on a thread of its own, at most a few chunks ahead."""

    def __init__(self, chunks: Iterator[tuple[int, Chunk]]) -> None:
        self._ready: queue.Queue[tuple[int, Chunk] | BaseException | None] = queue.Queue(AHEAD_CHUNKS)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(chunks,), name="decode")
        self._thread.start()

    def _run(self, chunks: Iterator[tuple[int, Chunk]]) -> None:
        try:
            for chunk in chunks:
                if not self._put(chunk):
                    return
            self._put(None)
        except BaseException as failure:  # noqa: BLE001  handed to the flow, which raises it
            self._put(failure)

    def _put(self, thing: tuple[int, Chunk] | BaseException | None) -> bool:
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._ready.put(thing, timeout=0.05)
                return True
        return False

    def next(self) -> tuple[int, Chunk] | None:
        """Return the next chunk with its segment, None at the end; raises what the source raised."""
        thing = self._ready.get()
        if isinstance(thing, BaseException):
            raise thing
        return thing

    def close(self) -> None:
        """Stop reading and wait for the thread."""
        self._stopped.set()
        self._thread.join()


def chunks_from(
    source: TickSource, index: Mapping[str, int], owned: NDArray[np.bool_], start: Position
) -> Iterator[tuple[int, Chunk]]:
    """Yield the chunks of a source from a position on, each with the number of its segment."""
    for number, segment in enumerate(source.segments()):
        if number < start.segment:
            continue
        done: tuple[int, ...] = (0, 0, 0, 0)
        if number == start.segment:
            done = (start.rows, start.malformed, start.health, start.actions)
        for chunk in source.read(segment, index, owned):
            held = (row_count(chunk.ticks), len(chunk.malformed), len(chunk.health), len(chunk.actions))
            left = tuple(map(min, done, held))
            done = tuple(was - now for was, now in zip(done, left, strict=True))
            rest = select(chunk.ticks, slice(left[0], None)) if left[0] else chunk.ticks
            yield (
                number,
                Chunk(rest, chunk.malformed[left[1] :], chunk.health[left[2] :], chunk.actions[left[3] :]),
            )


class TickPartition(StatefulSourcePartition[tuple[str, MarketBatch], Position]):
    """One shard's rows in batches."""

    def __init__(self, settings: "TickInput", shard: str, resume: Position | None) -> None:
        self._settings = settings
        self._shard = shard
        self._position = resume or Position()
        self._held: list[tuple[int, Chunk]] = []
        self._anchor: tuple[int, int] | None = None
        self._ended = self._said_end = self._snapshot_since_stop = False
        self._empty_polls = 0
        owned = settings.owned(shard)
        self._decoder = Decoder(chunks_from(settings.source, settings.index, owned, self._position))

    def next_batch(self) -> list[tuple[str, MarketBatch]]:
        """Return the next batch; none while a stop waits for its snapshot, or while nothing is due."""
        if self._settings.stop.asked.is_set():
            if self._snapshot_since_stop:
                raise AbortExecution
            return self._wait(WAIT_SECONDS_MAX)
        if self._said_end:
            raise StopIteration
        if not self._held and not self._ended:
            self._fill()
        if not self._held:
            return self._end()
        return self._paced() if self._settings.pace else self._take(self._settings.batch_rows)

    def _fill(self) -> None:
        while not self._held:
            chunk = self._decoder.next()
            if chunk is None:
                self._ended = True
                return
            if row_count(chunk[1].ticks) or chunk[1].malformed or chunk[1].health or chunk[1].actions:
                self._held.append(chunk)

    def _end(self) -> list[tuple[str, MarketBatch]]:
        self._said_end = True
        self._position = Position(len(self._settings.source.segments()), 0, 0, END)
        return [(self._shard, MarketBatch(END, empty_ticks(), arrived=perf_counter_ns()))]

    def _paced(self) -> list[tuple[str, MarketBatch]]:
        pace = self._settings.pace
        assert pace is not None  # noqa: S101  the caller has looked
        known_at = self._held[0][1].ticks.known_at
        if not len(known_at):
            return self._take(0)
        if self._anchor is None:
            self._anchor = (pace.clock(), max(self._position.watermark, int(known_at[0])))
        begun, event_at = self._anchor
        now_at = event_at + int((pace.clock() - begun) * pace.speed)
        due = int(np.searchsorted(known_at, now_at, side="right"))
        if due == 0:
            return self._heartbeat(now_at, int(known_at[0]) - now_at, pace)
        self._empty_polls = 0
        waited = int((now_at - int(known_at[0])) / pace.speed)
        rows = min(due, self._settings.batch_rows)
        return self._take(rows, waited, now_at + 1 if rows == due < len(known_at) else -1)

    def _heartbeat(self, now_at: int, until_due: int, pace: Pace) -> list[tuple[str, MarketBatch]]:
        """Say how far the shard is although it has nothing: it may be what the others wait for."""
        if now_at < self._position.watermark + pace.heartbeat:
            return self._wait(min(until_due / pace.speed / 1e9, pace.wait_seconds_max))
        segment, (ticks, malformed, health, actions) = self._held[0]
        said = bisect_right(health, now_at, key=_known_at)
        told = bisect_right(actions, now_at, key=_known_at)
        self._held[0] = (segment, Chunk(ticks, malformed, health[said:], actions[told:]))
        before = self._before(segment)
        self._position = replace(
            before, watermark=now_at, health=before.health + said, actions=before.actions + told
        )
        batch = MarketBatch(
            now_at, empty_ticks(), arrived=perf_counter_ns(), health=health[:said], actions=actions[:told]
        )
        return [(self._shard, batch)]

    def _before(self, segment: int) -> Position:
        """Return how far the shard has read in a segment, which may be a new one."""
        now = self._position
        return now if now.segment == segment else Position(segment, watermark=now.watermark)

    def _wait(self, seconds: float) -> list[tuple[str, MarketBatch]]:
        """Answer with nothing; after a few such answers, sleep for so long."""
        self._empty_polls += 1
        if self._empty_polls > EMPTY_POLLS_MAX:
            sleep(seconds)
        return []

    def _take(self, rows: int, waited: int = 0, reached_at: int = -1) -> list[tuple[str, MarketBatch]]:
        """Hand out rows, the first of which came `waited` ns ago; all before `reached_at` (ns UTC) are among them."""
        segment, (ticks, malformed, health, actions) = self._held.pop(0)
        count = row_count(ticks)
        rows = min(rows, count)
        last_at = int(ticks.known_at[rows - 1]) if rows else self._position.watermark
        said, told = len(health), len(actions)
        if rows < count:
            said = bisect_right(health, max(last_at, reached_at - 1), key=_known_at)
            told = bisect_right(actions, max(last_at, reached_at - 1), key=_known_at)
            rest = Chunk(select(ticks, slice(rows, None)), (), health[said:], actions[told:])
            self._held.insert(0, (segment, rest))
        else:
            last_at = max([last_at, *(row.known_at for row in (*health[-1:], *actions[-1:]))])
        before = self._before(segment)
        watermark = max(self._position.watermark, last_at, reached_at)
        self._position = Position(
            segment,
            before.rows + rows,
            before.malformed + len(malformed),
            watermark,
            before.health + said,
            before.actions + told,
        )
        batch = MarketBatch(
            watermark,
            select(ticks, slice(0, rows)),
            malformed=malformed,
            arrived=perf_counter_ns() - waited,
            health=health[:said],
            actions=actions[:told],
        )
        return [(self._shard, batch)]

    def next_awake(self) -> datetime | None:
        """Ask to be called again at once; the polls that find nothing wait by themselves."""
        return PAST

    def snapshot(self) -> Position:
        """Return how far the shard has read."""
        self._snapshot_since_stop = self._settings.stop.asked.is_set()
        return self._position

    def close(self) -> None:
        """Stop the decoder."""
        self._decoder.close()


def _known_at(told: Record) -> int:
    return told.known_at


class TickInput(FixedPartitionedSource[tuple[str, MarketBatch], Position]):
    """Ticks of a source, by shard.

    `shards` are all shards of the run and `mine` those of this process; instrument i belongs to shard i modulo their
    number. `index` maps instrument names to universe indices.
    """

    def __init__(
        self,
        source: TickSource,
        index: Mapping[str, int],
        shards: Sequence[str],
        mine: Sequence[str],
        batch_rows: int,
        stop: Stop,
        pace: Pace | None = None,
    ) -> None:
        if batch_rows < 1:
            raise ValueError(f"a batch has at least 1 row; {batch_rows} was given")
        self.source, self.index, self.shards, self.mine = source, index, tuple(shards), tuple(mine)
        self.batch_rows, self.stop, self.pace = batch_rows, stop, pace

    def owned(self, shard: str) -> NDArray[np.bool_]:
        """Return which instruments a shard owns, by index."""
        mine: NDArray[np.bool_] = np.arange(len(self.index)) % len(self.shards) == self.shards.index(shard)
        return mine

    def list_parts(self) -> list[str]:
        """Return the shards of this process."""
        return list(self.mine)

    def build_part(self, _step_id: str, for_part: str, resume_state: Position | None) -> TickPartition:
        """Open a shard where it stood."""
        return TickPartition(self, for_part, resume_state)
