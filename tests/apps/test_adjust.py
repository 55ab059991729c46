"""`ita adjust`: bars adjusted back for what happened, as it was known, equal to what the vendors publish."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from apps.cli.main import WrongUse, _register, app

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "corporate_actions"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/corporate_actions is not there")
BARS = """date,close,volume
2024-01-01,100,10
2024-01-02,102,20
2024-01-03,51.5,30
2024-01-04,52,40
2024-01-05,51,50
2024-01-06,51.8,60
"""
ACTIONS = "ex_date,type,value\n2024-01-03,split,2:1\n2024-01-05,dividend,0.5\n"


@pytest.fixture(scope="module", autouse=True)
def _commands():
    if not any(command.name == "adjust" for command in app.registered_commands):
        _register()


def test_the_worked_example_of_the_standards_is_exact(adjust):
    table = adjust(BARS, ACTIONS)

    expected = [49.519231, 50.509615, 51.004808, 51.5, 51.0, 51.8]
    np.testing.assert_allclose(table["close"], expected, atol=5e-7)
    assert table["price_factor"][3] == pytest.approx(0.9903846154, abs=1e-10)
    assert table["raw_close"].to_list() == [100.0, 102.0, 51.5, 52.0, 51.0, 51.8]
    assert table["volume"].to_list() == [20.0, 40.0, 30.0, 40.0, 50.0, 60.0]
    day_five = table["close"][4] / table["close"][3] - 1.0
    assert day_five == pytest.approx(-0.00970874, abs=1e-8)


@needs_data
@pytest.mark.parametrize("path", sorted((DATA / "wiki").glob("*.csv")), ids=lambda path: path.stem)
def test_adjusted_columns_equal_those_of_wiki_to_the_last_digits(path, adjust):
    published = pl.read_csv(path)

    table = adjust(path, path, "--convention", "ex_close")

    base = published["Adj. Close"][0] / published["Close"][0]  # what happened after the file
    assert table["Date"].to_list() == published["Date"].to_list()
    for name in ("Open", "High", "Low", "Close"):
        np.testing.assert_allclose(table[name] * base, published[f"Adj. {name}"], rtol=1e-9)
    shares = published["Adj. Volume"][0] / published["Volume"][0]
    np.testing.assert_allclose(table["Volume"] * shares, published["Adj. Volume"], rtol=1e-9)


@needs_data
@pytest.mark.parametrize("name", ["aapl", "bac", "fb", "goog", "ibm", "qqq", "spy"])
def test_leans_factors_are_applied_up_to_and_including_their_dates(name, adjust):
    factors = [
        line.split(",") for line in (DATA / "lean_daily/factor_files" / f"{name}.csv").read_text().split()
    ]
    with zipfile.ZipFile(DATA / "lean_daily/daily" / f"{name}.zip") as archive:
        rows = list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))
    bars = "date,open,high,low,close,volume\n" + "".join(
        f"{row[0][:4]}-{row[0][4:6]}-{row[0][6:8]},{','.join(row[1:])}\n" for row in rows
    )

    table = adjust(bars, DATA / "lean_daily/factor_files" / f"{name}.csv")

    assert table.height == len(rows) > 100
    for row, close, volume in zip(rows, table["close"], table["volume"], strict=True):
        _, price, split, *_ = next(each for each in factors if each[0] >= row[0][:8])
        assert close == pytest.approx(float(row[4]) * float(price) * float(split), rel=1e-12)
        assert volume == pytest.approx(float(row[5]) / float(split), rel=1e-12)


def test_what_was_not_known_yet_or_had_not_happened_changes_nothing(adjust):
    actions = (
        "id,ex_date,type,value,known_at,corrects\n"
        "a,2024-01-03,split,2:1,2023-12-20,\n"
        "b,2024-01-05,dividend,0.5,2024-01-02,\n"
        "c,2024-01-05,dividend,1.0,2024-01-08,b\n"
        "d,2024-01-03,cancel,,2024-01-20,a\n"
    )

    def factors(*words):
        return adjust(BARS, actions, *words)["price_factor"].to_list()

    assert factors("--as-known-at", "2024-01-02") == [1.0] * 6
    assert factors("--as-known-at", "2024-01-04") == [0.5, 0.5, 1.0, 1.0, 1.0, 1.0]
    first = 1 - 0.5 / 52
    assert factors("--as-known-at", "2024-01-07") == pytest.approx([first / 2, first / 2, first, first, 1, 1])
    second = 1 - 1.0 / 52
    assert factors("--as-known-at", "2024-01-10") == pytest.approx(
        [second / 2, second / 2, second, second, 1, 1]
    )
    assert factors() == pytest.approx([second] * 4 + [1, 1])


@pytest.mark.parametrize(
    ("row", "price", "volume"),
    [
        ("split,4", 1 / 4, 4),
        ("split,3-for-2", 2 / 3, 1.5),
        ("reverse split,10", 10, 0.1),
        ("reverse_split,1:10", 10, 0.1),
        ("stock_dividend,0.05", 1 / 1.05, 1.05),
        ("special_dividend,5.2", 0.9, 1),
        ("spin_off,10.2", 51 / 61.2, 1),
        ("rights,5.1", 51 / 56.1, 1),
        ("rename,", 1, 1),
        ("merger,", 1, 1),
    ],
)
def test_each_kind_of_action_changes_prices_and_volumes_as_it_does_shares(row, price, volume, adjust):
    table = adjust(BARS, f"date,kind,value\n2024-01-05,{row}\n")

    assert table["price_factor"].to_list() == pytest.approx([price] * 4 + [1.0] * 2)
    assert table["volume_factor"].to_list() == pytest.approx([volume] * 4 + [1.0] * 2)


def test_a_dividend_on_the_day_of_a_split_is_of_the_new_shares(adjust):
    table = adjust(BARS, "date,type,value\n2024-01-03,split,2\n2024-01-03,dividend,1.02\n")

    assert table["price_factor"][1] == pytest.approx(0.5 * (1 - 1.02 / 51))


def test_other_columns_and_the_order_of_rows_stay_and_an_action_outside_the_bars_is_left_out(adjust):
    lines = BARS.replace("volume", "Volume,note").replace("0\n", "0,x\n").splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])]) + "\n"
    actions = ACTIONS + "2023-12-01,dividend,1\n2024-02-01,split,2\n2024-01-01,split,3\n"

    table = adjust(turned, actions, "--json")

    told = json.loads(adjust.said)
    assert (told["rows"], len(told["applied"]), told["left_out"]) == (6, 2, 3)
    assert table.columns == [
        "date",
        "close",
        "Volume",
        "note",
        "raw_close",
        "raw_volume",
        "price_factor",
        "volume_factor",
    ]
    assert table["date"][0] == "2024-01-06"
    assert table["note"].to_list() == ["x"] * 6
    assert table["close"][5] == pytest.approx(49.519231, abs=5e-7)


@pytest.mark.parametrize(
    ("actions", "reason"),
    [
        ("ex_date,type,value\n2024-01-03,splitt,2\n", r"line 2: a kind is one of .*; 'splitt' was given"),
        ("ex_date,type,value\n2024-01-03,split,\n", r"line 2: a split needs a value; none was given"),
        ("ex_date,type,value\n2024-01-03,split,0\n", r"line 2: a split has a ratio above 0; 0 was given"),
        (
            "ex_date,type,value\n2024-01-03,dividend,-1\n",
            r"line 2: a cash_dividend has an amount above 0; -1 was given",
        ),
        (
            "ex_date,type,value\n\n2024-13-03,split,2\n",
            r"a date is written 2024-01-31; '2024-13-03' was given",
        ),
        (
            "ex_date,type,value\n2024-01-05,dividend,99\n",
            r"a dividend of 99 is not below the close before it, 52",
        ),
        ("ex_date,type,value\n\n2024-01-03,splitt,2\n", r"line 3: a kind is one of"),
        (
            "id,ex_date,type,value\na,2024-01-03,split,2\na,2024-01-03,split,3\n",
            r"line 3: an id is given once; 'a' is in line 2, too",
        ),
        (
            "id,ex_date,type,value,corrects\na,2024-01-03,split,2,z\n",
            r"line 2: corrects names the id of another row; 'z' was given",
        ),
        ('{"event":"RSPLT"}\n', r"line 1: an event has event, ex_date and ts_record or ts_created"),
        ("type,value\nsplit,2\n", r"has no column of ex-dates"),
        ("ex_date,value\n2024-01-03,2\n", r"has no column of kinds, dividends or splits"),
        ("20240101,1,1,1\n20240102,x,1,1\n", r"line 2: a factor line is date, price factor, split factor"),
        (
            "ticker,ex_date,type,value\nA,2024-01-03,split,2\nB,2024-01-03,split,2\n",
            r"say which are meant with --instr",
        ),
    ],
)
def test_actions_that_cannot_be_read_are_refused_with_their_line(actions, reason, adjust):
    with pytest.raises(WrongUse, match=reason):
        adjust(BARS, actions)


def test_of_several_instruments_those_of_one_are_taken(adjust):
    actions = "ticker,ex_date,type,value\nA,2024-01-03,split,2\nB,2024-01-03,split,4\n"

    assert adjust(BARS, actions, "--instrument", "B")["price_factor"][0] == 0.25


def test_the_help_names_every_kind_of_action_that_changes_prices():
    said = re.sub(r"\s+", " ", CliRunner().invoke(app, ["adjust", "--help"]).output)

    for kind in (
        "dividend",
        "special_dividend",
        "split",
        "reverse_split",
        "stock_dividend",
        "spin_off",
        "rights",
    ):
        assert kind in said


def event(**fields):
    told = {"event_id": "E-1", "security_id": "S-1", "event": "RSPLT", "ex_date": "2024-01-03", "symbol": "A"}
    return json.dumps(told | {"ts_record": "2023-12-01T00:00:00Z", "event_action": "I"} | fields) + "\n"


def test_a_later_line_of_databento_about_an_event_replaces_the_earlier_and_a_cancelled_one_is_taken_back(
    adjust,
):
    lines = (
        event(ratio_old=10.0, ratio_new=1.0)
        + event(ratio_old=20.0, ratio_new=1.0, ts_record="2023-12-10T00:00:00Z", event_action="U")
        + event(event_action="C", ts_record="2024-02-01T00:00:00Z")
    )

    def factor(known):
        return adjust(BARS, lines, "--as-known-at", known)["price_factor"][0]

    assert [factor(known) for known in ("2024-01-02", "2024-01-05", "2024-02-02")] == [1.0, 20.0, 1.0]
    assert adjust(BARS, lines.splitlines()[0])["price_factor"][0] == 10.0


def test_an_adjustment_factor_of_databento_is_the_price_factor_and_counts_once(adjust):
    told = {"event_id": 7, "security_id": 1, "event_type": "DIV", "status": "A", "ex_date": "2024-01-05"}
    line = json.dumps(told | {"factor": 0.99, "close": 52.0, "ts_created": "2024-01-01T00:00:00Z"}) + "\n"

    assert adjust(BARS, line + line)["price_factor"].to_list() == pytest.approx([0.99] * 4 + [1.0] * 2)


@needs_data
def test_databentos_own_lines_are_read_as_what_they_say(adjust):
    bars = BARS.replace("2024-01-0", "2023-10-0").replace("2023-10-06", "2023-10-10")
    factors = [
        adjust(bars, DATA / "databento_ref" / f"test_data.{name}.jsonl", "--instrument", "BOMO")[
            "price_factor"
        ][0]
        for name in ("corporate-actions", "corporate-actions-pit")
    ]
    old = BARS.replace("2024-01-0", "2007-02-0").replace("2007-02-06", "2007-02-13")
    paid = adjust(old, DATA / "databento_ref/test_data.adjustment-factors.jsonl")["price_factor"][0]

    assert factors == pytest.approx([1000.0, 1000.0])
    assert paid == pytest.approx(1 - 0.1 / 51)
