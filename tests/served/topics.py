"""What Kafka holds of a served desk: its topics as files that digests are taken of, and the words of its workers."""

from collections import Counter
from contextlib import closing

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.kafka.claims import Word, topic_of
from connectors.kafka.client import Place, Watch, consumer_of
from connectors.kafka.codec import KafkaCodec
from connectors.kafka.tails import edges_of, partitions_of, read_to_end
from connectors.lake.codec import END_OF_INPUT, record_rows
from connectors.lake.digest import digests
from connectors.lake.lanes import Records
from connectors.lake.schemas import DECISIONS, MARKET
from flows.stages import OF_A_LYING_VENUE
from tests.served.desk import RAW

DAY = "date=2000-01-01"
"""One folder for all rows: a digest does not ask where they lie."""


def messages_of(cluster, topic):
    """Return the committed messages of every partition of a topic, with their places."""
    watch = Watch("reader")
    with closing(consumer_of(cluster, watch, enable_partition_eof=True)) as consumer:
        places = partitions_of(consumer, cluster, watch, topic)
        edges = {place: edges_of(consumer, cluster, watch, place) for place in places}
        starts = {place: low for place, (low, high) in edges.items() if low < high}
        return list(read_to_end(consumer, cluster, watch, starts)) if starts else []


def kafka_digests(cluster, folder):
    """Return the digest of each topic that Kafka holds rows of, but the raw ones, and the names of rows there twice."""
    codec, twice = KafkaCodec(), Counter()
    for topic in sorted({*MARKET, *DECISIONS} - {*RAW, *OF_A_LYING_VENUE}):
        names = Counter()
        for place, message in messages_of(cluster, topic):
            item = codec.decode(
                place.topic, place.partition, message.offset(), message.headers(), message.value()
            )
            if item is END_OF_INPUT:
                continue
            rows = (record_rows(topic, item.records) if isinstance(item, Records) else item).table
            table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
            file = folder / topic / DAY / f"{place.partition}-{message.offset()}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, file)
            names.update(table.column("record_id").to_pylist())
        twice.update({topic: sum(count - 1 for count in names.values())})
    return digests(folder), +twice


def ends_of(cluster, topic, partitions):
    """Return the committed end of each partition."""
    watch = Watch("reader")
    with closing(consumer_of(cluster, watch)) as consumer:
        return [edges_of(consumer, cluster, watch, Place(topic, number))[1] for number in range(partitions)]


def words_of(cluster):
    """Return what workers have said of their claims, in order of those of their kind."""
    return [
        msgspec.json.decode(message.value(), type=Word)
        for kind in ("market-data", "decisions", "execution", "sinks")
        for _, message in messages_of(cluster, topic_of(kind))
    ]
