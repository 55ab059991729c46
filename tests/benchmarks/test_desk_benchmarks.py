"""The benchmarks of the whole desk: they run, count every row, and say what they measured."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.latency import spread
from benchmarks.steady_market import SteadyMarket
from domain.market import SECOND, Kind, canonical_order, concatenate, row_count

ROOT = Path(__file__).resolve().parents[2]


def measured(*words):
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    first, *rest = done.stdout.splitlines()
    return json.loads(first), rest


def rows_of(market):
    names = market.instruments()
    index = {name: at for at, name in enumerate(names)}
    chunks = market.read(market.segments()[0], index, np.ones(len(names), np.bool_))
    return concatenate([chunk.ticks for chunk in chunks])


def test_the_desk_benchmark_counts_each_row_and_its_shares_add_up_to_the_flow():
    line, table = measured("benchmarks/desk.py", "--quick")

    shares = {words[0]: float(words[-2]) for row in table[1:-1] if len(words := row.split()) > 2}
    flow = shares.pop("flow")
    named = {"source", "normalise", "bars", "decisions", "to_journal", "market_to_lake", "bytewax"}
    assert 50_000 < line["ticks"] < 70_000
    assert line["ticks_per_second"] == pytest.approx(line["ticks"] / line["seconds"], rel=0.01)
    assert named <= shares.keys()
    assert min(shares.values()) >= 0
    assert flow == pytest.approx(line["seconds"], abs=line["seconds"] / 2)


def test_the_latency_benchmark_times_every_tick_after_the_first_five_seconds():
    line, table = measured("benchmarks/latency.py", "--quick")

    ticks = line["microseconds"]["ticks"]
    assert ticks["count"] == 3 * 2_000
    assert 0 < ticks["p50"] <= ticks["p99"] <= ticks["p99.9"] <= ticks["max"]
    assert line["without_sinks"]["ticks"]["count"] == 3 * 2_000
    assert [row.split()[0] for row in table[1:]][-1] == "decisions"


def test_the_memory_benchmark_replays_both_lengths_whole():
    done = subprocess.run(
        [sys.executable, "benchmarks/memory.py", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    line = json.loads(done.stdout)
    assert 90_000 < line["short"]["rows"] < 110_000
    assert line["long"]["rows"] == pytest.approx(2 * line["short"]["rows"], rel=0.05)
    assert line["ratio"] == pytest.approx(
        line["long"]["peak_rss_mb"] / line["short"]["peak_rss_mb"], abs=0.01
    )
    assert done.returncode == (1 if line["ratio"] > 1.2 else 0)


def test_a_steady_market_keeps_its_rate_its_order_and_its_rows():
    market = SteadyMarket(10, 60, 2.0, 1_000.0)

    ticks, again = rows_of(market), rows_of(SteadyMarket(10, 60, 2.0, 1_000.0))

    live = ticks.known_at[ticks.known_at >= market.live_at]
    assert len(live) == 2_000
    assert set(np.diff(live).tolist()) == {SECOND // 1_000}
    assert row_count(ticks) == len(market)
    assert np.array_equal(canonical_order(ticks), np.arange(len(market)))
    assert np.bincount(ticks.kind).max() == len(market) // 2
    assert {int(kind) for kind in np.unique(ticks.kind)} == {Kind.TRADE, Kind.QUOTE}
    assert all(
        np.array_equal(left, right, equal_nan=left.dtype.kind == "f")
        for left, right in zip(ticks, again, strict=True)
        if left is not None
    )


def test_a_spread_names_the_percentiles_in_microseconds():
    nanoseconds = np.arange(1, 100_001) * 1_000.0

    found = spread(nanoseconds)

    assert found == {"count": 100_000, "p50": 50_000, "p99": 99_000, "p99.9": 99_900, "max": 100_000}
    assert spread(np.empty(0)) == {"count": 0}
