"""Rows of topics as lines of InfluxDB's line protocol, made from whole columns.

Which columns become tags and which fields is said in `MEASUREMENTS`, and why in `docs/influx.md`. A field that is
NaN, infinite or missing is left out, and a point that has nothing to say is not written. Money becomes a float
here: PostgreSQL and the lake hold it exactly. Bars of named kinds are left out: several may close at one instant, and
a point has no more than an instant to be told from another by.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from connectors.lake.codec import Rows
from connectors.lake.schemas import ENVELOPE


class Measurement(NamedTuple):
    """How a row becomes a point: tags and fields as (name, column); the first of `whole` is in every row.

    Tags stand in the order of their names, because the server has to sort them otherwise.
    `whole` are whole numbers, `measures` floats; no measures mean every float column of the topic, and then a
    point needs one of them.
    """

    name: str
    tags: tuple[tuple[str, str], ...]
    whole: tuple[str, ...]
    measures: tuple[str, ...]
    time: str = "event_at"


_BOOK = (("account", "Account"), ("instrument", "Symbol"), ("strategy", "strategy"))
_BAR = (("instrument", "instrument"), ("interval", "interval"))

MEASUREMENTS: dict[str, tuple[Measurement, ...]] = {
    "market.bars": (
        Measurement(
            "bars",
            _BAR,
            ("version", "trade_count"),
            ("open", "high", "low", "close", "volume", "vwap"),
            "close_at",
        ),
    ),
    "features": (Measurement("features", _BAR, ("version",), ()),),
    "positions": (
        Measurement("positions", _BOOK, ("quantity",), ("average_cost", "mark")),
        Measurement("pnl", _BOOK, ("sequence",), ("realised", "unrealised", "fees")),
    ),
    "risk.snapshots": (
        Measurement(
            "risk",
            (("account", "Account"),),
            ("sequence",),
            ("cash", "market_value", "equity", "gross", "net", "day_pnl", "drawdown"),
        ),
    ),
}
"""The measurements of each topic that becomes points."""

_ENVELOPE = frozenset(name for name, _ in ENVELOPE)
_TAG = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\\": "/", "\n": r"\ ", "\r": r"\ ", "\t": r"\ "})


def escaped(text: str) -> str:
    """Return a tag's value or a name as line protocol writes it.

    What it cannot write becomes what it can: a line break a space, and a backslash, which would swallow what
    follows, a slash.
    """
    return text.translate(_TAG).encode("utf-8", "replace").decode()


def lines_of(rows: Rows) -> list[pa.StringArray]:
    """Return the points of rows of a topic, one line each with its line break; nothing for other topics."""
    table = rows.table
    if rows.topic not in MEASUREMENTS or not table.num_rows:
        return []
    batch = table if isinstance(table, pa.RecordBatch) else _one_batch(table)
    if "interval_name" in batch.schema.names:
        batch = batch.filter(pc.greater(batch.column("interval"), 0))
    made = (_lines(measurement, batch) for measurement in MEASUREMENTS[rows.topic])
    return [lines for lines in made if len(lines)]


def joined(rows: Sequence[Rows]) -> Rows:
    """Return the rows of several tables of one topic in one."""
    tables = (each.table for each in rows)
    whole = [table if isinstance(table, pa.Table) else pa.Table.from_batches([table]) for table in tables]
    return Rows(rows[0].topic, pa.concat_tables(whole))


def laned(rows: Rows, count: int) -> list[Rows]:
    """Return rows of a topic in so many lanes of about as many rows each, series by series, each in its order.

    A series is in one lane, the longest first in the one that has least. The server works on lines of a series that
    follow each other with less effort.
    """
    table = rows.table
    if rows.topic not in MEASUREMENTS or not table.num_rows:
        return [rows, *(Rows(rows.topic, table.slice(0, 0)) for _ in range(count - 1))]
    batch = table if isinstance(table, pa.RecordBatch) else _one_batch(table)
    series = np.zeros(batch.num_rows, np.int64)
    for _, column in MEASUREMENTS[rows.topic][0].tags:
        codes = _codes(batch.column(column))
        series = np.unique(series * (codes.max() + 1) + codes, return_inverse=True)[1]
    counts = np.bincount(series)
    lane_of, filled = np.zeros(len(counts), np.int64), np.zeros(count, np.int64)
    for each in np.argsort(-counts, kind="stable").tolist():
        lane_of[each] = lane = int(filled.argmin())
        filled[lane] += counts[each]
    ends = np.cumsum(filled)
    in_lanes = batch.take(pa.array(np.lexsort((series, lane_of[series]))))
    return [
        Rows(rows.topic, in_lanes.slice(end - size, size)) for end, size in zip(ends, filled, strict=True)
    ]


def _codes(column: pa.Array) -> NDArray[np.int64]:
    """Return a number for each row that is the same where the value is."""
    coded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    numbers: NDArray[np.int64] = coded.indices.cast(pa.int64()).fill_null(0).to_numpy()
    return numbers


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    return table.unify_dictionaries().combine_chunks().to_batches()[0]


def _lines(measurement: Measurement, batch: pa.RecordBatch) -> pa.StringArray:
    tags = [_tag(name, batch.column(column)) for name, column in measurement.tags]
    measures = [_measure(name, batch.column(name)) for name in measurement.measures or _floats(batch)]
    whole = [_whole(name, batch.column(name)) for name in measurement.whole]
    whole[0] = pc.utf8_replace_slice(whole[0], 0, 1, " ")
    time = pc.cast(pc.cast(batch.column(measurement.time), pa.int64()), pa.string())
    lines = _joined([measurement.name, *tags, *whole, *measures, " ", time, "\n"])
    if measurement.measures:
        return lines
    spoken = np.zeros(len(lines), bool)
    for measure in measures:
        spoken |= measure.is_valid().to_numpy(zero_copy_only=False)
    return lines if spoken.all() else lines.filter(pa.array(spoken))


def _joined(parts: list[pa.Array | str]) -> pa.StringArray:
    """Return texts run together row by row; a missing one is nothing."""
    return pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")


def _floats(batch: pa.RecordBatch) -> list[str]:
    return [
        field.name
        for field in batch.schema
        if pa.types.is_floating(field.type) and field.name not in _ENVELOPE
    ]


def _tag(name: str, column: pa.Array) -> pa.Array:
    """Return `,name=value` of each row, nothing where the value is empty: line protocol has no empty tag."""
    coded = (
        column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(pc.cast(column, pa.string()))
    )
    values = coded.dictionary.to_pylist()
    written = pa.array([f",{name}={escaped(value)}" if value else "" for value in values], pa.string())
    return written.take(coded.indices)


def _whole(name: str, column: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(f",{escaped(name)}=", pc.cast(column, pa.string()), "i", "")


def _measure(name: str, column: pa.Array) -> pa.Array:
    """Return `,name=value` of each row, missing where the value is no number; a Decimal is read from its text."""
    numbers = pc.cast(column, pa.float64())
    finite = pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))
    return pc.binary_join_element_wise(f",{escaped(name)}=", pc.cast(finite, pa.string()), "")


def body_of(lines: pa.StringArray) -> memoryview:
    """Return the bytes of lines as they lie in memory, one after the other."""
    if not len(lines):
        return memoryview(b"")
    offsets = memoryview(lines.buffers()[1]).cast("B").cast("i")
    first, last = offsets[lines.offset], offsets[lines.offset + len(lines)]
    return memoryview(lines.buffers()[2])[first:last]
