"""The audit trail of a run: its writer as the flows are given it, with what code and configuration the desk began."""

import getpass
import hashlib
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from apps.anchoring import Anchoring, place_of
from apps.run_folder import RunPaths
from config.audit import AuditSettings, read_audit
from config.settings import FILES, Settings, path_of
from connectors.audit.controls import said_in_audit
from connectors.audit.doors import Doors
from connectors.audit.entries import EntryCodec
from connectors.audit.keys import SigningKey, read_key
from connectors.audit.log import Schedule
from connectors.audit.personal import People
from connectors.audit.sink import AuditSink, Begun
from flows.stages import AUDIT
from operators.controls import Before

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("analytics", "apps", "config", "connectors", "domain", "features", "flows", "operators")
VERSION = "ITA_CODE_VERSION"
"""What a build may say of itself: the commit and the image that it was made of."""


def audit_sink(settings: Settings, folder: RunPaths) -> AuditSink:
    """Return the writer of the decisions of a run; raises SettingsError, KeyRefused."""
    audit = read_audit(settings.folder)
    key = signing_key(audit)
    people = People(audit.people)
    anchoring = None
    if audit.anchors.place:
        anchoring = Anchoring(
            lambda: place_of(audit.anchors.place, audit, settings.folder), folder, audit.anchors.seconds
        )

    def begun(at: Begun) -> None:
        folder.mark()  # made now, so that every copy of the folder leads to the anchors of the run
        doors = Doors(folder.audit, people, key)
        doors.record("DeskStarted", getpass.getuser(), {**started_with(settings), "decisions": at._asdict()})

    return AuditSink(
        folder.audit,
        AUDIT,
        EntryCodec(AUDIT, people, audit.personal),
        key=key,
        schedule=Schedule(audit.heads.rows, audit.heads.seconds),
        told=anchoring,
        begun=begun,
    )


def with_audited(before: Before, settings: Settings, folder: RunPaths) -> Before:
    """Return what a run before has left, with what its audit says beyond its topics: that was decided, too."""
    audit = read_audit(settings.folder)
    said = said_in_audit(folder.audit, AUDIT, People(audit.people), audit.personal)
    known = {control.command_id for control in before.controls}
    more = tuple(control for control in said.controls if control.command_id not in known)
    return Before((*before.controls, *more), max(before.until, said.until))


def signing_key(audit: AuditSettings) -> SigningKey | None:
    """Return the key that signs heads, None where nobody has made one; raises KeyRefused for one that is not safe."""
    return read_key(audit.key) if audit.key.exists() else None


def doors_of(folder: RunPaths, audit: AuditSettings) -> Doors:
    """Return the log of the doors of a run."""
    return Doors(folder.audit, People(audit.people), signing_key(audit))


def started_with(settings: Settings) -> dict[str, Any]:
    """Return the code and the configuration that a desk begins with, whole, so that both can be had again."""
    return {
        "code": {
            "digest": code_digest(),
            "package": _version(),
            "python": platform.python_version(),
            "version": os.environ.get(VERSION, ""),
        },
        "configuration": {
            "digest": settings.digest,
            "files": {name: path_of(settings.folder, name).read_text() for name in FILES},
        },
        "host": {"clock": "system", "process": os.getpid()},
    }


@cache
def code_digest() -> str:
    """Return SHA-256 over every source file of ours and its name, in order."""
    whole = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            whole.update(f"{path.relative_to(ROOT)}\0".encode())
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _version() -> str:
    try:
        return version("institutional-trading-assistant")
    except PackageNotFoundError:
        return ""
