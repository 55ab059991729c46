"""A vendor's file of bars looked through: what is wrong, what it should be, and the file with it put right."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from apps.quote_file import QuoteFileError, instants_of, numbers_of, plain_columns
from features.price_repair import PRICES, History, proposals

SPLIT_NAMES = ("stock_splits", "split_ratio", "splits")


class Correction(NamedTuple):
    """A repair as a person reviews it: rule, dates, columns, the value before and after at the first row, evidence."""

    rule: str
    first_date: str
    last_date: str
    rows: int
    columns: tuple[str, ...]
    before: float
    after: float
    evidence: str


class Checked(NamedTuple):
    """The file's rows with all corrections carried out, and the corrections."""

    table: pl.DataFrame
    corrections: tuple[Correction, ...]


def checked(path: Path) -> Checked:
    """Look a file through; raises QuoteFileError where it has no dates or closes, or cannot be read."""
    table, names = plain_columns(path)
    date = next((names[each] for each in ("date", "datetime", "timestamp", "time") if each in names), None)
    if date is None or "close" not in names:
        raise QuoteFileError(f"{path} needs columns of dates and closes; it has {', '.join(table.columns)}")
    instants = instants_of(table[date])
    close = numbers_of(table[names["close"]])
    rows = np.flatnonzero((instants != np.iinfo(np.int64).min) & np.isfinite(close) & (close > 0.0))
    rows = rows[np.argsort(instants[rows], kind="stable")]
    history = _history(table, names, instants, rows)
    dates = table[date].cast(pl.String).to_list()
    found = []
    changed: set[str] = set()
    for repair in proposals(history):
        changed.update(repair.columns)
        before = float(history.column(repair.columns[-1])[repair.first])
        found.append(
            Correction(
                repair.rule,
                str(dates[rows[repair.first]]),
                str(dates[rows[repair.last]]),
                repair.last - repair.first + 1,
                repair.columns,
                before,
                before * repair.factor,
                repair.evidence,
            )
        )
    return Checked(_repaired(table, names, history, rows, changed), tuple(found))


def _history(table: pl.DataFrame, names: dict[str, str], instants: np.ndarray, rows: np.ndarray) -> History:
    def column(*among: str) -> np.ndarray:
        name = next((each for each in among if each in names), None)
        return numbers_of(table[names[name]])[rows] if name else np.empty(0)

    def paid(*among: str) -> np.ndarray:
        found = column(*among)
        return np.nan_to_num(found) if len(found) else np.zeros(len(rows))

    return History(
        instants[rows],
        {name: column(name) for name in PRICES if name in names},
        column("adj_close"),
        column("volume"),
        paid("dividends", "ex_dividend"),
        paid(*SPLIT_NAMES),
        paid("capital_gains"),
    )


def _repaired(
    table: pl.DataFrame, names: dict[str, str], history: History, rows: np.ndarray, changed: set[str]
) -> pl.DataFrame:
    """Return the rows with the columns that were changed; other cells stay as they are written."""
    for name in sorted(changed):
        title = names["ex_dividend" if name == "dividends" and name not in names else name]
        whole = table[title]
        values, before = history.column(name), numbers_of(whole)[rows]
        cells = whole.to_list()
        for row, value, old in zip(rows, values, before, strict=True):
            if value != old and np.isfinite(value):
                cells[row] = repr(float(value)) if whole.dtype == pl.String else float(value)
        table = table.with_columns(pl.Series(title, cells, dtype=whole.dtype))
    return table
