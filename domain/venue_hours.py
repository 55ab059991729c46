"""What venues do around their regular sessions: extended hours and auction calls, by calendar.

Opens, closes, early closes, lunch breaks and holidays come from exchange_calendars; it does not know what lies before
an open and after a close. Sources: the venues' published trading hours (2026). A calendar without a line here has a
regular session and nothing else.
"""

from datetime import time, timedelta
from typing import NamedTuple


class VenueHours(NamedTuple):
    """Local time at which extended hours begin and end, and how long the calls before the open and after the close are.

    None: there are none. A call lies directly before the open, or directly after the close; extended hours end where
    a call begins and begin where one ends.
    """

    pre_open: time | None = None
    post_close: time | None = None
    opening_call: timedelta | None = None
    closing_call: timedelta | None = None


_AMERICAN = VenueHours(time(4), time(20))
_EURONEXT = VenueHours(None, None, timedelta(minutes=105), timedelta(minutes=5))

VENUE_HOURS: dict[str, VenueHours] = {
    "XNYS": _AMERICAN,
    "XNAS": _AMERICAN,
    "ARCX": _AMERICAN,
    "BATS": _AMERICAN,
    "XLON": VenueHours(None, None, timedelta(minutes=10), timedelta(minutes=5)),
    "XETR": VenueHours(None, None, timedelta(minutes=10), timedelta(minutes=5)),
    "XPAR": _EURONEXT,
    "XAMS": _EURONEXT,
    "XBRU": _EURONEXT,
    "XLIS": _EURONEXT,
    "XMIL": VenueHours(None, None, timedelta(minutes=90), timedelta(minutes=5)),
    "XSWX": VenueHours(None, None, timedelta(minutes=180), timedelta(minutes=10)),
    "XSTO": VenueHours(None, None, timedelta(minutes=60), timedelta(minutes=5)),
    "XTKS": VenueHours(None, None, timedelta(minutes=60), None),
    "XHKG": VenueHours(None, None, timedelta(minutes=30), timedelta(minutes=10)),
    "XSHG": VenueHours(None, None, timedelta(minutes=15), None),
    "XASX": VenueHours(None, None, timedelta(minutes=180), timedelta(minutes=10)),
    "XTSE": VenueHours(time(7), time(17), None, None),
}
"""XNYS and its kin: pre-market from 04:00, post-market to 20:00. XTKS, XSHG close by an auction within the session."""
