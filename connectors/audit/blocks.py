"""Checks many rows at once: what can be compared in bulk is, and each row costs one SHA-256 and nothing copied.

A block either follows from the row before it, to the last byte, or not at all: which row is the first that does not is
for `rows.followed` to say, which looks at one after the other.
"""

from binascii import hexlify
from hashlib import sha256

import numpy as np

from connectors.audit.line_scan import BEFORE_ENTRY, LINE_MIN, scanned
from connectors.audit.rows import DIGITS


def block_hashes(block: bytes, previous: bytes, number: int) -> list[bytes] | None:
    """Return the hashes of whole lines that follow from row `number` whose hash is `previous`, None if one does not."""
    held = bytearray(BEFORE_ENTRY) + block  # room for what is hashed before the first entry
    most = len(block) // (LINE_MIN + 1)
    spans, digits = np.empty((most, 2), np.int64), np.empty((most + 1, DIGITS), np.uint8)
    digits[0] = np.frombuffer(hexlify(previous), np.uint8)
    count = scanned(np.frombuffer(held, np.uint8), BEFORE_ENTRY, number, spans, digits)
    if count <= 0:
        return None
    view = memoryview(held)
    made = [
        sha256(view[first:last]).digest()
        for first, last in zip(spans[:count, 0].tolist(), spans[:count, 1].tolist(), strict=True)
    ]
    return made if hexlify(b"".join(made)) == digits[1 : count + 1].tobytes() else None
