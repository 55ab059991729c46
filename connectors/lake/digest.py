"""The digest of a topic: SHA-256 over its records in total order, wherever they lie.

It is the same for any number of shards, files and row groups.

Each column is hashed by itself, its values one after the other in the total order of `schemas.TOTAL_ORDER`;
the digest is the hash of the columns' names, types and hashes, sorted by name. Values are hashed as their
bytes (every NaN as one NaN), texts with their lengths, and nulls apart from every value. Rows are read in
slices of event time, so memory follows the slice and not the topic.
"""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors.lake.names import files_of
from connectors.lake.schemas import TOTAL_ORDER, UnknownTopic, type_name
from connectors.lake.shelf import STAGING

SLICE_VALUES = 4_000_000
"""About how many values of all columns a slice holds: a topic with many columns is read in fewer rows at a time."""


class _Group(NamedTuple):
    """One row group: where it lies, its rows, and the event times (ns UTC) that it spans."""

    path: Path
    number: int
    rows: int
    first_at: int
    last_at: int


def topics(lake: Path) -> list[str]:
    """Return the topics that a lake folder holds, sorted."""
    return sorted(path.name for path in lake.iterdir() if path.is_dir() and path.name != STAGING)


def digest(lake: Path, topic: str, *, slice_rows: int | None = None) -> str:
    """Return the digest of a topic as 64 hexadecimal digits.

    `slice_rows` bounds memory and changes nothing; None takes it from the number of columns.

    Raises UnknownTopic where the lake does not hold the topic, ValueError where its files differ in their
    columns.
    """
    groups = _groups(lake, topic)
    hashes: dict[str, _ColumnHash] = {}
    columns = len(pq.read_schema(groups[0].path))
    for slice_table in _slices(groups, slice_rows or max(1, SLICE_VALUES // columns)):
        ordered = _ordered(slice_table)
        if not hashes:
            hashes = {field.name: _ColumnHash(field.type) for field in ordered.schema}
        if sorted(hashes) != sorted(ordered.schema.names):
            raise ValueError(
                f"files of {topic} differ in their columns: {sorted(set(hashes) ^ set(ordered.schema.names))}"
            )
        for name, column_hash in hashes.items():
            column_hash.add(ordered.column(name).combine_chunks())
    whole = hashlib.sha256()
    for name in sorted(hashes):
        whole.update(f"{name}|{hashes[name].hexdigest()}\n".encode())
    return whole.hexdigest()


def digests(lake: Path) -> dict[str, str]:
    """Return the digest of each topic."""
    return {topic: digest(lake, topic) for topic in topics(lake)}


def counts(lake: Path) -> dict[str, int]:
    """Return the number of rows of each topic."""
    return {
        topic: sum(pq.read_metadata(path).num_rows for path in files_of(lake, topic))
        for topic in topics(lake)
    }


def _groups(lake: Path, topic: str) -> list[_Group]:
    groups: list[_Group] = []
    for path in files_of(lake, topic):
        metadata = pq.read_metadata(path)
        column = metadata.schema.to_arrow_schema().names.index("event_at")
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            span = group.column(column).statistics
            groups.append(_Group(path, number, group.num_rows, span.min_raw, span.max_raw))
    if not groups:
        held = topics(lake) if lake.exists() else []
        raise UnknownTopic(f"{lake} holds no rows of {topic!r}; it holds {', '.join(held) or 'nothing'}")
    return groups


def _slices(groups: list[_Group], rows: int) -> Iterator[pa.Table]:
    """Yield the rows in slices of rising event time, about `rows` each; rows of one instant are never parted."""
    points = sorted(
        [(group.first_at, group.rows / 2) for group in groups]
        + [(group.last_at, group.rows / 2) for group in groups]
    )
    weights = np.cumsum([weight for _, weight in points])
    steps = np.searchsorted(weights, np.arange(rows, weights[-1], rows))
    cuts = sorted({points[step][0] for step in steps.tolist()} - {points[0][0]})
    bounds = [points[0][0], *cuts, points[-1][0] + 1]
    for low, high in pairwise(bounds):
        parts = [
            _rows_between(group, low, high)
            for group in groups
            if group.first_at < high and group.last_at >= low
        ]
        if parts:
            yield pa.concat_tables(parts)


def _rows_between(group: _Group, low: int, high: int) -> pa.Table:
    """Return the rows of a group with low <= event_at < high, names as plain text codes, columns sorted by name."""
    with pq.ParquetFile(group.path) as file:
        table = file.read_row_group(group.number)
    if group.first_at < low or group.last_at >= high:
        event_at = table.column("event_at").cast(pa.int64())
        table = table.filter(pc.and_(pc.greater_equal(event_at, low), pc.less(event_at, high)))
    return table.select(sorted(table.schema.names)).replace_schema_metadata(None)


def _ordered(table: pa.Table) -> pa.Table:
    """Return rows in total order, names ranked by their text."""
    table = table.unify_dictionaries().combine_chunks()
    keys = [name for name in TOTAL_ORDER if name in table.schema.names]
    order = (
        pl.DataFrame([_rank(name, table.column(name)) for name in keys])
        .select(pl.arg_sort_by(keys))
        .to_series()
    )
    indices = order.to_arrow()
    if pc.all(pc.equal(indices, pa.array(np.arange(len(order), dtype=np.uint32)))).as_py():
        return table
    return table.take(indices)


def _rank(name: str, column: pa.ChunkedArray) -> Any:
    """Return what a key column is sorted by: its numbers, or the rank of each name among the names."""
    whole = column.combine_chunks()
    if not pa.types.is_dictionary(whole.type):
        return pl.Series(name, whole)
    places = np.argsort(np.array(whole.dictionary.to_pylist(), dtype=np.str_), kind="stable")
    ranks = np.empty(max(len(places), 1), np.int32)
    ranks[places] = np.arange(len(places))
    return pl.Series(name, ranks[whole.indices.to_numpy(zero_copy_only=False)])


class _ColumnHash:
    """The hash of one column, fed in any number of pieces: values, lengths of texts and lists, nulls, and parts."""

    def __init__(self, kind: pa.DataType) -> None:
        self._kind = type_name(kind)
        self._values, self._lengths, self._nulls = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
        parts = [kind.value_type] if pa.types.is_list(kind) else []
        self._parts = [
            _ColumnHash(part) for part in parts or ([field.type for field in kind] if kind.num_fields else [])
        ]

    def add(self, column: pa.Array) -> None:
        """Take the values of a column in."""
        column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        self._nulls.update(pc.is_null(column).cast(pa.uint8()).to_numpy(zero_copy_only=False).data)
        if pa.types.is_struct(column.type):
            for part, values in zip(self._parts, column.flatten(), strict=True):
                part.add(values)
        elif pa.types.is_list(column.type):
            self._lengths.update(_numbers(column.value_lengths()).data)
            self._parts[0].add(column.flatten())
        elif pa.types.is_string(column.type):
            self._add_text(column)
        else:
            self._values.update(_numbers(column).data)

    def _add_text(self, texts: pa.Array) -> None:
        filled = pc.fill_null(texts, "") if texts.null_count else texts
        self._lengths.update(_numbers(pc.binary_length(filled)).data)
        _, offsets, data = filled.buffers()
        bounds = np.frombuffer(offsets, np.int32)[filled.offset : filled.offset + len(filled) + 1]
        if data is not None and len(bounds):
            self._values.update(memoryview(data)[int(bounds[0]) : int(bounds[-1])])

    def hexdigest(self) -> str:
        """Return kind and hashes as one text."""
        own = [part.hexdigest() for part in (self._values, self._lengths, self._nulls)]
        return "|".join([self._kind, *own, *(f"({part.hexdigest()})" for part in self._parts)])


def _numbers(column: pa.Array) -> Any:
    """Return the values of a numeric column as numpy, every NaN the same, nulls as 0."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    numbers = (pc.fill_null(column, 0) if column.null_count else column).to_numpy()
    if numbers.dtype.kind == "f":
        missing = np.isnan(numbers)
        numbers = np.where(missing, np.nan, numbers) if missing.any() else numbers
    return np.ascontiguousarray(numbers)
