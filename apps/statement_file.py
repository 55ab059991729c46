"""Reads a statement of somebody else's: positions, or executions of a drop copy, from a CSV file of one's own.

Columns are known by several names, in any case; what is not known is left alone. A file with an execution id holds
executions, one with a quantity and an instrument positions.
"""

import csv
import gzip
import io
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple, TextIO

NAMES: dict[str, tuple[str, ...]] = {
    "account": ("account", "acct"),
    "strategy": ("strategy", "book"),
    "instrument": ("instrument", "symbol", "ticker"),
    "quantity": ("quantity", "qty", "position", "lastqty", "last_qty", "shares"),
    "average_cost": ("average_cost", "averagecost", "avg_cost", "avgcost", "avgpx"),
    "realised": ("realised", "realized"),
    "fees": ("fees", "fee", "commission"),
    "side": ("side",),
    "price": ("price", "lastpx", "last_px"),
    "exec_id": ("exec_id", "execid"),
    "order_id": ("order_id", "orderid"),
}
SIDES = {
    "buy": 1,
    "b": 1,
    "1": 1,
    "sell": -1,
    "s": -1,
    "2": -1,
    "sell_short": -1,
    "sell short": -1,
    "5": -1,
    "ss": -1,
}
AMOUNTS = frozenset({"quantity", "average_cost", "realised", "fees", "price"})


class StatementError(ValueError):
    """A file is no statement: says which line, what was given, and what is needed."""


class Row(NamedTuple):
    """One line of a statement: its number, its words and amounts by name; `quantity` of executions is signed."""

    line: int
    words: dict[str, str]
    amounts: dict[str, Decimal]


class TheirStatement(NamedTuple):
    """What a file holds: `kind` is positions or executions, `columns` the known ones."""

    kind: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_statement(path: Path) -> TheirStatement:
    """Read a CSV file, gzipped or not; raises StatementError."""
    try:
        with _opened(path) as file:
            return _statement(path, list(csv.reader(file)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StatementError(f"{path} cannot be read as CSV: {error}") from error


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _statement(path: Path, lines: list[list[str]]) -> TheirStatement:
    if not lines:
        raise StatementError(f"{path} is empty; a header with instrument and quantity is needed")
    places = _places(lines[0])
    missing = [name for name in ("instrument", "quantity") if name not in places]
    if missing:
        raise StatementError(
            f"{path} has no column {' or '.join(missing)}; its columns are {', '.join(lines[0])}; known names are "
            f"{', '.join(name for names in NAMES.values() for name in names)}"
        )
    kind = "executions" if "exec_id" in places else "positions"
    needed = {"side", "price"} - places.keys()
    if kind == "executions" and needed:
        raise StatementError(f"{path} holds executions and has no column {' or '.join(sorted(needed))}")
    rows = tuple(_rows(path, lines[1:], places, kind))
    return TheirStatement(kind, tuple(places), rows)


def _places(header: list[str]) -> dict[str, int]:
    """Return the place of each known column."""
    plain = [name.strip().lower() for name in header]
    return {
        name: plain.index(known)
        for name, names in NAMES.items()
        if (known := next((each for each in names if each in plain), None)) is not None
    }


def _rows(path: Path, lines: list[list[str]], places: dict[str, int], kind: str) -> Iterator[Row]:
    for number, cells in enumerate(lines, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) <= max(places.values()):
            raise StatementError(f"{path} line {number} has {len(cells)} columns, fewer than the header")
        values = {name: cells[place].strip() for name, place in places.items()}
        amounts = {
            name: _amount(path, number, name, text)
            for name, text in values.items()
            if name in AMOUNTS and text
        }
        if "quantity" not in amounts:
            raise StatementError(f"{path} line {number} has no quantity")
        if "side" in values:
            side = SIDES.get(values["side"].lower())
            if side is None:
                raise StatementError(
                    f"{path} line {number}: side {values['side']!r} is not one of {', '.join(SIDES)}"
                )
            amounts["quantity"] *= side
        words = {name: text for name, text in values.items() if name not in AMOUNTS}
        if kind == "executions" and "price" not in amounts:
            raise StatementError(f"{path} line {number} has no price")
        yield Row(number, words, amounts)


def _amount(path: Path, number: int, name: str, text: str) -> Decimal:
    try:
        amount = Decimal(text.replace(",", ""))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise StatementError(f"{path} line {number}: {name} {text!r} is not a number")
    return amount
