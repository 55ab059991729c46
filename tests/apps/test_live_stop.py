"""A live desk that is asked to stop drains, ends with 0, goes on when it is started again, and tells how it does."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.apps.small_market import SPEC, compared
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SPEED = 5_000
START_SECONDS = 120
DRAIN_SECONDS = 60
NAMES = {
    "ita_rows_total",
    "ita_bars_total",
    "ita_late_rows_total",
    "ita_quarantined_rows_total",
    "ita_records_total",
    "ita_batch_rows_bucket",
    "ita_stage_microseconds_bucket",
    "ita_arrival_to_decision_microseconds_bucket",
    "ita_state_bytes",
    "ita_watermark_seconds",
    "ita_wall_lag_seconds",
}

STEPS = {"normalise", "best_quotes", "bars", "quote_bars", "feature_rows", "signals", "decisions"}


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def live(tmp_path, port):
    """Return a function that starts the live desk at a speed; what is still running at the end is killed."""
    running = []

    def start(speed=SPEED):
        command = [sys.executable, "-m", "apps.cli.main", "run", "desk", "--source", SPEC]
        command += ["--speed", str(speed), "--metrics-port", str(port), "--out", str(tmp_path / "out")]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        with process:
            process.kill()


def told(port):
    """Return what the metrics endpoint tells, nothing while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return ""


def measured(port, name):
    found = re.search(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+-]+)$", told(port), re.MULTILINE)
    return float(found[1]) if found else 0.0


def wait_for(process, port, name, least):
    """Wait until a desk has counted so much."""
    patience = time.monotonic() + START_SECONDS
    while measured(port, name) < least:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < patience, f"the desk did not come to {least} {name}"
        time.sleep(0.1)


@pytest.mark.slow
def test_stopped_twice_and_started_again_a_live_desk_leaves_what_an_undisturbed_run_leaves(
    undisturbed, live, port, tmp_path
):
    out, codes, said = tmp_path / "out", [], []

    for number in (signal.SIGTERM, signal.SIGINT):
        process = live()
        wait_for(process, port, "ita_rows_total", 500)
        os.kill(process.pid, number)
        said.append(process.communicate(timeout=DRAIN_SECONDS)[1])
        codes.append(process.returncode)
        assert not (out / "summary.json").exists()
    last = live(speed=10**9)
    said.append(last.communicate(timeout=START_SECONDS)[1])

    assert ([*codes, last.returncode], said) == ([0, 0, 0], said)
    assert all("stopped; the same command goes on" in words for words in said[:2])
    summary = json.loads((out / "summary.json").read_text())
    assert compared(summary) == compared(undisturbed[1])


def test_a_live_desk_says_where_its_threads_stand_when_it_is_asked_and_goes_on(live, port):
    process = live()
    wait_for(process, port, "ita_rows_total", 1)

    os.kill(process.pid, signal.SIGUSR1)
    os.kill(process.pid, signal.SIGTERM)
    said = process.communicate(timeout=DRAIN_SECONDS)[1]

    assert (process.returncode, "run_live" in said) == (0, True), said
    assert "stopped; the same command goes on" in said


def missing(page):
    """Return the metrics, and the steps with a latency, that a page does not tell yet."""
    steps = set(re.findall(r'ita_stage_microseconds_count{step="([^"]+)"}', page))
    return {name for name in NAMES if not re.search(rf"^{name}\b", page, re.MULTILINE)} | STEPS - steps


@pytest.mark.slow
def test_the_metrics_endpoint_tells_rates_lags_latencies_sizes_and_refusals_of_every_step(live, port):
    process = live()
    wait_for(process, port, "ita_rows_total", 2_000)
    wait_for(process, port, "ita_quarantined_rows_total", 1)

    patience = time.monotonic() + START_SECONDS
    while missing(page := told(port)) and process.poll() is None and time.monotonic() < patience:
        time.sleep(0.1)

    assert missing(page) == set()


def test_a_port_that_is_taken_is_refused_with_what_to_do(live, port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()

        process = live()
        _, said = process.communicate(timeout=START_SECONDS)

    assert process.returncode == 2
    assert f"127.0.0.1:{port}" in said
    assert "--metrics-port" in said
