"""Ticks of a lake: what a run recorded under `raw.trades` and `raw.quotes`, or `market.*` where there is no raw topic.

Layout: `<lake>/<topic>/date=YYYY-MM-DD/<shard>-<first>.parquet`. The rows of a shard are in order of known_at over its
files, so the files of a day are merged as they are, each read a batch at a time.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from connectors.files.canonical import canonical_chunks
from connectors.files.column_mapping import mapped, roles_of
from connectors.files.lake_controls import recorded_controls
from connectors.files.lake_health import said_health, told_actions
from connectors.files.lake_reference import kept_reference
from connectors.files.new_york import day_bounds, days_of
from connectors.lake.names import files_of
from connectors.source import SourceError, selected_days, selected_names
from domain.controls import Control
from domain.instruments import Instrument, Split
from domain.market import Chunk, complete_ticks

STAGES = ("raw", "market")
BATCH_ROWS = 65_536
_DROPPED = ("record_id", "schema_version", "source", "best_bid", "best_bid_size", "best_ask", "best_ask_size")


class _LakeFile(NamedTuple):
    """A file, and when its first and last rows were known."""

    path: Path
    first_at: int
    last_at: int


class LakeTicks:
    """The ticks that a lake holds, in its own folder or in `lake` below the one given.

    `name` is that of the source that was recorded (`lake` where there were several), so that a replay gives rows
    the ids they had. `instruments` and the ISO dates `first` and `last` (inclusive) narrow what is held. Raises
    SourceError where the folder is no lake with ticks, a file of it is damaged, or nothing asked for is held.
    """

    def __init__(
        self,
        folder: Path,
        instruments: tuple[str, ...] | None = None,
        first: str | None = None,
        last: str | None = None,
    ) -> None:
        lake = folder / "lake" if (folder / "lake").is_dir() else folder
        paths = next(filter(None, (_tick_files(lake, stage) for stage in STAGES)), [])
        if not paths:
            raise SourceError(
                f"{folder} holds no ticks of a lake; it needs raw.trades/date=YYYY-MM-DD/*.parquet or raw.quotes, "
                "market.trades or market.quotes likewise"
            )
        names: set[str] = set()
        sources: set[str] = set()
        days: set[str] = set()
        self._files = [_scanned(path, names, sources, days) for path in paths]
        self.name = sources.pop() if len(sources) == 1 else "lake"
        self._names = selected_names(names, instruments)
        self._lake = lake
        self._reference = kept_reference(lake).of(self._names)
        self._days = selected_days(days, first, last, folder)

    def instruments(self) -> tuple[str, ...]:
        """Return the names that the rows carry, sorted."""
        return self._names

    def reference(self) -> tuple[Instrument, ...]:
        """Return what the recorded source knew of the instruments, if that was kept."""
        return self._reference.instruments

    def splits(self) -> tuple[Split, ...]:
        """Return the splits that the recorded source knew of, if they were kept."""
        return self._reference.splits

    def controls(self) -> tuple[Control, ...]:
        """Return the commands that took effect in the recorded run, in order of effect."""
        return recorded_controls(self._lake)

    def segments(self) -> tuple[str, ...]:
        """Return the New York days in which rows were known."""
        return self._days

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield the day's rows of the owned instruments in canonical order; raises SourceError."""
        start, stop = day_bounds(segment)
        wanted = {name: index[name] for name in self._names if name in index and owned[index[name]]}
        files = [file for file in self._files if file.first_at < stop and file.last_at >= start]
        rows = [_rows(file.path, start, stop, wanted) for file in files]
        since = 0 if segment == self._days[0] else start
        told = told_actions(self._lake, since, stop, wanted)
        return canonical_chunks([*rows, said_health(self._lake, start, stop, wanted), told])


def _tick_files(lake: Path, stage: str) -> list[Path]:
    """Return the files of the trades and quotes of a stage, in order of topic, shard and the shard's rows."""
    paths = [path for topic in ("trades", "quotes") for path in files_of(lake, f"{stage}.{topic}")]
    return sorted(paths, key=lambda path: (path.parent.parent.name, path.stem, path.parent.name))


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError as gone:
        raise SourceError(
            f"{path} went while the lake was read; where it was compacted meanwhile, begin again"
        ) from gone
    except (pa.ArrowException, OSError) as failure:
        raise SourceError(
            f"{path} is no whole Parquet file ({failure}); restore it, or take it away"
        ) from failure


def _scanned(path: Path, names: set[str], sources: set[str], days: set[str]) -> _LakeFile:
    """Return when the rows of a file were known, noting its names, sources and days."""
    first_at, last_at = int(np.iinfo(np.int64).max), int(np.iinfo(np.int64).min)
    with _open(path) as file:
        missing = {"known_at", "instrument", "source", "sequence", "kind"} - set(file.schema_arrow.names)
        if missing:
            raise SourceError(f"{path} has no column {min(missing)}; it is no file of a lake's ticks")
        for batch in file.iter_batches(BATCH_ROWS, columns=["known_at", "instrument", "source"]):
            known_at = pc.cast(batch.column("known_at"), pa.int64()).to_numpy(zero_copy_only=False)
            if len(known_at):
                first_at, last_at = min(first_at, int(known_at.min())), max(last_at, int(known_at.max()))
                days |= set(days_of(known_at))
            names |= set(pc.unique(batch.column("instrument")).to_pylist())
            sources |= set(pc.unique(batch.column("source")).to_pylist())
    return _LakeFile(path, first_at, last_at)


def _rows(path: Path, start: int, stop: int, wanted: Mapping[str, int]) -> Iterator[Chunk]:
    """Yield the rows of a file that were known from `start` to before `stop` and are of the wanted instruments."""
    with _open(path) as file:
        kept = [name for name in file.schema_arrow.names if name not in _DROPPED]
        roles = roles_of(kept, path)
        try:
            for batch in file.iter_batches(BATCH_ROWS, columns=kept):
                rows = mapped(batch, roles)
                which = np.array([wanted.get(name, -1) for name in rows.names], np.int32)[rows.codes]
                known_at = rows.columns["known_at"]
                mine = (which >= 0) & (known_at >= start) & (known_at < stop)
                if rows.faults.any():
                    raise SourceError(f"{path} holds a row that cannot be read; restore it, or take it away")
                columns = {name: column[mine] for name, column in rows.columns.items()}
                yield Chunk(complete_ticks({**columns, "instrument": which[mine]}))
        except (pa.ArrowException, OSError) as failure:
            raise SourceError(f"{path} cannot be read ({failure}); restore it, or take it away") from failure
