"""Which column of a foreign table is which column of ours, and its values as ours (docs/column-mapping.md).

A value that cannot be read makes its row a fault with one of `REASONS`; the other rows go on.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from connectors.source import SourceError, nearest
from domain.market import ELIGIBLE, TICK_COLUMNS, Kind

ALIASES: dict[str, tuple[str, ...]] = {
    "event_at": ("event_at", "ts_ns", "ts", "timestamp", "time", "datetime"),
    "known_at": ("known_at",),
    "received_at": ("received_at",),
    "instrument": ("instrument", "sym", "symbol", "ticker"),
    "price": ("price", "px"),
    "size": ("size", "qty", "quantity", "volume"),
    "bid": ("bid", "bid_price"),
    "bid_size": ("bid_size", "bid_qty"),
    "ask": ("ask", "ask_price", "offer"),
    "ask_size": ("ask_size", "ask_qty"),
    "kind": ("kind", "side"),
    "sequence": ("sequence", "seq"),
    "conditions": ("conditions",),
    "flags": ("flags",),
    "venue": ("venue", "exchange"),
    "reference": ("reference",),
}
"""Names that a column of ours may have elsewhere, in any case; the first one that a table has is taken."""

KINDS: dict[str, tuple[Kind, str]] = {
    "trade": (Kind.TRADE, ""),
    "t": (Kind.TRADE, ""),
    "buy": (Kind.TRADE, ""),
    "sell": (Kind.TRADE, ""),
    "cancel": (Kind.CANCEL, ""),
    "c": (Kind.CANCEL, ""),
    "quote": (Kind.QUOTE, ""),
    "q": (Kind.QUOTE, ""),
    "bid": (Kind.QUOTE, "bid"),
    "ask": (Kind.QUOTE, "ask"),
    "status": (Kind.STATUS, ""),
}
"""Words for a kind of row; `bid` and `ask` make a quote of that side out of `price` and `size`."""

REASONS = (
    "",
    "not_a_time",
    "no_instrument",
    "not_a_number",
    "not_a_kind",
    "not_a_venue",
    "wrong_column_count",
)
GOOD, NOT_A_TIME, NO_INSTRUMENT, NOT_A_NUMBER, NOT_A_KIND, NOT_A_VENUE, WRONG_COUNT = range(7)

Roles = dict[str, str]
Array = NDArray[Any]
_TIMES = ("event_at", "known_at", "received_at")
NANOSECONDS_FROM = 10**17
"""The least whole number that is taken for nanoseconds since 1970 (in 1973); a thousandth of it for microseconds."""


class MappedRows(NamedTuple):
    """Rows of a table: tick columns but for `instrument`, which is `names[codes]`, and the fault of each row."""

    columns: dict[str, Array]
    names: tuple[str, ...]
    codes: NDArray[np.int32]
    faults: NDArray[np.uint8]


def roles_of(columns: Sequence[str], place: object) -> Roles:
    """Return which column of a table plays which part; raises SourceError where a needed one is not there."""
    lower = {column.lower(): column for column in reversed(columns)}
    roles: Roles = {}
    for role, aliases in ALIASES.items():
        found = next((lower[alias] for alias in aliases if alias in lower), None)
        if found is not None:
            roles[role] = found
    for role in ("event_at", "instrument"):
        if role not in roles:
            raise SourceError(
                f"{place} has no column for {role}; it has {nearest(role, columns)}; "
                f"name it one of {', '.join(ALIASES[role])}"
            )
    if not {"price", "size"} <= set(roles) and not {"bid", "ask"} <= set(roles):
        raise SourceError(
            f"{place} has neither price and size nor bid and ask; it has {', '.join(columns) or 'no column'}; "
            "docs/column-mapping.md lists the names that are read"
        )
    return roles


def mapped(batch: pa.RecordBatch, roles: Roles) -> MappedRows:
    """Return the rows of a batch of a table with these roles; columns that the table lacks are left out.

    Raises SourceError where a column has a type that cannot hold what its role needs.
    """
    count = batch.num_rows
    faults = np.zeros(count, np.uint8)
    columns: dict[str, Array] = {}
    names, codes = _instruments(_array(batch, roles["instrument"]), faults)
    for role, name in roles.items():
        if role not in ("instrument", "kind", "venue"):
            columns[role] = _read(role, _array(batch, name), faults)
    if "venue" in roles:
        columns["venue"] = _venues(_array(batch, roles["venue"]), faults)
    _set_kinds(columns, _array(batch, roles["kind"]) if "kind" in roles else None, faults)
    return MappedRows(columns, names, codes, faults)


def mapped_times(batch: pa.RecordBatch, roles: Roles) -> MappedRows:
    """Return only when rows were known and of which instruments they are; faults are those of these columns."""
    faults = np.zeros(batch.num_rows, np.uint8)
    names, codes = _instruments(_array(batch, roles["instrument"]), faults)
    role = "known_at" if "known_at" in roles else "event_at"
    columns = {"known_at": _times(_array(batch, roles[role]), faults)}
    return MappedRows(columns, names, codes, faults)


def time_columns(roles: Roles) -> list[str]:
    """Return the columns that `mapped_times` reads."""
    return [roles["known_at" if "known_at" in roles else "event_at"], roles["instrument"]]


def _array(batch: pa.RecordBatch, name: str) -> pa.Array:
    array = batch.column(name)
    kind = array.type
    if pa.types.is_dictionary(kind) and not pa.types.is_string(kind.value_type):
        array = array.dictionary_decode()
    return array


def _fault(faults: NDArray[np.uint8], rows: NDArray[np.bool_], reason: int) -> None:
    faults[rows & (faults == GOOD)] = reason


def _read(role: str, array: pa.Array, faults: NDArray[np.uint8]) -> Array:
    if role in _TIMES:
        return _times(array, faults)
    if TICK_COLUMNS[role] is np.float64:
        return _numbers(array, pa.float64(), np.nan if role in ("price", "bid", "ask") else 0.0, faults)
    whole = _numbers(array, pa.int64(), ELIGIBLE if role == "conditions" else 0, faults)
    return whole.astype(TICK_COLUMNS[role], copy=False)


def _is_text(array: pa.Array) -> bool:
    return bool(pa.types.is_string(array.type) or pa.types.is_large_string(array.type))


def _numbers(array: pa.Array, kind: pa.DataType, missing: float, faults: NDArray[np.uint8]) -> Array:
    """Return a column as numbers, `missing` where there is no value; text that is no number is a fault."""
    if _is_text(array):
        text = polars.Series(polars.from_arrow(array)).str.strip_chars()
        wanted = polars.Int64 if kind == pa.int64() else polars.Float64
        numbers = text.cast(wanted, strict=False)
        wrong = numbers.is_null() & text.is_not_null() & (text != "")
        _fault(faults, wrong.fill_null(value=False).to_numpy(), NOT_A_NUMBER)
        array = numbers.to_arrow()
    elif not (
        pa.types.is_integer(array.type) or pa.types.is_floating(array.type) or pa.types.is_decimal(array.type)
    ):
        raise SourceError(
            f"a column of type {array.type} was given where numbers are needed; store it as numbers"
        )
    if array.type != kind:
        array = pc.cast(array, kind, safe=False)
    if array.null_count:
        array = pc.fill_null(array, pa.scalar(missing, kind))
    numbers_out: Array = array.to_numpy(zero_copy_only=False)
    return numbers_out


def _times(array: pa.Array, faults: NDArray[np.uint8]) -> Array:
    """Return a column as ns UTC: whole numbers by their digits, a time without a zone is UTC, text is ISO 8601."""
    if _is_text(array):
        array = _parsed_times(array)
    elif pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        zoned = pa.timestamp("ns", tz="UTC" if getattr(array.type, "tz", None) else None)
        array = pc.cast(pc.cast(array, zoned, safe=False), pa.int64())
    elif pa.types.is_integer(array.type):
        whole = polars.Series("whole", polars.from_arrow(pc.cast(array, pa.int64(), safe=False)))
        array = _nanoseconds(whole).to_arrow()
    else:
        raise SourceError(
            f"a time column has type {array.type}; it may be a whole number since 1970, a timestamp, or ISO text"
        )
    if array.null_count:
        _fault(faults, array.is_null().to_numpy(zero_copy_only=False), NOT_A_TIME)
        array = pc.fill_null(array, 0)
    instants: Array = array.to_numpy(zero_copy_only=False)
    return instants


def _nanoseconds(whole: polars.Series) -> polars.Series:
    """Return whole numbers since 1970 as ns: seconds, ms, us or ns by their size, null for those of before 1973."""
    least = whole.min()
    if least is None or (isinstance(least, int) and least >= NANOSECONDS_FROM):
        return whole
    number = polars.col("whole")
    made = polars.lit(None, polars.Int64)
    for power in (9, 6, 3, 0):
        made = polars.when(number >= NANOSECONDS_FROM // 10**power).then(number * 10**power).otherwise(made)
    return polars.DataFrame({"whole": whole}).select(made.alias("whole"))["whole"]


def _parsed_times(array: pa.Array) -> pa.Array:
    """Return text as ns UTC, null where it is neither a whole number since 1970 nor an ISO 8601 time."""
    text = polars.Series("text", polars.from_arrow(array)).str.strip_chars()
    whole = _nanoseconds(text.cast(polars.Int64, strict=False))
    if whole.null_count() == text.null_count():
        return whole.to_arrow()
    frame = polars.DataFrame({"text": text, "whole": whole})
    iso = polars.col("text").str.replace(" ", "T", literal=True)
    iso = polars.when(iso.str.contains("T", literal=True)).then(iso).otherwise(iso + "T00:00:00")
    iso = iso.str.replace("[zZ]$", "+00:00")
    zoned = iso.str.contains(r"T.*[+-]\d{2}:?\d{2}$")
    iso = polars.when(zoned).then(iso).otherwise(iso + "+00:00")
    read = iso.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="ns", strict=False, ambiguous="null")
    instants = polars.coalesce("whole", read.dt.timestamp("ns"))
    return frame.select(instants)["whole"].to_arrow()


def _instruments(array: pa.Array, faults: NDArray[np.uint8]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return the names of a column and the number of each row's name; a whole number n is named S and n, 5 digits."""
    if array.null_count:
        _fault(faults, array.is_null().to_numpy(zero_copy_only=False), NO_INSTRUMENT)
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    values = coded.dictionary.to_pylist()
    if pa.types.is_integer(coded.dictionary.type):
        names = tuple(f"S{value:05d}" for value in values)
    elif _is_text(coded.dictionary):
        names = tuple((value or "").strip() for value in values)
    else:
        raise SourceError(f"instruments of type {array.type} were given; they are text or whole numbers")
    indices = pc.fill_null(coded.indices, 0) if coded.null_count else coded.indices
    codes: NDArray[np.int32] = indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    nameless = np.array([not name for name in names], np.bool_)
    if nameless.any():
        _fault(faults, nameless[codes], NO_INSTRUMENT)
    return names or ("",), codes


