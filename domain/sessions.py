"""Trading sessions: in which part of the trading day an instant lies, and of which day."""

from bisect import bisect_right
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.market import Session


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

    def trading_days(self, first: str, last: str) -> list[str]:
        """Return the days with a session from `first` to `last` (ISO dates, inclusive), as ISO dates."""
        begin, end = (np.datetime64(day, "D").astype(np.int64) for day in (first, last))
        open_on = np.unique(self.days[self.labels != Session.CLOSED])
        chosen = open_on[(open_on >= begin) & (open_on <= end)]
        return [str(day) for day in chosen.astype("datetime64[D]")]
