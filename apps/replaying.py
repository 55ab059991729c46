"""Replays: sources to a finished output folder and its summary, in one process or several."""

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from apps.actions import actions_digest, with_actions
from apps.provenance import keep_provenance
from apps.run_folder import RunFolder
from apps.running import RunOptions, Stopwatch, peak_rss_mb, run_desk
from apps.second_feed import with_second
from apps.sources import sources_of
from apps.summary import summarise
from apps.workers import run_workers
from config.settings import read_settings
from connectors.files.lake_reference import keep_reference
from connectors.tick_input import Stop
from operators.people import NOBODY, People


class Request(NamedTuple):
    """What is to be replayed, and how."""

    sources: tuple[str, ...]
    instruments: tuple[str, ...] | None
    first: str | None
    last: str | None
    workers: int
    batch_rows: int
    config: Path | None
    actions: Path | None = None
    people: People = NOBODY
    against: str | None = None

    def identity(self, configuration: str) -> dict[str, Any]:
        """Return what makes two replays the same run: what is read, by which configuration, on how many workers."""
        told = {"actions": actions_digest(self.actions)} if self.actions else {}
        if self.against is not None:
            told["against"] = self.against
        if self.people is not NOBODY:
            told["people"] = hashlib.sha256(msgspec.json.encode(self.people)).hexdigest()
        return {
            **told,
            "kind": "replay",
            "sources": list(self.sources),
            "instruments": list(self.instruments) if self.instruments else None,
            "from": self.first,
            "to": self.last,
            "workers": self.workers,
            "configuration": configuration,
        }

    def task(self) -> dict[str, Any]:
        """Return what a worker process needs to know."""
        return {
            "sources": list(self.sources),
            "instruments": list(self.instruments) if self.instruments else None,
            "from": self.first,
            "to": self.last,
            "config": str(self.config) if self.config else None,
            "actions": str(self.actions) if self.actions else None,
            "against": self.against,
        }


def replayed(request: Request, out: Path | None) -> dict[str, Any]:
    """Replay into `out`, or into a folder that is removed afterwards; return the summary.

    A folder that holds the same replay, finished, gives its summary again; an unfinished one is gone on with.
    """
    if out is not None:
        return _replayed(request, out)
    folder = Path(tempfile.mkdtemp(prefix="ita-"))
    try:
        return _replayed(request, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _replayed(request: Request, out: Path) -> dict[str, Any]:
    settings = read_settings(request.config)
    source = sources_of(request.sources, request.instruments, request.first, request.last, request.config)
    source = with_actions(source, settings, request.actions)
    source = with_second(source, settings, request.against, request.config)
    folder = RunFolder(out, request.identity(settings.digest))
    try:
        done = folder.summary()
        if done is not None:
            return done
        watch = Stopwatch()
        options = RunOptions(batch_rows=request.batch_rows, people=request.people)
        keep_provenance(folder.path, settings)
        keep_reference(folder.lake, source)
        if request.workers == 1:
            run_desk(settings, folder, source, options, Stop())
        else:
            run_workers(request.task(), out, request.workers, options)
        elapsed = watch.seconds()
        summary = summarise(folder.lake, folder.journal, elapsed, peak_rss_mb())
        folder.finish(summary)
        return summary
    finally:
        folder.close()