def _coded(array: pa.Array, meaning: Callable[[Any], int]) -> NDArray[np.int64]:
    """Return a number for each row of a column with few different values; -1 is one without a meaning."""
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    table = np.array([*(meaning(value) for value in coded.dictionary.to_pylist()), meaning(None)], np.int64)
    codes = pc.fill_null(coded.indices, len(table) - 1) if coded.null_count else coded.indices
    found: NDArray[np.int64] = table[codes.to_numpy(zero_copy_only=False)]
    return found


def _venue(value: Any) -> int:
    if value is None or value == "":
        return 0
    if isinstance(value, int):
        return value if 0 <= value <= 255 else -1
    return ord(value.upper()) if len(value) == 1 and value.isascii() and value.isalpha() else -1


def _venues(array: pa.Array, faults: NDArray[np.uint8]) -> NDArray[np.uint8]:
    codes = _coded(array, _venue)
    _fault(faults, codes < 0, NOT_A_VENUE)
    return codes.astype(np.uint8)


def _kind(value: Any) -> int:
    """Return the kind, plus 16 for a bid alone and 32 for an ask alone; 64 says that it follows from the values."""
    if value is None or value == "":
        return 64
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if isinstance(value, int):
        return value if value in tuple(Kind) else -1
    kind, side = KINDS.get(str(value).strip().lower(), (-1, ""))
    return kind + {"": 0, "bid": 16, "ask": 32}[side]


