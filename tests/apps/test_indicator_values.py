"""`ita indicators` over a person's own files: every row comes out, and none with a wrong number."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from apps.catalogue_page import MISSING, page
from apps.cli.indicators import app
from apps.cli.main import WrongUse
from apps.indicator_values import compute
from apps.quote_file import QuoteFileError, read_quotes
from tests.features.indicators.bars import SHEETS, random_columns, values

ROOT = Path(__file__).resolve().parents[2]
DAYS = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 3, 31), eager=True).dt.to_string()


@pytest.fixture
def frame():
    columns = random_columns(count=len(DAYS))
    return pl.DataFrame({"date": DAYS, **columns})


def column(table, name):
    return table[name].fill_null(float("nan")).to_numpy()


def test_columns_are_found_in_any_case_and_order_and_the_dates_stay_as_they_are(frame, tmp_path):
    mixed = frame.select(
        pl.col("volume").alias("VOLUME"),
        pl.col("low").alias(" Low"),
        pl.col("close").alias("Close"),
        pl.lit("x").alias("Adj Close"),
        pl.col("high").alias("HIGH"),
        pl.col("date").str.replace_all("-", "/").alias("Timestamp"),
        pl.col("open"),
    )
    mixed.write_csv(tmp_path / "bars.csv")

    done = compute(tmp_path / "bars.csv", ["rsi(14)", "MACD"])

    assert done.table.columns == [
        "Timestamp",
        "RSI(14)",
        "MACD(12,26,9).macd",
        "MACD(12,26,9).signal",
        "MACD(12,26,9).histogram",
    ]
    assert done.table["Timestamp"].to_list() == mixed["Timestamp"].to_list()
    expected = values("RSI(14)", frame.drop("date").to_dict(as_series=False))[""]
    np.testing.assert_array_equal(column(done.table, "RSI(14)"), expected)
    assert (done.flagged, done.warm_up["RSI(14)"]) == ((), 15)


def test_rows_in_any_order_are_computed_in_order_of_time_and_stay_in_their_place(frame, tmp_path):
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=3)
    shuffled.write_csv(tmp_path / "bars.csv")
    frame.write_csv(tmp_path / "sorted.csv")

    got = compute(tmp_path / "bars.csv", ["EMA(10)"]).table
    expected = compute(tmp_path / "sorted.csv", ["EMA(10)"]).table

    assert got["date"].to_list() == shuffled["date"].to_list()
    assert got.sort("date").equals(expected)


def test_a_row_that_cannot_be_used_comes_out_empty_is_told_and_changes_no_other(frame, tmp_path):
    rows = [",".join(map(str, row)) for row in frame.rows()]
    day, opened, high, low, close, volume = rows[40].split(",")
    bad = [
        f",{opened},{high},{low},{close},{volume}",
        f"2024-13-45,{opened},{high},{low},{close},{volume}",
        f"2024-05-01,{opened},{high},{low},n/a,{volume}",
        f"2024-05-02,{opened},{low},{high},{close},{volume}",
        f"2024-05-03,{opened},{high},{low},inf,{volume}",
        f"2024-05-04,{opened},{high},{low},{close},-1",
        "2024-05-05",
        f"{day},{opened},{high},{low},{close},{volume}",
    ]
    lines = ["date,open,high,low,close,volume", *rows[:41], *bad, *rows[41:]]
    (tmp_path / "bars.csv").write_text("\n".join(lines) + "\n")
    frame.write_csv(tmp_path / "clean.csv")
    wanted = ["ATR(14)", "MFI(14)"]

    done, clean = compute(tmp_path / "bars.csv", wanted), compute(tmp_path / "clean.csv", wanted)

    assert done.table.height == len(rows) + len(bad)
    assert [(each.line, each.reason) for each in done.flagged] == [
        (43, "the date cannot be read"),
        (44, "the date cannot be read"),
        (45, "close is no finite number"),
        (46, "high is below low"),
        (47, "close is no finite number"),
        (48, "volume is negative"),
        (49, "high is no finite number"),
        (50, "the date was there before"),
    ]
    places = list(range(41, 41 + len(bad)))
    assert done.table[places].drop("date").null_count().row(0) == (7, 8)  # a range needs no volume
    kept = [place for place in range(done.table.height) if place not in places]
    assert done.table[kept].equals(clean.table)


def test_what_is_not_used_of_a_row_empties_only_what_needs_it(frame, tmp_path):
    broken = frame.with_columns(high=pl.when(pl.col("date") == DAYS[30]).then(-1.0).otherwise("high"))
    broken.write_csv(tmp_path / "bars.csv")
    frame.write_csv(tmp_path / "clean.csv")

    done, clean = (compute(tmp_path / name, ["RSI(5)", "ATR(5)"]).table for name in ("bars.csv", "clean.csv"))

    assert done["RSI(5)"].equals(clean["RSI(5)"])
    assert done["ATR(5)"][30] is None
    assert done["ATR(5)"][:30].equals(clean["ATR(5)"][:30])


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["2024-01-31", "2024-02-01"], "2024-01-31T00:00"),
        (["01/31/2024", "02/01/2024"], "2024-01-31T00:00"),
        (["31/01/2024", "01/02/2024"], "2024-01-31T00:00"),
        (["31-Jan-24", "01-Feb-24"], "2024-01-31T00:00"),
        (["2024-01-31 09:30", "2024-01-31 09:31"], "2024-01-31T09:30"),
        (["2024-01-31T09:30:00Z", "2024-01-31T09:31:00Z"], "2024-01-31T09:30"),
        (["2024-01-31T09:30:00.25+01:00", "2024-01-31T09:31:00+01:00"], "2024-01-31T08:30:00.25"),
        (["1706693400", "1706693460"], "2024-01-31T09:30"),
        (["1706693400000", "1706693460000"], "2024-01-31T09:30"),
    ],
)
def test_dates_are_read_in_the_ways_that_people_write_them(dates, expected, tmp_path):
    (tmp_path / "bars.csv").write_text("date,close\n" + "".join(f"{day},1.0\n" for day in dates))

    quotes = read_quotes(tmp_path / "bars.csv", ["close"])

    assert quotes.flagged == ()
    assert quotes.order.tolist() == [0, 1]
    assert np.datetime64(int(quotes.instants[0]), "ns") == np.datetime64(expected, "ns")


def test_parquet_in_and_out_keeps_the_type_of_the_dates(frame, tmp_path):
    typed = frame.with_columns(pl.col("date").str.to_date())
    typed.write_parquet(tmp_path / "bars.parquet")
    words = ["compute", str(tmp_path / "bars.parquet"), "--indicator", "SMA(5)"]

    answer = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "values.parquet"), "--json"])

    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.output)
    got = pl.read_parquet(tmp_path / "values.parquet")
    assert told == {
        "rows": 91,
        "columns": ["date", "SMA(5)"],
        "warm_up": {"SMA(5)": 5},
        "flagged": [],
        "out": str(tmp_path / "values.parquet"),
    }
    assert got.schema == {"date": pl.Date, "SMA(5)": pl.Float64}
    assert got["SMA(5)"].null_count() == 4


@pytest.mark.parametrize(
    ("text", "wanted", "reason"),
    [
        (
            "date,close\n2024-01-01,1\n",
            "ATR",
            "no column 'high', which what is asked for needs; it has date, close",
        ),
        ("day,close\n2024-01-01,1\n", "SMA(2)", "no column of dates, one of date, timestamp"),
        ("date,close,CLOSE\n2024-01-01,1,2\n", "SMA(2)", "has the column 'close' twice"),
        ("", "SMA(2)", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(text, wanted, reason, tmp_path):
    (tmp_path / "bars.csv").write_text(text)

    with pytest.raises(QuoteFileError, match=reason):
        compute(tmp_path / "bars.csv", [wanted])


def test_wrong_use_is_told_as_such(tmp_path):
    words = [
        "compute",
        str(tmp_path / "nothing.csv"),
        "--indicator",
        "SMA(2)",
        "--out",
        str(tmp_path / "out.csv"),
    ]

    answer = CliRunner().invoke(app, words)

    assert isinstance(answer.exception, WrongUse)
    assert "is no file; give a CSV or parquet file of bars" in str(answer.exception)


@pytest.mark.skipif(not SHEETS.is_dir(), reason="../shared/data/indicators is not there")
@pytest.mark.parametrize(
    "name", ["bad", "bitcoin", "compare", "default", "intraday", "mismatch", "penny", "toobig", "zeros"]
)
def test_every_row_of_awkward_quotes_comes_out_and_none_with_an_infinite_number(name):
    path = SHEETS / "skender" / "quotes" / f"{name}.csv"
    lines = len([line for line in path.read_text(encoding="utf-8-sig").splitlines()[1:] if line])

    done = compute(path, ["RSI(14)", "MACD(12,26,9)", "ATR(14)", "BBANDS(20)", "OBV", "ADX(14)"])

    assert done.table.height == lines
    assert len(done.flagged) == (105 if name == "bad" else 0)
    for output in done.warm_up:
        spoken = done.table[output].drop_nulls()
        assert np.isfinite(spoken.to_numpy()).all(), output
        assert len(spoken) >= done.table.height - len(done.flagged) - done.warm_up[output] - 2, output


def test_an_answer_that_is_no_finite_number_comes_out_empty(frame, tmp_path):
    huge = frame.with_columns(close=pl.when(pl.col("date") == DAYS[30]).then(1e300).otherwise("close"))
    huge.write_csv(tmp_path / "bars.csv")

    done = compute(tmp_path / "bars.csv", ["STDDEV(5)", "SMA(5)"]).table

    empty = done["STDDEV(5,1)"].is_null().to_numpy()
    assert np.flatnonzero(empty).tolist() == [0, 1, 2, 3, 30, 31, 32, 33, 34]
    assert done["SMA(5)"].null_count() == 4


def test_the_rule_about_missing_values_is_told_and_not_searched():
    answer = CliRunner().invoke(app, ["list", "--search", "left out of its windows", "--json"])
    whole = json.loads(CliRunner().invoke(app, ["list", "--json"]).output)

    assert json.loads(answer.output) == []
    assert {row["missing"] for row in whole} == {MISSING}


def test_the_page_of_the_catalogue_is_current():
    assert (ROOT / "docs" / "catalogue.md").read_text() == page()


def test_the_catalogue_is_searched_in_any_case():
    answer = CliRunner().invoke(app, ["list", "--search", "KELTNER", "--json"])

    assert [row["name"].partition("(")[0] for row in json.loads(answer.output)] == ["KELTNER", "KELTNER_TP"]
