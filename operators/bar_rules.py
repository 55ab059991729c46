"""Bar rules: how a trade moves a bar, how bars add up to longer ones, and how an open bar is written as a closed one.

The clock's bars, short and composed bars, and all that are made again follow these and no others. What is called an
open bar is a record with the fields of ACCUMULATOR, whatever else it holds. Kernels that call them are compiled with
them: after a change here their caches (`__pycache__`) are to be removed.
"""

import numpy as np
from numba import njit

from domain.market import ELIGIBLE, Condition, Quality

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
"""An open bar. Open and close are NaN, high below low, where no trade could move them; `only` is the price of the last
trade that counts as last if it is the only one."""

LAST_ONLY, NO_RANGE, MADE_AGAIN = 2, 4, 8
"""Marks beside `ended` on a bar as the kernel leaves it: its open and close are of a trade that counts as last
only if it is the only one; no trade could move its high and low; it is a revision. A session's bar is made again from
its minutes by them, and longer bars are composed; they are cleared before a bar goes on."""

_VOLUME = int(Condition.COUNTS_VOLUME)
_OPEN_CLOSE = int(Condition.MOVES_OPEN_CLOSE)
_HIGH_LOW = int(Condition.MOVES_HIGH_LOW)
_IF_ONLY = int(Condition.LAST_IF_ONLY)
_ALL_BUT_OPEN_CLOSE = 0xFFFF_FFFF ^ _OPEN_CLOSE
_OUT_OF_ORDER = int(Quality.REGRESSING)
EFFECT = ELIGIBLE | _IF_ONLY
"""Conditions of which a trade has at least one if it may change a bar."""

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def as_counted(conditions, flags):  # type: ignore[no-untyped-def]
    """Return conditions as they count: a price out of order is open and close only where there is no other."""
    if flags & _OUT_OF_ORDER and conditions & _OPEN_CLOSE:
        return conditions & _ALL_BUT_OPEN_CLOSE | _IF_ONLY
    return conditions


@_compiled
def clear(one):  # type: ignore[no-untyped-def]
    """Make a bar one that holds nothing."""
    one.open = one.close = one.only = np.nan
    one.high, one.low = -np.inf, np.inf
    one.volume = one.notional = 0.0
    one.trade_count = 0


@_compiled
def move(one, price, conditions):  # type: ignore[no-untyped-def]
    """Let a trade move the prices of an open bar, as far as its conditions, as they count, allow."""
    if conditions & _HIGH_LOW:
        one.high, one.low = max(one.high, price), min(one.low, price)
    if conditions & _OPEN_CLOSE:
        if np.isnan(one.open):
            one.open = price
        one.close = price
    elif conditions & _IF_ONLY:
        one.only = price


@_compiled
def take(one, price, size, conditions):  # type: ignore[no-untyped-def]
    """Take a trade into an open bar."""
    move(one, price, conditions)
    if conditions & _VOLUME:
        one.volume += size
        one.notional += price * size
        one.trade_count += 1


@_compiled
def join(one, later):  # type: ignore[no-untyped-def]
    """Add to an open bar another one, of trades that came after its own."""
    if np.isnan(one.open):
        one.open = later.open
    if not np.isnan(later.open):
        one.close = later.close
    if not np.isnan(later.only):
        one.only = later.only
    one.high, one.low = max(one.high, later.high), min(one.low, later.low)
    one.volume += later.volume
    one.notional += later.notional
    one.trade_count += later.trade_count


@_compiled
def add(one, bar):  # type: ignore[no-untyped-def]
    """Add to an open bar a closed one that came after it and has its marks in `ended`."""
    if bar.ended & LAST_ONLY:
        one.only = bar.close
    elif not np.isnan(bar.open):
        if np.isnan(one.open):
            one.open = bar.open
        one.close = bar.close
    if bar.ended & NO_RANGE == 0 and not np.isnan(bar.high):
        one.high, one.low = max(one.high, bar.high), min(one.low, bar.low)
    one.volume += bar.volume
    if bar.volume > 0.0:
        one.notional += bar.vwap * bar.volume
    one.trade_count += bar.trade_count


@_compiled
def stands(bar):  # type: ignore[no-untyped-def]
    """Say whether any trade of a closed bar has not been taken back."""
    return bar.trade_count > 0 or not (np.isnan(bar.open) and np.isnan(bar.high))


@_compiled
def put(bar, one):  # type: ignore[no-untyped-def]
    """Write prices, volume, VWAP and count of an open bar into a closed one; return its marks."""
    marks = 0
    opened, closed = one.open, one.close
    if np.isnan(opened) and not np.isnan(one.only):
        opened = closed = one.only
        marks |= LAST_ONLY
    high, low = one.high, one.low
    if high < low:
        high = low = opened
        marks |= NO_RANGE
    bar.open, bar.high, bar.low, bar.close = opened, high, low, closed
    bar.volume, bar.trade_count = one.volume, one.trade_count
    bar.vwap = one.notional / one.volume if one.volume > 0.0 else np.nan
    return marks
