"""A worker's claim on what it works on: refused where another one is alive, and given up with its folder."""

import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from apps.run_folder import MARK, RunFolder, RunFolderError, kept_still
from connectors.kafka.claims import Claim, Home, UnitHeld
from connectors.kafka.client import KafkaCluster
from connectors.kafka.tails import partition_count

LOST = 1


@contextmanager
def claimed_folder(
    cluster: KafkaCluster, path: Path, identity: dict[str, Any], kind: str, shards: Sequence[str]
) -> Iterator[RunFolder]:
    """Hold a worker's folder and its units; the process ends when another one has taken a unit over.

    Raises RunFolderError where folder or unit are another's, and KafkaRefused.
    """
    folder = RunFolder(path, identity)
    try:
        home = Home(socket.gethostname(), str(path.resolve()), folder.mark())
        with closing(
            Claim(cluster, kind, units_of(kind, shards), home, known_dead=_is_dead, lost=_end)
        ) as claim:
            try:
                claim.take()
            except UnitHeld as held:
                raise RunFolderError(str(held)) from held
            yield folder
    finally:
        folder.close()


def units_of(kind: str, shards: Sequence[str]) -> tuple[str, ...]:
    """Return what a worker claims: its shards, or, of those that there is one of, itself."""
    return tuple(f"{kind}.{shard}" for shard in shards) if kind == "market-data" else (kind,)


def same_partitions(cluster: KafkaCluster, topics: Sequence[str], shards: int) -> None:
    """Refuse topics by shard that have another number of partitions than the desk has shards."""
    counts: Mapping[str, int] = {topic: partition_count(cluster, topic) for topic in topics}
    wrong = [f"{topic} has {count}" for topic, count in counts.items() if count != shards]
    if wrong:
        raise RunFolderError(
            f"the desk has {shards} shards, and topics of another number of partitions: {', '.join(wrong)}; a shard is "
            "the partition of one number in all of them; `ita stack init` adds partitions up to those of topics.yaml"
        )


def _is_dead(home: Home) -> bool:
    """Say whether it is known that nobody works in a folder of this host: its lock is free."""
    path = Path(home.folder)
    if home.host != socket.gethostname() or not (path / MARK).exists():
        return False
    with kept_still(path) as still:
        return still and (path / MARK).read_text() == home.mark


def _end(words: str) -> None:
    """End this process at once: what it might still write is another one's by now."""
    sys.stderr.write(f"ita: {words}\n")
    sys.stderr.flush()
    os._exit(LOST)
