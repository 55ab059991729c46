"""Messages of Kafka topics and back: columns as Arrow IPC streams, records as JSON, scored batches as they are.

Every message says in its headers its `schema` version, its `kind` (`arrow`, `json` with the type in `record`,
`market`, or `end`), the number of its `first` row in its topic and shard, how many `rows` it has, when the last of
them was known in `at` (ns UTC), and `watermark` (ns UTC) where it has one; `ended` is 1 on the mark after the last
row. A `market` message has eight streams of rows, and so eight numbers in `first` and `rows` (fewer in those of
versions before health or corporate actions were known). What cannot be read becomes `Damaged`.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from connectors.kafka.batches import Part, counts_of, known_at_of, sliced
from connectors.lake.codec import END_OF_INPUT, Rows
from connectors.lake.lanes import Records
from connectors.lake.schemas import MARKET, UnknownTopic, market_schema, record_type
from connectors.topics import codec as topics
from domain.envelope import SCHEMA_VERSION
from domain.market import MarketBatch, Ticks

BYTES_AIM = 4 * 1024 * 1024
"""Columns are split so that a message has about this many bytes at the most."""

AT = "at"
"""The header with the instant of a message (ns UTC).

Kafka's own timestamp stays the time of writing: by it the broker decides what is old enough to be deleted, and the
instants of a replayed day are.
"""

Headers = Sequence[tuple[str, bytes | None]]


class Message(NamedTuple):
    """A message to be written, and how many rows stand in it; `at` is ns UTC."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, str]]
    at: int


class Damaged(NamedTuple):
    """A message that could not be read: where it stands, why, its bytes, and the instant that it carries (ns UTC)."""

    topic: str
    partition: int
    offset: int
    reason: str
    value: bytes
    at: int = 0


class Standing(NamedTuple):
    """How far a partition is after one of its messages."""

    rows: tuple[int, ...]
    watermark: int | None
    ended: bool


Decoded = Rows | Records | MarketBatch | Damaged


class _Unreadable(ValueError):
    """Why a message cannot be read."""


class KafkaCodec:
    """Reads and writes messages; `records` names the record types of topics that the lake does not know."""

    def __init__(self, records: Mapping[str, type[msgspec.Struct]] | None = None) -> None:
        self._records = dict(records or {})
        self._encoder = msgspec.json.Encoder()
        self._decoders: dict[str, tuple[str, msgspec.json.Decoder[Any]]] = {}
        self._market = topics.MarketCodec()

    def messages(self, part: Part, firsts: tuple[int, ...], watermark_before: int) -> list[Message]:
        """Return the messages of rows whose numbers begin at `firsts`; the last says how far they reach.

        Raises ValueError for a record that is not of its topic's type.
        """
        body = part.body
        if isinstance(body, Records):
            kind = self._record_type(part.topic)
            wrong = next((record for record in body.records if type(record) is not kind), None)
            if wrong is not None:
                raise ValueError(
                    f"topic {part.topic} holds {kind.__name__}; {type(wrong).__name__} was given"
                )
            return [
                Message(
                    _key(record),
                    self._encoder.encode(record),
                    _headers("json", (firsts[0] + place,), (1,), None, ("record", kind.__name__)),
                    getattr(record, "known_at", 0),
                )
                for place, record in enumerate(body.records)
            ]
        pieces = sliced(body, BYTES_AIM)
        made: list[Message] = []
        for place, piece in enumerate(pieces):
            last = place == len(pieces) - 1
            counts = counts_of(piece)
            if isinstance(piece, Rows):
                watermark = part.watermark if last else None
                kind_name, value = "arrow", _arrow_bytes(piece.table)
            else:
                watermark = part.watermark if last else watermark_before
                kind_name, value = "market", self._market.encode(piece.batch)
            made.append(
                Message(None, value, _headers(kind_name, firsts, counts, watermark), known_at_of(piece))
            )
            firsts = tuple(first + count for first, count in zip(firsts, counts, strict=True))
        return made

    def _record_type(self, topic: str) -> type[msgspec.Struct]:
        return self._records.get(topic) or record_type(topic)

    def decode(
        self, topic: str, partition: int, offset: int, headers: Headers | None, value: bytes | None
    ) -> Decoded:
        """Return what a message holds; `END_OF_INPUT` for an end mark."""
        body = value or b""
        try:
            return self._decoded(topic, dict(headers or ()), body)
        except (
            pa.ArrowException,
            msgspec.MsgspecError,
            struct.error,
            ValueError,
            TypeError,
            LookupError,
            OSError,
        ) as failure:
            return Damaged(topic, partition, offset, f"{type(failure).__name__.lstrip('_')}: {failure}", body)

    def _decoded(self, topic: str, headers: Mapping[str, bytes | None], body: bytes) -> Decoded:
        version = headers.get("schema")
        if version is None:
            raise _Unreadable("a message says its `schema` version in its headers; this one does not")
        if version != str(SCHEMA_VERSION).encode():
            raise _Unreadable(
                f"schema version {SCHEMA_VERSION} is read; {version.decode(errors='replace')} was given"
            )
        _numbers(headers, "first")
        rows, kind = _numbers(headers, "rows"), headers.get("kind")
        if kind == b"end":
            return END_OF_INPUT
        if kind == b"json":
            return Records(topic, [self._record(topic, headers.get("record"), body)])
        item: Rows | MarketBatch
        if kind == b"arrow":
            item = Rows(topic, _table(topic, body))
            found: tuple[int, ...] = (item.table.num_rows,)
        elif kind == b"market":
            rows = (*rows, *[0] * (self._market.parts - len(rows)))
            item = self._batch(_numbers(headers, "watermark")[0], body)
            found = self._market.counts(item)
        else:
            raise _Unreadable(f"kinds of messages are arrow, json, market and end; {kind!r} was given")
        if found != rows:
            raise _Unreadable(f"the headers say {rows} rows; the message holds {found}")
        return item

    def _record(self, topic: str, name: bytes | None, body: bytes) -> Any:
        if topic not in self._decoders:
            try:
                kind = self._record_type(topic)
            except UnknownTopic as unknown:
                raise _Unreadable(str(unknown)) from unknown
            self._decoders[topic] = (kind.__name__, msgspec.json.Decoder(kind))
        expected, decoder = self._decoders[topic]
        if name != expected.encode():
            raise _Unreadable(f"topic {topic} holds {expected}; {name!r} was given")
        return decoder.decode(body)

    def _batch(self, watermark: int, body: bytes) -> MarketBatch:
        memory = np.empty(len(body), np.uint8)
        memory[:] = np.frombuffer(body, np.uint8)
        batch = self._market.decode(watermark, memory)
        if len({len(column) for column in batch.ticks if column is not None}) > 1:
            raise _Unreadable("columns of ticks have one length; theirs differ")
        if set(Ticks._fields[:5]) - {
            name for name, column in batch.ticks._asdict().items() if column is not None
        }:
            raise _Unreadable("ticks have event_at, known_at, instrument, price and size; some are missing")
        return batch


