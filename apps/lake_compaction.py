"""Compaction of a lake in a folder or in the object store of the served desk, and what it says of its work."""

import fcntl
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from config.servers import Servers
from connectors.lake.compaction import Outcome, Rules, compacted
from connectors.lake.s3 import S3Shelf
from connectors.lake.shelf import JOINING, STAGING, LocalShelf


class NoLake(ValueError):
    """There is no lake to compact there, or another compaction is at it; says what to do."""


def compact_folder(out: Path, age_seconds: float) -> list[Outcome]:
    """Compact the lake of a run's output folder, or a lake folder itself; raises NoLake."""
    lake = out / "lake" if (out / "lake").is_dir() else out
    if not any(lake.glob("*/date=*/*.parquet")):
        raise NoLake(f"{out} holds no lake with files; name the output folder of a run, or its lake folder")
    with _alone(lake):
        return list(compacted(LocalShelf(lake), Rules(time.time_ns(), age_seconds), lake / STAGING / JOINING))


def compact_bucket(servers: Servers, age_seconds: float) -> list[Outcome]:
    """Compact the lake in the object store; raises StoreRefused where the store says no."""
    shelf = S3Shelf(servers.s3.place())
    try:
        with tempfile.TemporaryDirectory(prefix="ita-joining-") as work:
            return list(compacted(shelf, Rules(time.time_ns(), age_seconds), Path(work)))
    finally:
        shelf.close()


@contextmanager
def _alone(lake: Path) -> Iterator[None]:
    """Hold the lock of compactions of a folder; a killed holder lets go by itself."""
    (lake / STAGING).mkdir(exist_ok=True)
    with (lake / STAGING / f"{JOINING}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as busy:
            raise NoLake(f"another compaction is at {lake}; wait for it to end") from busy
        yield


def as_words(outcomes: Sequence[Outcome]) -> str:
    """Return one line for each topic, date and shard that was joined, and one for what was left alone."""
    lines = [
        f"{one.topic} {one.date} shard {one.shard}: {one.files} files are {one.files_now} now, "
        f"{one.rows_joined:,} rows joined"
        for one in outcomes
        if one.rows_joined
    ]
    left = Counter(one.left for one in outcomes if one.left)
    lines += [f"{count} left alone: {why}" for why, count in sorted(left.items())]
    return "\n".join(lines or ["nothing to join"])


def as_json(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as one JSON object."""
    return json.dumps({"outcomes": [one._asdict() for one in outcomes]}, indent=2)
