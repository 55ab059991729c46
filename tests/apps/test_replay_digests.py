"""The same input gives the same records, byte for byte, however it is cut, spread over processes, or repeated."""

import json

import pytest

from apps.live import Live, run_live
from apps.replaying import replayed
from connectors.files.open_source import open_source
from tests.apps.small_market import SPEC, compared, request

STEADY = ("counts", "digests", "positions", "pnl", "quarantined", "verdicts", "rows_in")
FOR_EACH_RUN = {
    "market.trades",
    "market.quotes",
    "market.bars",
    "features",
    "scores",
    "signals",
    "decision_points",
    "intents",
    "verdicts",
    "oms.orders",
    "oms.executions",
    "positions",
    "risk.snapshots",
}


def steady(summary):
    return {name: summary[name] for name in STEADY}


def test_a_replay_keeps_what_its_source_knew_so_that_its_lake_can_be_replayed(undisturbed):
    folder, _ = undisturbed
    source = open_source(SPEC)

    kept = open_source(f"lake:{folder}")

    assert kept.reference() == source.reference()
    assert kept.splits() == source.splits() != ()


def test_a_run_keeps_a_digest_of_every_topic(undisturbed):
    _, summary = undisturbed

    assert set(summary["digests"]) >= FOR_EACH_RUN
    assert set(summary["digests"]) == set(summary["counts"])
    assert len(set(summary["digests"].values())) == len(summary["digests"])


@pytest.mark.slow
@pytest.mark.parametrize("batch_rows", [64, 4_096, 65_536])
def test_batches_of_any_size_give_the_same_digests_run_after_run(undisturbed, tmp_path, batch_rows):
    summary = replayed(request(batch_rows=batch_rows), tmp_path / "run")

    assert steady(summary) == steady(undisturbed[1])


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_gives_the_same_digests(undisturbed, tmp_path, workers):
    summary = replayed(request(workers=workers, batch_rows=512), tmp_path / "run")

    assert steady(summary) == steady(undisturbed[1])


def test_another_seed_gives_other_digests(undisturbed, tmp_path):
    summary = replayed(request(SPEC.replace("seed=7", "seed=8")), tmp_path / "run")

    equal = {
        topic for topic, value in compared(summary).items() if compared(undisturbed[1]).get(topic) == value
    }
    assert equal == set()


@pytest.mark.slow
@pytest.mark.parametrize("speed", [0, 30_000])
def test_a_replay_of_what_a_live_run_recorded_gives_the_digests_of_the_run(undisturbed, tmp_path, speed):
    run_live(Live(SPEC, speed, None, "127.0.0.1", 0), tmp_path / "live")
    live = json.loads((tmp_path / "live" / "summary.json").read_text())

    again = replayed(request(f"lake:{tmp_path / 'live'}"), tmp_path / "again")

    assert {"raw.trades", "raw.quotes"} <= set(live["digests"])
    assert compared(again) == compared(live)
    assert compared(live) == compared(undisturbed[1])
