"""Checks that a log is what was written: every row hashed again, every head and anchor held against its tree.

The chain finds what was edited, swapped, inserted or taken out inside. Heads find a tail that was cut off and, where
they are signed, a chain that was made again. Anchors in a second place find both, whatever else was changed with them,
and name the row: they hold the hash of every row.

Where rows at the beginning were disposed of and a record of the doors says so, the check goes on from what the record
says: the first row that is there has to follow from its last hash, and heads that cover more have to have the roots
that its subtrees give together with the rows. Of heads that cover less, the order and the signatures can be checked,
and the roots only against anchors, which hold the hashes of the rows that are gone.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from os import SEEK_END
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from connectors.audit.anchors import Anchor
from connectors.audit.block_pool import hashed
from connectors.audit.blocks import block_hashes
from connectors.audit.disposals import NOTHING_GONE, Gone
from connectors.audit.findings import (
    Finding,
    Place,
    Wrong,
    diagnosed,
    event_of,
    finding,
    number_of,
    time_of,
)
from connectors.audit.heads import HEADS, TreeHead, is_damaged, is_signed, read_heads
from connectors.audit.keys import PublicKeys
from connectors.audit.merkle import Frontier
from connectors.audit.rows import AuditDamaged, followed, row_of, segments
from connectors.audit.stretches import blocks, stretches

FINDINGS_MAX = 100


class Checked(msgspec.Struct, kw_only=True):
    """What a check of one writer's log came to; `findings` in order, none where all is well.

    `rows` counts those that were disposed of, too, the first `disposed`. `heads`, `signed_heads` and `anchors` are how
    many agree with the rows, `after_head` how many rows no head covers, `unchecked` how many heads and anchors are of
    rows that are gone: nothing says what their roots should be.
    """

    writer: str
    rows: int = 0
    disposed: int = 0
    unchecked: int = 0
    root: str = ""
    last_hash: str = ""
    heads: int = 0
    signed_heads: int = 0
    anchors: int = 0
    after_head: int = 0
    findings: list[Finding] = msgspec.field(default_factory=list)


def verify(
    folder: Path,
    writer: str,
    keys: PublicKeys,
    anchors: Sequence[Anchor] | None = None,
    *,
    must_be_signed: bool = False,
    gone: Gone = NOTHING_GONE,
) -> Checked:
    """Check the log of a writer below an audit folder, with its heads, and with anchors where they are given.

    `must_be_signed` makes a head that no trusted key has signed wrong. `gone` are rows at the beginning that were
    disposed of, as a record says that may be trusted.
    """
    checked = Checked(writer=writer, disposed=gone.rows)
    heads = _heads_or_damage(folder / writer)  # before the rows, so that whatever they cover is there by then
    leaves = _Leaves(gone, _rows_checked(folder / writer, checked, gone))
    if checked.findings:
        checked.findings = [_told_of(gone, each) for each in checked.findings]
        return checked
    leaves = _with_anchored(leaves, anchors or (), checked)
    if not checked.findings:
        _anchors_checked(checked, leaves, anchors, keys, must_be_signed=must_be_signed)
    if not checked.findings:
        _heads_checked(heads, checked, leaves, keys, must_be_signed=must_be_signed)
    checked.findings = [_with_event(folder / writer, each, gone) for each in checked.findings]
    return checked


def _told_of(gone: Gone, found: Finding) -> Finding:
    """Return a finding about the last row that is gone as one about the first that is there."""
    if not 0 < found.row <= gone.rows:
        return found
    words = (
        f"row {gone.rows + 1} does not follow from what was disposed of: the record says that row {gone.rows} had "
        f"another hash"
    )
    return finding(found.writer, gone.rows + 1, Wrong.EDITED, b"", words)


def _with_event(folder: Path, found: Finding, gone: Gone) -> Finding:
    """Return a finding about a row that is there with the row's event."""
    if found.wrong is not Wrong.REHASHED or found.row <= gone.rows:
        return found
    line = next(islice(_Later(folder, found.row - gone.rows - 1).lines(), 1), b"")
    return msgspec.structs.replace(found, event_id=event_of(line), event_time=time_of(line))


def unfinished(folder: Path, checked: Checked) -> Finding | None:
    """Return what in a log that nobody writes is left open: a torn end of a file, or rows without a head."""
    for path in (*segments(folder)[-1:], folder / HEADS):
        if path.exists() and _is_torn(path):
            words = f"the last line of {path.name} is not whole, and nobody writes it any more"
            row = checked.rows + (path.name != HEADS)
            return finding(checked.writer, row, Wrong.EDITED, b"", words)
    if not checked.after_head:
        return None
    row = checked.rows - checked.after_head + 1
    words = f"nobody writes the log any more, and its last head covers {row - 1} rows: those from {row} on have none"
    return finding(checked.writer, row, Wrong.INSERTED, b"", words)


