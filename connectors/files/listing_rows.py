"""Listings from files: rows of one's own, Lean's symbol properties, and Lean's daily universe of stocks."""

import codecs
import csv
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from connectors.files.action_rows import instant_of, plain
from connectors.files.text_rows import UnreadableFile, unpacked
from domain.envelope import record_id
from domain.listings import Listing

KINDS = ("auto", "own", "symbol-properties", "universe", "map")
MAP_LINE = re.compile(r"\d{8},[^,]+(,[A-Z]?)?")
MAP_FOREVER = "20501231"
LEAN_DAY, LEAN_EQUITY = 10**14, 101
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DAY_NANOSECONDS = 86_400_000_000_000
EPOCH_IN_LEAN = 25_569
UNIVERSE_LINE = re.compile(r"\S+ [A-Z0-9]+,[^,]+,[^,]+,")
UNIVERSE_COLUMNS = 8
OWN = ("name", "figi", "isin", "currency", "sector", "calendar", "tick_bands")
NUMBERS = ("tick_size", "lot_size", "multiplier")
CALENDARS = {"crypto": "24/7", "cryptofuture": "24/7", "forex": "FX"}


class ListingFileError(ValueError):
    """A file of listings that cannot be read as a whole."""


class BadRow(NamedTuple):
    """A row that is not imported: its line, and why."""

    line: int
    reason: str


def read_listings(
    path: Path, kind: str = "auto", valid_from: int | None = None, known_at: int | None = None
) -> tuple[list[Listing], list[BadRow]]:
    """Read listings of a file, and the rows that are none; `valid_from` and `known_at` in ns UTC.

    * `universe`           Lean's stocks of a day: permanent id, ticker, price and more, without a header.
    * `symbol-properties`  Lean's instruments by market, with tick and lot sizes; lines that begin with # are remarks.
    * `map`                Lean's map file of one stock: the last day of each ticker, in order, without a header. The
                           permanent id is the one that `universe` has; the last ticker holds from then on, and each
                           is known since its first day.
    * `own`                a header with ticker and venue, and any of instrument_id, kind, name, figi, isin, currency,
                           sector, calendar, tick_size, tick_bands, lot_size, multiplier, valid_from, valid_to and
                           known_at.

    A file may be gzipped. Where no date is given, a day in the file's name counts, which is when it was known, too; a
    file without one holds since 1970-01-01, and is known since it is read. Raises ListingFileError.
    """
    try:
        body = unpacked(path)
    except UnreadableFile as error:
        raise ListingFileError(str(error)) from error
    lines = [
        line.decode("utf-8", "surrogateescape") for line in body.removeprefix(codecs.BOM_UTF8).splitlines()
    ]
    first = next((line for line in lines if line.strip()), "")
    if kind == "auto":
        kind = _kind_of(next((line for line in lines if line.strip() and not _garbled(line)), ""))
    dated = re.search(r"(?<!\d)(\d{8})(?!\d)", path.name)
    begin = valid_from if valid_from is not None else instant_of(dated[1]) if dated else 0
    since = begin if dated or kind == "map" else time.time_ns()
    origin = _Origin(plain(path.name), begin, since if known_at is None else known_at)
    if kind == "map":
        return _map(lines, origin)
    if kind == "universe":
        return _read(lines, 1, origin, _universe)
    if _garbled(first):
        raise ListingFileError(f"{path} cannot be read: its header {_raw(first)!r} is not UTF-8")
    header = [plain(name) for name in next(csv.reader([first]))]
    need = ("market", "symbol", "type") if kind == "symbol-properties" else ("ticker", "venue")
    missing = [name for name in need if name not in header]
    if missing:
        raise ListingFileError(f"{path} has no column {missing[0]!r}; it has {', '.join(header)}")
    make = _properties if kind == "symbol-properties" else _own

    def made(cells: list[str], line: int, given: "_Origin") -> Listing:
        if len(cells) > len(header):
            raise ValueError(f"a row has at most {len(header)} cells; {len(cells)} were given")
        return make(dict(zip(header, cells, strict=False)), line, given)

    return _read(lines, lines.index(first) + 2, origin, made)


class _Origin(NamedTuple):
    source: str
    valid_from: int
    known_at: int


def _raw(line: str) -> bytes:
    return line.encode("utf-8", "surrogateescape")


def _garbled(line: str) -> bool:
    """Say whether a line holds bytes that are no UTF-8; they were read as lone surrogates."""
    return any("\udc80" <= letter <= "\udcff" for letter in line)


def _kind_of(line: str) -> str:
    if UNIVERSE_LINE.match(line):
        return "universe"
    if MAP_LINE.fullmatch(line.strip()):
        return "map"
    return "symbol-properties" if line.startswith("market,symbol,type,") else "own"


def _read(
    lines: list[str], begin: int, origin: _Origin, make: Callable[[list[str], int, _Origin], Listing]
) -> tuple[list[Listing], list[BadRow]]:
    found: dict[tuple[str, str, int], Listing] = {}
    bad: list[BadRow] = []
    for number, line in enumerate(lines[begin - 1 :], begin):
        if not line.strip() or line.startswith("#"):
            continue
        if _garbled(line):
            bad.append(BadRow(number, f"a row is UTF-8; {_raw(line)!r} was given"))
            continue
        try:
            listing = make([cell.strip() for cell in next(csv.reader([line]))], number, origin)
        except (ValueError, InvalidOperation, csv.Error) as error:
            reason = str(error) if isinstance(error, ValueError) else f"not a number: {line!r}"
            bad.append(BadRow(number, reason))
            continue
        key = listing.instrument_id, listing.venue, listing.valid_from
        if key in found:
            bad.append(
                BadRow(number, f"{listing.instrument_id} is there before, in line {found[key].sequence}")
            )
            continue
        found[key] = listing
    return list(found.values()), bad


