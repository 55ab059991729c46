"""The compiled heart of the bars: one pass over ticks, one open bar per instrument and interval.

Row 0 and 1 of `open_bars` and `touched` hold the two seconds that may be open at a time (even and odd), row k
+ 1 the k-th longer interval. `touched` has one bit per instrument, so that closing visits the instruments
that traded and no others, in index order.
"""

import numpy as np
from numba import njit

from domain.market import END, SECOND, Kind
from operators.bar_rules import EFFECT, as_counted, clear, join, put, take

CLOCK = np.dtype([("second", np.int64), ("started", np.int64), ("segment", np.int64)], align=True)

_TRADE = int(Kind.TRADE)
_CANCEL = int(Kind.CANCEL)

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _emit(bar, fresh, instrument, interval, open_at, close_at, lateness, session, ended):  # type: ignore[no-untyped-def]
    """Write a closed bar, with its marks."""
    bar.open_at, bar.close_at = open_at, close_at
    bar.known_at = close_at + lateness if close_at < END - lateness else END
    bar.instrument, bar.interval, bar.version = instrument, interval // SECOND, 0
    bar.session, bar.ended = session, ended | put(bar, fresh[instrument])


@_compiled
def _close(  # type: ignore[no-untyped-def]
    open_bars, touched, slot, interval, open_at, close_at, lateness, session, ended, out, made
):
    """Close every touched bar of one slot, in instrument order; return how many rows `out` holds."""
    fresh = open_bars[slot]
    for word in range(touched.shape[1]):
        bits = touched[slot, word]
        if bits == 0:
            continue
        touched[slot, word] = np.uint64(0)
        for offset in range(64):
            if bits >> np.uint64(offset) & np.uint64(1):
                _emit(
                    out[made],
                    fresh,
                    word * 64 + offset,
                    interval,
                    open_at,
                    close_at,
                    lateness,
                    session,
                    ended,
                )
                made += 1
    return made


@_compiled
def _carry(open_bars, touched, slot, longer):  # type: ignore[no-untyped-def]
    """Merge the closing second into the next longer interval of each instrument that traded in it."""
    fresh, target = open_bars[slot], open_bars[longer]
    for word in range(touched.shape[1]):
        bits = touched[slot, word]
        if bits == 0:
            continue
        before = touched[longer, word]
        touched[longer, word] = before | bits
        for offset in range(64):
            if bits >> np.uint64(offset) & np.uint64(1):
                which = word * 64 + offset
                if before >> np.uint64(offset) & np.uint64(1):
                    join(target[which], fresh[which])
                else:
                    target[which] = fresh[which]


@_compiled
def _any(touched, slot):  # type: ignore[no-untyped-def]
    """Say whether a slot holds any bar."""
    for word in range(touched.shape[1]):
        if touched[slot, word] != 0:
            return True
    return False


@_compiled
def _advance(target, final, open_bars, touched, clock, intervals, edges, labels, lateness, out, made):  # type: ignore[no-untyped-def]
    """Close all that ends at or before second `target`; return how many rows `out` holds."""
    second, segment = clock["second"][0], clock["segment"][0]
    ended = 1 if final else 0
    while second < target:
        slot = second & 1
        session = labels[segment]
        for longer in range(1, len(intervals)):
            _carry(open_bars, touched, slot, longer + 1)
        begin = second * SECOND
        made = _close(
            open_bars, touched, slot, SECOND, begin, begin + SECOND, lateness, session, ended, out, made
        )
        following = second + 1
        if not _any(touched, following & 1):
            following = target
        for longer in range(1, len(intervals)):
            interval = intervals[longer]
            if interval == 86_400 * SECOND:
                open_at = edges[segment - 1] if segment > 0 else 0
                close_at = edges[segment]
            else:
                open_at = begin // interval * interval
                close_at = open_at + interval
            if following * SECOND >= close_at or (final and following == target):
                made = _close(
                    open_bars,
                    touched,
                    longer + 1,
                    interval,
                    open_at,
                    close_at,
                    lateness,
                    session,
                    ended,
                    out,
                    made,
                )
        second = following
        while second * SECOND >= edges[segment]:
            segment += 1
    clock["second"][0], clock["segment"][0] = second, segment
    return made


@_compiled
def _start(known_at, lateness, clock, edges):  # type: ignore[no-untyped-def]
    """Set the clock to the earliest second that is still open when the first row becomes known."""
    second = (known_at - lateness) // SECOND
    clock["second"][0] = second
    clock["segment"][0] = np.searchsorted(edges, second * SECOND, side="right")
    clock["started"][0] = 1


@_compiled
def advance(watermark, open_bars, touched, clock, intervals, edges, labels, lateness, out):  # type: ignore[no-untyped-def]
    """Close what the watermark (ns UTC) has passed; the greatest int64 closes everything. Returns rows in `out`."""
    if clock["started"][0] == 0:
        return 0
    final = watermark == np.iinfo(np.int64).max
    target = clock["second"][0] + 2 if final else (watermark - lateness) // SECOND
    return _advance(target, final, open_bars, touched, clock, intervals, edges, labels, lateness, out, 0)


@_compiled
def accumulate(  # type: ignore[no-untyped-def]
    event_at,
    known_at,
    instrument,
    price,
    size,
    kind,
    conditions,
    flags,
    start,
    open_bars,
    touched,
    clock,
    intervals,
    edges,
    labels,
    lateness,
    out,
):
    """Take rows from `start` on into the open bars, closing what their known_at passes.

    `kind`, `conditions` and `flags` may be None: then every row is a trade that may move everything. Stops at
    a cancel or at a trade of a closed second. Returns the row it stopped at (the number of rows where it did
    not) and how many bars `out` holds. A row happens no later than it is known.
    """
    count, made = len(event_at), 0
    if start < count and clock["started"][0] == 0:
        _start(known_at[start], lateness, clock, edges)
    begin = clock["second"][0] * SECOND
    middle, due = begin + SECOND, begin + SECOND + lateness
    one = np.uint64(1)
    for row in range(start, count):
        if known_at[row] >= due:
            target = (known_at[row] - lateness) // SECOND
            made = _advance(
                target, False, open_bars, touched, clock, intervals, edges, labels, lateness, out, made
            )
            begin = clock["second"][0] * SECOND
            middle, due = begin + SECOND, begin + SECOND + lateness
        if kind is not None and kind[row] != _TRADE:
            if kind[row] == _CANCEL:
                return row, made
            continue
        if conditions is not None and conditions[row] & EFFECT == 0:
            continue
        instant = event_at[row]
        if instant < begin:
            return row, made
        slot = (
            np.int64(clock["second"][0] & 1) if instant < middle else np.int64((clock["second"][0] + 1) & 1)
        )
        which = np.int64(instrument[row])
        word, bit = which >> 6, one << np.uint64(which & 63)
        bar = open_bars[slot, which]
        if touched[slot, word] & bit == 0:
            touched[slot, word] |= bit
            clear(bar)
        condition = EFFECT if conditions is None else conditions[row]
        if conditions is not None and flags is not None:
            condition = as_counted(condition, flags[row])
        take(bar, price[row], np.float64(size[row]), condition)
    return count, made
