"""A broker that is far away is heard: an answer that takes more than a second is one, and a cut line says nothing."""

from contextlib import closing

import pytest
from confluent_kafka import KafkaError, KafkaException

from connectors.kafka.client import Doubt, KafkaCluster, KafkaRefused, Place, Watch, consumer_of
from connectors.kafka.tails import ASK_SECONDS, edges_of, partition_count
from tests.served.slow_proxy import SlowProxy

pytestmark = pytest.mark.served


def test_a_topic_is_found_on_a_broker_that_answers_later_than_it_is_first_waited_for(broker):
    broker.make("far", partitions=3)
    address = broker.cluster.client["bootstrap.servers"]

    with SlowProxy(0, int(address.rpartition(":")[2]), delay_seconds=0.6 * ASK_SECONDS) as proxy:
        client = {**broker.cluster.client, "bootstrap.servers": f"127.0.0.1:{proxy.port}"}
        count = partition_count(KafkaCluster(client, broker.cluster.prefix), "far")

    assert count == 3


class CutOff:
    """A consumer whose connection breaks each time that it asks who leads a partition."""

    def __init__(self, consumer):
        self._consumer = consumer
        self.poll, self.list_topics = consumer.poll, consumer.list_topics

    def get_watermark_offsets(self, partition, timeout):
        raise KafkaException(KafkaError(KafkaError._UNKNOWN_PARTITION, "Failed to get watermark offsets"))


@pytest.mark.parametrize(("number", "kind"), [(0, Doubt), (1, KafkaRefused)])
def test_a_partition_that_a_client_does_not_know_is_refused_only_where_the_broker_has_none(
    broker, number, kind
):
    broker.make("cut")
    watch = Watch("reader")

    with closing(consumer_of(broker.cluster, watch)) as consumer, pytest.raises(kind) as raised:
        edges_of(CutOff(consumer), broker.cluster, watch, Place("cut", number))

    assert f"topic cut, partition {number}" in str(raised.value)
