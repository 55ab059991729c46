"""The output folder of a run: whose it is, who writes in it, and whether it is whole."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from bytewax.recovery import RecoveryConfig, init_db_dir

from operators.paged_state import Pages

MANIFEST = "run.json"
SUMMARY = "summary.json"
LOCK = ".lock"
MARK = ".mark"


class RunFolderError(RuntimeError):
    """An output folder cannot be used; says what is wrong with it and what to do."""


class RunPaths:
    """Where everything of a run stands in its output folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def lake(self) -> Path:
        """Return where the lake is."""
        return self.path / "lake"

    @property
    def journal(self) -> Path:
        """Return where the journal of decisions is."""
        return self.path / "journal.sqlite"

    @property
    def audit(self) -> Path:
        """Return where the audit trail is."""
        return self.path / "audit"

    @property
    def commands(self) -> Path:
        """Return where commands to a live run are."""
        return self.path / "commands.jsonl"

    @property
    def topics(self) -> Path:
        """Return where the embedded topics are."""
        return self.path / "topics"

    @property
    def feature_store(self) -> Path:
        """Return where the embedded feature store is."""
        return self.path / "feature_store"

    def mark(self) -> str:
        """Return what no other folder has, made once; it stays with the folder wherever that is moved."""
        path = self.path / MARK
        if not path.exists():
            write_whole(path, uuid4().hex)
        return path.read_text()

    def recovery(self, worker: str) -> RecoveryConfig:
        """Return the recovery store of one worker process, made where it is missing."""
        folder = self.path / "recovery" / worker
        if not folder.exists():
            making = folder.with_name(f".{worker}.making.{os.getpid()}")
            making.mkdir(parents=True)
            init_db_dir(making, 1)
            making.rename(folder)
        return RecoveryConfig(folder)

    def pages(self, worker: str) -> Pages:
        """Return where the large states of one worker process are; they belong to its recovery store."""
        return Pages(self.path / "recovery" / f"{worker}.pages")


class RunFolder(RunPaths):
    """An output folder, held by one run at a time.

    `identity` names what the run is made of: a folder that was begun with another identity is refused, one
    that was begun
    with the same is gone on with. Raises RunFolderError.
    """

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        super().__init__(path)
        self.identity = identity
        self._lock = self._claim()
        self._check()

    def summary(self) -> dict[str, Any] | None:
        """Return the summary of a finished run, None while it is not finished."""
        path = self.path / SUMMARY
        return json.loads(path.read_text()) if path.exists() else None

    def finish(self, summary: dict[str, Any]) -> None:
        """Write the summary, whole, which says that the run is finished."""
        write_whole(self.path / SUMMARY, json.dumps(summary, indent=2, sort_keys=True))

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._lock)

    def _claim(self) -> int:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
        except OSError as error:
            raise RunFolderError(
                f"output folder {self.path} cannot be written: {error.strerror}; choose another with --out"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise RunFolderError(
                f"another run is writing in {self.path}; wait for it, stop it, or choose another folder with --out"
            ) from error
        return handle

    def _check(self) -> None:
        manifest = self.path / MANIFEST
        if manifest.exists():
            begun = json.loads(manifest.read_text())
            for name in sorted({*begun, *self.identity}):
                if begun.get(name) != self.identity.get(name):
                    self.close()
                    raise RunFolderError(
                        f"{self.path} holds a run with {name} {begun.get(name)!r}; this one has "
                        f"{self.identity.get(name)!r}; "
                        "choose another folder with --out, or remove this one"
                    )
            return
        strangers = sorted(path.name for path in self.path.iterdir() if path.name != LOCK)
        if strangers:
            self.close()
            raise RunFolderError(
                f"{self.path} is not empty ({strangers[0]} ...) and holds no run; choose a new folder with --out"
            )
        write_whole(manifest, json.dumps(self.identity, indent=2, sort_keys=True))


@contextmanager
def kept_still(path: Path) -> Iterator[bool]:
    """Keep every run from beginning in a folder; False where one is writing in it, or the folder is not there."""
    try:
        handle = os.open(path / LOCK, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        still = False
    else:
        still = True
    try:
        yield still
    finally:
        os.close(handle)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    making = path.with_name(f".{path.name}.{os.getpid()}")
    with making.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    making.rename(path)
