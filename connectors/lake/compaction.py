"""Joins the small files of each topic, date and shard into few big ones; no row is lost, doubled or moved.

A date is joined once it is over and none of the shard's files was put there of late. Files are taken in order of
their rows, as many as fit into `rows_max`; the joined file's name says what it stands for (`names.py`). It is whole
before it is shown, and shown before the others go: killed at any moment, the next compaction goes on from what it
finds. On a folder old and new are exchanged in one step. On an object store there is a moment, one request long, in
which both are there: readers that leave out what another name stands for (`names.files_of`) never see it.
Compacting twice changes nothing the second time; two at once do the same work and end in the same files.
"""

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.lake.joined import PARTS, parts_of
from connectors.lake.names import FileSpan, covered_by, joined_mark, span_of
from connectors.lake.shelf import Joined, Kept, OpenShelf
from connectors.lake.staging import ROWS_PER_GROUP, LakeDamaged, in_groups, write_groups
from domain.market import DAY_SECONDS, SECOND

ROWS_JOINED_MAX = 4_000_000
AGE_SECONDS = 3600.0
OPEN = "the date is not over"
FRESH = "written to of late"
_FOLDER = re.compile(r"[^/]+/date=\d{4}-\d{2}-\d{2}")


class Rules(NamedTuple):
    """What may be joined at the instant `now` (ns UTC): dates that are over, untouched for `age_seconds`.

    `rows_max` is the most rows of a joined file; two compactions of one lake at once need the same.
    """

    now: int
    age_seconds: float = AGE_SECONDS
    rows_max: int = ROWS_JOINED_MAX


class Outcome(NamedTuple):
    """What became of the files of a topic, date and shard: how many there were and are, and why they were left."""

    topic: str
    date: str
    shard: str
    files: int
    files_now: int
    rows_joined: int
    left: str = ""


class _File(NamedTuple):
    """A file that may be joined, and its rows."""

    mark: str
    span: FileSpan
    rows: int


def compacted(shelf: OpenShelf, rules: Rules, work: Path) -> Iterator[Outcome]:
    """Join what may be joined, one outcome for each topic, date and shard, in their order.

    `work` is a folder of this compaction alone, on the disk of the lake where the lake is a folder. Raises
    LakeDamaged where a joined file does not hold what its name stands for; nothing is taken away then.
    """
    shelf.tidy()
    work.mkdir(parents=True, exist_ok=True)
    listed = shelf.kept("")
    covered = covered_by(kept.mark for kept in listed)
    for folder, found in _by_folder(listed).items():
        stale = {kept.mark: covered[kept.mark] for kept in found if kept.mark in covered}
        _drop(shelf, stale, work)
        yield from _folder(shelf, folder, [kept for kept in found if kept.mark not in stale], rules, work)
    shelf.tidy()


def _by_folder(listed: Sequence[Kept]) -> dict[str, list[Kept]]:
    """Return the files of each folder that carry a name of ours."""
    found: dict[str, list[Kept]] = defaultdict(list)
    for kept in listed:
        span = span_of(kept.mark)
        if span is not None and _FOLDER.fullmatch(span.folder):
            found[span.folder].append(kept)
    return found


def _drop(shelf: OpenShelf, stale: dict[str, str], work: Path) -> None:
    """Take away files that are joined already, once it is sure that the joined file holds them."""
    for joined in sorted(set(stale.values())):
        marks = [mark for mark, holder in stale.items() if holder == joined]
        with tempfile.TemporaryDirectory(dir=work) as folder:
            held = {
                part.first: part.rows
                for part in parts_of(shelf.fetch(joined, Path(folder) / "joined.parquet"), joined)
            }
            for place, mark in enumerate(marks):
                for part in parts_of(shelf.fetch(mark, Path(folder) / f"{place}.parquet"), mark):
                    if held.get(part.first) != part.rows:
                        raise LakeDamaged(
                            f"{joined} stands for {mark} by its name and does not hold its {part.rows} rows from "
                            f"{part.first}; keep both, and restore the one that is wrong"
                        )
        shelf.remove(marks)


