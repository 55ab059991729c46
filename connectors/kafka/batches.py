"""What the Kafka sink takes, joined to as few parts as there are topics, and how rows are counted and cut there."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from connectors.lake.codec import MarketCodec, Rows
from connectors.lake.lanes import LakeItem, Records, encoded, lane_of
from connectors.topics import codec as topics
from domain.market import FeatureRows, MarketBatch, concatenate, row_count, select

SCORED = "scored"
END_LANE = ""
RECORD_WEIGHT = 16
"""A record takes about as much memory as this many rows of columns."""

_COUNTS = topics.MarketCodec()


class Scored(NamedTuple):
    """A market batch with everything that the stages have added, for the topic `scored`."""

    batch: MarketBatch


KafkaItem = LakeItem | Scored
Body = Rows | Records | Scored


class Part(NamedTuple):
    """Rows of one topic, and how far (ns UTC) their stream is after them, where it says so."""

    topic: str
    body: Body
    watermark: int | None = None


def lane_and_weight(item: KafkaItem) -> tuple[str, int]:
    """Return the lane of an item, and how much memory it stands for, in rows; raises TypeError."""
    if isinstance(item, Scored):
        return "(scored)", 1 + sum(counts_of(item))
    lane, rows = lane_of(item)
    return lane, 1 + rows * (RECORD_WEIGHT if isinstance(item, Records) else 1)


def parts_of(codec: MarketCodec | None, items: Sequence[Any]) -> list[Part]:
    """Return the rows of items of one lane, in order; raises TypeError where columns need a codec and none is."""
    match items[0]:
        case Scored():
            return [
                Part(SCORED, Scored(batch), batch.watermark)
                for batch in _joined([item.batch for item in items])
            ]
        case Records(topic, _):
            return [Part(topic, Records(topic, [record for item in items for record in item.records]))]
    watermark = items[-1].watermark if isinstance(items[0], MarketBatch) else None
    return [Part(rows.topic, rows, watermark) for rows in encoded(codec, items)]


def streams_of(topic: str) -> int:
    """Return how many numbered streams of rows a topic has in each shard."""
    return _COUNTS.parts if topic == SCORED else 1


def counts_of(body: Body) -> tuple[int, ...]:
    """Return the number of rows of each stream."""
    match body:
        case Rows(_, table):
            return (table.num_rows,)
        case Records(_, records):
            return (len(records),)
        case Scored(batch):
            return _COUNTS.counts(batch)


def cut(body: Body, firsts: tuple[int, ...], lasts: tuple[int, ...]) -> Body:
    """Return the rows from `firsts` to before `lasts` of each stream."""
    match body:
        case Rows(topic, table):
            return Rows(topic, table.slice(firsts[0], lasts[0] - firsts[0]))
        case Records(topic, records):
            return Records(topic, records[firsts[0] : lasts[0]])
        case Scored(batch):
            ticks, bars, quote_bars, features, scores, malformed, health, actions = map(slice, firsts, lasts)
            return Scored(
                MarketBatch(
                    batch.watermark,
                    select(batch.ticks, ticks),
                    None if batch.bars is None else batch.bars[bars],
                    None if batch.quote_bars is None else batch.quote_bars[quote_bars],
                    None
                    if batch.features is None
                    else FeatureRows(batch.features.bars[features], batch.features.values[:, features]),
                    None if batch.scores is None else batch.scores[scores],
                    batch.malformed[malformed],
                    health=batch.health[health],
                    actions=batch.actions[actions],
                )
            )


def sliced(body: Rows | Scored, bytes_max: int) -> list[Rows | Scored]:
    """Return a body in pieces of about `bytes_max` bytes at the most, in order."""
    counts = counts_of(body)
    pieces = min(-(-_bytes_of(body) // bytes_max), max(counts)) or 1
    if pieces == 1:
        return [body]
    edges = [tuple(count * place // pieces for count in counts) for place in range(pieces + 1)]
    return [cut(body, edges[place], edges[place + 1]) for place in range(pieces)]  # type: ignore[misc]


def known_at_of(body: Rows | Scored) -> int:
    """Return when the last of the rows was known (ns UTC), 0 where that is not said."""
    if isinstance(body, Rows):
        if "known_at" not in body.table.schema.names or not body.table.num_rows:
            return 0
        last = body.table.column("known_at")[body.table.num_rows - 1]
        return int(last.cast(pa.int64()).as_py())
    batch = body.batch
    features = None if batch.features is None else batch.features.bars
    columns = [batch.ticks.known_at]
    columns += [rows["known_at"] for rows in (batch.bars, features, batch.scores) if rows is not None]
    return max((int(column[-1]) for column in columns if len(column)), default=0)


def _bytes_of(body: Rows | Scored) -> int:
    if isinstance(body, Rows):
        return int(body.table.nbytes)
    batch = body.batch
    columns: list[Any] = [*batch.ticks, batch.bars, batch.quote_bars, batch.scores]
    columns += batch.features or ()
    return sum(int(column.nbytes) for column in columns if column is not None) + sum(
        len(row.raw) + 200 for row in batch.malformed
    )


def _joined(batches: Sequence[MarketBatch]) -> list[MarketBatch]:
    """Return batches joined as far as neighbours have the same columns."""
    groups: list[list[MarketBatch]] = []
    before: list[bool] = []
    for batch in batches:
        shape = [column is None for column in (*batch.ticks, *batch[2:6])]
        if shape == before:
            groups[-1].append(batch)
        else:
            groups.append([batch])
            before = shape
    return [group[0] if len(group) == 1 else _one(group) for group in groups]


def _one(batches: Sequence[MarketBatch]) -> MarketBatch:
    def rows(name: str) -> Any:
        columns = [getattr(batch, name) for batch in batches]
        return None if columns[0] is None else np.concatenate(columns)

    features = None
    if batches[0].features is not None:
        each = [batch.features for batch in batches if batch.features is not None]
        features = FeatureRows(
            np.concatenate([one.bars for one in each]), np.concatenate([one.values for one in each], axis=1)
        )
    ticks = [batch.ticks for batch in batches if row_count(batch.ticks)] or [batches[0].ticks]
    return MarketBatch(
        batches[-1].watermark,
        concatenate(ticks),
        rows("bars"),
        rows("quote_bars"),
        features,
        rows("scores"),
        tuple(row for batch in batches for row in batch.malformed),
        health=tuple(row for batch in batches for row in batch.health),
        actions=tuple(row for batch in batches for row in batch.actions),
    )
