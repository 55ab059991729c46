"""Market columns and decision records as Arrow tables with the envelope, and ticks back from such tables.

Nothing loops over market rows in Python, and columns are handed on without copying where they are contiguous:
they must not be written to afterwards. `record_id` of a market row is a splitmix64 hash of topic, source,
instrument, kind, sequence and version, so the same row has the same name on every run, machine, and number of
shards.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from connectors.lake.columns import fixed, name_hash, named, with_built
from connectors.lake.schemas import (
    CHECK,
    CROSS_SECTION,
    INSTANT,
    NUMBER_OR_WORD,
    market_schema,
    record_columns,
    record_schema,
    record_type,
)
from domain.decisions import Check, Quarantined
from domain.envelope import SCHEMA_VERSION, record_id
from domain.instruments import Universe
from domain.market import FeatureRows, Kind, Malformed, ScoreReason, Session, Ticks, complete_ticks, row_count

_LETTERS = pa.array(["", *(chr(code) for code in range(1, 256))])
_SESSIONS = pa.array([session.name.lower() for session in Session])
_REASONS = pa.array([reason.name.lower() for reason in ScoreReason])


class Rows(NamedTuple):
    """Rows of one topic on their way to the lake; an empty topic says that the shard's input has ended."""

    topic: str
    table: pa.Table | pa.RecordBatch


END_OF_INPUT = Rows("", pa.table({}))


@njit(cache=True, nogil=True)
def _mixed(bits: np.uint64) -> np.uint64:
    """Return the splitmix64 finaliser of 64 bits (Steele, Lea and Flood 2014)."""
    bits += np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@njit(cache=True, nogil=True)
def _record_ids(
    seed: np.uint64,
    names: NDArray[np.uint64],
    instrument: NDArray[np.int32],
    kind: NDArray[np.int64],
    sequence: NDArray[np.int64],
    version: NDArray[np.int64],
    out: NDArray[np.uint64],
) -> None:
    """Write the record id of each row into `out`; `kind` and `version` hold one value or one for each row."""
    kinds, versions = len(kind) > 1, len(version) > 1
    for row in range(len(out)):
        bits = _mixed(seed ^ names[instrument[row]])
        bits = _mixed(bits ^ np.uint64(kind[row if kinds else 0]))
        bits = _mixed(bits ^ np.uint64(sequence[row]))
        out[row] = _mixed(bits ^ np.uint64(version[row if versions else 0]))


