"""The Merkle tree of RFC 6962 over a growing list of leaf hashes: its root, and proofs of what it holds.

    leaf = SHA-256(0x00 || entry)    node = SHA-256(0x01 || left || right)    root of nothing = SHA-256("")

A `Frontier` is all that an appender remembers: the roots of the full subtrees, largest first, one for each bit of the
size. A `Tree` holds all levels and makes proofs. Checks of proofs stand in connectors/audit/proofs.py, which shares no
code with this.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

LEAF, NODE = b"\0", b"\1"
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf (32 bytes)."""
    return sha256(LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node from those of its children (32 bytes each)."""
    return sha256(NODE + left + right).digest()


def pairs_hashed(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the hashes of the nodes over neighbours; one without a neighbour is left out."""
    each = iter(hashes)
    return [sha256(NODE + left + right).digest() for left, right in zip(each, each, strict=False)]


class Frontier:
    """A tree that grows by leaf hashes and knows its root; `size` leaves, the full subtrees of `subtrees`."""

    def __init__(self, size: int = 0, subtrees: Iterable[bytes] = ()) -> None:
        self.size, self.subtrees = size, list(subtrees)
        if len(self.subtrees) != size.bit_count():
            raise ValueError(
                f"a tree of {size} leaves has {size.bit_count()} full subtrees; {len(self.subtrees)} were given"
            )

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Append leaf hashes."""
        level, height = list(leaves), 0
        size, self.size = self.size, self.size + len(level)
        rising: list[bytes] = []
        while level or size >> height:
            if (size >> height) & 1:
                level.insert(0, self.subtrees.pop())
            if len(level) & 1:
                rising.append(level.pop())
            level, height = pairs_hashed(level), height + 1
        self.subtrees.extend(reversed(rising))

    def root(self) -> bytes:
        """Return the tree's root (32 bytes)."""
        return folded(self.subtrees)

    def copy(self) -> "Frontier":
        """Return another one that grows by itself."""
        return Frontier(self.size, self.subtrees)


def folded(subtrees: Sequence[bytes]) -> bytes:
    """Return the root over full subtrees, largest first."""
    if not subtrees:
        return EMPTY_ROOT
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = node_hash(left, root)
    return root


class Tree:
    """A tree with all its nodes, for proofs; raises ValueError for places that it has not.

    Of leaves before the first of `leaves`, `gone` has the subtrees: what needs more of them cannot be proved any more.
    """

    def __init__(self, leaves: Sequence[bytes], gone: Frontier | None = None) -> None:
        before, subtrees = (gone.size, list(gone.subtrees)) if gone else (0, [])
        self._size, self._levels, self._starts = before + len(leaves), list[list[bytes]](), list[int]()
        level = list(leaves)
        while True:
            start = before >> len(self._levels)
            if start & 1:
                level.insert(0, subtrees.pop())
            self._levels.append(level)
            self._starts.append(start & ~1)
            if len(level) <= 1 and not subtrees:
                break
            level = pairs_hashed(level)

    def __len__(self) -> int:
        """Return the number of leaves."""
        return self._size

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first `size` leaves, over all where it is left out."""
        return self._range(0, self._checked(size))

    def inclusion(self, leaf: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of a leaf (counted from 0) in the tree of the first `size` leaves, RFC 6962 2.1.1."""
        within = self._checked(size)
        if not 0 <= leaf < within:
            raise ValueError(f"a leaf of a tree of {within} is from 0 to {within - 1}; {leaf} was given")
        path: list[bytes] = []
        first, last = 0, within
        while last - first > 1:
            middle = first + _split(last - first)
            if leaf < middle:
                path.append(self._range(middle, last))
                last = middle
            else:
                path.append(self._range(first, middle))
                first = middle
        return path[::-1]

    def consistency(self, older: int, size: int | None = None) -> list[bytes]:
        """Return the proof that the first `older` leaves begin the tree of the first `size`, RFC 6962 2.1.2."""
        within = self._checked(size)
        if not 0 < older <= within:
            raise ValueError(f"an older tree of {within} leaves has from 1 to {within}; {older} was given")
        path: list[bytes] = []
        first, last = 0, within
        while older < last:
            middle = first + _split(last - first)
            if older <= middle:
                path.append(self._range(middle, last))
                last = middle
            else:
                path.append(self._range(first, middle))
                first = middle
        return [*([self._range(first, last)] if first else []), *path[::-1]]

    def _checked(self, size: int | None) -> int:
        within = len(self) if size is None else size
        if not 0 <= within <= len(self):
            raise ValueError(f"this tree has {len(self)} leaves; one of {within} was asked for")
        return within

    def _range(self, first: int, last: int) -> bytes:
        """Return the root over leaves from `first` to before `last`; `first` is a multiple of a power of two above."""
        subtrees: list[bytes] = []
        while first < last:
            height = (last - first).bit_length() - 1
            place = (first >> height) - self._starts[height]
            if place < 0:
                raise ValueError(f"leaves from {first} to before {first + (1 << height)} are gone")
            subtrees.append(self._levels[height][place])
            first += 1 << height
        return folded(subtrees)


def _split(count: int) -> int:
    """Return the largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)
