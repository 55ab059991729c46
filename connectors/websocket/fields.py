"""The wanted values of many frames of one shape, as columns: numbers, whole numbers, instants, words, texts.

A `Shape` names values by their paths: `data.p` is `p` in `data`, `1.c` is `c` in the second element of an array. Fields
hold where each value stands in the text of a block; asking for a column reads it. A frame in which a value that must be
there is not, or is not what it should be, is doubted, with the reason, and answers nothing else.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.websocket.json_scan import (
    FINE,
    LONG,
    WRONG,
    decimals,
    instants,
    scan,
    words,
)
from domain.market import Float64, Int64

ISO, NANOSECOND, MICROSECOND, MILLISECOND, SECOND = 0, 1, 10**3, 10**6, 10**9
"""Units in which venues write instants (ns); ISO 8601 has none."""
_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_LIST = ord("[")
_ROW_LETTERS = 2
"""An element of a list that is a row takes as many letters at least."""


class Shape:
    """The paths that are wanted of a frame; those of `needed` must be there.

    The elements of the arrays at `lists` (which are among the paths) are rows, of which `row` says what is wanted.
    """

    def __init__(
        self,
        *needed: str,
        optional: Sequence[str] = (),
        lists: Sequence[str] = (),
        row: "Shape | None" = None,
    ) -> None:
        self.paths = (*needed, *optional)
        self.needed, self.lists, self.row = len(needed), tuple(lists), row
        self.slots = {path: slot for slot, path in enumerate(self.paths)}
        self._keys, self._nodes = [""], [[-1, -1, -1, 0, -1]]
        self._places: dict[tuple[str, ...], int] = {(): 0}
        for path, slot in self.slots.items():
            self._nodes[self._place(tuple(path.split(".")))][2] = slot
        for number, path in enumerate(self.lists):
            parts = tuple(path.split("."))
            self._nodes[self._place(parts)][4] = number
            for inner, slot in (row.slots if row is not None else {}).items():
                self._nodes[self._place((*parts, "*", *inner.split(".")))][2:4] = slot, 1
        self.tree, self.keys = _tree(self._keys, self._nodes)

    def _place(self, parts: tuple[str, ...]) -> int:
        """Return the node of a path, made where it is not there."""
        if parts not in self._places:
            parent = self._place(parts[:-1])
            self._places[parts] = len(self._keys)
            self._keys.append(parts[-1])
            self._nodes.append([parent, -1, -1, 0, -1])
        return self._places[parts]


def _tree(keys: list[str], nodes: list[list[int]]) -> tuple[Int64, NDArray[np.uint8]]:
    """Return the tree of paths that `json_scan` asks for, and the letters of its keys."""
    child, sibling = np.full((2, len(keys)), -1, np.int64)
    for node in range(len(keys) - 1, 0, -1):
        parent = nodes[node][0]
        sibling[node], child[parent] = child[parent], node
    ends = np.cumsum([len(key) for key in keys])
    starts = ends - [len(key) for key in keys]
    indices = [int(key) if key.isdecimal() else -2 if key == "*" else -1 for key in keys]
    tree = np.column_stack((child, sibling, starts, ends, indices, np.array(nodes)[:, 2:]))
    return tree, np.frombuffer("".join(keys).encode() or b"\0", np.uint8)


def word(text: str) -> int:
    """Return a word of up to eight letters as `Fields.words` has it."""
    return int.from_bytes(text.encode(), "little")


class Scratch:
    """Room for places, kept from block to block: what is asked of the system anew costs more than filling it."""

    def __init__(self) -> None:
        self._room = np.empty(0, np.int64)

    def arrays(self, *shapes: tuple[int, ...]) -> list[Int64]:
        """Return arrays of shapes, which hold anything, and until the next call."""
        sizes = [math.prod(shape) for shape in shapes]
        if sum(sizes) > len(self._room):
            self._room = np.empty(2 * sum(sizes), np.int64)
        ends = np.cumsum(sizes).tolist()
        return [
            self._room[end - size : end].reshape(shape)
            for shape, size, end in zip(shapes, sizes, ends, strict=True)
        ]


class Texts(NamedTuple):
    """Frames as parts of one text, of which `letters` are the same bytes: where each begins and ends."""

    text: bytes
    letters: NDArray[np.uint8]
    begin: Int64
    end: Int64

    @classmethod
    def of(cls, frames: Sequence[bytes]) -> "Texts":
        """Return frames one after the other."""
        text = b"".join(frames)
        end = np.cumsum(np.fromiter(map(len, frames), np.int64, len(frames)))
        begin = np.concatenate((np.zeros(1, np.int64), end[:-1]))[: len(frames)]
        return cls(text, np.frombuffer(text or b"\0", np.uint8), begin, end)

    def some(self, rows: Int64) -> "Texts":
        """Return some of the frames."""
        return self._replace(begin=self.begin[rows], end=self.end[rows])


class Fields:
    """Where the values of `shape` stand in `text`: `starts` and `stops` (paths, frames), -1 where one is not.

    `doubted` marks frames that cannot be read, `reasons` says why. `rows` are the elements of the shape's lists, of
    which `row` says the frame and `which` the list; the rows of a shape without lists are its frames.
    """

    def __init__(
        self, text: bytes, letters: NDArray[np.uint8], shape: Shape, places: Int64, row: Int64
    ) -> None:
        self.text, self.letters, self.shape = text, letters, shape
        (self.starts, self.stops), self.row = places, row
        self.doubted: NDArray[np.bool_] = np.zeros(len(row), np.bool_)
        self.reasons: dict[int, str] = {}
        self.rows = self
        self.which: Int64 = np.empty(0, np.int64)
        self._read: dict[int, tuple[Float64, Int64, Int64, bool]] = {}

    @classmethod
    def of(cls, frames: Texts, shape: Shape, scratch: Scratch) -> "Fields":
        """Return the fields of frames; those that are no JSON, or lack what is needed, are doubted.

        They are of use until the next are made in the same scratch.
        """
        text, letters, begin, end = frames
        count, room = len(begin), 0
        if shape.lists:
            room = int((end - begin).sum()) // _ROW_LETTERS + 1
        slots, row_slots = len(shape.paths), len(shape.row.paths) if shape.row else 0
        places, rows, owners = scratch.arrays((2, slots, count), (2, row_slots, room), (2, room))
        whole = np.zeros(count, np.bool_)
        count = scan(letters, begin, end, shape.tree, shape.keys, places, rows, owners, whole)
        fields = cls(text, letters, shape, places, np.arange(len(begin)))
        fields.doubt(
            ~whole, lambda _: "no JSON: it is not whole, something follows it, or a list holds no rows"
        )
        fields.lacking()
        if shape.row is not None:
            fields.rows = cls(text, letters, shape.row, rows[:, :, :count], owners[0, :count])
            fields.rows.which = owners[1, :count]
            fields.rows.lacking()
        return fields

    def lacking(self) -> None:
        """Doubt what has not all that is needed, and what is no list although its elements are wanted."""
        needed = self.shape.paths[: self.shape.needed]
        if (self.starts[: len(needed)] < 0).any():
            for path, starts in zip(needed, self.starts, strict=False):
                self.doubt(starts < 0, self._missing(path))
        for path in self.shape.lists:
            if path in needed:
                first = self.letters[np.maximum(self.starts[self.shape.slots[path]], 0)]
                self.doubt(first != _LIST, self._unlike(path, "list"))

    def doubt(self, which: NDArray[np.bool_], reason: Callable[[int], str]) -> None:
        """Mark frames as unreadable, and say why of those that were not before; an empty reason says nothing."""
        if not which.any():
            return
        for at in np.flatnonzero(which & ~self.doubted):
            self.reasons[int(at)] = reason(int(at))
        self.doubted |= which

    def __len__(self) -> int:
        return len(self.row)

    def given(self, path: str) -> NDArray[np.bool_]:
        """Say where there is a value, null included."""
        found: NDArray[np.bool_] = self.starts[self.shape.slots[path]] >= 0
        return found

    def floats(self, path: str) -> Float64:
        """Return numbers, written as such or as text; NaN where there is none."""
        return self._decimals(path)[0]

    def digits(self, path: str) -> Int64:
        """Return the digits of decimals without their point, -1 where there are none."""
        slot = self.shape.slots[path]
        _, read, how, _ = self._decimals(path)
        digits = np.where(how == WRONG, -1, read)
        for at in np.flatnonzero(how == LONG).tolist():
            text = self._bytes(slot, at).replace(b".", b"")
            number = int(text) if text.isdigit() else -1
            digits[at] = number if number < 2**63 else -1
        return digits

    def integers(self, path: str, missing: int = -1) -> Int64:
        """Return whole numbers, written as such or as text; a frame in which it is something else is doubted."""
        values, digits, how, integral = self._decimals(path)
        if integral:
            return digits
        given = self.given(path)
        self.doubt(given & ((how != FINE) | (values != digits)), self._unlike(path, "whole number"))
        return np.where(given, digits, missing)

    def instants(self, *paths: str, unit: int, missing: int | None = None) -> Int64:
        """Return instants (ns UTC), of the first path that has one above 0.

        A frame in which one is written wrongly is doubted, and one without where there is no value for `missing`.
        """
        found = np.zeros(len(self), np.int64)
        for path in paths:
            slot = self.shape.slots[path]
            read = np.empty(len(self), np.int64)
            least = instants(self.letters, self.starts[slot], self.stops[slot], unit, read)
            if least > 0 and path == paths[0]:
                return read
            self.doubt((read < 0) & (self.starts[slot] >= 0), self._unlike(path, "instant"))
            found = np.where(found > 0, found, np.maximum(read, 0))
        if missing is None:
            self.doubt(found <= 0, self._unlike(paths[-1], "instant above 0"))
            return found
        return np.where(found > 0, found, missing)

    def words(self, path: str) -> NDArray[np.uint64]:
        """Return words as numbers, as `word` makes them; 0 where there is none of eight letters or less."""
        slot = self.shape.slots[path]
        found = np.empty(len(self), np.uint64)
        words(self.letters, self.starts[slot], self.stops[slot], found)
        return found

    def chosen(self, path: str, values: dict[str, float]) -> Float64:
        """Return what words stand for; a frame with another word is doubted."""
        found, chosen = self.words(path), np.full(len(self), np.nan)
        for text, value in values.items():
            chosen[found == word(text)] = value
        self.doubt(np.isnan(chosen), self._unlike(path, " or ".join(values)))
        return chosen

    def texts(self, path: str) -> list[str]:
        """Return texts without their quotation marks, empty where there is none."""
        slot = self.shape.slots[path]
        pairs = zip(self.starts[slot].tolist(), self.stops[slot].tolist(), strict=True)
        quoted = self.text
        return [quoted[start:stop].decode(errors="replace").strip('"') for start, stop in pairs]

    def believed_rows(self, rows: "Fields") -> None:
        """Doubt every frame of which an element is doubted."""
        if rows.doubted.any():
            reasons = {int(rows.row[at]): reason for at, reason in rows.reasons.items()}
            which = np.zeros(len(self), np.bool_)
            which[rows.row[rows.doubted]] = True
            self.doubt(which, lambda at: reasons[at])

    def _decimals(self, path: str) -> tuple[Float64, Int64, Int64, bool]:
        slot = self.shape.slots[path]
        if slot in self._read:
            return self._read[slot]
        values, (digits, how) = np.empty(len(self)), np.empty((2, len(self)), np.int64)
        fine, integral = decimals(self.letters, self.starts[slot], self.stops[slot], values, digits, how)
        for at in () if fine else np.flatnonzero(how == LONG).tolist():
            text = self._bytes(slot, at)
            if _NUMBER.fullmatch(text):
                values[at] = float(text)
            else:
                how[at] = WRONG
        self._read[slot] = values, digits, how, integral
        return self._read[slot]

    def _bytes(self, slot: int, at: int) -> bytes:
        return self.text[self.starts[slot, at] : self.stops[slot, at]].strip(b'"')

    def _missing(self, path: str) -> Callable[[int], str]:
        return lambda _: f"unexpected content: {path!r} is missing"

    def _unlike(self, path: str, wanted: str) -> Callable[[int], str]:
        slot = self.shape.slots[path]
        return lambda at: (
            f"unexpected content: {path!r} is no {wanted}; "
            f"{self._bytes(slot, at)[:40].decode(errors='replace')!r} was given"
        )
