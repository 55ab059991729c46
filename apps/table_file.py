"""A person's own table, as text or as parquet: its rows as they are written, and where each stands."""

from pathlib import Path

import numpy as np
import polars as pl

from apps.text_table import TextTable, TextTableError, read_text_table, titles_of

UNNAMED = ("", "unnamed: 0", "index")
"""What stands above the first column where a table's index was written without a name."""
UNNAMED_LAST = "__index_level_0__"
"""What pandas calls such a column in parquet, where it is the last one."""
LONG = "the row has more cells than the header"


def read_table(path: Path, of: str) -> TextTable:
    """Read a table whose rows are `of` something; in parquet the line of a row is its number, from 1.

    Raises TextTableError where the file cannot be read.
    """
    if not path.is_file():
        raise TextTableError(f"{path} is no file; give a CSV or parquet file of {of}")
    if not is_parquet(path):
        return read_text_table(path)
    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TextTableError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    lines = np.arange(1, table.height + 1, dtype=np.int64)
    return TextTable(table, tuple(table.columns), lines, np.zeros(table.height, np.bool_))


def titles_in(path: Path) -> tuple[str, ...]:
    """Return the titles of a file, none where it is neither a table of text nor parquet."""
    try:
        return tuple(pl.read_parquet_schema(path)) if is_parquet(path) else titles_of(path)
    except (TextTableError, pl.exceptions.PolarsError, OSError):
        return ()


def is_parquet(path: Path) -> bool:
    """Say whether a file is parquet, by its ending or its first bytes."""
    if path.suffix.lower() == ".parquet":
        return True
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def index_of(table: pl.DataFrame) -> str | None:
    """Return the column that a table's index was written to: one without a name, or a first one of two headers.

    yfinance writes `Price,Close,...`, then a line of tickers, then `Date` above the dates.
    """
    if not table.columns:
        return None
    if UNNAMED_LAST in table.columns:
        return UNNAMED_LAST
    first = table.columns[0]
    if first.strip().lower() in UNNAMED:
        return first
    begins = table[first].head(2).cast(pl.String, strict=False).str.strip_chars().str.to_lowercase()
    return first if begins.is_in(["date", "datetime"]).any() else None


def as_text(table: pl.DataFrame) -> list[pl.Series]:
    """Return the columns of a table as stripped text, empty where there is nothing.

    Raises TextTableError where a column of parquet holds what is no text.
    """
    try:
        columns = [table[name].cast(pl.String) for name in table.columns]
    except pl.exceptions.PolarsError as error:
        raise TextTableError(f"a column holds what is no text: {' '.join(str(error).split())}") from error
    return [column.fill_null("").str.strip_chars() for column in columns]
