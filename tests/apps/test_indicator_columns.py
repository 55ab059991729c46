"""Indicators that a run is asked for are columns of its feature rows, equal to the batch computation to the bit."""

import numpy as np
import polars as pl
import pytest

from apps.replaying import Request, replayed
from apps.run_folder import RunPaths
from config.settings import SettingsError, read_settings
from connectors.lake.names import files_of
from features.indicators.catalogue import asked_for, program_of

SPEC = "simulator:seed=7,instruments=6,days=1,ticks=6000"
ASKED = ("RSI(14)", "MACD(12,26,9)", "ATR(14)", "OBV", "HT_PHASOR")


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    folder = tmp_path_factory.mktemp("configuration")
    (folder / "base.yaml").write_text(f"features:\n  indicators: {list(ASKED)}\n")
    return folder


@pytest.fixture(scope="module")
def run(configuration, tmp_path_factory):
    folder = tmp_path_factory.mktemp("indicators") / "run"
    return folder, replayed(Request((SPEC,), None, None, None, 1, 4_096, configuration), folder)


def rows(folder, topic):
    return pl.scan_parquet(files_of(RunPaths(folder).lake, topic), hive_partitioning=False).with_columns(
        pl.col("instrument").cast(pl.String)
    )


def test_the_columns_of_a_run_are_those_of_a_batch_over_its_bars_to_the_bit(run):
    wanted = asked_for(ASKED)
    program = program_of(wanted)
    names = [column for each in wanted for column in each.columns]
    bars = rows(run[0], "market.bars").filter(pl.col("interval") == 60).collect()
    features = rows(run[0], "features").collect()
    assert bars["version"].max() > 0

    for instrument in bars["instrument"].unique().sort():
        last = [
            table.filter(pl.col("instrument") == instrument)
            .sort("event_at", "version")
            .unique("event_at", keep="last", maintain_order=True)
            for table in (bars, features)
        ]
        columns = {name: last[0][name].cast(pl.Float64).to_numpy().copy() for name in program.columns}
        batch = program.run(program.fresh(1), np.zeros(last[0].height, np.int32), columns)
        for name, values in zip(names, batch, strict=True):
            assert last[1][name].to_numpy().tobytes() == values.tobytes(), (instrument, name)


def test_they_change_nothing_of_what_the_desk_does(run, tmp_path):
    without = replayed(Request((SPEC,), None, None, None, 1, 4_096, None), tmp_path / "without")

    changed = {
        topic for topic, digest in run[1]["digests"].items() if without["digests"].get(topic) != digest
    }

    assert changed == {"features"}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_and_batches_of_any_size_give_the_same_digests(
    run, configuration, tmp_path, workers
):
    again = replayed(Request((SPEC,), None, None, None, workers, 512, configuration), tmp_path / "run")

    assert again["digests"] == run[1]["digests"]


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("base.yaml", "features: {indicators: ['RSY(14)']}", "features: .*'RSY'; the nearest"),
        (
            "strategies.yaml",
            "strategies: [{name: trend, params: {fast: ema_13}}]",
            "strategy 'trend': no feature is named 'ema_13'; the nearest are ema_1",
        ),
        (
            "strategies.yaml",
            "strategies: [{name: trend, params: {fast: ema_12@2}}]",
            "strategy 'trend': feature 'ema_12' is made in version 1; version 2 was asked for",
        ),
    ],
)
def test_what_is_unknown_is_refused_when_the_configuration_is_read(tmp_path, file, text, words):
    (tmp_path / file).write_text(text)

    with pytest.raises(SettingsError, match=words):
        read_settings(tmp_path)


def test_what_a_strategy_reads_is_made_without_being_listed(tmp_path):
    line = "{name: trend, params: {fast: 'EMA(5)', slow: 'EMA(20)@1', range: atr_14}}"
    (tmp_path / "strategies.yaml").write_text(f"strategies: [{line}]")

    summary = replayed(Request((SPEC,), None, None, None, 1, 4_096, tmp_path), tmp_path / "run")

    held = rows(tmp_path / "run", "features").collect_schema().names()
    assert held[-2:] == ["EMA(5)", "EMA(20)"]
    assert summary["counts"]["signals"] > 0
