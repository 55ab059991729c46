"""Depth books: a snapshot and the differences after it, one book an instrument, kept as `depth_levels` has them.

`run` takes a block of events in order and says of each what came of it and which top of book it left.

The rules by which a difference may follow are the venues' own: Binance's update ids (its documentation, on managing a
local order book, spot and USD-M), Kraken's CRC32 over the ten best levels of each side (its websocket documentation, on
the checksum of books), Bybit's cross sequence and update types of old and update ids that count by one, Bitstamp's
microtimestamp, OKX's link of each message to the one before (its API v5, order book channel: its ids may begin again).
"""

from enum import IntEnum

import numpy as np
from numba import njit

from features.depth_levels import ASKS, BIDS, TICKERS, checksum, forget, set_level, shorten


class Event(IntEnum):
    """What an event is. A trade does not concern a book, a quote checks one."""

    TRADE = 0
    QUOTE = 1
    SNAPSHOT = 2
    DIFFERENCE = 3
    LOST = 4
    FORGET = 5


class Rule(IntEnum):
    """How a venue says that nothing is missing."""

    NONE = 0
    SPOT = 1
    FUTURES = 2
    CHECKSUM = 3
    TYPED = 4
    NEWER = 5
    LINKED = 6


class Outcome(IntEnum):
    """What came of an event; from GAP on the book was thrown away.

    A quote has PASSED where no book stands, AGREED with one of its own update id, or stood BESIDE one of another.
    """

    PASSED = 0
    APPLIED = 1
    STARTED = 2
    STALE = 3
    HELD = 4
    NO_BOOK = 5
    AGREED = 6
    BESIDE = 7
    GAP = 8
    CHECKSUM = 9
    DISAGREES = 10
    UNTYPED = 11


HELD_MAX = 4096
"""How many differences an instrument holds while it waits for a snapshot; the oldest go first."""

EVENT = np.dtype(
    [
        ("kind", np.int64),
        ("instrument", np.int64),
        ("first", np.int64),
        ("last", np.int64),
        ("previous", np.int64),
        ("level", np.int64),
        ("ask_level", np.int64),
        ("level_stop", np.int64),
        ("depth", np.int64),
    ]
)
"""One event. `first`, `last` and `previous` are the venue's update ids (-1: none); of a CHECKSUM rule `previous` is the
CRC32 (-1: none). Levels from `level` are bids, from `ask_level` asks, up to `level_stop`; `depth` is how many levels of
a side the venue keeps (0: all)."""


_TRADE, _QUOTE, _SNAPSHOT, _DIFFERENCE, _LOST, _FORGET = (int(kind) for kind in Event)
_NONE, _SPOT, _FUTURES, _CHECKSUM, _TYPED, _NEWER, _LINKED = (int(rule) for rule in Rule)
_PASSED, _APPLIED, _STARTED, _STALE, _HELD, _NO_BOOK = (int(outcome) for outcome in list(Outcome)[:6])
_AGREED, _BESIDE, _GAP, _BAD_CHECKSUM, _DISAGREES, _UNTYPED = (int(outcome) for outcome in list(Outcome)[6:])


@njit(cache=True, nogil=True, error_model="numpy")
def _apply(books, event, levels, rule):  # type: ignore[no-untyped-def]
    """Put the levels of an event into its book; return whether all types of update fitted."""
    which = event.instrument
    fits, typed = True, rule == _TYPED
    for row in range(event.level, event.level_stop):
        side = BIDS if row < event.ask_level else ASKS
        fits &= set_level(books, which, side, levels.price[row], levels.size[row], levels.digits[row], typed)
    if event.depth > 0:
        shorten(books, which, event.depth)
    return fits


@njit(cache=True, nogil=True, error_model="numpy")
def _follows(books, event, rule):  # type: ignore[no-untyped-def]
    """Return APPLIED, STALE or GAP: whether a difference is the next one of its book."""
    last = books.last[event.instrument]
    fresh = books.fresh[event.instrument]
    if rule == _SPOT:
        if event.last <= last:
            return _STALE
        return _APPLIED if event.first <= last + 1 and (fresh or event.first == last + 1) else _GAP
    if rule == _FUTURES:
        if event.last < last or (event.last == last and not fresh):
            return _STALE
        follows = event.first <= last if fresh else event.previous == last
        return _APPLIED if follows else _GAP
    if rule == _LINKED and event.previous == last and event.last != last:
        return _APPLIED
    if rule in (_TYPED, _NEWER, _LINKED) and event.last <= last:
        return _STALE
    if rule == _LINKED or (rule == _TYPED and event.previous >= 0 and event.previous != last):
        return _GAP
    return _APPLIED


