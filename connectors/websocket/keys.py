"""Keys of frames: the few letters of a frame that decide how it is read, cut out and found again in compiled code.

A `Cut` says where a venue's frames have their key. Keys that were met are kept in a table of open addressing (D. Knuth,
The Art of Computer Programming, volume 3, 6.4) with the number that each stands for.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import Int64

_QUOTE, _LIST, _COMMA = ord('"'), ord("["), ord(",")
_ROOM = 64
_UNMET = 32


class Cut(NamedTuple):
    """Where an object has its key: `head` letters, and what stands behind `mark` up to the next quotation mark.

    With `quoted` the head goes on to the first quotation mark after so many letters, which is its last. With `last` the
    last mark counts, and the key goes on to the end of the frame. Without a mark there is a head alone. A frame that is
    an array has its key behind its last object or array; one that has no mark, or ends too early, has none.
    """

    head: int = 0
    mark: bytes = b""
    quoted: bool = False
    last: bool = False


@njit(cache=True, nogil=True, error_model="numpy")
def _spans(text, begin, stop, head, mark, quoted, last):  # type: ignore[no-untyped-def]
    """Return where the two parts of a key begin and end; all four are the same where there is none."""
    none = (begin, begin, begin, begin)
    if stop - begin <= head:
        return none
    if text[begin] == _LIST:
        for at in range(stop - 1, begin + 1, -1):
            if text[at] == _QUOTE and text[at - 1] == _COMMA and text[at - 2] in (93, 125):
                return begin, begin, at - 1, stop
        return none
    past = begin + head
    while quoted and past < stop and text[past] != _QUOTE:
        past += 1
    if past == stop:
        return none
    past += quoted
    if len(mark) == 0:
        return begin, past, past, past
    at, step, count = (stop - len(mark), -1, len(mark)) if last else (past, 1, len(mark))
    while begin <= at <= stop - count:
        letter = 0
        while letter < count and text[at + letter] == mark[letter]:
            letter += 1
        if letter == count:
            break
        at += step
    if not begin <= at <= stop - count:
        return none
    start = at = at + count
    while at < stop and (last or text[at] != _QUOTE):
        at += 1
    return begin, past, start, at


@njit(cache=True, nogil=True, error_model="numpy")
def _hash(text, spans):  # type: ignore[no-untyped-def]
    """Return the hash of two parts of a text (FNV-1a, G. Fowler, L. Noll, P. Vo)."""
    value = np.uint64(14695981039346656037)
    for begin, stop in ((spans[0], spans[1]), (spans[2], spans[3])):
        for at in range(begin, stop):
            value = (value ^ np.uint64(text[at])) * np.uint64(1099511628211)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def _slot(text, spans, table, hashes, places, letters):  # type: ignore[no-untyped-def]
    """Return the slot of the table where a key stands or belongs."""
    value, size = _hash(text, spans), len(table)
    at = np.int64(value & np.uint64(size - 1))
    first = spans[1] - spans[0]
    count = first + spans[3] - spans[2]
    while table[at] >= 0:
        key = table[at]
        if hashes[key] == value and places[1, key] - places[0, key] == count:
            start, letter = places[0, key], 0
            while letter < count and letters[start + letter] == (
                text[spans[0] + letter] if letter < first else text[spans[2] + letter - first]
            ):
                letter += 1
            if letter == count:
                return at
        at = (at + 1) & (size - 1)
    return at


@njit(cache=True, nogil=True, error_model="numpy")
def _find(text, begin, end, cut, mark, table, hashes, places, letters, numbers, found, unmet, start):  # type: ignore[no-untyped-def] # noqa: PLR0913, PLR0917  arrays
    """Set the numbers of frames from one on, until `unmet` is full; return how many are in it, and where it ended."""
    count = 0
    for frame in range(start, len(begin)):
        spans = _spans(text, begin[frame], end[frame], cut[0], mark, cut[1], cut[2])
        key = np.int64(-1)
        if spans[0] != spans[3]:
            key = table[_slot(text, spans, table, hashes, places, letters)]
        if key >= 0:
            found[frame] = numbers[key]
            continue
        unmet[count, 0] = frame
        for part in range(4):
            unmet[count, 1 + part] = spans[part] - begin[frame]
        count += 1
        if count == len(unmet):
            return count, frame + 1
    return count, len(begin)


@njit(cache=True, nogil=True, error_model="numpy")
def _insert(table, hashes, places, letters, count):  # type: ignore[no-untyped-def]
    """Put all keys into an empty table."""
    for key in range(count):
        at = places[0, key]
        spans = (at, places[1, key], at, at)
        hashes[key] = _hash(letters, spans)
        table[_slot(letters, spans, table, hashes, places, letters)] = key


class Keys:
    """The keys of a venue that were met, each with a number."""

    def __init__(self, cut: Cut) -> None:
        self._cut = (cut.head, cut.quoted, cut.last)
        self._mark = np.frombuffer(cut.mark, np.uint8)
        self._order: dict[bytes, int] = {}
        self._table = np.full(4 * _ROOM, -1, np.int64)
        self._hashes = np.zeros(_ROOM, np.uint64)
        self._places = np.zeros((2, _ROOM), np.int64)
        self._numbers = np.zeros(_ROOM, np.int64)
        self._letters = np.zeros(1, np.uint8)
        self._unmet = np.zeros((_UNMET, 5), np.int64)

    def cut(self, text: bytes) -> bytes:
        """Return the key of a frame, nothing where it has none."""
        letters = np.frombuffer(text or b"\0", np.uint8)
        head, quoted, last = self._cut
        spans = _spans(letters, 0, len(text), head, self._mark, quoted, last)
        return text[spans[0] : spans[1]] + text[spans[2] : spans[3]]

    def put(self, key: bytes, number: int) -> None:
        """Let a key stand for a number from now on."""
        if key not in self._order:
            self._order[key] = len(self._order)
            self._grow()
        self._numbers[self._order[key]] = number

    def _grow(self) -> None:
        """Make the table anew, with room for twice as many keys where it is full."""
        count, keys = len(self._order), list(self._order)
        if count > len(self._hashes):
            self._numbers = np.pad(self._numbers, (0, len(self._numbers)))
        room = len(self._numbers)
        self._letters = np.frombuffer(b"".join(keys), np.uint8)
        self._places = np.zeros((2, room), np.int64)
        self._places[1, :count] = np.cumsum([len(key) for key in keys])
        self._places[0, 1:count] = self._places[1, : count - 1]
        self._hashes = np.zeros(room, np.uint64)
        self._table = np.full(4 * room, -1, np.int64)
        _insert(self._table, self._hashes, self._places, self._letters, count)

    def find(
        self, text: NDArray[np.uint8], begin: Int64, end: Int64, found: Int64, start: int
    ) -> tuple[list[list[int]], int]:
        """Set the numbers of frames from `start` on; return those whose keys were never met, and how far it came.

        Of each it is the frame, and where in it the two parts of its key begin and end. It comes no further than to
        some of them, since what they are may change what a key stands for. `begin` and `end` say where frames stand.
        """
        count, stop = _find(
            text,
            begin,
            end,
            self._cut,
            self._mark,
            self._table,
            self._hashes,
            self._places,
            self._letters,
            self._numbers,
            found,
            self._unmet,
            start,
        )
        return self._unmet[:count].tolist(), stop
