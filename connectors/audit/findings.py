"""What is wrong with a row that does not follow: it was edited, swapped or inserted, or one before it is missing."""

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from connectors.audit.rows import GENESIS, Row, row_hash, row_of

_NUMBER = re.compile(rb'"writer_seq":(\d+)\}$')
_EVENT = re.compile(rb'"event_id":"([^"]*)"')
_TIME = re.compile(rb'"event_time":(\d+)')


class Wrong(StrEnum):
    """How a log can be wrong (standards.md 4.2, AU-01 to AU-13)."""

    EDITED = "edited"
    MISSING = "missing"
    SWAPPED = "swapped"
    TRUNCATED = "truncated"
    INSERTED = "inserted"
    REHASHED = "rehashed"
    GAP = "gap"
    FORGED_HEAD = "forged head"
    UNANCHORED = "unanchored"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong: in whose log, with which row, and what; `event_time` in ns UTC where it is known."""

    writer: str
    row: int
    wrong: Wrong
    event_id: str
    event_time: int | None
    words: str


class Place(NamedTuple):
    """Where a check stands: the number of the row to come, and the hashes of the last row and of the one before it."""

    number: int
    last: bytes
    before_last: bytes


def number_of(entry: bytes) -> int | None:
    """Return the number that an entry says it has."""
    found = _NUMBER.search(entry)
    return int(found[1]) if found else None


def event_of(entry: bytes) -> str:
    """Return the event's name in an entry, however damaged the rest of it is."""
    found = _EVENT.search(entry)
    return found[1].decode(errors="replace") if found else ""


def time_of(entry: bytes) -> int | None:
    """Return when an entry's event happened (ns UTC)."""
    found = _TIME.search(entry)
    return int(found[1]) if found else None


def finding(writer: str, row: int, wrong: Wrong, line: bytes, words: str) -> Finding:
    """Return what was found about the row of a line."""
    return Finding(
        writer=writer, row=row, wrong=wrong, event_id=event_of(line), event_time=time_of(line), words=words
    )


def diagnosed(
    writer: str,
    place: Place,
    before: bytes,
    line: bytes,
    following: bytes,
    later: Callable[[], Iterable[bytes]],
) -> Finding:
    """Return what is wrong at a place where `line` stands and does not follow.

    `before` and `following` are the lines around it, empty where there is none; `later` yields the lines after it.
    """
    number, row = place.number, row_of(line)
    if row is None:
        return finding(writer, number, Wrong.EDITED, line, f"row {number} cannot be read as a row any more")
    said = number_of(row.entry)
    if row_hash(row.previous, row.entry) != row.hash:
        after = row_of(following)
        if after is not None and after.previous == place.last and row.previous != place.last:
            return _inserted(writer, number, line)
        return finding(
            writer, number, Wrong.EDITED, line, f"row {number} does not give the hash that it carries"
        )
    if row.previous == place.last:
        return finding(
            writer,
            number,
            Wrong.GAP,
            line,
            f"row {number} says that it is number {said}: the numbers of this writer have a gap, though the hashes "
            f"follow",
        )
    return _out_of_place(writer, place, before, line, row, said, later)


def _out_of_place(
    writer: str,
    place: Place,
    before: bytes,
    line: bytes,
    row: Row,
    said: int | None,
    later: Callable[[], Iterable[bytes]],
) -> Finding:
    """Return what is wrong with a row that is whole by itself and does not follow from the one before it."""
    number = place.number
    if number > 1 and row.previous == place.before_last and row.hash != place.last:
        return _inserted(writer, number - 1, before)
    rows = [each for each in map(row_of, later()) if each is not None]
    true_one = next((each for each in rows if each.previous == place.last), None)
    known = {each.hash for each in rows} | {each.previous for each in rows}
    genuine = row.hash in known or row.previous in known
    if said is not None and said > number and (true_one is None or genuine):
        if true_one is not None:
            return finding(
                writer,
                number,
                Wrong.SWAPPED,
                true_one.entry,
                f"row {said} stands in the place of row {number}, which comes later",
            )
        gone = f"row {number} is" if said == number + 1 else f"rows {number} to {said - 1} are"
        return Finding(
            writer=writer,
            row=number,
            wrong=Wrong.MISSING,
            event_id="",
            event_time=time_of(line),
            words=f"{gone} missing; the next one that is there is event {event_of(line)}",
        )
    if said == number and true_one is None and number > 1:
        return finding(
            writer,
            number - 1,
            Wrong.EDITED,
            before,
            f"row {number - 1} was changed and its hash made again: row {number} carries another one",
        )
    if said == number and place.last == GENESIS and true_one is None:
        return finding(
            writer,
            number,
            Wrong.EDITED,
            line,
            "the first row does not begin a chain: it carries a hash of a row before it",
        )
    return _inserted(writer, number, line)


def _inserted(writer: str, number: int, line: bytes) -> Finding:
    return finding(
        writer,
        number,
        Wrong.INSERTED,
        line,
        f"the row in place {number} is none that the log was written with",
    )