@njit(cache=True, nogil=True, error_model="numpy")
def _same_top(books, which, bid, bid_size, ask, ask_size):  # type: ignore[no-untyped-def]
    """Say whether the best levels of a book are those of a quote."""
    bids, asks = books.filled[which, BIDS] - 1, books.filled[which, ASKS] - 1
    if bids < 0 or asks < 0:
        return False
    return (
        books.price[which, BIDS, bids] == bid
        and books.size[which, BIDS, bids] == bid_size
        and books.price[which, ASKS, asks] == ask
        and books.size[which, ASKS, asks] == ask_size
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _quote_agrees(books, which):  # type: ignore[no-untyped-def]
    """Say whether the quote of a book's own update id, where one waits, is its top; older ones are let go."""
    agrees = True
    for row in range(TICKERS):
        number = books.ticker_ids[which, row]
        if number < 0 or number > books.last[which]:
            continue
        if number == books.last[which]:
            top = books.tickers[which, row]
            books.checked[which] += 1
            agrees &= _same_top(books, which, top[0], top[1], top[2], top[3])
        books.ticker_ids[which, row] = -1
    return agrees


@njit(cache=True, nogil=True, error_model="numpy")
def _quote(books, event, top):  # type: ignore[no-untyped-def]
    """Compare a quote with the book of its update id, or have it wait for the difference."""
    which = event.instrument
    beside = _BESIDE if books.whole[which] else _PASSED
    if event.last < 0:
        return beside
    if books.whole[which] and event.last == books.last[which] and not books.fresh[which]:
        books.checked[which] += 1
        return _AGREED if _same_top(books, which, top[0], top[1], top[2], top[3]) else _DISAGREES
    if event.last > books.last[which]:
        row = books.ticker_next[which] % TICKERS
        books.ticker_next[which] += 1
        books.ticker_ids[which, row] = event.last
        books.tickers[which, row] = top
    return beside


@njit(cache=True, nogil=True, error_model="numpy")
def _difference(books, event, levels, rule):  # type: ignore[no-untyped-def]
    """Apply one difference by its venue's rule."""
    which = event.instrument
    followed = _follows(books, event, rule)
    if followed != _APPLIED:
        return followed
    if not _apply(books, event, levels, rule):
        return _UNTYPED
    books.last[which] = event.last
    books.fresh[which] = 0
    if rule == _CHECKSUM and event.previous >= 0 and checksum(books, which) != event.previous:
        return _BAD_CHECKSUM
    return _APPLIED if _quote_agrees(books, which) else _DISAGREES


@njit(cache=True, nogil=True, error_model="numpy")
def _start(books, events, at, levels, rule, outcomes):  # type: ignore[no-untyped-def]
    """Begin a book with the snapshot at a row, and apply the differences that were held for it.

    A snapshot of a book that stands is APPLIED to it: nothing was amiss, so that nothing begins.
    """
    event = events[at]
    which = event.instrument
    came = _APPLIED if books.whole[which] else _STARTED
    forget(books, which)
    _apply(books, event, levels, _NONE)
    books.last[which], books.whole[which], books.fresh[which] = event.last, 1, 1
    if rule == _CHECKSUM and event.previous >= 0 and checksum(books, which) != event.previous:
        return _BAD_CHECKSUM
    for row in range(at):
        if outcomes[row] == _HELD and events[row].instrument == which:
            outcome = _difference(books, events[row], levels, rule)
            outcomes[row] = _STALE
            if outcome >= _GAP:
                return outcome
    return came


@njit(cache=True, nogil=True, error_model="numpy")
def _step(books, events, at, quotes, levels, rule, outcomes):  # type: ignore[no-untyped-def]
    """Return what comes of the event at a row."""
    event = events[at]
    which = event.instrument
    if event.kind == _QUOTE:
        return _quote(books, event, quotes[at])
    if event.kind == _SNAPSHOT:
        if books.whole[which] and rule in (_SPOT, _FUTURES, _NEWER) and event.last <= books.last[which]:
            return _STALE
        return _start(books, events, at, levels, rule, outcomes)
    if event.kind == _DIFFERENCE:
        if books.whole[which]:
            return _difference(books, event, levels, rule)
        return _HELD if rule in (_SPOT, _FUTURES, _NEWER) else _NO_BOOK
    if event.kind == _TRADE:
        return _PASSED
    stood = books.whole[which]
    return _GAP if stood else _NO_BOOK


@njit(cache=True, nogil=True, error_model="numpy")
def run(books, events, quotes, levels, rule, outcomes, tops, start):  # type: ignore[no-untyped-def]
    """Take events from row `start` on, in order; those before it were held by an earlier block.

    Sets `outcomes` of every event, and in `tops` (events, 4) the best bid, its size, best ask, its size after each that
    left a whole book (NaN and 0 for an empty side). `quotes` (events, 4) holds the same four numbers of quotes. A book
    that fails its rule is thrown away. A difference that is held loses its mark when a snapshot has used it.
    """
    for at in range(start, len(events)):
        which = events[at].instrument
        outcome = _step(books, events, at, quotes, levels, rule, outcomes)
        outcomes[at] = outcome
        if outcome >= _GAP:
            forget(books, which)
            books.ticker_ids[which] = -1
        elif outcome in (_APPLIED, _STARTED):
            for side in range(2):
                best = books.filled[which, side] - 1
                tops[at, 2 * side] = books.price[which, side, best] if best >= 0 else np.nan
                tops[at, 2 * side + 1] = books.size[which, side, best] if best >= 0 else 0.0