def _is_torn(path: Path) -> bool:
    """Say whether a file ends in the middle of a line."""
    with path.open("rb") as file:
        if not file.seek(0, SEEK_END):
            return False
        file.seek(-1, SEEK_END)
        return file.read() != b"\n"


def _rows_checked(folder: Path, checked: Checked, gone: Gone) -> list[bytes]:
    """Check that each row follows from the one before it; return the hashes of the rows as they stand."""
    hashes: list[bytes] = []
    place, before = Place(gone.rows + 1, gone.last, gone.last), b""
    for stretch, found in hashed(stretches(folder)):
        if found is not None and (found.previous, found.number) == (place.last, place.number - 1):
            place, before = _passed(place, found.each(), hashes), b""
            continue
        for block in blocks(stretch):
            passed = block_hashes(block, place.last, place.number - 1)
            if passed is not None:
                place, before = _passed(place, passed, hashes), b""
                continue
            before = before or _line_before(folder, len(hashes))
            place, before = _one_by_one(folder, block, place, before, hashes, checked)
    checked.rows = gone.rows + len(hashes)
    checked.last_hash = (hashes[-1] if hashes else gone.last).hex()
    return hashes


def _passed(place: Place, passed: list[bytes], hashes: list[bytes]) -> Place:
    """Take in the hashes of rows that follow; return where the check stands after them."""
    hashes += passed
    return Place(place.number + len(passed), *[*passed[::-1], place.last][:2])


def _one_by_one(
    folder: Path, block: bytes, place: Place, before: bytes, hashes: list[bytes], checked: Checked
) -> tuple[Place, bytes]:
    """Check the lines of a block in which one does not follow; return where the check stands, and the last line."""
    lines, at = [line + b"\n" for line in block.split(b"\n")[:-1]], 0
    while at < len(lines) and len(checked.findings) < FINDINGS_MAX:
        passed = followed(lines[at:] if at else lines, place.last, place.number - 1)
        if passed:
            place = Place(place.number + len(passed), *[*passed[::-1], place.last][:2])
            hashes += passed
            at += len(passed)
            before = lines[at - 1]
            continue
        line = lines[at].rstrip(b"\n")
        later = _Later(folder, len(hashes) + 1)
        following = next(later.lines(), b"")
        checked.findings.append(
            diagnosed(checked.writer, place, before.rstrip(b"\n"), line, following, later.lines)
        )
        row = row_of(line)
        number = number_of(row.entry) if row else None
        place = Place((number or place.number) + 1, row.hash if row else place.last, place.last)
        hashes.append(place.last)
        before, at = lines[at], at + 1
    return place, before


def _line_before(folder: Path, rows: int) -> bytes:
    """Return row `rows` as it stands, nothing where there is none."""
    return next(islice(_Later(folder, rows - 1).lines(), 1), b"") if rows else b""


class _Later:
    """The lines of a log after a place, read when they are asked for."""

    def __init__(self, folder: Path, skipped: int) -> None:
        self._folder, self._skipped = folder, skipped

    def lines(self) -> Iterator[bytes]:
        """Yield them."""
        number = 0
        for block in chain.from_iterable(map(blocks, stretches(self._folder))):
            lines = block.split(b"\n")[:-1]
            yield from lines[max(0, self._skipped - number) :]
            number += len(lines)


class _Leaves(NamedTuple):
    """The hashes of a log's rows, after those that are gone."""

    gone: Gone
    hashes: list[bytes]

    @property
    def size(self) -> int:
        """Return how many rows there are and were."""
        return self.gone.rows + len(self.hashes)

    def hash_of(self, number: int) -> str | None:
        """Return the hash of a row up to `size`, None where nothing says it any more."""
        if number < self.gone.rows:
            return None
        return (self.hashes[number - self.gone.rows - 1] if number > self.gone.rows else self.gone.last).hex()


class _Roots:
    """The roots over the first rows, asked for in rising sizes, from those that are gone on."""

    def __init__(self, leaves: _Leaves) -> None:
        self._leaves, self._tree = leaves, Frontier(leaves.gone.rows, leaves.gone.subtrees)

    def over(self, size: int) -> str:
        """Return the root over the first `size` rows, at least as many as before."""
        gone = self._leaves.gone.rows
        self._tree.extend(self._leaves.hashes[self._tree.size - gone : size - gone])
        return self._tree.root().hex()


def _with_anchored(leaves: _Leaves, anchors: Sequence[Anchor], checked: Checked) -> _Leaves:
    """Return leaves with the hashes of the rows that are gone, where anchors hold them all and the record agrees."""
    gone = leaves.gone
    held = {
        number: hash_
        for anchor in anchors
        for number, hash_ in enumerate(anchor.rows, anchor.first)
        if number <= gone.rows
    }
    if len(held) < gone.rows or not gone.rows:
        return leaves
    try:
        hashes = [bytes.fromhex(held[number]) for number in range(1, gone.rows + 1)]
    except ValueError:
        hashes = []
    tree = Frontier()
    tree.extend(hashes)
    if tuple(tree.subtrees) != gone.subtrees or hashes[-1] != gone.last:
        words = f"the {gone.rows} rows that were disposed of, by the record of it, are not those that were anchored"
        checked.findings.append(finding(checked.writer, 1, Wrong.REHASHED, b"", words))
    return _Leaves(NOTHING_GONE, hashes + leaves.hashes)


