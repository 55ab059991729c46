"""Topics are read with their settings; what cannot be meant is refused with its place."""

import pytest

from config.settings import SettingsError
from config.topics import read_topics


def written(tmp_path, text):
    (tmp_path / "topics.yaml").write_text(text)
    return tmp_path


def test_the_projects_topics_keep_state_by_key_and_spread_market_data():
    topics = read_topics().topics

    assert {name for name, topic in topics.items() if topic.compacted} == {
        "limits",
        "kill",
        "reference.actions",
    }
    assert {topics[name].partitions for name in ("market.trades", "market.quotes", "scored")} == {4}
    assert {topics[name].partitions for name in ("intents", "verdicts", "oms.orders", "positions")} == {1}


def test_a_topic_is_told_to_the_broker_in_its_own_words():
    topics = read_topics()

    assert topics.broker_settings(topics.topics["market.bars"]) == {
        "cleanup.policy": "delete",
        "retention.ms": "2592000000",
        "max.message.bytes": "8388608",
    }
    assert topics.broker_settings(topics.topics["audit"])["retention.ms"] == "-1"
    assert topics.broker_settings(topics.topics["limits"])["cleanup.policy"] == "compact"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("topics: {limits: {partitions: 0}}", "topics.limits.partitions: input should be greater than or"),
        ("topics: {limits: {partitions: 1, color: red}}", "topics.limits.color: there is no such key"),
        ("topics: {kill: {partitions: 1, compacted: true, retention_days: 3}}", "no retention_days"),
        ("replication: 1", "topics: field required"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(tmp_path, text, said):
    with pytest.raises(SettingsError, match=said):
        read_topics(written(tmp_path, text))
