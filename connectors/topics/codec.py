"""Batches and records as the body of a frame and back, without pickle and without copying columns out again.

A body is a length-prefixed JSON head and then the columns' bytes, each at a multiple of 16 bytes. Decoded
columns are writable, aligned views of the memory that the frame was read into, of the same types as fresh
ones, so that compiled kernels need no second signature.

A codec says how many rows of each of its parts an item holds, and can leave out the first rows of each: with
it a sink knows, after a restart, which rows are written already, in whatever batches they come again.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.action_records import ActionRecord
from domain.envelope import SCHEMA_VERSION
from domain.health import MarketHealth
from domain.market import BAR, QUOTE_BAR, SCORE, FeatureRows, Malformed, MarketBatch, Ticks, UInt8, select

ALIGNMENT = 16
_LENGTH = struct.Struct("<Q")

Item = TypeVar("Item")


class SchemaRefused(ValueError):
    """A frame was written with a schema version that this program does not read."""


class TopicCodec(Protocol[Item]):
    """How items of a topic are written: `parts` ordered streams of rows travel in each item."""

    parts: int

    def watermark(self, item: Item) -> int:
        """Return how far the item says that its stream is, ns UTC."""
        ...

    def counts(self, item: Item) -> tuple[int, ...]:
        """Return the number of rows of each part."""
        ...

    def tail(self, item: Item, skipped: tuple[int, ...]) -> Item:
        """Return the item without the first rows of each part."""
        ...

    def encode(self, item: Item) -> bytes:
        """Return the item's body."""
        ...

    def decode(self, watermark: int, body: UInt8) -> Item:
        """Return the item of a body; raises SchemaRefused."""
        ...