def _heads_or_damage(folder: Path) -> list[TreeHead] | AuditDamaged:
    """Return the heads of a log, or why they cannot be read."""
    try:
        return read_heads(folder)
    except AuditDamaged as damage:
        return damage


def _heads_checked(
    heads: list[TreeHead] | AuditDamaged,
    checked: Checked,
    leaves: _Leaves,
    keys: PublicKeys,
    *,
    must_be_signed: bool,
) -> None:
    """Hold a log against its own heads."""
    roots = _Roots(leaves)
    if isinstance(heads, AuditDamaged):
        checked.findings.append(finding(checked.writer, 0, Wrong.FORGED_HEAD, b"", str(heads)))
        heads = []
    agreed, once_signed = 0, False
    for place, head in enumerate(heads, 1):
        signed = must_be_signed or once_signed
        trusted = is_signed(head, keys)
        forged = _is_forged(head, keys, trusted=trusted, must_be_signed=signed)
        wrong = _head_wrong(checked.writer, head, agreed, leaves, roots, forged=forged)
        if wrong is None and (head.number not in (UNSET, place) or head.tree_size == agreed):
            words = f"the head of {head.tree_size} rows stands in place {place} of the heads, which is not its place"
            wrong = finding(checked.writer, min(agreed + 1, leaves.size), Wrong.FORGED_HEAD, b"", words)
        if wrong is not None:
            checked.findings.append(wrong)
            break
        agreed, once_signed = head.tree_size, once_signed or trusted
        if leaves.hash_of(agreed) is None:
            checked.unchecked += 1
            continue
        checked.heads += 1
        checked.signed_heads += trusted
    checked.after_head = max(0, leaves.size - agreed)
    checked.root = roots.over(leaves.size)


def _is_forged(head: TreeHead, keys: PublicKeys, *, trusted: bool, must_be_signed: bool) -> bool:
    """Say whether a head is damaged, claims a signature that no trusted key made, or has to be signed and is not."""
    claims = bool(keys and head.key_id)
    return not trusted and (must_be_signed or claims or is_damaged(head))


def _head_wrong(
    writer: str,
    head: TreeHead,
    agreed: int,
    leaves: _Leaves,
    roots: _Roots,
    *,
    forged: bool,
    of: str = "a head",
) -> Finding | None:
    """Return what a head says against the rows, the first `agreed` of which agree with the head before it.

    `forged` says that its signature is none that may stand.
    """
    size = head.tree_size
    row = min(agreed + 1, size)
    if head.writer != writer or forged:
        words = (
            f"{of} of {size} rows is damaged, or not signed by a key that is trusted; its key is "
            f"{head.key_id or 'none'}"
        )
        return finding(writer, row, Wrong.FORGED_HEAD, b"", words)
    if size > leaves.size:
        gone = f"rows {leaves.size + 1} to {size} are gone"
        words = f"the log ends with row {leaves.size}, and {of} was made of {size}: {gone}"
        return finding(writer, leaves.size + 1, Wrong.TRUNCATED, b"", words)
    last = leaves.hash_of(size)
    told = last is not None and (roots.over(size), last) != (head.root, head.last_hash)
    if size < agreed or told:
        words = (
            f"rows {row} to {size} give another root than {of} of {size} rows: the chain was made again from one of "
            f"them on, or the head is none of this log"
        )
        return finding(writer, row, Wrong.REHASHED, b"", words)
    return None


def _anchors_checked(
    checked: Checked,
    leaves: _Leaves,
    anchors: Sequence[Anchor] | None,
    keys: PublicKeys,
    *,
    must_be_signed: bool,
) -> None:
    """Hold a log against its anchors: first row by row, then by the root of each."""
    if anchors is None:
        return
    roots, agreed = _Roots(leaves), 0
    for anchor in sorted(anchors, key=lambda anchor: anchor.head.tree_size):
        for number, hash_ in enumerate(anchor.rows, anchor.first):
            if number <= leaves.size and leaves.hash_of(number) not in (None, hash_):
                words = f"row {number} is not the row that was anchored: the chain was made again from it on"
                checked.findings.append(finding(checked.writer, number, Wrong.REHASHED, b"", words))
                return
        trusted = is_signed(anchor.head, keys)
        forged = _is_forged(anchor.head, keys, trusted=trusted, must_be_signed=must_be_signed)
        wrong = _head_wrong(checked.writer, anchor.head, agreed, leaves, roots, forged=forged, of="an anchor")
        if wrong is not None:
            checked.findings.append(wrong)
            return
        agreed = anchor.head.tree_size
        if leaves.hash_of(agreed) is None:
            checked.unchecked += 1
        else:
            checked.anchors += 1
