"""A check of a log that somebody writes at the same moment finds nothing that is not there (AU-01 to AU-13)."""

import subprocess
import sys
import time

import pytest

from apps.audit import Question, verified
from apps.audit_trail import doors_of
from apps.run_folder import MANIFEST, SUMMARY, RunPaths
from config.audit import HOME, read_audit
from tests.connectors.audit.records import written

LOOKS = 10
DOORS = """
import sys
from pathlib import Path
from apps.audit_trail import doors_of
from apps.run_folder import RunPaths
from config.audit import read_audit
doors, number = doors_of(RunPaths(Path(sys.argv[1])), read_audit(None)), 0
while True:
    number += 1
    doors.record("AuditRead", "Ann Smith", {"number": number})
    print(number, flush=True)
"""
DESK = """
import sys
from pathlib import Path
from connectors.audit.log import AuditLog, Schedule
from tests.connectors.audit.records import append
run = Path(sys.argv[1])
log = AuditLog(run / "audit", "decisions", schedule=Schedule(7, 0.001))
log.skip_to_end()
number = 25
while True:
    append(log, run, number, number + 25)
    number += 25
    print(number, flush=True)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return the folder of a finished run with 25 verdicts and a start."""
    monkeypatch.setenv(HOME, str(tmp_path / "home"))
    run = RunPaths(tmp_path / "run")
    written(run.audit, tmp_path, 25)
    for name in (MANIFEST, SUMMARY):
        (run.path / name).write_text("{}")
    doors_of(run, read_audit(None)).record("DeskStarted", "Ann Smith", {})
    return run.path


@pytest.fixture
def busy(run, request):
    """Return the folder of a run that a process writes to, and the process, which has begun."""
    process = subprocess.Popen([sys.executable, "-c", request.param, str(run)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield run, process
    process.kill()
    process.wait()
    process.stdout.close()


def looked(run, sizes):
    """Check the audit until it was seen in so many sizes; return in how many, and what was found."""
    audit, found, seen = read_audit(None), [], set()
    looks, until = 0, time.monotonic() + 60
    while looks < LOOKS or (len(seen) < sizes and time.monotonic() < until):
        said = verified(run, audit, Question())
        seen.add(tuple(log.rows for log in said.logs))
        found += [each for log in said.logs for each in log.findings]
        looks += 1
    return len(seen), found


@pytest.mark.parametrize("busy", [DOORS], indirect=True, ids=["doors"])
def test_a_finished_run_whose_doors_are_being_written_is_found_whole(busy):
    run, process = busy

    seen, found = looked(run, sizes=3)

    assert process.poll() is None
    assert (seen >= 3, found) == (True, [])


@pytest.mark.parametrize("busy", [DESK], indirect=True, ids=["desk"])
def test_a_run_whose_decisions_are_being_written_is_found_whole(busy):
    run, process = busy
    (run / SUMMARY).unlink()

    seen, found = looked(run, sizes=3)

    assert process.poll() is None
    assert (seen >= 3, found) == (True, [])
