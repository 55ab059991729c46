"""The online feature store holds, of each instrument, the newest row that was ever pushed, however often it comes.

An item is `(shard, FeatureRows)`, or `(shard, END_OF_FEATURES)`, which returns when everything is online. Of the
rows of an instrument only the newest is kept, by (event_at, version), and pushed through Feast: at most once each
`push_seconds` where the run is paced, at each snapshot, and at the end. Before an instrument's first push the row
that is online already is read, and only a row above it is written: after a restart, rows that come again change
nothing, and the store never goes back in time.

Pushing happens on a thread of its own, one push at a time, each taking the newest rows there are when it begins,
so that neither a snapshot nor the import of Feast holds the flow up. A snapshot holds every row that is not known
to be online; what was on its way when a process died is pushed by its successor. What goes wrong on the thread
is raised in the flow, at the next item or snapshot.

    sink = FeastSink(out / "feature_store", ("0",), universe.names, CATALOGUE, declarations)
    op.output("to_feature_store", op.flat_map("for_feature_store", scored, feature_rows), sink)
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from numpy.typing import NDArray

from connectors.feast.codec import (
    NEVER,
    ROW,
    SEQUENCE,
    VERSION,
    EndOfFeatures,
    FeatureItem,
    above,
    held_rows,
    newest,
    push_frame,
)
from connectors.feast.store import (
    SQLITE,
    Declare,
    Online,
    open_store,
    passes,
    prepare,
    push,
    read_online,
    refused,
    speaks_otherwise,
)
from connectors.patience import Patience
from domain.market import FeatureRows
from features.family import Feature

FeastState = dict[str, NDArray[Any]]


class FeastSink(FixedPartitionedSink[FeatureItem, FeastState]):
    """Pushes feature rows to the embedded feature store in `folder`, one partition for each shard.

    `shards` are those that this process writes; `instruments` and `features` (catalogue lines) name the indices
    and the columns of the rows; `declare` makes Feast's objects of the lines. `push_seconds` is the least time
    between two pushes of a paced run, None pushes at snapshots and at the end only; `clock` is monotonic, in
    seconds, and decides nothing but when to push.

    Raises ValueError where shards are missing or named twice, or `push_seconds` is negative.
    """

    def __init__(
        self,
        folder: Path,
        shards: tuple[str, ...],
        instruments: Sequence[str],
        features: Sequence[Feature],
        declare: Declare,
        *,
        push_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        online: Online = SQLITE,
    ) -> None:
        if not shards or len(set(shards)) != len(shards):
            raise ValueError(f"the feature store needs shards with different names; {shards} were given")
        if push_seconds is not None and push_seconds < 0:
            raise ValueError(f"push_seconds is at least 0, or None; {push_seconds} was given")
        self._shards = tuple(sorted(shards))
        self._made = (Path(folder), tuple(instruments), tuple(features), declare)
        self._push_seconds = push_seconds
        self._clock = clock
        self._store = online

    def list_parts(self) -> list[str]:
        """Return the shards."""
        return list(self._shards)

    def part_fn(self, item_key: str) -> int:
        """Return the place of a shard among the shards; raises ValueError for one that was not named."""
        if item_key not in self._shards:
            raise ValueError(
                f"the feature store takes shards {', '.join(self._shards)}; a row of shard {item_key!r} was given"
            )
        return self._shards.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: FeastState | None) -> "FeastPartition":
        """Return the writer of one shard, as it was at the snapshot."""
        return FeastPartition(
            *self._made,
            resume_state,
            push_seconds=self._push_seconds,
            clock=self._clock,
            online=self._store,
        )


class FeastPartition(StatefulSinkPartition[FeatureItem, FeastState]):
    """Pushes the rows of one shard; works without a dataflow too.

    `state` holds `rows`, the newest row of each instrument (`ROW`); `waiting`, which of them are not known to be
    online; and `values`, shape (waiting rows, features).
    """

    def __init__(
        self,
        folder: Path,
        instruments: Sequence[str],
        features: Sequence[Feature],
        declare: Declare,
        state: FeastState | None = None,
        *,
        push_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        online: Online = SQLITE,
    ) -> None:
        self._names, self._features = tuple(instruments), tuple(line.name for line in features)
        self._rows = np.zeros(len(instruments), ROW)
        self._rows["instrument"], self._rows["event_at"] = np.arange(len(instruments)), NEVER
        self._values = np.full((len(instruments), len(features)), np.nan)
        self._waiting = np.zeros(len(instruments), np.bool_)
        if state is not None:
            self._resume(state)
        self._push_seconds, self._clock = push_seconds, clock
        self._pushed_at = clock()
        self._lock = threading.Lock()
        self._patience = Patience()
        self._store = online
        self._online = OnlineRows(folder, self._names, features, declare, online)
        self._thread = ThreadPoolExecutor(1, "feature_store")
        self._opened = self._thread.submit(self._online.open)
        self._pushes: list[Future[None]] = []
        if self._waiting.any():
            self._submit()

    def _resume(self, state: FeastState) -> None:
        rows = state["rows"]
        self._rows[rows["instrument"]] = rows
        self._waiting[rows["instrument"]] = state["waiting"]
        self._values[rows["instrument"][state["waiting"]]] = state["values"]

    def write_batch(self, values: list[FeatureItem]) -> None:
        """Take rows in, and push where it is time; raises TypeError for what is neither rows nor their end."""
        self._raise_what_failed()
        for value in values:
            match value:
                case FeatureRows():
                    self._take(value)
                case EndOfFeatures():
                    self._finish()
                case _:
                    raise TypeError(f"the feature store takes FeatureRows; {type(value).__name__} was given")
        if self._push_seconds is not None and self._clock() >= self._pushed_at + self._push_seconds:
            self._submit()

    def _take(self, rows: FeatureRows) -> None:
        """Keep the newest row of each instrument."""
        if len(rows.values) != len(self._features):
            raise ValueError(
                f"{len(self._features)} features are named; rows with {len(rows.values)} were given"
            )
        keys, values = newest(rows)
        held = self._rows[keys["instrument"]]
        newer = above(keys, held["event_at"], held["version"])
        which = keys["instrument"][newer]
        with self._lock:
            self._rows[which], self._values[which] = keys[newer], values[newer]
            self._waiting[which] = True

    def _submit(self) -> None:
        """Have what waits pushed; a push that has not begun yet takes it along."""
        self._pushed_at = self._clock()
        self._raise_what_failed()
        begun = all(push.running() or push.done() for push in self._pushes)
        if begun and self._waiting.any():
            self._pushes.append(self._thread.submit(self._push))

    def _push(self) -> None:
        """On the thread: push what waits now."""
        with self._lock:
            which = np.flatnonzero(self._waiting)
            keys, values = self._rows[which], self._values[which]
        try:
            self._patience.until_done(
                "the online store",
                lambda: self._online.push(keys, values),
                lambda failure: passes(failure) and not speaks_otherwise(self._store),
            )
        except Exception as failure:
            raise refused(failure) from failure
        with self._lock:
            same = self._rows[which] == keys
            self._waiting[which[same]] = False

    def _finish(self) -> None:
        """Push everything, and return when it is online."""
        self._submit()
        for job in (self._opened, *self._pushes):
            job.result()

    def _raise_what_failed(self) -> None:
        """Raise what went wrong on the thread; forget the pushes that came to their end."""
        for job in (self._opened, *self._pushes):
            if job.done():
                job.result()
        self._pushes = [push for push in self._pushes if not push.done()]

    def snapshot(self) -> FeastState:
        """Have what waits pushed, and return the newest rows with those values that are not known to be online."""
        self._submit()
        with self._lock:
            seen = np.flatnonzero(self._rows["event_at"] != NEVER)
            waiting = self._waiting[seen]
            return {"rows": self._rows[seen], "waiting": waiting, "values": self._values[seen[waiting]]}

    def close(self) -> None:
        """Let the push that runs come to its end, unless the store is gone: what waits is pushed after a restart."""
        self._patience.stop()
        self._thread.shutdown()


class OnlineRows:
    """What is online of some instruments, read once and kept in mind; used by one thread."""

    def __init__(
        self,
        folder: Path,
        instruments: Sequence[str],
        features: Sequence[Feature],
        declare: Declare,
        online: Online = SQLITE,
    ) -> None:
        self._folder, self._names, self._lines, self._declare = folder, instruments, features, declare
        self._online = online
        self._event_at = np.full(len(instruments), NEVER)
        self._version = np.full(len(instruments), -1, np.int16)
        self._read = np.zeros(len(instruments), np.bool_)
        self._store: Any = None

    def open(self) -> None:
        """Import Feast, make or mend the store, and open it."""
        prepare(self._folder, self._names, self._lines, self._declare, self._online)
        self._store = open_store(self._folder)

    def push(self, keys: NDArray[np.void], values: NDArray[np.float64]) -> None:
        """Write those rows that stand above what is online; `keys` has each instrument once."""
        which = keys["instrument"]
        self._look_up(which[~self._read[which]])
        newer = above(keys, self._event_at[which], self._version[which])
        push(
            self._store,
            push_frame(keys[newer], values[newer], self._names, [line.name for line in self._lines]),
        )
        self._event_at[which[newer]], self._version[which[newer]] = (
            keys["event_at"][newer],
            keys["version"][newer],
        )

    def _look_up(self, which: NDArray[np.int32]) -> None:
        """Read what is online of instruments that have not been read yet."""
        names = [self._names[place] for place in which]
        answer = read_online(self._store, names, (SEQUENCE, VERSION)) if names else {}
        if names:
            self._event_at[which], self._version[which] = held_rows(answer, names)
        self._read[which] = True