def _folder(shelf: OpenShelf, folder: str, found: list[Kept], rules: Rules, work: Path) -> Iterator[Outcome]:
    """Join the files of a folder, all its shards in one step."""
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(dir=work) as place:
        joined: list[Joined] = []
        for shard, kept in groupby(found, lambda one: one.mark.rpartition("/")[2].partition("-")[0]):
            files = list(kept)
            left = _left(folder, files, rules)
            made = [] if left or len(files) == 1 else _joined(shelf, files, rules, Path(place) / shard)
            joined += made
            topic, _, date = folder.partition("/date=")
            outcomes.append(
                Outcome(
                    topic,
                    date,
                    shard,
                    len(files),
                    len(files) - sum(len(each.parts) - 1 for each in made),
                    sum(each.rows for each in made),
                    left if len(files) > 1 else "",
                )
            )
        if joined:
            shelf.replace(folder, joined)
    yield from outcomes


def _left(folder: str, files: Sequence[Kept], rules: Rules) -> str:
    """Return why files are left alone, nothing where they may be joined."""
    over_at = int(np.datetime64(folder.partition("/date=")[2], "ns").astype(np.int64)) + DAY_SECONDS * SECOND
    if rules.now < over_at:
        return OPEN
    newest_at = max(kept.put_at for kept in files)
    return FRESH if rules.now - newest_at < rules.age_seconds * SECOND else ""


def _joined(shelf: OpenShelf, files: Sequence[Kept], rules: Rules, place: Path) -> list[Joined]:
    """Make the joined files of a folder and shard, none where nothing fits together."""
    made: list[Joined] = []
    place.mkdir()
    for pack in _packs([_file(shelf, kept) for kept in files], rules.rows_max):
        if len(pack) > 1:
            made += _made(shelf, pack, place)
    return made


def _file(shelf: OpenShelf, kept: Kept) -> _File:
    rows, span = shelf.rows(kept.mark), span_of(kept.mark)
    if rows is None or span is None:
        raise LakeDamaged(f"{kept.mark} went while it was looked at; compact again")
    return _File(kept.mark, span, rows)


def _packs(files: Sequence[_File], rows_max: int) -> list[list[_File]]:
    """Return files in order of their rows, in packs of at most `rows_max` rows.

    A pack and the first file of the next one have more than that, so that packing the packs changes nothing.
    """
    packs: list[list[_File]] = []
    held = 0
    for file in sorted(files, key=lambda one: one.span.first):
        if packs and held + file.rows <= rows_max:
            packs[-1].append(file)
            held += file.rows
        else:
            packs.append([file])
            held = file.rows
    return packs


def _made(shelf: OpenShelf, pack: Sequence[_File], place: Path) -> Iterator[Joined]:
    """Yield a joined file for each run of two or more files of a pack that have the same columns."""
    paths = {
        file.mark: shelf.fetch(file.mark, place / f"part-{number}.parquet")
        for number, file in enumerate(pack)
    }

    def columns(file: _File) -> str:
        return str(pq.read_schema(paths[file.mark]).remove_metadata())

    for _, same in groupby(pack, columns):
        files = list(same)
        if len(files) > 1:
            yield _written(files, [paths[file.mark] for file in files], place)
    for path in paths.values():
        if path.parent == place:
            path.unlink()


def _written(files: Sequence[_File], paths: Sequence[Path], place: Path) -> Joined:
    """Write the rows of files one after the other into one; raises LakeDamaged where a row is missing afterwards."""
    mark = joined_mark([file.span for file in files])
    made = place / mark.rpartition("/")[2]
    parts = [
        [part.first, part.rows]
        for file, path in zip(files, paths, strict=True)
        for part in parts_of(path, file.mark)
    ]
    write_groups(made, in_groups(_tables(paths), ROWS_PER_GROUP), {PARTS: json.dumps(parts)})
    rows, expected = pq.read_metadata(made).num_rows, sum(file.rows for file in files)
    if not rows == expected == sum(count for _, count in parts):
        raise LakeDamaged(
            f"{mark} would hold {rows} rows where its files say {expected}; nothing was changed"
        )
    return Joined(made, mark, rows, tuple(file.mark for file in files))


def _tables(paths: Sequence[Path]) -> Iterator[pa.Table]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_PER_GROUP):
                yield pa.Table.from_batches([batch]).replace_schema_metadata(None)
