"""Stretches of a log: whole lines of one file, few enough to be read at once, and enough to be worth a process."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from connectors.audit.rows import segments

READ_BYTES = 1024 * 1024
STRETCH_BYTES = 8 * READ_BYTES


class Stretch(NamedTuple):
    """Lines of a file from byte `start` to before `stop`; those of the `last` one of a log may end in a torn line."""

    path: Path
    start: int
    stop: int
    last: bool


def stretches(folder: Path) -> list[Stretch]:
    """Return the stretches of a writer's rows as they stand now, in order; what is appended later is in none."""
    found: list[Stretch] = []
    for path in segments(folder):
        size = path.stat().st_size
        with path.open("rb") as file:
            start = 0
            while start < size:
                file.seek(min(size, start + STRETCH_BYTES))
                file.readline()
                stop = min(size, file.tell())
                found.append(Stretch(path, start, stop, last=False))
                start = stop
    return [*found[:-1], *(each._replace(last=True) for each in found[-1:])]


def blocks(stretch: Stretch) -> Iterator[bytes]:
    """Yield the whole lines of a stretch, some at a time.

    A torn line at its end is left out where it is the last of the log, and else ended, to be looked at.
    """
    left, rest = stretch.stop - stretch.start, b""
    with stretch.path.open("rb") as file:
        file.seek(stretch.start)
        while left > 0 and (read := file.read(min(READ_BYTES, left))):
            left -= len(read)
            block = rest + read
            end = block.rfind(b"\n") + 1
            rest = block[end:]
            if end:
                yield block[:end] if rest else block
    if rest and not stretch.last:
        yield rest + b"\n"
