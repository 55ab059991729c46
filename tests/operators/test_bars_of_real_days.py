"""Bars of real days against what polars makes of the same trades, which shares nothing with our kernels."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from apps.bar_making import BarRules, Span, bars_of_ticks
from connectors.files.lean_ticks import LeanTicks
from domain.bar_kinds import bar_spec
from domain.market import concatenate

TICKS = Path(__file__).parents[3] / "shared" / "data" / "equity_ticks"
NAMES = ("AIG", "BAC", "IBM", "SPY")
PRICES = ("open", "high", "low", "close")
pytestmark = pytest.mark.skipif(not TICKS.is_dir(), reason=f"the vendor's ticks are not at {TICKS}")


@pytest.fixture(scope="module")
def trades() -> pl.DataFrame:
    """Return the trades that count, with the day and the part of it in New York, in order of arrival."""
    source = LeanTicks(TICKS, NAMES)
    owned = np.ones(len(NAMES), np.bool_)
    index = {name: place for place, name in enumerate(NAMES)}
    chunks = [
        chunk.ticks
        for day in source.segments()
        for chunk in source.read(day, index, owned)
        if len(chunk.ticks.price)
    ]
    ticks = concatenate(chunks)
    kept = {
        name: getattr(ticks, name)
        for name in ("event_at", "instrument", "price", "size", "conditions", "kind")
    }
    clock = pl.from_epoch("event_at", time_unit="ns").dt.replace_time_zone("UTC")
    hours = clock.dt.convert_time_zone("America/New_York")
    since = hours.dt.hour().cast(pl.Int64) * 60 + hours.dt.minute()
    part = pl.when(since < 240).then(pl.lit("closed")).when(since < 570).then(pl.lit("pre"))
    part = part.when(since < 960).then(pl.lit("regular")).when(since < 1200).then(pl.lit("post"))
    return (
        pl.DataFrame(kept)
        .filter(pl.col("kind") == 0, pl.col("conditions") & 7 != 0)
        .with_columns(
            pl.col("instrument").replace_strict(dict(enumerate(NAMES)), return_dtype=pl.String),
            hours.dt.date().alias("day"),
            part.otherwise(pl.lit("closed")).alias("session"),
            (pl.col("conditions") & 1 != 0).alias("counts"),
            (pl.col("conditions") & 2 != 0).alias("moves"),
        )
    )


def measures() -> list[pl.Expr]:
    moved, counted = pl.col("price").filter("moves"), pl.col("size").filter("counts")
    money = (pl.col("price") * pl.col("size")).filter("counts").sum()
    return [
        moved.first().alias("open"), moved.max().alias("high"), moved.min().alias("low"),
        moved.last().alias("close"), counted.sum().alias("volume"), (money / counted.sum()).alias("vwap"),
        pl.col("counts").sum().cast(pl.Int64).alias("trade_count"),
    ]  # fmt: skip


def ours(name: str) -> pl.DataFrame:
    made = bars_of_ticks((f"lean:{TICKS}",), bar_spec(name), BarRules(), Span(NAMES), versions=False)
    assert made.refused == {}
    return made.table


def assert_equal(ours: pl.DataFrame, theirs: pl.DataFrame, keys: list[str]) -> None:
    ours, theirs = ours.sort([*keys, "number"]), theirs.sort([*keys, "bar"])
    assert ours.select(keys).rows() == theirs.select(keys).rows()
    for name in (*PRICES, "volume", "trade_count"):
        assert ours[name].cast(pl.Float64).to_list() == theirs[name].cast(pl.Float64).to_list(), name
    np.testing.assert_allclose(ours["vwap"].to_numpy(), theirs["vwap"].to_numpy(), rtol=1e-12)


@pytest.mark.parametrize("size", [50, 500])
def test_tick_bars_are_every_so_many_trades_of_a_session(trades, size):
    session = ["instrument", "day", "session"]
    before = pl.col("counts").cast(pl.Int64).cum_sum().over(session) - pl.col("counts").cast(pl.Int64)
    theirs = (
        trades.with_columns((before // size).alias("bar"))
        .group_by([*session, "bar"], maintain_order=True)
        .agg(*measures(), pl.col("event_at").min().alias("open_ns"))
    )

    bars = ours(f"tick:{size}").with_columns(pl.col("open_at").to_physical().alias("open_ns"))

    assert_equal(bars, theirs, ["instrument", "session", "open_ns"])


@pytest.mark.parametrize("minutes", [1, 7, 60])
def test_time_bars_are_the_trades_of_each_interval_since_the_session_began(trades, minutes):
    begins = pl.col("session").replace_strict({"pre": 240, "regular": 570, "post": 960, "closed": 0})
    clock = pl.from_epoch("event_at", time_unit="ns").dt.replace_time_zone("UTC")
    local = clock.dt.convert_time_zone("America/New_York")
    since = local.dt.hour().cast(pl.Int64) * 60 + local.dt.minute() - begins
    place = since // minutes
    theirs = (
        trades.filter(pl.col("session") != "closed")
        .with_columns(place.alias("bar"))
        .group_by(["instrument", "day", "session", "bar"], maintain_order=True)
        .agg(*measures())
    )

    bars = ours(f"time:{minutes}m").filter(pl.col("session") != "closed")

    opened = pl.col("open_at").dt.convert_time_zone("America/New_York")
    since_open = opened.dt.hour().cast(pl.Int64) * 60 + opened.dt.minute() - begins
    bars = bars.with_columns(opened.dt.date().alias("day"), (since_open // minutes).alias("bar"))
    assert_equal(bars, theirs, ["instrument", "day", "session", "bar"])


@pytest.mark.parametrize(("name", "size"), [("volume", 50_000.0), ("notional", 2_000_000.0)])
def test_volume_and_notional_bars_close_with_the_trade_that_fills_them(trades, name, size):
    weight = pl.col("size") if name == "volume" else pl.col("price") * pl.col("size")
    numbers = []
    for part in trades.with_columns(weight.alias("weight")).partition_by(
        ["instrument", "day", "session"], maintain_order=True
    ):
        total, number = 0.0, 0
        for counts, each in part.select("counts", "weight").rows():
            numbers.append(number)
            total += each if counts else 0.0
            if counts and total >= size * (1 - 1e-9):
                total, number = 0.0, number + 1
    session = ["instrument", "day", "session"]
    theirs = (
        pl.concat(trades.partition_by(session, maintain_order=True))
        .with_columns(pl.Series("bar", numbers))
        .group_by([*session, "bar"], maintain_order=True)
        .agg(*measures(), pl.col("event_at").min().alias("open_ns"))
    )

    bars = ours(f"{name}:{size:.0f}").with_columns(pl.col("open_at").to_physical().alias("open_ns"))

    assert_equal(bars, theirs, ["instrument", "session", "open_ns"])


def test_bricks_follow_on_one_another_and_turn_two_bricks_back(trades):
    bars = ours("renko:0.05")

    for name in NAMES:
        mine = bars.filter(pl.col("instrument") == name).sort("number")
        bricks = [tuple(round(price * 20) for price in row) for row in mine.select("open", "close").rows()]
        assert {abs(close - opened) for opened, close in bricks} == {1}
        for (first, last), (opened, close) in pairwise(bricks):
            assert opened == (last if (last > first) == (close > opened) else first)
    moved = (
        trades.filter("moves")
        .group_by("instrument")
        .agg(pl.col("price").min(), pl.col("price").max().alias("most"))
    )
    for name, least, most in moved.rows():
        mine = bars.filter(pl.col("instrument") == name)
        assert 0 <= most - mine["high"].max() < 0.05 + 1e-9
        assert 0 <= mine["low"].min() - least < 0.05 + 1e-9