class MarketCodec:
    """Columns of a run to lake rows: `universe` names the instruments, `source` the origin of its ticks.

    `features`, `strategies` and `built` name the feature columns, the strategies and the kinds of built bars in the
    order of their indices, `comparisons` the columns that compare instruments. Derived rows have the stage as their
    source and the close of their bar, in ns, as their sequence; built bars have their number.
    """

    def __init__(
        self,
        universe: Universe,
        source: str,
        features: Sequence[str] = (),
        strategies: Sequence[str] = (),
        comparisons: Sequence[str] = (),
        built: Sequence[str] = (),
    ) -> None:
        self._universe = universe
        self._source = source
        self._features = tuple(features)
        self._comparisons = tuple(comparisons)
        self._names = pa.array(universe.names, pa.string())
        self._hashes = np.array([name_hash(name) for name in universe.names], np.uint64)
        self._built = tuple(built)
        self._strategies = pa.array(strategies, pa.string())
        self._strategy_hashes = np.array([name_hash(name) for name in strategies], np.uint64).view(np.int64)

    def ticks(self, stage: str, ticks: Ticks) -> list[Rows]:
        """Return the rows of `<stage>.trades` and `<stage>.quotes`; no entry where there are none.

        Cancels and status rows stand among the trades. `stage` is `raw` or `market`. Raises ValueError where
        the rows have no sequence, which names them.
        """
        if not row_count(ticks):
            return []
        if ticks.sequence is None:
            raise ValueError("ticks need a `sequence` column to be kept in the lake; the batch has none")
        quoted = np.zeros(row_count(ticks), np.bool_) if ticks.kind is None else ticks.kind == Kind.QUOTE
        parts = ((f"{stage}.trades", ~quoted), (f"{stage}.quotes", quoted))
        return [self._tick_rows(topic, ticks, rows) for topic, rows in parts if rows.any()]

    def _tick_rows(self, topic: str, ticks: Ticks, rows: NDArray[np.bool_]) -> Rows:
        every = bool(rows.all())
        at = np.flatnonzero(rows)
        columns = {
            name: column if every else column[at]
            for name, column in ticks._asdict().items()
            if column is not None
        }
        count = len(at)
        kind = columns.setdefault("kind", np.zeros(count, np.uint8))
        columns.setdefault("received_at", columns["known_at"])
        ids = self._ids(topic, self._source, columns["instrument"], kind, columns["sequence"], np.zeros(1))
        schema = market_schema(topic)
        made = {
            **self._envelope(count, self._source, ids),
            "instrument": named(columns["instrument"], self._names),
            "venue": named(columns.get("venue", np.zeros(count, np.uint8)), _LETTERS),
        }
        for field in schema:
            if field.name not in made:
                made[field.name] = fixed(_column(columns, field, count), field.type)
        return Rows(topic, pa.RecordBatch.from_arrays([made[name] for name in schema.names], schema=schema))

    def national_best(self, best: NDArray[np.void]) -> Rows:
        """Return `market.nbbo` rows of NATIONAL_BEST rows: one for each change, with whether it locks or crosses."""
        topic, sequence = "market.nbbo", np.ascontiguousarray(best["sequence"])
        instrument = np.ascontiguousarray(best["instrument"])
        ids = self._ids(topic, self._source, instrument, np.array([Kind.QUOTE]), sequence, np.zeros(1))
        made = {
            **self._envelope(len(best), self._source, ids),
            "instrument": named(instrument, self._names),
            "bid_venue": named(best["bid_venue"], _LETTERS),
            "ask_venue": named(best["ask_venue"], _LETTERS),
            "locked": pa.array(best["bid"] == best["ask"]),
            "crossed": pa.array(best["bid"] > best["ask"]),
            "session": named(best["session"], _SESSIONS),
        }
        return self._structured(topic, best, made, market_schema(topic))

    def bars(self, bars: NDArray[np.void], built: NDArray[np.void] | None = None) -> Rows:
        """Return `market.bars` rows of BAR rows, and of BUILT_BAR rows among them (see `with_built`)."""
        kind, sequence, more = bars["interval"], bars["close_at"], dict[str, pa.Array]()
        if self._built:
            bars, kind, sequence, more = with_built(bars, built, self._built)
        made = self._derived("market.bars", "bars", bars, kind, sequence)
        made["open_at"] = fixed(bars["open_at"], INSTANT)
        made["session"] = named(bars["session"], _SESSIONS)
        schema = market_schema("market.bars", built=bool(self._built))
        return self._structured("market.bars", bars, {**made, **more}, schema)

    def features(self, rows: FeatureRows) -> Rows:
        """Return `features` rows: one for each bar, one column for each feature.

        Raises ValueError where the number of features differs from the names that the codec was given.
        """
        return self._feature_rows("features", rows, self._features)

    def cross_section(self, rows: FeatureRows) -> Rows:
        """Return `features.cross_section` rows: one for each bar, one column for each comparison; as `features`."""
        return self._feature_rows(CROSS_SECTION, rows, self._comparisons)

    def _feature_rows(self, topic: str, rows: FeatureRows, names: tuple[str, ...]) -> Rows:
        if len(rows.values) != len(names):
            raise ValueError(f"{len(names)} features are named; rows with {len(rows.values)} were given")
        made = self._derived(topic, topic, rows.bars, rows.bars["interval"], rows.bars["close_at"])
        for name, values in zip(names, rows.values, strict=True):
            made[name] = fixed(values, pa.float64())
        return self._structured(topic, rows.bars, made, market_schema(topic, names))

    def scores(self, scores: NDArray[np.void]) -> Rows:
        """Return `scores` rows of SCORE rows."""
        kind = self._strategy_hashes[scores["strategy"]]
        made = self._derived("scores", "scores", scores, kind, scores["close_at"])
        made["strategy"] = named(scores["strategy"], self._strategies)
        made["reason"] = named(scores["reason"], _REASONS)
        made["changed"] = pa.array(scores["changed"].astype(np.bool_))
        return self._structured("scores", scores, made, market_schema("scores"))

    def _derived(
        self, topic: str, stage: str, rows: NDArray[np.void], kind: NDArray[Any], sequence: NDArray[np.int64]
    ) -> dict[str, pa.Array]:
        """Return the envelope, instrument and version of rows that a stage made at the close of bars."""
        close_at = np.ascontiguousarray(rows["close_at"])
        instrument, known_at = np.ascontiguousarray(rows["instrument"]), fixed(rows["known_at"], INSTANT)
        return {
            **self._envelope(
                len(rows), stage, self._ids(topic, stage, instrument, kind, sequence, rows["version"])
            ),
            "event_at": fixed(close_at, INSTANT),
            "close_at": fixed(close_at, INSTANT),
            "known_at": known_at,
            "received_at": known_at,
            "sequence": fixed(sequence, pa.int64()),
            "instrument": named(instrument, self._names),
        }

    @staticmethod
    def _structured(topic: str, rows: NDArray[np.void], made: dict[str, pa.Array], schema: pa.Schema) -> Rows:
        arrays = [
            made[field.name] if field.name in made else fixed(rows[field.name], field.type)
            for field in schema
        ]
        return Rows(topic, pa.RecordBatch.from_arrays(arrays, schema=schema))

    def _ids(
        self,
        topic: str,
        source: str,
        instrument: NDArray[np.int32],
        kind: NDArray[Any],
        sequence: NDArray[np.int64],
        version: NDArray[Any],
    ) -> NDArray[np.uint64]:
        made = np.empty(len(instrument), np.uint64)
        kinds, versions = kind.astype(np.int64), version.astype(np.int64)
        _record_ids(
            np.uint64(name_hash(f"{topic}|{source}")),
            self._hashes,
            instrument,
            kinds,
            sequence,
            versions,
            made,
        )
        return made

    def _envelope(self, count: int, source: str, ids: NDArray[np.uint64]) -> dict[str, pa.Array]:
        return {
            "source": named(np.zeros(count, np.int32), pa.array([source])),
            "record_id": fixed(ids, pa.uint64()),
            "schema_version": fixed(np.full(count, SCHEMA_VERSION, np.int16), pa.int16()),
        }

    def ticks_of(self, table: pa.Table | pa.RecordBatch) -> Ticks:
        """Return the ticks of lake rows of a trades or quotes topic, in the order of the table.

        Raises UnknownInstrument where a row names one that the universe does not hold.
        """
        columns: dict[str, NDArray[Any]] = {}
        for name in table.schema.names:
            column = table.column(name)
            column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            if name == "instrument":
                columns[name] = _looked_up(
                    column, [self._universe.index(text) for text in column.dictionary.to_pylist()]
                )
            elif name == "venue":
                columns[name] = _looked_up(
                    column, [ord(text) if text else 0 for text in column.dictionary.to_pylist()]
                )
            elif name in Ticks._fields:
                whole = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
                columns[name] = whole.to_numpy(zero_copy_only=False)
        return complete_ticks(columns)


