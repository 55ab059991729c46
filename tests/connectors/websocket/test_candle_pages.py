"""The candles of a venue's past over REST, against those counted from what its websocket sent in the same session."""

import importlib
import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from apps.cli.main import _register, app
from connectors.source import SourceError
from connectors.websocket.candle_pages import candles_between
from connectors.websocket.clock import MachineClock
from connectors.websocket.rest import Requests
from connectors.websocket.venues import VENUES
from tests.connectors.websocket.plain_sessions import PlainTrade, plain_rows
from tests.connectors.websocket.replaying import replayed, session_of

MINUTE = 60 * 10**9
DAY = 1440 * MINUTE


def counted(venue, name, seconds=60):
    """Return opening, open, high, low, close and volume of each interval of a session's trades."""
    trades = sorted(
        (row for row in plain_rows(venue) if isinstance(row, PlainTrade) and row.name == name),
        key=lambda row: row.event_at,
    )
    step = seconds * 10**9
    groups = {}
    for row in trades:
        groups.setdefault(row.event_at // step * step, []).append(row)
    return [
        (
            at,
            rows[0].price,
            max(row.price for row in rows),
            min(row.price for row in rows),
            rows[-1].price,
            pytest.approx(sum(row.size for row in rows), abs=1e-9),
        )
        for at, rows in sorted(groups.items())
    ]


def busiest(venue, symbols):
    """Return the symbol of a session with most trades, and its instrument."""
    naming = importlib.import_module(f"connectors.websocket.{venue}.symbols").instrument_name
    traded = [row.name for row in plain_rows(venue) if isinstance(row, PlainTrade)]
    symbol = max(symbols, key=lambda symbol: traded.count(naming(symbol)))
    return symbol, naming(symbol)


def rows_of(candles):
    columns = (candles.open_at, candles.open, candles.high, candles.low, candles.close, candles.volume)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def asked(replay, venue, symbol, day, seconds=60, now_at=None):
    clock = MachineClock()
    requests = Requests(replay.rest, 100.0, clock)
    try:
        bounds = (day, day + DAY)
        return candles_between(VENUES[venue].candles, symbol, seconds, bounds, requests, now_at or day + DAY)
    finally:
        requests.close()


@pytest.mark.parametrize("venue", [name for name in VENUES if name != "kraken"])
def test_the_candles_of_a_day_are_those_of_its_trades(venue):
    files, symbols = session_of(venue)
    symbol, name = busiest(venue, symbols)
    expected = counted(venue, name)
    day = expected[0][0] // DAY * DAY

    with replayed(files) as replay:
        told = asked(replay, venue, symbol, day)

    kept = [row for row in expected if row[0] < day + DAY]
    assert rows_of(told.candles) == kept
    assert len(told.paths) == -(-1440 // VENUES[venue].candles.page)
    assert set(told.candles.page.tolist()) <= set(range(len(told.paths)))


def test_kraken_tells_so_many_candles_back_from_now_and_no_more():
    files, _ = session_of("kraken")
    expected = counted("kraken", "ETH-CHF") or counted("kraken", "XMR-USD")
    name = "ETH/CHF" if counted("kraken", "ETH-CHF") else "XMR/USD"
    day = expected[0][0] // DAY * DAY

    with replayed(files) as replay:
        told = asked(replay, "kraken", name, day, seconds=300)
        with pytest.raises(SourceError, match="tells its last 720 candles alone"):
            asked(replay, "kraken", name, day, seconds=60, now_at=day + 2 * DAY)

    assert rows_of(told.candles) == counted("kraken", name.replace("/", "-"), 300)


def test_a_length_that_a_venue_has_not_is_refused_with_those_that_it_has():
    files, _ = session_of("coinbase")

    with (
        replayed(files) as replay,
        pytest.raises(SourceError, match="candles of 60, 300, 900, 3600, 21600, 86400 s; 7"),
    ):
        asked(replay, "coinbase", "SKL-USD", 0, seconds=7)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[[60,9,11,10]]", "is missing"),
        (b"[[60,12,11,10,10,1]]", "from low, above 0, to high"),
        (b"[[60,0,11,10,10,1]]", "from low, above 0, to high"),
        (b'{"message":"no such product"}', "is no list"),
        (b"<html>", "no JSON"),
    ],
)
def test_an_answer_that_holds_no_candles_is_an_error_that_says_why(body, reason):
    with pytest.raises(SourceError, match=reason):
        VENUES["coinbase"].candles.read(body, "https://venue/candles", 0)


def test_the_candle_of_now_is_not_told():
    files, symbols = session_of("binance")
    symbol, name = busiest("binance", symbols)
    expected = counted("binance", name)
    last = expected[-2][0]

    with replayed(files) as replay:
        told = asked(replay, "binance", symbol, last // DAY * DAY, now_at=last + MINUTE - 1)

    assert last not in told.candles.open_at.tolist()
    assert rows_of(told.candles) == expected[:-2]


def test_the_command_writes_bars_that_say_where_they_are_from(tmp_path, monkeypatch):
    files, symbols = session_of("coinbase")
    _, name = busiest("coinbase", symbols)
    out = tmp_path / "bars.parquet"
    _register()
    with replayed(files) as replay:
        monkeypatch.setenv("ITA_VENUES__COINBASE__URL", replay.websocket)
        line = ["bars", f"coinbase:{name}", "--candles", "--kind", "time", "--size", "5m", "--json"]
        days = ["--from", "2021-04-17", "--to", "2021-04-17"]
        answer = CliRunner().invoke(app, [*line, *days, "--out", str(out)], catch_exceptions=False)

    table = pl.read_parquet(out)
    expected = counted("coinbase", name, 300)
    assert json.loads(answer.output) == {"name": "time:300", "bars": len(expected), "out": str(out)}
    np.testing.assert_array_equal(table["open_at"].dt.epoch("ns"), [row[0] for row in expected])
    assert table["close"].to_list() == [row[4] for row in expected]
    assert set(table["source"]) == {"coinbase"}
    assert all(
        f"/products/{name}/candles?granularity=300&start=2021-04-17T" in each for each in table["asked"]
    )
    assert (table["known_at"] == table["close_at"]).all()
