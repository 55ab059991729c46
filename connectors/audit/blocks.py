"""Checks many rows at once: what can be compared in bulk is, and each row costs one SHA-256 and nothing copied.

A block either follows from the row before it, to the last byte, or not at all: which row is the first that does not is
for `rows.followed` to say, which looks at one after the other.
"""

from binascii import Error, hexlify, unhexlify
from hashlib import sha256

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from connectors.audit.merkle import LEAF
from connectors.audit.rows import BACK, DIGITS, FRONT, MIDDLE, NUMBERED, PREVIOUS, TAIL

HASH = 32
BEFORE_ENTRY = len(LEAF) + HASH
PAD = 64
"""Room before the first line, so that its leaf sign and the hash before it stand right before its entry, too."""

_HASH = slice(len(MIDDLE), len(MIDDLE) + DIGITS)
_CHAINED = slice(_HASH.stop + len(PREVIOUS), _HASH.stop + len(PREVIOUS) + DIGITS)
_ENTRY_END = b"}"


def block_hashes(block: bytes, previous: bytes, number: int) -> list[bytes] | None:
    """Return the hashes of whole lines that follow from row `number` whose hash is `previous`, None if one does not."""
    held = bytearray(PAD) + block
    text = np.frombuffer(held, np.uint8)
    ends = _line_ends(held)
    if not len(ends) or ends[-1] != len(held) - 1:
        return None
    starts = np.concatenate([[PAD], ends[:-1] + 1])
    if int((ends - starts).min()) < len(FRONT) + len(NUMBERED) + 2 + TAIL:
        return None
    found = _stored(text, ends)
    if found is None or not _are_numbered(text, ends - TAIL, number):
        return None
    hashes, chained = found
    if chained != previous + hashes[:-HASH] or not _holds(text, starts, FRONT):
        return None
    entries = starts + len(FRONT)
    before = np.zeros((len(ends), BEFORE_ENTRY), np.uint8)
    before[:, : len(LEAF)] = np.frombuffer(LEAF, np.uint8)
    before[:, len(LEAF) :] = np.frombuffer(chained, np.uint8).reshape(-1, HASH)
    sliding_window_view(text, BEFORE_ENTRY, writeable=True)[entries - BEFORE_ENTRY] = before
    view = memoryview(held)
    spans = zip((entries - BEFORE_ENTRY).tolist(), (ends - TAIL).tolist(), strict=True)
    made = [sha256(view[first:last]).digest() for first, last in spans]
    return made if b"".join(made) == hashes else None


def _line_ends(held: bytearray) -> NDArray[np.int64]:
    """Return where the lines end."""
    ends: list[int] = []
    find, at = held.find, held.find(b"\n")
    while at >= 0:
        ends.append(at)
        at = find(b"\n", at + 1)
    return np.array(ends, np.int64)


def _stored(text: NDArray[np.uint8], ends: NDArray[np.int64]) -> tuple[bytes, bytes] | None:
    """Return the hashes that the lines carry, and those of the rows before them; None where one carries none."""
    tails = sliding_window_view(text, TAIL)[ends - TAIL]
    for at, words in ((0, MIDDLE), (_HASH.stop, PREVIOUS), (_CHAINED.stop, BACK)):
        if (tails[:, at : at + len(words)] != np.frombuffer(words, np.uint8)).any():
            return None
    written = [tails[:, part].tobytes() for part in (_HASH, _CHAINED)]
    try:
        hashes, chained = (unhexlify(digits) for digits in written)
    except Error:
        return None
    return (hashes, chained) if [hexlify(hashes), hexlify(chained)] == written else None


def _are_numbered(text: NDArray[np.uint8], stops: NDArray[np.int64], number: int) -> bool:
    """Say whether the entries that end at `stops` end in the numbers after `number`, each the next."""
    numbers = np.arange(number + 1, number + 1 + len(stops))
    for digits in range(len(str(number + 1)), len(str(number + len(stops))) + 1):
        these = (numbers >= 10 ** (digits - 1)) & (numbers < 10**digits)
        powers = 10 ** np.arange(digits - 1, -1, -1)
        expected = (numbers[these][:, None] // powers % 10 + ord("0")).astype(np.uint8)
        at = stops[these] - len(_ENTRY_END) - digits
        if (sliding_window_view(text, digits)[at] != expected).any():
            return False
        if not _holds(text, at - len(NUMBERED), NUMBERED) or not _holds(text, at + digits, _ENTRY_END):
            return False
    return True


def _holds(text: NDArray[np.uint8], places: NDArray[np.int64], words: bytes) -> bool:
    """Say whether the same words stand at every place."""
    return bool((sliding_window_view(text, len(words))[places] == np.frombuffer(words, np.uint8)).all())
