"""Lean's zipped ticks: real ones, and every way in which a file can be wrong."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from connectors.files.lean_conditions import VendorCondition, eligibility
from connectors.files.lean_ticks import LeanTicks
from connectors.files.new_york import day_bounds
from connectors.source import SEQUENCES_PER_DAY, SourceError
from domain.market import Kind, Quality, row_count
from tests.connectors.files.reading import (
    assert_same,
    column,
    index_of,
    read_whole,
    split_and_joined,
    write_lean,
)

REAL = Path(__file__).parents[4] / "shared" / "data" / "equity_ticks"
real_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"the vendor's ticks are not at {REAL}")

TRADE = "34200000,1815200,100,N,1,0\n"
MILLISECOND = 1_000_000


def plain_rows(path: Path) -> list[list[str]]:
    with zipfile.ZipFile(path) as archive:
        return list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))


@real_data
def test_every_real_row_comes_back_as_a_plain_reader_reads_it() -> None:
    source = LeanTicks(REAL, ("IBM",), "2013-10-08", "2013-10-08")
    trades = plain_rows(REAL / "tick/ibm/20131008_trade.zip")
    quotes = plain_rows(REAL / "tick/ibm/20131008_quote.zip")
    midnight = day_bounds("2013-10-08")[0]

    ticks, malformed = read_whole(source)

    assert not malformed
    traded, quoted = column(ticks, "kind") == Kind.TRADE, column(ticks, "kind") == Kind.QUOTE
    assert (traded.sum(), quoted.sum()) == (len(trades), len(quotes))
    assert ticks.event_at[traded].tolist() == [midnight + int(row[0]) * MILLISECOND for row in trades]
    assert ticks.price[traded].tolist() == [int(row[1]) / 10_000 for row in trades]
    assert ticks.size[traded].tolist() == [float(row[2]) for row in trades]
    assert column(ticks, "venue")[traded].tolist() == [ord(row[3]) for row in trades]
    bits = np.array([int(row[4], 16) for row in trades], np.uint32)
    np.testing.assert_array_equal(
        column(ticks, "conditions")[traded], eligibility(bits, np.zeros(len(bits), np.uint8))
    )
    assert (column(ticks, "sequence")[traded] % SEQUENCES_PER_DAY).tolist() == list(range(1, len(trades) + 1))
    absent = np.array([row[1] == "0" for row in quotes])
    assert np.isnan(column(ticks, "bid")[quoted]).tolist() == absent.tolist()
    assert column(ticks, "bid")[quoted][~absent].tolist() == [
        int(row[1]) / 10_000 for row in quotes if row[1] != "0"
    ]
    assert column(ticks, "ask_size")[quoted].tolist() == [
        float(row[4]) if row[3] != "0" else 0.0 for row in quotes
    ]


@real_data
def test_real_instruments_read_by_two_readers_are_those_read_by_one() -> None:
    source = LeanTicks(REAL, None, "2013-10-07", "2013-10-07")

    whole, _ = read_whole(source)
    joined, _ = split_and_joined(source, 2)

    assert source.instruments() == ("AIG", "BAC", "IBM", "SPY")
    assert_same(whole, joined)


@real_data
@pytest.mark.parametrize("place", [REAL, REAL / "tick", REAL / "tick" / "aig"])
def test_a_folder_is_searched_from_wherever_it_is_given(place: Path) -> None:
    source = LeanTicks(place)

    assert "AIG" in source.instruments()
    assert source.segments() == ("2013-10-07", "2013-10-08")


def test_times_are_new_york_time_on_both_sides_of_the_change(tmp_path: Path) -> None:
    for day in ("20131101", "20131104"):
        write_lean(tmp_path, "ibm", f"{day}_trade", TRADE)

    ticks, _ = read_whole(LeanTicks(tmp_path))

    hours = (ticks.event_at // 3_600_000_000_000) % 24
    assert hours.tolist() == [13, 14]


def test_a_suspicious_trade_is_flagged_and_decimals_of_a_millisecond_count(tmp_path: Path) -> None:
    write_lean(
        tmp_path, "ibm", "20131007_trade", "34200000.25,1815200.5,100,n,1,1\r\n34200001,1815300,50,,20,0"
    )

    ticks, malformed = read_whole(LeanTicks(tmp_path))

    assert not malformed
    assert column(ticks, "flags").tolist() == [Quality.SUSPICIOUS, 0]
    assert column(ticks, "venue").tolist() == [ord("N"), 0]
    assert ticks.price.tolist() == [181.52005, 181.53]
    assert (ticks.event_at % 1_000_000_000).tolist() == [250_000, 1_000_000]


def test_a_row_behind_a_later_one_keeps_its_time_and_is_known_when_it_came(tmp_path: Path) -> None:
    rows = ["34200000", "34200500", "34200100", "34200600"]
    write_lean(tmp_path, "ibm", "20131007_trade", "".join(f"{row},100000,1,N,1,0\n" for row in rows))

    ticks, _ = read_whole(LeanTicks(tmp_path))

    midnight = day_bounds("2013-10-07")[0]
    assert ((ticks.event_at - midnight) // MILLISECOND).tolist() == [34200000, 34200500, 34200100, 34200600]
    assert ((ticks.known_at - midnight) // MILLISECOND).tolist() == [34200000, 34200500, 34200500, 34200600]
    assert (np.diff(column(ticks, "sequence")) > 0).all()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("34200001,1815200,100,N,1", "wrong_column_count"),
        ("34200001,1815200,100,N,1,0,0", "wrong_column_count"),
        ("", "wrong_column_count"),
        ("34200001,eighteen,100,N,1,0", "not_a_number"),
        ("34200001,,100,N,1,0", "not_a_number"),
        ("34200001,1815200,100,NYSE,1,0", "not_a_venue"),
        ("34200001,1815200,100,N,xyz,0", "not_hexadecimal"),
        ("86400000,1815200,100,N,1,0", "time_out_of_day"),
        ("-1,1815200,100,N,1,0", "time_out_of_day"),
        ("34200001,99999999999999999999,100,N,1,0", "number_too_large"),
    ],
)
def test_a_bad_row_is_set_apart_with_its_line_and_reason_and_the_rest_goes_on(
    tmp_path: Path, line: str, reason: str
) -> None:
    write_lean(tmp_path, "ibm", "20131007_trade", TRADE * 3 + line + "\n" + TRADE * 2)

    ticks, malformed = read_whole(LeanTicks(tmp_path))

    assert row_count(ticks) == 5
    assert [(row.place, row.reason, row.raw) for row in malformed] == [("20131007_trade.zip:4", reason, line)]
    assert malformed[0].known_at == ticks.known_at[2]


def test_malformed_rows_are_read_by_the_owner_of_their_instrument_alone(tmp_path: Path) -> None:
    for symbol in ("aig", "ibm"):
        write_lean(tmp_path, symbol, "20131007_trade", TRADE * 3 + f"{symbol}\n")
    source = LeanTicks(tmp_path)

    _, mine = read_whole(source, np.array([False, True]))

    assert [row.raw for row in mine] == ["ibm"]


def test_chunks_end_between_two_instants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.files.lean_ticks.CHUNK_ROWS", 100)
    random = np.random.default_rng(5)
    for symbol in ("aig", "bac", "ibm"):
        times = np.sort(random.integers(34_200_000, 34_200_300, 400))
        write_lean(tmp_path, symbol, "20131007_trade", "".join(f"{at},100000,1,N,1,0\n" for at in times))
    source = LeanTicks(tmp_path)

    chunks = list(source.read("2013-10-07", index_of(source), np.ones(3, np.bool_)))
    whole, _ = read_whole(source)

    assert max(row_count(chunk.ticks) for chunk in chunks) <= 100
    assert row_count(whole) == 1200


@pytest.mark.parametrize("damage", ["no_zip", "truncated", "empty", "empty_member"])
def test_a_damaged_archive_is_refused_by_name_before_anything_is_read(tmp_path: Path, damage: str) -> None:
    path = write_lean(tmp_path, "ibm", "20131007_trade", "" if damage == "empty_member" else TRADE * 100)
    content = path.read_bytes()
    if damage != "empty_member":
        path.write_bytes({"no_zip": b"x" * 200, "truncated": content[:-40], "empty": b""}[damage])

    with pytest.raises(SourceError, match=r"20131007_trade\.zip"):
        LeanTicks(tmp_path)


def test_an_archive_with_changed_bytes_is_refused_when_it_is_unpacked(tmp_path: Path) -> None:
    path = write_lean(tmp_path, "ibm", "20131007_trade", TRADE * 1000)
    content = bytearray(path.read_bytes())
    content[60:66] = b"\xff" * 6
    path.write_bytes(bytes(content))
    source = LeanTicks(tmp_path)

    with pytest.raises(SourceError, match="cannot be unpacked"):
        read_whole(source)


def test_a_file_of_quotes_under_the_name_of_trades_is_refused(tmp_path: Path) -> None:
    write_lean(tmp_path, "ibm", "20131007_trade", "34200000,0,0,1836300,100,Q,1,0\n" * 200)

    with pytest.raises(SourceError, match="is not a Lean trade file: 100 of its first 100 rows"):
        read_whole(LeanTicks(tmp_path))


@pytest.mark.parametrize(("bad", "refused"), [(50, False), (51, True)])
def test_a_file_is_refused_when_more_than_half_of_its_first_hundred_rows_are_none(
    tmp_path: Path, bad: int, refused: bool
) -> None:
    write_lean(tmp_path, "ibm", "20131007_trade", "x\n" * bad + TRADE * (150 - bad))
    source = LeanTicks(tmp_path)

    if refused:
        with pytest.raises(SourceError, match="51 of its first 100"):
            read_whole(source)
    else:
        assert len(read_whole(source)[1]) == 50


def test_two_files_of_one_symbol_and_day_are_refused(tmp_path: Path) -> None:
    for part in ("one", "two"):
        write_lean(tmp_path / part, "ibm", "20131007_trade", TRADE)

    with pytest.raises(SourceError, match="same symbol, day and kind"):
        LeanTicks(tmp_path)


def test_a_condition_of_the_vendor_reaches_the_row(tmp_path: Path) -> None:
    bits = VendorCondition.INTERMARKET_SWEEP
    write_lean(tmp_path, "ibm", "20131007_trade", f"34200000,1815200,100,N,{bits:x},0\n")

    ticks, _ = read_whole(LeanTicks(tmp_path))

    assert (
        column(ticks, "conditions").tolist()
        == eligibility(np.array([bits], np.uint32), np.zeros(1, np.uint8)).tolist()
    )
