"""From words to sources, one or several."""

import re
from pathlib import Path

import numpy as np
import pytest

from connectors.files.open_source import combine, open_source, open_sources
from connectors.source import SourceError
from domain.market import Kind, canonical_order, concatenate, row_count, select
from tests.connectors.files.reading import (
    assert_same,
    column,
    index_of,
    read_whole,
    split_and_joined,
    write_lean,
)

TRADES = "".join(f"{34_200_000 + at},1000000,1,N,1,0\n" for at in range(0, 3_000, 3))
QUOTES = "".join(f"{34_200_000 + at},1000000,1,0,0,N,1,0\n" for at in range(0, 3_000, 2))


def csv_file(folder: Path, symbol: str, day: str) -> Path:
    path = folder / f"{symbol}.csv"
    path.write_text(f"time,symbol,price,size\n{day}T14:30:00Z,{symbol},10,1\n{day}T14:30:01Z,{symbol},11,2\n")
    return path


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("leen:x", "the schemes are csv, fxcm, lake, lean, parquet, recording, simulator, the nearest: lean"),
        ("somewhere", "a source is written SCHEME:PLACE"),
        ("", "a source is written SCHEME:PLACE"),
        ("csv:", "names no file or folder that exists"),
        ("parquet:/no/such/file", "names no file or folder that exists"),
        ("simulator:seeds=3", "the nearest: seed"),
        ("simulator:seed=three", "whole number"),
        ("simulator:start=yesterday", "YYYY-MM-DD"),
    ],
)
def test_a_source_that_cannot_be_is_refused_with_what_can(spec: str, message: str) -> None:
    with pytest.raises(SourceError, match=re.escape(message)):
        open_source(spec)


@pytest.mark.parametrize("scheme", ["lean", "parquet", "csv", "lake"])
def test_an_empty_folder_is_refused(tmp_path: Path, scheme: str) -> None:
    with pytest.raises(SourceError, match="holds no"):
        open_source(f"{scheme}:{tmp_path}")


@pytest.mark.parametrize("scheme", ["csv", "simulator"])
def test_an_unknown_instrument_is_answered_with_the_nearest_held(tmp_path: Path, scheme: str) -> None:
    spec = (
        f"csv:{csv_file(tmp_path, 'ACMEX', '2024-03-07')}" if scheme == "csv" else "simulator:instruments=3"
    )

    with pytest.raises(SourceError, match="unknown instrument 'ACMEY'; the nearest held: ACMEX"):
        open_source(spec, ("ACMEY",))


@pytest.mark.parametrize(
    ("first", "last"), [("2024-03-08", None), (None, "2024-03-06"), ("2024-03-08", "2024-03-06")]
)
def test_days_that_are_not_held_are_answered_with_those_that_are(
    tmp_path: Path, first: str | None, last: str | None
) -> None:
    spec = f"csv:{csv_file(tmp_path, 'ACMEX', '2024-03-07')}"

    with pytest.raises(SourceError, match="it holds 2024-03-07 to 2024-03-07"):
        open_source(spec, None, first, last)


@pytest.mark.parametrize("given", ["2024-3-7", "7 March", "2024-02-30", "20240307"])
def test_a_date_that_is_none_is_refused(tmp_path: Path, given: str) -> None:
    spec = f"csv:{csv_file(tmp_path, 'ACMEX', '2024-03-07')}"

    with pytest.raises(SourceError, match="a date is written YYYY-MM-DD"):
        open_source(spec, None, given, None)


def test_several_sources_are_one_in_canonical_order(tmp_path: Path) -> None:
    write_lean(tmp_path / "trades", "bac", "20131007_trade", TRADES)
    write_lean(tmp_path / "trades", "ibm", "20131007_trade", TRADES)
    write_lean(tmp_path / "quotes", "ibm", "20131007_quote", QUOTES)
    specs = (f"lean:{tmp_path}/quotes", f"lean:{tmp_path}/trades")

    source = open_sources(specs)
    whole, _ = read_whole(source)
    joined, _ = split_and_joined(source, 2)

    assert (source.name, source.instruments()) == ("lean", ("BAC", "IBM"))
    assert [(column(whole, "kind") == kind).sum() for kind in (Kind.TRADE, Kind.QUOTE)] == [2_000, 1_500]
    assert_same(whole, joined)


def test_the_order_of_the_sources_does_not_matter(tmp_path: Path) -> None:
    write_lean(tmp_path / "trades", "ibm", "20131007_trade", TRADES)
    csv = tmp_path / "rows.csv"
    csv.write_text(
        "ts,symbol,price,size\n" + "".join(f"2013-10-07T13:30:0{n % 3}Z,AA,9,1\n" for n in (0, 1, 2))
    )
    specs = [f"lean:{tmp_path}/trades", f"csv:{csv}"]

    one, _ = read_whole(open_sources(tuple(specs)))
    other, _ = read_whole(open_sources(tuple(reversed(specs))))

    assert row_count(one) == 1_003
    assert_same(one, other)


def test_combined_rows_are_those_of_the_parts(tmp_path: Path) -> None:
    parts = [open_source(f"csv:{csv_file(tmp_path, name, '2024-03-07')}") for name in ("BB", "AA", "CC")]
    combined = combine(parts)
    index = index_of(combined)

    whole, _ = read_whole(combined)
    chunks = [chunk.ticks for part in parts for chunk in part.read("2024-03-07", index, np.ones(3, np.bool_))]

    joined = concatenate(chunks)
    assert_same(whole, select(joined, canonical_order(joined)))


def test_two_sources_with_the_same_rows_are_refused_when_these_are_read(tmp_path: Path) -> None:
    for part in ("one", "two"):
        write_lean(tmp_path / part, "ibm", "20131007_trade", TRADES)
    source = open_sources((f"lean:{tmp_path}/one", f"lean:{tmp_path}/two"))

    with pytest.raises(SourceError, match="two sources hold trade rows of IBM on 2013-10-07"):
        read_whole(source)


def test_instruments_and_days_may_be_held_by_any_of_several_sources(tmp_path: Path) -> None:
    specs = tuple(
        f"csv:{csv_file(tmp_path, name, day)}" for name, day in (("AA", "2024-03-07"), ("BB", "2024-03-08"))
    )

    by_name = open_sources(specs, ("BB",))
    by_day = open_sources(specs, None, None, "2024-03-07")

    assert (by_name.instruments(), by_name.segments()) == (("BB",), ("2024-03-08",))
    assert (by_day.instruments(), by_day.segments()) == (("AA",), ("2024-03-07",))
    with pytest.raises(SourceError, match="unknown instrument 'CC'"):
        open_sources(specs, ("CC",))
