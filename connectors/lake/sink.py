"""The lake keeps every row once: files are whole when they become visible, and named by what they hold.

An item is `(shard, what)` in the shard's order, `what` being a MarketBatch (ticks, bars, features and scores
of the market topics), `Raw(ticks)`, `Records(topic, records)`, `Refused(stage, malformed)` or `Rows(topic,
table)`; `(shard, END_OF_INPUT)` publishes what is left, `(shard, TopicEnd(topic))` what is left of a topic that
comes as `Rows` or `Records`. A topic is fed by one kind of item. Files are
`<lake>/<topic>/date=<UTC date of event_at>/<shard>-<first>.parquet`, `first` being the number of the file's
first row among the topic's rows of the shard, in twelve digits.

Where a file ends follows from the rows alone: at `rows_per_file` rows; when the topic's event time passes an
hour into a later day; when a fifth day opens (the day written least recently ends); at the end of input. Rows
wait in `<lake>/.staging/<shard>`. A snapshot names how much of each staged file counts; a restart cuts the
files back to it, and a file that was published after the snapshot is made again with the same content under
the same name. This needs the rows of a shard to come again in the same order after a restart, in batches of
any size.

    sink = LakeSink(folder, ("0", "1"), MarketCodec(universe, "simulator", feature_names, strategy_names))
    op.output("lake", op.merge("kept", market, raw, verdicts), sink)

Memory: up to `ROWS_HELD` rows for each kind of item and shard, and one row group while a file is made. What
is held are the columns themselves: nobody may write to them after they were handed in.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from numpy.typing import NDArray

from connectors.disk import synchronise
from connectors.lake.codec import MarketCodec
from connectors.lake.joined import JoinedShelf
from connectors.lake.lanes import LakeItem, TopicEnd, encoded, lane_of, merged
from connectors.lake.names import shelf_mark
from connectors.lake.shelf import STAGING, LocalShelf, OpenShelf
from connectors.lake.staging import append, publish, restore, staged_path
from domain.market import DAY_SECONDS, SECOND

DAY = DAY_SECONDS * SECOND
GRACE = 3600 * SECOND
DAYS_OPEN_MAX = 4
ROWS_HELD = 16_384
ITEMS_LOOSE = 16
GROUPS_HELD = 128
PUBLISHING_MAX = 8
SYNCHRONISING_MAX = 8
ROWS_PER_FILE = 1_000_000
NEVER = np.iinfo(np.int64).min

TopicState = dict[str, Any]
LakeState = dict[str, TopicState]


class LakeBusy(RuntimeError):
    """Another writer holds this shard of the lake."""


class LakeSink(FixedPartitionedSink[LakeItem, LakeState]):
    """Writes each shard of a run to a lake folder, one partition for each shard.

    `shards` are all the shards that this process writes; letters, digits, `_` and `.` are allowed in a name.
    `codec` is needed where market data comes in columns. `durable` forces rows to the disk at each snapshot
    and publication, so that nothing is lost when the machine fails. `shelf` makes the place of published files,
    the folder itself unless told otherwise; rows wait in the folder in any case.

    Raises ValueError where a shard name could not be part of a file name.
    """

    def __init__(
        self,
        lake: Path,
        shards: tuple[str, ...],
        codec: MarketCodec | None = None,
        *,
        rows_per_file: int = ROWS_PER_FILE,
        durable: bool = True,
        shelf: Callable[[], OpenShelf] | None = None,
    ) -> None:
        wrong = next((shard for shard in shards if not re.fullmatch(r"[A-Za-z0-9_.]+", shard)), None)
        if wrong is not None or len(set(shards)) != len(shards) or not shards:
            raise ValueError(
                f"shards need different names of letters, digits, `_` and `.`; {shards} were given"
            )
        if rows_per_file < 1:
            raise ValueError(f"rows_per_file is at least 1; {rows_per_file} was given")
        self._lake = Path(lake)
        self._codec = codec
        self._shards = tuple(sorted(shards))
        self._rows_per_file = rows_per_file
        self._durable = durable
        self._shelf = shelf or (lambda: LocalShelf(self._lake, durable=durable))

    def list_parts(self) -> list[str]:
        """Return the shards."""
        return list(self._shards)

    def part_fn(self, item_key: str) -> int:
        """Return the place of a shard among the shards; raises ValueError for one that was not named."""
        if item_key not in self._shards:
            raise ValueError(
                f"the lake writes shards {', '.join(self._shards)}; a row of shard {item_key!r} was given"
            )
        return self._shards.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: LakeState | None) -> "LakePartition":
        """Return the writer of one shard, as it was at the snapshot; raises LakeBusy, LakeDamaged."""
        return LakePartition(
            self._lake,
            for_part,
            resume_state,
            self._codec,
            rows_per_file=self._rows_per_file,
            durable=self._durable,
            shelf=self._shelf(),
        )


class LakePartition(StatefulSinkPartition[LakeItem, LakeState]):
    """Writes the rows of one shard; works without a dataflow too.

    `state` holds for each topic: `rows` taken in, the `newest_at` of them (ns UTC), and the `open` days in
    the order in which they were last written, each with its `first` row, how many `rows` and how many `bytes`
    are staged; `closing` holds the same of files that are whole and on their way to be visible. They are made
    on a thread of their own, so that a full file does not hold the flow up.
    """

    def __init__(
        self,
        lake: Path,
        shard: str,
        state: LakeState | None = None,
        codec: MarketCodec | None = None,
        *,
        rows_per_file: int = ROWS_PER_FILE,
        durable: bool = True,
        shelf: OpenShelf | None = None,
    ) -> None:
        self._lake, self._shard, self._codec = lake, shard, codec
        self._rows_per_file, self._durable = rows_per_file, durable
        self._shelf = JoinedShelf(shelf or LocalShelf(lake, durable=durable))
        self._folder = lake / STAGING / shard
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(lake / STAGING / f"{shard}.lock", shard)
        self._topics: LakeState = _copied(state or {})
        self._held: dict[str, list[LakeItem]] = {}
        self._loose: dict[str, list[LakeItem]] = {}
        self._held_rows: dict[str, int] = {}
        self._fed_by: dict[str, str] = {}
        self._touched: set[Path] = set()
        self._publisher = ThreadPoolExecutor(1, f"lake-{shard}")
        self._synchroniser = ThreadPoolExecutor(SYNCHRONISING_MAX, f"lake-{shard}-disk")
        self._publishing: list[tuple[Future[None], TopicState, TopicState]] = []
        try:
            self._resume()
        except BaseException:
            self.close()
            raise

    def _resume(self) -> None:
        """Bring the staged files back to the state, and take away those that it does not know."""
        known: set[Path] = set()
        for topic, state in self._topics.items():
            for part in state["open"].values():
                staged, mark = self._place(topic, part)
                part["bytes"] = restore(staged, part["bytes"], part["rows"], self._shelf, mark)
                known.add(staged)
            for part in state["closing"]:
                staged, mark = self._place(topic, part)
                if self._shelf.rows(mark) != part["rows"]:
                    length = restore(staged, part["bytes"], part["rows"], self._shelf, mark)
                    publish(staged, length, part["rows"], self._shelf, mark)
            state["closing"] = []
        for path in self._folder.iterdir():
            if path not in known:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _place(self, topic: str, part: TopicState) -> tuple[Path, str]:
        """Return where the rows of a file wait, and the file's name on the shelf."""
        place = (topic, part["day"], self._shard, part["first"])
        return staged_path(self._lake, *place), shelf_mark(*place)

    def write_batch(self, values: list[LakeItem]) -> None:
        """Take items in; they are staged when enough have come together, and at the next snapshot.

        Raises TypeError for what the lake does not take, ValueError for a topic that two kinds of items feed.
        """
        self._reap()
        for item in values:
            lane, count = lane_of(item)
            if isinstance(item, TopicEnd):
                self._end(item.topic)
            elif not lane:
                self._end()
            elif count:
                self._hold(lane, item)
                self._held_rows[lane] = self._held_rows.get(lane, 0) + count
                if self._held_rows[lane] >= ROWS_HELD or len(self._held.get(lane, ())) >= GROUPS_HELD:
                    self._release(lane)

    def _hold(self, lane: str, item: LakeItem) -> None:
        """Keep an item, joined with those before it as often as enough have come: a thousand at once take long."""
        loose = self._loose.setdefault(lane, [])
        loose.append(item)
        if len(loose) == ITEMS_LOOSE:
            self._held.setdefault(lane, []).extend(merged(loose))
            loose.clear()

    def _release(self, lane: str) -> None:
        """Encode and stage what is held of a lane."""
        self._held_rows.pop(lane)
        self._held.setdefault(lane, []).extend(self._loose.pop(lane, []))
        for topic, table in encoded(self._codec, self._held.pop(lane)):
            if self._fed_by.setdefault(topic, lane) != lane:
                raise ValueError(
                    f"rows of {topic} come as {self._fed_by[topic]} and as {lane}; one of them is allowed"
                )
            self._stage(topic, table if isinstance(table, pa.Table) else pa.Table.from_batches([table]))

    def _stage(self, topic: str, table: pa.Table) -> None:
        """Write rows to the staged files of their days, and publish the files that are whole."""
        state = self._topics.setdefault(topic, {"rows": 0, "newest_at": NEVER, "open": {}, "closing": []})
        event_at = _event_times(table)
        days = event_at // DAY
        cuts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
        for start, end in pairwise(cuts):
            self._append(topic, state, int(days[start]), table.slice(start, end - start))
            self._settle(topic, state, int(event_at[start:end].max()))

    def _append(self, topic: str, state: TopicState, day: int, rows: pa.Table) -> None:
        """Add rows of one day, publishing each file that becomes full."""
        while rows.num_rows:
            part = self._opened(topic, state, day)
            taken = rows.slice(0, self._rows_per_file - part["rows"])
            staged, _ = self._place(topic, part)
            part["bytes"] = append(staged, part["bytes"], taken)
            part["rows"] += taken.num_rows
            state["rows"] += taken.num_rows
            self._touched.add(staged)
            if part["rows"] == self._rows_per_file:
                self._publish(topic, state, day)
            rows = rows.slice(taken.num_rows)

    def _opened(self, topic: str, state: TopicState, day: int) -> TopicState:
        """Return the open file of a day, now the one written last; opens it, and ends the longest untouched one."""
        part: TopicState | None = state["open"].pop(day, None)
        if part is None:
            if len(state["open"]) == DAYS_OPEN_MAX:
                self._publish(topic, state, next(iter(state["open"])))
            part = {"day": day, "first": state["rows"], "rows": 0, "bytes": 0}
        state["open"][day] = part
        return part

    def _settle(self, topic: str, state: TopicState, newest_at: int) -> None:
        """Publish the days that event time has just left behind by more than an hour."""
        before, state["newest_at"] = state["newest_at"], max(state["newest_at"], newest_at)
        settled = (state["newest_at"] - GRACE) // DAY
        if before == NEVER or settled > (before - GRACE) // DAY:
            for day in [day for day in state["open"] if day < settled]:
                self._publish(topic, state, day)

    def _publish(self, topic: str, state: TopicState, day: int) -> None:
        """Have the file of a day made; waits where too many are being made already."""
        part = state["open"].pop(day)
        state["closing"].append(part)
        staged, mark = self._place(topic, part)
        made = self._publisher.submit(publish, staged, part["bytes"], part["rows"], self._shelf, mark)
        self._publishing.append((made, state, part))
        if len(self._publishing) > PUBLISHING_MAX:
            self._reap(1)

    def _reap(self, waited: int = 0) -> None:
        """Strike off the files that are visible by now, waiting for the first `waited`; raises what went wrong."""
        for place, (made, _, _) in enumerate(self._publishing):
            if place < waited or made.done():
                made.result()
        for made, state, part in self._publishing:
            if made.done():
                state["closing"].remove(part)
        self._publishing = [entry for entry in self._publishing if entry[2] in entry[1]["closing"]]

    def _end(self, only: str | None = None) -> None:
        """Publish everything, of one topic where one is named, and return when it is visible."""
        for lane in sorted(self._held_rows):
            if only in (None, lane):
                self._release(lane)
        for topic, state in sorted(self._topics.items()):
            if only in (None, topic):
                for day in list(state["open"]):
                    self._publish(topic, state, day)
        self._reap(len(self._publishing))

    def snapshot(self) -> LakeState:
        """Stage all held rows and return how much of each staged file counts."""
        for lane in sorted(self._held_rows):
            self._release(lane)
        self._reap()
        if self._durable:
            paths = [*sorted(self._touched), *([self._folder] if self._touched else [])]
            list(self._synchroniser.map(_synchronised, paths))
        self._touched.clear()
        return _copied(self._topics)

    def close(self) -> None:
        """Let the shard go; what still waits to be published is published after the next start."""
        self._shelf.close()
        self._publisher.shutdown()
        self._synchroniser.shutdown()
        os.close(self._lock)


def _synchronised(path: Path) -> None:
    with suppress(FileNotFoundError):  # published meanwhile, and on the disk
        synchronise(path)


def _event_times(table: pa.Table) -> NDArray[np.int64]:
    column = table.column("event_at").combine_chunks().cast(pa.int64())
    times: NDArray[np.int64] = column.to_numpy()
    return times


def _copied(state: LakeState) -> LakeState:
    return {
        topic: {
            **kept,
            "open": {day: dict(part) for day, part in kept["open"].items()},
            "closing": [dict(part) for part in kept["closing"]],
        }
        for topic, kept in state.items()
    }


def _locked(path: Path, shard: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as busy:
        os.close(descriptor)
        raise LakeBusy(
            f"shard {shard} of {path.parent.parent} is being written by another process; one writer is allowed; "
            f"stop it, or give this run another output folder"
        ) from busy
    return descriptor
