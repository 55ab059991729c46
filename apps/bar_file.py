"""A person's own file of bars, and longer bars composed of them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from apps.bar_making import BarRules, Made, table_of
from apps.quote_file import DATE_NAMES, QuoteFileError, plain_rows, titles
from apps.table_file import LONG
from apps.written_dates import NO_TIME, has_clock, instants_of, on_days
from apps.written_numbers import numbers_of
from connectors.kept_sessions import session_table
from domain.bar_kinds import BUILT_BAR, BarSpec, Empty, Partial
from domain.market import BAR, END, SECOND
from operators.bar_rules import LAST_ONLY, NO_RANGE
from operators.composed_bars import Composer, Grid, with_partial

MILLISECOND = SECOND // 1000
PRICES = ("open", "high", "low", "close")


class BarFile(NamedTuple):
    """Bars in order of opening and instrument; `length` is theirs (ns), `refused` what was left out, and why."""

    rows: NDArray[np.void]
    names: tuple[str, ...]
    length: int
    refused: dict[str, int]
    rows_in: int


def is_bar_file(path: Path) -> bool:
    """Say whether a file has columns of open, high, low and close."""
    return path.is_file() and set(PRICES) <= set(titles(path))


def composed(path: Path, spec: BarSpec, rules: BarRules, calendar: str) -> Made:
    """Compose time bars of a file of shorter ones, aligned to the sessions of a calendar.

    Raises QuoteFileError where the file is none of bars, or its bars do not fit into the longer ones; ValueError where
    the calendar is unknown.
    """
    file = read_bars(path)
    length = spec.nanoseconds
    if not len(file.rows):
        raise QuoteFileError(f"{path} holds no bar that can be used")
    if length % file.length:
        raise QuoteFileError(
            f"bars of {spec.size:g} s are made of whole ones; those of {path} have {file.length / SECOND:g} s; "
            "give a multiple"
        )
    lateness = int((file.rows["known_at"] - file.rows["close_at"]).min())
    days = (np.array([file.rows["open_at"].min(), file.rows["open_at"].max()])).astype("datetime64[ns]")
    table = session_table(calendar, *(str(day.astype("datetime64[D]")) for day in days))
    edges, labels = np.append(table.edges, END), np.append(table.labels, 0).astype(np.int32)
    across = table.segment(file.rows["open_at"]) != table.segment(file.rows["close_at"] - 1)
    if across.any():
        at = file.rows["open_at"][across][0].astype("datetime64[ns]")
        raise QuoteFileError(
            f"the bar of {at} UTC lies in two sessions of {calendar}; name the calendar of the bars with --calendar, "
            "24/7 for days of UTC"
        )
    made: list[NDArray[np.void]] = [np.empty(0, BUILT_BAR)]
    grid = Grid(edges, labels, lateness, Empty(rules.empty or Empty.SKIP), 0)
    composer = Composer(0, length, len(file.names), grid)
    state = composer.fresh()
    composer.take(state, file.rows, made.append)
    composer.close(state, int(file.rows["close_at"].max()) + lateness, made.append)
    composer.end(state, made.append)
    bars = with_partial(np.concatenate(made), Partial(rules.partial or Partial.MARK))
    _known_with_its_parts(bars, file.rows)
    return Made(table_of(bars, file.names, spec.name, versions=False), file.rows_in, file.refused)


def _known_with_its_parts(bars: NDArray[np.void], parts: NDArray[np.void]) -> None:
    """Let no bar be known before all that it is made of: a part may be a revision."""
    for which in np.unique(bars["instrument"]):
        places = np.flatnonzero(bars["instrument"] == which)
        places = places[np.argsort(bars["close_at"][places])]
        mine = parts[parts["instrument"] == which]
        inside = np.searchsorted(bars["close_at"][places], mine["open_at"], side="right")
        held = inside < len(places)
        known_at = bars["known_at"].copy()
        np.maximum.at(known_at, places[inside[held]], mine["known_at"][held])
        bars["known_at"] = known_at


def read_bars(path: Path) -> BarFile:
    """Read a CSV or parquet file of bars.

    It has open, high, low and close, and either `open_at` and `close_at` or one column of dates, which is when a bar
    opens; if wanted volume, vwap, trade_count, known_at, instrument, version (the last counts) and mark (those
    that are `empty` are nothing). A bar of volume without prices counts for volume. Names are found in any case.
    Raises QuoteFileError where it is no such file.
    """
    read = plain_rows(path)
    table = read.table.select([pl.col(written).alias(plain) for plain, written in read.names.items()])
    table = table.filter(pl.Series(~read.long)) if read.long.any() else table
    dated = next((name for name in ("open_at", *DATE_NAMES) if name in table.columns), None)
    missing = [name for name in PRICES if name not in table.columns]
    if dated is None or missing:
        wanted = missing[0] if missing else f"of dates, one of open_at, {', '.join(DATE_NAMES)}"
        raise QuoteFileError(f"{path} has no column {wanted}; it has {', '.join(table.columns)}")
    if "version" in table.columns:
        keys = [name for name in ("instrument", dated) if name in table.columns]
        table = table.sort("version", maintain_order=True).unique(keys, keep="last", maintain_order=True)
    rows = np.zeros(table.height, BAR)
    names = np.array(table["instrument"].cast(pl.String).to_list() if "instrument" in table.columns else [])
    known, which = np.unique(names, return_inverse=True) if len(names) else (np.array([path.stem]), 0)
    rows["instrument"], rows["open_at"] = which, _dates(table, dated)
    for name in PRICES:
        rows[name] = numbers_of(table[name], read.comma)
    for name, other in (("volume", 0.0), ("vwap", np.nan), ("trade_count", 0)):
        values = numbers_of(table[name], read.comma) if name in table.columns else np.full(len(rows), other)
        rows[name] = values if name == "vwap" else np.nan_to_num(values)
    marks = (
        table["mark"].cast(pl.String).fill_null("")
        if "mark" in table.columns
        else pl.Series([""] * len(rows))
    )
    for mark, bit in (("last_only", LAST_ONLY), ("no_range", NO_RANGE)):
        rows["ended"] |= np.where(marks.str.contains(mark), bit, 0).astype(np.int8)
    used, refused = _usable(rows)
    used &= (marks != "empty").to_numpy()
    kept = rows[used]
    closes = instants_of(table["close_at"])[used] if "close_at" in table.columns else None
    length = _length(path, kept, closes)
    kept["close_at"] = kept["open_at"] + length if closes is None else closes
    kept["interval"] = length // SECOND
    known_at = instants_of(table["known_at"])[used] if "known_at" in table.columns else kept["close_at"]
    kept["known_at"] = np.maximum(known_at, kept["close_at"])
    kept = kept[np.lexsort((kept["instrument"], kept["open_at"]))]
    if read.long.any():
        refused[LONG] = int(read.long.sum())
    return BarFile(kept, tuple(map(str, known)), length, refused, table.height + int(read.long.sum()))


def _dates(table: pl.DataFrame, dated: str) -> NDArray[np.int64]:
    """Return when bars open; beside a column of days one of times counts."""
    clock = "time" if dated == "date" and "time" in table.columns and has_clock(table["time"]) else None
    return instants_of(on_days(table[dated], table[clock]) if clock else table[dated])


def _usable(rows: NDArray[np.void]) -> tuple[NDArray[np.bool_], dict[str, int]]:
    dated = rows["open_at"] != NO_TIME
    bare = np.isnan([rows[name] for name in PRICES]).all(axis=0)
    priced = np.isfinite(rows["open"]) & np.isfinite(rows["close"])
    priced |= np.isnan(rows["open"]) & np.isnan(rows["close"])
    ranged = ~(rows["high"] < rows["low"])
    _, first = np.unique(rows[["instrument", "open_at"]], return_index=True)
    single = np.zeros(len(rows), np.bool_)
    single[first] = True
    reasons = {
        "the date cannot be read": ~dated,
        "open or close is no finite number": dated & ~priced,
        "high is below low": dated & priced & ~ranged,
        "the bar holds nothing": dated & bare & ~(rows["volume"] > 0),
        "the bar comes a second time": dated & priced & ranged & ~single,
    }
    found = {reason: int(where.sum()) for reason, where in reasons.items() if where.any()}
    return dated & priced & ranged & single & ~reasons["the bar holds nothing"], found


def _length(path: Path, rows: NDArray[np.void], close_at: NDArray[np.int64] | None) -> int:
    """Return the length of bars in nanoseconds: from open to close, or the shortest time from one to the next."""
    if not len(rows):
        return SECOND
    if close_at is None:
        order = np.lexsort((rows["open_at"], rows["instrument"]))
        steps = np.diff(rows["open_at"][order])[np.diff(rows["instrument"][order]) == 0]
        lengths = steps[steps > 0]
        length = int(lengths.min()) if len(lengths) else SECOND
    else:
        length = int((close_at - rows["open_at"]).max())
    if length < MILLISECOND or length % MILLISECOND:
        raise QuoteFileError(f"bars have whole milliseconds; those of {path} have {length / MILLISECOND:g}")
    return length
