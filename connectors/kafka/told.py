"""What `market.health` and `market.actions` hold of a run, so that a replay of its ticks hears of it again.

What the quality stage found out is left out: it follows from the rows, and is found out again.
"""

from collections.abc import Collection, Iterator
from typing import Any

from connectors.files.lake_reference import Reference
from connectors.kafka.client import Doubt, KafkaCluster, KafkaRefused, Watch, consumer_of
from connectors.kafka.codec import Damaged, KafkaCodec
from connectors.kafka.tails import edges_of, partitions_of, read_to_end
from connectors.lake.lanes import Records
from connectors.lake.schemas import ACTIONS, HEALTH
from connectors.source import SourceError
from domain.action_records import ActionRecord, actions_in_order
from domain.health import FOUND_OUT, MarketHealth, in_order
from domain.market import Chunk, empty_ticks


class Told(Reference, frozen=True):
    """What a recorded run knew of its instruments, and what it was told of feeds and of corporate actions."""

    health: tuple[MarketHealth, ...] = ()
    actions: tuple[ActionRecord, ...] = ()

    def of(self, names: Collection[str]) -> "Told":
        """Return what is said of these instruments."""
        known = Reference.of(self, names)
        return Told(
            known.instruments,
            known.splits,
            known.controls,
            tuple(row for row in self.health if row.instrument in names),
            tuple(row for row in self.actions if row.instrument in names),
        )

    def chunks(self, within: tuple[int, int], since: int, wanted: Collection[str]) -> Iterator[Chunk]:
        """Yield what was said from an instant to before another (ns UTC), of actions from `since` on."""
        start, stop = within
        health = [row for row in self.health if start <= row.known_at < stop and row.instrument in wanted]
        actions = [row for row in self.actions if since <= row.known_at < stop and row.instrument in wanted]
        if health or actions:
            yield Chunk(empty_ticks(), (), in_order(health), actions_in_order(actions))


def told_in(cluster: KafkaCluster, reference: Reference) -> Told:
    """Return what the topics hold; raises SourceError where one cannot be read, or is not there."""
    said = [row for row in _records(cluster, HEALTH) if not row.source.startswith(FOUND_OUT)]
    return Told(
        reference.instruments,
        reference.splits,
        reference.controls,
        in_order(said),
        actions_in_order(_records(cluster, ACTIONS)),
    )


def _records(cluster: KafkaCluster, topic: str) -> list[Any]:
    """Return the committed records of every partition of a topic."""
    watch, codec = Watch(f"kafka topic {topic}"), KafkaCodec()
    consumer = consumer_of(cluster, watch, enable_partition_eof=True, fetch_wait_max_ms=10)
    found: list[Any] = []
    try:
        places = partitions_of(consumer, cluster, watch, topic)
        edges = {place: edges_of(consumer, cluster, watch, place) for place in places}
        starts = {place: low for place, (low, high) in edges.items() if low < high}
        for place, message in read_to_end(consumer, cluster, watch, starts) if starts else ():
            item = codec.decode(*place, message.offset() or 0, message.headers(), message.value())  # type: ignore[arg-type]
            if isinstance(item, Damaged):
                raise SourceError(f"{topic}:{item.partition}:{item.offset} cannot be read: {item.reason}")
            found += item.records if isinstance(item, Records) else ()
    except (KafkaRefused, Doubt) as failure:
        raise SourceError(str(failure)) from failure
    finally:
        consumer.close()
    return found
