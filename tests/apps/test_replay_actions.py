"""`--actions`: a position is held over each kind of action, and every worker, restart and repetition says the same."""

import json
import signal
import subprocess
import sys
from decimal import Decimal

import polars as pl
import pytest

from apps.cli import main as command_line
from apps.live import Live, run_live
from apps.replaying import Request, replayed
from connectors.lake.digest import digests

SPEC = "simulator:seed=7,instruments=8,days=2,ticks=12000"
STRATEGIES = """strategies:
  - {name: trend, kind: trend, enter: 0.02, leave: 0.0, flat_before_close_seconds: 0,
     params: {gap_full: 2.0, volatility_min: 0.0, volatility_max: 9.0}}
  - {name: reversion, kind: mean_reversion, enter: 0.05, leave: 0.0, flat_before_close_seconds: 0,
     params: {z_full: 3.0, trend_strength_max: 100.0}}
"""
HEADER = "instrument,ex_date,type,value,into,shares,known_at,id,corrects\n"
ROWS = """ACMEX,2024-03-08,dividend,9,,,2024-03-07T14:00:00+00:00,a0,
ACMEX,2024-03-08,dividend,0.50,,,2024-03-07T15:00:00+00:00,a1,a0
BOREA,2024-03-08,split,3,,,,b1,
BOREA,2024-03-08,dividend,0.25,,,,b2,
CALDR,2024-03-08,spin_off,12,ACMEX,0.5,,c1,
DUNEX,2024-03-08,merger,10,ELARA,0.75,,d1,
ELARA,2024-03-08,rights,1.5,,,,e1,
GALVA,2024-03-08,rename,,GNEW,,,g1,
HELIX,2024-03-08,stock_dividend,0.05,,,,h1,
FENIX,2024-03-08,delisting,,,,,f1,
ACMEX,2024-03-08,dividend,3,,,2024-03-08T15:00:00+00:00,late,
"""
HELD = (("reversion", "BOREA"), ("trend", "CALDR"), ("trend", "DUNEX"))


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """Return a folder with the configuration, the actions, and a replay of one worker that nothing disturbed."""
    folder = tmp_path_factory.mktemp("actions")
    (folder / "config").mkdir()
    (folder / "config" / "strategies.yaml").write_text(STRATEGIES)
    (folder / "actions.csv").write_text(HEADER + ROWS)
    (folder / "summary.json").write_text(json.dumps(replayed(request(folder), folder / "run"), default=str))
    return folder


