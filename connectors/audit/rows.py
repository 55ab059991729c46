"""A row of the audit log as a line of canonical JSON, chained to the row before it.

    {"entry":{... ,"writer":"decisions","writer_seq":7},"hash":"<64 digits>","prev_hash":"<64 digits>"}

    hash = SHA-256(0x00 || prev_hash || entry)      prev_hash of the first row: 32 zero bytes

`entry` is what stands between `{"entry":` and `,"hash":`, byte for byte, so nobody has to write JSON again to check a
row. The hash is at once the RFC 6962 leaf hash of `prev_hash || entry`: one SHA-256 serves chain and tree
(standards.md 4.2). Keys are sorted and nothing stands between tokens as RFC 8785 wants it; whole numbers keep all their
digits, since instants in nanoseconds do not fit a double.
"""

from binascii import hexlify
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from connectors.audit.merkle import LEAF

GENESIS = bytes(32)
FRONT, MIDDLE, PREVIOUS, BACK = b'{"entry":', b',"hash":"', b'","prev_hash":"', b'"}'
DIGITS = 64
TAIL = len(MIDDLE) + DIGITS + len(PREVIOUS) + DIGITS + len(BACK)
NUMBERED = b'"writer_seq":'
LINE_TAIL = TAIL + 1
SEGMENT_ROWS = 100_000
"""Rows of a file; the next one begins after them, so that files of an age can be put away whole."""


class AuditDamaged(RuntimeError):
    """The log is not what was written: says where, and what to do."""


class Row(NamedTuple):
    """A row as it was read: its entry, its hash and that of the row before it (32 bytes each)."""

    entry: bytes
    hash: bytes
    previous: bytes


class Entry(msgspec.Struct, frozen=True):
    """What an entry says of itself beside its payload; instants in ns UTC."""

    actor: str
    event_id: str
    event_time: int
    recv_time: int
    stream: str
    type: str
    writer: str
    writer_seq: int
    payload: msgspec.Raw = msgspec.Raw(b"{}")


ENTRY = msgspec.json.Decoder(Entry)


def row_hash(previous: bytes, entry: bytes) -> bytes:
    """Return the hash of a row (32 bytes)."""
    return sha256(LEAF + previous + entry).digest()


def line_of(entry: bytes, hash_: bytes, previous: bytes) -> bytes:
    """Return a row's line, with its end."""
    return b'{"entry":%b,"hash":"%b","prev_hash":"%b"}\n' % (
        entry, hash_.hex().encode(), previous.hex().encode(),
    )  # fmt: skip


def row_of(line: bytes) -> Row | None:
    """Return the row of a line without its end, None where the line is none."""
    at = len(line) - TAIL
    if at < len(FRONT) or not line.startswith(FRONT):
        return None
    hashed, chained = at + len(MIDDLE), at + len(MIDDLE) + DIGITS + len(PREVIOUS)
    if line[at:hashed] != MIDDLE or line[chained - len(PREVIOUS) : chained] != PREVIOUS or line[-2:] != BACK:
        return None
    try:
        hash_ = bytes.fromhex(line[hashed : hashed + DIGITS].decode("ascii"))
        previous = bytes.fromhex(line[chained : chained + DIGITS].decode("ascii"))
    except ValueError:
        return None
    if len(hash_) != 32 or len(previous) != 32:
        return None
    return Row(line[len(FRONT) : at], hash_, previous)


def chained(previous: bytes, number: int, bodies: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return the hashes and lines of the rows after row `number` whose hash is `previous`.

    A body is an entry up to and with `"writer_seq":`.
    """
    hashes: list[bytes] = []
    lines: list[bytes] = []
    before = hexlify(previous)
    for place, body in enumerate(bodies, number + 1):
        entry = b"%b%d}" % (body, place)
        previous = sha256(LEAF + previous + entry).digest()
        after = hexlify(previous)
        lines.append(b'{"entry":%b,"hash":"%b","prev_hash":"%b"}\n' % (entry, after, before))
        hashes.append(previous)
        before = after
    return hashes, lines


def followed(lines: Sequence[bytes], previous: bytes, number: int) -> list[bytes]:
    """Return the hashes of the lines (with their ends) that follow from row `number` whose hash is `previous`.

    They end before the first line that does not.
    """
    hashes: list[bytes] = []
    before, front = hexlify(previous), len(FRONT)
    for place, line in enumerate(lines, number + 1):
        previous = sha256(LEAF + previous + line[front:-LINE_TAIL]).digest()
        after = hexlify(previous)
        if not line.endswith(
            b'"writer_seq":%d},"hash":"%b","prev_hash":"%b"}\n' % (place, after, before)
        ) or not line.startswith(FRONT):
            break
        hashes.append(previous)
        before = after
    return hashes


def segment_path(folder: Path, first: int) -> Path:
    """Return the file that begins with row `first`."""
    return folder / f"{first:012d}.jsonl"


def segments(folder: Path) -> list[Path]:
    """Return the files of a writer's rows, in order; one in an archive is a link, and none where it leads nowhere."""
    return sorted(path for path in folder.glob("*.jsonl") if path.stem.isdigit() and path.exists())


def lines_of(paths: Iterable[Path]) -> Iterator[bytes]:
    """Yield the lines of files without their ends; the last one may be torn."""
    for path in paths:
        with path.open("rb") as file:
            for line in file:
                yield line[:-1] if line.endswith(b"\n") else line


def writers(folder: Path) -> list[str]:
    """Return the writers of an audit folder, sorted."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
