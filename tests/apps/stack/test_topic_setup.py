"""Topics are made as configured, grow, and are reported where they differ; nothing is taken from them."""

import pytest
from confluent_kafka.admin import ConfigResource, NewTopic

from apps.findings import Health
from apps.stack.readiness import admin_client
from apps.stack.topic_setup import set_up_topics
from config.topics import Topic, Topics, read_topics

pytestmark = pytest.mark.served

WANTED = Topics(
    topics={
        "market.trades": Topic(partitions=4, retention_days=3),
        "limits": Topic(partitions=1, compacted=True),
    }
)


@pytest.fixture
def broker(kafka):
    client = admin_client(kafka)
    yield client
    ours = [name for name in client.list_topics(timeout=10).topics if name.startswith(kafka.prefix)]
    for future in client.delete_topics(ours).values() if ours else ():
        future.result(10)


def partitions(broker, kafka):
    there = broker.list_topics(timeout=10).topics
    return {
        name.removeprefix(kafka.prefix): len(topic.partitions)
        for name, topic in there.items()
        if name.startswith(kafka.prefix)
    }


def settings(broker, name):
    (future,) = broker.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name)]).values()
    held = future.result(10)
    return {key: held[key].value for key in ("cleanup.policy", "retention.ms", "max.message.bytes")}


def test_missing_topics_are_made_once_and_found_the_second_time(broker, kafka):
    first = set_up_topics(kafka, WANTED)
    second = set_up_topics(kafka, WANTED)

    assert partitions(broker, kafka) == {"market.trades": 4, "limits": 1}
    assert settings(broker, f"{kafka.prefix}market.trades") == {
        "cleanup.policy": "delete",
        "retention.ms": "259200000",
        "max.message.bytes": "8388608",
    }
    assert settings(broker, f"{kafka.prefix}limits")["cleanup.policy"] == "compact"
    assert [finding.words for finding in first + second] == [
        "2 as configured, made 2",
        "2 as configured, made 0",
    ]


def test_partitions_grow(broker, kafka):
    broker.create_topics([NewTopic(f"{kafka.prefix}market.trades", 1, 1)])[
        f"{kafka.prefix}market.trades"
    ].result(10)

    set_up_topics(kafka, WANTED)

    assert partitions(broker, kafka)["market.trades"] == 4


def test_a_topic_that_differs_is_said_and_left_as_it_is(broker, kafka):
    name = f"{kafka.prefix}market.trades"
    broker.create_topics([NewTopic(name, 6, 1, config={"retention.ms": "60000"})])[name].result(10)

    (finding,) = set_up_topics(kafka, WANTED)

    assert finding.health is Health.WARN
    assert f"{name} has 6 partitions and 4 are configured; they never shrink" in finding.remedy
    assert f"{name} has retention.ms=60000 and 259200000 is configured" in finding.remedy
    assert partitions(broker, kafka)["market.trades"] == 6
    assert settings(broker, name)["retention.ms"] == "60000"


def test_every_topic_of_the_project_is_accepted_by_the_broker(broker, kafka):
    wanted = read_topics()

    set_up_topics(kafka, wanted)

    assert partitions(broker, kafka) == {name: topic.partitions for name, topic in wanted.topics.items()}
