"""A writer's log: rows that are appended once, in files that are never changed, with tree heads on a schedule.

    <folder>/<writer>/000000000001.jsonl      rows, SEGMENT_ROWS a file, each file named by its first row
    <folder>/<writer>/heads.jsonl             tree heads

The log has one writer; another one is refused. A row is whole when its line has its end: what follows the last whole
row was being written when a process was killed, and the next writer cuts it off. After a restart, bodies that come
again are compared with the rows that they made, and written no second time.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep, time_ns
from typing import Any, NamedTuple

from connectors.audit.findings import event_of
from connectors.audit.heads import HeadFile, TreeHead, signed
from connectors.audit.keys import SigningKey
from connectors.audit.merkle import Frontier
from connectors.audit.personal import same_but_for_persons
from connectors.audit.recent import remembered
from connectors.audit.rows import (
    GENESIS,
    NUMBERED,
    SEGMENT_ROWS,
    AuditDamaged,
    chained,
    lines_of,
    row_hash,
    row_of,
    segment_path,
    segments,
)

LogState = dict[str, Any]
HEAD_ROWS = 1_000
HEAD_SECONDS = 60.0
LINE_BYTES_MAX = 4 * 1024 * 1024
LOCK = ".lock"
WAIT_SECONDS = 10.0
LOOK_SECONDS = 0.02


class AuditBusy(RuntimeError):
    """Another process writes this log."""


class AuditDiverged(RuntimeError):
    """What was decided again after a restart is not what the log holds."""


class Schedule(NamedTuple):
    """When heads are made: after so many rows, and where there are new ones after so many seconds."""

    rows: int = HEAD_ROWS
    seconds: float = HEAD_SECONDS


BY_DEFAULT = Schedule()


class AuditLog:
    """The writer of one log; `size` rows are there, `taken` of which were handed in by this run of the flow.

    `state` is what `state()` said at a snapshot; without one all rows that are there are compared with what is handed
    in. Raises AuditBusy, AuditDamaged.
    """

    def __init__(
        self,
        folder: Path,
        writer: str,
        state: LogState | None = None,
        *,
        key: SigningKey | None = None,
        schedule: Schedule = BY_DEFAULT,
    ) -> None:
        self.writer, self._folder = writer, folder / writer
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self._folder / LOCK)
        self._key, self._schedule = key, schedule
        self._file: int | None = None
        try:
            self._heads = HeadFile(self._folder)
            self._open(state or {"taken": 0, "size": 0, "offset": 0, "last": GENESIS, "subtrees": []})
        except BaseException:
            os.close(self._lock)
            raise
        self._headed_at = time_ns()

    def _open(self, state: LogState) -> None:
        """Stand where the state says, and take in the rows that follow."""
        self.taken, self._base = state["taken"], dict(state)
        self._recent = remembered(self._folder, self.taken)
        self._tree, self.last = Frontier(state["size"], state["subtrees"]), state["last"]
        self._rest: list[tuple[bytes, bytes]] = []
        paths = {int(path.stem): path for path in segments(self._folder)}
        if state["size"] and self._before(state, paths) != self.last:
            raise self._damaged(f"row {state['size']} is not there as it was committed")
        offset = state["offset"]
        while (path := paths.get(self._first())) is not None:
            read = self._take_in(path, offset)
            if self._tree.size % SEGMENT_ROWS or not read:
                break
            offset = 0
        if max(paths, default=0) > self._first():
            raise self._damaged(f"row {self._tree.size + 1} is missing, and rows after it are there")
        if self._tree.size < self.taken:
            raise self._damaged(f"it has {self._tree.size} rows, and {self.taken} were committed")
        head = self._heads.last
        if head is not None and head.tree_size > self._tree.size:
            raise self._damaged(f"it has {self._tree.size} rows, and a head was made of {head.tree_size}")

    def _first(self) -> int:
        """Return the first row of the file that the next row belongs to."""
        return self._tree.size // SEGMENT_ROWS * SEGMENT_ROWS + 1

    def _before(self, state: LogState, paths: dict[int, Path]) -> bytes | None:
        """Return the hash of the last row that the state knows, as the file has it."""
        size = state["size"]
        path = paths.get((size - 1) // SEGMENT_ROWS * SEGMENT_ROWS + 1)
        if path is None:
            return None
        end = state["offset"] if size % SEGMENT_ROWS else path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, end - LINE_BYTES_MAX))
            lines = file.read(min(end, LINE_BYTES_MAX))
        row = row_of(lines.rstrip(b"\n").rpartition(b"\n")[2])
        return None if row is None else row.hash

    def _take_in(self, path: Path, offset: int) -> int:
        """Take in the whole rows of a file from an offset on, cut off what follows; return how many there were."""
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(path, offset + whole)
        hashes: list[bytes] = []
        for line in content[:whole].split(b"\n")[:-1]:
            row, number = row_of(line), self._tree.size + len(hashes) + 1
            if row is None or row.previous != self.last or row_hash(row.previous, row.entry) != row.hash:
                raise self._damaged(f"row {number} does not follow from row {number - 1}")
            self._rest.append((row.entry, row.hash))
            hashes.append(row.hash)
            self.last = row.hash
        self._tree.extend(hashes)
        return len(hashes)

    def _damaged(self, words: str) -> AuditDamaged:
        return AuditDamaged(
            f"the audit log {self._folder} is not what was written: {words}; `ita verify-audit` names the first bad "
            f"record; restore the folder from a backup, together with the recovery folder"
        )

    @property
    def size(self) -> int:
        """Return how many rows there are."""
        return self._tree.size

    def entries(self) -> list[bytes]:
        """Return the entries that were read at the start: those after the snapshot."""
        return [entry for entry, _ in self._rest]

    def skip_to_end(self) -> None:
        """Count what is there as taken: this writer hands nothing in again."""
        self.taken = self.size
        self._rest = []
        self._recent = remembered(self._folder, self.taken)

    def append(self, bodies: Sequence[bytes], events: Sequence[str]) -> None:
        """Write rows, but for those that are there; raises AuditDiverged where one that is there says another thing.

        `events` are the names of the bodies: one that is delivered twice is written once.
        """
        if not self._recent.all_new(events):
            bodies, events = self._once(bodies, events)
        self._recent.add(events)
        new = bodies[self._compared(bodies) :]
        self.taken += len(bodies)
        at = 0
        while at < len(new):
            room = min(
                self._schedule.rows - self.size % self._schedule.rows, SEGMENT_ROWS - self.size % SEGMENT_ROWS
            )
            self._write(new[at : at + room])
            at += room
            if self.size % self._schedule.rows == 0:
                self.make_head()
        self.head_when_due()

    def head_when_due(self) -> None:
        """Write a tree head where the last one is old enough."""
        if self._schedule.seconds <= (time_ns() - self._headed_at) / 1e9:
            self.make_head()

    @property
    def head(self) -> TreeHead | None:
        """Return the last tree head."""
        return self._heads.last

    def _once(self, bodies: Sequence[bytes], events: Sequence[str]) -> tuple[list[bytes], list[str]]:
        """Return bodies and events without those that are in the log."""
        kept: dict[str, bytes] = {}
        for body, event in zip(bodies, events, strict=True):
            before = kept.get(event) or (self._held(event) if self._recent.has(event) else None)
            if before is None:
                kept[event] = body
            elif before != body and not same_but_for_persons(b"%b0}" % before, b"%b0}" % body):
                raise AuditDiverged(
                    f"event {event} is in the audit log {self._folder} and comes again with other words: "
                    f"{before[:400]!r} and {body[:400]!r}; an event_id names one event"
                )
        return list(kept.values()), list(kept)

    def _held(self, event: str) -> bytes | None:
        """Return the body of an event in the log, which is one of the last: older files may be put away meanwhile."""
        name = b'"event_id":"%b"' % event.encode()
        for line in lines_of(reversed(segments(self._folder))):
            row = row_of(line) if name in line else None
            if row is not None and event_of(row.entry) == event:
                return row.entry[: row.entry.rindex(NUMBERED) + len(NUMBERED)]
        return None

    def _compared(self, bodies: Sequence[bytes]) -> int:
        """Return how many of the bodies are rows already."""
        if not self._rest:
            return 0
        first = self.taken - (self.size - len(self._rest))
        there = self._rest[first : first + len(bodies)]
        for number, (body, (entry, _)) in enumerate(zip(bodies, there, strict=False), self.taken + 1):
            again = b"%b%d}" % (body, number)
            if again != entry and not same_but_for_persons(again, entry):
                raise AuditDiverged(
                    f"row {number} of the audit log {self._folder} was decided otherwise after a restart; "
                    f"it holds {entry[:400]!r}, and now it is {again[:400]!r}; nothing is written over it"
                )
        if first + len(there) == len(self._rest):
            self._rest = []
        return len(there)

    def _write(self, bodies: Sequence[bytes]) -> None:
        """Write rows of one file."""
        if self._file is None or self.size % SEGMENT_ROWS == 0:
            self._open_file()
        hashes, lines = chained(self.last, self.size, bodies)
        remaining = memoryview(b"".join(lines))
        while remaining:
            remaining = remaining[os.write(self._file or 0, remaining) :]
        self._tree.extend(hashes)
        self.last = hashes[-1]

    def _open_file(self) -> None:
        """Open the file of the next row."""
        if self._file is not None:
            os.fsync(self._file)
            os.close(self._file)
        path = segment_path(self._folder, self._first())
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def make_head(self) -> TreeHead | None:
        """Write a tree head where there are rows that none covers; return the last head."""
        last = self._heads.last
        if self.size and (last is None or last.tree_size < self.size):
            head = TreeHead(
                writer=self.writer,
                tree_size=self.size,
                root=self._tree.root().hex(),
                last_hash=self.last.hex(),
                timestamp=time_ns(),
                number=self._heads.count + 1,
            )
            self._heads.append(signed(head, self._key))
        self._headed_at = time_ns()
        return self._heads.last

    def synchronise(self) -> None:
        """Force rows and heads to the disk."""
        if self._file is not None:
            os.fdatasync(self._file)
        self._heads.synchronise()

    def state(self) -> LogState:
        """Return where the log stands, for a snapshot; whatever it counts is on the disk."""
        self.synchronise()
        if self.taken == self.size:
            self._base = {
                "size": self.size,
                "offset": self._offset(),
                "last": self.last,
                "subtrees": list(self._tree.subtrees),
            }
        return {**self._base, "taken": self.taken}

    def _offset(self) -> int:
        """Return how long the file of the next row is."""
        path = segment_path(self._folder, self._first())
        return path.stat().st_size if path.exists() else 0

    def close(self) -> None:
        """Let the log go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._heads.close()
        os.close(self._lock)


@contextmanager
def nobody_writes(folder: Path) -> Iterator[bool]:
    """Wait until nobody writes a writer's log, and let nobody begin meanwhile; False where somebody goes on."""
    path = folder / LOCK
    if not path.exists():
        yield True
        return
    with path.open("rb") as held:
        deadline = monotonic() + WAIT_SECONDS
        while not (alone := _is_free(held.fileno())) and monotonic() < deadline:
            sleep(LOOK_SECONDS)
        yield alone


def _is_free(descriptor: int) -> bool:
    """Keep writers out of a log where none is there; say whether that was so."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as busy:
        os.close(descriptor)
        raise AuditBusy(
            f"{path.parent} is being written by another process; an audit log has one writer; stop it, or give this "
            f"run another output folder"
        ) from busy
    return descriptor
