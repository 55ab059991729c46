"""Ticks from tables in foreign columns, whatever file format they are in: scanned once for their days, then streamed.

A row belongs to the New York day in which it was known. Rows in order of time are streamed; where they are not, the
rows of a day are sorted in memory, up to `SORTED_ROWS_MAX` of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from connectors.files.canonical import canonical_chunks
from connectors.files.column_mapping import (
    NO_INSTRUMENT,
    REASONS,
    WRONG_COUNT,
    MappedRows,
    Roles,
    mapped,
    mapped_times,
    roles_of,
    time_columns,
)
from connectors.files.new_york import day_bounds, day_number, days_of
from connectors.source import SEQUENCES_PER_DAY, SourceError, selected_days, selected_names
from domain.instruments import Instrument, Split
from domain.market import Chunk, Malformed, complete_ticks, concatenate, empty_ticks, select

SORTED_ROWS_MAX = 20_000_000
JUDGED_ROWS = 100
NEVER = int(np.iinfo(np.int64).min)
NAMELESS = -2


class Block(NamedTuple):
    """Some rows of a file: the table, the place of each row (from 1), and places and text of rows that are none."""

    batch: pa.RecordBatch
    places: NDArray[np.int64]
    wrong_places: tuple[int, ...] = ()
    wrong_texts: tuple[str, ...] = ()


class TableFile(Protocol):
    """A file of rows in one format; its methods raise SourceError where it is damaged."""

    path: Path

    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        ...

    def pieces(self) -> Iterable[Any]:
        """Return what names the pieces that can be read one by one, in order."""
        ...

    def read(self, piece: Any, columns: Sequence[str]) -> Iterator[Block]:
        """Yield the rows of a piece with the named columns."""
        ...


class _Piece(NamedTuple):
    """A piece with rows of some instants, and when the last row before it was known (NEVER where there is none)."""

    file: TableFile
    roles: Roles
    name: Any
    first_at: int
    last_at: int
    before_at: int


class ColumnTicks:
    """Ticks of table files; `name` is that of the format.

    `instruments` and the ISO dates `first` and `last` (inclusive) narrow what is held. Raises SourceError where
    a file is damaged or lacks a column, most of its first rows cannot be read, or nothing that is asked for is held.
    """

    def __init__(
        self,
        name: str,
        files: Sequence[TableFile],
        place: Path,
        instruments: tuple[str, ...] | None = None,
        first: str | None = None,
        last: str | None = None,
    ) -> None:
        self.name = name
        self._place = place
        self._pieces: list[_Piece] = []
        self._sorted = True
        self._first_at = NEVER
        names: set[str] = set()
        days: set[str] = set()
        at = NEVER
        for file in files:
            at = self._scan(file, at, names, days)
        self._names = selected_names(names, instruments)
        self._days = selected_days(days, first, last, place)

    def _scan(self, file: TableFile, at: int, names: set[str], days: set[str]) -> int:
        """Note pieces, names and days of a file that follows a row known at `at`; return when its last row was."""
        roles = roles_of(file.columns(), file.path)
        _judge(file, roles)
        for piece in file.pieces():
            before, instants = at, [] if at == NEVER else [at]
            for block in file.read(piece, time_columns(roles)):
                rows = mapped_times(block.batch, roles)
                names |= {rows.names[code] for code in np.unique(rows.codes[rows.faults != NO_INSTRUMENT])}
                known = rows.columns["known_at"][rows.faults == 0]
                if not len(known):
                    continue
                self._sorted &= bool(known[0] >= at) and bool((np.diff(known) >= 0).all())
                self._first_at = int(known[0]) if self._first_at == NEVER else self._first_at
                instants += [int(known.min()), int(known.max())]
                at = int(known[-1])
                days |= set(days_of(known))
            low, high = (min(instants), max(instants)) if instants else (NEVER, NEVER)
            self._pieces.append(_Piece(file, roles, piece, low, high, before))
        return at

    def instruments(self) -> tuple[str, ...]:
        """Return the names in the instrument column, sorted."""
        return self._names

    def reference(self) -> tuple[Instrument, ...]:
        """Return nothing: tables of ticks know only names."""
        return ()

    def splits(self) -> tuple[Split, ...]:
        """Return nothing: tables of ticks know of no split."""
        return ()

    def segments(self) -> tuple[str, ...]:
        """Return the days in which rows were known."""
        return self._days

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield the day's rows of the owned instruments in canonical order; raises SourceError."""
        wanted = {name: index[name] for name in self._names if name in index}
        day = _Day(segment, wanted, owned, self.name, self._first_at)
        parts = self._parts(day)
        stream = (
            (day.chunk(rows, refused) for rows, refused in parts)
            if self._sorted
            else self._resorted(day, parts)
        )
        return canonical_chunks([stream])

    def _parts(self, day: "_Day") -> Iterator[tuple["_Rows", list[Malformed]]]:
        for piece in self._pieces:
            first_at, last_at = (
                at if at > NEVER else self._first_at for at in (piece.first_at, piece.last_at)
            )
            if last_at < day.start or first_at >= day.stop:
                continue
            at = piece.before_at
            for block in piece.file.read(piece.name, list(piece.roles.values())):
                rows, refused, at = day.of_day(block, piece.roles, piece.file.path.name, at)
                if len(rows.known_at) or refused:
                    yield rows, refused

    def _resorted(self, day: "_Day", parts: Iterator[tuple["_Rows", list[Malformed]]]) -> Iterator[Chunk]:
        """Yield the day as one chunk in order of known_at; rows of one instant keep the order of the file."""
        rows: list[_Rows] = []
        refused: list[Malformed] = []
        count = 0
        for some, wrong in parts:
            rows.append(some)
            refused += wrong
            count += len(some.known_at)
            if count > SORTED_ROWS_MAX:
                raise SourceError(
                    f"{self._place} is not in order of time and has more than {SORTED_ROWS_MAX:,} rows on one day; "
                    "sort it by time"
                )
        known_at = np.concatenate([some.known_at for some in rows]) if rows else np.empty(0, np.int64)
        order = np.argsort(known_at, kind="stable")
        numbers = np.empty(len(order), np.int64)
        numbers[order] = np.arange(1, len(order) + 1)
        begun = 0
        chunks = []
        for some in rows:
            chunks.append(day.chunk(some, [], numbers[begun : begun + len(some.known_at)]).ticks)
            begun += len(some.known_at)
        merged = concatenate(chunks) if chunks else empty_ticks()
        yield Chunk(select(merged, np.argsort(merged.known_at, kind="stable")), tuple(refused))


