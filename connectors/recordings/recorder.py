"""Keeps what goes over the wires of a venue, line by line, before anything looks at it; and reads it while it grows.

Files are `<folder>/<number>.log` in order, each begun by one process; a file is left for the next at 256 MiB. Times
within them rise strictly, also from file to file. A line is written whole: who is killed leaves at most a last line
without its end, which `tail` does not hand on.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from connectors.recordings.session_lines import DamagedLine, SessionLine, Traffic, format_line, parse_line

FILE_BYTES_MAX = 256 * 2**20
READ_BYTES = 2**20


class Reached(NamedTuple):
    """All that was received before `at` (ns UTC) stands in files before `file`, and in its first `size` bytes."""

    file: int
    size: int
    at: int


class Recorder:
    """Appends lines, from any thread; `now` tells the time (ns UTC)."""

    def __init__(self, folder: Path, now: Callable[[], int], bytes_max: int = FILE_BYTES_MAX) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._now, self._bytes_max = folder, now, bytes_max
        self._lock = threading.Lock()
        numbers = recording_numbers(folder)
        self._last_at = last_instant(folder) if numbers else 0
        self._number = numbers[-1] if numbers else 0
        self._size = 0
        self._file = self._opened()

    def keep(self, traffic: Traffic, address: str, text: bytes = b"") -> SessionLine:
        """Write a line with the time of now; return it. Line ends within a text become spaces, as JSON allows."""
        with self._lock:
            self._last_at = max(self._now(), self._last_at + 1)
            line = SessionLine(
                traffic, self._last_at, address, text.replace(b"\n", b" ").replace(b"\r", b" ")
            )
            written = format_line(line)
            if self._size and self._size + len(written) > self._bytes_max:
                self._file.close()
                self._file = self._opened()
            self._file.write(written)
            self._size += len(written)
            return line

    def notice(self, address: str, state: str, reason: str) -> SessionLine:
        """Write what the transport noticed: a state of `market.health` and why."""
        return self.keep(Traffic.NOTICED, address, json.dumps({"state": state, "reason": reason}).encode())

    def reached(self) -> Reached:
        """Return how far the recording is; whatever is received from now on has a later time."""
        with self._lock:
            self._last_at = max(self._now(), self._last_at)
            return Reached(self._number, self._size, self._last_at)

    def synchronise(self) -> None:
        """Have what is written on the disk."""
        with self._lock:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write nothing more."""
        with self._lock:
            self._file.close()

    def _opened(self) -> FileIO:
        self._number, self._size = self._number + 1, 0
        return FileIO(recording_path(self._folder, self._number), "xb")


def recording_path(folder: Path, number: int) -> Path:
    """Return the path of a file of a recording."""
    return folder / f"{number:06d}.log"


def recording_numbers(folder: Path) -> list[int]:
    """Return the numbers of the files of a recording, in order."""
    return sorted(int(path.stem) for path in folder.glob("*.log") if path.stem.isdecimal())


def first_instant(folder: Path, number: int = 0) -> int:
    """Return the time of the first line (ns UTC), of a file where one is named; 0 where there is none."""
    for one in [number] if number else recording_numbers(folder):
        with recording_path(folder, one).open("rb") as file:
            for line in file:
                parsed = _parsed(line.rstrip(b"\n"))
                if parsed is not None:
                    return parsed.at
    return 0


def last_instant(folder: Path) -> int:
    """Return the time of the last whole line (ns UTC), 0 where there is none."""
    for number in reversed(recording_numbers(folder)):
        content = recording_path(folder, number).read_bytes()
        for line in reversed(content.split(b"\n")[:-1]):
            parsed = _parsed(line)
            if parsed is not None:
                return parsed.at
    return 0


class Tail:
    """Reads a recording in order, as far as whoever writes it has come."""

    def __init__(self, folder: Path, first: int = 1) -> None:
        self._folder, self._number = folder, first
        self._offset = 0

    def read(self, reached: Reached) -> Iterator[list[SessionLine]]:
        """Yield the lines up to there that were not read yet, about a mebibyte at a time."""
        while self._number <= reached.file:
            path = recording_path(self._folder, self._number)
            size = reached.size if self._number == reached.file else path.stat().st_size
            while self._offset < size:
                with path.open("rb") as file:
                    file.seek(self._offset)
                    content = file.read(min(READ_BYTES, size - self._offset))
                    if b"\n" not in content:
                        content += file.readline(size - self._offset - len(content))
                end = content.rfind(b"\n") + 1
                if not end:
                    break
                self._offset += end
                yield [line for line in map(_parsed, content[:end].split(b"\n")) if line is not None]
            if self._number == reached.file:
                return
            self._number, self._offset = self._number + 1, 0


def _parsed(line: bytes) -> SessionLine | None:
    try:
        return parse_line(line)
    except DamagedLine:
        return None
