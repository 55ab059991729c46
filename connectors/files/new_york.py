"""Days and wall clocks of New York in UTC, vectorised; daylight saving comes from the time zone database."""

import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from domain.market import SECOND

ZONE = ZoneInfo("America/New_York")
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def day_number(date: str) -> int:
    """Return the days from 1970-01-01 to an ISO date."""
    return int(np.datetime64(date, "D").astype(np.int64))


@lru_cache(maxsize=1024)
def _offsets(date: str) -> tuple[int, ...]:
    """Return how far UTC is ahead of the wall clock, in ns, for each wall-clock hour of a day.

    The zone changes at full hours. An hour that the clock shows twice is read as its first showing, an hour that
    it skips as if it had not been skipped (PEP 495, fold 0).
    """
    day = datetime.date.fromisoformat(date)
    hours = (datetime.datetime.combine(day, datetime.time(hour), ZONE) for hour in range(24))
    return tuple(-round(hour.utcoffset().total_seconds()) * SECOND for hour in hours)  # type: ignore[union-attr]


def utc_of_wall_clock(date: str, since_midnight: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return instants (ns UTC) of wall-clock times of a day, given in ns since midnight, 0 to under 24 hours."""
    offsets = _offsets(date)
    midnight = day_number(date) * DAY
    if len(set(offsets)) == 1:
        return since_midnight + (midnight + offsets[0])
    return since_midnight + midnight + np.array(offsets, np.int64)[since_midnight // HOUR]


def day_bounds(date: str) -> tuple[int, int]:
    """Return the first instant of a New York day and that of the next day (ns UTC)."""
    start = day_number(date)
    following = str(np.datetime64(start + 1, "D"))
    return start * DAY + _offsets(date)[0], (start + 1) * DAY + _offsets(following)[0]


def days_of(instants: NDArray[np.int64]) -> tuple[str, ...]:
    """Return the New York days in which instants (ns UTC) lie, sorted, each once."""
    if not len(instants):
        return ()
    first, last = int(instants.min()) // DAY - 1, int(instants.max()) // DAY + 1
    dates = [str(np.datetime64(number, "D")) for number in range(first, last + 1)]
    edges = np.array([day_bounds(date)[0] for date in dates])
    found = np.bincount(np.searchsorted(edges, instants, side="right") - 1, minlength=len(dates))
    return tuple(date for date, count in zip(dates, found, strict=True) if count)
