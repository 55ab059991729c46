"""A person's own file of bars, adjusted for corporate actions as they were known at some time."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from apps.quote_file import Flagged, quotes_of, read_table
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
    """Adjust a file of bars; `known_at` (ns UTC) says as of when actions are known, and that they have happened.

    The table has the file's columns in its order, prices and volume adjusted, then `raw_` columns and `price_factor`
    and `volume_factor`. Raises QuoteFileError, ActionFileError and AdjustError.
    """
    table, names = read_table(bars)
    wanted = [name for name in (*PRICES, "volume") if name in names]
    quotes = quotes_of(bars, table, names, wanted if "close" in wanted else [*wanted, "close"])
    order = quotes.order
    days = (quotes.instants[order] // DAY_NANOSECONDS).astype(np.int32)
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


def _factors(
    days: np.ndarray,
    close: np.ndarray,
    sound: np.ndarray,
    known: tuple[CorporateAction, ...],
    convention: str,
) -> Factors:
    """Return the factors of all bars, made from those that have a close."""
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
