"""Kafka's topics as configured: what is missing is made, partitions may grow, and what differs is said."""

from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it names them without exporting them
    AdminClient,
    ConfigResource,
    NewPartitions,
    NewTopic,
)

from apps.findings import Finding, doubtful, well
from apps.stack.readiness import admin_client
from config.servers import Kafka
from config.topics import Topics

SECONDS = 30


class TopicsFailed(RuntimeError):
    """The broker refused to make or to change topics."""


def set_up_topics(kafka: Kafka, wanted: Topics) -> list[Finding]:
    """Make the missing topics and grow partitions; return what was done, and each topic that differs."""
    client = admin_client(kafka)
    there = {
        name: len(topic.partitions) for name, topic in client.list_topics(timeout=SECONDS).topics.items()
    }
    named = {kafka.prefix + name: topic for name, topic in wanted.topics.items()}
    missing = [
        NewTopic(name, topic.partitions, wanted.replication, config=wanted.broker_settings(topic))
        for name, topic in named.items()
        if name not in there
    ]
    growing = {
        name: topic.partitions
        for name, topic in named.items()
        if there.get(name, topic.partitions) < topic.partitions
    }
    _wait(client.create_topics(missing) if missing else {})
    _wait(client.create_partitions([NewPartitions(*grown) for grown in growing.items()]) if growing else {})
    done = [
        f"made {len(missing)}",
        *(f"{name} grew to {count} partitions" for name, count in growing.items()),
    ]
    same = [name for name in named if name in there]
    differing = [
        *(
            f"{name} has {there[name]} partitions and {named[name].partitions} are configured; they never shrink"
            for name in same
            if there[name] > named[name].partitions
        ),
        *differing_settings(client, {name: wanted.broker_settings(named[name]) for name in same}),
    ]
    return [
        well("topics", f"{len(named)} as configured, {', '.join(done)}")
        if not differing
        else doubtful("topics", ", ".join(done), "left as they are: " + "; ".join(differing))
    ]


def differing_settings(
    client: AdminClient, wanted: dict[str, dict[str, str]], seconds: float = SECONDS
) -> list[str]:
    """Return in words where a topic's settings are others than configured; raises TopicsFailed."""
    if not wanted:
        return []
    asked = client.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name) for name in wanted])
    held = {resource.name: _result(resource.name, future, seconds) for resource, future in asked.items()}
    return [
        f"{name} has {setting}={held[name][setting].value} and {value} is configured"
        for name, settings in wanted.items()
        for setting, value in settings.items()
        if held[name][setting].value != value
    ]


def _wait(futures: dict[str, Any]) -> None:
    for name, future in futures.items():
        _result(name, future)


def _result(name: str, future: Any, seconds: float = SECONDS) -> Any:
    try:
        return future.result(seconds)
    except KafkaException as error:
        raise TopicsFailed(f"{name}: {error.args[0].str()}") from error
