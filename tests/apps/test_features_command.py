"""`ita features` over a run: served values, rows as they were known, and a check that finds what is wrong."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from apps.cli.features import app
from apps.cli.main import WrongUse
from apps.feature_parity import check
from apps.feature_store import (
    FeatureQuestion,
    grid,
    history,
    online_rows,
    read_entities,
    span_seconds,
    write_rows,
)
from apps.kept_run import KeptRun
from apps.replaying import Request, replayed
from apps.run_folder import RunFolderError
from connectors.feast.codec import END_OF_FEATURES, push_frame
from connectors.feast.history import feature_names, lake_features
from connectors.feast.sink import FeastPartition
from connectors.feast.store import open_store, push
from domain.market import BAR, SECOND, FeatureRows
from feature_repo.declarations import declarations
from features.catalogue import CATALOGUE

pytestmark = [pytest.mark.xdist_group("feast"), pytest.mark.filterwarnings("default")]

SOURCE = "simulator:seed=7,days=2,ticks=40000"
NAMES = [line.name for line in CATALOGUE]


def push_lake(out) -> None:
    """Push the feature rows of a run's lake to its feature store."""
    rows = lake_features(out / "lake").collect()
    names = rows["instrument"].unique().sort().to_list()
    bars = np.zeros(rows.height, BAR)
    bars["instrument"] = [names.index(name) for name in rows["instrument"]]
    bars["close_at"], bars["known_at"] = rows["event_at"].cast(pl.Int64), rows["known_at"].cast(pl.Int64)
    bars["version"] = rows["version"]
    sink = FeastPartition(out / "feature_store", names, CATALOGUE, declarations)
    sink.write_batch(
        [FeatureRows(bars, np.ascontiguousarray(rows.select(NAMES).to_numpy().T)), END_OF_FEATURES]
    )
    sink.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of two small simulated days, with a split between them, late prints and a cancel."""
    out = tmp_path_factory.mktemp("features") / "run"
    replayed(Request((SOURCE,), None, None, None, 1, 65_536, None), out)
    push_lake(out)
    return out


@pytest.fixture
def copy(run, tmp_path):
    """Return a copy of the run that a test may spoil."""
    return shutil.copytree(run, tmp_path / "run")


def spoil_lake(out, column, change) -> None:
    """Change one feature of the lake's last file."""
    path = max((out / "lake" / "features").glob("date=*/*.parquet"))
    pl.read_parquet(path, hive_partitioning=False).with_columns(change.alias(column)).write_parquet(path)


