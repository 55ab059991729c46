"""Retained trades: the trades of the revision horizon, in order of arrival, for bars that have to be made again.

They are kept in chunks of fixed length that are filled by arrival alone, so that what is kept, and what had to be
let go because there was too much, does not depend on how the rows came in batches.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import ELIGIBLE, END, SECOND, Kind, Ticks
from operators.agenda import Living, lives
from operators.bar_rules import EFFECT, as_counted

LIVES = lives(Living.UNTOUCHED)
"""Trades stay in the prices of their time: a bar that is made again lies in one session, and no action does."""
CHUNK_ROWS = 8192
CHUNKS_MAX = 128
TRADE = np.dtype(
    [
        ("event_at", np.int64),
        ("sequence", np.int64),
        ("price", np.float64),
        ("size", np.float64),
        ("instrument", np.int32),
        ("conditions", np.uint32),
    ],
    align=True,
)
_CANCELLED = np.uint32(1 << 31)
_ELIGIBLE = np.uint32(ELIGIBLE)
_TRADE = int(Kind.TRADE)


@dataclass
class Chunk:
    """Rows 0 to `count` of `rows` are trades; their event times lie between `oldest_at` and `newest_at` (ns UTC)."""

    rows: NDArray[np.void]
    count: int = 0
    oldest_at: int = END
    newest_at: int = -END

    def where(self, instrument: int) -> NDArray[np.bool_]:
        """Say which of the trades are the instrument's and have not been taken back."""
        mine: NDArray[np.bool_] = (self.rows["instrument"][: self.count] == instrument) & self.standing()
        return mine

    def standing(self) -> NDArray[np.bool_]:
        """Say which of the trades have not been taken back."""
        kept: NDArray[np.bool_] = self.rows["conditions"][: self.count] & _CANCELLED == 0
        return kept


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(  # type: ignore[no-untyped-def]
    rows, count, event_at, instrument, sequence, price, size, kind, conditions, flags, start, stop
):
    """Copy trades until the chunk is full; return the row it came to, how many are held, least and greatest time."""
    times, numbers, instruments = rows["event_at"], rows["sequence"], rows["instrument"]
    prices, sizes, marks = rows["price"], rows["size"], rows["conditions"]
    oldest, newest = np.iinfo(np.int64).max, -np.iinfo(np.int64).max
    row = start
    while row < stop and count < len(rows):
        if kind is None or kind[row] == _TRADE:
            mark = _ELIGIBLE if conditions is None else conditions[row]
            if conditions is not None and flags is not None:
                mark = np.uint32(as_counted(mark, flags[row]))
            times[count], instruments[count] = event_at[row], instrument[row]
            numbers[count] = 0 if sequence is None else sequence[row]
            prices[count], sizes[count], marks[count] = price[row], size[row], mark
            oldest, newest = min(oldest, event_at[row]), max(newest, event_at[row])
            count += 1
        row += 1
    return row, count, oldest, newest


@dataclass
class RetainedTrades:
    """At most `CHUNKS_MAX` chunks of trades; every later one than `capped_at` (event time, ns UTC) is still here."""

    chunks: list[Chunk] = field(default_factory=list)
    capped_at: int = -END

    def append(self, ticks: Ticks, start: int, stop: int) -> None:
        """Keep the trades of rows start to stop."""
        while start < stop:
            if not self.chunks or self.chunks[-1].count == CHUNK_ROWS:
                self._begin_chunk()
            chunk = self.chunks[-1]
            start, chunk.count, oldest_at, newest_at = _fill(
                chunk.rows,
                chunk.count,
                ticks.event_at,
                ticks.instrument,
                ticks.sequence,
                ticks.price,
                ticks.size,
                ticks.kind,
                ticks.conditions,
                ticks.flags,
                start,
                stop,
            )
            chunk.oldest_at, chunk.newest_at = (
                min(chunk.oldest_at, oldest_at),
                max(chunk.newest_at, newest_at),
            )

    def _begin_chunk(self) -> None:
        if len(self.chunks) == CHUNKS_MAX:
            self.capped_at = max(self.capped_at, self.chunks.pop(0).newest_at)
        self.chunks.append(Chunk(np.zeros(CHUNK_ROWS, TRADE)))

    def forget(self, before_at: int) -> None:
        """Let go of full chunks whose every trade happened before an instant (ns UTC)."""
        while self.chunks and self.chunks[0].count == CHUNK_ROWS and self.chunks[0].newest_at < before_at:
            self.chunks.pop(0)

    def find(self, instrument: int, sequence: int) -> tuple[Chunk, int] | None:
        """Return chunk and row of the latest trade of that number that still stands; None if there is none."""
        if sequence <= 0:
            return None
        for chunk in reversed(self.chunks):
            found = np.flatnonzero(
                chunk.where(instrument) & (chunk.rows["sequence"][: chunk.count] == sequence)
            )
            if len(found):
                return chunk, int(found[-1])
        return None

    def within(self, instrument: int, open_at: int, close_at: int) -> NDArray[np.void]:
        """Return an instrument's trades of a stretch of time, second by second, in order of arrival in each.

        Trades that were taken back, and those whose conditions let them change nothing, are left out.
        """
        rows = np.concatenate(
            [np.empty(0, TRADE), *self._between(open_at, close_at, lambda chunk: chunk.where(instrument))]
        )
        return rows[np.argsort(rows["event_at"] // SECOND, kind="stable")]

    def every(self, open_at: int, close_at: int) -> NDArray[np.void]:
        """Return the same of all instruments, in order of arrival alone."""
        return np.concatenate([np.empty(0, TRADE), *self._between(open_at, close_at, Chunk.standing)])

    def _between(
        self, open_at: int, close_at: int, wanted: Callable[[Chunk], NDArray[np.bool_]]
    ) -> Iterator[NDArray[np.void]]:
        for chunk in self.chunks:
            if chunk.newest_at >= open_at and chunk.oldest_at < close_at:
                held = chunk.rows[: chunk.count]
                inside = (held["event_at"] >= open_at) & (held["event_at"] < close_at)
                yield held[wanted(chunk) & inside & (held["conditions"] & EFFECT != 0)]


def take_back(chunk: Chunk, row: int) -> None:
    """Mark a trade as cancelled."""
    chunk.rows["conditions"][row] |= _CANCELLED
