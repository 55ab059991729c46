"""A person's own file of positions: what is held, what it is worth, and by what it moves."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.stress import Holdings
from apps.return_file import (
    ASSET_NAMES,
    ReturnFileError,
    Row,
    number_of,
    place_of,
    read_rows,
    refuse_lines,
    wrong_width,
)

Floats = NDArray[np.float64]

DEFAULTS = {"beta": 1.0, "multiplier": 1.0, "fx": 1.0, "adv": math.nan, "volatility": math.nan, "spread": 0.0}
"""Numbers that a row may leave out, and what they are then."""


class Positions(NamedTuple):
    """Holdings, and of each: average daily volume in base currency, daily volatility and spread as fractions.

    Volume and volatility are NaN where the file has none.
    """

    holdings: Holdings
    volumes: Floats
    volatilities: Floats
    spreads: Floats


class _Held(NamedTuple):
    name: str
    value: float
    beta: float
    sector: str
    currency: str
    volume: float
    volatility: float
    spread: float


def read_positions(path: Path, base_currency: str = "USD") -> Positions:
    """Read a CSV file of positions: asset, and value, or quantity and price (and multiplier, fx).

    `value` is in base currency; so is quantity * price * multiplier * fx. Further columns, each may be left out: beta
    (1), sector, currency, adv (average daily volume, in units where the row has a quantity, else in money), volatility
    (of a day) and spread (fractions). Raises ReturnFileError with the lines where a number cannot be read, or an asset
    comes twice.
    """
    header, rows = read_rows(path)
    places = {
        name: place_of(header, (name,))
        for name in ("value", "quantity", "price", "sector", "currency", *DEFAULTS)
    }
    places["asset"] = place_of(header, ASSET_NAMES)
    valued = places["value"] is not None or (places["quantity"] is not None and places["price"] is not None)
    if places["asset"] is None or not valued or not rows:
        raise ReturnFileError(
            f"{path} needs rows of asset and value, or of asset, quantity and price; "
            f"it has {', '.join(header) or 'no columns'}"
        )
    held: list[_Held] = []
    wrong: dict[int, str] = {}
    seen: dict[str, int] = {}
    for row in rows:
        try:
            one = _position(header, row, places, base_currency)
        except ValueError as error:
            wrong[row.line] = str(error)
            continue
        if one.name in seen:
            wrong[row.line] = f"the asset {one.name!r} was there before, in line {seen[one.name]}"
        seen.setdefault(one.name, row.line)
        held.append(one)
    refuse_lines(path, wrong)
    columns = list(zip(*held, strict=True))
    names, values, betas, sectors, currencies, volumes, volatilities, spreads = columns
    holdings = Holdings(
        names, np.array(values), np.array(betas), tuple(sectors), tuple(currencies), base_currency
    )
    return Positions(holdings, np.array(volumes), np.array(volatilities), np.array(spreads))


def _position(header: list[str], row: Row, places: dict[str, int | None], base_currency: str) -> _Held:
    if len(row.cells) != len(header):
        raise ValueError(wrong_width(header, row))

    def text(name: str) -> str:
        place = places[name]
        return row.cells[place] if place is not None else ""

    def number(name: str) -> float:
        cell = text(name)
        if not cell and name in DEFAULTS:
            return DEFAULTS[name]
        read = number_of(cell)
        if read is None or not math.isfinite(read):
            raise ValueError(f"{name} is a finite number; {cell!r} was given")
        if read < 0 and name in ("price", "multiplier", "fx", "adv", "volatility", "spread"):
            raise ValueError(f"{name} is at least 0; {cell} was given")
        return read

    if not text("asset"):
        raise ValueError("a position needs an asset")
    by_value = places["value"] is not None and bool(text("value"))
    unit = 1.0 if by_value else number("price") * number("multiplier") * number("fx")
    return _Held(
        text("asset"),
        number("value") if by_value else number("quantity") * unit,
        number("beta"),
        text("sector"),
        text("currency").upper() or base_currency,
        number("adv") * unit,
        number("volatility"),
        number("spread"),
    )
