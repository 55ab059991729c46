"""Writes an export: the events in the form that was asked for, the rows as they stand, and a proof of each."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from apps.audit_export.annex_iv import SECTION_1, SECTION_2, section_1, section_2, stamp
from apps.audit_export.fix_messages import drop_copy
from apps.audit_export.trail import Event
from apps.audit_proofs import Inclusion
from connectors.audit.disposals import tree_of
from connectors.audit.heads import TreeHead, canonical, read_heads
from connectors.audit.rows import line_of

TRAIL, PROOFS, HEAD = "trail.jsonl", "proofs.jsonl", "head.json"
SENDER, TARGET = "ITA", "AUDIT"
COLUMNS = (
    "writer", "writer_seq", "event_id", "type", "stream", "actor", "event_at", "received_at", "event_time",
    "recv_time", "payload", "hash", "prev_hash",
)  # fmt: skip


class NotCovered(ValueError):
    """There is no head over what is to be exported."""


class Exported(msgspec.Struct, kw_only=True):
    """What an export holds: how many records, which files, and the head that its proofs end in."""

    records: int
    files: list[str]
    head: TreeHead


def table(events: Sequence[Event]) -> list[dict[str, str | int]]:
    """Return events as rows of plain columns, the payload as JSON."""
    return [
        {
            **{name: event.entry[name] for name in COLUMNS[:6]},
            "event_at": stamp(event.entry["event_time"]),
            "received_at": stamp(event.entry["recv_time"]),
            "event_time": event.entry["event_time"],
            "recv_time": event.entry["recv_time"],
            "payload": canonical(event.payload).decode(),
            "hash": event.row.hash.hex(),
            "prev_hash": event.row.previous.hex(),
        }
        for event in events
    ]


def as_csv(events: Sequence[Event]) -> dict[str, bytes]:
    """Return events.csv."""
    return {"events.csv": _csv(COLUMNS, table(events))}


def as_parquet(events: Sequence[Event]) -> dict[str, bytes]:
    """Return events.parquet, the same columns."""
    held = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(table(events)).select(list(COLUMNS)), held)
    return {"events.parquet": held.getvalue()}


def as_fix(events: Sequence[Event]) -> dict[str, bytes]:
    """Return drop-copy.fix, messages one after the other."""
    return {"drop-copy.fix": drop_copy(list(events), SENDER, TARGET)}


def as_annex_iv(events: Sequence[Event]) -> dict[str, bytes]:
    """Return both sections of Annex IV."""
    return {
        "annex-iv-section-1.csv": _csv(SECTION_1, section_1(list(events))),
        "annex-iv-section-2.csv": _csv(SECTION_2, section_2(list(events))),
    }


FORMATS: dict[str, Callable[[Sequence[Event]], dict[str, bytes]]] = {
    "fix-drop-copy": as_fix,
    "csv": as_csv,
    "parquet": as_parquet,
    "mifid-annex-iv": as_annex_iv,
}


def export(folder: Path, writer: str, events: Sequence[Event], form: str, into: Path) -> Exported:
    """Write events of a writer's log in a form into a folder, with the rows and a proof of each under the last head.

    Raises NotCovered where no head covers them.
    """
    heads = read_heads(folder / writer)
    last = max((event.number for event in events), default=0)
    if not events or not heads or heads[-1].tree_size < last:
        size = heads[-1].tree_size if heads else 0
        raise NotCovered(
            f"the last head of {writer} covers {size} rows, and the export goes to row {last}; wait for the next head, "
            f"or end the run"
        )
    head, tree = heads[-1], tree_of(folder, writer)
    proofs = [
        Inclusion(
            event_id=event.entry["event_id"],
            row=event.number,
            entry=event.row.entry.decode(),
            prev_hash=event.row.previous.hex(),
            path=[hash_.hex() for hash_ in tree.inclusion(event.number - 1, head.tree_size)],
            head=head,
        )
        for event in events
    ]
    made = FORMATS[form](events) | {
        TRAIL: b"".join(line_of(event.row.entry, event.row.hash, event.row.previous) for event in events),
        PROOFS: b"".join(canonical(proof) + b"\n" for proof in proofs),
        HEAD: canonical(head) + b"\n",
    }
    into.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (into / name).write_bytes(content)
    return Exported(records=len(events), files=sorted(made), head=head)


def _csv(names: Sequence[str], rows: Sequence[dict[str, str]] | Sequence[dict[str, str | int]]) -> bytes:
    held = io.StringIO()
    writer = csv.DictWriter(held, names, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return held.getvalue().encode()
