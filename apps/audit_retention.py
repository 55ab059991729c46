"""How old the files of an audit trail are, against how long the configuration has them kept.

The doors' files always stay: they say what became of the others.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from config.audit import Retention
from connectors.audit.doors import DOORS
from connectors.audit.rows import AuditDamaged, lines_of, row_of, segments, writers

DAY = 86_400 * 1_000_000_000


class Standing(StrEnum):
    """What may be done with a file."""

    AT_HAND = "stays at hand"
    KEPT = "kept, may leave the run's folder"
    DUE = "retention is over"


class Aged(msgspec.Struct, frozen=True, kw_only=True):
    """A file of rows: the time of its last one (ns UTC), how many days ago that was, and what may be done with it.

    `archived` says that it is in an archive, and a link to it in the run's folder.
    """

    writer: str
    file: str
    rows: int
    last_at: int
    days: int
    standing: Standing
    archived: bool


def ages(folder: Path, retention: Retention, now_at: int) -> list[Aged]:
    """Return how each file of an audit folder stands at an instant (ns UTC), oldest first."""
    return [
        aged(writer, path, retention, now_at)
        for writer in writers(folder)
        for path in segments(folder / writer)
    ]


def aged(writer: str, path: Path, retention: Retention, now_at: int) -> Aged:
    """Return how a file of rows stands at an instant (ns UTC); raises AuditDamaged."""
    rows, last = 0, b""
    for line in lines_of([path]):
        rows, last = rows + 1, line
    row = row_of(last)
    if row is None:
        raise AuditDamaged(f"the last row of {path} cannot be read; `ita verify-audit` says what is wrong")
    entry: dict[str, Any] = msgspec.json.decode(row.entry)
    days = (now_at - int(entry["recv_time"])) // DAY
    standing = (
        Standing.AT_HAND
        if writer == DOORS
        else Standing.DUE
        if days > retention.days
        else Standing.KEPT
        if days > retention.at_hand_days
        else Standing.AT_HAND
    )
    return Aged(
        writer=writer,
        file=path.name,
        rows=rows,
        last_at=int(entry["recv_time"]),
        days=days,
        standing=standing,
        archived=path.is_symlink(),
    )
