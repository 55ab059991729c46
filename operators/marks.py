"""Marks: what an instrument is worth now, and the next row that somebody waits for, found without a Python loop."""

from decimal import Decimal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.action_records import ActionRecord, Step, step_of
from domain.instruments import Instrument
from domain.market import Condition, Kind, Ticks, row_count
from domain.money import exact_price
from operators.agenda import PRICED

LIVES = PRICED
MARK = np.dtype(
    [
        ("bid", np.float64),
        ("bid_size", np.float64),
        ("ask", np.float64),
        ("ask_size", np.float64),
        ("last", np.float64),
        ("prior_close", np.float64),
        ("quote_at", np.int64),
        ("last_at", np.int64),
        ("halted", np.int64),
    ],
    align=True,
)
_TRADE, _QUOTE, _STATUS = int(Kind.TRADE), int(Kind.QUOTE), int(Kind.STATUS)
_MOVES = np.uint32(Condition.MOVES_OPEN_CLOSE)
_HALTED, _RESUMED = np.uint32(Condition.HALTED), np.uint32(Condition.RESUMED)


def fresh_marks(instruments: int) -> NDArray[np.void]:
    """Return marks of instruments that nobody has quoted or traded."""
    marks = np.zeros(instruments, MARK)
    for name in ("bid", "ask", "last", "prior_close"):
        marks[name] = np.nan
    return marks


@njit(cache=True, error_model="numpy")
def scan(  # type: ignore[no-untyped-def]
    known_at,
    instrument,
    kind,
    price,
    conditions,
    best_bid,
    best_bid_size,
    best_ask,
    best_ask_size,
    start,
    until,
    wanted,
    marks,
    marks_at,
):
    """Take rows into the marks from `start` on, up to the first that is known at or after `until` (ns UTC).

    Stops behind a row that somebody waits for: a trade or quote of a `wanted` instrument. Returns the row to
    go on with,
    and whether it stopped for such a row (which is then the one before).
    """
    bid, bid_size, ask, ask_size = marks["bid"], marks["bid_size"], marks["ask"], marks["ask_size"]
    last, last_at, quote_at, halted = marks["last"], marks["last_at"], marks["quote_at"], marks["halted"]
    for row in range(start, len(known_at)):
        if known_at[row] >= until:
            return row, False
        which, what = np.int64(instrument[row]), kind[row]
        marks_at[0] = known_at[row]
        if what == _QUOTE:
            bid[which], bid_size[which] = best_bid[row], best_bid_size[row]
            ask[which], ask_size[which] = best_ask[row], best_ask_size[row]
            quote_at[which] = known_at[row]
        elif what == _TRADE:
            if conditions[row] & _MOVES:
                last[which], last_at[which] = price[row], known_at[row]
        elif what == _STATUS:
            if conditions[row] & _HALTED:
                halted[which] = 1
            elif conditions[row] & _RESUMED:
                halted[which] = 0
        if wanted[which] and what in (_TRADE, _QUOTE):
            return row + 1, True
    return len(known_at), False


class Cursor:
    """Walks the rows of one ordered batch."""

    def __init__(self, ticks: Ticks, marks: NDArray[np.void], marks_at: NDArray[np.int64]) -> None:
        self.ticks = ticks
        self.row = 0
        self._marks, self._marks_at = marks, marks_at
        self._kind = np.zeros(row_count(ticks), np.uint8) if ticks.kind is None else ticks.kind
        none = np.empty(0)
        self._bid = none if ticks.best_bid is None else ticks.best_bid
        self._bid_size = none if ticks.best_bid_size is None else ticks.best_bid_size
        self._ask = none if ticks.best_ask is None else ticks.best_ask
        self._ask_size = none if ticks.best_ask_size is None else ticks.best_ask_size

    def advance(self, until: int, wanted: NDArray[np.bool_]) -> bool:
        """Go on to `until`, or to behind the next wanted row; say which it was."""
        if self.row >= row_count(self.ticks):
            return False
        self.row, stopped = scan(
            self.ticks.known_at,
            self.ticks.instrument,
            self._kind,
            self.ticks.price,
            self.ticks.conditions,
            self._bid,
            self._bid_size,
            self._ask,
            self._ask_size,
            self.row,
            until,
            wanted,
            self._marks,
            self._marks_at,
        )
        return bool(stopped)


def adjust(marks: NDArray[np.void], which: int, action: ActionRecord) -> Step:
    """Bring an instrument's mark over an action, by the prior close, or the last trade where there is none.

    Return the step that was made.
    """
    before = float(marks["prior_close"][which])
    step = step_of(action, before if before > 0 else float(marks["last"][which]))
    for name in ("bid", "ask", "last", "prior_close"):
        marks[name][which] /= step.price
    for name in ("bid_size", "ask_size"):
        marks[name][which] *= step.shares
    return step


def moves_last(ticks: Ticks, row: int) -> bool:
    """Say whether a trade counts as the last one of its instrument."""
    return ticks.conditions is None or bool(ticks.conditions[row] & _MOVES)


def mark_price(mark: NDArray[np.void]) -> float:
    """Return the mid of a quote that is not crossed, else the last eligible trade, else the prior close."""
    bid, ask = float(mark["bid"]), float(mark["ask"])
    if bid > 0 and ask >= bid:
        return (bid + ask) / 2
    last = float(mark["last"])
    return last if last > 0 else float(mark["prior_close"])


def exact_mark(mark: NDArray[np.void], instrument: Instrument) -> Decimal | None:
    """Return the mark in half ticks, exact; None where there is none."""
    price = mark_price(mark)
    return exact_price(price, instrument.tick_size / 2) if price > 0 else None


def marked_at(mark: NDArray[np.void]) -> int:
    """Return when an instrument was quoted or traded last (ns UTC), 0 where it never was."""
    return int(max(mark["quote_at"], mark["last_at"]))


def limit_price(
    mark: NDArray[np.void], instrument: Instrument, sign: int, through_ticks: int
) -> Decimal | None:
    """Return a limit a few ticks beyond the opposite quote, beyond the mark where it is not quoted."""
    bid, ask = float(mark["bid"]), float(mark["ask"])
    opposite = ask if sign > 0 else bid
    price = opposite if opposite > 0 and not bid > ask else mark_price(mark)
    if not price > 0:
        return None
    through = sign * through_ticks * instrument.tick_size
    return max(exact_price(price, instrument.tick_size, sign) + through, instrument.tick_size)
