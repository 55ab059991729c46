"""Bars as other programs write them: whatever is legal is read as what it says, and what is not is told by line."""

import bz2
import datetime as dt
import gzip
import lzma
import zipfile

import numpy as np
import pandas as pd
import polars as pl
import pytest
from typer.testing import CliRunner

from apps.bar_file import read_bars
from apps.cli.indicators import app
from apps.indicator_values import compute
from apps.quote_file import QuoteFileError, read_quotes

COUNT = 40
DAYS = [dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=day) for day in range(COUNT)]
RANDOM = np.random.default_rng(1)
CLOSE = np.round(1500 * np.exp(np.cumsum(RANDOM.normal(0, 0.01, COUNT))), 2)
VOLUME = RANDOM.integers(1_000, 9_000_000, COUNT)
HEADER = "date,open,high,low,close,volume"
WANTED = ["SMA(3)", "ATR(5)"]


def iso(day):
    return day.strftime("%Y-%m-%d")


def plain(value):
    return f"{value:.2f}"


def text(dated=iso, number=plain, separator=",", header=HEADER, volume=str):
    lines = [header.replace(",", separator)]
    for day, close, traded in zip(DAYS, CLOSE, VOLUME, strict=True):
        prices = (close + 1, close + 3, close - 3, close)
        lines.append(separator.join([dated(day), *map(number, prices), volume(traded)]))
    return "\n".join(lines) + "\n"


def expected():
    """Return the mean of three closes, and Wilder's average of five true ranges, by pandas alone."""
    close = pd.Series(CLOSE)
    ranges = pd.concat([close + 3, close.shift()], axis=1).max(axis=1) - pd.concat(
        [close - 3, close.shift()], axis=1
    ).min(axis=1)
    ranges[0] = np.nan
    average = np.full(COUNT, np.nan)
    average[5] = ranges[1:6].mean()
    for row in range(6, COUNT):
        average[row] = (average[row - 1] * 4 + ranges[row]) / 5
    return close.rolling(3).mean().to_numpy(), average


def assert_read(path):
    done = compute(path, WANTED)
    assert done.flagged == ()
    for name, values in zip(WANTED, expected(), strict=True):
        np.testing.assert_allclose(done.table[name].fill_null(np.nan), values, rtol=1e-12, err_msg=name)
    return done.table


def german(value):
    return f"{value:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")


FORMATS = [
    "%Y-%m-%dT%H:%M:%S-05:00",
    "%Y-%m-%d %H:%M:%S -0500",
    "%Y-%m-%dT%H:%MZ",
    "%Y-%m-%d %H:%M:%S UTC",
    "%Y%m%d %H:%M:%S America/New_York",
    "%Y%m%d",
    "%Y%m%d %H:%M",
    "%Y%m%d  %H:%M:%S",
    "%Y%m%d %H%M%S",
    "%Y%m%d%H%M%S",
    "%m/%d/%Y",
    "%m/%d/%y",
    "%m/%d/%Y %I:%M:%S %p",
    "%-m/%-d/%Y %-I:%M %p",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d-%m-%Y",
    "%m-%d-%Y",
    '"%b %d, %Y"',
    '"%B %d, %Y, %H:%M"',
    "%d %b %Y",
    "%d-%b-%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y.%m.%d %H:%M",
    "'%Y-%m-%d'",
    "%s",
    "%s000",
    "%s.000000",
    "%s000000000",
]


@pytest.mark.parametrize("pattern", FORMATS)
def test_dates_of_other_programs_are_read(pattern, tmp_path):
    def dated(day):
        return day.strftime(pattern.replace("%s", str(int(day.timestamp()))))

    (tmp_path / "bars.csv").write_text(text(dated))

    assert_read(tmp_path / "bars.csv")
    instants = read_quotes(tmp_path / "bars.csv", []).instants
    assert set(np.diff(instants)) == {86_400 * 10**9}
    hours = 5 if "-05" in pattern or "York" in pattern else 0
    assert instants[0] == int(DAYS[0].timestamp() + 3600 * hours) * 10**9


def test_days_before_months_are_told_by_all_of_the_column(tmp_path):
    days = [f"{day:02}/{month:02}/2023 09:30" for month in (1, 2, 3) for day in (1, 2, 11, 12)]
    (tmp_path / "bars.csv").write_text("date,close\n" + "".join(f"{day},1\n" for day in days))

    got = read_quotes(tmp_path / "bars.csv", ["close"])

    told = [np.datetime64(int(each), "ns").astype("datetime64[D]").item() for each in got.instants]
    assert [(each.day, each.month) for each in told] == [
        (day, month) for month in (1, 2, 3) for day in (1, 2, 11, 12)
    ]


