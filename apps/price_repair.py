"""A vendor's file of bars looked through: what is wrong, what it should be, and the file with it put right."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from apps.quote_file import QuoteFileError, Rows, dates_of, plain_rows
from apps.written_dates import NO_TIME
from features.price_history import PRICES, History
from features.price_repair import proposals

SPLIT_NAMES = ("stock_splits", "split_ratio", "splits")
DIVIDEND_NAMES = ("dividends", "ex_dividend")
TITLES = {"stock_splits": SPLIT_NAMES, "dividends": DIVIDEND_NAMES}


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
    rows = plain_rows(path)
    if "close" not in rows.names:
        raise QuoteFileError(
            f"{path} needs columns of dates and closes; it has {', '.join(rows.table.columns)}"
        )
    if len(rows.instruments()[0]) > 1:
        raise QuoteFileError(f"{path} has bars of several instruments; give a file of one")
    written, instants = dates_of(path, rows)
    close = rows.numbers("close")
    places = np.flatnonzero((instants != NO_TIME) & np.isfinite(close) & (close > 0.0) & ~rows.long)
    places = places[np.argsort(instants[places], kind="stable")]
    history = _history(rows, instants, places)
    dates = written.select(pl.concat_str(pl.all(), separator=" "))[written.columns[0]].to_list()
    found = []
    changed: set[str] = set()
    for repair in proposals(history):
        changed.update(repair.columns)
        before = float(history.column(repair.columns[-1])[repair.first])
        found.append(
            Correction(
                repair.rule,
                str(dates[places[repair.first]]),
                str(dates[places[repair.last]]),
                repair.last - repair.first + 1,
                repair.columns,
                before,
                float(repair.of(np.array([before]))[0]),
                repair.evidence,
            )
        )
    return Checked(_repaired(rows, history, places, changed), tuple(found))


def _history(rows: Rows, instants: np.ndarray, places: np.ndarray) -> History:
    def column(*among: str) -> np.ndarray:
        name = next((each for each in among if each in rows.names), None)
        return rows.numbers(name)[places] if name else np.empty(0)

    def paid(*among: str) -> np.ndarray:
        found = column(*among)
        return np.nan_to_num(found) if len(found) else np.zeros(len(places))

    return History(
        instants[places],
        {name: column(name) for name in PRICES if name in rows.names},
        column("adj_close"),
        column("volume"),
        paid(*DIVIDEND_NAMES),
        paid(*SPLIT_NAMES),
        paid("capital_gains"),
    )


def _repaired(rows: Rows, history: History, places: np.ndarray, changed: set[str]) -> pl.DataFrame:
    """Return the rows with the columns that were changed; other cells stay as they are written."""
    table = rows.table
    for name in sorted(changed):
        plain = next((each for each in TITLES.get(name, (name,)) if each in rows.names), None)
        if plain is None:
            continue
        whole = table[rows.names[plain]]
        values, before = history.column(name), rows.numbers(plain)[places]
        cells = whole.to_list()
        for row, value, old in zip(places, values, before, strict=True):
            if value != old and np.isfinite(value):
                cells[row] = _cell(float(value), rows.comma) if whole.dtype == pl.String else float(value)
        table = table.with_columns(pl.Series(rows.names[plain], cells, dtype=whole.dtype))
    return table


def _cell(value: float, comma: bool) -> str:
    return repr(value).replace(".", ",") if comma else repr(value)
