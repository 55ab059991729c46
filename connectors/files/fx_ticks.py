"""Quotes of currency pairs in Lean's layout of FXCM: `.../tick/<pair>/<YYYYMMDD>_quote.zip`, rows of time, bid and ask.

Times are milliseconds since midnight of a clock that is five hours behind UTC all year, in summer too, so that a file
reaches into the next day of New York while daylight saving holds; each row is handed on with the day that it is in.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.files.lean_archive import check_archive, content_of
from connectors.files.lean_rows import NUMBER, REASONS, parse_rows, raw_line
from connectors.files.new_york import DAY, HOUR, day_bounds, day_number
from connectors.source import SEQUENCES_PER_DAY, SourceError, selected_days, selected_names
from domain.instruments import Instrument, Split
from domain.market import Chunk, Kind, Malformed, Ticks, canonical_order, complete_ticks, concatenate, select

BEHIND_UTC = 5 * HOUR
SIZE = 1_000_000.0
"""A dealer's quote shows no size; it is taken to be good for one million of the base currency."""
FIELDS = np.array([NUMBER, NUMBER, NUMBER], np.uint8)
_MILLION = 1_000_000.0
_JUDGED_ROWS = 100
_NAME = re.compile(r"(\d{4})(\d{2})(\d{2})_quote\.zip", re.IGNORECASE)
_PAIR = re.compile(r"[A-Z]{6}")


class FxFile(NamedTuple):
    """Where the quotes of a pair and a day of the file's clock are."""

    pair: str
    day: str
    path: Path


class FxTicks:
    """Quotes of every pair and day below a folder; the upper-cased pair is the instrument's name (EURUSD).

    `instruments` and the ISO dates `first` and `last` (inclusive, of New York) narrow what is held. Raises SourceError
    where the folder holds no such file, two of one pair and day, one that is no zip archive, or nothing that is asked
    for.
    """

    name = "fxcm"

    def __init__(
        self,
        folder: Path,
        instruments: tuple[str, ...] | None = None,
        first: str | None = None,
        last: str | None = None,
    ) -> None:
        found = _find(folder)
        self._names = selected_names((file.pair for file in found), instruments)
        self._files = [file for file in found if file.pair in self._names]
        for file in self._files:
            check_archive(file.path)
        held = {day for file in self._files for day in _days_of(file.day)}
        self._days = selected_days(held, first, last, folder)

    def instruments(self) -> tuple[str, ...]:
        """Return the pairs, sorted."""
        return self._names

    def reference(self) -> tuple[Instrument, ...]:
        """Return the pairs: a tenth of a pip a tick, a thousand of the base currency a lot, the week of currencies."""
        return tuple(
            Instrument(
                name=name,
                issuer=name[:3],
                tick_size=Decimal("0.001") if name[3:] == "JPY" else Decimal("0.00001"),
                lot_size=1000,
                currency=name[3:],
                calendar="FX",
            )
            for name in self._names
        )

    def splits(self) -> tuple[Split, ...]:
        """Return nothing: currencies are not split."""
        return ()

    def segments(self) -> tuple[str, ...]:
        """Return the days of New York that the files reach into."""
        return self._days

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield the day's quotes of the owned pairs in canonical order; raises SourceError."""
        mine = [
            file
            for file in self._files
            if segment in _days_of(file.day) and file.pair in index and owned[index[file.pair]]
        ]
        start, stop = day_bounds(segment)
        parts, refused = [], []
        for file in mine:
            ticks, malformed = _decoded(file, index[file.pair])
            parts.append(select(ticks, (ticks.known_at >= start) & (ticks.known_at < stop)))
            refused += [row for row in malformed if start <= row.known_at < stop]
        if not parts:
            return
        together = concatenate(parts)
        refused.sort(key=lambda row: (row.known_at, row.place))
        yield Chunk(select(together, canonical_order(together)), tuple(refused))


def _find(folder: Path) -> list[FxFile]:
    """Return every file of quotes below a folder, by pair and day; raises SourceError."""
    found: dict[tuple[str, str], FxFile] = {}
    for path in sorted(folder.resolve().rglob("*.zip")):
        match, pair = _NAME.fullmatch(path.name), path.parent.name.upper()
        if match is None or path.parent.parent.name.lower() != "tick" or not _PAIR.fullmatch(pair):
            continue
        file = FxFile(pair, "-".join(match.groups()), path)
        before = found.setdefault(file[:2], file)
        if before is not file:
            raise SourceError(f"{before.path} and {path} hold the same pair and day; take one away")
    if not found:
        raise SourceError(
            f"{folder} holds no quotes of currency pairs; files are named tick/<pair>/<YYYYMMDD>_quote.zip, "
            "as tick/eurusd/20140501_quote.zip"
        )
    return [found[key] for key in sorted(found)]


def _bounds(day: str) -> tuple[int, int]:
    """Return the first instant of a day of the files' clock, and that of the next (ns UTC)."""
    start = day_number(day) * DAY + BEHIND_UTC
    return start, start + DAY


def _days_of(day: str) -> tuple[str, ...]:
    """Return the days of New York that a file reaches into: its own, and the next while daylight saving holds."""
    following = str(np.datetime64(day_number(day) + 1, "D"))
    return (day, following) if day_bounds(following)[0] < _bounds(day)[1] else (day,)


def _decoded(file: FxFile, which: int) -> tuple[Ticks, list[Malformed]]:
    """Return the quotes of a file, and the rows that are none; raises SourceError for a file of something else.

    A price is above 0. A row behind a later one was known when the later one was.
    """
    content = content_of(file.path)
    rows = parse_rows(content, FIELDS)
    prices = rows.values[1:] / _MILLION
    priced = (prices > 0).all(axis=0)
    fine = (rows.status == 0) & priced
    first = fine[:_JUDGED_ROWS]
    if 2 * int(np.count_nonzero(~first)) >= max(1, len(first)):
        raise SourceError(
            f"{file.path} holds no quotes of a currency pair: {np.count_nonzero(~first)} of its first {len(first)} "
            "rows are not `milliseconds,bid,ask` with prices above 0"
        )
    good = np.flatnonzero(fine)
    start = _bounds(file.day)[0]
    event_at = start + rows.values[0, good]
    known_at = np.maximum.accumulate(event_at)
    size = np.full(len(good), SIZE)
    ticks = complete_ticks(
        {
            "event_at": event_at,
            "known_at": known_at,
            "instrument": np.full(len(good), which, np.int32),
            "kind": np.full(len(good), Kind.QUOTE, np.uint8),
            "price": np.full(len(good), np.nan),
            "size": np.zeros(len(good)),
            "bid": prices[0, good],
            "bid_size": size,
            "ask": prices[1, good],
            "ask_size": size,
            "sequence": day_number(file.day) * SEQUENCES_PER_DAY + 1 + good,
        }
    )
    malformed = []
    for line in np.flatnonzero(~fine).tolist():
        before = int(np.searchsorted(good, line)) - 1
        reason = REASONS[int(rows.status[line])] or "price_not_above_zero"
        place, at = f"{file.path.name}:{line + 1}", int(known_at[before]) if before >= 0 else start
        malformed.append(Malformed("fxcm", place, reason, raw_line(content, int(rows.starts[line])), at))
    return ticks, malformed