def test_seconds_since_1970_of_long_histories_are_read_in_one_unit(tmp_path):
    seconds = [-86_400, 345_427_200, 999_993_600, 1_704_067_200]
    (tmp_path / "bars.csv").write_text("date,close\n" + "".join(f"{each},1\n" for each in seconds))

    got = read_quotes(tmp_path / "bars.csv", ["close"])

    assert (got.instants // 10**9).tolist() == seconds


@pytest.mark.parametrize(
    ("separator", "number", "volume"),
    [
        (",", lambda value: f'"{value:,.2f}"', lambda value: f'"{value:,}"'),
        (";", lambda value: f"{value:,.2f}", str),
        (";", german, lambda value: f"{value:,}".replace(",", ".")),
        (";", lambda value: plain(value).replace(".", ","), str),
        ("\t", lambda value: f"{value:,.2f}".replace(",", "'"), str),
        ("|", lambda value: f"${value:.2f}", str),
        (",", lambda value: f'"{value:.2f}"', str),
        (",", lambda value: f" {value:.6e} ", str),
        (",", lambda value: f"'{value:.2f}'", str),
    ],
)
def test_numbers_are_read_as_people_group_them(separator, number, volume, tmp_path):
    (tmp_path / "bars.csv").write_text(text(number=number, separator=separator, volume=volume))

    assert_read(tmp_path / "bars.csv")
    got = read_quotes(tmp_path / "bars.csv", ["volume"])
    assert got.columns["volume"].tolist() == VOLUME.tolist()


def test_the_way_most_numbers_are_written_holds_for_all_and_the_others_are_told(tmp_path):
    lines = text().splitlines()
    lines[11] = '2024-01-11,1,3,"1.000,5",2,7'
    (tmp_path / "bars.csv").write_text("\n".join(lines))

    got = read_quotes(tmp_path / "bars.csv", ["low", "close"])

    assert [tuple(each) for each in got.flagged] == [(12, "low is no finite number")]
    assert got.columns["close"][10] == 2.0


@pytest.mark.parametrize(
    "change",
    [
        lambda written: "\ufeff" + written,
        lambda written: written.replace("\n", "\r\n"),
        lambda written: written.replace("\n", "\r"),
        lambda written: written.replace("\n", ",\n"),
        lambda written: written.replace("\n", ",\n").replace("volume,", "volume"),
        lambda written: "# made by somebody\n\n" + written,
        lambda written: written.replace("\n", "\n\n"),
        lambda written: written.replace(",", ", "),
        lambda written: written.replace("date,", "Unnamed: 0,"),
        lambda written: written.replace("date,", ","),
        lambda written: written.rstrip("\n"),
        lambda written: written.upper().replace("\n", ",X\n").replace("VOLUME,X", "VOLUME,ADJ CLOSE"),
    ],
)
def test_what_stands_around_the_cells_changes_nothing(change, tmp_path):
    (tmp_path / "bars.csv").write_bytes(change(text()).encode())

    assert assert_read(tmp_path / "bars.csv").height == COUNT


def test_utf_16_and_packed_files_are_read_whatever_their_name(tmp_path):
    written = text(separator=";").encode()
    (tmp_path / "excel.txt").write_bytes(text(separator="\t").encode("utf-16"))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(written))
    (tmp_path / "b.csv.bz2").write_bytes(bz2.compress(written))
    (tmp_path / "c.csv").write_bytes(lzma.compress(written))
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("bars.csv", written)

    for path in sorted(tmp_path.iterdir()):
        assert_read(path)


@pytest.mark.parametrize("name", ["a.csv.gz", "b.csv.bz2", "c.csv.xz", "d.zip"])
def test_a_packed_file_that_is_cut_off_is_refused(name, tmp_path):
    packed = {"a": gzip.compress, "b": bz2.compress, "c": lzma.compress}
    path = tmp_path / name
    if name == "d.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("bars.csv", text())
    else:
        path.write_bytes(packed[name[0]](text().encode()))
    path.write_bytes(path.read_bytes()[:-30])

    with pytest.raises(QuoteFileError, match="cannot be read"):
        compute(path, WANTED)


def test_a_zip_of_several_files_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bars.zip", "w") as archive:
        archive.writestr("a.csv", text())
        archive.writestr("b.csv", text())

    with pytest.raises(QuoteFileError, match="holds 2 files; give a zip that holds one"):
        compute(tmp_path / "bars.zip", WANTED)


def test_minutes_with_date_and_time_in_two_columns_are_in_order_of_both(tmp_path):
    rows = [f"2024-01-0{day},{hour:02}:30,{day}{hour}" for day in (2, 1) for hour in (15, 10)]
    (tmp_path / "bars.csv").write_text("Date,Time,Close\n" + "\n".join(rows) + "\n")

    done = compute(tmp_path / "bars.csv", ["MOM(1)"])

    assert done.flagged == ()
    assert done.table.columns == ["Date", "Time", "MOM(1)"]
    assert done.table["MOM(1)"].to_list() == [5.0, 95.0, 5.0, None]