def end_mark(rows: tuple[int, ...], watermark: int | None, at: int) -> Message:
    """Return the mark that stands after the last row."""
    return Message(None, b"", _headers("end", rows, (0,) * len(rows), watermark, ("ended", "1")), at)


def standing_of(headers: Headers | None) -> Standing | None:
    """Return how far a partition is after a message, from its headers; None for a foreign message."""
    named = dict(headers or ())
    try:
        firsts, rows = _numbers(named, "first"), _numbers(named, "rows")
        watermark = _numbers(named, "watermark")[0] if "watermark" in named else None
        total = tuple(first + count for first, count in zip(firsts, rows, strict=True))
    except ValueError:
        return None
    return Standing(total, watermark, named.get("ended") == b"1")


def _headers(
    kind: str,
    firsts: tuple[int, ...],
    counts: tuple[int, ...],
    watermark: int | None,
    *more: tuple[str, str],
) -> list[tuple[str, str]]:
    made = [
        ("schema", str(SCHEMA_VERSION)),
        ("kind", kind),
        ("first", ",".join(map(str, firsts))),
        ("rows", ",".join(map(str, counts))),
        *more,
    ]
    if watermark is not None:
        made.append(("watermark", str(watermark)))
    return made


def _numbers(headers: Mapping[str, bytes | None], name: str) -> tuple[int, ...]:
    text = headers.get(name)
    if text is None:
        raise _Unreadable(f"a message has `{name}` among its headers; this one does not")
    return tuple(int(number) for number in text.split(b","))


def _key(record: Any) -> bytes:
    name = getattr(record, "symbol", "") or getattr(record, "instrument", "")
    return str(name or getattr(record, "record_id", "")).encode()


def _arrow_bytes(table: pa.Table | pa.RecordBatch) -> bytes:
    """Return columns as one Arrow IPC stream, each dictionary with no more names than it needs."""
    whole = table if isinstance(table, pa.Table) else pa.Table.from_batches([table])
    columns = [_compact(column) for column in whole.unify_dictionaries().combine_chunks().columns]
    batch = pa.RecordBatch.from_arrays(columns, schema=whole.schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    made: bytes = sink.getvalue().to_pybytes()
    return made


def _compact(column: pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece; names that no row uses are left out where they are more than the rows."""
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.array([], column.type)
    if not pa.types.is_dictionary(array.type) or len(array.dictionary) <= len(array) or array.null_count:
        return array
    used, indices = np.unique(array.indices.to_numpy(zero_copy_only=False), return_inverse=True)
    return pa.DictionaryArray.from_arrays(
        pa.array(indices, array.type.index_type), array.dictionary.take(pa.array(used))
    )


def _table(topic: str, body: bytes) -> pa.Table:
    table = pa.ipc.open_stream(pa.py_buffer(body)).read_all()
    table.validate(full=True)
    if topic in MARKET:
        for field in market_schema(topic):
            place = table.schema.get_field_index(field.name)
            if place < 0 or table.schema.field(place).type != field.type:
                raise _Unreadable(f"rows of {topic} have a column {field.name} of {field.type}")
    return table
