"""Proofs that an audit trail holds a record, or goes on from an older head, and their checks by nothing but SHA-256."""

from pathlib import Path
from typing import Any

import msgspec

from apps.kept_run import KeptRun
from connectors.audit.disposals import tree_of
from connectors.audit.findings import event_of
from connectors.audit.heads import TreeHead, is_signed, read_heads
from connectors.audit.keys import PublicKeys
from connectors.audit.proofs import is_consistent, is_included
from connectors.audit.reader import found
from connectors.audit.rows import row_hash

IDENTIFIER_LEAST = 6


class NothingToProve(ValueError):
    """There is no such record or head; says what there is."""


class Inclusion(msgspec.Struct, kw_only=True, tag="inclusion", tag_field="proof"):
    """That a row stands in a tree: the entry to the byte, the hash before it, the path to the root, and the head."""

    event_id: str
    row: int
    entry: str
    prev_hash: str
    path: list[str]
    head: TreeHead


class Consistency(msgspec.Struct, kw_only=True, tag="consistency", tag_field="proof"):
    """That the rows of the older head begin those of the newer one, unchanged and in the same order."""

    older: TreeHead
    newer: TreeHead
    path: list[str]


Proof = Inclusion | Consistency


def prove(out: Path, event_id: str, size: int | None = None) -> Inclusion:
    """Return the proof that an event is in the audit of a run, under its last head or that of `size` rows.

    The event may be named by how its name begins. Raises NothingToProve, RunFolderError, AuditDamaged.
    """
    run = KeptRun(out)
    rows = found(run.audit, event_id) if len(event_id) >= IDENTIFIER_LEAST else []
    if len(rows) != 1:
        what = f"{len(rows)} events begin with" if rows else "no event is called"
        raise NothingToProve(
            f"{what} {event_id!r} in {run.audit}; give the event_id of a record (its record_id), at least "
            f"{IDENTIFIER_LEAST} characters of it"
        )
    writer, number, row = rows[0]
    heads = [head for head in read_heads(run.audit / writer) if head.tree_size >= number]
    head = _chosen(heads, size, f"covers row {number} of {writer}")
    path = tree_of(run.audit, writer).inclusion(number - 1, head.tree_size)
    return Inclusion(
        event_id=event_of(row.entry),
        row=number,
        entry=row.entry.decode(),
        prev_hash=row.previous.hex(),
        path=[hash_.hex() for hash_ in path],
        head=head,
    )


def prove_consistency(out: Path, writer: str, older: int, newer: int | None = None) -> Consistency:
    """Return the proof that the head of `newer` rows (None: the last) goes on from that of `older` rows.

    Raises NothingToProve where there is no such head.
    """
    run = KeptRun(out)
    heads = read_heads(run.audit / writer)
    begin = _chosen([head for head in heads if head.tree_size == older], older, f"of {writer} is that large")
    end = _chosen([head for head in heads if head.tree_size >= older], newer, f"of {writer} goes on from it")
    try:
        path = tree_of(run.audit, writer).consistency(older, end.tree_size)
    except ValueError as error:
        raise NothingToProve(
            f"the head of {older} rows of {writer} is about rows that were disposed of ({error}); name one that "
            f"covers more"
        ) from error
    return Consistency(older=begin, newer=end, path=[hash_.hex() for hash_ in path])


def _chosen(heads: list[TreeHead], size: int | None, what: str) -> TreeHead:
    wanted = [head for head in heads if size is None or head.tree_size == size]
    if not wanted:
        sizes = ", ".join(str(head.tree_size) for head in heads[-5:]) or "none"
        asked = "no head" if size is None else f"no head of {size} rows"
        raise NothingToProve(f"{asked} {what}; the last that are: {sizes}")
    return wanted[-1]


class Judged(msgspec.Struct, kw_only=True):
    """What a proof proves: `ok` where it holds, `signed` where its heads are signed by a key that is trusted."""

    ok: bool
    signed: bool
    words: str


def judged(proof: Proof, keys: PublicKeys) -> Judged:
    """Say whether a proof holds, reading nothing but the proof."""
    try:
        if isinstance(proof, Inclusion):
            return _judged_inclusion(proof, keys)
        return _judged_consistency(proof, keys)
    except ValueError as error:
        return Judged(ok=False, signed=False, words=f"a hash of the proof is none ({error})")


def _judged_inclusion(proof: Inclusion, keys: PublicKeys) -> Judged:
    leaf = row_hash(bytes.fromhex(proof.prev_hash), proof.entry.encode())
    path = [bytes.fromhex(hash_) for hash_ in proof.path]
    holds = is_included(leaf, proof.row - 1, proof.head.tree_size, path, bytes.fromhex(proof.head.root))
    named = event_of(proof.entry.encode()) == proof.event_id
    words = (
        f"event {proof.event_id} is row {proof.row} of {proof.head.tree_size} of {proof.head.writer}"
        if holds and named
        else f"event {proof.event_id} does not follow from its path and root {proof.head.root}"
    )
    return Judged(ok=holds and named, signed=is_signed(proof.head, keys), words=words)


def _judged_consistency(proof: Consistency, keys: PublicKeys) -> Judged:
    older, newer = proof.older, proof.newer
    holds = older.writer == newer.writer and is_consistent(
        older.tree_size,
        newer.tree_size,
        [bytes.fromhex(hash_) for hash_ in proof.path],
        bytes.fromhex(older.root),
        bytes.fromhex(newer.root),
    )
    words = (
        f"the {newer.tree_size} rows of {newer.writer} begin with the {older.tree_size} of the older head"
        if holds
        else f"the {newer.tree_size} rows do not begin with the {older.tree_size} of the older head"
    )
    return Judged(ok=holds, signed=is_signed(older, keys) and is_signed(newer, keys), words=words)


def read_proof(path: Path) -> Proof:
    """Return the proof in a file; raises NothingToProve where it is none."""
    try:
        proof: Any = msgspec.json.decode(path.read_bytes(), type=Inclusion | Consistency)
    except OSError as error:
        raise NothingToProve(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise NothingToProve(f"{path} is no proof: {error}") from error
    checked: Proof = proof
    return checked
