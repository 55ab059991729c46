"""The benchmark of the book under scenarios: it runs, and all three ways say the same."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analytics.loss_scenarios import Scenarios
from benchmarks.value_at_risk import ES, VAR, Market, dotted, priced, tail

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_states_each_question_with_its_ratios():
    done = subprocess.run(
        [sys.executable, "benchmarks/value_at_risk.py", "--quick", "--positions", "200"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    line = json.loads(done.stdout)

    assert (line["positions"], line["scenarios"]) == (200, 500)
    for question in ("fill", "minute", "order"):
        asked = line[question]
        ratio = asked["plain_microseconds"] / asked["ours_microseconds"]
        assert asked["times_faster_than_plain"] == pytest.approx(ratio, rel=0.05)


def test_what_is_measured_against_is_a_full_revaluation():
    market = Market(50, 300)
    losses = Scenarios(-((market.quantities * market.prices) @ market.returns))

    full = losses.var(VAR), losses.es(ES)

    assert priced(market) == pytest.approx(full, rel=1e-9)
    assert dotted(market) == pytest.approx(full, rel=1e-9)
    ordered = tail(np.arange(1.0, 501.0))
    assert ordered[0] == 495.0
    assert ordered[1] == pytest.approx(494.24)
