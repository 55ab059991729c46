"""A person's own file of positions: what is held, what it is worth, and by what it moves."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analytics.stress import Holdings
from apps.return_file import (
    ASSET_NAMES,
    ReturnFileError,
    place_of,
    read_cells,
    refuse_lines,
)
from apps.written_numbers import doubt_of, sure_numbers

Floats = NDArray[np.float64]

DEFAULTS = {"beta": 1.0, "multiplier": 1.0, "fx": 1.0, "adv": math.nan, "volatility": math.nan, "spread": 0.0}
"""Numbers that a row may leave out, and what they are then."""
WORDS = ("asset", "sector", "currency")
FRACTIONS = ("volatility", "spread")


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
    (of a day) and spread (fractions, or with %). Raises ReturnFileError with the lines where a number cannot be read
    or an asset comes twice.
    """
    cells, wrong = read_cells(path)
    places = {
        name: place
        for name in ("value", "quantity", "price", "sector", "currency", *DEFAULTS)
        if (place := place_of(cells.titles, (name,))) is not None
    }
    asset_at = place_of(cells.titles, ASSET_NAMES)
    valued = "value" in places or {"quantity", "price"} <= places.keys()
    if asset_at is None or not valued or not (cells.lines or wrong):
        raise ReturnFileError(
            f"{path} needs rows of asset and value, or of asset, quantity and price; "
            f"it has {', '.join(cells.titles)}"
        )
    texts = {name: cells.columns[place] for name, place in {**places, "asset": asset_at}.items()}
    amounts = {name: text for name, text in texts.items() if name not in WORDS}
    read = sure_numbers(list(amounts.values()), [name in FRACTIONS for name in amounts])
    numbers = dict(zip(amounts, read, strict=True))
    held: list[_Held] = []
    seen: dict[str, int] = {}
    for row, line in enumerate(cells.lines):
        try:
            one = _position(row, texts, numbers, base_currency)
        except ValueError as error:
            wrong[line] = str(error)
            continue
        if one.name in seen:
            wrong[line] = f"the asset {one.name!r} was there before, in line {seen[one.name]}"
        seen.setdefault(one.name, line)
        held.append(one)
    refuse_lines(path, wrong)
    columns = list(zip(*held, strict=True))
    names, values, betas, sectors, currencies, volumes, volatilities, spreads = columns
    holdings = Holdings(
        names, np.array(values), np.array(betas), tuple(sectors), tuple(currencies), base_currency
    )
    return Positions(holdings, np.array(volumes), np.array(volatilities), np.array(spreads))


def _position(row: int, texts: dict[str, pl.Series], numbers: dict[str, Floats], base_currency: str) -> _Held:
    def text(name: str) -> str:
        return str(texts[name][row]) if name in texts else ""

    def number(name: str) -> float:
        if not text(name) and name in DEFAULTS:
            return DEFAULTS[name]
        read = float(numbers[name][row]) if name in numbers else math.nan
        if not math.isfinite(read):
            raise ValueError(f"{name} is a finite number; {text(name)!r} was given{doubt_of(text(name))}")
        if read < 0 and name in ("price", "multiplier", "fx", "adv", "volatility", "spread"):
            raise ValueError(f"{name} is at least 0; {text(name)} was given")
        return read

    if not text("asset"):
        raise ValueError("a position needs an asset")
    by_value = bool(text("value")) or "price" not in texts
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
