"""A person's own file of returns, and of weights: every row taken as it stands, or the whole refused with its lines."""

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from apps.quote_file import DATE_NAMES
from apps.table_file import LONG, UNNAMED, UNNAMED_LAST, as_text, read_table
from apps.text_table import TextTableError
from apps.written_dates import NO_TIME, instants_of
from apps.written_numbers import doubt_of, sure_numbers

Floats = NDArray[np.float64]

ASSET_NAMES = ("asset", "position", "instrument", "symbol", "ticker", "name")
WEIGHT_NAMES = ("weight", "weights")
MISSING = ("", "-", "nan", "na", "n/a", "#n/a", "#n/a n/a", "null", "none")
LINES_TOLD = 10
PRICES_FROM, PRICES_ROWS = 0.5, 10
"""A column of at least so many values, none of them below, that differ: prices, for no return is always so high."""


class ReturnFileError(ValueError):
    """A file of returns or weights that cannot be used as it stands."""


class Returns(NamedTuple):
    """Returns (t, n), oldest first, with the dates as they are written and the names of the columns."""

    dates: tuple[str, ...]
    assets: tuple[str, ...]
    values: Floats
    dropped: int = 0
    from_prices: bool = False


class Cells(NamedTuple):
    """A table's cells as they are written: the titles, a column of text for each, and the line of each row."""

    titles: tuple[str, ...]
    columns: list[pl.Series]
    lines: tuple[int, ...]

    def rows(self, kept: NDArray[np.bool_]) -> "Cells":
        """Return some of the rows."""
        lines = tuple(line for line, keep in zip(self.lines, kept, strict=True) if keep)
        return Cells(self.titles, [column.filter(pl.Series(kept)) for column in self.columns], lines)


def read_returns(path: Path, *, drop_incomplete: bool = False, prices: bool | None = None) -> Returns:
    """Read a file of returns: a column date (or timestamp, datetime, time) and one for each asset or position.

    The header may be in any case; a first column without a name holds the dates where its cells are some, and one
    without name and values is left out. Numbers may end in % and be written as `apps/written_numbers.py` says. Rows
    that go back in time from the first to the last are turned round. Raises ReturnFileError, which names the lines (the
    header is line 1), where a row has too many cells, a date that cannot be read, was there before or is before the one
    above it, or a value that is missing or no finite number. With `drop_incomplete` a row that only lacks values is
    left out. With `prices` the values are prices above 0, and returns are made of them; where it is None a column that
    can only be of prices is refused.
    """
    cells, wrong = read_cells(path)
    dates_at = _place_of_dates(cells)
    if dates_at is None:
        raise ReturnFileError(
            f"{path} has no column of dates, one of {', '.join(DATE_NAMES)}; it has {_told(cells.titles)}"
        )
    if not cells.lines and not wrong:
        raise ReturnFileError(f"{path} has no rows; returns of at least 2 dates are needed")
    places = [
        place for place in range(len(cells.titles)) if place != dates_at and not _is_empty(cells, place)
    ]
    assets = tuple(cells.titles[place] for place in places)
    _refuse_names(path, assets)
    instants = instants_of(cells.columns[dates_at])
    if len(instants) > 1 and (instants != NO_TIME).all() and (np.diff(instants) < 0).all():
        cells, instants = _turned(cells), instants[::-1]
    wrong |= _wrong_dates(cells, dates_at, instants)
    values, missing, bad = _numbers(cells, places)
    if not drop_incomplete:
        bad = missing | bad
    refuse_lines(path, {**bad, **wrong})
    kept = [number for number, line in enumerate(cells.lines) if line not in missing]
    least = 3 if prices else 2
    if len(kept) < least:
        raise ReturnFileError(f"{path} has {len(kept)} rows that can be used; at least {least} are needed")
    dates = tuple(cells.columns[dates_at][number] for number in kept)
    found = Returns(dates, assets, values[kept], len(cells.lines) - len(kept))
    if prices is None:
        _refuse_prices(path, found)
    return _of_prices(path, found) if prices else found


