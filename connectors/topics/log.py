"""One partition of an embedded topic: an append-only file of checked frames.

    frame    length u32 of the payload, crc32 u32 of the payload, payload; little endian
    payload  watermark i64, flags u16, number of parts u16, 4 spare bytes,
             then for each part: number of its first row u64, number of its rows u64, then the body

A body begins at a multiple of 16 bytes in its payload. Frames are never changed or taken back once whole: a
reader may keep its offset through any restart of the writer. Bytes after the last whole frame are a frame
that is being written, or that a killed writer left behind; the next writer cuts them off.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.market import UInt8

PREFIX = struct.Struct("<II")
HEAD = struct.Struct("<qHHI")
ENDED = 1
READ_BYTES_MAX = 8 * 1024 * 1024
FRAME_BYTES_MAX = 1024 * 1024 * 1024
FIRST_WATERMARK = np.iinfo(np.int64).min


class TopicBusy(RuntimeError):
    """Another writer holds this partition."""


class TopicDamaged(RuntimeError):
    """A partition holds bytes that are no frame, and frames after them."""


class Frame(NamedTuple):
    """One frame as it was read: `firsts` and `counts` number the rows of each part, `body` is writable memory."""

    watermark: int
    ended: bool
    firsts: tuple[int, ...]
    counts: tuple[int, ...]
    body: UInt8


def widened(rows: tuple[int, ...], parts: int) -> tuple[int, ...]:
    """Return numbers of rows for `parts` parts; those that were not known when they were counted have none."""
    return (*rows, *(0,) * (parts - len(rows)))


def partition_path(folder: Path, topic: str, partition: str) -> Path:
    """Return the file of a partition."""
    return folder / topic / f"{partition}.log"


def frame_bytes(
    watermark: int, firsts: tuple[int, ...], counts: tuple[int, ...], body: bytes, *, ended: bool
) -> bytes:
    """Return a whole frame."""
    head = HEAD.pack(watermark, ENDED if ended else 0, len(counts), 0)
    numbers = np.array([*zip(firsts, counts, strict=True)], "<u8").tobytes()
    payload = b"".join((head, numbers, body))
    return PREFIX.pack(len(payload), zlib.crc32(payload)) + payload


class LogReader:
    """Reads the whole frames of a partition from an offset on; never waits. A missing file is one without frames."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.offset = offset
        self._path = path
        self._descriptor: int | None = None

    def frames(self, bytes_max: int = READ_BYTES_MAX) -> Iterator[Frame]:
        """Yield the whole frames that follow, about `bytes_max` of them, moving `offset` past each.

        Raises TopicDamaged where a frame has an impossible length, or fails its check and others follow it.
        """
        size = self._size()
        stop = self.offset + bytes_max
        while self.offset < min(size, stop):
            frame = self._frame(size)
            if frame is None:
                return
            yield frame

    def _size(self) -> int:
        if self._descriptor is None:
            if not self._path.exists():
                return 0
            self._descriptor = os.open(self._path, os.O_RDONLY)
        return os.fstat(self._descriptor).st_size

    def _frame(self, size: int) -> Frame | None:
        """Return the frame at the offset, or None where it is not whole yet."""
        if self._descriptor is None:
            return None
        prefix = os.pread(self._descriptor, PREFIX.size, self.offset)
        if len(prefix) < PREFIX.size:
            return None
        length, check = PREFIX.unpack(prefix)
        end = self.offset + PREFIX.size + length
        if (0 < length < HEAD.size) or length > FRAME_BYTES_MAX:
            raise self._damaged()
        if length == 0 or end > size:
            return None
        payload = np.empty(length, np.uint8)
        read = os.preadv(self._descriptor, [payload.data], self.offset + PREFIX.size)
        if read < length or zlib.crc32(payload.data) != check:
            if end < size:
                raise self._damaged()
            return None
        self.offset = end
        return _parsed(payload)

    def _damaged(self) -> TopicDamaged:
        return TopicDamaged(
            f"{self._path} is damaged at byte {self.offset}: no frame begins there; restore the file"
        )

    def close(self) -> None:
        """Let the file go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _parsed(payload: NDArray[np.uint8]) -> Frame:
    watermark, flags, parts, _ = HEAD.unpack_from(payload.data)
    start = HEAD.size + 16 * parts
    numbers = payload[HEAD.size : start].view("<u8").reshape(parts, 2)
    return Frame(
        watermark,
        bool(flags & ENDED),
        tuple(numbers[:, 0].tolist()),
        tuple(numbers[:, 1].tolist()),
        payload[start:],
    )


class LogWriter:
    """Appends frames to a partition; the only writer of it, as long as it lives.

    On opening it reads on from `offset` (a snapshot's) to the last whole frame, and cuts off what follows.
    `rows` is how many rows of each part the log holds, 0 of a part that older frames know nothing of; `watermark` and
    `ended` are of its last frame. Raises TopicBusy, TopicDamaged, and ValueError where the file is shorter than the
    offset.
    """

    def __init__(
        self,
        path: Path,
        parts: int,
        offset: int = 0,
        rows: tuple[int, ...] | None = None,
        watermark: int = FIRST_WATERMARK,
        *,
        ended: bool = False,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._lock(path)
        self._parts = parts
        self.rows = widened(rows or (), parts)
        self.watermark, self.ended, self.offset = watermark, ended, offset
        if os.fstat(self._descriptor).st_size < offset:
            self.close()
            raise TopicDamaged(
                f"{path} is shorter than the {offset} bytes that were committed; restore the topics folder together "
                f"with the recovery folder"
            )
        try:
            self._catch_up(path)
        except BaseException:
            self.close()
            raise

    def _lock(self, path: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as busy:
            os.close(self._descriptor)
            raise TopicBusy(
                f"{path} is being written by another process; a partition has one writer; stop it, or give this run "
                f"another topics folder"
            ) from busy

    def _catch_up(self, path: Path) -> None:
        """Take note of the frames after the snapshot, and cut a torn one off."""
        reader = LogReader(path, self.offset)
        while True:
            before = reader.offset
            for frame in reader.frames():
                self._note(frame.watermark, frame.firsts, frame.counts, ended=frame.ended)
            if reader.offset == before:
                break
        reader.close()
        self.offset = reader.offset
        os.ftruncate(self._descriptor, self.offset)

    def _note(self, watermark: int, firsts: tuple[int, ...], counts: tuple[int, ...], *, ended: bool) -> None:
        rows = tuple(first + count for first, count in zip(firsts, counts, strict=True))
        self.rows = widened(rows, self._parts)
        self.watermark, self.ended = max(self.watermark, watermark), ended or self.ended

    def append(self, watermark: int, counts: tuple[int, ...], body: bytes, *, ended: bool = False) -> None:
        """Write one frame of the next rows of each part; raises ValueError for one above `FRAME_BYTES_MAX`."""
        if len(body) > FRAME_BYTES_MAX - 65_536:
            raise ValueError(f"a frame holds up to {FRAME_BYTES_MAX} bytes; {len(body)} were given")
        remaining = memoryview(frame_bytes(watermark, self.rows, counts, body, ended=ended))
        while remaining:
            written = os.pwrite(self._descriptor, remaining, self.offset)
            remaining, self.offset = remaining[written:], self.offset + written
        self._note(watermark, self.rows, counts, ended=ended)

    def synchronise(self) -> None:
        """Force the frames to the disk."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let the partition go."""
        os.close(self._descriptor)
