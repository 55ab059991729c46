"""Sessions of exchanges and of the FX week, worked out from exchange_calendars; loading that takes half a second."""

import difflib
from datetime import time
from typing import NamedTuple

import exchange_calendars
import numpy as np
import pandas as pd
from exchange_calendars.errors import InvalidCalendarName

from domain.market import Session
from domain.sessions import SessionTable
from domain.venue_hours import VENUE_HOURS, VenueHours

FX = "FX"
FX_ROLL = pd.Timedelta(hours=17)
NEW_YORK = "America/New_York"
MARGIN = pd.Timedelta(days=10)
NOTHING = pd.Timedelta(0)


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
