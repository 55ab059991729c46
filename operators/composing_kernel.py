"""The compiled heart of composed bars: bars of any interval, aligned to sessions, out of shorter ones.

A bar of L seconds begins with its session and every L seconds after; the last one of a session ends with it. What it is
made of are bars that the clock's seconds or minutes close, in order, so that lateness, cancels and revisions are dealt
with once, in them.
"""

import numpy as np
from numba import njit

from domain.bar_kinds import BUILT_BAR, Mark
from domain.market import END, Session
from operators.bar_rules import LAST_ONLY, NO_RANGE, add, clear, put, stands

COMPOSED = np.dtype(
    [
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("only", np.float64),
        ("volume", np.float64),
        ("notional", np.float64),
        ("carried", np.float64),
        ("trade_count", np.int64),
        ("held", np.int8),
        ("seen", np.int8),
    ],
    align=True,
)
"""The open bar of an instrument; `carried` is the close of the last one, NaN before the first, and `seen` says that
there was one."""

PLACE = np.dtype(
    [("open_at", np.int64), ("close_at", np.int64), ("segment", np.int64), ("known", np.int8)], align=True
)
"""The open interval, and the session segment that it lies in; `known` is 0 while there is none."""

_FIRST, _EMPTY = int(Mark.FIRST), int(Mark.EMPTY)
_LAST_ONLY, _NO_RANGE = int(Mark.LAST_ONLY), int(Mark.NO_RANGE)
_REGULAR = int(Session.REGULAR)

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _locate(place, at, length, edges):  # type: ignore[no-untyped-def]
    """Set `place` to the interval of `length` ns in which an instant lies."""
    segment = np.searchsorted(edges, at, side="right")
    begun = edges[segment - 1] if segment > 0 else 0
    place.segment, place.known = segment, 1
    place.open_at = begun + (at - begun) // length * length
    place.close_at = edges[segment]
    if place.close_at - place.open_at > length:
        place.close_at = place.open_at + length


@_compiled
def _add(one, bar):  # type: ignore[no-untyped-def]
    """Add a shorter bar, with the marks that its kernel left on it, to an open one."""
    if one.held == 0:
        clear(one)
        one.held = 1
    add(one, bar)


@_compiled
def _put(bar, one, instrument, spec, place, known_at, session, marks):  # type: ignore[no-untyped-def]
    """Write an open bar as a closed one, or the carried close where nothing is held."""
    bar.open_at, bar.close_at, bar.known_at, bar.number = (
        place.open_at,
        place.close_at,
        known_at,
        place.close_at,
    )
    bar.instrument, bar.spec, bar.version = instrument, spec, 0
    bar.session, bar.marks = session, marks
    if one.held == 0:
        bar.open = bar.high = bar.low = bar.close = one.carried
        bar.volume, bar.vwap, bar.trade_count = 0.0, np.nan, 0
        bar.marks = marks if np.isnan(one.carried) else marks | _EMPTY
        return
    found = put(bar, one)
    if found & LAST_ONLY:
        bar.marks |= _LAST_ONLY
    if found & NO_RANGE:
        bar.marks |= _NO_RANGE


@_compiled
def _close(state, spec, place, edges, labels, lateness, carry, out, made):  # type: ignore[no-untyped-def]
    """Close the open interval of every instrument; return the rows in `out`."""
    session = labels[place.segment]
    known_at = place.close_at + lateness if place.close_at < END - lateness else END
    with_session = place.segment > 0 and place.open_at == edges[place.segment - 1]
    for which in range(len(state)):
        one = state[which]
        if one.held == 0 and not (carry and session == _REGULAR and not np.isnan(one.carried)):
            continue
        marks = 0
        if one.held and one.seen == 0:
            one.seen = 1
            marks = 0 if with_session else _FIRST
        _put(out[made], one, which, spec, place, known_at, session, marks)
        if not np.isnan(out[made].close):
            one.carried = out[made].close
        one.held = 0
        made += 1
    return made


@_compiled
def _held(state):  # type: ignore[no-untyped-def]
    for which in range(len(state)):
        if state[which].held:
            return True
    return False


@_compiled
def close_until(until, state, spec, place, length, edges, labels, lateness, carry, out):  # type: ignore[no-untyped-def]
    """Close the intervals that end, lateness added, at or before an instant; return rows in `out`, and whether all are.

    It stops where `out` may be too short, to be called again. With `carry` the intervals follow on one another, and
    those of the regular session are closed for every instrument that has a close to carry.
    """
    made = 0
    row = place[0]
    while row.known and row.close_at < END - lateness and row.close_at + lateness <= until:
        if made + len(state) > len(out):
            return made, False
        made = _close(state, spec, row, edges, labels, lateness, carry, out, made)
        if not carry:
            row.known = 0
            break
        following = row.close_at
        segment = np.searchsorted(edges, following, side="right")
        if (
            labels[segment] != _REGULAR
            and edges[segment] < END - lateness
            and edges[segment] + lateness <= until
        ):
            following = edges[segment]
        _locate(row, following, length, edges)
    return made, True


@_compiled
def close_held(state, spec, place, edges, labels, lateness, out):  # type: ignore[no-untyped-def]
    """Close what is still open when the input has ended; return the rows in `out`."""
    if place[0].known == 0 or not _held(state):
        return 0
    made = _close(state, spec, place[0], edges, labels, lateness, False, out, 0)
    place[0].known = 0
    return made


@_compiled
def compose(bars, start, again, state, spec, place, length, edges, labels, lateness, carry, out):  # type: ignore[no-untyped-def]
    """Add shorter bars from `start` on, closing intervals on their way; return the bar it came to, and rows in `out`.

    It stops at a bar that was made again (`again` is that mark), and where `out` may be too short.
    """
    made = 0
    for at in range(start, len(bars)):
        bar = bars[at]
        if bar.ended & again:
            return at, made
        if place[0].known and bar.open_at >= place[0].close_at:
            closed, done = close_until(
                bar.open_at + lateness, state, spec, place, length, edges, labels, lateness, carry, out[made:]
            )
            made += closed
            if not done:
                return at, made
        if made + len(state) > len(out):
            return at, made
        if place[0].known == 0:
            _locate(place[0], bar.open_at, length, edges)
        _add(state[bar.instrument], bar)
    return len(bars), made


@_compiled
def total_of(bars, at, length, edges):  # type: ignore[no-untyped-def]
    """Return the interval in which an instant lies, and what shorter bars come to; those without a trade are nothing.

    Both are arrays of one.
    """
    places, totals = np.zeros(1, PLACE), np.zeros(1, COMPOSED)
    _locate(places[0], at, length, edges)
    for row in range(len(bars)):
        bar = bars[row]
        inside = places[0].open_at <= bar.open_at < places[0].close_at
        if inside and stands(bar):
            _add(totals[0], bar)
    return places, totals


@_compiled
def written(totals, carried, instrument, spec, places, known_at, session):  # type: ignore[no-untyped-def]
    """Return what was added up as a closed bar, an array of one; `carried` is its close where nothing was."""
    made = np.zeros(1, BUILT_BAR)
    totals[0].carried = carried
    _put(made[0], totals[0], instrument, spec, places[0], known_at, session, 0)
    return made
