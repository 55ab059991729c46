"""A compacted topic is its last values, to the end, and then what changes."""

import pytest

from connectors.kafka.client import KafkaRefused
from connectors.kafka.compacted import read_compacted
from tests.connectors.deadline import until

pytestmark = pytest.mark.served


def test_the_last_value_of_each_key_is_read_over_all_partitions_and_followed(broker):
    broker.make("limits", partitions=2, cleanup_policy="compact")
    broker.send("limits", b"1", key=b"main", partition=0)
    broker.send("limits", b"5", key=b"gone", partition=1)
    broker.send("limits", b"2", key=b"main", partition=0)
    broker.send("limits", None, key=b"gone", partition=1)
    broker.send("limits", b"7", key=b"other", partition=1)

    limits = read_compacted(broker.cluster, "limits")

    assert limits.values == {"main": b"2", "other": b"7"}
    assert limits.follow() == []
    broker.send("limits", b"3", key=b"main", partition=0)
    assert until(lambda: limits.follow(0.1)) == [("main", b"3")]
    broker.send("limits", None, key=b"other", partition=1)
    assert until(lambda: limits.follow(0.1)) == [("other", None)]
    assert limits.values == {"main": b"3"}
    limits.close()


def test_an_empty_topic_is_empty_and_a_missing_one_is_an_error(broker):
    broker.make("limits")

    empty = read_compacted(broker.cluster, "limits")

    assert empty.values == {}
    empty.close()
    with pytest.raises(KafkaRefused, match="topic kill"):
        read_compacted(broker.cluster, "kill")