def test_a_row_with_more_cells_than_the_header_is_told_and_used_for_nothing(tmp_path):
    lines = text().splitlines()
    lines[11] = "2024-01-11,1,506.70,1,509.70,1,503.70,1,505.70,77"
    (tmp_path / "bars.csv").write_text("\n".join(lines))

    done = compute(tmp_path / "bars.csv", WANTED)

    assert [tuple(each) for each in done.flagged] == [(12, "the row has more cells than the header")]
    assert done.table[10, "SMA(3)"] is None
    others = np.delete(CLOSE, 10)
    assert done.table[11, "SMA(3)"] == pytest.approx(others[8:11].mean(), rel=1e-12)


def test_lines_are_counted_as_they_stand_in_the_file(tmp_path):
    (tmp_path / "bars.csv").write_text("\n# a note\ndate,close\n2024-01-01,1\n\n2024-01-02,x\n,\n")

    done = compute(tmp_path / "bars.csv", ["SMA(1)"])

    assert [tuple(each) for each in done.flagged] == [
        (6, "close is no finite number"),
        (7, "the date cannot be read"),
    ]
    assert done.table["SMA(1)"].to_list() == [1.0, None, None]


def test_a_file_of_which_no_date_can_be_read_is_refused_with_one_of_them(tmp_path):
    (tmp_path / "bars.csv").write_text("date,close\nthe first,1\nthe second,2\n")

    with pytest.raises(QuoteFileError, match=r"has dates in 'date' that cannot be read, such as 'the first'"):
        compute(tmp_path / "bars.csv", ["SMA(2)"])


def test_a_header_alone_and_one_row_give_as_many_rows(tmp_path):
    (tmp_path / "none.csv").write_text(HEADER)
    (tmp_path / "one.csv").write_text("\n".join(text().splitlines()[:2]))

    assert compute(tmp_path / "none.csv", WANTED).table.height == 0
    one = compute(tmp_path / "one.csv", WANTED).table
    assert one.rows() == [("2024-01-01", None, None)]


def test_an_indicator_that_has_too_few_bars_is_told_to_be_empty(tmp_path):
    (tmp_path / "bars.csv").write_text(text())
    words = [
        "compute",
        str(tmp_path / "bars.csv"),
        "--indicator",
        "SMA(50)",
        "--out",
        str(tmp_path / "o.csv"),
    ]

    answer = CliRunner().invoke(app, words)

    assert answer.exit_code == 0
    assert "SMA(50) is empty: it speaks from bar 50 on that can be used; there are 40" in answer.output


def test_bars_are_composed_of_files_that_are_written_otherwise(tmp_path):
    minutes = [f"02.01.2024;{9 + minute // 60:02}:{minute % 60:02};{minute},5" for minute in range(30, 34)]
    rows = [
        f"{each.rpartition(';')[0]};{3 * (each.rpartition(';')[2] + ';')}{each.rpartition(';')[2]};1.000"
        for each in minutes
    ]
    (tmp_path / "bars.csv").write_text("Date;Time;Open;High;Low;Close;Volume\n" + "\n".join(rows))

    got = read_bars(tmp_path / "bars.csv")

    assert (got.length, got.refused) == (60 * 10**9, {})
    assert got.rows["close"].tolist() == [30.5, 31.5, 32.5, 33.5]
    assert got.rows["volume"].tolist() == [1000.0] * 4


def test_bars_with_more_cells_than_the_header_are_counted_as_refused(tmp_path):
    rows = "2024-01-02 09:30,1,1,1,1,1\n2024-01-02 09:31,1,1,1,1,1,000\n2024-01-02 09:32,2,2,2,2,2\n"
    (tmp_path / "bars.csv").write_text("date,open,high,low,close,volume\n" + rows)

    got = read_bars(tmp_path / "bars.csv")

    assert (got.rows_in, len(got.rows)) == (3, 2)
    assert got.refused == {"the row has more cells than the header": 1}


def test_parquet_with_a_time_of_day_beside_the_day_is_read(tmp_path):
    frame = pl.DataFrame(
        {"date": [dt.date(2024, 1, 2)] * 2, "time": [dt.time(9, 31), dt.time(9, 30)], "close": [2.0, 1.0]}
    )
    frame.write_parquet(tmp_path / "bars.parquet")

    assert compute(tmp_path / "bars.parquet", ["MOM(1)"]).table["MOM(1)"].to_list() == [1.0, None]
