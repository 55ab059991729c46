"""Levels of depth books: arrays of every instrument's two sides, one level's change, the best levels, a checksum.

A side is kept from its worst level to its best, so that what moves most often stands at the end and a change shifts few
levels.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import Float64, Int64, UInt8

BIDS, ASKS = 0, 1
ANY, DELETE, UPDATE, INSERT = 0, 1, 2, 3
"""What a level says it does, where its venue does say."""
TICKERS = 512
"""How many quotes of a venue are remembered until the difference of the same update id comes."""


class Levels(NamedTuple):
    """Levels of a block, one a row: price, size (0 takes the level away), and two whole numbers.

    The numbers are the digits of price and size without point and leading zeros where a venue has a checksum of them;
    the first is one of ANY, DELETE, UPDATE, INSERT where a venue says what it does. Otherwise they are zeros.
    """

    price: Float64
    size: Float64
    digits: Int64


class Books(NamedTuple):
    """All books of a feed: arrays of shape (instruments, 2 sides, levels), and what is known of each book.

    `whole` is 1 where a book stands, `last` its last update id, `fresh` 1 until the first difference after a snapshot,
    `tickers` (instruments, TICKERS, 5) quotes that wait: bid, bid size, ask, ask size; `ticker_ids` their update ids,
    `checked` how many quotes were compared with a book.
    """

    price: Float64
    size: Float64
    digits: Int64
    filled: Int64
    last: Int64
    whole: UInt8
    fresh: UInt8
    tickers: Float64
    ticker_ids: Int64
    ticker_next: Int64
    checked: Int64


def empty_books(instruments: int, levels: int = 256) -> Books:
    """Return books that hold nothing, with room for so many levels a side."""
    return Books(
        price=np.zeros((instruments, 2, levels)),
        size=np.zeros((instruments, 2, levels)),
        digits=np.zeros((instruments, 2, levels, 2), np.int64),
        filled=np.zeros((instruments, 2), np.int64),
        last=np.full(instruments, -1, np.int64),
        whole=np.zeros(instruments, np.uint8),
        fresh=np.zeros(instruments, np.uint8),
        tickers=np.zeros((instruments, TICKERS, 4)),
        ticker_ids=np.full((instruments, TICKERS), -1, np.int64),
        ticker_next=np.zeros(instruments, np.int64),
        checked=np.zeros(instruments, np.int64),
    )


def with_room(books: Books, events: NDArray[np.void]) -> Books:
    """Return books with room for all levels that the events could add to any side of one instrument."""
    added = np.zeros(len(books.last), np.int64)
    np.add.at(added, events["instrument"], events["level_stop"] - events["level"])
    needed = int((books.filled.max(axis=1, initial=0) + added).max(initial=0))
    room = books.price.shape[2]
    if needed <= room:
        return books
    more = 2 * max(needed, room) - room
    return books._replace(
        price=np.pad(books.price, ((0, 0), (0, 0), (0, more))),
        size=np.pad(books.size, ((0, 0), (0, 0), (0, more))),
        digits=np.pad(books.digits, ((0, 0), (0, 0), (0, more), (0, 0))),
    )


def _crc_table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0xEDB88320), table >> 1).astype(np.uint32)
    return table


_CRC = _crc_table()


@njit(cache=True, nogil=True, error_model="numpy")
def _place(prices, count, price, side):  # type: ignore[no-untyped-def]
    """Return where a price stands or would stand on a side, searched from the best level outwards."""
    at = count
    if side == BIDS:
        while at > 0 and prices[at - 1] > price:
            at -= 1
            if count - at == 24:
                return np.searchsorted(prices[:at], price)
        return at - 1 if at > 0 and prices[at - 1] == price else at
    while at > 0 and prices[at - 1] < price:
        at -= 1
        if count - at == 24:
            low, high = 0, at
            while low < high:
                middle = (low + high) // 2
                if prices[middle] > price:
                    low = middle + 1
                else:
                    high = middle
            return low
    return at - 1 if at > 0 and prices[at - 1] == price else at


@njit(cache=True, nogil=True, error_model="numpy")
def set_level(books, which, side, price, size, digits, typed):  # type: ignore[no-untyped-def]
    """Change one level; return whether its type of update fits what stands there, where `typed` asks for that."""
    prices, sizes, codes = books.price[which, side], books.size[which, side], books.digits[which, side]
    count = books.filled[which, side]
    at = _place(prices, count, price, side)
    held = at < count and prices[at] == price
    if typed and digits[0] != ANY and held == (digits[0] == INSERT):
        return False
    if size == 0.0:
        if held:
            for row in range(at, count - 1):
                prices[row], sizes[row] = prices[row + 1], sizes[row + 1]
                codes[row, 0], codes[row, 1] = codes[row + 1, 0], codes[row + 1, 1]
            books.filled[which, side] = count - 1
        return True
    if not held:
        for row in range(count, at, -1):
            prices[row], sizes[row] = prices[row - 1], sizes[row - 1]
            codes[row, 0], codes[row, 1] = codes[row - 1, 0], codes[row - 1, 1]
        books.filled[which, side] = count + 1
    prices[at], sizes[at] = price, size
    codes[at, 0], codes[at, 1] = digits[0], digits[1]
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def shorten(books, which, depth):  # type: ignore[no-untyped-def]
    """Take away the worst levels of both sides beyond a depth."""
    for side in range(2):
        count = books.filled[which, side]
        over = count - depth
        if over > 0:
            prices, sizes, codes = (
                books.price[which, side],
                books.size[which, side],
                books.digits[which, side],
            )
            for row in range(depth):
                prices[row], sizes[row] = prices[row + over], sizes[row + over]
                codes[row, 0], codes[row, 1] = codes[row + over, 0], codes[row + over, 1]
            books.filled[which, side] = depth


@njit(cache=True, nogil=True, error_model="numpy")
def _crc_number(crc, number, digits):  # type: ignore[no-untyped-def]
    """Return the CRC32 register after the decimal digits of a whole number; `digits` is room for twenty."""
    count = 0
    while number > 0:
        digits[count] = number % 10
        number //= 10
        count += 1
    for at in range(count - 1, -1, -1):
        crc = _CRC[(crc ^ np.uint32(48 + digits[at])) & np.uint32(255)] ^ (crc >> np.uint32(8))
    return crc


@njit(cache=True, nogil=True, error_model="numpy")
def checksum(books, which):  # type: ignore[no-untyped-def]
    """Return Kraken's CRC32 of a book: asks, then bids, ten best levels each, digits of price then of size."""
    crc = np.uint32(0xFFFFFFFF)
    digits = np.empty(20, np.int64)
    for side in (ASKS, BIDS):
        count = books.filled[which, side]
        for row in range(count - 1, max(count - 11, -1), -1):
            crc = _crc_number(crc, books.digits[which, side, row, 0], digits)
            crc = _crc_number(crc, books.digits[which, side, row, 1], digits)
    return np.int64(crc ^ np.uint32(0xFFFFFFFF))


@njit(cache=True, nogil=True, error_model="numpy")
def forget(books, which):  # type: ignore[no-untyped-def]
    """Throw a book away."""
    books.filled[which] = 0
    books.whole[which] = 0
    books.last[which] = -1


@njit(cache=True, nogil=True, error_model="numpy")
def best_levels(books, which, levels):  # type: ignore[no-untyped-def]
    """Return best levels, best first, shape (4, levels): bid, bid size, ask, ask size; NaN and 0 beyond."""
    best = np.zeros((4, levels))
    best[0], best[2] = np.nan, np.nan
    for side in range(2):
        count = books.filled[which, side]
        for row in range(min(levels, count)):
            best[2 * side, row] = books.price[which, side, count - 1 - row]
            best[2 * side + 1, row] = books.size[which, side, count - 1 - row]
    return best
