"""A person's own file of bars: found columns, read dates, and rows that cannot be used, each with its reason."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.series import COLUMNS

DATE_NAMES = ("date", "timestamp", "datetime", "time")
SEPARATORS = (",", ";", "\t", "|")
FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y/%m/%d",
    "%Y%m%d",
    "%m/%d/%Y",
    "%m/%d/%y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y",
    "%d/%m/%y",
    "%d.%m.%Y",
    "%d-%b-%y",
    "%d-%b-%Y",
    "%b %d, %Y",
)
"""Tried in this order; the first that reads the most rows is taken, and of equals one whose dates do not jump about."""
EPOCH_UNITS = {10: 10**9, 13: 10**6, 16: 10**3, 19: 1}
"""Nanoseconds in the unit of a number of so many digits since 1970."""


class QuoteFileError(ValueError):
    """A file of bars that cannot be used as a whole."""


class Flagged(NamedTuple):
    """A row of which something is not used, and why: its line (the header is line 1), or in parquet its row, from 1."""

    line: int
    reason: str


class QuoteFile(NamedTuple):
    """Bars in the order of their file.

    `dates` is the column as it was read, `instants` its nanoseconds since 1970 (UTC where it says so), `order` the
    places of the rows that have one in time, in its order, `columns` the numbers of every row (NaN where one cannot
    be), `flagged` the rows of which something is not used.
    """

    dates: pl.Series
    instants: NDArray[np.int64]
    order: NDArray[np.intp]
    columns: dict[str, NDArray[np.float64]]
    flagged: tuple[Flagged, ...]


def read_quotes(path: Path, wanted: Sequence[str]) -> QuoteFile:
    """Read the wanted columns of a CSV or parquet file of bars.

    Columns are found by name in any case and order; others are left alone. A row whose date cannot be read or comes a
    second time has no place; of the others, a wanted value that is no finite number is not used, nor are a high below
    its low and a negative volume. All these rows are flagged. Raises QuoteFileError where the file cannot
    be read, or lacks or repeats a column that is needed.
    """
    return quotes_of(path, *read_table(path), wanted)


def quotes_of(path: Path, table: pl.DataFrame, names: Mapping[str, str], wanted: Sequence[str]) -> QuoteFile:
    """Return the same of a file whose rows and names `read_table` has read already."""
    first_line = 1 if path.suffix.lower() == ".parquet" else 2
    date_name = next((names[each] for each in DATE_NAMES if each in names), None)
    if date_name is None:
        raise QuoteFileError(
            f"{path} has no column of dates, one of {', '.join(DATE_NAMES)}; it has {', '.join(table.columns)}"
        )
    missing = [name for name in wanted if name not in names]
    if missing:
        raise QuoteFileError(
            f"{path} has no column {missing[0]!r}, which what is asked for needs; it has {', '.join(table.columns)}"
        )
    instants = instants_of(table[date_name])
    columns = {name: numbers_of(table[names[name]]) for name in wanted}
    reasons = np.full(len(instants), "", dtype="<U40")
    placed = np.flatnonzero(_have_place(instants, reasons))
    _refuse(columns, reasons)
    order = placed[np.argsort(instants[placed], kind="stable")]
    flagged = tuple(
        Flagged(int(row) + first_line, str(reasons[row])) for row in np.flatnonzero(reasons != "")
    )
    return QuoteFile(table[date_name], instants, order, columns, flagged)


def read_table(path: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return the rows of a file as they are written, and the names of the columns that are known, by plain name.

    Raises QuoteFileError where the file cannot be read, or has a known column twice.
    """
    table = _table(path)
    return table, _named(table, path)


