"""Anchors: tree heads in a second place, which who can change the log cannot change with it.

An anchor holds a head, and the hashes of the rows since the anchor before it, so that a chain that was made again is
found row by row. It is a file of canonical JSON, `<run>/<writer>/<rows, 12 digits>-<root, 16 digits>.json`, written
whole and never over another one. `run` is the mark of the run's folder.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from connectors.audit.disposals import gone_from
from connectors.audit.heads import TreeHead, canonical, read_heads
from connectors.audit.rows import AuditDamaged, lines_of, row_of, segments


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """A head as it was anchored; `rows` are the hashes of rows `first` to `head.tree_size`."""

    head: TreeHead
    first: int
    rows: tuple[str, ...]


class AnchorRefused(RuntimeError):
    """The second place cannot be used: says why, and what to do."""


class AnchorPlace(Protocol):
    """A place that keeps anchors."""

    def names(self, under: str) -> list[str]:
        """Return the names of the anchors that begin with `under`, sorted."""
        ...

    def read(self, name: str) -> bytes:
        """Return an anchor, the first that was put under its name."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Keep an anchor; one of that name that is there already stays."""
        ...


class FolderPlace:
    """A folder, best on another machine: files that only its owner can change, and this never does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self, under: str) -> list[str]:
        """Return the names of the anchors that begin with `under`, sorted."""
        found = self._folder.glob("*/*/*.json") if self._folder.is_dir() else iter(())
        names = (str(path.relative_to(self._folder)) for path in found)
        return sorted(name for name in names if name.startswith(under))

    def read(self, name: str) -> bytes:
        """Return an anchor."""
        return (self._folder / name).read_bytes()

    def put(self, name: str, content: bytes) -> None:
        """Keep an anchor; one of that name that is there already stays."""
        path = self._folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            making = path.with_name(f".{path.name}.{os.getpid()}")
            with making.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            making.chmod(0o444)
            with suppress(FileExistsError):
                os.link(making, path)
            making.unlink()
        except OSError as error:
            raise AnchorRefused(
                f"{path} cannot be written: {error.strerror}; choose another place"
            ) from error


def anchor_name(run: str, head: TreeHead) -> str:
    """Return the name of a head's anchor."""
    return f"{run}/{head.writer}/{head.tree_size:012d}-{head.root[:16]}.json"


def anchors_of(place: AnchorPlace, run: str, writer: str) -> list[Anchor]:
    """Return the anchors of a writer of a run, smallest first; raises AuditDamaged for one that is none."""
    return [_anchor(name, place.read(name)) for name in place.names(f"{run}/{writer}/")]


def writers_of(place: AnchorPlace, run: str) -> list[str]:
    """Return the writers of a run that have anchors."""
    return sorted({name.split("/")[1] for name in place.names(f"{run}/")})


def _anchor(name: str, content: bytes) -> Anchor:
    try:
        return msgspec.json.decode(content, type=Anchor)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise AuditDamaged(f"{name} is no anchor ({error}); somebody wrote over it") from error


def anchor_head(place: AnchorPlace, folder: Path, writer: str, run: str) -> Anchor | None:
    """Anchor the last head of a writer below an audit folder; return it, None where it is anchored already."""
    heads = read_heads(folder / writer)
    names = place.names(f"{run}/{writer}/")
    anchored = max((int(Path(name).name.split("-")[0]) for name in names), default=0)
    if not heads or heads[-1].tree_size <= anchored:
        return None
    head = heads[-1]
    before = max(anchored, gone_from(folder, writer).rows)
    rows = _hashes(segments(folder / writer), before, head.tree_size)
    if len(rows) < head.tree_size - before:
        raise AuditDamaged(
            f"{folder / writer} has fewer rows than its last head says, {head.tree_size}; `ita verify-audit` says more"
        )
    made = Anchor(head=head, first=before + 1, rows=tuple(rows))
    place.put(anchor_name(run, head), canonical(made))
    return made


def _hashes(paths: Sequence[Path], first: int, last: int) -> list[str]:
    """Return the hashes of the rows after row `first`, up to row `last`, as they stand."""
    from_file = [path for path in paths if int(path.stem) <= last]
    begin = max((place for place, path in enumerate(from_file) if int(path.stem) <= first + 1), default=0)
    number = int(from_file[begin].stem) - 1 if from_file else 0
    found: list[str] = []
    for line in lines_of(from_file[begin:]):
        number += 1
        if number > last:
            break
        if number > first:
            row = row_of(line)
            found.append(row.hash.hex() if row else "")
    return found
