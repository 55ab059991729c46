"""Decision records for audit logs, and logs made of them."""

import json
from pathlib import Path
from typing import Any

from connectors.audit.entries import EntryCodec
from connectors.audit.keys import SigningKey
from connectors.audit.log import AuditLog, Schedule
from connectors.audit.personal import People
from connectors.audit.rows import row_hash, segments
from tests.connectors.crash_flow import verdict

WRITER = "decisions"
HEAD_ROWS = 10


def codec(folder: Path) -> EntryCodec:
    return EntryCodec(WRITER, People(folder / "people"))


def append(log: AuditLog, keys: Path, first: int, last: int) -> None:
    """Append verdicts number `first` to before `last`."""
    records = [verdict(row) for row in range(first, last)]
    log.append(
        codec(keys).bodies(("verdicts", record) for record in records),
        [record.record_id for record in records],
    )


def written(folder: Path, keys: Path, rows: int, key: SigningKey | None = None) -> Path:
    """Write a log of so many verdicts with a head each ten; return its file."""
    log = AuditLog(folder, WRITER, key=key, schedule=Schedule(HEAD_ROWS, 3_600.0))
    append(log, keys, 0, rows)
    log.make_head()
    log.close()
    return segments(folder / WRITER)[0]


def lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines()


def write_lines(file: Path, rows: list[bytes]) -> None:
    file.write_bytes(b"".join(row + b"\n" for row in rows))


def rehashed(rows: list[bytes]) -> list[bytes]:
    """Return lines with their numbers, hashes and chain made again, as who knows how it is done would."""
    made, previous = [], bytes(32)
    for number, line in enumerate(rows, 1):
        entry: dict[str, Any] = json.loads(line)["entry"]
        entry["writer_seq"] = number
        words = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        hash_ = row_hash(previous, words)
        made.append(
            b'{"entry":%b,"hash":"%b","prev_hash":"%b"}'
            % (words, hash_.hex().encode(), previous.hex().encode())
        )
        previous = hash_
    return made
