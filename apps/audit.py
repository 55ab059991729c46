"""What people ask of an audit trail: is it what was written, and prove that it holds this."""

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from apps.anchoring import place_of
from apps.audit_trail import doors_of
from apps.kept_run import KeptRun
from apps.run_folder import RunPaths
from config.audit import AuditSettings
from connectors.audit.anchors import AnchorPlace, anchors_of, writers_of
from connectors.audit.disposals import DISPOSED, Stored, gone_from, put_away
from connectors.audit.doors import DOORS
from connectors.audit.findings import Finding, Wrong, finding
from connectors.audit.heads import TreeHead, read_heads
from connectors.audit.keys import PUBLIC, PublicKeys
from connectors.audit.log import AuditBusy, nobody_writes
from connectors.audit.rows import AuditDamaged, writers
from connectors.audit.verification import Checked, unfinished, verify
from flows.stages import AUDIT


class Verified(msgspec.Struct, kw_only=True):
    """What a check of a run's audit came to: `ok`, each writer's log, and the first thing that is wrong of all.

    `signatures` says which keys heads were held against, `anchors` where anchors were read, `recorded` whether the log
    of the doors says that this was read.
    """

    run: str
    ok: bool
    logs: list[Checked]
    first: Finding | None
    signatures: str
    anchors: str
    recorded: bool = False


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a check: events from and until when (ns UTC, both included), anchors, and public keys."""

    first_at: int | None = None
    last_at: int | None = None
    against: str = ""
    public_keys: tuple[Path, ...] = ()


def verified(out: Path, audit: AuditSettings, question: Question, config: Path | None = None) -> Verified:
    """Check the audit of a run, and record in it that it was read; raises RunFolderError, KeyRefused, AnchorRefused."""
    run = KeptRun(out)
    keys, trusted = trusted_keys(audit, question.public_keys)
    place = place_of(question.against, audit, config) if question.against else None
    anchored = [] if place is None else writers_of(place, run.mark())
    names = sorted({*writers(run.audit), AUDIT, DOORS, *anchored})
    strict = bool(question.public_keys)
    doors = _checked(
        run, DOORS, keys, place, (), strict=strict
    )  # first: they say what of the others was disposed of
    disposed = _disposed(run, doors)
    logs = [
        doors if name == DOORS else _checked(run, name, keys, place, disposed, strict=strict)
        for name in names
    ]
    found = [each for log in logs for each in log.findings if _asked(each, question)]
    if place is not None and not anchored and not found:
        words = f"{question.against} holds no anchor of this run, whose mark is {run.mark()}"
        found = [finding(AUDIT, 0, Wrong.UNANCHORED, b"", words)]
    return Verified(
        run=str(out),
        ok=not found,
        logs=logs,
        first=found[0] if found else None,
        signatures=trusted,
        anchors=question.against,
    )


def recorded(out: Path, audit: AuditSettings, event: str, payload: dict[str, Any]) -> bool:
    """Record in the log of the doors that somebody read the audit; False where that cannot be written."""
    try:
        doors_of(RunPaths(out), audit).record(event, getpass.getuser(), payload)
    except (AuditBusy, AuditDamaged, OSError):
        return False
    return True


def trusted_keys(audit: AuditSettings, named: Sequence[Path]) -> tuple[PublicKeys, str]:
    """Return the public keys that heads are held against, and which they are in words."""
    own = audit.key.with_name(audit.key.name + PUBLIC)
    if named:
        return PublicKeys(*named), ", ".join(map(str, named))
    return (PublicKeys(own), str(own)) if own.exists() else (PublicKeys(), "")


def last_head(run: RunPaths, writer: str) -> TreeHead | None:
    """Return the last head of a writer's log, None where there is none."""
    heads = read_heads(run.audit / writer)
    return heads[-1] if heads else None


def _disposed(run: KeptRun, doors: Checked) -> list[Stored]:
    """Return the files that records of the doors say were disposed of: of the rows that are as they were written."""
    good = max(0, doors.findings[0].row - 1) if doors.findings else doors.rows - doors.after_head
    try:
        return put_away(run.audit, DISPOSED, good)
    except AuditDamaged as damage:
        doors.findings.append(finding(DOORS, 0, Wrong.EDITED, b"", str(damage)))
        return []


def _checked(
    run: KeptRun,
    writer: str,
    keys: PublicKeys,
    place: AnchorPlace | None,
    disposed: Sequence[Stored],
    *,
    strict: bool,
) -> Checked:
    """Check one log, but for what was disposed of; one that should be there and is not is missing."""
    anchors = None if place is None else anchors_of(place, run.mark(), writer)
    if not (run.audit / writer).is_dir():
        words = f"the run has no log of {writer}: {run.audit / writer} is not there"
        return Checked(writer=writer, findings=[finding(writer, 1, Wrong.MISSING, b"", words)])
    gone = gone_from(run.audit, writer, disposed)
    checked = verify(run.audit, writer, keys, anchors, must_be_signed=strict, gone=gone)
    if not run.finished or checked.findings or unfinished(run.audit / writer, checked) is None:
        return checked
    with nobody_writes(run.audit / writer) as alone:  # a command may have been at work: look while none is
        if not alone:
            return checked
        checked = verify(run.audit, writer, keys, anchors, must_be_signed=strict, gone=gone)
        left = None if checked.findings else unfinished(run.audit / writer, checked)
    if left is not None:
        checked.findings.append(left)
    return checked


def _asked(each: Finding, question: Question) -> bool:
    """Say whether a finding is about the time that was asked for; one whose time is not known is."""
    at = each.event_time
    return at is None or (
        (question.first_at is None or at >= question.first_at)
        and (question.last_at is None or at <= question.last_at)
    )
