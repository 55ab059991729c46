"""Lines of a recorded session: connects, what was sent and received, REST answers, and what the transport noticed.

A line is `ADDRESS <-> t` (connected), `ADDRESS <- t: TEXT` (sent), `t: TEXT` (received), `ADDRESS -> t: TEXT` (answer
of a REST request) or `ADDRESS <!> t: TEXT` (noticed by the transport), t being seconds since 1970 as a decimal with up
to nine digits after the point, read to the nanosecond. The second kind of file has `t TEXT` with t in nanoseconds, and
REST snapshots among what was received. Blank lines, and a recorder's `configuration:`, hold nothing.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from connectors.source import SourceError

LINE_BYTES_MAX = 64 * 2**20
_GZIP = b"\x1f\x8b"
_PREFIXED = re.compile(
    rb"((?:wss?|https?)://\S+) (<->|<-|->|<!>) (\d{1,12})(?:\.(\d{1,9}))?(?:: (.*))?\Z", re.DOTALL
)
_RECEIVED = re.compile(rb"(\d{1,12})(?:\.(\d{1,9}))?: (.*)\Z", re.DOTALL)
_COMBINED = re.compile(rb"(\d{16,19}) (.*)\Z", re.DOTALL)
_SECOND = 10**9

HOSTS = (
    ("fapi.binance.", "binance_futures"),
    ("fstream.binance.", "binance_futures"),
    ("dapi.binance.", "binance_futures"),
    ("dstream.binance.", "binance_futures"),
    ("binance.", "binance"),
    ("coinbase.", "coinbase"),
    ("kraken.", "kraken"),
    ("bitstamp.", "bitstamp"),
    ("bybit.", "bybit"),
    ("okx.", "okx"),
)
"""A part of a venue's addresses, and the venue; the first that fits counts."""


class Traffic(StrEnum):
    """What a line of a session is."""

    CONNECTED = "<->"
    SENT = "<-"
    RECEIVED = ""
    ANSWERED = "->"
    NOTICED = "<!>"


class SessionLine(NamedTuple):
    """One line: `at` in ns UTC, `address` empty where the line names none, `text` as it came over the wire."""

    traffic: Traffic
    at: int
    address: str
    text: bytes


class DamagedLine(ValueError):
    """A line that is none of a recorded session."""


def parse_line(line: bytes) -> SessionLine | None:
    """Return what a line (without its line end) holds, None where it holds nothing; raises DamagedLine."""
    if found := _RECEIVED.match(line):
        return SessionLine(Traffic.RECEIVED, _instant(found[1], found[2]), "", found[3])
    if found := _COMBINED.match(line):
        return SessionLine(Traffic.RECEIVED, int(found[1]), "", found[2])
    if found := _PREFIXED.match(line):
        return SessionLine(
            Traffic(found[2].decode()), _instant(found[3], found[4]), found[1].decode(), found[5] or b""
        )
    if not line.strip() or line.startswith(b"configuration: "):
        return None
    raise DamagedLine(
        f"a line of a session begins with an address or with the time of its receipt; {line[:60]!r} was given"
    )


def format_line(line: SessionLine) -> bytes:
    """Return the line as it is kept, with its line end; `parse_line` gives it back."""
    seconds, rest = divmod(line.at, _SECOND)
    at = f"{seconds}.{rest:09d}".encode()
    if line.traffic is Traffic.RECEIVED:
        return at + b": " + line.text + b"\n"
    head = f"{line.address} {line.traffic} ".encode() + at
    return head + b"\n" if line.traffic is Traffic.CONNECTED else head + b": " + line.text + b"\n"


def _instant(seconds: bytes, digits: bytes | None) -> int:
    return int(seconds) * _SECOND + int((digits or b"").ljust(9, b"0"))


def session_lines(path: Path) -> Iterator[SessionLine]:
    """Yield the lines of a file, plain or gzip; raises SourceError with the line that cannot be read."""
    number = 0
    try:
        with path.open("rb") as probe:
            opener = gzip.open if probe.read(2) == _GZIP else open
        with opener(path, "rb") as file:
            while line := file.readline(LINE_BYTES_MAX):
                number += 1
                parsed = parse_line(line.rstrip(b"\r\n"))
                if parsed is not None:
                    yield parsed
    except DamagedLine as damage:
        raise SourceError(
            f"{path}, line {number}: {damage}; give files of recorded websocket sessions"
        ) from damage
    except (OSError, EOFError, zlib.error) as failure:
        raise SourceError(f"{path} cannot be read after line {number} ({failure}); restore it") from failure
