"""Kafka's topics as topics.yaml has them: partitions, how long records stay, and which keep the last of each key."""

from pathlib import Path

import pydantic

from config.sections import Section
from config.settings import path_of, refusal, yaml_values

FILE = "topics.yaml"
DAY_MILLISECONDS = 86_400_000
FOR_EVER = -1


class Topic(Section):
    """A topic: without `retention_days` its records are kept for good."""

    partitions: int = pydantic.Field(ge=1)
    retention_days: int | None = pydantic.Field(default=None, ge=1)
    compacted: bool = False

    @pydantic.model_validator(mode="after")
    def _kept_in_one_way(self) -> "Topic":
        if self.compacted and self.retention_days is not None:
            raise ValueError(
                "a compacted topic keeps the last record of each key for good: no retention_days"
            )
        return self


class Topics(Section):
    """Every topic by its name, and what they share."""

    replication: int = pydantic.Field(default=1, ge=1)
    message_bytes_max: int = pydantic.Field(default=8_388_608, ge=1_048_576)
    topics: dict[str, Topic]

    def broker_settings(self, topic: Topic) -> dict[str, str]:
        """Return what the broker is told of a topic."""
        kept = FOR_EVER if topic.retention_days is None else topic.retention_days * DAY_MILLISECONDS
        return {
            "cleanup.policy": "compact" if topic.compacted else "delete",
            "retention.ms": str(kept),
            "max.message.bytes": str(self.message_bytes_max),
        }


def read_topics(folder: Path | None = None) -> Topics:
    """Return the topics; raises SettingsError with the place, what was given, and what is wrong."""
    path = path_of(folder, FILE)
    try:
        return Topics.model_validate(yaml_values(path))
    except pydantic.ValidationError as error:
        raise refusal(path, error) from error
