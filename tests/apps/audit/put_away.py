"""Runs whose decisions stand in short files, old enough to be put away, and the persons who do it."""

import json
from itertools import count
from pathlib import Path

import pytest

from apps.audit import Question, Verified, verified
from apps.audit_archive import archived
from apps.audit_disposal import Disposal, disposed
from apps.audit_retention import DAY
from apps.audit_trail import doors_of
from apps.run_folder import MANIFEST, SUMMARY, RunPaths
from config.audit import HOME, AuditSettings, Persons, Retention
from connectors.audit import log, recent, rows
from connectors.audit.doors import Doors
from connectors.audit.keys import create_key, read_key
from connectors.audit.rows import lines_of, segments
from tests.connectors.audit.records import WRITER, written
from tests.connectors.crash_flow import verdict

FILE_ROWS = 7
ROWS = 57
GONE = 21
PERSONS = Persons(dba=("ann",), compliance=("bob",), auditor=("eve",))
DAYS = 30
NOW = verdict(GONE - 1).received_at + (DAYS + 1) * DAY
"""When the retention of the first GONE rows is over, and that of no other."""


def settings(folder: Path, **retention: object) -> AuditSettings:
    kept = {"days": DAYS, "at_hand_days": DAYS, "persons": PERSONS} | retention
    return AuditSettings(home=str(folder / "home"), retention=Retention(**kept))


def made(folder: Path, patch: pytest.MonkeyPatch, *, signed: bool = True) -> Path:
    """Write a finished run of ROWS verdicts, FILE_ROWS a file; return its folder."""
    for module in (rows, log, recent):
        patch.setattr(module, "SEGMENT_ROWS", FILE_ROWS)
    patch.setenv(HOME, str(folder / "home"))
    audit, run = settings(folder), RunPaths(folder / "run")
    key = create_key(audit.key) if signed else None
    written(run.audit, folder, ROWS, key and read_key(audit.key))
    for name in (MANIFEST, SUMMARY):
        (run.path / name).write_text("{}")
    doors_of(run, audit).record("DeskStarted", "ann", {})
    return run.path


def moved(run: Path, now_at: int = NOW) -> list[str]:
    """Move what is old enough to an archive beside the run; return the names of the files."""
    return [each.file for each in archived(run, settings(run.parent), run.parent / "archive", "ann", now_at)]


def wanted(run: Path, *who: str, now_at: int = NOW, **retention: object) -> Disposal:
    """Let each person give the command; return what came of the last."""
    audit = settings(run.parent, **retention)
    return [disposed(run, audit, each, now_at) for each in who][-1]


def looked(run: Path, **question: str) -> Verified:
    return verified(run, settings(run.parent), Question(**question))


def first(found: Verified) -> tuple[str, int, str] | None:
    """Return what is said about the first bad record."""
    each = found.first
    return None if each is None else (each.writer, each.row, each.wrong.value)


def archive_of(run: Path) -> Path:
    """Return where the files of the decisions lie."""
    return run.parent / "archive" / RunPaths(run).mark() / WRITER


def names(*firsts: int) -> list[str]:
    return [f"{each:012d}.jsonl" for each in firsts]


def said(run: Path) -> list[dict[str, object]]:
    """Return the entries of the doors."""
    return [json.loads(line)["entry"] for line in lines_of(segments(run / "audit" / "doors"))]


class Killed(BaseException):
    """The process is no more."""


def killed_at(patch: pytest.MonkeyPatch, step: int) -> None:
    """End the process before its step number `step` that a disk could see, and after it for the next number."""
    steps = count(1)
    for owner, name in (
        (Path, "chmod"), (Path, "rename"), (Path, "replace"), (Path, "symlink_to"), (Path, "unlink"),
        (Doors, "record"),
    ):  # fmt: skip
        patch.setattr(owner, name, _fatal(getattr(owner, name), steps, step))


def _fatal(act, steps, step):
    def stepped(*given, **named):
        if next(steps) == step:
            raise Killed
        answer = act(*given, **named)
        if next(steps) == step:
            raise Killed
        return answer

    return stepped
