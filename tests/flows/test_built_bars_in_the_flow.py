"""Bars of named kinds, switched on by configuration, stand in `market.bars` and disturb nothing else."""

import polars as pl
import pytest

from apps.replaying import replayed
from config.settings import SettingsError, read_settings
from tests.apps.small_market import compared, request, uninterrupted

NAMED = ("tick:100", "volume:5000", "renko:0.05", "volume_runs:50", "time:420", "tick:50:quotes")
CONFIG = f"bars:\n  built: [{', '.join(f'{name!r}' for name in NAMED)}]\n  empty: carry\n"


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("config")
    (folder / "base.yaml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "run"
    return folder, replayed(request(config=config), folder)


def rows(folder):
    return pl.read_parquet(folder / "lake" / "market.bars" / "**" / "*.parquet")


def test_every_named_kind_has_bars_with_its_name_and_no_length(run):
    found = rows(run[0]).with_columns(pl.col("interval_name", "mark").cast(pl.String))

    built = found.filter(pl.col("interval") == 0)
    assert set(built["interval_name"].unique()) == set(NAMED)
    assert found["record_id"].n_unique() == found.height
    clock = found.filter(pl.col("interval") > 0)
    assert (clock["interval_name"] == clock["interval"].cast(pl.String)).all()
    assert set(clock["mark"].unique()) == {""}
    assert "empty" in set(built["mark"].unique())


def test_all_that_is_not_a_built_bar_is_as_it_is_without_them(run):
    lake, plain = run[0], uninterrupted()
    whole = replayed(request(), plain)
    ours, theirs = compared(run[1]), compared(whole)

    assert {name for name in theirs if ours[name] != theirs[name]} <= {
        "market.bars",
        "quarantine.market_data",
    }
    kept = rows(lake).filter(pl.col("interval") > 0).drop("interval_name", "mark")
    order = ["event_at", "interval", "instrument", "version"]
    assert kept.sort(order).equals(rows(plain).sort(order))


@pytest.mark.parametrize(("workers", "batch_rows"), [(1, 333), (2, 4_096)])
def test_workers_and_batches_change_nothing(run, config, tmp_path, workers, batch_rows):
    summary = replayed(request(config=config, workers=workers, batch_rows=batch_rows), tmp_path / "run")

    assert compared(summary) == compared(run[1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bars: {built: ['ticks:5']}", "kind:size"),
        ("bars: {built: ['time:60', 'time:1m']}", "given twice"),
        ("bars: {empty: fill}", "skip"),
        ("bars: {partial: maybe}", "drop"),
    ],
)
def test_a_configuration_that_names_no_bars_is_refused(tmp_path, text, words):
    (tmp_path / "base.yaml").write_text(text)

    with pytest.raises(SettingsError, match=words):
        read_settings(tmp_path)
