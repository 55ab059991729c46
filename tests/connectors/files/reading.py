"""Reads sources whole, so that tests can compare what they hold."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.source import TickSource
from domain.market import Malformed, Ticks, canonical_order, concatenate, empty_ticks, row_count, select


def index_of(source: TickSource) -> dict[str, int]:
    return {name: number for number, name in enumerate(source.instruments())}


def read_whole(source: TickSource, owned: NDArray[np.bool_] | None = None) -> tuple[Ticks, list[Malformed]]:
    """Return everything that a source holds of the owned instruments, checking the order on the way."""
    index = index_of(source)
    owned = np.ones(len(index), np.bool_) if owned is None else owned
    parts = [empty_ticks()]
    malformed: list[Malformed] = []
    for segment in source.segments():
        for chunk in source.read(segment, index, owned):
            if row_count(chunk.ticks) and row_count(parts[-1]):
                assert chunk.ticks.known_at[0] > parts[-1].known_at[-1]
            if row_count(chunk.ticks):
                parts.append(chunk.ticks)
            malformed += chunk.malformed
    whole = concatenate(parts)
    assert (canonical_order(whole) == np.arange(row_count(whole))).all()
    return whole, malformed


def column(ticks: Ticks, name: str) -> NDArray[Any]:
    """Return a column that every source has."""
    values: NDArray[Any] = getattr(ticks, name)
    return values


def assert_same(left: Ticks, right: Ticks) -> None:
    for name, one, other in zip(Ticks._fields, left, right, strict=True):
        assert (one is None) == (other is None), name
        if one is not None:
            np.testing.assert_array_equal(one, other, err_msg=name)


def split_and_joined(source: TickSource, workers: int) -> tuple[Ticks, list[Malformed]]:
    """Return what several readers read between them, each its own instruments."""
    count = len(source.instruments())
    parts = []
    malformed: list[Malformed] = []
    for worker in range(workers):
        ticks, refused = read_whole(source, np.arange(count) % workers == worker)
        parts.append(ticks)
        malformed += refused
    joined = concatenate(parts)
    return select(joined, canonical_order(joined)), malformed


def write_lean(folder: Path, symbol: str, name: str, content: str | bytes) -> Path:
    """Write one archive of Lean's layout below a folder."""
    path = folder / "tick" / symbol / f"{name}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", content)
    return path