def _told(titles: Sequence[str]) -> str:
    return ", ".join(titles) or "none"


def _turned(cells: Cells) -> Cells:
    """Return the rows from the last to the first."""
    return Cells(cells.titles, [column.reverse() for column in cells.columns], cells.lines[::-1])


def _place_of_dates(cells: Cells) -> int | None:
    """Return which column holds the dates: one that is called so, else a first one without a name that reads so."""
    named = place_of(cells.titles, DATE_NAMES)
    if named is not None or not cells.lines:
        return named
    for place, title in enumerate(cells.titles):
        index = title == UNNAMED_LAST or (place == 0 and title.lower() in UNNAMED)
        if index and (instants_of(cells.columns[place]) != NO_TIME).all():
            return place
    return None


def _is_empty(cells: Cells, place: int) -> bool:
    """Say whether a column has neither a name nor a value, as one after a last separator."""
    return not cells.titles[place] and bool((cells.columns[place] == "").all())


def _refuse_prices(path: Path, found: Returns) -> None:
    for name, column in zip(found.assets, found.values.T, strict=True):
        if len(column) >= PRICES_ROWS and column.min() >= PRICES_FROM and column.min() < column.max():
            raise ReturnFileError(
                f"{path} seems to hold prices: {name} lies between {column.min():g} and {column.max():g}; "
                "say --prices to have returns made of them, or --no-prices if they are returns"
            )


def _of_prices(path: Path, found: Returns) -> Returns:
    """Return simple returns of prices, each at the later one's date."""
    low = np.argwhere(~(found.values > 0))
    if len(low):
        row, column = low[0]
        raise ReturnFileError(
            f"{path}: a price is above 0; {found.assets[column]} is {found.values[row, column]:g} "
            f"on {found.dates[row]}"
        )
    returns = found.values[1:] / found.values[:-1] - 1.0
    return Returns(found.dates[1:], found.assets, returns, found.dropped, from_prices=True)


def read_weights(path: Path, assets: Sequence[str]) -> Floats:
    """Read a CSV file of asset and weight, in any order; an asset that it leaves out has weight 0.

    A file whose header names assets, with one row of weights below it, is read as well. Raises ReturnFileError with
    the lines where an asset is not among `assets` or named twice, or a weight is no finite number; and where all
    weights are 0.
    """
    cells, wrong = read_cells(path)
    asset_at, weight_at = place_of(cells.titles, ASSET_NAMES), place_of(cells.titles, WEIGHT_NAMES)
    if asset_at is None and weight_at is None and len(cells.lines) == 1:
        titles = cells.titles
        columns = [pl.Series(titles), pl.Series([column[0] for column in cells.columns])]
        cells = Cells((ASSET_NAMES[0], WEIGHT_NAMES[0]), columns, cells.lines * len(titles))
        asset_at, weight_at = 0, 1
    if asset_at is None or weight_at is None:
        raise ReturnFileError(f"{path} needs the columns asset and weight; it has {_told(cells.titles)}")
    place_of_asset = _finder(assets)
    weights, seen = np.zeros(len(assets)), set()
    (numbers,) = sure_numbers([cells.columns[weight_at]])
    written = zip(cells.lines, cells.columns[asset_at], cells.columns[weight_at], numbers, strict=True)
    for line, name, cell, number in written:
        place = place_of_asset(name)
        if place is None:
            near = difflib.get_close_matches(name, assets, 1, 0.0) or ["none"]
            wrong[line] = f"unknown asset {name!r}; the nearest column is {near[0]!r}"
        elif place in seen:
            wrong[line] = f"the asset {name!r} was there before"
        elif not np.isfinite(number):
            wrong[line] = f"the weight of {name!r} is a finite number; {cell!r} was given"
        else:
            seen.add(place)
            weights[place] = number
    refuse_lines(path, wrong)
    if not weights.any():
        raise ReturnFileError(f"{path} gives every asset a weight of 0; at least one is something else")
    return weights


