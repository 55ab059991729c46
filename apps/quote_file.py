"""A person's own file of bars: found columns, read dates, and rows that cannot be used, each with its reason."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from apps.table_file import LONG, index_of, read_table, titles_in
from apps.text_table import TextTable, TextTableError
from apps.written_dates import DAY, NO_TIME, SHOWN, has_clock, instants_of, on_days
from apps.written_numbers import decimal_comma, numbers_of
from features.series import COLUMNS

DAY_NAMES = ("date", "timestamp", "datetime")
DATE_NAMES = (*DAY_NAMES, "time")
INSTRUMENT_NAMES = ("instrument", "symbol", "ticker")
OTHER_NAMES = {
    "trade_date": "date",
    "tradedate": "date",
    "date_time": "datetime",
    "price": "close",
    "last": "close",
    "close_last": "close",
    "vol": "volume",
    **{f"px_{name}": name for name in ("open", "high", "low", "volume")},
    "px_last": "close",
}
"""Titles of vendors, as plain names, for columns that a file has not by their own name."""
LETTERS = {"t": "timestamp", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
"""Titles of a feed's answer; read so where there are the four of prices."""


class QuoteFileError(ValueError):
    """A file of bars that cannot be used as a whole."""


class Flagged(NamedTuple):
    """A row of which something is not used, and why: its line (the header is line 1), or in parquet its row, from 1."""

    line: int
    reason: str


class Rows(NamedTuple):
    """A file's rows as they are written: `names` of the columns that are known, by plain name, `lines` of the rows.

    `long` is true of rows with more cells than the header; `comma` says that decimals have a comma before them.
    """

    table: pl.DataFrame
    names: dict[str, str]
    lines: NDArray[np.int64]
    long: NDArray[np.bool_]
    comma: bool

    @property
    def owner(self) -> str | None:
        """Return the column that names the instrument of each row, None where there is none."""
        return next((name for name in self.table.columns if name.strip().lower() in INSTRUMENT_NAMES), None)

    def instruments(self) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        """Return the instruments that rows name, and which one each row is of; one without a name where none do."""
        if self.owner is None:
            return ("",), np.zeros(self.table.height, np.int32)
        named = self.table[self.owner].cast(pl.String).fill_null("")
        known = named.unique().sort()
        return tuple(known), known.search_sorted(named).to_numpy().astype(np.int32)

    def of(self, instrument: str) -> "Rows":
        """Return the rows of one instrument."""
        known, which = self.instruments()
        kept = which == known.index(instrument)
        return Rows(
            self.table.filter(pl.Series(kept)), self.names, self.lines[kept], self.long[kept], self.comma
        )

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return the numbers of a column by its plain name, NaN where there is none."""
        return numbers_of(self.table[self.names[name]], self.comma)


class QuoteFile(NamedTuple):
    """Bars in the order of their file.

    `dates` holds the columns of dates as they were read, `instants` their nanoseconds since 1970 (UTC where it says
    so), `instruments` the number of each row's instrument, `order` the places of the rows that have one in time, by
    instrument and in its order, `columns` the numbers of every row (NaN where one cannot be), `flagged` the rows of
    which something is not used.
    """

    dates: pl.DataFrame
    instants: NDArray[np.int64]
    instruments: NDArray[np.int32]
    order: NDArray[np.intp]
    columns: dict[str, NDArray[np.float64]]
    flagged: tuple[Flagged, ...]


def read_quotes(path: Path, wanted: Sequence[str]) -> QuoteFile:
    """Read the wanted columns of a CSV or parquet file of bars.

    Columns are found by name in any case and order; others are left alone. A row whose date cannot be read or comes a
    second time, or that has more cells than the header, has no place; of the others, a wanted value that is no finite
    number is not used, nor are a high below its low and a negative volume. All these rows are flagged. Raises
    QuoteFileError where the file cannot be read, lacks or repeats a column that is needed, or no date can be read.
    """
    return quotes_of(path, read_rows(path), wanted)


def quotes_of(path: Path, rows: Rows, wanted: Sequence[str]) -> QuoteFile:
    """Return the same of a file whose rows `read_rows` has read already."""
    dates, instants = dates_of(path, rows)
    missing = [name for name in wanted if name not in rows.names]
    if missing:
        raise QuoteFileError(
            f"{path} has no column {missing[0]!r}, which what is asked for needs; "
            f"it has {', '.join(rows.table.columns)}"
        )
    columns = {name: rows.numbers(name) for name in wanted}
    for column in columns.values():
        column[rows.long] = np.nan
    reasons = _Reasons(len(instants))
    reasons.note(rows.long, LONG)
    known, which = rows.instruments()
    if len(known) > 1:
        dates = dates.with_columns(rows.table[str(rows.owner)])
    placed = np.flatnonzero(_have_place(instants, which, reasons))
    _refuse(columns, reasons)
    order = placed[_in_order(instants[placed], which[placed])]
    flagged = tuple(Flagged(int(rows.lines[row]), reason) for row, reason in reasons.noted())
    return QuoteFile(dates, instants, which, order, columns, flagged)


def dates_of(path: Path, rows: Rows) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """Return the columns of dates as they are written, and their instants; a column of times adds to one of days.

    Raises QuoteFileError where there is no such column, or not one of its dates can be read.
    """
    titles, written = _written(path, rows)
    instants = instants_of(written)
    if len(instants) and (instants == NO_TIME).all():
        shown = next((each for each in written.cast(pl.String) if each is not None), "")
        raise QuoteFileError(
            f"{path} has dates in {titles[0]!r} that cannot be read, such as {shown!r}; write them as {SHOWN}"
        )
    return rows.table.select(titles), instants


def days_of(path: Path, rows: Rows) -> NDArray[np.int32]:
    """Return the day that each row is written under, in days since 1970, whatever the zone of its time."""
    return (instants_of(_written(path, rows)[1], local=True) // DAY).astype(np.int32)


def _written(path: Path, rows: Rows) -> tuple[list[str], pl.Series]:
    """Return the titles of the columns of dates, and the dates with their times."""
    table, names = rows.table, rows.names
    dated = next((names[each] for each in DATE_NAMES if each in names), None)
    if dated is None:
        dated = index_of(table)
    if dated is None:
        hint = "; lines before that of the titles begin with #" if len(table.columns) == 1 else ""
        raise QuoteFileError(
            f"{path} has no column of dates, one of {', '.join(DATE_NAMES)}; it has {', '.join(table.columns)}{hint}"
        )
    clock = next(
        (names[each] for each in ("time", "timestamp") if each in names and names[each] != dated), None
    )
    if clock is not None and has_clock(table[clock]):
        return [dated, clock], on_days(table[dated], table[clock])
    return [dated], table[dated]


def read_rows(path: Path) -> Rows:
    """Read the rows of a file as they are written.

    Raises QuoteFileError where the file cannot be read, or has a known column twice.
    """
    table, written, lines, long = _table(path)
    names: dict[str, str] = {}
    for title, name in zip(written, table.columns, strict=True):
        plain = title.strip().strip('"').lower()
        if plain not in {*COLUMNS, *DATE_NAMES}:
            continue
        if plain in names:
            raise QuoteFileError(f"{path} has the column {plain!r} twice; leave one of them out")
        names[plain] = name
    for title, name in zip(written, table.columns, strict=True):
        other = _other_name(title, written)
        dated = other in DAY_NAMES and names.keys() & set(DAY_NAMES)
        if other is not None and not dated:
            names.setdefault(other, name)
    return _rows(table, names, lines, long)


def _other_name(title: str, titles: Sequence[str]) -> str | None:
    """Return what a vendor's title stands for: `<CLOSE>`, `1. open`, `Vol.`, `PX_LAST`, `c`; None for any other."""
    plain = re.sub(r"^\d+_", "", _plain(title))
    if plain in LETTERS and {"o", "h", "l", "c"} <= {_plain(each) for each in titles}:
        return LETTERS[plain]
    return plain if plain in {*COLUMNS, *DATE_NAMES} else OTHER_NAMES.get(plain)


