"""Trading sessions: which instants are pre-market, regular, post-market or closed, and of which trading day."""

from typing import NamedTuple

import exchange_calendars
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.market import Session

PRE_OPEN = pd.Timedelta(hours=4)
POST_CLOSE = pd.Timedelta(hours=20)


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

    def session(self, instants: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the `Session` of each instant (ns UTC)."""
        return self.labels[self.segment(instants)]

    def regular(self, instant: int) -> tuple[int, int]:
        """Return open and close (ns UTC) of the regular session that the instant lies in, or of the next one.

        Raises ValueError where the table ends before such a session.
        """
        segment = int(np.searchsorted(self.edges, instant, side="right"))
        later = np.flatnonzero(self.labels[segment:] == Session.REGULAR)
        if not len(later) or segment + later[0] >= len(self.edges):
            raise ValueError("the session table ends before the next regular session")
        at = segment + int(later[0])
        return int(self.edges[at - 1]), int(self.edges[at])


def session_table(calendar: str, first: str, last: str) -> SessionTable:
    """Return the sessions of an exchange calendar from `first` to `last` (ISO dates, inclusive).

    Pre-market opens at 04:00 and post-market ends at 20:00 local time; early closes come from the calendar. Source:
    exchange_calendars. Raises ValueError where the calendar has no session in the range.
    """
    exchange = exchange_calendars.get_calendar(
        calendar,
        start=pd.Timestamp(first) - pd.Timedelta(days=10),
        end=pd.Timestamp(last) + pd.Timedelta(days=10),
    )
    edges: list[int] = []
    labels = [Session.CLOSED]
    days: list[int] = []
    for day in exchange.sessions:
        midnight = day.tz_localize(exchange.tz)
        cuts = (
            (day.tz_localize(None) + PRE_OPEN).tz_localize(exchange.tz),
            exchange.session_open(day),
            exchange.session_close(day),
            (day.tz_localize(None) + POST_CLOSE).tz_localize(exchange.tz),
        )
        edges += [cut.value for cut in cuts]
        labels += [Session.PRE, Session.REGULAR, Session.POST, Session.CLOSED]
        number = int(np.datetime64(midnight.date(), "D").astype(np.int64))
        days += [number] * 4
    if not edges:
        raise ValueError(f"{calendar} has no session between {first} and {last}")
    return SessionTable(
        np.array(edges), np.array(labels, np.int32), np.array([*days, days[-1] + 1], np.int32)
    )


def trading_days(calendar: str, first: str, last: str) -> list[str]:
    """Return the days with a session of an exchange calendar, as ISO dates, from `first` to `last` (inclusive)."""
    exchange = exchange_calendars.get_calendar(calendar, start=first, end=last)
    return [day.date().isoformat() for day in exchange.sessions]
