"""Paged states: of a large state, only what has changed since the last snapshot is written.

The arrays of a state that has large ones are cut into pages. A snapshot compares each page with what it was, writes
the changed ones to a file beside the recovery store, forces them to the disk, and names them all by place and
checksum; the rest of the state is pickled as ever. So a snapshot costs what changed, and Bytewax, which stops the
flow until everything is stored, stores a few kilobytes.

A page that the last `SNAPSHOTS_KEPT` snapshots name is never written over. A process begins a file of its own and only
reads the one it resumes from, which it takes away after as many snapshots.
"""

import os
import pickle
import shutil
import zlib
from collections import deque
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

WORDS_PER_PAGE = 1024
PAGE_BYTES = 8 * WORDS_PER_PAGE
PAGED_BYTES_MIN = 262_144
SNAPSHOTS_KEPT = 3

Words = NDArray[np.uint64]


class StateDamaged(RuntimeError):
    """A stored state names pages that are not there any more as they were written."""


class Held(NamedTuple):
    """An array as it was stored last: its words, and where each page is, with its CRC-32."""

    words: Words
    slots: NDArray[np.int32]
    sums: NDArray[np.uint32]


class Pages:
    """A folder of page files, one for each state of one process; `in_use` are those that must stay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.in_use: set[Path] = set()

    def begin(self, step_name: str) -> Path:
        """Make a new, empty page file for a state of a step."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in count():
            path = self.folder / f"{step_name}-{number}.pages"
            if not path.exists():
                path.touch(exist_ok=False)
                self.in_use.add(path)
                _synchronise(self.folder)
                return path
        raise AssertionError  # count() has no end

    def sweep(self, step_name: str) -> None:
        """Take away a step's files that nobody resumes from."""
        for path in sorted(self.folder.glob(f"{step_name}-*.pages")):
            if path not in self.in_use:
                path.unlink()


@njit(cache=True, nogil=True)
def changed_pages(now: Words, before: Words) -> NDArray[np.bool_]:
    """Say of each page whether it differs; both arrays have the same length."""
    pages = (len(now) + WORDS_PER_PAGE - 1) // WORDS_PER_PAGE
    changed = np.zeros(pages, np.bool_)
    for page in range(pages):
        start = page * WORDS_PER_PAGE
        difference = np.uint64(0)
        for word in range(start, min(start + WORDS_PER_PAGE, len(now))):
            difference |= now[word] ^ before[word]
        changed[page] = difference != 0
    return changed


