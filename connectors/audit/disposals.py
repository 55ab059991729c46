"""What was put away, as the log of the doors says it: files in an archive, and rows that are gone for good.

A record names each file with its rows, its SHA-256, the hash of its last row, and the full subtrees of the Merkle tree
over all rows up to there. With these the chain goes on from its last hash, and the tree from its subtrees, where the
rows are gone: every later root is computed as if they were there.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from connectors.audit.doors import DOORS
from connectors.audit.heads import read_heads
from connectors.audit.merkle import Frontier, Tree
from connectors.audit.reader import rows_of
from connectors.audit.rows import ENTRY, GENESIS, AuditDamaged, segments

ARCHIVED, ASKED, DISPOSED, REFUSED = (
    "AuditArchived",
    "AuditDisposalAsked",
    "AuditDisposed",
    "AuditRetentionRefused",
)


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was put away: its rows `first` to `last`, and hashes in hexadecimal; raises ValueError for nonsense.

    `subtrees` are those of the tree over rows 1 to `last`, largest first.
    """

    writer: str
    file: str
    first: int
    last: int
    sha256: str
    last_hash: str
    subtrees: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse hashes that are none, and subtrees that are not those of so many rows."""
        lengths = {len(bytes.fromhex(each)) for each in (self.sha256, self.last_hash, *self.subtrees)}
        if lengths != {32} or len(self.subtrees) != self.last.bit_count():
            raise ValueError(
                f"rows {self.first} to {self.last} of {self.writer} were not put away with these hashes"
            )


class Gone(NamedTuple):
    """The rows at the beginning of a log that are not there: how many, the hash of the last, and their subtrees."""

    rows: int = 0
    last: bytes = GENESIS
    subtrees: tuple[bytes, ...] = ()


NOTHING_GONE = Gone()


class Act(NamedTuple):
    """A record of the doors: its event, when it was written (ns UTC), and what it says."""

    event_id: str
    at: int
    payload: dict[str, Any]


def acts(folder: Path, kind: str, rows: int | None = None) -> Iterator[Act]:
    """Yield the records of a kind among the first `rows` of the doors of an audit folder; raises AuditDamaged.

    Without `rows`, those that the last head covers: what no head covers, somebody may have added.
    """
    if rows is None:
        heads = read_heads(folder / DOORS)
        rows = heads[-1].tree_size if heads else 0
    named = b'"type":"%b"' % kind.encode()
    for each in islice(rows_of(folder, DOORS), rows):
        if named not in each.row.entry:
            continue
        entry = ENTRY.decode(each.row.entry)
        if entry.type == kind:
            yield Act(entry.event_id, entry.recv_time, msgspec.json.decode(entry.payload))


def stored(act: Act) -> tuple[Stored, ...]:
    """Return the files that a record names; raises AuditDamaged where it names none."""
    try:
        return msgspec.convert(act.payload.get("files"), tuple[Stored, ...])
    except msgspec.ValidationError as error:
        raise AuditDamaged(f"event {act.event_id} of the doors names no files ({error})") from error


def put_away(folder: Path, kind: str, rows: int | None = None) -> list[Stored]:
    """Return the files that all records of a kind name, in order."""
    return [each for act in acts(folder, kind, rows) for each in stored(act)]


def gone_from(folder: Path, writer: str, disposed: Sequence[Stored] | None = None) -> Gone:
    """Return the rows that a writer's log begins without, as far as a record says that they were disposed of.

    Files are disposed of from the first on, so that one that was begun and not ended is told by where the rest begins.
    """
    paths = segments(folder / writer)
    if paths and int(paths[0].stem) == 1:
        return NOTHING_GONE
    known = put_away(folder, DISPOSED) if disposed is None else disposed
    ends = [each for each in known if each.writer == writer and (not paths or each.last < int(paths[0].stem))]
    if not ends:
        return NOTHING_GONE
    last = max(ends, key=lambda each: each.last)
    return Gone(last.last, bytes.fromhex(last.last_hash), tuple(map(bytes.fromhex, last.subtrees)))


def tree_of(folder: Path, writer: str) -> Tree:
    """Return the tree over the rows of a writer, by the hashes that they carry."""
    gone = gone_from(folder, writer)
    return Tree([each.row.hash for each in rows_of(folder, writer)], Frontier(gone.rows, gone.subtrees))