class _Rows(NamedTuple):
    """Good rows of one day of all instruments, and the universe index of each (-1 where it is not asked for)."""

    known_at: NDArray[np.int64]
    which: NDArray[np.int32]
    columns: dict[str, NDArray[Any]]


class _Day:
    """One day's reading: which rows are its own, whose they are, and how they are numbered."""

    def __init__(
        self, date: str, wanted: Mapping[str, int], owned: NDArray[np.bool_], source: str, first_at: int
    ) -> None:
        self.start, self.stop = day_bounds(date)
        self._wanted, self._owned, self._source, self._first_at = wanted, owned, source, first_at
        self._number = day_number(date) * SEQUENCES_PER_DAY

    def of_day(
        self, block: Block, roles: Roles, file: str, before_at: int
    ) -> tuple[_Rows, list[Malformed], int]:
        """Return the good and the refused rows of the day in a block, and when its last good row was known."""
        rows = mapped(block.batch, roles)
        known_at = rows.columns.setdefault("known_at", rows.columns["event_at"])
        good = rows.faults == 0
        standing = np.maximum.accumulate(np.where(good, np.arange(len(good)), -1))
        stood_at = np.where(
            standing >= 0, known_at[standing], self._first_at if before_at == NEVER else before_at
        )
        table = np.array([self._wanted.get(name, -1) for name in rows.names], np.int32)
        which = np.where(rows.faults == NO_INSTRUMENT, np.int32(NAMELESS), table[rows.codes])
        mine = good & (known_at >= self.start) & (known_at < self.stop)
        refused = self._refused(block, rows, which, stood_at, file) if not good.all() else []
        refused += self._wrong(block, stood_at, before_at, file)
        last_at = int(stood_at[-1]) if len(stood_at) else before_at
        if mine.all():
            return _Rows(known_at, which, rows.columns), refused, last_at
        columns = {name: column[mine] for name, column in rows.columns.items()}
        return _Rows(columns["known_at"], which[mine], columns), refused, last_at

    def _refused(
        self, block: Block, rows: MappedRows, which: NDArray[np.int32], stood_at: NDArray[np.int64], file: str
    ) -> list[Malformed]:
        """Return the rows whose values cannot be read; without a name they are the owner's of index 0."""
        found = []
        for row in np.flatnonzero(rows.faults).tolist():
            at, name = int(stood_at[row]), int(which[row])
            if self._is_here(at) and (
                (name >= 0 and self._owned[name]) or (name == NAMELESS and self._owned[:1].any())
            ):
                raw = repr(
                    {column: block.batch.column(column)[row].as_py() for column in block.batch.schema.names}
                )
                found.append(self._entry(f"{file}:{block.places[row]}", int(rows.faults[row]), raw, at))
        return found

    def _wrong(self, block: Block, stood_at: NDArray[np.int64], before_at: int, file: str) -> list[Malformed]:
        """Return the lines that are no rows; they are the owner's of index 0."""
        if not self._owned[:1].any():
            return []
        found = []
        for place, text in zip(block.wrong_places, block.wrong_texts, strict=True):
            ahead = int(np.searchsorted(block.places, place))
            at = int(stood_at[ahead - 1]) if ahead else self._first_at if before_at == NEVER else before_at
            if self._is_here(at):
                found.append(self._entry(f"{file}:{place}", WRONG_COUNT, text, at))
        return found

    def _is_here(self, at: int) -> bool:
        return self.start <= at < self.stop

    def _entry(self, place: str, fault: int, raw: str, at: int) -> Malformed:
        return Malformed(self._source, place, REASONS[fault], raw, at)

    def chunk(self, rows: _Rows, refused: list[Malformed], numbers: NDArray[np.int64] | None = None) -> Chunk:
        """Return the owned rows as ticks; `sequence` counts the rows of the day unless the file has its own."""
        count = len(rows.known_at)
        columns = dict(rows.columns)
        if "sequence" not in columns:
            counted = np.arange(1, count + 1, dtype=np.int64) if numbers is None else numbers
            columns["sequence"] = counted + self._number
            if numbers is None:
                self._number += count
        columns["instrument"] = rows.which
        mine = (rows.which >= 0) & self._owned[rows.which]
        if not mine.all():
            columns = {name: column[mine] for name, column in columns.items()}
        return Chunk(complete_ticks(columns), tuple(refused))


def _judge(file: TableFile, roles: Roles) -> None:
    """Raise SourceError where more than half of the first rows of a file cannot be read, or it has none."""
    judged = faulty = 0
    for piece in file.pieces():
        for block in file.read(piece, list(roles.values())):
            faults = mapped(block.batch, roles).faults[: JUDGED_ROWS - judged]
            wrong = len([place for place in block.wrong_places if place <= JUDGED_ROWS + 1])
            judged += len(faults) + wrong
            faulty += int(np.count_nonzero(faults)) + wrong
        if judged >= JUDGED_ROWS:
            break
    if judged == 0:
        raise SourceError(f"{file.path} holds no row; give a file with rows, or take it away")
    if 2 * faulty > judged:
        raise SourceError(
            f"{file.path} is no file of ticks: {faulty} of its first {judged} rows cannot be read; "
            "docs/column-mapping.md says what columns hold"
        )
