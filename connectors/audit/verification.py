"""Checks that a log is what was written: every row hashed again, every head and anchor held against its tree.

The chain finds what was edited, swapped, inserted or taken out inside. Heads find a tail that was cut off and, where
they are signed, a chain that was made again. Anchors in a second place find both, whatever else was changed with them,
and name the row: they hold the hash of every row.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from os import SEEK_END
from pathlib import Path

import msgspec
from msgspec import UNSET

from connectors.audit.anchors import Anchor
from connectors.audit.block_pool import hashed
from connectors.audit.blocks import block_hashes
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
from connectors.audit.rows import GENESIS, AuditDamaged, followed, row_of, segments
from connectors.audit.stretches import blocks, stretches

FINDINGS_MAX = 100


class Checked(msgspec.Struct, kw_only=True):
    """What a check of one writer's log came to; `findings` in order, none where all is well.

    `heads`, `signed_heads` and `anchors` are how many agree with the rows, `after_head` how many rows no head covers.
    """

    writer: str
    rows: int = 0
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
) -> Checked:
    """Check the log of a writer below an audit folder, with its heads, and with anchors where they are given.

    `must_be_signed` makes a head that no trusted key has signed wrong.
    """
    checked = Checked(writer=writer)
    heads = _heads_or_damage(folder / writer)  # before the rows, so that whatever they cover is there by then
    hashes = _rows_checked(folder / writer, checked)
    if checked.findings:
        return checked
    _anchors_checked(checked, hashes, anchors, keys, must_be_signed=must_be_signed)
    if not checked.findings:
        _heads_checked(heads, checked, hashes, keys, must_be_signed=must_be_signed)
    checked.findings = [_with_event(folder / writer, each) for each in checked.findings]
    return checked


def _with_event(folder: Path, found: Finding) -> Finding:
    """Return a finding about a row that is there with the row's event."""
    if found.wrong is not Wrong.REHASHED or not found.row:
        return found
    line = next(islice(_Later(folder, found.row - 1).lines(), 1), b"")
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


def _rows_checked(folder: Path, checked: Checked) -> list[bytes]:
    """Check that each row follows from the one before it; return the hashes of the rows as they stand."""
    hashes: list[bytes] = []
    place, before = Place(1, GENESIS, GENESIS), b""
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
    checked.rows = len(hashes)
    checked.last_hash = (hashes[-1] if hashes else GENESIS).hex()
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


class _Roots:
    """The roots over the first rows, asked for in rising sizes."""

    def __init__(self, hashes: Sequence[bytes]) -> None:
        self._hashes, self._tree = hashes, Frontier()

    def over(self, size: int) -> str:
        """Return the root over the first `size` rows, at least as many as before."""
        self._tree.extend(self._hashes[self._tree.size : size])
        return self._tree.root().hex()


def _heads_or_damage(folder: Path) -> list[TreeHead] | AuditDamaged:
    """Return the heads of a log, or why they cannot be read."""
    try:
        return read_heads(folder)
    except AuditDamaged as damage:
        return damage


def _heads_checked(
    heads: list[TreeHead] | AuditDamaged,
    checked: Checked,
    hashes: list[bytes],
    keys: PublicKeys,
    *,
    must_be_signed: bool,
) -> None:
    """Hold a log against its own heads."""
    roots = _Roots(hashes)
    if isinstance(heads, AuditDamaged):
        checked.findings.append(finding(checked.writer, 0, Wrong.FORGED_HEAD, b"", str(heads)))
        heads = []
    agreed = 0
    for place, head in enumerate(heads, 1):
        signed = must_be_signed or checked.signed_heads > 0
        trusted = is_signed(head, keys)
        forged = _is_forged(head, keys, trusted=trusted, must_be_signed=signed)
        wrong = _head_wrong(checked.writer, head, agreed, hashes, roots, forged=forged)
        if wrong is None and (head.number not in (UNSET, place) or head.tree_size == agreed):
            words = f"the head of {head.tree_size} rows stands in place {place} of the heads, which is not its place"
            wrong = finding(checked.writer, min(agreed + 1, len(hashes)), Wrong.FORGED_HEAD, b"", words)
        if wrong is not None:
            checked.findings.append(wrong)
            break
        checked.heads += 1
        checked.signed_heads += trusted
        agreed = head.tree_size
    checked.after_head = max(0, len(hashes) - agreed)
    checked.root = roots.over(len(hashes))


def _is_forged(head: TreeHead, keys: PublicKeys, *, trusted: bool, must_be_signed: bool) -> bool:
    """Say whether a head is damaged, claims a signature that no trusted key made, or has to be signed and is not."""
    claims = bool(keys and head.key_id)
    return not trusted and (must_be_signed or claims or is_damaged(head))


def _head_wrong(
    writer: str,
    head: TreeHead,
    agreed: int,
    hashes: Sequence[bytes],
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
    if size > len(hashes):
        gone = f"rows {len(hashes) + 1} to {size} are gone"
        words = f"the log ends with row {len(hashes)}, and {of} was made of {size}: {gone}"
        return finding(writer, len(hashes) + 1, Wrong.TRUNCATED, b"", words)
    if size < agreed or roots.over(size) != head.root or hashes[size - 1].hex() != head.last_hash:
        words = (
            f"rows {row} to {size} give another root than {of} of {size} rows: the chain was made again from one of "
            f"them on, or the head is none of this log"
        )
        return finding(writer, row, Wrong.REHASHED, b"", words)
    return None


def _anchors_checked(
    checked: Checked,
    hashes: list[bytes],
    anchors: Sequence[Anchor] | None,
    keys: PublicKeys,
    *,
    must_be_signed: bool,
) -> None:
    """Hold a log against its anchors: first row by row, then by the root of each."""
    if anchors is None:
        return
    roots, agreed = _Roots(hashes), 0
    for anchor in sorted(anchors, key=lambda anchor: anchor.head.tree_size):
        for number, hash_ in enumerate(anchor.rows, anchor.first):
            if number <= len(hashes) and hashes[number - 1].hex() != hash_:
                words = f"row {number} is not the row that was anchored: the chain was made again from it on"
                checked.findings.append(finding(checked.writer, number, Wrong.REHASHED, b"", words))
                return
        trusted = is_signed(anchor.head, keys)
        forged = _is_forged(anchor.head, keys, trusted=trusted, must_be_signed=must_be_signed)
        wrong = _head_wrong(checked.writer, anchor.head, agreed, hashes, roots, forged=forged, of="an anchor")
        if wrong is not None:
            checked.findings.append(wrong)
            return
        checked.anchors += 1
        agreed = anchor.head.tree_size
