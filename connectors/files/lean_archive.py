"""One zipped day of one symbol in Lean's layout: what it holds in columns, or why it cannot be read."""

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.files.lean_conditions import eligibility
from connectors.files.lean_rows import QUOTE_FIELDS, REASONS, TRADE_FIELDS, ParsedRows, parse_rows, raw_line
from connectors.files.new_york import day_bounds, day_number, utc_of_wall_clock
from connectors.source import SEQUENCES_PER_DAY, SourceError
from domain.market import Condition, Kind, Malformed, Quality

PRICE_SCALE = 10_000.0 * 1_000_000.0
SIZE_SCALE = 1_000_000.0
JUDGED_ROWS = 100


class LeanFile(NamedTuple):
    """Where the trades or quotes of one instrument and day are."""

    instrument: str
    day: str
    kind: Kind
    path: Path


class DecodedFile(NamedTuple):
    """The good rows of a file in the order of the file, and those that are none.

    `known_at` never falls: a row that the file has behind a later one was known when the later one was.
    `first` and `first_size` are price and size of a trade or bid and bid size of a quote, `second` and
    `second_size` those of the ask (None for trades). `conditions` are translated for trades, 0 for quotes.
    """

    kind: Kind
    event_at: NDArray[np.int64]
    known_at: NDArray[np.int64]
    sequence: NDArray[np.int64]
    first: NDArray[np.float64]
    first_size: NDArray[np.float64]
    second: NDArray[np.float64] | None
    second_size: NDArray[np.float64] | None
    venue: NDArray[np.uint8]
    conditions: NDArray[np.uint32]
    flags: NDArray[np.uint32]
    malformed: tuple[Malformed, ...]


def check_archive(path: Path) -> None:
    """Raise SourceError where a file is no zip archive with one member that is not empty; reads its directory only."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, OSError) as failure:
        raise SourceError(
            f"{path} is no whole zip archive ({failure}); it may be truncated: fetch it again or take it away"
        ) from failure
    if len(members) != 1:
        raise SourceError(f"{path} holds {len(members)} files; a tick archive of Lean holds 1")
    if members[0].file_size == 0:
        raise SourceError(f"{path} holds an empty file; fetch it again or take it away")


def content_of(path: Path) -> bytes:
    """Return what the one member of an archive holds; raises SourceError where it cannot be unpacked."""
    check_archive(path)
    try:
        with zipfile.ZipFile(path) as archive:
            member = next(member for member in archive.infolist() if not member.is_dir())
            return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as failure:
        raise SourceError(
            f"{path} cannot be unpacked ({failure}); fetch it again or take it away"
        ) from failure


def decode_file(file: LeanFile) -> DecodedFile:
    """Return the rows of a file; raises SourceError where it is damaged or is no such file.

    Times are wall-clock milliseconds of New York, prices in 1/10000, sizes in units. A quote's side with price 0 is
    absent: NaN with size 0. `sequence` is made from the line, so that a row keeps its number whatever is read with it.
    """
    content = content_of(file.path)
    rows = parse_rows(content, TRADE_FIELDS if file.kind is Kind.TRADE else QUOTE_FIELDS)
    _judge(file, rows)
    bad = np.flatnonzero(rows.status)
    lines = np.flatnonzero(rows.status == 0) if len(bad) else slice(None)
    values = rows.values[:, lines]
    numbers = np.arange(1, len(rows.status) + 1, dtype=np.int64)[lines]
    event_at = utc_of_wall_clock(file.day, values[0])
    known_at = np.maximum.accumulate(event_at) if len(event_at) else event_at
    malformed = _malformed(file, content, rows, bad, numbers, known_at)
    sequence = numbers + day_number(file.day) * SEQUENCES_PER_DAY
    if file.kind is Kind.TRADE:
        return _trades(values, event_at, known_at, sequence, malformed)
    return _quotes(values, event_at, known_at, sequence, malformed)


def _judge(file: LeanFile, rows: ParsedRows) -> None:
    """Refuse a file that is not what its name says."""
    first = rows.status[:JUDGED_ROWS]
    faults = int(np.count_nonzero(first))
    if not len(first):
        raise SourceError(f"{file.path} holds no row; fetch it again or take it away")
    if 2 * faults > len(first):
        reason = REASONS[int(np.bincount(first[first > 0]).argmax())]
        columns = len(rows.values)
        raise SourceError(
            f"{file.path} is not a Lean {file.kind.name.lower()} file: {faults} of its first {len(first)} rows"
            f" cannot be read (mostly {reason}); rows have {columns} columns, times and prices as numbers"
        )


def _malformed(
    file: LeanFile,
    content: bytes,
    rows: ParsedRows,
    bad: NDArray[np.intp],
    numbers: NDArray[np.int64],
    known_at: NDArray[np.int64],
) -> tuple[Malformed, ...]:
    """Return the rows that are none; each was known when the good row before it was, or at the start of the day."""
    before = np.searchsorted(numbers, bad + 1) - 1
    opening = day_bounds(file.day)[0]
    return tuple(
        Malformed(
            "lean",
            f"{file.path.name}:{line + 1}",
            REASONS[rows.status[line]],
            raw_line(content, int(rows.starts[line])),
            int(known_at[at]) if at >= 0 else opening,
        )
        for line, at in zip(bad.tolist(), before.tolist(), strict=True)
    )


def _trades(
    values: NDArray[np.int64],
    event_at: NDArray[np.int64],
    known_at: NDArray[np.int64],
    sequence: NDArray[np.int64],
    malformed: tuple[Malformed, ...],
) -> DecodedFile:
    suspicious = (values[5] != 0).astype(np.uint8)
    return DecodedFile(
        Kind.TRADE,
        event_at,
        known_at,
        sequence,
        values[1] / PRICE_SCALE,
        values[2] / SIZE_SCALE,
        None,
        None,
        values[3].astype(np.uint8),
        eligibility(values[4].astype(np.uint32), suspicious),
        suspicious * np.uint32(Quality.SUSPICIOUS),
        malformed,
    )


def _quotes(
    values: NDArray[np.int64],
    event_at: NDArray[np.int64],
    known_at: NDArray[np.int64],
    sequence: NDArray[np.int64],
    malformed: tuple[Malformed, ...],
) -> DecodedFile:
    bid, ask = values[1] == 0, values[3] == 0
    return DecodedFile(
        Kind.QUOTE,
        event_at,
        known_at,
        sequence,
        np.where(bid, np.nan, values[1] / PRICE_SCALE),
        np.where(bid, 0.0, values[2] / SIZE_SCALE),
        np.where(ask, np.nan, values[3] / PRICE_SCALE),
        np.where(ask, 0.0, values[4] / SIZE_SCALE),
        values[5].astype(np.uint8),
        np.full(len(event_at), np.uint32(Condition(0))),
        (values[7] != 0) * np.uint32(Quality.SUSPICIOUS),
        malformed,
    )
