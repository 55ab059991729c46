"""A person's own file of returns, and of weights: every row taken as it stands, or the whole refused with its lines."""

import csv
import difflib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from apps.quote_file import DATE_NAMES, SEPARATORS, instants_of

Floats = NDArray[np.float64]

ASSET_NAMES = ("asset", "position", "instrument", "symbol", "name")
WEIGHT_NAMES = ("weight", "weights")
LINES_TOLD = 10
NO_INSTANT = np.iinfo(np.int64).min


class ReturnFileError(ValueError):
    """A file of returns or weights that cannot be used as it stands."""


class Returns(NamedTuple):
    """Returns (t, n), oldest first, with the dates as they are written and the names of the columns."""

    dates: tuple[str, ...]
    assets: tuple[str, ...]
    values: Floats
    dropped: int = 0


class Row(NamedTuple):
    """Cells of a row, and the line of the file that they end in."""

    line: int
    cells: list[str]


def read_returns(path: Path, *, drop_incomplete: bool = False) -> Returns:
    """Read a CSV file of returns: a column date (or timestamp, datetime, time) and one for each asset or position.

    The header may be in any case. Raises ReturnFileError, which names the lines (the header is line 1), where a row has
    too few or too many cells, a date that cannot be read, was there before or is before the one above it, or a value
    that is missing or no finite number. With `drop_incomplete` a row that only lacks values is left out.
    """
    header, rows = read_rows(path)
    dates_at = place_of(header, DATE_NAMES)
    if dates_at is None:
        raise ReturnFileError(
            f"{path} has no column of dates, one of {', '.join(DATE_NAMES)}; it has {', '.join(header) or 'none'}"
        )
    places = [place for place, name in enumerate(header) if place != dates_at]
    assets = tuple(header[place] for place in places)
    _refuse_names(path, assets)
    wrong = {row.line: wrong_width(header, row) for row in rows if len(row.cells) != len(header)}
    whole = [row for row in rows if row.line not in wrong]
    if not rows:
        raise ReturnFileError(f"{path} has no rows; returns of at least 2 dates are needed")
    wrong |= _wrong_dates(whole, dates_at)
    values, missing, bad = _numbers(whole, places, assets)
    if not drop_incomplete:
        bad = missing | bad
    wrong = {**bad, **wrong}
    refuse_lines(path, wrong)
    kept = [number for number, row in enumerate(whole) if row.line not in missing]
    if len(kept) < 2:
        raise ReturnFileError(f"{path} has {len(kept)} rows that can be used; at least 2 are needed")
    dates = tuple(whole[number].cells[dates_at] for number in kept)
    return Returns(dates, assets, values[kept], len(whole) - len(kept))


def read_weights(path: Path, assets: Sequence[str]) -> Floats:
    """Read a CSV file of asset and weight, in any order; an asset that it leaves out has weight 0.

    Raises ReturnFileError with the lines where an asset is not among `assets` or named twice, or a weight is no finite
    number; and where all weights are 0.
    """
    header, rows = read_rows(path)
    asset_at, weight_at = place_of(header, ASSET_NAMES), place_of(header, WEIGHT_NAMES)
    if asset_at is None or weight_at is None:
        raise ReturnFileError(
            f"{path} needs the columns asset and weight; it has {', '.join(header) or 'none'}"
        )
    places = {name: place for place, name in enumerate(assets)}
    by_case = {name.lower(): place for name, place in places.items()}
    weights, wrong, seen = np.zeros(len(assets)), {}, set()
    for line, cells in rows:
        if len(cells) != len(header):
            wrong[line] = wrong_width(header, Row(line, cells))
            continue
        name, number = cells[asset_at], number_of(cells[weight_at])
        place = places.get(name, by_case.get(name.lower()) if len(by_case) == len(places) else None)
        if place is None:
            near = difflib.get_close_matches(name, assets, 1, 0.0) or ["none"]
            wrong[line] = f"unknown asset {name!r}; the nearest column is {near[0]!r}"
        elif place in seen:
            wrong[line] = f"the asset {name!r} was there before"
        elif number is None or not math.isfinite(number):
            wrong[line] = f"the weight of {name!r} is a finite number; {cells[weight_at]!r} was given"
        else:
            seen.add(place)
            weights[place] = number
    refuse_lines(path, wrong)
    if not weights.any():
        raise ReturnFileError(f"{path} gives every asset a weight of 0; at least one is something else")
    return weights


def read_rows(path: Path) -> tuple[list[str], list[Row]]:
    """Return the header and the rows that are not empty, with their lines."""
    if not path.is_file():
        raise ReturnFileError(f"{path} is no file; give a CSV file")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            rows = list(_rows(file, max(SEPARATORS, key=first.count)))
            return (rows[0].cells if rows else []), rows[1:]
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise ReturnFileError(f"{path} cannot be read: {' '.join(str(error).split())}") from error


def _rows(file: TextIO, separator: str) -> Iterator[Row]:
    reader = csv.reader(file, delimiter=separator)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield Row(reader.line_num, [cell.strip().lstrip("\ufeff") for cell in cells])


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


def wrong_width(header: Sequence[str], row: Row) -> str:
    """Say that a row has not the cells of the header."""
    return f"the header has {len(header)} cells, the row {len(row.cells)}"


def _wrong_dates(rows: Sequence[Row], place: int) -> dict[int, str]:
    """Return what is wrong with the dates, by line."""
    instants = instants_of(pl.Series("date", [row.cells[place] for row in rows], pl.String))
    wrong: dict[int, str] = {}
    seen: dict[int, int] = {}
    last = NO_INSTANT
    for row, instant in zip(rows, (int(each) for each in instants), strict=True):
        date = row.cells[place]
        if instant == NO_INSTANT:
            wrong[row.line] = f"the date {date!r} cannot be read"
        elif instant in seen:
            wrong[row.line] = f"the date {date} was there before, in line {seen[instant]}"
        elif instant < last:
            wrong[row.line] = f"the date {date} is before that of the row above; sort the rows by date"
        if instant != NO_INSTANT:
            seen.setdefault(instant, row.line)
            last = max(last, instant)
    return wrong


def _numbers(
    rows: Sequence[Row], places: Sequence[int], assets: Sequence[str]
) -> tuple[Floats, dict[int, str], dict[int, str]]:
    """Return the values, the lines in which values are missing, and those that have other things in their place."""
    values = np.full((len(rows), len(places)), np.nan)
    missing: dict[int, str] = {}
    bad: dict[int, str] = {}
    for number, row in enumerate(rows):
        for column, place in enumerate(places):
            cell = row.cells[place]
            read = number_of(cell)
            if cell.lower() in ("", "nan", "na", "n/a", "null", "none"):
                missing.setdefault(row.line, f"no value of {assets[column]}")
            elif read is None or not math.isfinite(read):
                bad.setdefault(row.line, f"{assets[column]} is a finite number; {cell!r} was given")
            else:
                values[number, column] = read
    return values, missing, bad


def number_of(cell: str) -> float | None:
    """Return the number in a cell, None where there is none."""
    try:
        return float(cell) if "_" not in cell else None
    except ValueError:
        return None


def refuse_lines(path: Path, wrong: dict[int, str]) -> None:
    """Raise ReturnFileError where there are lines that cannot be used."""
    if not wrong:
        return
    told = [f"line {line}: {wrong[line]}" for line in sorted(wrong)[:LINES_TOLD]]
    more = [f"and {len(wrong) - LINES_TOLD} lines more"] if len(wrong) > LINES_TOLD else []
    raise ReturnFileError(f"{path}: {'; '.join([*told, *more])}")
