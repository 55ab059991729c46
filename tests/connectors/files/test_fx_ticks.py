"""Quotes of currency pairs by a clock that is five hours behind UTC all year."""

import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from connectors.files.fx_ticks import SIZE, FxTicks
from connectors.files.open_source import open_source
from connectors.source import SourceError
from domain.instruments import Instrument
from domain.market import Kind

REAL = Path(__file__).parents[4] / "shared" / "data" / "fx_quotes"
real_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"no quotes of currency pairs are at {REAL}")


def archive(folder, pair, day, text):
    path = folder / "fxcm" / "tick" / pair / f"{day}_quote.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(f"{day}_{pair}_tick_quote.csv", text)
    return path


def read(source, segment, owned=None):
    index = {name: which for which, name in enumerate(source.instruments())}
    return list(source.read(segment, index, np.ones(len(index), bool) if owned is None else np.array(owned)))


def at(*moment):
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 10**9


@real_data
def test_every_row_of_the_real_file_is_a_quote_five_hours_after_its_clock():
    (path,) = REAL.rglob("tick/eurusd/20140501_quote.zip")
    with zipfile.ZipFile(path) as held:
        lines = held.read(held.namelist()[0]).decode().split()
    midnight = datetime(2014, 5, 1, tzinfo=UTC) + timedelta(hours=5)
    expected = []
    for number, line in enumerate(lines, 1):
        milliseconds, bid, ask = line.split(",")
        instant = int(midnight.timestamp()) * 10**9 + int(milliseconds) * 10**6
        expected.append((instant, float(bid), float(ask), number))

    source = open_source(f"fxcm:{REAL}")
    chunks = [chunk for segment in source.segments() for chunk in read(source, segment)]

    ticks = [chunk.ticks for chunk in chunks]
    rows = [
        row
        for part in ticks
        for row in zip(
            part.event_at.tolist(),
            part.bid.tolist(),
            part.ask.tolist(),
            (part.sequence % 2**32).tolist(),
            strict=True,
        )
    ]
    assert source.segments() == ("2014-05-01", "2014-05-02")
    assert rows == expected
    assert [chunk.malformed for chunk in chunks] == [(), ()]
    assert {int(kind) for part in ticks for kind in np.unique(part.kind)} == {Kind.QUOTE}


def test_the_clock_knows_no_summer(tmp_path):
    archive(tmp_path, "eurusd", "20140115", "0,1.36,1.37\n")
    archive(tmp_path, "eurusd", "20140715", "0,1.36,1.37\n")
    source = FxTicks(tmp_path)

    instants = [
        int(chunk.ticks.event_at[0]) for day in ("2014-01-15", "2014-07-15") for chunk in read(source, day)
    ]

    assert instants == [at(2014, 1, 15, 5), at(2014, 7, 15, 5)]


def test_the_last_hour_of_a_summer_file_is_of_the_next_day_of_new_york(tmp_path):
    archive(tmp_path, "eurusd", "20140715", "82799999,1.36,1.37\n82800000,1.38,1.39\n")
    archive(tmp_path, "eurusd", "20140716", "0,1.40,1.41\n")
    source = FxTicks(tmp_path)

    bids = {day: [chunk.ticks.bid.tolist() for chunk in read(source, day)] for day in source.segments()}

    assert bids == {"2014-07-15": [[1.36]], "2014-07-16": [[1.38, 1.40]], "2014-07-17": [[]]}


def test_pairs_have_the_ticks_currencies_and_week_of_currencies(tmp_path):
    archive(tmp_path, "eurusd", "20140115", "0,1.36,1.37\n")
    archive(tmp_path, "usdjpy", "20140115", "0,104.251,104.253\n")

    reference = FxTicks(tmp_path).reference()

    common = {"lot_size": 1000, "calendar": "FX"}
    assert reference == (
        Instrument(name="EURUSD", issuer="EUR", tick_size=Decimal("0.00001"), currency="USD", **common),
        Instrument(name="USDJPY", issuer="USD", tick_size=Decimal("0.001"), currency="JPY", **common),
    )


def test_a_shard_reads_its_own_pairs_alone_and_a_quote_has_the_size_of_a_dealers(tmp_path):
    archive(tmp_path, "eurusd", "20140115", "0,1.36,1.37\n")
    archive(tmp_path, "usdjpy", "20140115", "5,104.251,104.253\n")

    (chunk,) = read(FxTicks(tmp_path), "2014-01-15", owned=[False, True])

    assert chunk.ticks.instrument.tolist() == [1]
    assert (chunk.ticks.bid_size.tolist(), chunk.ticks.ask_size.tolist()) == ([SIZE], [SIZE])


def test_rows_that_are_no_quotes_are_set_aside_with_their_reason_and_nothing_else_is_lost(tmp_path):
    lines = [
        "10,1.36,1.37",
        "20,1.36",
        "30,x,1.37",
        "40,0,1.37",
        "86400000,1.36,1.37",
        "50,1.38,1.39",
        "60,1.3,1.4",
        "70,1.3,1.4",
        "80,1.3,1.4",
    ]
    archive(tmp_path, "eurusd", "20140115", "\n".join(lines))
    archive(tmp_path, "gbpusd", "20140115", "0,1.6,1.7\n")
    archive(tmp_path, "eurusd", "20140116", "0,1.36,1.37\n")

    (chunk,) = read(FxTicks(tmp_path, instruments=("EURUSD",)), "2014-01-15")

    start = at(2014, 1, 15, 5)
    assert chunk.ticks.bid.tolist() == [1.36, 1.38, 1.3, 1.3, 1.3]
    assert [(row.place, row.reason, row.raw, row.known_at) for row in chunk.malformed] == [
        (f"20140115_quote.zip:{number}", reason, lines[number - 1], start + 10_000_000)
        for number, reason in (
            (2, "wrong_column_count"),
            (3, "not_a_number"),
            (4, "price_not_above_zero"),
            (5, "time_out_of_day"),
        )
    ]


def test_a_row_behind_a_later_one_was_known_when_the_later_one_was(tmp_path):
    archive(tmp_path, "eurusd", "20140115", "20,1.36,1.37\n10,1.38,1.39\n")

    (chunk,) = read(FxTicks(tmp_path), "2014-01-15")

    start = at(2014, 1, 15, 5)
    assert chunk.ticks.event_at.tolist() == [start + 20_000_000, start + 10_000_000]
    assert chunk.ticks.known_at.tolist() == [start + 20_000_000] * 2


@pytest.mark.parametrize("text", ["0,1.36,1.37,1.38\n", "a,b,c\n", "0,-1,-2\n"])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    archive(tmp_path, "eurusd", "20140115", text)

    with pytest.raises(SourceError, match="holds no quotes of a currency pair: 1 of its first 1 rows"):
        read(FxTicks(tmp_path), "2014-01-15")


def test_a_folder_without_quotes_and_a_pair_that_is_there_twice_are_refused(tmp_path):
    with pytest.raises(SourceError, match="holds no quotes of currency pairs; files are named"):
        FxTicks(tmp_path)
    archive(tmp_path / "a", "eurusd", "20140115", "0,1.36,1.37\n")
    archive(tmp_path / "b", "eurusd", "20140115", "0,1.36,1.37\n")
    with pytest.raises(SourceError, match="hold the same pair and day; take one away"):
        FxTicks(tmp_path)
