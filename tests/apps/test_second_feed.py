"""`--against FEED`: where a second feed disagrees nothing new is sent, on any workers and in every repetition."""

import json
from pathlib import Path

import polars as pl
import pytest

from apps.cli import main as command_line
from apps.live import Live, run_live
from apps.replaying import Request, replayed
from tests.apps.second_feed import FROM_AT, SPEC, UNTIL_AT, WRONG, write_second

STRATEGIES = """strategies:
  - {name: reversion, kind: mean_reversion, enter: 0.02, leave: 0.0, flat_before_close_seconds: 0,
     params: {z_full: 3.0, trend_strength_max: 100.0}}
"""


@pytest.fixture(scope="module")
def feed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("feed")
    (folder / "strategies.yaml").write_text(STRATEGIES)
    return write_second(folder / "second.parquet")


def request(feed: Path, workers: int = 1, batch_rows: int = 4_096) -> Request:
    return Request((SPEC,), None, None, None, workers, batch_rows, feed.parent, against=f"parquet:{feed}")


@pytest.fixture(scope="module")
def run(feed, tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("compared") / "run"
    return out, replayed(request(feed), out)


def topic(out: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(out / "lake" / name / "**" / "*.parquet")


def of_feeds(out: Path) -> pl.DataFrame:
    rows = topic(out, "market.health").with_columns(pl.col("source").cast(pl.String))
    return rows.filter(pl.col("source").str.starts_with("feeds:")).sort("known_at")


def test_the_second_feed_is_heard_of_in_the_instrument_in_which_it_is_wrong_and_in_no_other(run):
    rows = of_feeds(run[0])

    at = rows["known_at"].cast(pl.Int64).to_list()
    assert set(rows["instrument"].cast(pl.String)) == {WRONG}
    assert set(rows["source"]) == {"feeds:simulator|parquet"}
    states = rows["state"].cast(pl.String).to_list()
    assert states == ["disagreeing", "fresh"] * (len(states) // 2)
    assert FROM_AT + 2 * 10**9 < at[0] < FROM_AT + 60 * 10**9
    assert abs(at[-1] - UNTIL_AT) < 60 * 10**9


def test_while_the_feeds_disagree_no_order_that_adds_to_a_position_is_sent(run):
    verdicts = topic(run[0], "verdicts").filter(pl.col("Symbol").cast(pl.String) == WRONG)
    checks = verdicts.explode("checks").unnest("checks").filter(pl.col("code") == "DATA_DEGRADED")

    words = checks["measured"].struct.field("word")
    at = checks.filter(words == "disagreeing")["known_at"].cast(pl.Int64)
    assert len(at) > 0
    assert (at.min() > FROM_AT, at.max() < UNTIL_AT + 60 * 10**9) == (True, True)


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "batch_rows"), [(1, 256), (3, 4_096)])
def test_batches_and_workers_change_nothing(run, feed, tmp_path, workers, batch_rows):
    summary = replayed(request(feed, workers, batch_rows), tmp_path / "again")

    assert summary["digests"] == run[1]["digests"]


def test_a_replay_of_the_kept_run_repeats_what_was_said_without_the_second_feed(run, feed, tmp_path):
    summary = replayed(
        Request((f"lake:{run[0]}",), None, None, None, 1, 4_096, feed.parent), tmp_path / "again"
    )

    kept = {name: digest for name, digest in run[1]["digests"].items() if not name.startswith("quarantine.")}
    assert {name: summary["digests"][name] for name in kept} == kept


@pytest.mark.slow
def test_the_long_running_desk_says_what_the_replay_says(run, feed, tmp_path):
    run_live(Live(SPEC, 0.0, feed.parent, "127.0.0.1", 0, against=f"parquet:{feed}"), tmp_path / "live")

    digests = json.loads((tmp_path / "live" / "summary.json").read_text())["digests"]
    assert {name: one for name, one in digests.items() if not name.startswith("raw.")} == run[1]["digests"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("replay", SPEC, "--against", "coinbase:BTC-USD"), "is a venue that is connected to"),
        (("replay", SPEC, "--against", "simulator:seed=1,instruments=1,names=ZZ"), "setting"),
        (("run", "sinks", "--against", "simulator:"), "--against goes with desk and market-data"),
        (("run", "desk", "--source", "coinbase:BTC-USD", "--against", "simulator:"), "on a recorded source"),
    ],
)
def test_a_feed_that_nothing_can_be_held_against_is_refused(words, complaint, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["ita", *words])
    with pytest.raises(SystemExit) as left:
        command_line.main()

    assert left.value.code in {1, 2}
    assert complaint in capsys.readouterr().err.replace("\n", " ")
