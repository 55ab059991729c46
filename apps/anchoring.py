"""Anchors tree heads in a second place: on a schedule beside a running desk, or when somebody asks for it."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from apps.run_folder import RunPaths
from config.audit import AuditSettings
from config.servers import read_servers
from connectors.audit.anchors import Anchor, AnchorPlace, AnchorRefused, FolderPlace, anchor_head
from connectors.audit.heads import TreeHead
from connectors.audit.rows import AuditDamaged, writers

S3 = "s3:"

_log = logging.getLogger("ita.audit")


def place_of(words: str, audit: AuditSettings, config: Path | None = None) -> AnchorPlace:
    """Return the place that words name: `s3:BUCKET` or `s3:BUCKET/PREFIX` on the servers' object store, or a folder."""
    if not words.startswith(S3):
        return FolderPlace(Path(words).expanduser())
    name, _, prefix = words.removeprefix(S3).partition("/")
    if not name:
        raise AnchorRefused(f"{words!r} names no bucket; write s3:BUCKET or s3:BUCKET/PREFIX")
    from connectors.audit.s3_anchors import S3Place  # noqa: PLC0415  brings the client of object stores along

    bucket = read_servers(config).s3.place()
    return S3Place(
        bucket._replace(bucket=name, prefix=f"{prefix.rstrip('/')}/" if prefix else ""),
        audit.anchors.lock,
        audit.anchors.lock_days,
    )


def anchored(folder: RunPaths, place: AnchorPlace, writer: str = "") -> list[Anchor]:
    """Anchor the last head of one writer of a run, or of each; return the anchors that are new."""
    run = folder.mark()
    made = [
        anchor_head(place, folder.audit, name, run)
        for name in ([writer] if writer else writers(folder.audit))
    ]
    return [anchor for anchor in made if anchor is not None]


class Anchoring:
    """Anchors heads on a thread of its own, so that a slow place keeps no order waiting.

    It is told of a head and answers at once. A place that cannot be reached is tried again with the next head or after
    `seconds`; the log says so once, when it begins and when it ends.
    """

    def __init__(self, place: Callable[[], AnchorPlace], folder: RunPaths, seconds: float) -> None:
        self._place, self._folder, self._seconds = place, folder, seconds
        self._head: TreeHead | None = None
        self._told, self._closed = threading.Event(), threading.Event()
        self._failing = False
        self._thread: threading.Thread | None = None

    def __call__(self, head: TreeHead) -> None:
        """Take note of a head."""
        self._head = head
        self._told.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="audit-anchors", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Anchor what was told last, and end."""
        self._closed.set()
        self._told.set()
        if self._thread is not None:
            self._thread.join(self._seconds)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._told.wait(self._seconds)
            self._told.clear()
            self._anchor()
            self._closed.wait(min(1.0, self._seconds))
        self._anchor()

    def _anchor(self) -> None:
        head = self._head
        if head is None:
            return
        try:
            anchored(self._folder, self._place(), head.writer)
        except (AnchorRefused, AuditDamaged, OSError) as failure:
            if not self._failing:
                _log.error("heads of %s are not anchored: %s", head.writer, failure)
            self._failing = True
        else:
            if self._failing:
                _log.info("heads of %s are anchored again", head.writer)
            self._failing = False
