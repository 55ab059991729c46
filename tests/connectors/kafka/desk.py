"""What the desk writes to Kafka in these tests: rows that never change, in batches that do."""

import threading

import numpy as np

from connectors.kafka.batches import Scored, streams_of
from connectors.kafka.client import Place
from connectors.kafka.codec import Damaged, KafkaCodec
from connectors.kafka.sink import KafkaPartition, ShardWriter
from connectors.lake.codec import END_OF_INPUT, MarketCodec, Rows
from connectors.lake.lanes import Raw, Records
from connectors.topics.codec import MarketCodec as Scores
from domain.market import MarketBatch, select
from tests.connectors.crash_flow import FIRST_AT, SPACING, UNIVERSE, all_bars, all_ticks, position

MARKET = MarketCodec(UNIVERSE, "test")
TOPICS = ("raw.trades", "raw.quotes", "scored", "positions")


def items_of(first, last):
    """Return the items of rows `first` to before `last`."""
    ticks, bars = select(all_ticks(), slice(first, last)), all_bars()[first:last]
    return [
        Raw(ticks),
        Scored(MarketBatch(FIRST_AT + (last - 1) * SPACING, ticks, bars)),
        Records("positions", [position(row) for row in range(first, last)]),
    ]


def part_of(broker, state=None, *, flow="desk", topics=TOPICS, partition=0, **settings):
    """Return the writer of shard `0`."""
    places = [Place(topic, partition) for topic in topics]
    writer = ShardWriter(broker.cluster, f"{flow}.0", places, KafkaCodec(), MARKET, state)
    return KafkaPartition(writer, **settings)


def handing_over(part, rows):
    """Return a thread that hands over positions 1 to before `rows`, and a list of the last that was taken."""
    handed = [0]

    def hand_over():
        for row in range(1, rows):
            part.write_batch([Records("positions", [position(row)])])
            handed[0] = row

    return threading.Thread(target=hand_over), handed


def decoded(broker, topic, *, partition=0):
    """Return what stands on a partition, and the row number that each message begins with."""
    codec = KafkaCodec()
    messages = broker.messages(topic, partition=partition)
    items = [
        codec.decode(topic, partition, message.offset(), message.headers(), message.value())
        for message in messages
    ]
    firsts = [tuple(map(int, dict(message.headers())["first"].split(b","))) for message in messages]
    assert not [item for item in items if isinstance(item, Damaged)]
    return items, firsts


def assert_rows(broker, rows, *, ended=False, partition=0):
    """Check that every topic holds the first `rows` rows, each once and in order."""
    for topic, quoted in (("raw.trades", False), ("raw.quotes", True)):
        expected = MARKET.ticks("raw", select(all_ticks(), slice(0, rows)))
        items, _ = decoded(broker, topic, partition=partition)
        tables = [item.table for item in items if isinstance(item, Rows) and item is not END_OF_INPUT]
        ids = np.concatenate([table["record_id"].to_numpy() for table in tables])
        np.testing.assert_array_equal(ids, expected[int(quoted)].table["record_id"].to_numpy())
    items, firsts = decoded(broker, "scored", partition=partition)
    batches = [item for item in items if isinstance(item, MarketBatch)]
    np.testing.assert_array_equal(
        np.concatenate([batch.ticks.sequence for batch in batches]), np.arange(rows)
    )
    np.testing.assert_array_equal(np.concatenate([batch.bars for batch in batches]), all_bars()[:rows])
    watermarks = [batch.watermark for batch in batches]
    assert watermarks == sorted(watermarks)
    assert watermarks[-1] == FIRST_AT + (rows - 1) * SPACING
    counts = np.cumsum([(0,) * streams_of("scored"), *[Scores().counts(batch) for batch in batches]], axis=0)
    assert [tuple(row) for row in counts.tolist()][: len(batches)] == firsts[: len(batches)]
    items, _ = decoded(broker, "positions", partition=partition)
    records = [record for item in items if isinstance(item, Records) for record in item.records]
    assert records == [position(row) for row in range(rows)]
    for topic in TOPICS:
        items, _ = decoded(broker, topic, partition=partition)
        assert [place for place, item in enumerate(items) if item is END_OF_INPUT] == [len(items) - 1] * ended
