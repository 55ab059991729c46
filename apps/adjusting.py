"""A person's own file of bars, adjusted for corporate actions as they were known at some time."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from apps.quote_file import Flagged, Rows, days_of, quotes_of, read_rows
from connectors.files.action_rows import DAY_NANOSECONDS, LeanFactors, read_actions
from domain.corporate_actions import CorporateAction, as_known
from features.adjustment import Factors, adjustment_factors

PRICES = ("open", "high", "low", "close")


class AdjustError(ValueError):
    """Bars that cannot be adjusted by the actions that are given."""


class Adjusted(NamedTuple):
    """The file's rows with adjusted values, the raw ones and the factors behind them, and what was applied."""

    table: pl.DataFrame
    applied: tuple[CorporateAction, ...]
    left_out: int
    flagged: tuple[Flagged, ...]


def adjusted(
    bars: Path, actions: Path, known_at: int | None, convention: str, instrument: str | None
) -> Adjusted:
    """Adjust bars of one instrument; `known_at` (ns UTC) is when actions are to be known and to have happened.

    The table has the file's columns in its order, prices and volume adjusted, then `raw_` columns and `price_factor`
    and `volume_factor`. Raises QuoteFileError, ActionFileError and AdjustError.
    """
    rows = _of_one(bars, read_rows(bars), instrument)
    table, names = rows.table, rows.names
    wanted = [name for name in (*PRICES, "volume") if name in names]
    quotes = quotes_of(bars, rows, wanted if "close" in wanted else [*wanted, "close"])
    order = quotes.order
    days = days_of(bars, rows)[order]
    read = read_actions(actions, instrument)
    left_out = 0
    if isinstance(read, LeanFactors):
        price, volume = read.of(days)
        factors = Factors(price, volume, ())
    else:
        known = as_known(read, known_at)
        if known_at is not None:
            known = tuple(action for action in known if action.ex_on * DAY_NANOSECONDS <= known_at)
        sound = np.isfinite(quotes.columns["close"][order])
        try:
            factors = _factors(days, quotes.columns["close"][order], sound, known, convention)
        except ValueError as error:
            raise AdjustError(str(error)) from error
        left_out = len(read) - len(factors.applied)
    return Adjusted(
        _table(table, names, quotes.columns, order, factors), factors.applied, left_out, quotes.flagged
    )


def _of_one(bars: Path, rows: Rows, instrument: str | None) -> Rows:
    """Return the rows of the instrument that is meant; raises AdjustError where that is not said."""
    known, _ = rows.instruments()
    if len(known) < 2:
        return rows
    if instrument not in known:
        shown = ", ".join(known[:5]) + (", ..." if len(known) > 5 else "")
        raise AdjustError(f"{bars} has bars of {shown}; say which are meant with --instrument")
    return rows.of(instrument)


def _factors(
    days: np.ndarray,
    close: np.ndarray,
    sound: np.ndarray,
    known: tuple[CorporateAction, ...],
    convention: str,
) -> Factors:
    """Return the factors of all bars, made from those that have a close."""
    if not sound.any():
        return Factors(np.ones(len(days)), np.ones(len(days)), ())
    made = adjustment_factors(days[sound], close[sound], known, convention)
    if sound.all():
        return made
    places = np.minimum(np.searchsorted(np.flatnonzero(sound), np.arange(len(days))), sound.sum() - 1)
    return Factors(made.price[places], made.volume[places], made.applied)


def _table(
    table: pl.DataFrame,
    names: dict[str, str],
    columns: dict[str, np.ndarray],
    order: np.ndarray,
    factors: Factors,
) -> pl.DataFrame:
    def whole(values: np.ndarray) -> np.ndarray:
        column = np.full(table.height, np.nan)
        column[order] = values
        return column

    price, volume = whole(factors.price), whole(factors.volume)
    for name, column in columns.items():
        raw = table[names[name]].alias(f"raw_{name}")
        made = column * (volume if name == "volume" else price)
        table = table.with_columns(pl.Series(names[name], made).fill_nan(None), raw)
    return table.with_columns(
        pl.Series("price_factor", price).fill_nan(None), pl.Series("volume_factor", volume).fill_nan(None)
    )