def _table(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise QuoteFileError(f"{path} is no file; give a CSV or parquet file of bars")
    try:
        if path.suffix.lower() == ".parquet":
            return pl.read_parquet(path)
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            header = file.readline()
        separator = max(SEPARATORS, key=header.count)
        return pl.read_csv(
            path,
            separator=separator,
            infer_schema=False,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise QuoteFileError(f"{path} cannot be read: {' '.join(str(error).split())}") from error


def plain_columns(path: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return the rows of a file as they are written, and its columns by plain name (lower case, underscores).

    Raises QuoteFileError where the file cannot be read.
    """
    table = _table(path)
    return table, {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in table.columns}


def _named(table: pl.DataFrame, path: Path) -> dict[str, str]:
    """Return the columns that are known, by their plain name."""
    found: dict[str, str] = {}
    for name in table.columns:
        plain = name.strip().lstrip("\ufeff").strip('"').lower()
        if plain not in {*COLUMNS, *DATE_NAMES}:
            continue
        if plain in found:
            raise QuoteFileError(f"{path} has the column {plain!r} twice; leave one of them out")
        found[plain] = name
    return found


def instants_of(column: pl.Series) -> NDArray[np.int64]:
    """Return instants in nanoseconds, the least int64 where there is none."""
    none = np.iinfo(np.int64).min
    if column.dtype.is_temporal():
        read = column.cast(pl.Datetime("ns"))
        return read.to_physical().fill_null(none).to_numpy()
    if column.dtype.is_integer():
        column = column.cast(pl.String)
    text = column.cast(pl.String).str.strip_chars()
    best = _epochs(text)
    for pattern in FORMATS:
        read = _parsed(text, pattern)
        fewer, more = best.null_count() > read.null_count(), best.null_count() == read.null_count()
        if fewer or (more and best.null_count() < len(best) and _turns(read) < _turns(best)):
            best = read
    return best.fill_null(none).to_numpy()


def _parsed(text: pl.Series, pattern: str) -> pl.Series:
    timed = "%H" in pattern
    try:
        if timed:
            read = text.str.to_datetime(pattern, strict=False, time_unit="ns")
        else:
            read = text.str.to_date(pattern, strict=False).cast(pl.Datetime("ns"))
    except pl.exceptions.PolarsError:
        return pl.Series(text.name, [None] * len(text), pl.Int64)
    return read.to_physical()


def _epochs(text: pl.Series) -> pl.Series:
    """Read numbers since 1970 in seconds, milliseconds, microseconds or nanoseconds, by their digits."""
    found = [
        int(each) * EPOCH_UNITS[len(each)]
        if each is not None and each.isdigit() and len(each) in EPOCH_UNITS
        else None
        for each in text
    ]
    return pl.Series(text.name, found, pl.Int64)


def _turns(instants: pl.Series) -> int:
    """Return how often the order of dates turns round."""
    steps = instants.drop_nulls().diff().drop_nulls().sign()
    return int((steps.diff().drop_nulls() != 0).sum())


def numbers_of(column: pl.Series) -> NDArray[np.float64]:
    """Return a column's numbers, NaN where there is none."""
    if column.dtype == pl.String:
        column = column.str.strip_chars().cast(pl.Float64, strict=False)
    return column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().copy()


def _have_place(instants: NDArray[np.int64], reasons: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Return which rows have a place in time, and note why others have none."""
    dated = instants != np.iinfo(np.int64).min
    reasons[~dated] = "the date cannot be read"
    rows = np.flatnonzero(dated)
    _, first = np.unique(instants[rows], return_index=True)
    again = np.ones(len(rows), np.bool_)
    again[first] = False
    reasons[rows[again]] = "the date was there before"
    placed: NDArray[np.bool_] = reasons == ""
    return placed


def _refuse(columns: dict[str, NDArray[np.float64]], reasons: NDArray[np.str_]) -> None:
    """Take out values that cannot be, and note the first reason of each row."""

    def refuse(rows: NDArray[np.bool_], reason: str, *names: str) -> None:
        reasons[rows & (reasons == "")] = reason
        for name in names:
            columns[name][rows] = np.nan

    for name, column in columns.items():
        refuse(~np.isfinite(column), f"{name} is no finite number", name)
    if "high" in columns and "low" in columns:
        refuse(columns["high"] < columns["low"], "high is below low", "high", "low")
    if "volume" in columns:
        refuse(columns["volume"] < 0.0, "volume is negative", "volume")