def _map(lines: list[str], origin: _Origin) -> tuple[list[Listing], list[BadRow]]:
    """Return the listings of one stock: a ticker holds from the day after the last one's last day."""
    told: list[tuple[int, int, str]] = []
    bad: list[BadRow] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            until, ticker = _map_line(line, told[-1][1] if told else None)
            told.append((number, until, ticker))
        except ValueError as error:
            bad.append(BadRow(number, str(error)))
    if not told:
        return [], bad
    first_day, first_ticker = told[0][1], told[0][2]
    name = (
        f"{first_ticker} {_base36((first_day // DAY_NANOSECONDS + EPOCH_IN_LEAN) * LEAN_DAY + LEAN_EQUITY)}"
    )
    spans: list[tuple[int, int, int | None, str]] = []
    for number, until, ticker in told:
        begin = (spans[-1][2] if spans else first_day) or first_day
        end = None if _lean_day(until) >= MAP_FOREVER else until + DAY_NANOSECONDS
        if spans and spans[-1][3] == ticker:
            spans[-1] = (spans[-1][0], spans[-1][1], end, ticker)
        else:
            spans.append((number, begin, end, ticker))
    return [_mapped(origin, name, *span) for span in spans], bad


def _map_line(line: str, before: int | None) -> tuple[int, str]:
    """Return last day (ns UTC) and ticker of a line; raises ValueError."""
    if _garbled(line):
        raise ValueError(f"a row is UTF-8; {_raw(line)!r} was given")
    if not MAP_LINE.fullmatch(line.strip()):
        raise ValueError(f"a line is last day, ticker and venue letter; {line!r} was given")
    cells = line.strip().split(",")
    until = instant_of(cells[0])
    if before is not None and until <= before:
        raise ValueError(f"days rise; {cells[0]} was given after {_lean_day(before)}")
    return until, cells[1].upper()


def _mapped(origin: _Origin, name: str, line: int, begin: int, end: int | None, ticker: str) -> Listing:
    own = origin._replace(valid_from=begin, known_at=max(begin, origin.known_at))
    return _listing(
        own,
        line,
        instrument_id=name,
        venue="usa",
        ticker=ticker,
        kind="equity",
        valid_to=end,
        currency="USD",
        calendar="XNYS",
    )


def _lean_day(instant: int) -> str:
    return datetime.fromtimestamp(instant // 10**9, UTC).strftime("%Y%m%d")


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits or "0"


def _universe(cells: list[str], line: int, origin: _Origin) -> Listing:
    if len(cells) < UNIVERSE_COLUMNS:
        raise ValueError(f"a stock has {UNIVERSE_COLUMNS} cells or more; {len(cells)} were given")
    for cell in (cells[2], cells[3]):
        if not Decimal(cell).is_finite() or Decimal(cell) < 0:
            raise ValueError(f"price and volume are at least 0; {cell!r} was given")
    return _listing(
        origin,
        line,
        instrument_id=cells[0],
        venue="usa",
        ticker=cells[1],
        kind="equity",
        currency="USD",
        calendar="XNYS",
    )


def _properties(row: Mapping[str, str], line: int, origin: _Origin) -> Listing:
    market, symbol, kind = (row.get(name, "") for name in ("market", "symbol", "type"))
    if not (market and symbol and kind):
        raise ValueError("a row names market, symbol and type")
    return _listing(
        origin,
        line,
        instrument_id=f"{market}:{kind}:{symbol}",
        venue=market,
        ticker=row.get("market_ticker") or symbol,
        kind=kind,
        name=row.get("description", ""),
        currency=row.get("quote_currency", ""),
        calendar=CALENDARS.get(kind, ""),
        tick_size=_number(row, "minimum_price_variation"),
        lot_size=_number(row, "lot_size"),
        multiplier=_number(row, "contract_multiplier"),
    )


def _own(row: Mapping[str, str], line: int, origin: _Origin) -> Listing:
    given: dict[str, Any] = {name: row[name] for name in OWN if row.get(name)}
    given |= {name: _number(row, name) for name in NUMBERS if row.get(name)}
    begin, known = row.get("valid_from", ""), row.get("known_at", "")
    own = origin._replace(
        valid_from=instant_of(begin) if begin else origin.valid_from,
        known_at=instant_of(known) if known else origin.known_at,
    )
    until = row.get("valid_to", "")
    venue, ticker = row.get("venue", ""), row.get("ticker", "")
    return _listing(
        own,
        line,
        instrument_id=row.get("instrument_id") or row.get("figi") or f"{venue}:{ticker}",
        venue=venue,
        ticker=ticker,
        kind=row.get("kind") or "equity",
        valid_to=instant_of(until) if until else None,
        **given,
    )


def _number(row: Mapping[str, str], name: str) -> Decimal:
    text = row.get(name, "")
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite() or value <= 0:
        raise ValueError(f"{name} is a number above 0; {text!r} was given")
    return value


def _listing(origin: _Origin, line: int, **given: Any) -> Listing:
    name = record_id(origin.known_at, origin.valid_from, *(f"{key}={given[key]}" for key in sorted(given)))
    return Listing(
        event_at=origin.valid_from,
        known_at=origin.known_at,
        received_at=origin.known_at,
        source=origin.source,
        sequence=line,
        record_id=name,
        valid_from=origin.valid_from,
        **given,
    )


def told(instant: int) -> str:
    """Return an instant as a date, or as a time where it is none."""
    read = datetime.fromtimestamp(instant / 1e9, UTC)
    return read.date().isoformat() if instant % 86_400_000_000_000 == 0 else read.isoformat()
