"""A desk that is killed again and again and started again leaves what an undisturbed one leaves, once."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.apps.kept import differences, journal_tables, lake_digests, online_values
from tests.apps.small_market import SPEC

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10
SPEED = 16_000
PATIENCE_SECONDS = 300


def started(out, *words, spec=SPEC):
    """Start the desk; return its process when it is about to work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.apps.crash_desk", spec, str(out), *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout.readline() == b"ready\n"
    return process


def wait_until_gone(group):
    """Wait until no process of a killed desk is left."""
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.killpg(group, 0)
            time.sleep(0.02)


def killed_after(process, seconds):
    """Kill a desk after some seconds; return the code that it ended with."""
    with process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(seconds)
        process.kill()
        return process.wait()


def ended(process):
    """Let a desk come to its end; return the code."""
    with process:
        return process.wait(PATIENCE_SECONDS)


@pytest.mark.slow
def test_ten_kills_leave_lake_and_journal_as_an_undisturbed_run_leaves_them(undisturbed, tmp_path):
    out, moments = tmp_path / "out", random.Random(20240307)

    codes = Counter(killed_after(started(out, SPEED), moments.uniform(0.1, 2.2)) for _ in range(KILLS))
    last = ended(started(out, SPEED))

    assert codes == {-signal.SIGKILL: KILLS}
    assert last == 0
    assert differences(out, undisturbed[0]) == []
    assert list((out / "lake" / ".staging").glob("*/*")) == []


@pytest.mark.slow
def test_killed_on_two_workers_the_records_are_those_of_an_undisturbed_run(undisturbed, tmp_path):
    out, moments = tmp_path / "out", random.Random(7)
    codes = []

    for _ in range(3):
        process = started(out, SPEED, 2)
        began = log_bytes(out)
        while process.poll() is None and log_bytes(out) == began:
            time.sleep(0.05)
        codes.append(killed_after(process, moments.uniform(0.0, 1.0)))
        wait_until_gone(process.pid)
    last = ended(started(out, SPEED, 2))

    assert codes[0] == -signal.SIGKILL
    assert last == 0
    assert lake_digests(out) == lake_digests(undisturbed[0])
    assert journal_tables(out) == journal_tables(undisturbed[0])
    assert online_values(out) == online_values(undisturbed[0])


def log_bytes(out):
    return sum(path.stat().st_size for path in (out / "topics").glob("scored/*.log"))


@pytest.mark.slow
def test_a_finished_run_that_lost_its_summary_is_finished_again_and_nothing_comes_twice(
    undisturbed, tmp_path
):
    out = tmp_path / "out"
    first = ended(started(out, 10**9))
    (out / "summary.json").unlink()

    second = ended(started(out, 10**9))

    assert (first, second) == (0, 0)
    assert differences(out, undisturbed[0]) == []