def plain_rows(path: Path) -> Rows:
    """Return the same with all columns by plain name (lower case, underscores), the first of each name.

    Raises QuoteFileError where the file cannot be read.
    """
    table, written, lines, long = _table(path)
    names: dict[str, str] = {}
    for title, name in zip(written, table.columns, strict=True):
        names.setdefault(_plain(title), name)
    return _rows(table, names, lines, long)


def titles(path: Path) -> tuple[str, ...]:
    """Return the titles of a file by plain name, none where it is neither a table of text nor parquet."""
    return tuple(_plain(title) for title in titles_in(path))


def _plain(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


def _rows(
    table: pl.DataFrame, names: dict[str, str], lines: NDArray[np.int64], long: NDArray[np.bool_]
) -> Rows:
    comma = decimal_comma([table[name] for plain, name in names.items() if plain not in DATE_NAMES])
    return Rows(table, names, lines, long, comma)


def _table(path: Path) -> TextTable:
    try:
        return read_table(path, "bars")
    except TextTableError as error:
        raise QuoteFileError(str(error)) from error


class _Reasons:
    """The first reason of each row that something of it is not used."""

    def __init__(self, rows: int) -> None:
        self.texts = [""]
        self.codes = np.zeros(rows, np.int8)

    def note(self, rows: NDArray[np.bool_], reason: str) -> None:
        self.codes[rows & (self.codes == 0)] = len(self.texts)
        self.texts.append(reason)

    def noted(self) -> Iterator[tuple[int, str]]:
        for row in np.flatnonzero(self.codes):
            yield int(row), self.texts[self.codes[row]]


def _in_order(instants: NDArray[np.int64], which: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the places of rows by instrument and time, of equal ones the first of the file first."""
    if not which.any():
        return np.argsort(instants, kind="stable")
    return np.lexsort((instants, which))


def _have_place(
    instants: NDArray[np.int64], which: NDArray[np.int32], reasons: _Reasons
) -> NDArray[np.bool_]:
    """Return which rows have a place in time, and note why others have none."""
    reasons.note(instants == NO_TIME, "the date cannot be read")
    rows = np.flatnonzero(reasons.codes == 0)
    again = np.zeros(len(instants), np.bool_)
    rows = rows[_in_order(instants[rows], which[rows])]
    same = (np.diff(instants[rows]) == 0) & (np.diff(which[rows]) == 0)
    again[rows[1:][same]] = True
    reasons.note(again, "the date was there before")
    placed: NDArray[np.bool_] = reasons.codes == 0
    return placed


def _refuse(columns: dict[str, NDArray[np.float64]], reasons: _Reasons) -> None:
    """Take out values that cannot be, and note the first reason of each row."""

    def refuse(rows: NDArray[np.bool_], reason: str, *names: str) -> None:
        reasons.note(rows, reason)
        for name in names:
            columns[name][rows] = np.nan

    for name, column in columns.items():
        refuse(~np.isfinite(column), f"{name} is no finite number", name)
    if "high" in columns and "low" in columns:
        refuse(columns["high"] < columns["low"], "high is below low", "high", "low")
    if "volume" in columns:
        refuse(columns["volume"] < 0.0, "volume is negative", "volume")
