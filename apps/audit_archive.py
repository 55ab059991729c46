"""Moves files of an audit trail that may leave the run's folder into an archive, and records it in the doors' log.

First the copy, which is compared; then the record; then a link takes the file's place. Killed anywhere between, nothing
is lost, and the same command ends it.
"""

import getpass
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path

from apps.audit import Question, Verified, verified
from apps.audit_retention import Standing, aged
from apps.audit_trail import doors_of
from apps.kept_run import KeptRun
from config.audit import AuditSettings
from connectors.audit.archive import ArchiveRefused, alone, copied, described, linked
from connectors.audit.disposals import ARCHIVED, REFUSED, Stored, put_away
from connectors.audit.doors import DOORS
from connectors.audit.log import nobody_writes
from connectors.audit.rows import segments, writers

STAYING = 2
"""Files at the end of a log that may still be written: a restart reads the one before the last, too."""


def archived(out: Path, audit: AuditSettings, to: Path, who: str | None, now_at: int) -> list[Stored]:
    """Move the files of a run that are old enough (at `now_at`, ns UTC) to a folder; return those that were moved.

    The files that may still be written stay, and the doors' log. Raises ArchiveRefused, after recording it, where the
    audit is not what was written or the folder holds other files; RunFolderError, AuditBusy, AuditDamaged.
    """
    run, who = KeptRun(out), who or getpass.getuser()
    place = to.expanduser().absolute()
    if place.is_relative_to(run.path.absolute()):
        raise ArchiveRefused(f"{place} lies in the run's folder {run.path}; an archive is a place outside")
    with alone(run.audit):
        refuse_damaged(run, audit, verified(out, audit, Question()), who)
        return [
            each
            for writer in writers(run.audit)
            if writer != DOORS
            for each in _moved(run, audit, writer, place / run.mark(), who, now_at)
        ]


def _moved(
    run: KeptRun, audit: AuditSettings, writer: str, place: Path, who: str, now_at: int
) -> list[Stored]:
    """Move the files of one writer."""
    folder = run.audit / writer
    still: AbstractContextManager[bool] = nobody_writes(folder) if run.finished else nullcontext(False)
    with still as nobody:
        free = segments(folder)[: None if nobody else -STAYING]
        leaving = {
            path.name
            for path in free
            if not path.is_symlink()
            and aged(writer, path, audit.retention, now_at).standing is not Standing.AT_HAND
        }
        files = [each for each in islice(described(run.audit, writer), len(free)) if each.file in leaving]
        targets = {each.file: place / writer / each.file for each in files}
        try:
            for each in files:
                copied(folder / each.file, targets[each.file], each.sha256)
        except (ArchiveRefused, OSError) as failure:
            raise refused(run, audit, who, str(failure), files) from failure
        new = [each for each in files if each not in put_away(run.audit, ARCHIVED)]
        if new:
            doors_of(run, audit).record(ARCHIVED, who, {"archive": str(place), "files": new})
        for each in files:
            linked(folder / each.file, targets[each.file])
    return files


def refuse_damaged(run: KeptRun, audit: AuditSettings, found: Verified, who: str) -> None:
    """Raise ArchiveRefused, after recording it, where an audit is not what was written."""
    if found.first is not None:
        first = found.first
        words = f"the audit is not what was written ({first.wrong}: {first.writer} row {first.row}: {first.words})"
        raise refused(run, audit, who, f"{words}; `ita verify-audit` says more", [])


def refused(run: KeptRun, audit: AuditSettings, who: str, reason: str, files: list[Stored]) -> ArchiveRefused:
    """Record that files are not put away, and return the error that says so; raises AuditBusy, AuditDamaged."""
    doors_of(run, audit).record(REFUSED, who, {"files": files, "reason": reason})
    return ArchiveRefused(reason)
