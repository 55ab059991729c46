"""Retained rows: what activity bars were made of within the revision horizon, and which bar of each name has each row.

They are kept in chunks of fixed length that are filled by arrival alone, so that what is kept, and what had to be let
go because there was too much, does not depend on how the rows came in batches.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.market import END
from operators.agenda import Living, lives

LIVES = lives(Living.UNTOUCHED)
"""Rows stay in the prices of their time: a bar that is made again lies in one session, and no action does."""
CHUNK_ROWS = 8192
CHUNKS_MAX = 128
NONE = -1
"""The number of a row that is in no bar."""


def row_type(names: int) -> np.dtype[np.void]:
    """Return the type of a row: `numbers` has a bar for each of so many names, `late_number` of one taken in late."""
    return np.dtype(
        [
            ("event_at", np.int64),
            ("sequence", np.int64),
            ("price", np.float64),
            ("size", np.float64),
            ("numbers", np.int64, (names,)),
            ("instrument", np.int32),
            ("bits", np.uint32),
            ("sign", np.int8),
            ("cancelled", np.bool_),
        ],
        align=True,
    )


def late_number(number: int) -> int:
    """Return what stands in `numbers` of a row that came after its bar had closed."""
    return -2 - number


@dataclass
class Chunk:
    """Rows 0 to `count` of `rows` are held; the newest of them happened at `newest_at` (ns UTC)."""

    rows: NDArray[np.void]
    count: int = 0
    newest_at: int = -END


@dataclass
class RetainedRows:
    """At most `CHUNKS_MAX` chunks of rows; every later one than `capped_at` (event time, ns UTC) is still here."""

    names: int
    chunks: list[Chunk] = field(default_factory=list)
    capped_at: int = -END

    def append(self, rows: NDArray[np.void]) -> None:
        """Keep rows in their order."""
        start = 0
        while start < len(rows):
            if not self.chunks or self.chunks[-1].count == CHUNK_ROWS:
                self._begin_chunk()
            chunk = self.chunks[-1]
            part = rows[start : start + CHUNK_ROWS - chunk.count]
            chunk.rows[chunk.count : chunk.count + len(part)] = part
            chunk.count += len(part)
            chunk.newest_at = max(chunk.newest_at, int(part["event_at"].max()))
            start += len(part)

    def _begin_chunk(self) -> None:
        if len(self.chunks) == CHUNKS_MAX:
            self.capped_at = max(self.capped_at, self.chunks.pop(0).newest_at)
        self.chunks.append(Chunk(np.zeros(CHUNK_ROWS, row_type(self.names))))

    def forget(self, before_at: int) -> None:
        """Let go of full chunks whose every row happened before an instant (ns UTC)."""
        while self.chunks and self.chunks[0].count == CHUNK_ROWS and self.chunks[0].newest_at < before_at:
            self.chunks.pop(0)

    def find(self, instrument: int, sequence: int) -> NDArray[np.void] | None:
        """Return the latest standing row of that number as an array of one, a view; None if there is none."""
        if sequence <= 0:
            return None
        for chunk in reversed(self.chunks):
            held = chunk.rows[: chunk.count]
            same = (held["sequence"] == sequence) & (held["instrument"] == instrument) & ~held["cancelled"]
            found = np.flatnonzero(same)
            if len(found):
                return held[int(found[-1]) : int(found[-1]) + 1]
        return None

    def of_bar(self, place: int, instrument: int, number: int, since_at: int) -> NDArray[np.void]:
        """Return the standing rows of a bar of the name at `place` that opened at `since_at`, in order of arrival."""
        parts = [np.empty(0, row_type(self.names))]
        for chunk in self.chunks:
            if chunk.newest_at >= since_at:
                held = chunk.rows[: chunk.count]
                inside = held["numbers"][:, place]
                mine = (inside == number) | (inside == late_number(number))
                parts.append(held[mine & (held["instrument"] == instrument) & ~held["cancelled"]])
        return np.concatenate(parts)
