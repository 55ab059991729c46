"""The benchmarks of the served desk: they run against real servers, and say what they measured against what."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.served, pytest.mark.xdist_group("served_benchmarks")]


def measured(script):
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    return json.loads(first), rest


def test_the_kafka_benchmark_counts_every_tick_and_leaves_no_topic_behind(kafka):
    line, table = measured("kafka.py")

    alone = ("consumer", "plain_consumer", "decode", "producer", "plain_producer")
    shares = {row.split()[0] for row in table[1:]}
    left = AdminClient(kafka.client()).list_topics(timeout=10).topics
    assert 19_000 < line["ticks"] < 21_000
    assert line["ticks_per_second"] == pytest.approx(line["ticks"] / line["seconds"], rel=0.01)
    assert line["ratio"] == pytest.approx(line["embedded_seconds"] / line["seconds"], abs=0.02)
    assert line["ratio"] > 0
    assert min(line[f"{name}_ticks_per_second"] for name in alone) > 0
    assert {"source", "normalise", "to_topics", "to_scored", "bytewax"} <= shares
    assert [name for name in left if name.startswith("benchmark.")] == []


@pytest.mark.usefixtures("postgres", "s3", "influx")
def test_the_sinks_benchmark_compares_every_sink_with_its_plain_client():
    line, _ = measured("sinks.py")

    counted = {"postgres": "records", "s3": "objects", "influx": "points"}
    for sink, name in counted.items():
        found, (ours, plain) = line[sink], line[sink]["best"]
        assert found["ratio"] > 0
        assert ours.startswith("sink")
        assert found[f"{name}_per_second"] > 0
        assert found[f"plain_{name}_per_second"] > 0
        assert found["seconds"][plain] == min(
            spent for way, spent in found["seconds"].items() if not way.startswith("sink")
        )


@pytest.mark.usefixtures("redis")
def test_the_feature_benchmark_asks_the_sdk_the_server_and_redis_itself_for_the_same_values():
    line, _ = measured("feature_serving.py")

    for group in ("one_instrument", "100_instruments"):
        for side in ("plain", "sdk", "server"):
            assert 0 < line[group][side]["p50_ms"] <= line[group][side]["p99_ms"]
        for side in ("sdk", "server"):
            found = line[group][side]
            assert found["ratio"] == pytest.approx(
                line[group]["plain"]["p50_ms"] / found["p50_ms"], abs=0.001
            )