def encode(columns: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> bytes:
    """Return named arrays of any shape, and a JSON-able `meta`, as one body."""
    arrays = {name: np.ascontiguousarray(column) for name, column in columns.items()}
    shapes = [[name, _type_name(array.dtype), list(array.shape)] for name, array in arrays.items()]
    head = msgspec.json.encode({"schema_version": SCHEMA_VERSION, "columns": shapes, "meta": dict(meta)})
    pieces: list[Any] = [_LENGTH.pack(len(head)), head, b"\0" * (-(len(head) + _LENGTH.size) % ALIGNMENT)]
    for array in arrays.values():
        pieces += [array.reshape(-1).view(np.uint8).data, b"\0" * (-array.nbytes % ALIGNMENT)]
    return b"".join(pieces)


def decode(body: UInt8) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the meta of a body; the arrays are views of it. Raises SchemaRefused."""
    (length,) = _LENGTH.unpack_from(body.data)
    head = msgspec.json.decode(body[_LENGTH.size : _LENGTH.size + length].data)
    if head["schema_version"] != SCHEMA_VERSION:
        raise SchemaRefused(
            f"schema version {SCHEMA_VERSION} is read; a frame of {head['schema_version']} was given"
        )
    at = _LENGTH.size + length
    columns: dict[str, NDArray[Any]] = {}
    for name, kind, shape in head["columns"]:
        at += -at % ALIGNMENT
        dtype = _STRUCTURED.get(kind) or np.dtype(kind)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        columns[name] = body[at : at + size].view(dtype).reshape(shape)
        at += size
    return columns, head["meta"]


_STRUCTURED = {"BAR": BAR, "QUOTE_BAR": QUOTE_BAR, "SCORE": SCORE}


def _type_name(dtype: np.dtype[Any]) -> str:
    if dtype.names is None:
        return dtype.str
    name = next((name for name, known in _STRUCTURED.items() if known == dtype), None)
    if name is None:
        raise ValueError(f"structured columns are {', '.join(_STRUCTURED)}; {dtype} was given")
    return name


class Message(NamedTuple):
    """A batch of any columns of one length, with what else is to be said of it."""

    watermark: int
    columns: dict[str, NDArray[Any]]
    meta: dict[str, Any]


class MessageCodec:
    """Messages: columns of one length each."""

    parts = 1

    def watermark(self, item: Message) -> int:
        """Return the message's watermark."""
        return item.watermark

    def counts(self, item: Message) -> tuple[int, ...]:
        """Return the length of the columns; raises ValueError where they differ."""
        lengths = {len(column) for column in item.columns.values()} or {0}
        if len(lengths) > 1:
            raise ValueError(f"columns of a message have one length; lengths {sorted(lengths)} were given")
        return tuple(lengths)

    def tail(self, item: Message, skipped: tuple[int, ...]) -> Message:
        """Return the message without its first rows."""
        return item._replace(columns={name: column[skipped[0] :] for name, column in item.columns.items()})

    def encode(self, item: Message) -> bytes:
        """Return the message's body."""
        return encode(item.columns, item.meta)

    def decode(self, watermark: int, body: UInt8) -> Message:
        """Return the message of a body."""
        return Message(watermark, *decode(body))


class RecordBatch(NamedTuple):
    """Decision records in order, and how far their stream is."""

    watermark: int
    records: Sequence[msgspec.Struct]


class RecordCodec:
    """Records of the given types as JSON, checked against their types when read."""

    parts = 1

    def __init__(self, *kinds: type[msgspec.Struct]) -> None:
        self._kinds = {kind.__name__: kind for kind in kinds}
        self._encoder = msgspec.json.Encoder()
        self._decoders = {name: msgspec.json.Decoder(kind) for name, kind in self._kinds.items()}

    def watermark(self, item: RecordBatch) -> int:
        """Return the batch's watermark."""
        return item.watermark

    def counts(self, item: RecordBatch) -> tuple[int, ...]:
        """Return the number of records."""
        return (len(item.records),)

    def tail(self, item: RecordBatch, skipped: tuple[int, ...]) -> RecordBatch:
        """Return the batch without its first records."""
        return item._replace(records=item.records[skipped[0] :])

    def encode(self, item: RecordBatch) -> bytes:
        """Return lines of type name and JSON; raises ValueError for a type that the codec was not given."""
        for record in item.records:
            if type(record).__name__ not in self._kinds:
                raise ValueError(
                    f"records here are {', '.join(self._kinds)}; {type(record).__name__} was given"
                )
        return b"\n".join(
            b"%s %s" % (type(record).__name__.encode(), self._encoder.encode(record))
            for record in item.records
        )

    def decode(self, watermark: int, body: UInt8) -> RecordBatch:
        """Return the records of a body; raises msgspec.ValidationError for one that its type does not allow."""
        lines = [line.split(b" ", 1) for line in body.tobytes().split(b"\n") if line]
        return RecordBatch(watermark, [self._decoders[name.decode()].decode(text) for name, text in lines])


class MarketCodec:
    """Market batches with everything that the stages have added: each kind of row is a part of its own."""

    parts = 8

    def watermark(self, item: MarketBatch) -> int:
        """Return the batch's watermark."""
        return item.watermark

    def counts(self, item: MarketBatch) -> tuple[int, ...]:
        """Return the number of rows: ticks, bars, quote bars, features, scores, malformed, health, actions."""
        features = None if item.features is None else item.features.bars
        rows = (
            item.ticks.event_at,
            item.bars,
            item.quote_bars,
            features,
            item.scores,
            item.malformed,
            item.health,
            item.actions,
        )
        return tuple(0 if part is None else len(part) for part in rows)

    def tail(self, item: MarketBatch, skipped: tuple[int, ...]) -> MarketBatch:
        """Return the batch without the first rows of each part."""
        ticks, bars, quote_bars, features, scores, malformed, health, actions = skipped
        return MarketBatch(
            item.watermark,
            select(item.ticks, slice(ticks, None)),
            None if item.bars is None else item.bars[bars:],
            None if item.quote_bars is None else item.quote_bars[quote_bars:],
            None
            if item.features is None
            else FeatureRows(item.features.bars[features:], item.features.values[:, features:]),
            None if item.scores is None else item.scores[scores:],
            item.malformed[malformed:],
            health=item.health[health:],
            actions=item.actions[actions:],
        )

    def encode(self, item: MarketBatch) -> bytes:
        """Return the batch's body."""
        columns = {
            f"ticks.{name}": column for name, column in item.ticks._asdict().items() if column is not None
        }
        if item.features is not None:
            columns |= {"features.bars": item.features.bars, "features.values": item.features.values}
        rows = {"bars": item.bars, "quote_bars": item.quote_bars, "scores": item.scores}
        columns |= {name: part for name, part in rows.items() if part is not None}
        beside = {"malformed": item.malformed, "health": item.health, "actions": item.actions}
        return encode(columns, {name: rows for name, rows in beside.items() if rows})

    def decode(self, watermark: int, body: UInt8) -> MarketBatch:
        """Return the batch of a body."""
        columns, meta = decode(body)
        ticks = Ticks(**{name[6:]: column for name, column in columns.items() if name.startswith("ticks.")})
        features = None
        if "features.bars" in columns:
            features = FeatureRows(columns["features.bars"], columns["features.values"])
        return MarketBatch(
            watermark,
            ticks,
            columns.get("bars"),
            columns.get("quote_bars"),
            features,
            columns.get("scores"),
            tuple(Malformed(*row) for row in meta.get("malformed", ())),
            health=msgspec.convert(meta.get("health", ()), tuple[MarketHealth, ...]),
            actions=msgspec.convert(meta.get("actions", ()), tuple[ActionRecord, ...]),
        )
