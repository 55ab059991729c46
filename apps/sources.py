"""From what a person types to a source of ticks, Kafka's topics among them."""

from pathlib import Path

from apps.venues import history_source, is_live
from config.servers import read_servers
from connectors.files.lake_reference import Reference
from connectors.files.open_source import combine, open_source, open_sources
from connectors.kafka.controls import recorded_controls
from connectors.kafka.reference import described_source
from connectors.kafka.ticks import KafkaTicks
from connectors.kafka.told import Told, told_in
from connectors.source import TickSource

KAFKA = "kafka:"


def sources_of(
    specs: tuple[str, ...],
    instruments: tuple[str, ...] | None = None,
    first: str | None = None,
    last: str | None = None,
    config: Path | None = None,
) -> TickSource:
    """Return what `specs` name as one source.

    `kafka:TOPIC,TOPIC` is read by a consumer that touches nothing live, a venue is asked for the trades of its past.
    Raises SourceError, SettingsError.
    """
    if not any(spec.startswith(KAFKA) or is_live(spec) for spec in specs):
        return open_sources(specs, instruments, first, last)
    return combine([_one(spec, instruments, first, last, config) for spec in specs])


def _one(
    spec: str, instruments: tuple[str, ...] | None, first: str | None, last: str | None, config: Path | None
) -> TickSource:
    if spec.startswith(KAFKA):
        return _kafka(spec, instruments, first, last, config)
    if is_live(spec):
        return history_source(spec, instruments, first, last, config)
    return open_source(spec, instruments, first, last)


def _kafka(
    spec: str,
    instruments: tuple[str, ...] | None,
    first: str | None,
    last: str | None,
    config: Path | None,
) -> TickSource:
    cluster = read_servers(config).kafka.cluster()
    topics = tuple(topic for topic in spec.removeprefix(KAFKA).split(",") if topic)
    described = described_source(cluster, lambda: True)
    reference = Reference()
    if described is not None:
        controls = tuple(recorded_controls(cluster))
        reference = Reference(described.reference(), described.splits(), controls)
    told = Told() if described is None else told_in(cluster, reference)
    if not topics:
        return KafkaTicks(cluster, instruments=instruments, first=first, last=last, told=told)
    return KafkaTicks(cluster, topics, instruments, first, last, told)