def _finder(assets: Sequence[str]) -> Callable[[str], int | None]:
    """Return what finds the place of an asset, in any case where no two differ by case alone."""
    places = {name: place for place, name in enumerate(assets)}
    by_case = {name.lower(): place for name, place in places.items()}
    distinct = len(by_case) == len(places)
    return lambda name: places.get(name, by_case.get(name.lower()) if distinct else None)


def read_cells(path: Path) -> tuple[Cells, dict[int, str]]:
    """Return the cells of the rows that are not empty, and by line what is wrong with rows that are too long."""
    try:
        table = read_table(path, "returns, weights or positions")
        columns = as_text(table.rows)
    except TextTableError as error:
        raise ReturnFileError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error
    cells = Cells(table.titles, columns, tuple(table.lines.tolist()))
    empty = np.all([(column == "").to_numpy() for column in columns], axis=0)
    wrong = dict.fromkeys(table.lines[table.long].tolist(), LONG)
    return cells.rows(~empty & ~table.long), wrong


def place_of(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Return which column has one of the names, in any case."""
    plain = [name.lower() for name in header]
    return next((plain.index(name) for name in names if name in plain), None)


def _refuse_names(path: Path, assets: Sequence[str]) -> None:
    if not assets:
        raise ReturnFileError(f"{path} has dates and nothing else; a column for each asset is needed")
    for place, name in enumerate(assets):
        if not name:
            raise ReturnFileError(f"{path} has a column without a name, number {place + 1} of the assets")
        if name in assets[:place]:
            raise ReturnFileError(f"{path} has the column {name!r} twice; leave one of them out")


def _wrong_dates(cells: Cells, place: int, instants: NDArray[np.int64]) -> dict[int, str]:
    """Return what is wrong with the dates, by line."""
    wrong: dict[int, str] = {}
    seen: dict[int, int] = {}
    last = NO_TIME
    for line, date, instant in zip(cells.lines, cells.columns[place], instants.tolist(), strict=True):
        if instant == NO_TIME:
            wrong[line] = f"the date {date!r} cannot be read"
        elif instant in seen:
            wrong[line] = f"the date {date} was there before, in line {seen[instant]}"
        elif instant < last:
            wrong[line] = f"the date {date} is before that of the row above; sort the rows by date"
        if instant != NO_TIME:
            seen.setdefault(instant, line)
            last = max(last, instant)
    return wrong


def _numbers(cells: Cells, places: Sequence[int]) -> tuple[Floats, dict[int, str], dict[int, str]]:
    """Return the values, the lines in which values are missing, and those that have other things in their place."""
    missing: dict[int, str] = {}
    bad: dict[int, str] = {}
    values = np.column_stack(sure_numbers([cells.columns[place] for place in places]))
    gone = np.column_stack(
        [cells.columns[place].str.to_lowercase().is_in(MISSING).to_numpy() for place in places]
    )
    for row, column in np.argwhere(gone | ~np.isfinite(values)):
        line, place = cells.lines[row], places[column]
        if gone[row, column]:
            hint = "; --drop-incomplete leaves such rows out" if not missing else ""
            missing.setdefault(line, f"no value of {cells.titles[place]}{hint}")
        else:
            cell = cells.columns[place][int(row)]
            bad.setdefault(
                line, f"{cells.titles[place]} is a finite number; {cell!r} was given{doubt_of(cell)}"
            )
    return values, missing, bad


def refuse_lines(path: Path, wrong: dict[int, str]) -> None:
    """Raise ReturnFileError where there are lines that cannot be used."""
    if not wrong:
        return
    told = [f"line {line}: {wrong[line]}" for line in sorted(wrong)[:LINES_TOLD]]
    more = [f"and {len(wrong) - LINES_TOLD} lines more"] if len(wrong) > LINES_TOLD else []
    raise ReturnFileError(f"{path}: {'; '.join([*told, *more])}")
