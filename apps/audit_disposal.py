"""Disposes of files of an audit trail whose retention is over, when three persons want it: one asks, two approve.

Each gives the same command. What is asked for is recorded with every file and its hashes, and an approval counts for
those files alone. Then the log of the doors says that they are disposed of, and only then they are removed, the oldest
first: whoever is killed between leaves files whose disposal is recorded, which the next call removes.
"""

import getpass
from collections.abc import Iterator
from itertools import islice, takewhile
from pathlib import Path

import msgspec

from apps.audit import Question, verified
from apps.audit_archive import refuse_damaged, refused
from apps.audit_retention import DAY, Standing, aged
from apps.audit_trail import doors_of
from apps.kept_run import KeptRun
from config.audit import ROLES, AuditSettings
from connectors.audit.archive import alone, described, digest_of, removed
from connectors.audit.disposals import ARCHIVED, ASKED, DISPOSED, Stored, acts, put_away, stored
from connectors.audit.doors import DOORS
from connectors.audit.personal import People, Sealed, context_of
from connectors.audit.rows import segments, writers

ASKED_DAYS = 7
"""So long somebody's word counts."""


class Disposal(msgspec.Struct, kw_only=True):
    """What became of a wish to dispose of files: of which, done or not, and whose word is missing, by role."""

    files: list[Stored]
    done: bool
    missing: list[str]


def disposed(
    out: Path, audit: AuditSettings, who: str | None, now_at: int, config: Path | None = None
) -> Disposal:
    """Ask for, or approve, that the files of a run whose retention is over (at `now_at`, ns UTC) be disposed of.

    They are, once a person of each role wants it. Raises ArchiveRefused, after recording it, for somebody without a
    role, under a legal hold, where a file has no verified copy in the archive, and where the audit is not what was
    written; RunFolderError, AuditBusy, AuditDamaged, AnchorRefused.
    """
    run, who = KeptRun(out), who or getpass.getuser()
    with alone(run.audit):
        _removed(run, put_away(run.audit, DISPOSED))
        refuse_damaged(run, audit, verified(out, audit, Question(against=audit.anchors.place), config), who)
        due = list(_due(run, audit, now_at))
        files = [each for each in due if (run.audit / each.writer / each.file).is_symlink()]
        if not due:
            return Disposal(files=[], done=False, missing=[])
        wrong = _wrong(run, audit, who, files)
        if wrong:
            raise refused(run, audit, who, wrong, due)
        doors = doors_of(run, audit)
        doors.record(ASKED, who, {"files": files, "role": audit.retention.persons.roles[who]})
        wanted = _wanted(run, audit, files, now_at)
        missing = [role for role in ROLES if role not in wanted]
        if not missing:
            doors.record(DISPOSED, who, {"files": files}, wanted)
            _removed(run, files)
        return Disposal(files=files, done=not missing, missing=missing)


def _due(run: KeptRun, audit: AuditSettings, now_at: int) -> Iterator[Stored]:
    """Yield the files at the beginning of each log whose retention is over."""
    for writer in writers(run.audit):
        ages = (aged(writer, path, audit.retention, now_at) for path in segments(run.audit / writer))
        count = sum(1 for _ in takewhile(lambda each: each.standing is Standing.DUE, ages))
        if writer != DOORS:
            yield from islice(described(run.audit, writer), count)


def _wrong(run: KeptRun, audit: AuditSettings, who: str, files: list[Stored]) -> str:
    """Return why files may not be disposed of, nothing where they may."""
    retention = audit.retention
    if who not in retention.persons.roles:
        return f"{who} has no part in disposals; retention.persons of audit.yaml says who has"
    if retention.holds:
        return f"legal hold: {', '.join(retention.holds)}; nothing is disposed of until audit.yaml names none"
    if not files:
        return (
            "no file whose retention is over is in an archive; `ita audit archive` copies and verifies first"
        )
    known = put_away(run.audit, ARCHIVED)
    for each in files:
        path = run.audit / each.writer / each.file
        if each not in known or digest_of(path) != each.sha256:
            return f"{path} is not the copy that was archived; restore it, or archive it again"
    return ""


def _wanted(run: KeptRun, audit: AuditSettings, files: list[Stored], now_at: int) -> dict[str, str]:
    """Return who wants just these files disposed of, by role; erased persons want nothing."""
    people, roles = People(audit.people), audit.retention.persons.roles
    wanted: dict[str, str] = {}
    for act in acts(run.audit, ASKED):
        if act.at < now_at - ASKED_DAYS * DAY or list(stored(act)) != files:
            continue
        who = people.opened(msgspec.convert(act.payload["who"], Sealed), context_of(act.event_id, "who"))
        if who in roles:
            wanted[roles[who]] = who
    return wanted


def _removed(run: KeptRun, files: list[Stored]) -> None:
    """Remove files whose disposal is recorded, the oldest first; what is not as recorded stays, with all after it."""
    for writer in {each.writer for each in files}:
        for each in (each for each in files if each.writer == writer):
            if not removed(run.audit / writer / each.file, each.sha256):
                break