def _set_kinds(columns: dict[str, Array], array: pa.Array | None, faults: NDArray[np.uint8]) -> None:
    """Set the `kind` column, and turn rows of one side into quotes; without a kind, a row with a price is a trade."""
    count = len(faults)
    if array is None and "bid" not in columns:
        columns["kind"] = np.zeros(count, np.uint8)
        return
    codes = np.full(count, 64, np.int64) if array is None else _coded(array, _kind)
    _fault(faults, codes < 0, NOT_A_KIND)
    priced = np.isfinite(columns["price"]) if "price" in columns else np.zeros(count, np.bool_)
    if "bid" not in columns:
        priced[:] = True
    codes = np.where(codes == 64, np.where(priced, int(Kind.TRADE), int(Kind.QUOTE)), codes)
    for bit, side in ((16, "bid"), (32, "ask")):
        rows = (codes & bit != 0) & (codes > 0)
        if rows.any():
            _make_side(columns, rows, side, count)
    columns["kind"] = (codes & 15).astype(np.uint8)


def _make_side(columns: dict[str, Array], rows: NDArray[np.bool_], side: str, count: int) -> None:
    """Move price and size of the named rows to one side of a quote."""
    for name, size in (("bid", "bid_size"), ("ask", "ask_size")):
        columns[name] = columns[name].copy() if name in columns else np.full(count, np.nan)
        columns[size] = columns[size].copy() if size in columns else np.zeros(count)
    price = columns.get("price", np.full(count, np.nan)).copy()
    sizes = columns.get("size", np.zeros(count)).copy()
    columns[side][rows], columns[f"{side}_size"][rows] = price[rows], sizes[rows]
    price[rows], sizes[rows] = np.nan, 0.0
    columns["price"], columns["size"] = price, sizes