@pytest.fixture
def ita(monkeypatch, capsys):
    """Return a function that runs a command line in this process: exit code, and what it complained of."""

    def run(*words):
        monkeypatch.setattr("sys.argv", ["ita", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            command_line.main()
        return left.value.code, capsys.readouterr().err

    return run


def request(folder, source=SPEC, workers=1, batch_rows=4_096, actions=True):
    told = folder / "actions.csv" if actions else None
    return Request((source,), None, None, None, workers, batch_rows, folder / "config", told)


def rows(folder, topic):
    paths = sorted((folder / "lake" / topic).glob("*/*.parquet"))
    frames = [
        pl.read_parquet(path, hive_partitioning=False).with_columns(pl.col(pl.Categorical).cast(pl.String))
        for path in paths
    ]
    return pl.concat(frames).sort("known_at", "sequence")


def around(folder, strategy, symbol):
    """Return quantity, cost and realised P&L before and after what the action did to a holding."""
    mine = rows(folder, "positions").filter((pl.col("strategy") == strategy) & (pl.col("Symbol") == symbol))
    told = mine["cause"].str.contains("execution|end of").not_().to_list()
    first, last = told.index(True), len(told) - 1 - told[::-1].index(True)
    return tuple(
        (
            row["quantity"],
            Decimal(row["average_cost"]) * row["quantity"],
            Decimal(row["realised"]),
            row["cause"],
        )
        for row in (mine.row(first - 1, named=True), mine.row(last, named=True))
    )


def near(value, expected):
    return abs(value - expected) < Decimal("1e-6")


def test_a_split_and_the_dividend_of_its_day_come_to_a_position_in_that_order(market):
    before, after = around(market / "run", "reversion", "BOREA")

    assert before[0] != 0
    assert after[0] == 3 * before[0]
    assert near(after[1], before[1])
    assert after[2] - before[2] == after[0] * Decimal("0.25")


def test_a_spin_off_gives_half_a_child_for_each_share_with_its_part_of_the_cost(market):
    before, after = around(market / "run", "trend", "CALDR")
    child = rows(market / "run", "positions").filter(
        (pl.col("Symbol") == "ACMEX")
        & pl.col("cause").str.contains("spin off")
        & (pl.col("strategy") == "trend")
    )

    assert (after[0], child["quantity"][0]) == (before[0], before[0] // 2)
    cost = Decimal(child["average_cost"][0]) * child["quantity"][0]
    assert near(after[1] + cost, before[1])
    assert cost > 0


def test_a_merger_closes_a_position_for_cash_and_shares_and_the_instrument_is_not_traded_again(market):
    before, after = around(market / "run", "trend", "DUNEX")
    later = rows(market / "run", "oms.orders").filter(pl.col("Symbol") == "DUNEX")

    assert (before[0] != 0, after[0], after[1]) == (True, 0, 0)
    assert later.filter(pl.col("known_at").dt.day() == 8).height == 0


def test_every_snapshot_is_cash_and_value_and_the_actions_are_kept_as_they_were_known(market):
    snapshots = rows(market / "run", "risk.snapshots")
    told = rows(market / "run", "market.actions")

    sums = [
        Decimal(c) + Decimal(v) for c, v in zip(snapshots["cash"], snapshots["market_value"], strict=True)
    ]
    assert sums == [Decimal(e) for e in snapshots["equity"]]
    assert set(told["action_id"]) == {"a0", "a1", "b1", "b2", "c1", "d1", "e1", "g1", "h1", "f1"}


def test_an_action_that_was_known_after_its_effect_is_quarantined_and_nothing_else(market):
    refused = rows(market / "run", "quarantine.market_data")

    late = refused.filter(pl.col("reason").str.starts_with("action"))
    assert late["reason"].to_list() == ["action_known_after_its_effect"]
    assert "late" in late["place"][0]


def test_a_ticker_that_its_company_has_left_stands_for_another_instrument(market):
    bars = rows(market / "run", "market.bars")
    days = {
        name: set(bars.filter(pl.col("instrument") == name)["open_at"].dt.day())
        for name in ("DUNEX", "FENIX", "GALVA")
        for name in (name, f"{name}@2024-03-08")
    }

    assert days == {
        "DUNEX": {7},
        "DUNEX@2024-03-08": {8},
        "FENIX": {7},
        "FENIX@2024-03-08": {8},
        "GALVA": {7},
        "GALVA@2024-03-08": {8},
    }


def test_a_restart_after_a_kill_and_two_workers_say_the_same(market, tmp_path):
    expected = digests(market / "run" / "lake")
    words = ["replay", SPEC, "--config", market / "config", "--actions", market / "actions.csv"]
    command = [
        sys.executable,
        "-m",
        "apps.cli.main",
        *map(str, words),
        "--workers",
        "2",
        "--out",
        str(tmp_path / "two"),
    ]

    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            process.wait(25)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    replayed(request(market, workers=2), tmp_path / "two")

    assert digests(tmp_path / "two" / "lake") == expected


@pytest.mark.slow
@pytest.mark.parametrize("batch_rows", [97, 65_536])
def test_batches_of_any_size_say_the_same(market, tmp_path, batch_rows):
    replayed(request(market, batch_rows=batch_rows), tmp_path / "run")

    assert digests(tmp_path / "run" / "lake") == digests(market / "run" / "lake")


def test_a_replay_of_the_lake_repeats_the_actions_and_all_that_followed(market, tmp_path):
    run_live(Live(SPEC, 0, market / "config", "127.0.0.1", 0, market / "actions.csv"), tmp_path / "live")

    replayed(request(market, f"lake:{tmp_path / 'live'}", actions=False), tmp_path / "again")

    live, again = (digests(tmp_path / name / "lake") for name in ("live", "again"))
    beside = {"raw.trades", "raw.quotes", "quarantine.market_data"}
    assert {name: value for name, value in live.items() if name not in beside} == {
        name: value for name, value in again.items() if name not in beside
    }
    assert "market.actions" in again


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (",2024-03-08,dividend,1,,,,,\n", "line 2: a row names its instrument"),
        ("A,2024-03-08,merger,,,,,,\n", "line 2: a merger has a value, into, or both"),
        ("A,2024-03-08,rename,,,,,,\n", "line 2: a rename says into which ticker"),
        ("A,2024-03-08,spin_off,1,B,0,,,\n", "line 2: shares for each share are above 0"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(ita, tmp_path, text, words):
    (tmp_path / "actions.csv").write_text(HEADER + text)

    code, said = ita("replay", SPEC, "--actions", tmp_path / "actions.csv")

    assert code == 2
    assert words in said


def test_a_place_that_is_not_there_is_told(ita, tmp_path):
    code, said = ita("replay", SPEC, "--actions", tmp_path / "none.csv")

    assert code == 2
    assert "none.csv" in said
