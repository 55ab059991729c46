"""Trading sessions: in which part of the trading day an instant lies, and of which day."""

import difflib
from bisect import bisect_right
from datetime import time
from typing import NamedTuple

import exchange_calendars
import numpy as np
import pandas as pd
from exchange_calendars.errors import InvalidCalendarName
from numpy.typing import NDArray

from domain.market import Session
from domain.venue_hours import VENUE_HOURS, VenueHours

FX = "FX"
FX_ROLL = pd.Timedelta(hours=17)
NEW_YORK = "America/New_York"
MARGIN = pd.Timedelta(days=10)
NOTHING = pd.Timedelta(0)


class SessionTable(NamedTuple):
    """The trading day cut at its edges.

    Segment i runs from `edges[i - 1]` (inclusive) to `edges[i]` (exclusive), all ns UTC; `labels[i]` is its `Session`
    and `days[i]` the trading day, in days since 1970-01-01, that it belongs to (the next day for a closed segment).
    """

    edges: NDArray[np.int64]
    labels: NDArray[np.int32]
    days: NDArray[np.int32]

    def segment(self, instants: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the segment in which each instant (ns UTC) lies."""
        return np.searchsorted(self.edges, instants, side="right")

    def segment_at(self, instant: int) -> int:
        """Return the segment in which one instant (ns UTC) lies; holds the GIL, which numpy would let go of."""
        return bisect_right(self.edges, instant)

    def session_at(self, instant: int) -> int:
        """Return the `Session` of one instant (ns UTC)."""
        return int(self.labels[self.segment_at(instant)])

    def day_at(self, instant: int) -> int:
        """Return the trading day (days since 1970-01-01) of one instant (ns UTC)."""
        return int(self.days[self.segment_at(instant)])

    def session(self, instants: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the `Session` of each instant (ns UTC)."""
        return self.labels[self.segment(instants)]

    def regular(self, instant: int) -> tuple[int, int]:
        """Return open and close (ns UTC) of the regular session that the instant lies in, or of the next one.

        Where a session has a lunch break, that is its part before or after the break. Raises ValueError where the
        table ends before such a session.
        """
        segment = self.segment_at(instant)
        later = np.flatnonzero(self.labels[segment:] == Session.REGULAR)
        if not len(later) or segment + later[0] >= len(self.edges):
            raise ValueError("the session table ends before the next regular session")
        at = segment + int(later[0])
        return int(self.edges[at - 1]), int(self.edges[at])

    def begins(self, day: int) -> int | None:
        """Return when trading begins on a day (days since 1970-01-01), or on the next trading day, in ns UTC.

        That is the first instant that is not closed; None where the table ends before.
        """
        segments = np.flatnonzero((self.days >= day) & (self.labels != Session.CLOSED))
        return int(self.edges[segments[0] - 1]) if len(segments) and segments[0] > 0 else None


class Phase(NamedTuple):
    """A part of a trading day: from `begin_at` (inclusive) to `end_at` (exclusive), ns UTC."""

    begin_at: int
    end_at: int
    session: Session


def session_table(calendar: str, first: str, last: str) -> SessionTable:
    """Return the sessions of a calendar from `first` to `last` (ISO dates, inclusive), with ten days on either side.

    `calendar` is a name of exchange_calendars, `24/7` (round the clock; a day is that of UTC) or `FX` (the week from
    Sunday 17:00 to Friday 17:00 New York; a day ends at 17:00 and has the date of its end). Early closes, lunch breaks
    and holidays come from exchange_calendars, extended hours and auction calls from `domain.venue_hours`. Raises
    ValueError where the calendar is unknown or has no session in the range.
    """
    begin, end = pd.Timestamp(first) - MARGIN, pd.Timestamp(last) + MARGIN
    if calendar == FX:
        days = _fx_days(begin, end)
    else:
        try:
            exchange = exchange_calendars.get_calendar(calendar, start=begin, end=end)
        except InvalidCalendarName as unknown:
            known = [FX, *exchange_calendars.get_calendar_names(include_aliases=False)]
            near = difflib.get_close_matches(calendar, known, 3, 0.0)
            raise ValueError(
                f"unknown calendar {calendar!r}; the nearest known: {', '.join(near)}"
            ) from unknown
        hours = VENUE_HOURS.get(calendar, VenueHours())
        days = [(_number(day), _phases(exchange, day, hours)) for day in exchange.sessions]
    if not days:
        raise ValueError(f"{calendar} has no session between {first} and {last}")
    return _table(days)


def _phases(
    exchange: exchange_calendars.ExchangeCalendar, day: pd.Timestamp, hours: VenueHours
) -> list[Phase]:
    """Return the parts of a day, in order, without overlap."""
    opens, closes = exchange.session_open(day), exchange.session_close(day)
    call_from = opens - (hours.opening_call or NOTHING)
    call_to = closes + (hours.closing_call or NOTHING)
    parts: list[Phase] = []

    def add(begin: pd.Timestamp, end: pd.Timestamp, session: Session) -> None:
        if begin < end:
            parts.append(Phase(begin.value, end.value, session))

    if hours.pre_open is not None:
        add(_local(exchange, day, hours.pre_open), call_from, Session.PRE)
    add(call_from, opens, Session.OPENING_CALL)
    if exchange.session_has_break(day):
        add(opens, exchange.session_break_start(day), Session.REGULAR)
        add(exchange.session_break_start(day), exchange.session_break_end(day), Session.BREAK)
        add(exchange.session_break_end(day), closes, Session.REGULAR)
    else:
        add(opens, closes, Session.REGULAR)
    add(closes, call_to, Session.CLOSING_CALL)
    if hours.post_close is not None:
        add(call_to, _local(exchange, day, hours.post_close), Session.POST)
    return parts


def _local(exchange: exchange_calendars.ExchangeCalendar, day: pd.Timestamp, clock: time) -> pd.Timestamp:
    return pd.Timestamp.combine(day.date(), clock).tz_localize(exchange.tz)


def _fx_days(begin: pd.Timestamp, end: pd.Timestamp) -> list[tuple[int, list[Phase]]]:
    """Return Monday to Friday, each from 17:00 of the day before to 17:00, New York."""
    found = []
    for day in pd.bdate_range(begin, end):
        close = (day + FX_ROLL).tz_localize(NEW_YORK)
        opened = (day - pd.Timedelta(days=1) + FX_ROLL).tz_localize(NEW_YORK)
        found.append((_number(day), [Phase(opened.value, close.value, Session.REGULAR)]))
    return found


def _number(day: pd.Timestamp) -> int:
    return int(np.datetime64(day.date(), "D").astype(np.int64))


def _table(days: list[tuple[int, list[Phase]]]) -> SessionTable:
    """Return the parts of the days one after the other, closed in between; what is closed belongs to the day after."""
    edges: list[int] = []
    labels: list[Session] = []
    numbers: list[int] = []
    for number, phases in days:
        for phase in phases:
            if not edges or phase.begin_at > edges[-1]:
                edges.append(phase.begin_at)
                labels.append(Session.CLOSED)
                numbers.append(number)
            edges.append(phase.end_at)
            labels.append(phase.session)
            numbers.append(number)
    labels.append(Session.CLOSED)
    numbers.append(days[-1][0] + 1)
    return SessionTable(np.array(edges), np.array(labels, np.int32), np.array(numbers, np.int32))


def trading_days(calendar: str, first: str, last: str) -> list[str]:
    """Return the days with a session of an exchange calendar, as ISO dates, from `first` to `last` (inclusive)."""
    exchange = exchange_calendars.get_calendar(calendar, start=first, end=last)
    return [day.date().isoformat() for day in exchange.sessions]
