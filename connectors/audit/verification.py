"""Checks that a log is what was written: every row hashed again, every head and anchor held against its tree.

The chain finds what was edited, swapped, inserted or taken out inside. Heads find a tail that was cut off and, where
they are signed, a chain that was made again. Anchors in a second place find both, whatever else was changed with them,
and name the row: they hold the hash of every row.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from connectors.audit.anchors import Anchor
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
from connectors.audit.heads import TreeHead, is_signed, read_heads
from connectors.audit.keys import PublicKeys
from connectors.audit.merkle import Frontier
from connectors.audit.rows import GENESIS, AuditDamaged, followed, row_of, segments

READ_BYTES = 1024 * 1024
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
    hashes = _rows_checked(folder / writer, checked)
    if checked.findings:
        return checked
    _anchors_checked(checked, hashes, anchors, keys, must_be_signed=must_be_signed)
    if not checked.findings:
        _heads_checked(folder / writer, checked, hashes, keys, must_be_signed=must_be_signed)
    checked.findings = [_with_event(folder / writer, each) for each in checked.findings]
    return checked


def _with_event(folder: Path, found: Finding) -> Finding:
    """Return a finding about a row that is there with the row's event."""
    if found.wrong is not Wrong.REHASHED or not found.row:
        return found
    line = next(islice(_Later(folder, found.row - 1).lines(), 1), b"")
    return msgspec.structs.replace(found, event_id=event_of(line), event_time=time_of(line))


def _rows_checked(folder: Path, checked: Checked) -> list[bytes]:
    """Check that each row follows from the one before it; return the hashes of the rows as they stand."""
    hashes: list[bytes] = []
    place, before = Place(1, GENESIS, GENESIS), b""
    for block in _blocks(folder):
        passed = block_hashes(block, place.last, place.number - 1)
        if passed is not None:
            place = Place(place.number + len(passed), *[*passed[::-1], place.last][:2])
            hashes += passed
            before = b""
            continue
        before = before or _line_before(folder, len(hashes))
        place, before = _one_by_one(folder, block, place, before, hashes, checked)
    checked.rows = len(hashes)
    checked.last_hash = (hashes[-1] if hashes else GENESIS).hex()
    return hashes


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


def _blocks(folder: Path) -> Iterator[bytes]:
    """Yield whole lines of a log, some at a time; a torn last line of all is left out."""
    paths = segments(folder)
    for path in paths:
        with path.open("rb") as file:
            rest = b""
            while read := file.read(READ_BYTES):
                block = rest + read
                end = block.rfind(b"\n") + 1
                rest = block[end:]
                if end:
                    yield block[:end] if rest else block
            if rest and path != paths[-1]:
                yield rest + b"\n"


class _Later:
    """The lines of a log after a place, read when they are asked for."""

    def __init__(self, folder: Path, skipped: int) -> None:
        self._folder, self._skipped = folder, skipped

    def lines(self) -> Iterator[bytes]:
        """Yield them."""
        number = 0
        for block in _blocks(self._folder):
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


def _heads_checked(
    folder: Path, checked: Checked, hashes: list[bytes], keys: PublicKeys, *, must_be_signed: bool
) -> None:
    """Hold a log against its own heads."""
    roots = _Roots(hashes)
    try:
        heads = read_heads(folder)
    except AuditDamaged as damage:
        checked.findings.append(finding(checked.writer, 0, Wrong.FORGED_HEAD, b"", str(damage)))
        heads = []
    agreed = 0
    for head in sorted(heads, key=lambda head: head.tree_size):
        signed = must_be_signed or checked.signed_heads > 0
        wrong = _head_wrong(checked.writer, head, agreed, hashes, roots, keys, must_be_signed=signed)
        if wrong is not None:
            checked.findings.append(wrong)
            break
        checked.heads += 1
        checked.signed_heads += is_signed(head, keys)
        agreed = head.tree_size
    checked.after_head = max(0, len(hashes) - agreed)
    checked.root = _Roots(hashes).over(len(hashes))


def _head_wrong(
    writer: str,
    head: TreeHead,
    agreed: int,
    hashes: Sequence[bytes],
    roots: _Roots,
    keys: PublicKeys,
    *,
    must_be_signed: bool,
    of: str = "a head",
) -> Finding | None:
    """Return what a head says against the rows, the first `agreed` of which agree with the head before it."""
    size, trusted = head.tree_size, is_signed(head, keys)
    row = min(agreed + 1, size)
    if head.writer != writer or (
        not trusted and (must_be_signed or (head.signature and keys.knows(head.key_id)))
    ):
        words = (
            f"{of} of {size} rows is not signed by a key that is trusted; its key is {head.key_id or 'none'}"
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
        wrong = _head_wrong(
            checked.writer,
            anchor.head,
            agreed,
            hashes,
            roots,
            keys,
            must_be_signed=must_be_signed,
            of="an anchor",
        )
        if wrong is not None:
            checked.findings.append(wrong)
            return
        checked.anchors += 1
        agreed = anchor.head.tree_size
