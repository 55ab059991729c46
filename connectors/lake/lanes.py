"""What may be handed to the lake, and how what was held of it becomes rows of topics.

A lane is a kind of item that is held together and encoded at once, so that a thousand small batches cost
little more than one large one.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from connectors.lake.codec import MarketCodec, Rows, malformed_rows, record_rows
from domain.market import BAR, FeatureRows, Malformed, MarketBatch, Ticks, concatenate, row_count


class Raw(NamedTuple):
    """Ticks as they were received, for `raw.trades` and `raw.quotes`."""

    ticks: Ticks


class Records(NamedTuple):
    """Decision records of one topic."""

    topic: str
    records: Sequence[msgspec.Struct]


class Refused(NamedTuple):
    """Rows that a stage refused, for `quarantine.<stage>`."""

    stage: str
    malformed: Sequence[Malformed]


class TopicEnd(NamedTuple):
    """No more rows will come of one topic of the shard, while others may go on."""

    topic: str


LakeItem = Rows | MarketBatch | Raw | Records | Refused | TopicEnd


def lane_of(item: LakeItem) -> tuple[str, int]:
    """Return the lane of an item and its number of rows; raises TypeError for what the lake does not take."""
    match item:
        case Rows(topic, table):
            return topic, table.num_rows
        case MarketBatch():
            features = None if item.features is None else item.features.bars
            derived = (item.national, item.bars, item.built, item.scores, features)
            return "(market)", row_count(item.ticks) + sum(
                0 if rows is None else len(rows) for rows in derived
            )
        case Raw(ticks):
            return "(raw)", row_count(ticks)
        case Records(topic, records):
            return topic, len(records)
        case Refused(stage, malformed):
            return f"quarantine.{stage}", len(malformed)
        case TopicEnd(topic):
            return topic, 0
        case _:
            raise TypeError(
                f"the lake takes Rows, MarketBatch, Raw, Records, Refused and TopicEnd; {type(item).__name__} was given"
            )


def rows_in(item: LakeItem) -> int:
    """Return how many rows an item has; raises TypeError for what the lake does not take."""
    return lane_of(item)[1]


def merged(items: Sequence[Any]) -> list[Any]:
    """Return fewer items of one lane with the same rows in the same order."""
    match items[0]:
        case Rows(topic, _):
            return [Rows(topic, _concatenated(items))]
        case Records(topic, _):
            return [Records(topic, [record for item in items for record in item.records])]
        case Refused(stage, _):
            return [Refused(stage, [row for item in items for row in item.malformed])]
        case Raw():
            return [Raw(ticks) for ticks in _joined([item.ticks for item in items])]
        case MarketBatch():
            ticks = _joined([item.ticks for item in items]) or [items[0].ticks]
            features = _features(items)
            first = MarketBatch(
                items[-1].watermark,
                ticks[0],
                _structured([item.bars for item in items]),
                features=features,
                scores=_structured([item.scores for item in items]),
                built=_structured([item.built for item in items]),
                national=_structured([item.national for item in items]),
            )
            return [first, *(MarketBatch(items[-1].watermark, more) for more in ticks[1:])]
    return list(items)


def encoded(codec: MarketCodec | None, items: Sequence[Any]) -> list[Rows]:
    """Return the rows of items of one lane, in order; raises TypeError where market data comes without a codec."""
    match items[0]:
        case Rows(topic, _):
            return [Rows(topic, _concatenated(items))]
        case Records(topic, _):
            return [record_rows(topic, [record for item in items for record in item.records])]
        case Refused(stage, _):
            return [malformed_rows(stage, [row for item in items for row in item.malformed])]
    if codec is None:
        raise TypeError("the lake needs a MarketCodec to keep market data; it was built without one")
    if isinstance(items[0], Raw):
        return [
            rows for ticks in _joined([item.ticks for item in items]) for rows in codec.ticks("raw", ticks)
        ]
    return _market(codec, items)


def _concatenated(items: Sequence[Rows]) -> pa.Table:
    tables = (item.table for item in items)
    return pa.concat_tables(
        [table if isinstance(table, pa.Table) else pa.Table.from_batches([table]) for table in tables]
    )


def _market(codec: MarketCodec, batches: Sequence[MarketBatch]) -> list[Rows]:
    made = [
        rows for ticks in _joined([batch.ticks for batch in batches]) for rows in codec.ticks("market", ticks)
    ]
    national = _structured([batch.national for batch in batches])
    if national is not None:
        made.append(codec.national_best(national))
    bars, built = (
        _structured(each) for each in zip(*((one.bars, one.built) for one in batches), strict=True)
    )
    if bars is not None or built is not None:
        made.append(codec.bars(np.empty(0, BAR) if bars is None else bars, built))
    features = _features(batches)
    if features is not None:
        made.append(codec.features(features))
    scores = _structured([batch.scores for batch in batches])
    if scores is not None:
        made.append(codec.scores(scores))
    return made


def _features(batches: Sequence[MarketBatch]) -> FeatureRows | None:
    rows = [batch.features for batch in batches if batch.features is not None and len(batch.features.bars)]
    if not rows:
        return None
    values = np.concatenate([each.values for each in rows], axis=1)
    return FeatureRows(np.concatenate([each.bars for each in rows]), values)


def _structured(parts: Iterable[NDArray[np.void] | None]) -> NDArray[np.void] | None:
    rows = [part for part in parts if part is not None and len(part)]
    return np.concatenate(rows) if rows else None


def _joined(parts: list[Ticks]) -> list[Ticks]:
    """Return batches joined as far as neighbours have the same columns."""
    groups: list[list[Ticks]] = []
    before: list[bool] = []
    for part in parts:
        if not row_count(part):
            continue
        columns = [column is None for column in part]
        if columns == before:
            groups[-1].append(part)
        else:
            groups.append([part])
            before = columns
    return [concatenate(group) for group in groups]
