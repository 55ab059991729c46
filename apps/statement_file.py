"""Reads a statement of somebody else's: positions, or executions of a drop copy, from a CSV file of one's own.

Columns are known by several names, in any case; what is not known is left alone. A file with an execution id holds
executions, one with a quantity and an instrument positions.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import polars as pl

from apps.table_file import LONG, as_text, read_table
from apps.text_table import TextTable, TextTableError
from apps.written_numbers import doubt_of, plain_texts, told_comma

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
    """Read a CSV file, packed or not, or a parquet file; raises StatementError."""
    try:
        table = read_table(path, "positions or executions")
        return _statement(path, table, as_text(table.rows))
    except TextTableError as error:
        raise StatementError(str(error)) from error


def _statement(path: Path, table: TextTable, columns: list[pl.Series]) -> TheirStatement:
    places = _places(table.titles)
    missing = [name for name in ("instrument", "quantity") if name not in places]
    if missing:
        raise StatementError(
            f"{path} has no column {' or '.join(missing)}; its columns are {', '.join(table.titles)}; known names are "
            f"{', '.join(name for names in NAMES.values() for name in names)}"
        )
    kind = "executions" if "exec_id" in places else "positions"
    needed = {"side", "price"} - places.keys()
    if kind == "executions" and needed:
        raise StatementError(f"{path} holds executions and has no column {' or '.join(sorted(needed))}")
    if table.long.any():
        raise StatementError(f"{path} line {table.lines[table.long][0]}: {LONG}")
    cells = pl.DataFrame({name: columns[place] for name, place in places.items()})
    rows = tuple(_rows(path, cells, table.lines.tolist(), kind))
    return TheirStatement(kind, tuple(places), rows)


def _places(titles: tuple[str, ...]) -> dict[str, int]:
    """Return the place of each known column."""
    plain = [name.lower() for name in titles]
    return {
        name: plain.index(known)
        for name, names in NAMES.items()
        if (known := next((each for each in names if each in plain), None)) is not None
    }


def _rows(path: Path, cells: pl.DataFrame, lines: list[int], kind: str) -> Iterator[Row]:
    names = [name for name in cells.columns if name in AMOUNTS]
    comma = told_comma([cells[name] for name in names])
    plain = cells.with_columns(plain_texts(cells[name], bool(comma)) for name in names)
    written = zip(lines, cells.iter_rows(named=True), plain.iter_rows(named=True), strict=True)
    for number, values, readable in written:
        if not any(values.values()):
            continue
        amounts = {
            name: _amount(path, number, name, values[name], readable[name], told=comma is not None)
            for name in names
            if values[name]
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


def _amount(path: Path, number: int, name: str, text: str, plain: str | None, *, told: bool) -> Decimal:
    doubt = "" if told else doubt_of(text)
    amount = Decimal(plain or "NaN")
    if doubt or not amount.is_finite():
        raise StatementError(f"{path} line {number}: {name} {text!r} is not a number{doubt}")
    return amount
