"""Where published files of the lake stand: each whole or not there, under the name that its rows give it."""

import os
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow.parquet as pq


def shelf_mark(topic: str, day: int, shard: str, first: int) -> str:
    """Return the name of a file: `day` in days since 1970-01-01, `first` the number of its first row."""
    return f"{topic}/date={np.datetime64(day, 'D')}/{shard}-{first:012d}.parquet"


class Shelf(Protocol):
    """A place for whole files."""

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

    def close(self) -> None:
        """Do nothing: a folder keeps nobody waiting."""


def synchronise(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
