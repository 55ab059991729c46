"""Rows as activity bars see them: trades, or best quotes as mids and quoted sizes, with the side of each tick."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import ELIGIBLE, Kind, Quality, Ticks, row_count
from operators.activity_kernel import MOVES
from operators.bar_rules import EFFECT, as_counted

SIGN = np.dtype([("price", np.float64), ("sign", np.int8)], align=True)
"""The tick rule of an instrument: the last price and the sign of its last change."""

_TRADE, _QUOTE = int(Kind.TRADE), int(Kind.QUOTE)
_REGRESSING = int(Quality.REGRESSING)

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def trades_in(instrument, price, kind, conditions, flags, signs, effect, sign):  # type: ignore[no-untyped-def]
    """Write what each row may move into `effect` (0: it is no trade, or moves nothing) and its side into `sign`.

    A price that regresses counts as last only where it is the only one. The side is that of the tick rule.
    """
    for row in range(len(instrument)):
        if kind is not None and kind[row] != _TRADE:
            effect[row], sign[row] = 0, 0
            continue
        bits = EFFECT & (ELIGIBLE if conditions is None else conditions[row])
        if conditions is not None and flags is not None:
            bits = as_counted(bits, flags[row])
        one = signs[instrument[row]]
        if bits & MOVES:
            if one.price > 0.0 and price[row] != one.price:
                one.sign = 1 if price[row] > one.price else -1
            one.price = price[row]
        effect[row], sign[row] = bits, one.sign


@_compiled
def quotes_in(  # type: ignore[no-untyped-def]
    instrument, kind, flags, bid, bid_size, ask, ask_size, signs, effect, sign, price, size
):
    """Write mid and quoted size of each best quote of two sides that neither cross nor regress, and what it moves."""
    for row in range(len(instrument)):
        effect[row], sign[row] = 0, 0
        if kind is None or kind[row] != _QUOTE or (flags is not None and flags[row] & _REGRESSING):
            continue
        if not (bid[row] <= ask[row] and bid_size[row] + ask_size[row] > 0):
            continue
        middle = (bid[row] + ask[row]) / 2.0
        one = signs[instrument[row]]
        if one.price > 0.0 and middle != one.price:
            one.sign = 1 if middle > one.price else -1
        one.price = middle
        price[row], size[row] = middle, bid_size[row] + ask_size[row]
        effect[row], sign[row] = ELIGIBLE, one.sign


class Rows(NamedTuple):
    """A batch as activity bars see it: `effect` says what a row may move (0: nothing), `sign` is its side."""

    event_at: NDArray[np.int64]
    known_at: NDArray[np.int64]
    instrument: NDArray[np.int32]
    price: NDArray[np.float64]
    size: NDArray[np.float64]
    effect: NDArray[np.uint32]
    sign: NDArray[np.int8]


def trade_rows(ticks: Ticks, signs: NDArray[np.void]) -> Rows:
    """Return the trades of a batch."""
    effect, sign = np.zeros(row_count(ticks), np.uint32), np.zeros(row_count(ticks), np.int8)
    trades_in(ticks.instrument, ticks.price, ticks.kind, ticks.conditions, ticks.flags, signs, effect, sign)
    return Rows(ticks.event_at, ticks.known_at, ticks.instrument, ticks.price, ticks.size, effect, sign)


def quote_rows(ticks: Ticks, signs: NDArray[np.void]) -> Rows:
    """Return the best quotes of a batch as mids and quoted sizes; none where it has no best quotes."""
    count = row_count(ticks)
    effect, sign = np.zeros(count, np.uint32), np.zeros(count, np.int8)
    price, size = np.zeros(count), np.zeros(count)
    if ticks.best_bid is not None:
        best = (ticks.best_bid, ticks.best_bid_size, ticks.best_ask, ticks.best_ask_size)
        quotes_in(ticks.instrument, ticks.kind, ticks.flags, *best, signs, effect, sign, price, size)
    return Rows(ticks.event_at, ticks.known_at, ticks.instrument, price, size, effect, sign)


def held_rows(
    rows: Rows, ticks: Ticks, start: int, stop: int
) -> tuple[NDArray[np.intp], dict[str, NDArray[np.generic]]]:
    """Return which rows of a span may be revised, and their columns as they are retained."""
    at = start + np.flatnonzero(rows.effect[start:stop])
    columns: dict[str, NDArray[np.generic]] = {
        name: getattr(rows, name)[at] for name in ("event_at", "price", "size", "instrument", "sign")
    }
    columns["bits"] = rows.effect[at]
    columns["sequence"] = np.zeros(len(at), np.int64) if ticks.sequence is None else ticks.sequence[at]
    return at, columns