class PagedState:
    """Stores one state again and again, and reads it back."""

    def __init__(self, pages: Pages, step_name: str) -> None:
        self._pages, self._step_name = pages, step_name
        self._path: Path | None = None
        self._resumed_from: Path | None = None
        self._held: dict[tuple[int, int, int], Held] = {}
        self._slots, self._free = 0, list[int]()
        self._dropped: deque[list[int]] = deque()
        self._snapshots = 0

    def store(self, state: Any) -> tuple[bytes, int]:
        """Return what names the state as it is now, and how many bytes the whole state takes."""
        arrays: list[Words] = []

        def taken(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes < PAGE_BYTES or raw.nbytes % 8:
                return True
            arrays.append(np.frombuffer(raw, np.uint64))
            return False

        head = pickle.dumps(state, protocol=5, buffer_callback=taken)
        if sum(array.nbytes for array in arrays) < PAGED_BYTES_MIN:
            head, arrays = pickle.dumps(state, protocol=5), []
        self._begin_snapshot()
        name = self._write(arrays) if arrays or self._held else ""
        named = [(len(held.words), held.slots.copy(), held.sums.copy()) for held in self._held.values()]
        stored = pickle.dumps((name, head, named), protocol=5)
        return stored, len(head) + sum(array.nbytes for array in arrays)

    def _begin_snapshot(self) -> None:
        """Let pages be written over that no snapshot needs any more, and take old files away."""
        self._dropped.append([])
        if len(self._dropped) > SNAPSHOTS_KEPT:
            self._free += self._dropped.popleft()
        self._snapshots += 1
        if self._snapshots == SNAPSHOTS_KEPT + 1:
            if self._resumed_from is not None:
                self._pages.in_use.discard(self._resumed_from)
            self._pages.sweep(self._step_name)

    def _write(self, arrays: list[Words]) -> str:
        """Write the changed pages of a state's arrays; return the name of the file that holds them all."""
        if self._path is None:
            self._path = self._pages.begin(self._step_name)
        before, self._held = self._held, {}
        wrote = False
        descriptor = os.open(self._path, os.O_WRONLY)
        try:
            for array in arrays:
                key = (array.__array_interface__["data"][0], len(array), 0)
                while key in self._held:
                    key = (*key[:2], key[2] + 1)
                held = before.pop(key, None)
                changed = None if held is None else changed_pages(array, held.words)
                self._held[key] = held = held or _unwritten(array)
                for page in range(len(held.slots)) if changed is None else np.flatnonzero(changed).tolist():
                    self._write_page(descriptor, array, held, page)
                    wrote = True
            if wrote:
                os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        for gone in before.values():
            self._dropped[-1].extend(gone.slots.tolist())
        return self._path.name

    def _write_page(self, descriptor: int, array: Words, held: Held, page: int) -> None:
        part = slice(page * WORDS_PER_PAGE, (page + 1) * WORDS_PER_PAGE)
        held.words[part] = array[part]
        if held.slots[page] >= 0:
            self._dropped[-1].append(int(held.slots[page]))
        if self._free:
            slot = self._free.pop()
        else:
            slot, self._slots = self._slots, self._slots + 1
        content = held.words[part].tobytes()
        if os.pwrite(descriptor, content, slot * PAGE_BYTES) != len(content):
            raise OSError(f"a page of {self._path} could not be written whole; make room on the disk")
        held.slots[page], held.sums[page] = slot, zlib.crc32(content)

    def load(self, stored: bytes) -> Any:
        """Return the state that a snapshot names; raises StateDamaged where pages are missing or differ."""
        name, head, named = pickle.loads(stored)  # noqa: S301  written by this program into its own recovery folder
        arrays: list[Words] = []
        if name:
            self._resumed_from = self._pages.folder / name
            self._pages.in_use.add(self._resumed_from)
            arrays = _read(self._resumed_from, named)
        return pickle.loads(head, buffers=arrays)  # noqa: S301  the same


def carried(snapshot: bytes, source: Path, target: Path) -> bytes:
    """Copy the page file of a pickled snapshot to another folder; return the snapshot that names the copy.

    What is no snapshot of a paged state, or has no pages, is returned as it is. Raises StateDamaged where the file is
    missing.
    """
    stored = pickle.loads(snapshot)  # noqa: S301  written by this program into its own recovery folder
    named = pickle.loads(stored) if isinstance(stored, bytes) else None  # noqa: S301  the same
    match named:
        case (str(name), bytes(head), list(pages)) if name:
            path = Pages(target).begin(name.rpartition("-")[0])
            _copy(source / name, path)
            return pickle.dumps(pickle.dumps((path.name, head, pages), protocol=5))
    return snapshot


def _copy(source: Path, target: Path) -> None:
    _there(source)
    with source.open("rb") as old, target.open("wb") as new:
        shutil.copyfileobj(old, new, PAGE_BYTES * 128)
        new.flush()
        os.fsync(new.fileno())


def _unwritten(array: Words) -> Held:
    pages = (len(array) + WORDS_PER_PAGE - 1) // WORDS_PER_PAGE
    return Held(np.empty_like(array), np.full(pages, -1, np.int32), np.zeros(pages, np.uint32))


def _read(path: Path, named: list[tuple[int, NDArray[np.int32], NDArray[np.uint32]]]) -> list[Words]:
    _there(path)
    arrays = []
    with path.open("rb") as file:
        for length, slots, sums in named:
            array = np.empty(length, np.uint64)
            for page, (slot, expected) in enumerate(zip(slots.tolist(), sums.tolist(), strict=True)):
                part = array[page * WORDS_PER_PAGE : (page + 1) * WORDS_PER_PAGE]
                file.seek(slot * PAGE_BYTES)
                content = file.read(part.nbytes)
                if len(content) != part.nbytes or zlib.crc32(content) != expected:
                    raise StateDamaged(
                        f"page {slot} of {path} is not as it was written; restore it together with the recovery store "
                        f"beside it, or use a new output folder"
                    )
                part[:] = np.frombuffer(content, np.uint64)
            arrays.append(array)
    return arrays


def _there(path: Path) -> None:
    if not path.exists():
        raise StateDamaged(
            f"{path} is missing; restore it together with the recovery store beside it, or use a new output folder"
        )


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
