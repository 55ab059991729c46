"""Reads the lines of a log in one pass: where each entry stands, and which hash it carries, as far as they follow.

Nothing is hashed here: what an entry gives is for `blocks.block_hashes` to say, with SHA-256 of the standard library.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connectors.audit.merkle import LEAF
from connectors.audit.rows import BACK, DIGITS, FRONT, MIDDLE, NUMBERED, PREVIOUS, TAIL

HASH = 32
BEFORE_ENTRY = len(LEAF) + HASH
LINE_MIN = len(FRONT) + len(NUMBERED) + len(b"{1}") + TAIL
"""A line without its end has at least so many bytes."""

_FRONT, _NUMBERED, _MIDDLE, _PREVIOUS, _BACK = (
    np.frombuffer(words, np.uint8) for words in (FRONT, NUMBERED, MIDDLE, PREVIOUS, BACK)
)
_LEAF, _NEWLINE, _CLOSE, _ZERO = LEAF[0], ord("\n"), ord("}"), ord("0")
_STRIDE = 64


@njit(cache=True, nogil=True, error_model="numpy")
def scanned(
    text: NDArray[np.uint8],
    at: int,
    number: int,
    spans: NDArray[np.int64],
    digits: NDArray[np.uint8],
) -> int:
    """Return how many lines there are from `at` to the end of `text`, -1 where one does not follow, by its own words.

    `digits[0]` are those of the hash of row `number`, which they are to follow. Line by line, `digits[1:]` is filled
    with the 64 that it carries, `spans` with where what is hashed begins and ends: the sign of a leaf and the hash
    before, which are written over what stands before the entry and was looked at, and the entry. Whether the digits
    are such, and no others, is seen when they are compared with those of the hashes that the entries give.
    """
    count = 0
    while at < len(text):
        end = _line_end(text, at)
        tail = end - TAIL
        if end == len(text) or end - at < LINE_MIN or count == len(spans):
            return -1
        hashed, chained = tail + len(_MIDDLE), end - len(_BACK) - DIGITS
        if not (
            _holds(text, at, _FRONT)
            and _ends_in(text, tail, number + count + 1)
            and _holds(text, tail, _MIDDLE)
            and _holds(text, chained - len(_PREVIOUS), _PREVIOUS)
            and _holds(text, chained, digits[count])
            and _holds(text, chained + DIGITS, _BACK)
        ):
            return -1
        entry = at + len(_FRONT)
        text[entry - BEFORE_ENTRY] = _LEAF
        _decode(digits[count], text[entry - HASH : entry])
        digits[count + 1, :] = text[hashed : hashed + DIGITS]
        spans[count, 0], spans[count, 1] = entry - BEFORE_ENTRY, tail
        count += 1
        at = end + 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _line_end(text: NDArray[np.uint8], at: int) -> int:
    """Return where the line that begins at `at` ends, the length of the text where it does not."""
    while at + _STRIDE <= len(text):
        stride = text[at : at + _STRIDE]
        found = np.uint8(0)
        for place in range(_STRIDE):
            found |= np.uint8(stride[place] == _NEWLINE)
        if found:
            break
        at += _STRIDE
    while at < len(text) and text[at] != _NEWLINE:
        at += 1
    return at


@njit(cache=True, nogil=True, error_model="numpy")
def _holds(text: NDArray[np.uint8], at: int, words: NDArray[np.uint8]) -> bool:
    there = text[at : at + len(words)]
    other = np.uint8(0)
    for place in range(len(words)):
        other |= there[place] ^ words[place]
    return bool(other == 0)


@njit(cache=True, nogil=True, error_model="numpy")
def _ends_in(text: NDArray[np.uint8], stop: int, number: int) -> bool:
    """Say whether the entry that ends before `stop` ends in its number."""
    at = stop - 1
    if text[at] != _CLOSE:
        return False
    while number:
        at -= 1
        if text[at] != _ZERO + number % 10:
            return False
        number //= 10
    return _holds(text, at - len(_NUMBERED), _NUMBERED)


@njit(cache=True, nogil=True, error_model="numpy")
def _decode(digits: NDArray[np.uint8], into: NDArray[np.uint8]) -> None:
    """Write the bytes that hexadecimal digits stand for; of others, some bytes."""
    for place in range(HASH):
        high, low = digits[2 * place], digits[2 * place + 1]
        into[place] = ((high & 15) + 9 * (high >> 6)) << 4 | ((low & 15) + 9 * (low >> 6)) & 15
