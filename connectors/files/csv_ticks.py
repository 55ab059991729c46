"""Ticks from CSV with a header: a file, or every `*.csv` below a folder in order of path (docs/column-mapping.md).

Fields are separated by commas; one may be quoted, but holds no line break.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from connectors.files.column_ticks import Block, ColumnTicks
from connectors.source import SourceError

BLOCK_BYTES = 8_000_000


class CsvFile:
    """One CSV file; a piece is a stretch of whole lines: (first byte, bytes, number of its first line)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                header = file.readline()
        except OSError as failure:
            raise SourceError(f"{path} cannot be read ({failure})") from failure
        self._start = len(header)
        try:
            words = next(csv.reader([header.decode("utf-8-sig").strip()]), [])
        except (UnicodeDecodeError, csv.Error) as failure:
            raise SourceError(
                f"{path} has no header in UTF-8 ({failure}); its first line names the columns"
            ) from failure
        self._columns = tuple(word.strip() for word in words)
        if not any(self._columns):
            raise SourceError(f"{path} is empty or has no header; its first line names the columns")
        if len(set(self._columns)) != len(self._columns):
            raise SourceError(
                f"{path} names a column twice: {', '.join(self._columns)}; give each its own name"
            )

    def columns(self) -> tuple[str, ...]:
        """Return the names in the first line."""
        return self._columns

    def pieces(self) -> Iterable[tuple[int, int, int]]:
        """Return stretches of about `BLOCK_BYTES` that end with a line."""
        start, line = self._start, 2
        with self.path.open("rb") as file:
            file.seek(start)
            while True:
                content = file.read(BLOCK_BYTES)
                content += file.readline()
                if not content:
                    return
                yield start, len(content), line
                start += len(content)
                line += content.count(b"\n")

    def read(self, piece: tuple[int, int, int], columns: Sequence[str]) -> Iterator[Block]:
        """Yield the rows of a stretch as text; the place of a row is its line in the file, from 1."""
        start, size, line = piece
        with self.path.open("rb") as file:
            file.seek(start)
            content = file.read(size)
        try:
            content.decode()
        except UnicodeDecodeError:
            content = content.decode("utf-8", "backslashreplace").encode()
        wrong: list[pc.InvalidRow] = []

        def refuse(row: pc.InvalidRow) -> str:
            wrong.append(row)
            return "skip"

        try:
            table = pc.read_csv(
                pa.BufferReader(content),
                pc.ReadOptions(use_threads=False, column_names=self._columns, block_size=len(content) + 1),
                pc.ParseOptions(ignore_empty_lines=False, invalid_row_handler=refuse),
                pc.ConvertOptions(
                    column_types=dict.fromkeys(self._columns, pa.string()), include_columns=list(columns)
                ),
            )
        except pa.ArrowException as failure:
            raise SourceError(f"{self.path} cannot be read from line {line} on ({failure})") from failure
        skipped = np.array([row.number for row in wrong], np.int64) - 1
        places = np.delete(np.arange(table.num_rows + len(skipped)), skipped) + line
        refused = tuple(int(row) + line for row in skipped)
        texts = tuple(row.text for row in wrong)
        for batch in table.combine_chunks().to_batches() or [_empty(columns)]:
            yield Block(batch, places, refused, texts)


def _empty(columns: Sequence[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], pa.string()) for _ in columns], names=list(columns))


def csv_ticks(
    place: Path, instruments: tuple[str, ...] | None = None, first: str | None = None, last: str | None = None
) -> ColumnTicks:
    """Return the ticks of a file or folder; raises SourceError as `ColumnTicks` does."""
    paths = sorted(place.rglob("*.csv")) if place.is_dir() else [place]
    if not paths:
        raise SourceError(f"{place} holds no *.csv file; name a file, or a folder that holds some")
    return ColumnTicks("csv", [CsvFile(path) for path in paths], place, instruments, first, last)
