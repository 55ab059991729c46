"""Bars of a part of a second, switched on by configuration, are the same on one, two and three workers."""

import polars as pl
import pytest

from apps.replaying import replayed
from tests.apps.small_market import compared, request

NAMED = ("time:0.25", "time:1.5")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("config")
    (folder / "base.yaml").write_text("bars:\n  built: ['time:250ms', 'time:1.5']\n")
    return folder


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("short") / "run"
    return folder, replayed(request(config=config), folder)


def test_each_length_has_bars_and_some_of_them_were_made_again(run):
    bars = pl.read_parquet(run[0] / "lake" / "market.bars" / "**" / "*.parquet")

    short = bars.filter(pl.col("interval") == 0).with_columns(pl.col("interval_name").cast(pl.String))

    assert set(short["interval_name"].unique()) == set(NAMED)
    assert set(short.filter(pl.col("version") > 0)["interval_name"].unique()) == set(NAMED)


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_gives_the_digests_of_one(run, config, tmp_path, workers):
    summary = replayed(request(config=config, workers=workers, batch_rows=512), tmp_path / "run")

    assert compared(summary) == compared(run[1])
