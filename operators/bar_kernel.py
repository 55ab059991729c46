"""The compiled heart of the bars: one pass over ticks, one open bar per instrument and interval.

Row 0 and 1 of `open_bars` and `touched` hold the two seconds that may be open at a time (even and odd), row k
+ 1 the k-th longer interval. `touched` has one bit per instrument, so that closing visits the instruments
that traded and no others, in index order.
"""

import numpy as np
from numba import njit

from domain.market import END, SECOND, Condition, Kind, Quality

ACCUMULATOR = np.dtype(
    [
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("volume", np.float64),
        ("notional", np.float64),
        ("only", np.float64),
        ("trade_count", np.int64),
    ],
    align=True,
)
CLOCK = np.dtype([("second", np.int64), ("started", np.int64), ("segment", np.int64)], align=True)

LAST_ONLY, NO_RANGE, MADE_AGAIN = 2, 4, 8
"""Marks beside `ended` on a bar as the kernel leaves it: its open and close are of a trade that counts as last
only if it is the only one; no trade could move its high and low; it is a revision. A session's bar is made again from
its minutes by them, and longer bars are composed; they are cleared before a bar goes on."""

_TRADE = int(Kind.TRADE)
_CANCEL = int(Kind.CANCEL)
_VOLUME = int(Condition.COUNTS_VOLUME)
_OPEN_CLOSE = int(Condition.MOVES_OPEN_CLOSE)
_HIGH_LOW = int(Condition.MOVES_HIGH_LOW)
_IF_ONLY = int(Condition.LAST_IF_ONLY)
_EFFECT = _VOLUME | _OPEN_CLOSE | _HIGH_LOW | _IF_ONLY
_OUT_OF_ORDER = int(Quality.REGRESSING)

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _emit(bar, fresh, instrument, interval, open_at, close_at, lateness, session, ended):  # type: ignore[no-untyped-def]
    """Write a closed bar, with its marks."""
    only = fresh["only"][instrument]
    opened, closed = fresh["open"][instrument], fresh["close"][instrument]
    high, low = fresh["high"][instrument], fresh["low"][instrument]
    if np.isnan(opened) and not np.isnan(only):
        opened, closed = only, only
        ended |= LAST_ONLY
    if high < low:
        high, low = opened, opened
        ended |= NO_RANGE
    volume = fresh["volume"][instrument]
    bar.open_at, bar.close_at = open_at, close_at
    bar.known_at = close_at + lateness if close_at < END - lateness else END
    bar.open, bar.high, bar.low, bar.close = opened, high, low, closed
    bar.volume = volume
    bar.vwap = fresh["notional"][instrument] / volume if volume > 0 else np.nan
    bar.trade_count = fresh["trade_count"][instrument]
    bar.instrument, bar.interval, bar.version = instrument, interval // SECOND, 0
    bar.session, bar.ended = session, ended


@_compiled
def _merge(target, instrument, bit, fresh):  # type: ignore[no-untyped-def]
    """Add a closed second to an open longer bar; `bit` says whether that bar already holds something."""
    opened = fresh["open"][instrument]
    if not bit:
        target[instrument] = fresh[instrument]
        return
    if np.isnan(target["open"][instrument]):
        target["open"][instrument] = opened
    if not np.isnan(opened):
        target["close"][instrument] = fresh["close"][instrument]
    if not np.isnan(fresh["only"][instrument]):
        target["only"][instrument] = fresh["only"][instrument]
    target["high"][instrument] = max(target["high"][instrument], fresh["high"][instrument])
    target["low"][instrument] = min(target["low"][instrument], fresh["low"][instrument])
    target["volume"][instrument] += fresh["volume"][instrument]
    target["notional"][instrument] += fresh["notional"][instrument]
    target["trade_count"][instrument] += fresh["trade_count"][instrument]


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
                held = before >> np.uint64(offset) & np.uint64(1)
                _merge(target, word * 64 + offset, held, fresh)


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
    opened, high, low, closed = open_bars["open"], open_bars["high"], open_bars["low"], open_bars["close"]
    volume, notional = open_bars["volume"], open_bars["notional"]
    only, trade_count = open_bars["only"], open_bars["trade_count"]
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
        if conditions is not None and conditions[row] & _EFFECT == 0:
            continue
        instant = event_at[row]
        if instant < begin:
            return row, made
        slot = (
            np.int64(clock["second"][0] & 1) if instant < middle else np.int64((clock["second"][0] + 1) & 1)
        )
        which = np.int64(instrument[row])
        word, bit = which >> 6, one << np.uint64(which & 63)
        at, quantity = price[row], np.float64(size[row])
        if touched[slot, word] & bit == 0:
            touched[slot, word] |= bit
            if conditions is None:
                opened[slot, which] = high[slot, which] = low[slot, which] = closed[slot, which] = at
                volume[slot, which], notional[slot, which] = quantity, at * quantity
                only[slot, which], trade_count[slot, which] = np.nan, 1
                continue
            opened[slot, which] = closed[slot, which] = only[slot, which] = np.nan
            high[slot, which], low[slot, which] = -np.inf, np.inf
            volume[slot, which] = notional[slot, which] = 0.0
            trade_count[slot, which] = 0
        condition = _EFFECT if conditions is None else conditions[row]
        in_order = conditions is None or flags is None or flags[row] & _OUT_OF_ORDER == 0
        if condition & _HIGH_LOW:
            high[slot, which] = max(high[slot, which], at)
            low[slot, which] = min(low[slot, which], at)
        if condition & _OPEN_CLOSE and in_order:
            if conditions is not None and np.isnan(opened[slot, which]):
                opened[slot, which] = at
            closed[slot, which] = at
        elif condition & (_IF_ONLY | _OPEN_CLOSE):
            only[slot, which] = at
        if condition & _VOLUME:
            volume[slot, which] += quantity
            notional[slot, which] += at * quantity
            trade_count[slot, which] += 1
    return count, made