def _column(columns: dict[str, NDArray[Any]], field: pa.Field, count: int) -> NDArray[Any]:
    """Return a tick column, or what stands for one that the batch does not have: NaN, or 0 for whole numbers."""
    if field.name in columns:
        return columns[field.name]
    empty = np.nan if pa.types.is_floating(field.type) else 0
    return np.full(count, empty, field.type.to_pandas_dtype())


def _looked_up(column: pa.DictionaryArray, numbers: list[int]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.array(numbers or [0], np.int64)[
        column.indices.to_numpy(zero_copy_only=False)
    ]
    return found


def record_rows(topic: str, records: Sequence[msgspec.Struct]) -> Rows:
    """Return decision records as rows of their topic.

    Raises UnknownTopic, and ValueError where a record is of another type than the topic holds.
    """
    kind, schema = record_type(topic), record_schema(topic)
    wrong = next((record for record in records if type(record) is not kind), None)
    if wrong is not None:
        raise ValueError(f"topic {topic} holds {kind.__name__}; {type(wrong).__name__} was given")
    return Rows(topic, pa.RecordBatch.from_arrays(_columns(kind, records, schema), schema=schema))


def _columns(
    kind: type[msgspec.Struct], records: Sequence[Any], fields: Iterable[pa.Field]
) -> list[pa.Array]:
    """Return an Arrow array for each field of the records."""
    named = zip(record_columns(kind), fields, strict=True)
    return [
        _array([getattr(record, attribute) for record in records], field.type)
        for (_, attribute, _), field in named
    ]


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Return the values of one field as an Arrow array; lists and structs are made from their flat columns."""
    if pa.types.is_list(kind):
        bounds = np.cumsum([0, *map(len, values)], dtype=np.int32)
        flat = [part for value in values for part in value]
        return pa.ListArray.from_arrays(fixed(bounds, pa.int32()), _array(flat, kind.value_type))
    if kind == CHECK:
        return pa.StructArray.from_arrays(_columns(Check, values, kind), fields=list(kind))
    if kind == NUMBER_OR_WORD:
        numbers = pa.array([None if isinstance(value, str) else value for value in values], pa.float64())
        words = pa.array([value if isinstance(value, str) else None for value in values], pa.string())
        missing = pa.array([value is None for value in values], pa.bool_())
        return pa.StructArray.from_arrays([numbers, words], fields=list(kind), mask=missing)
    if pa.types.is_string(kind):
        return pa.array([_text(value) for value in values], kind)
    return pa.array(values, kind)


def _text(value: Any) -> str | None:
    return format(value, "f") if isinstance(value, Decimal) else value


def malformed_rows(stage: str, malformed: Sequence[Malformed]) -> Rows:
    """Return `quarantine.<stage>` rows of what a stage refused."""
    topic = f"quarantine.{stage}"
    return record_rows(topic, [quarantined(stage, row) for row in malformed])


def quarantined(stage: str, row: Malformed) -> Quarantined:
    """Return the record of one refused row; it happened, for us, when it was known."""
    return Quarantined(
        event_at=row.known_at,
        known_at=row.known_at,
        received_at=row.known_at,
        source=row.source,
        sequence=0,
        record_id=record_id("quarantine", stage, *row),
        stage=stage,
        reason=row.reason,
        place=row.place,
        raw=row.raw,
    )
