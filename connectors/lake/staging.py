"""Staged rows and published files of the lake, with no streaming engine in sight.

A staged file is a run of complete Arrow IPC streams, one after the other, so that it can be cut back to any
offset at which a stream ended. A published file is made from a staged one in row groups of a fixed size,
which makes its bytes a function of its rows.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.lake.shelf import STAGING, Shelf

ROWS_PER_GROUP = 131_072


class LakeDamaged(RuntimeError):
    """The lake does not hold what was written to it."""


def staged_path(lake: Path, topic: str, day: int, shard: str, first: int) -> Path:
    """Return where rows of a topic wait until their file is whole; arguments as of `shelf_mark`."""
    return lake / STAGING / shard / f"{topic}-{np.datetime64(day, 'D')}-{first:012d}.arrows"


def append(path: Path, offset: int, table: pa.Table) -> int:
    """Write rows at `offset` of a staged file, as one stream; return the offset after them."""
    buffer = pa.BufferOutputStream()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    remaining = memoryview(buffer.getvalue())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        while remaining:
            count = os.pwrite(descriptor, remaining, offset)
            remaining, offset = remaining[count:], offset + count
    finally:
        os.close(descriptor)
    return offset


def staged_batches(path: Path, length: int) -> Iterator[pa.Table]:
    """Yield the rows of the first `length` bytes of a staged file, one table for each append."""
    with pa.OSFile(str(path)) as file:
        while file.tell() < length:
            with pa.ipc.open_stream(file) as reader:
                table = reader.read_all()
            yield table


def in_groups(parts: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Yield the same rows in tables of exactly `rows` rows (the last one may hold fewer), each in one piece."""
    held: list[pa.Table] = []
    count = 0
    for part in parts:
        start = 0
        while count + part.num_rows - start >= rows:
            held.append(part.slice(start, rows - count))
            start += rows - count
            yield _whole(held)
            held, count = [], 0
        if start < part.num_rows:
            held.append(part.slice(start))
            count += part.num_rows - start
    if held:
        yield _whole(held)


def _whole(parts: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks()


def publish(staged: Path, length: int, rows: int, shelf: Shelf, mark: str) -> None:
    """Make staged rows visible: write the Parquet file beside the staged one, then hand it to the shelf.

    The staged file is taken away. Publishing the same rows again puts the same file in the same place.
    """
    made = staged.with_suffix(".parquet")
    write_groups(made, in_groups(staged_batches(staged, length), ROWS_PER_GROUP))
    shelf.put(made, mark, rows)
    made.unlink(missing_ok=True)
    staged.unlink()


def write_groups(path: Path, groups: Iterator[pa.Table], said: dict[str, str] | None = None) -> None:
    """Write a file in row groups as they come, at least one, with what is `said` of it in its last lines."""
    first = next(groups)
    with pq.ParquetWriter(path, first.schema, **_layout(first.schema)) as writer:
        if said:
            writer.add_key_value_metadata(said)
        writer.write_table(first, row_group_size=ROWS_PER_GROUP)
        for group in groups:
            writer.write_table(group, row_group_size=ROWS_PER_GROUP)


def _layout(schema: pa.Schema) -> dict[str, Any]:
    """Return how columns are written: instants and counters as differences, names and small numbers by dictionary."""
    steady = [field.name for field in schema if pa.types.is_timestamp(field.type) or field.type == pa.int64()]
    hashes = [field.name for field in schema if field.type == pa.uint64()]
    measures = [
        field.name for field in schema if pa.types.is_floating(field.type) and not field.name.endswith("size")
    ]
    return {
        "compression": {field.name: "none" if field.name in hashes else "zstd" for field in schema},
        "compression_level": {field.name: 1 for field in schema if field.name not in hashes},
        "use_dictionary": [name for name in schema.names if name not in {*steady, *hashes, *measures}],
        "write_statistics": [name for name in schema.names if name not in {*hashes, *measures}],
        "column_encoding": dict.fromkeys(steady, "DELTA_BINARY_PACKED"),
    }


def restore(staged: Path, length: int, rows: int, shelf: Shelf, mark: str) -> int:
    """Bring a staged file back to its first `rows` rows, `length` bytes; return its length now.

    Where the file was published since, its first rows are these rows, and they are staged again from there: a
    staged file beside it may be such a copy already, of another length. Raises LakeDamaged where neither is
    found whole.
    """
    if (shelf.rows(mark) or 0) >= rows:
        return _staged_again(shelf.fetch(mark, staged.with_suffix(".parquet")), staged, rows)
    if not staged.exists() or staged.stat().st_size < length:
        raise LakeDamaged(
            f"{rows} rows are missing: neither {staged} with {length} bytes nor {mark} with these rows exists; "
            f"restore the lake folder together with the recovery folder, or start with a new output folder"
        )
    os.truncate(staged, length)
    return length


def _staged_again(published: Path, staged: Path, rows: int) -> int:
    """Stage the first rows of a published file; return the length of the staged file."""
    staged.unlink(missing_ok=True)
    length = 0
    with pq.ParquetFile(published) as file:
        for batch in file.iter_batches(ROWS_PER_GROUP):
            table = pa.Table.from_batches([batch.slice(0, rows)])
            length = append(staged, length, table)
            rows -= table.num_rows
            if not rows:
                break
    return length
