"""What a desk trades, kept under one key of the compacted topic `reference.actions`: the same for every worker.

The worker that reads ticks writes it before its first tick; all others read the topic to its end before they begin.
Writing the same again changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.kafka.client import KafkaCluster
from connectors.kafka.compacted import put_value, read_compacted
from connectors.source import SourceError, TickSource
from domain.instruments import Instrument, Split
from domain.market import Chunk

TOPIC = "reference.actions"
KEY = "desk"
LOOK_SECONDS = 0.2


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A source without its ticks."""

    source: str
    instruments: tuple[str, ...]
    reference: tuple[Instrument, ...]
    splits: tuple[Split, ...]
    segments: tuple[str, ...]


class DescribedSource:
    """A source as `reference.actions` describes it; its ticks come by other topics."""

    def __init__(self, described: Described) -> None:
        self._described = described
        self.name = described.source

    def instruments(self) -> tuple[str, ...]:
        """Return the names of the instruments."""
        return self._described.instruments

    def reference(self) -> tuple[Instrument, ...]:
        """Return what the source knew of them."""
        return self._described.reference

    def splits(self) -> tuple[Split, ...]:
        """Return the splits that it knew of."""
        return self._described.splits

    def segments(self) -> tuple[str, ...]:
        """Return its days."""
        return self._described.segments

    def read(self, segment: str, _index: Mapping[str, int], _owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Raise SourceError: there are no ticks here."""
        raise SourceError(f"{TOPIC} describes a source and holds no ticks; {segment} was asked for")


def publish_reference(cluster: KafkaCluster, source: TickSource) -> None:
    """Write what a source knows; raises KafkaRefused where the broker does not take it."""
    described = Described(
        source=source.name,
        instruments=source.instruments(),
        reference=source.reference(),
        splits=source.splits(),
        segments=source.segments(),
    )
    put_value(cluster, TOPIC, KEY, msgspec.json.encode(described))


def described_source(cluster: KafkaCluster, stopped: Callable[[], bool]) -> DescribedSource | None:
    """Return the source that the topic describes, waiting until it does; None where `stopped` says so before.

    Raises SourceError where the description cannot be read, KafkaRefused.
    """
    with closing(read_compacted(cluster, TOPIC)) as held:
        while KEY not in held.values:
            if stopped():
                return None
            held.follow(LOOK_SECONDS)
        content = held.values[KEY]
    try:
        return DescribedSource(msgspec.json.decode(content, type=Described))
    except msgspec.MsgspecError as failure:
        raise SourceError(
            f"what {TOPIC} says under {KEY!r} cannot be read ({failure}); start the market data worker of this version"
        ) from failure
