"""The tape of work W: making one, and reading it in batches of columns."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit

from domain.market import Float64, Int32, Int64

COLUMNS = ("ts_ns", "sym", "price", "size")
START_NS = 1_767_623_400_000_000_000
TRADES_PER_SECOND = 4.3
STEP = 2e-4


class Trades(NamedTuple):
    """Rows of a tape, in ascending time; the arrays are Arrow's own memory and cannot be written."""

    ts_ns: Int64
    sym: Int32
    price: Float64
    size: Int32


@njit(cache=True, nogil=True, error_model="numpy")
def walk(sym, steps, level, price):  # type: ignore[no-untyped-def]
    """Move each instrument's level by the row's relative step and write the price in whole cents."""
    for row in range(len(sym)):
        which = sym[row]
        level[which] *= 1.0 + steps[row]
        price[row] = max(np.round(level[which] * 100.0), 1.0) / 100.0


def make(path: Path, rows: int, instruments: int, seed: int = 1) -> None:
    """Write a tape: lognormally weighted instruments, 4.3 trades a second each on average, steps of 2 basis points."""
    draw = np.random.default_rng(seed)
    weights = draw.lognormal(size=instruments)
    gaps_us = draw.exponential(1e6 / (TRADES_PER_SECOND * instruments), rows)
    ts_ns = START_NS + np.cumsum(np.maximum(gaps_us.astype(np.int64), 1)) * 1000
    sym = np.searchsorted(np.cumsum(weights / weights.sum()), draw.random(rows)).astype(np.int32)
    np.minimum(sym, instruments - 1, out=sym)
    price = np.empty(rows)
    walk(sym, STEP * draw.standard_normal(rows), draw.lognormal(4.5, 0.8, instruments), price)
    size = draw.integers(1, 1001, rows).astype(np.int32)
    pq.write_table(pa.table(dict(zip(COLUMNS, (ts_ns, sym, price, size), strict=True))), path)


def width(tape: Any) -> int:
    """Return one more than the greatest instrument of an open tape, from its footer where that says so."""
    at = tape.schema_arrow.get_field_index("sym")
    groups = [tape.metadata.row_group(group).column(at).statistics for group in range(tape.num_row_groups)]
    if all(known is not None and known.has_min_max for known in groups):
        return max((int(known.max) for known in groups), default=-1) + 1
    read = (batch.column(0).to_numpy() for batch in tape.iter_batches(columns=["sym"], use_threads=False))
    return max((int(part.max()) for part in read if len(part)), default=-1) + 1


def open_tape(path: Path) -> Any:
    """Open a tape; raises ValueError where it has not the four columns of work W."""
    tape = pq.ParquetFile(path, pre_buffer=False)
    kinds = {field.name: str(field.type) for field in tape.schema_arrow}
    wanted = dict(zip(COLUMNS, ("int64", "int32", "double", "int32"), strict=True))
    given = {name: kinds.get(name, "nothing") for name in COLUMNS}
    if given != wanted:
        raise ValueError(f"a tape has the columns {wanted}; {path} has {given}")
    return tape


def batches(tape: Any, batch_rows: int) -> Iterator[Trades]:
    """Decode an open tape on the calling thread, at most `batch_rows` rows at a time."""
    for batch in tape.iter_batches(batch_rows, columns=list(COLUMNS), use_threads=False):
        yield Trades(*(column.to_numpy() for column in batch.columns))
