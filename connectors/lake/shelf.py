"""Where published files of the lake stand: each whole or not there, under the name that its rows give it."""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import sleep
from typing import NamedTuple, Protocol

import pyarrow.parquet as pq

from connectors.disk import synchronise
from connectors.lake.exchange import exchanged
from connectors.lake.names import covered_by, is_joined

STAGING = ".staging"
LISTING_SECONDS = 0.2
"""A reader that opened a folder has listed it by then."""
JOINING = "+joining"
"""Where a compaction keeps what it makes, beside the shards' folders: no shard has a name with a plus."""


class Kept(NamedTuple):
    """A published file and when it was put there (ns UTC, by the clock of the place)."""

    mark: str
    put_at: int


class Joined(NamedTuple):
    """A joined file as it was made, its name and rows, and the files it stands for."""

    made: Path
    mark: str
    rows: int
    parts: tuple[str, ...]


class Shelf(Protocol):
    """A place for whole files, as their writer sees it."""

    def rows(self, mark: str) -> int | None:
        """Return how many rows the file of that name holds, None where there is none."""
        ...

    def put(self, made: Path, mark: str, rows: int) -> None:
        """Make a file visible, whole, in place of one of the same name; `made` may be gone afterwards."""
        ...

    def fetch(self, mark: str, into: Path) -> Path:
        """Return a local copy of a file, at `into` where it has to be made."""
        ...

    def close(self) -> None:
        """End every wait for the place, and let it go."""
        ...


class OpenShelf(Shelf, Protocol):
    """A place for whole files that can be listed, and where files can be joined."""

    def kept(self, under: str) -> list[Kept]:
        """Return the files whose names begin with `under`, in order of their names."""
        ...

    def replace(self, folder: str, joined: Sequence[Joined]) -> None:
        """Show joined files of a folder in place of the files they stand for."""
        ...

    def remove(self, marks: Sequence[str]) -> None:
        """Take files away; one that is gone already is none."""
        ...

    def tidy(self) -> None:
        """Take away what a compaction that was killed has left, and show again what it would have hidden."""
        ...


class LocalShelf:
    """A folder; `durable` forces files and names to the disk."""

    def __init__(self, lake: Path, *, durable: bool = True) -> None:
        self._lake, self._durable = lake, durable

    def rows(self, mark: str) -> int | None:
        """Return how many rows the file of that name holds, None where there is none."""
        path = self._lake / mark
        return int(pq.read_metadata(path).num_rows) if path.exists() else None

    def put(self, made: Path, mark: str, rows: int) -> None:
        """Move a file into place."""
        target = self._lake / mark
        if self._durable:
            synchronise(made)
        opened = not target.parent.exists()
        target.parent.mkdir(parents=True, exist_ok=True)
        made.replace(target)
        if self._durable:
            for folder in (target.parent, *(target.parents[1:3] if opened else ())):
                synchronise(folder)

    def fetch(self, mark: str, into: Path) -> Path:
        """Return the file itself."""
        return self._lake / mark

    def kept(self, under: str) -> list[Kept]:
        """Return the files whose names begin with `under`, in order of their names."""
        folder = self._lake / under.rpartition("/")[0]
        found = folder.glob("*.parquet" if "/" in under else "*/date=*/*.parquet")
        named = ((str(path.relative_to(self._lake)), path) for path in sorted(found))
        return [Kept(mark, path.stat().st_mtime_ns) for mark, path in named if mark.startswith(under)]

    def replace(self, folder: str, joined: Sequence[Joined]) -> None:
        """Show joined files in place of their parts, in one step where the system can exchange two folders.

        A folder is made with the joined files and links to all others, and exchanged with the one that is shown.
        Where that cannot be done the joined files are put first and then the parts are taken away.
        """
        shown, made = self._lake / folder, self._lake / STAGING / JOINING / folder
        gone = {Path(part).name for each in joined for part in each.parts}
        made.mkdir(parents=True, exist_ok=True)
        for each in joined:
            if self._durable:
                synchronise(each.made)
            each.made.replace(made / Path(each.mark).name)
        if _linked(shown, made, gone) and exchanged(made, shown):
            _brought_back(made, shown)
        else:
            for each in joined:
                (made / Path(each.mark).name).replace(shown / Path(each.mark).name)
            self.remove([part for each in joined for part in each.parts])
        if self._durable:
            synchronise(shown)
            synchronise(shown.parent)

    def remove(self, marks: Sequence[str]) -> None:
        """Take files away; one that is gone already is none."""
        for mark in marks:
            (self._lake / mark).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Take away what was exchanged for joined files, or was left by a compaction that was killed.

        A folder goes only when it is empty, so that what a writer put there at the last moment is brought back.
        """
        joining = self._lake / STAGING / JOINING
        aside = {made: self._lake / made.relative_to(joining) for made in joining.glob("*/date=*")}
        if aside:
            sleep(LISTING_SECONDS)
        for made, shown in aside.items():
            while made.exists():
                for path in _brought_back(made, shown):
                    path.unlink()
                with suppress(OSError):
                    made.rmdir()
        shutil.rmtree(joining, ignore_errors=True)

    def close(self) -> None:
        """Do nothing: a folder keeps nobody waiting."""


def _brought_back(aside: Path, shown: Path) -> list[Path]:
    """Show what a writer put into a folder while it was exchanged; return what may be deleted."""
    held = {path.name for path in aside.iterdir()}
    seen = {path.name for path in shown.iterdir()}
    stale = {*seen, *filter(is_joined, held), *covered_by([*seen, *held])}
    for name in held - stale:
        (aside / name).replace(shown / name)
    return [aside / name for name in sorted(held & stale)]


def _linked(shown: Path, made: Path, gone: set[str]) -> bool:
    """Link all files of a folder but those named into another one; say whether that can be done here."""
    try:
        for path in shown.iterdir():
            if path.name not in gone:
                os.link(path, made / path.name)
    except OSError:
        return False
    return True
