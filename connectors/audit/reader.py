"""Reads a log: rows one by one, and a row by its event."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from connectors.audit.findings import event_of
from connectors.audit.rows import AuditDamaged, Row, lines_of, row_of, segments, writers


class Numbered(NamedTuple):
    """A row with the log that it stands in and its number there."""

    writer: str
    number: int
    row: Row


def rows_of(folder: Path, writer: str) -> Iterator[Numbered]:
    """Yield the rows of a writer below an audit folder, in order; raises AuditDamaged for a line that is none.

    A last line that is being written is left out.
    """
    paths = segments(folder / writer)
    first = int(paths[0].stem) if paths else 1
    torn = _is_torn(paths[-1]) if paths else False
    held: bytes | None = None
    number = first - 1
    for line in lines_of(paths):
        if held is not None:
            number += 1
            yield _numbered(folder, writer, number, held)
        held = line
    if held is not None and not torn:
        yield _numbered(folder, writer, number + 1, held)


def found(folder: Path, event_id: str) -> list[Numbered]:
    """Return the rows of all logs whose event is called so, or begins so; those that are called so go first."""
    words = event_id.encode()
    exact: list[Numbered] = []
    begun: list[Numbered] = []
    for writer in writers(folder):
        for each in rows_of(folder, writer):
            if words not in each.row.entry:
                continue
            name = event_of(each.row.entry)
            if name == event_id:
                exact.append(each)
            elif name.startswith(event_id):
                begun.append(each)
    return exact or begun


def _is_torn(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if not size:
            return False
        file.seek(size - 1)
        return file.read(1) != b"\n"


def _numbered(folder: Path, writer: str, number: int, line: bytes) -> Numbered:
    row = row_of(line)
    if row is None:
        raise AuditDamaged(
            f"row {number} of {folder / writer} cannot be read; `ita verify-audit` says what is wrong"
        )
    return Numbered(writer, number, row)
