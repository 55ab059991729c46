"""Instants as people read and write them: New York wall clock for the eye, ISO dates or times of day for the asking."""

import re
from datetime import UTC, date, datetime, time

from connectors.files.new_york import ZONE
from domain.market import SECOND

ALLOWED = (
    "allowed are ISO with zone (2024-03-07T15:30:00Z) and a New York time of the run's first day (10:30)"
)
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


class NoInstant(ValueError):
    """A text names no instant."""


def local(instant: int) -> datetime:
    """Return an instant (ns UTC) on New York's wall clock, to the second."""
    return datetime.fromtimestamp(instant // SECOND, ZONE)


def day_of(instant: int) -> str:
    """Return the New York date of an instant (ns UTC)."""
    return local(instant).date().isoformat()


def clock(instant: int) -> str:
    """Return the New York time of day of an instant (ns UTC), to the minute."""
    return f"{local(instant):%H:%M}"


def stamp(instant: int) -> str:
    """Return an instant (ns UTC) as New York date and time, to the millisecond where it has any."""
    milliseconds = instant // 1_000_000 % 1000
    return f"{local(instant):%Y-%m-%d %H:%M:%S}" + (f".{milliseconds:03d}" if milliseconds else "")


def parse_instant(text: str, first_day: str) -> int:
    """Return the instant (ns UTC) that a person named; a time of day is one of `first_day` (ISO date, New York).

    Raises NoInstant with what is allowed.
    """
    given = text.strip()
    try:
        if _TIME_OF_DAY.fullmatch(given):
            of_day = time.fromisoformat(given.zfill(5 if given.count(":") == 1 else 8))
            moment = datetime.combine(date.fromisoformat(first_day), of_day, ZONE)
        else:
            moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise NoInstant(f"{text!r} is no instant; {ALLOWED}") from error
    if moment.tzinfo is None:
        raise NoInstant(f"{text!r} has no zone; {ALLOWED}")
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000
