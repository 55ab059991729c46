"""`ita bars` of every kind over real trades and quotes written as plain CSV, against bars made row by row in Python."""

import csv
import io
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from apps.cli.main import _register, app
from tests.operators import plain_bars
from tests.operators.plain_bars import Closed, Row

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not there")
EASTERN = 4 * 3_600_000
SPAN, LIMIT = 7, 5


@pytest.fixture(scope="module", autouse=True)
def _commands():
    if not any(command.name == "bars" for command in app.registered_commands):
        _register()


def vendor_rows(path):
    with zipfile.ZipFile(DATA / path) as archive:
        return list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))


@cache
def trades():
    """Return the first trades of AIG on 8 October 2013."""
    midnight = 1_381_190_400_000 + EASTERN
    return [
        Row((midnight + int(row[0])) * 1_000_000, int(row[0]) / 60_000, int(row[1]) / 1e4, float(row[2]))
        for row in vendor_rows("equity_ticks/tick/aig/20131008_trade.zip")
    ][:25_000]


@cache
def quotes():
    """Return a part of EURUSD's quotes of 1 May 2014 (a clock of UTC-05:00): instant (ns), bid and ask."""
    midnight = 1_398_902_400_000 + 5 * 3_600_000
    rows = vendor_rows("fx_quotes/fxcm/tick/eurusd/20140501_quote.zip")[20_000:40_000]
    return [((midnight + int(ms)) * 1_000_000, float(bid), float(ask)) for ms, bid, ask in rows]


@cache
def mids():
    """Return the mids of the quotes that do not cross, each with the two units that are quoted."""
    found = [Row(at, 600, (bid + ask) / 2, 2.0) for at, bid, ask in quotes() if bid <= ask]
    assert 0.9 < len(found) / len(quotes()) < 0.95
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ticks")
    lines = [f"{row.at},AIG,{row.price!r},{row.size:.0f}" for row in trades()]
    (folder / "trades.csv").write_text("event_at,instrument,price,size\n" + "\n".join(lines) + "\n")
    lines = [f"{at},EURUSD,{bid!r},1,{ask!r},1" for at, bid, ask in quotes()]
    (folder / "quotes.csv").write_text(
        "event_at,instrument,bid,bid_size,ask,ask_size\n" + "\n".join(lines) + "\n"
    )
    return folder


@pytest.fixture
def bars(files, tmp_path):
    def run(name, kind, size, *words):
        out = tmp_path / "bars.parquet"
        asked = ["bars", f"csv:{files / name}", "--kind", kind, "--size", size, "--out", str(out), *words]
        answer = CliRunner().invoke(app, asked)
        if answer.exception is not None:
            raise answer.exception
        return pl.read_parquet(out).sort("number" if kind != "time" else "open_at")

    return run


def assert_equal(table, expected):
    assert table.height == len(expected) > 1
    for name in Closed._fields:
        theirs = np.array([getattr(each, name) for each in expected], float)
        np.testing.assert_allclose(table[name].cast(pl.Float64), theirs, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("minutes", [1, 7, 17, 90, 390])
def test_time_bars_of_odd_lengths_begin_with_their_session(minutes, bars):
    assert_equal(bars("trades.csv", "time", f"{minutes}m"), plain_bars.time_bars(trades(), minutes))


@pytest.mark.parametrize(("minutes", "parts"), [(21, "7m"), (390, "30m"), (60, "90")])
def test_longer_bars_of_shorter_ones_equal_those_of_the_trades(minutes, parts, bars, tmp_path):
    bars("trades.csv", "time", parts).write_csv(tmp_path / "short.csv")
    out = tmp_path / "long.parquet"
    words = [
        "bars",
        str(tmp_path / "short.csv"),
        "--kind",
        "time",
        "--size",
        f"{minutes}m",
        "--out",
        str(out),
    ]

    answer = CliRunner().invoke(app, words)

    assert answer.exception is None, answer.exception
    assert_equal(pl.read_parquet(out).sort("open_at"), plain_bars.time_bars(trades(), minutes))


@pytest.mark.parametrize(
    ("kind", "size"),
    [("tick", "37"), ("volume", "12345"), ("notional", "987654.5"), ("range", "0.07"), ("range", "0.01")],
)
def test_bars_that_are_filled_close_with_the_trade_that_fills_them(kind, size, bars):
    assert_equal(bars("trades.csv", kind, size), plain_bars.filled_bars(trades(), kind, float(size)))


@pytest.mark.parametrize("kind", ["tick", "volume", "notional"])
@pytest.mark.parametrize("what", ["imbalance", "runs"])
@pytest.mark.parametrize("limit", [LIMIT, 0])
def test_imbalance_and_runs_bars_close_when_they_surprise(kind, what, limit, bars):
    name = f"{kind}_{what}"
    words = ["--expected-span", str(SPAN), "--expected-limit", str(limit)]

    assert_equal(
        bars("trades.csv", name, "60", *words), plain_bars.surprise_bars(trades(), name, 60, SPAN, limit)
    )


@pytest.mark.parametrize("parts", [20, 50, 100])
def test_bricks_are_laid_one_by_one_and_turn_two_back(parts, bars):
    table = bars("trades.csv", "renko", str(1 / parts))

    got = [
        (round(opened * parts), round(close * parts), volume, count)
        for opened, close, volume, count in table.select("open", "close", "volume", "trade_count").rows()
    ]
    assert got == plain_bars.bricks(trades(), parts)


@pytest.mark.parametrize(("kind", "size"), [("tick", "53"), ("volume", "500"), ("range", "0.0007")])
def test_bars_of_quotes_are_those_of_mids_and_quoted_sizes(kind, size, bars):
    table = bars("quotes.csv", kind, size, "--of", "quotes", "--calendar", "24/7")

    assert_equal(table, plain_bars.filled_bars(mids(), kind, float(size)))


def test_bricks_of_quotes(bars):
    table = bars("quotes.csv", "renko", "0.0002", "--of", "quotes", "--calendar", "24/7")

    got = [
        (round(o * 5000), round(c * 5000), v, n)
        for o, c, v, n in table.select("open", "close", "volume", "trade_count").rows()
    ]
    assert got == plain_bars.bricks(mids(), 5000)
