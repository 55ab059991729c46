"""Ticks from Parquet: a file, or every `*.parquet` below a folder in order of their paths (docs/column-mapping.md)."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.files.column_ticks import Block, ColumnTicks
from connectors.source import SourceError

BATCH_ROWS = 262_144


class ParquetFile:
    """One Parquet file; a piece is a row group. Raises SourceError where it is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as file:
            self._columns = tuple(file.schema_arrow.names)
            rows = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
        self._starts = np.cumsum([1, *rows])

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path)
        except (pa.ArrowException, OSError) as failure:
            raise SourceError(
                f"{self.path} is no whole Parquet file ({failure}); write it again"
            ) from failure

    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return self._columns

    def pieces(self) -> Iterable[int]:
        """Return the numbers of the row groups."""
        return range(len(self._starts) - 1)

    def read(self, piece: int, columns: Sequence[str]) -> Iterator[Block]:
        """Yield a row group in batches; the place of a row is its number in the file, from 1."""
        start = int(self._starts[piece])
        with self._open() as file:
            try:
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[piece], columns=list(columns)):
                    yield Block(batch, np.arange(start, start + batch.num_rows))
                    start += batch.num_rows
            except (pa.ArrowException, OSError) as failure:
                raise SourceError(f"{self.path} cannot be read ({failure}); write it again") from failure


def parquet_ticks(
    place: Path, instruments: tuple[str, ...] | None = None, first: str | None = None, last: str | None = None
) -> ColumnTicks:
    """Return the ticks of a file or folder; raises SourceError as `ColumnTicks` does."""
    paths = sorted(place.rglob("*.parquet")) if place.is_dir() else [place]
    if not paths:
        raise SourceError(f"{place} holds no *.parquet file; name a file, or a folder that holds some")
    return ColumnTicks("parquet", [ParquetFile(path) for path in paths], place, instruments, first, last)