def command(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_every_row_of_a_run_computes_again_to_the_same_bits_in_the_lake_and_online(run):
    parity = check(run, sample=1_000_000)

    rows = lake_features(run / "lake").collect()
    assert parity.skews == ()
    assert parity.astray == {}
    assert parity.equal
    assert parity.lake_rows == rows.n_unique(["instrument", "event_at", "known_at"])
    assert (parity.features, parity.online_rows) == (len(CATALOGUE), parity.instruments)
    assert parity.instruments == rows["instrument"].n_unique()


def test_one_value_of_the_lake_in_its_last_bit_is_a_skew(copy):
    newest = pl.col("event_at") == pl.col("event_at").max()
    nudged = pl.when(newest).then(pl.col("obv") + 1.0).otherwise(pl.col("obv"))
    spoil_lake(copy, "obv", nudged)

    parity = check(copy, sample=10)

    assert not parity.equal
    assert [(skew.against, skew.feature, skew.difference_max) for skew in parity.skews] == [
        ("lake", "obv", 1.0)
    ]
    assert parity.skews[0].found == parity.skews[0].computed + 1.0


def test_a_served_value_that_the_lake_does_not_hold_is_a_skew(copy):
    place, row = next((at, row) for at, row in enumerate(online_rows(copy, None, None)))
    keys = np.zeros(1, [("event_at", "i8"), ("known_at", "i8"), ("instrument", "i4"), ("version", "i2")])
    keys["event_at"], keys["known_at"], keys["version"] = row.event_at, row.event_at, row.version
    values = np.array([[np.nan if row.values[name] is None else row.values[name] for name in NAMES]])
    values[0, NAMES.index("session_vwap")] += 0.5
    push(open_store(copy / "feature_store"), push_frame(keys, values, [row.instrument], NAMES))

    parity = check(copy, sample=10)

    assert place == 0
    assert [(skew.against, skew.feature, skew.instrument) for skew in parity.skews] == [
        ("online", "session_vwap", row.instrument)
    ]
    assert parity.skews[0].difference_max == pytest.approx(0.5)


def test_an_online_row_that_is_not_the_newest_fails_a_finished_run_only(copy):
    row = online_rows(copy, None, ["obv"])[0]
    keys = np.zeros(1, [("event_at", "i8"), ("known_at", "i8"), ("instrument", "i4"), ("version", "i2")])
    keys["event_at"] = keys["known_at"] = row.event_at - 60 * SECOND
    stale = push_frame(keys, np.zeros((1, len(NAMES))), [row.instrument], NAMES)
    push(open_store(copy / "feature_store"), stale)

    finished = check(copy, sample=10)
    (copy / "summary.json").unlink()
    unfinished = check(copy, sample=10)

    assert not finished.equal
    assert finished.astray == {"behind": (row.instrument,)}
    assert unfinished.equal


def test_the_same_seed_takes_the_same_sample(run):
    assert check(run, sample=50, seed=3) == check(run, sample=50, seed=3)


def test_check_ends_with_one_where_there_is_skew_and_names_it(copy):
    spoil_lake(copy, "rsi_14", pl.lit(50.0))

    answer = command("check", "--out", copy, "--json")

    assert answer.exit_code == 1
    assert {skew["feature"] for skew in json.loads(answer.stdout)["skews"]} == {"rsi_14"}


def test_get_gives_the_newest_row_of_the_lake(run):
    answer = command("get", "--out", run, "--features", "rsi_14,obv", "--json")

    newest = (
        lake_features(run / "lake").sort("event_at", "version").unique("instrument", keep="last").collect()
    )
    held = {
        row["instrument"]: {
            "event_at": row["event_at"],
            "version": row["version"],
            "features": {name: None if np.isnan(row[name]) else row[name] for name in ("rsi_14", "obv")},
        }
        for row in newest.with_columns(pl.col("event_at").cast(pl.Int64)).to_dicts()
    }
    assert answer.exit_code == 0
    assert json.loads(answer.stdout)["instruments"] == held


def test_history_of_a_file_goes_to_a_target_with_the_rows_in_their_order(run, tmp_path):
    first = lake_features(run / "lake").select("instrument", "event_at").head(2).collect()
    lines = [f"{name},{at.isoformat().replace('+00:00', 'Z')}" for name, at in first.iter_rows()]
    (tmp_path / "asked.csv").write_text("\n".join(["instrument,event_timestamp", *lines, lines[0]]) + "\n")
    target = tmp_path / "rows.parquet"

    answer = command(
        "history", "--out", run, "--entities", tmp_path / "asked.csv", "--target", target, "--json"
    )

    written = pl.read_parquet(target)
    assert json.loads(answer.stdout)["asked"] == 3
    assert written["instrument"].to_list() == [*first["instrument"].to_list(), first["instrument"][0]]
    assert written.columns[6:] == NAMES


def test_a_grid_asks_for_each_instrument_at_each_step_with_both_ends(run):
    name = lake_features(run / "lake").select("instrument").first().collect().item()

    asked = grid(run, [name], "5m", "10:00", "10:15")

    assert asked["instrument"].to_list() == [name] * 4
    assert asked["event_timestamp"].diff().drop_nulls().dt.total_minutes().to_list() == [5, 5, 5]
    assert history(run, asked, ["obv"], None).height == 4


def test_unknown_names_are_answered_with_the_nearest(run):
    name = lake_features(run / "lake").select("instrument").first().collect().item()

    with pytest.raises(FeatureQuestion, match=f"unknown instrument '{name}Q'; the nearest of .*{name}"):
        online_rows(run, [f"{name}Q"], None)
    with pytest.raises(FeatureQuestion, match="unknown instrument"):
        grid(run, ["NOBODY"], "5m", None, None)
    answer = command("get", "--out", run, "--features", "rsi_15")
    assert isinstance(answer.exception, WrongUse)
    assert "the nearest is 'rsi_14'" in str(answer.exception)


def test_a_folder_without_a_run_says_what_to_do(tmp_path):
    with pytest.raises(RunFolderError, match="ita demo --out"):
        online_rows(tmp_path, None, None)
    with pytest.raises(RunFolderError, match="ita demo --out"):
        check(tmp_path)


def test_a_run_of_another_configuration_is_not_checked_with_this_one(copy):
    manifest = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**manifest, "configuration": "another"}))

    with pytest.raises(RunFolderError, match=r"configured by another.*--config"):
        check(copy)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("instrument\nAAA\n", "has no column 'event_timestamp'"),
        (
            "instrument,event_timestamp\nAAA,2024-03-07T10:00:00\n",
            "row 1: event_timestamp '2024-03-07T10:00:00'",
        ),
        ("instrument,event_timestamp\n,2024-03-07T10:00:00Z\n", "row 1: instrument"),
        ("instrument,event_timestamp,knowledge_at\nA,2024-03-07T10:00:00Z,soon\n", "knowledge_at 'soon'"),
    ],
)
def test_a_file_that_asks_for_nothing_sensible_is_refused(tmp_path, text, message):
    (tmp_path / "asked.csv").write_text(text)

    with pytest.raises(FeatureQuestion, match=message):
        read_entities(tmp_path / "asked.csv")


def test_spans_and_targets_are_what_they_say(tmp_path):
    assert [span_seconds(text) for text in ("30s", "5m", "2h", "1d")] == [30, 300, 7200, 86_400]
    for wrong in ("0m", "5", "m", "5 minutes"):
        with pytest.raises(FeatureQuestion, match="a span is a number above 0"):
            span_seconds(wrong)
    with pytest.raises(FeatureQuestion, match=r"a target ends in \.parquet or \.csv"):
        write_rows(pl.DataFrame(), tmp_path / "rows.json")


def test_the_run_that_is_tested_holds_revisions_and_a_split(run):
    rows = lake_features(run / "lake").collect()

    assert (rows["version"] > 0).any()
    assert KeptRun(run).finished
    assert feature_names(rows.lazy()) == tuple(NAMES)
