"""Checks of inclusion and consistency proofs, by RFC 9162 2.1.3.2 and 2.1.4.2, with nothing but SHA-256.

Nothing here is shared with what makes the proofs, so that an error of theirs cannot hide in its own check. What a
person has to trust is this page and the tree head.
"""

import hashlib
from collections.abc import Sequence


def root_by_definition(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes by the recursive definition of RFC 6962 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return _parent(root_by_definition(leaves[:half]), root_by_definition(leaves[half:]))


def is_included(leaf: bytes, place: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Say whether a leaf hash stands at a place (from 0) of the tree of that size and root."""
    if not 0 <= place < size:
        return False
    at, last, found = place, size - 1, leaf
    for hash_ in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = _parent(hash_, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = _parent(found, hash_)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(older: int, size: int, path: Sequence[bytes], older_root: bytes, root: bytes) -> bool:
    """Say whether the tree of `older` leaves and `older_root` begins the one of `size` leaves and `root`."""
    if older == size:
        return not path and older_root == root
    if not 0 < older < size or not path:
        return False
    hashes = list(path)
    if older & (older - 1) == 0:
        hashes.insert(0, older_root)
    at, last = older - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    older_found = found = hashes[0]
    for hash_ in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            older_found, found = _parent(hash_, older_found), _parent(hash_, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = _parent(found, hash_)
        at, last = at >> 1, last >> 1
    return last == 0 and older_found == older_root and found == root


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
