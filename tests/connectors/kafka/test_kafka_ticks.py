"""A replay from Kafka gives what a replay of the lake gives, whole or from one time to another."""

import numpy as np
import pytest

from connectors.files.lake_ticks import LakeTicks
from connectors.files.open_source import open_source
from connectors.kafka.client import Place
from connectors.kafka.codec import KafkaCodec
from connectors.kafka.sink import KafkaPartition, ShardWriter
from connectors.kafka.ticks import KafkaTicks
from connectors.kafka.told import Told
from connectors.lake.codec import END_OF_INPUT, MarketCodec
from connectors.lake.lanes import Raw
from connectors.source import SourceError
from domain.instruments import Instrument, Universe
from domain.market import MarketBatch, row_count, select
from tests.connectors.files.reading import assert_same, index_of, read_whole, split_and_joined
from tests.connectors.files.test_lake_ticks import record

pytestmark = pytest.mark.served

SHARDS = 2


@pytest.fixture(scope="module")
def simulated():
    return open_source("simulator:instruments=6,ticks=6000,days=2")


def _recorded(broker, source, stage="raw"):
    """Write what a source holds as a run of two shards does."""
    topics = (f"{stage}.trades", f"{stage}.quotes")
    broker.make(*topics, partitions=SHARDS)
    universe = Universe(tuple(Instrument(name=name) for name in source.instruments()))
    market, index = MarketCodec(universe, source.name), index_of(source)
    for shard in range(SHARDS):
        places = [Place(topic, shard) for topic in topics]
        part = KafkaPartition(ShardWriter(broker.cluster, f"record.{shard}", places, KafkaCodec(), market))
        for segment in source.segments():
            for chunk in source.read(segment, index, np.arange(len(index)) % SHARDS == shard):
                for first in range(0, row_count(chunk.ticks), 500):
                    ticks = select(chunk.ticks, slice(first, first + 500))
                    part.write_batch([Raw(ticks) if stage == "raw" else MarketBatch(0, ticks)])
                    part.snapshot()
        part.write_batch([END_OF_INPUT])
        part.snapshot()
        part.close()


@pytest.mark.parametrize("stage", ["raw", "market"])
def test_a_replay_from_kafka_gives_what_a_replay_of_the_lake_gives(broker, simulated, tmp_path, stage):
    record(tmp_path / "lake", simulated, stage, SHARDS)
    _recorded(broker, simulated, stage)
    lake = LakeTicks(tmp_path)

    source = KafkaTicks(broker.cluster, (f"{stage}.trades", f"{stage}.quotes"))

    assert source.name == lake.name == simulated.name
    assert source.instruments() == lake.instruments()
    assert source.segments() == lake.segments()
    assert_same(read_whole(source)[0], read_whole(lake)[0])
    assert_same(split_and_joined(source, 3)[0], read_whole(lake)[0])


def test_a_replay_is_bounded_by_days_and_instants_to_the_row(broker, simulated):
    _recorded(broker, simulated)
    whole, _ = read_whole(simulated)
    day = simulated.segments()[1]

    of_day = KafkaTicks(broker.cluster, first=day, last=day)
    assert of_day.segments() == (day,)
    starts = KafkaTicks(broker.cluster).segments()
    assert starts == simulated.segments()

    stamps = [np.datetime64(int(whole.known_at[row]) // 1000, "us") for row in (1_001, 4_007)]
    first, last = (f"{stamp}+00:00" for stamp in stamps)
    bounded = KafkaTicks(broker.cluster, first=first, last=last)
    from_at, to_at = (int(stamp.astype(np.int64)) * 1000 for stamp in stamps)
    inside = (whole.known_at >= from_at) & (whole.known_at < to_at)
    assert_same(read_whole(bounded)[0], select(whole, inside))


def test_a_message_that_cannot_be_read_is_a_malformed_row_and_hides_no_other(broker, simulated):
    universe = tuple(Instrument(name=name) for name in simulated.instruments())
    _recorded(broker, simulated)
    broker.send("raw.trades", b"nothing of ours", partition=0)

    source = KafkaTicks(broker.cluster, first=simulated.segments()[0], told=Told(universe))

    assert_same(read_whole(source)[0], read_whole(simulated)[0])
    assert source.reference() == universe
    assert source.splits() == ()


def test_what_cannot_be_replayed_is_refused_with_what_is_held(broker, simulated):
    with pytest.raises(SourceError, match=r"topic raw\.trades"):
        KafkaTicks(broker.cluster)

    _recorded(broker, simulated)

    with pytest.raises(SourceError, match="it holds no day at all"):
        KafkaTicks(broker.cluster, first="1999-01-01", last="1999-01-02")
    with pytest.raises(SourceError, match="the nearest held"):
        KafkaTicks(broker.cluster, instruments=("NOBODY",))
    with pytest.raises(SourceError, match="an ISO instant with a zone; '2024-06-03T10:00' was given"):
        KafkaTicks(broker.cluster, first="2024-06-03T10:00")
