"""Columns of the lake from numpy's, and the bars of named kinds set among those of the clock."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from domain.bar_kinds import BUILT_BAR, MARKS
from domain.market import BAR, SECOND


def name_hash(text: str) -> int:
    """Return 64 bits that stand for a name, without a sign."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def fixed(column: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return a numpy column as an Arrow array of a fixed-width type, without a copy where it is contiguous."""
    column = np.ascontiguousarray(column)
    return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(column)])


def named(indices: NDArray[Any], names: pa.Array) -> pa.Array:
    """Return indices as Arrow's dictionary of names."""
    return pa.DictionaryArray.from_arrays(
        fixed(indices.astype(np.int32, copy=False), pa.int32()), names, safe=False
    )


def with_built(
    bars: NDArray[np.void], built: NDArray[np.void] | None, names: Sequence[str]
) -> tuple[NDArray[np.void], NDArray[np.int64], NDArray[np.int64], dict[str, pa.Array]]:
    """Return BAR rows with built bars among them, what tells their kinds apart, their sequence, and the BUILT columns.

    `names` are those of the kinds of built bars. A built bar comes after all bars of the clock that were known in the
    same second or before, and both keep their order: a topic's rows must not depend on how they came in batches.
    """
    built = np.empty(0, BUILT_BAR) if built is None else built
    seconds = np.maximum.accumulate(bars["known_at"] // SECOND) if len(bars) else bars["known_at"]
    after = np.searchsorted(seconds, built["known_at"] // SECOND, side="right") + np.arange(len(built))
    ours = np.zeros(len(bars) + len(built), np.bool_)
    ours[after] = True
    rows = np.zeros(len(ours), BAR)
    rows[~ours] = bars
    for name in set(BAR.names or ()) & set(BUILT_BAR.names or ()):
        rows[name][ours] = built[name]
    kind, sequence = rows["interval"].astype(np.int64), rows["close_at"].copy()
    kind[ours] = np.array([name_hash(name) for name in names], np.uint64).view(np.int64)[built["spec"]]
    sequence[ours] = built["number"]
    marks = np.zeros(len(ours), np.int32)
    marks[ours] = built["marks"]
    lengths, which = np.unique(rows["interval"][~ours], return_inverse=True)
    words = np.zeros(len(ours), np.int32)
    words[ours] = built["spec"]
    words[~ours] = which + len(names)
    texts = pa.array([*names, *map(str, lengths.tolist())], pa.string())
    return rows, kind, sequence, {"interval_name": named(words, texts), "mark": named(marks, pa.array(MARKS))}
