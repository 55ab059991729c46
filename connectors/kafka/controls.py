"""Commands to the desk, followed on the compacted topics `limits` and `kill`: what holds now first, then every change.

Emits `(key, Command)`, and `(key, ControlsRead())` once both topics were read to their end. Whatever the state of the
flow, all that holds is emitted again after a start, and the desk knows what it has heard. Where the topics cannot be
read although market data comes for `stale_seconds`, a Command STALE says so, and FRESH when they can be read again; a
broker that is away as a whole brings nothing that could be decided on. Where the desk is `behind`, since its venue does
not speak while the market goes on, it says the same of the scope `venue`. A thread reads, so that the flow never waits
for the broker here. What cannot be read as a command is one that is REFUSED, with the reason and its bytes.

    commands = op.input("controls", flow, ControlSource(cluster, "book", desk_is_over))
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.kafka.client import KafkaCluster, Place, Watch, consumer_of, may_pass
from connectors.kafka.codec import Damaged, KafkaCodec
from connectors.kafka.compacted import Compacted, read_compacted
from connectors.kafka.reader import READING
from connectors.kafka.tails import edges_of, read_to_end, tails_of
from connectors.kafka.transactions import Transactions
from connectors.lake.lanes import Records
from connectors.patience import Patience
from domain.controls import Command, Control, ControlKind, ControlsRead
from domain.envelope import record_id
from domain.orders import Progress

TOPICS = ("limits", "kill")
STALE_SECONDS = 5.0
LOOK_SECONDS = 0.05
POLL_SECONDS = 0.01
ASK_SECONDS = 1.0
SILENT_SECONDS = 3.0
"""How late an answer may come; a broker that is a second away is not silent."""
RECORDED = "risk.controls"
Item = tuple[str, Command | ControlsRead]


class Behind(Protocol):
    """Says whether what follows has waited for longer than is allowed (ns), at an instant of the wall clock."""

    def __call__(self, wall_at: int, allowed: int, *, was: bool) -> bool:
        """Say so; `was` is what it said last."""
        ...


class ControlSource(FixedPartitionedSource[Item, None]):
    """Follows both topics for one key, until `is_over` says that nothing will be decided any more."""

    def __init__(
        self,
        cluster: KafkaCluster,
        key: str,
        is_over: Callable[[], bool],
        stale_seconds: float = STALE_SECONDS,
        behind: Behind | None = None,
    ) -> None:
        self._cluster, self._key, self._is_over = cluster, key, is_over
        self._stale_seconds, self._behind = stale_seconds, behind

    def list_parts(self) -> list[str]:
        """Return the one part."""
        return ["controls"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "ControlReader":
        """Return the reader."""
        return ControlReader(
            Follower(self._cluster), self._key, self._is_over, self._stale_seconds, self._behind
        )


class ControlReader(StatefulSourcePartition[Item, None]):
    """Hands on what its thread has read, and watches that it reads."""

    def __init__(
        self,
        follower: "Follower",
        key: str,
        is_over: Callable[[], bool],
        stale_seconds: float,
        behind: Behind | None = None,
    ) -> None:
        self._follower, self._key, self._is_over = follower, key, is_over
        self._stale_seconds, self._is_stale = stale_seconds, False
        self._deaf_since: float | None = None
        self._behind, self._was_behind = behind, False

    def next_batch(self) -> list[Item]:
        """Return the commands that have come; raises what the thread could not read past."""
        if self._is_over():
            raise StopIteration
        items = self._follower.taken()
        is_stale = self._deaf_seconds() > self._stale_seconds
        if is_stale != self._is_stale:
            self._is_stale = is_stale
            items.append(self._about_itself("controls", " and ".join(TOPICS), is_stale=is_stale))
        at = time.time_ns()
        if self._behind is not None and self._was_behind != (
            is_behind := self._behind(at, int(self._stale_seconds * 1e9), was=self._was_behind)
        ):
            self._was_behind = is_behind
            items.append(self._about_itself("venue", "what the venue says", is_stale=is_behind))
        return [(self._key, item) for item in items]

    def _deaf_seconds(self) -> float:
        """Return for how long market data has come while commands could not be read."""
        now = time.monotonic()
        if self._follower.silent_seconds() <= SILENT_SECONDS or (
            not self._is_stale and now - READING.came_at > SILENT_SECONDS
        ):
            self._deaf_since = None
        elif self._deaf_since is None:
            self._deaf_since = now
        return 0.0 if self._deaf_since is None else now - self._deaf_since

    def _about_itself(self, scope: str, what: str, *, is_stale: bool) -> Command:
        at, kind = time.time_ns(), ControlKind.STALE if is_stale else ControlKind.FRESH
        return Command(
            command_id=record_id(kind, scope, at),
            kind=kind,
            scope=scope,
            who="worker",
            reason=f"{what} could not be read for {self._stale_seconds:g} s"
            if is_stale
            else f"{what} can be read again",
            at=at,
        )

    def next_awake(self) -> datetime:
        """Ask to be polled soon."""
        return datetime.now(UTC) + timedelta(seconds=POLL_SECONDS)

    def snapshot(self) -> None:
        """Keep nothing: what holds is read again."""

    def close(self) -> None:
        """End the thread."""
        self._follower.close()


class Follower:
    """A thread that reads both topics; `taken` hands over what it has read."""

    def __init__(self, cluster: KafkaCluster) -> None:
        self._cluster = cluster
        self._items: queue.SimpleQueue[Command | ControlsRead] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._failure: BaseException | None = None
        self._heard_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="kafka-controls", daemon=True)
        self._thread.start()

    def taken(self) -> list[Command | ControlsRead]:
        """Return what was read since; raises what the thread could not read past."""
        if self._failure is not None:
            raise self._failure
        return [self._items.get() for _ in range(self._items.qsize())]

    def silent_seconds(self) -> float:
        """Return for how long the broker has not answered since the topics were read."""
        return time.monotonic() - self._heard_at

    def _run(self) -> None:
        try:
            limits, kill = (read_compacted(self._cluster, topic) for topic in TOPICS)
            topics = dict(zip(TOPICS, (limits, kill), strict=True))
            with closing(limits), closing(kill):
                for topic, held in topics.items():
                    self._put(topic, held.values)
                self._items.put(ControlsRead())
                self._heard_at = time.monotonic()
                while not self._closed.is_set():
                    self._follow(topics)
        except BaseException as failure:  # noqa: BLE001  handed to the flow, which raises it
            self._failure = failure

    def _follow(self, topics: Mapping[str, Compacted]) -> None:
        for topic, held in topics.items():
            self._put(topic, {key: value for key, value in held.follow(LOOK_SECONDS) if value is not None})
        if time.monotonic() - self._heard_at > ASK_SECONDS and all(
            held.answers(SILENT_SECONDS) for held in topics.values()
        ):
            self._heard_at = time.monotonic()

    def _put(self, topic: str, values: Mapping[str, bytes]) -> None:
        for key, value in values.items():
            try:
                command = msgspec.json.decode(value, type=Command)
            except msgspec.MsgspecError as failure:
                command = Command(
                    command_id=record_id("unreadable", topic, key, value.hex()),
                    kind=ControlKind.REFUSED,
                    scope=f"{topic}:{key}",
                    who="",
                    reason=f"it cannot be read: {failure}",
                    at=time.time_ns(),
                    details=value.hex(),
                )
            self._items.put(command)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join(2.0)


def said_before(
    cluster: KafkaCluster, writer: str, topics: Sequence[str], notes: str
) -> tuple[tuple[Control, ...], int]:
    """Return which commands took effect before, and until when (ns UTC) a desk has said what it decides.

    What `writer` may have left open is decided first: who calls this takes over from it. `topics` hold its records and
    `notes` its progress. Raises KafkaRefused, and ValueError for what cannot be read.
    """
    taken, patience, what = (
        Transactions(cluster, f"{cluster.prefix}{writer}", Patience()),
        Patience(),
        "kafka topics",
    )
    try:
        patience.until_done(what, taken.open, may_pass)
    finally:
        taken.close()
    watch = Watch(what)
    tails = patience.until_done(
        what, lambda: tails_of(cluster, watch, [Place(topic, 0) for topic in topics]), may_pass
    )
    recorded = max(tail.at for tail in tails.values())
    told = [
        note.decided_until for note in read_records(cluster, notes, KafkaCodec({notes: Progress}), last=1)
    ]
    return tuple(recorded_controls(cluster)), max([recorded + 1 if recorded else 0, *told])


def recorded_controls(cluster: KafkaCluster) -> list[Control]:
    """Return what took effect before, as `risk.controls` has it; raises KafkaRefused, ValueError."""
    return read_records(cluster, RECORDED, KafkaCodec())


def read_records(cluster: KafkaCluster, topic: str, codec: KafkaCodec, last: int = 0) -> list[Any]:
    """Return the committed records of partition 0 of a topic, or those among its last messages.

    Raises KafkaRefused, and ValueError for a record that cannot be read.
    """
    watch, place = Watch(f"kafka topic {topic}"), Place(topic, 0)
    with closing(consumer_of(cluster, watch, enable_partition_eof=True, fetch_wait_max_ms=50)) as consumer:

        def read() -> list[Any]:
            made: list[Any] = []
            low, high = edges_of(consumer, cluster, watch, place)
            start = max(low, high - last) if last else low
            for _, message in read_to_end(consumer, cluster, watch, {place: start}):
                item = codec.decode(topic, 0, message.offset() or 0, message.headers(), message.value())  # type: ignore[arg-type]
                if isinstance(item, Damaged):
                    raise ValueError(f"{topic}:0:{item.offset} cannot be read: {item.reason}")
                made += item.records if isinstance(item, Records) else ()
            return made

        return Patience().until_done(f"kafka topic {topic}", read, may_pass)
