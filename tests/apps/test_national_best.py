"""A replay of `lean:` leaves the national best in the lake, readable with polars, on any workers."""

from pathlib import Path

import polars as pl
import pytest

from apps.replaying import Request, replayed
from tests.apps.small_market import SPEC, request

TICKS = Path(__file__).parents[3] / "shared" / "data" / "equity_ticks"
DAY = "2013-10-07"
COLUMNS = {
    "bid": pl.Float64,
    "bid_size": pl.Float64,
    "bid_venue": pl.Categorical,
    "ask": pl.Float64,
    "ask_size": pl.Float64,
    "ask_venue": pl.Categorical,
    "locked": pl.Boolean,
    "crossed": pl.Boolean,
    "session": pl.Categorical,
}

vendor = pytest.mark.skipif(
    not TICKS.is_dir(), reason="the vendor's ticks are not in ../shared/data/equity_ticks"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("ibm") / "run"
    replayed(Request((f"lean:{TICKS}",), ("IBM",), DAY, DAY, 1, 16_384, None), out)
    return out


def nbbo(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "lake" / "market.nbbo" / "**" / "*.parquet")


@vendor
def test_a_replay_of_one_sided_quotes_keeps_the_national_best_with_exchanges_flags_and_sessions(run):
    rows = nbbo(run)

    assert dict(zip(rows.columns, rows.dtypes, strict=True)).items() >= COLUMNS.items()
    quoted = rows.filter(pl.col("bid").is_not_nan() & pl.col("ask").is_not_nan())
    assert (quoted["locked"] == (quoted["bid"] == quoted["ask"])).all()
    assert (quoted["crossed"] == (quoted["bid"] > quoted["ask"])).all()
    assert (quoted["locked"].any(), quoted["crossed"].any()) == (True, True)
    assert set(rows["bid_venue"].cast(pl.String)) > {"N", "Q", "P"}
    local = rows.with_columns(at=pl.col("event_at").dt.convert_time_zone("America/New_York").dt.time())
    opens = pl.time(9, 30), pl.time(16, 0)
    regular = local.filter((pl.col("at") >= opens[0]) & (pl.col("at") < opens[1]))
    assert set(regular["session"].cast(pl.String)) == {"regular"}
    assert set(local["session"].cast(pl.String)) == {"closed", "pre", "regular", "post"}


@vendor
@pytest.mark.slow
@pytest.mark.parametrize(("workers", "batch_rows"), [(1, 512), (2, 16_384)])
def test_the_national_best_is_the_same_on_any_batch_size_and_workers(run, tmp_path, workers, batch_rows):
    asked = Request((f"lean:{TICKS}",), ("IBM",), DAY, DAY, workers, batch_rows, None)

    replayed(asked, tmp_path / "again")

    order = ["event_at", "sequence"]
    assert nbbo(tmp_path / "again").sort(order).equals(nbbo(run).sort(order))


@vendor
def test_a_replay_of_the_kept_run_tells_the_same_national_best(run, tmp_path):
    replayed(Request((f"lake:{run}",), None, None, None, 1, 16_384, None), tmp_path / "again")

    assert nbbo(tmp_path / "again").equals(nbbo(run))


def test_a_source_whose_quotes_have_both_sides_leaves_no_national_best(tmp_path):
    summary = replayed(request(), tmp_path / "run")

    assert SPEC.startswith("simulator:")
    assert "market.nbbo" not in summary["counts"]
