"""Files that were joined are still found under the names their writer gave them.

A writer that starts again from an old snapshot asks for the files it published since, makes them again, and puts them.
Where a joined file stands for such a file its rows are taken from there, and it is not put a second time.
"""

import json
import tempfile
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from connectors.lake.names import FileSpan, covered_by, span_of
from connectors.lake.shelf import OpenShelf
from connectors.lake.staging import ROWS_PER_GROUP, LakeDamaged, write_groups

PARTS = "ita.parts"
"""The key under which a joined file says which files it was made of, as a JSON list of [first row, rows]."""


class Part(NamedTuple):
    """A file that was joined: its name's first row, where its rows begin in the joined file, and how many there are."""

    first: int
    begin: int
    rows: int


def parts_of(path: Path, mark: str) -> list[Part]:
    """Return the files that a file was made of, in order: itself where it was not joined."""
    metadata = pq.read_metadata(path)
    said = (metadata.metadata or {}).get(PARTS.encode())
    span = span_of(mark)
    if said is None:
        return [Part(span.first if span else 0, 0, metadata.num_rows)]
    found: list[Part] = []
    for first, rows in json.loads(said):
        found.append(Part(first, found[-1].begin + found[-1].rows if found else 0, rows))
    return found


class JoinedShelf:
    """A shelf on which files may have been joined; what its writer asks of one of them is answered all the same."""

    def __init__(self, shelf: OpenShelf) -> None:
        self._shelf = shelf

    def rows(self, mark: str) -> int | None:
        """Return how many rows the file of that name holds or held, None where there never was one."""
        rows = self._shelf.rows(mark)
        if rows is not None:
            return rows
        joined = self._joined(mark)
        if joined is None:
            return None
        with tempfile.TemporaryDirectory() as folder:
            return self._part(mark, joined, Path(folder) / "joined.parquet")[1].rows

    def put(self, made: Path, mark: str, rows: int) -> None:
        """Make a file visible, unless a joined file shows its rows; raises LakeDamaged where they are others."""
        if self._joined(mark) is None:
            self._shelf.put(made, mark, rows)
        elif self.rows(mark) != rows:
            raise LakeDamaged(
                f"{mark} was joined with {self.rows(mark)} rows and now comes with {rows}; "
                f"were `rows_per_file` or the recovery folder changed? start with a new lake"
            )

    def fetch(self, mark: str, into: Path) -> Path:
        """Return a local copy of a file, made from a joined one where it has to be."""
        joined = None if self._shelf.rows(mark) is not None else self._joined(mark)
        if joined is None:
            return self._shelf.fetch(mark, into)
        with tempfile.TemporaryDirectory() as folder:
            path, part = self._part(mark, joined, Path(folder) / "joined.parquet")
            table = pq.read_table(path, partitioning=None).slice(part.begin, part.rows)
            groups = range(0, part.rows, ROWS_PER_GROUP)
            write_groups(into, (table.slice(first, ROWS_PER_GROUP) for first in groups))
        return into

    def close(self) -> None:
        """End every wait for the place, and let it go."""
        self._shelf.close()

    def _joined(self, mark: str) -> str | None:
        """Return the joined file that stands for a file, None where none does."""
        span = span_of(mark)
        if span is None:
            return None
        listed = self._shelf.kept(f"{span.folder}/{span.shard}-")
        return covered_by([mark, *(kept.mark for kept in listed)]).get(mark)

    def _part(self, mark: str, joined: str, into: Path) -> tuple[Path, Part]:
        """Return the joined file and where the rows of a file are in it; raises LakeDamaged where it has none."""
        path = self._shelf.fetch(joined, into)
        span = span_of(mark) or FileSpan("", "", -1, -1)
        found = next((part for part in parts_of(path, joined) if part.first == span.first), None)
        if found is None:
            raise LakeDamaged(
                f"{joined} stands for {mark} by its name but was not made of it; "
                f"were `rows_per_file` or the recovery folder changed? start with a new lake"
            )
        return path, found
