"""Lines of recorded sessions from files, merged in order of receipt, each with its place; damaged ones apart.

Receipt never goes back within a file: a line that was stamped before the one above it takes that one's time.
"""

import gzip
import heapq
import zlib
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from connectors.recordings.session_lines import (
    LINE_BYTES_MAX,
    DamagedLine,
    SessionLine,
    Traffic,
    parse_line,
)

_GZIP = b"\x1f\x8b"
_STREAM = b'{"stream":"'
_BARE_SNAPSHOT = b'{"lastUpdateId"'


class PlacedLine(NamedTuple):
    """A line with its file and number; `line` is None where it is damaged, with `reason` and `raw`."""

    at: int
    file: int
    number: int
    line: SessionLine | None
    reason: str = ""
    raw: bytes = b""


def placed_lines(paths: Sequence[Path]) -> Iterator[PlacedLine]:
    """Yield the lines of all files in order of receipt, those of one instant in order of file and line."""
    files = [_named(_in_file(path, number)) for number, path in enumerate(paths)]
    return files[0] if len(files) == 1 else heapq.merge(*files, key=attrgetter("at", "file", "number"))


def _in_file(path: Path, file: int) -> Iterator[PlacedLine]:
    """Yield the lines of one file; a damaged one is known when the line before it is, the first when the next is."""
    at, waiting = 0, []
    for number, raw, failure in _raw_lines(path):
        reason = failure
        line = None
        if not failure:
            try:
                line = parse_line(raw)
                if line is None:
                    continue
                at = max(at, line.at)
            except DamagedLine as damage:
                reason = str(damage)
        placed = PlacedLine(at, file, number, line and line._replace(at=at), reason, b"" if line else raw)
        if not at:
            waiting.append(placed)
            continue
        yield from (early._replace(at=at) for early in waiting)
        waiting = []
        yield placed


def _raw_lines(path: Path) -> Iterator[tuple[int, bytes, str]]:
    """Yield number and content of lines, without their ends; one with a failure where a file breaks off."""
    number = 0
    try:
        with path.open("rb") as probe:
            opener = gzip.open if probe.read(2) == _GZIP else open
        with opener(path, "rb") as file:
            while raw := file.readline(LINE_BYTES_MAX):
                number += 1
                yield number, raw.rstrip(b"\r\n"), ""
    except (OSError, EOFError, zlib.error) as failure:
        yield number + 1, b"", f"the file cannot be read from here on ({failure}); restore it"


def _named(lines: Iterable[PlacedLine]) -> Iterator[PlacedLine]:
    """Name the instrument of a snapshot that stands bare among streams, where only one was heard in its file."""
    prefix, symbol, several = b"\0", "", False
    for placed in lines:
        line = placed.line
        if line is not None and line.traffic is Traffic.RECEIVED and not line.text.startswith(prefix):
            if line.text.startswith(_STREAM):
                stop = line.text.find(b"@", len(_STREAM)) + 1
                heard = line.text[len(_STREAM) : stop - 1].decode(errors="replace").upper()
                several = several or symbol not in {"", heard}
                prefix, symbol = line.text[:stop], heard
            elif line.text.startswith(_BARE_SNAPSHOT) and symbol and not several:
                address = f"https://api.binance.com/api/v3/depth?symbol={symbol}"
                yield placed._replace(line=SessionLine(Traffic.ANSWERED, line.at, address, line.text))
                continue
        yield placed
