"""`ita bars`: a person's own ticks or bars in, bars of any kind out, and what is said when that cannot be."""

import json

import polars as pl
import pytest
from typer.testing import CliRunner

from apps.cli.main import WrongUse, _register, app
from connectors.source import SourceError

TICKS = """timestamp,symbol,price,size
2024-03-07T14:30:01Z,ABC,10,5
2024-03-07T14:30:30Z,ABC,12,6
2024-03-07T14:31:10Z,ABC,11,7
2024-03-07T14:33:00Z,ABC,13,8
2024-03-07T14:40:00Z,ABC,12.5,9
"""
MINUTES = """Date,Open,High,Low,Close,Volume
2024-03-07 14:30,10,12,9,11,5
2024-03-07 14:31,11,11,8,9,6
2024-03-07 14:34,9,10,9,10,7
2024-03-07 14:35,10,15,10,14,8
"""


@pytest.fixture(scope="module", autouse=True)
def _commands():
    if not any(command.name == "bars" for command in app.registered_commands):
        _register()


@pytest.fixture
def bars(tmp_path):
    """Return a function that makes bars of text or of a source; it returns what is said, and the table."""

    def run(content, *words, name="in.csv", out="out.parquet"):
        given = content
        if "\n" in content:
            (tmp_path / name).write_text(content)
            given = str(tmp_path / name)
        answer = CliRunner().invoke(app, ["bars", given, *words, "--out", str(tmp_path / out), "--json"])
        if answer.exception is not None:
            raise answer.exception
        path = tmp_path / out
        return json.loads(answer.output), pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(
            path
        )

    return run


def test_a_file_of_ticks_is_made_to_tick_bars(bars):
    said, table = bars(TICKS, "--kind", "tick", "--size", "2")

    assert table.select("instrument", "number", "open", "close", "volume", "mark").rows() == [
        ("ABC", 0, 10.0, 12.0, 11.0, ""),
        ("ABC", 1, 11.0, 13.0, 15.0, ""),
        ("ABC", 2, 12.5, 12.5, 9.0, "cut"),
    ]
    assert {name: said[name] for name in ("name", "rows_in", "bars", "revised", "refused")} == {
        "name": "tick:2",
        "rows_in": 5,
        "bars": 3,
        "revised": 0,
        "refused": {},
    }


def test_empty_minutes_carry_the_close_where_that_is_asked(bars):
    _, table = bars(TICKS, "--kind", "time", "--size", "1m", "--empty", "carry")

    assert table.head(4).select("close", "volume", "mark").rows() == [
        (12.0, 11.0, ""),
        (11.0, 7.0, ""),
        (11.0, 0.0, "empty"),
        (13.0, 8.0, ""),
    ]


def test_rows_that_cannot_be_used_are_told_by_reason(bars):
    said, table = bars(
        TICKS + "2024-03-07T14:41:00Z,ABC,none,9\n", "--kind", "volume", "--size", "100", "--partial", "keep"
    )

    assert said["refused"] == {"not_a_number": 1}
    assert table["volume"].to_list() == [35.0]


def test_a_file_of_bars_is_composed_to_longer_ones(bars):
    said, table = bars(MINUTES, "--kind", "time", "--size", "5m")

    assert table.select("instrument", "open", "high", "low", "close", "volume").rows() == [
        ("in", 10.0, 12.0, 8.0, 10.0, 18.0),
        ("in", 10.0, 15.0, 10.0, 14.0, 8.0),
    ]
    assert said["rows_in"] == 4


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize(("shorter", "longer"), [("1m", "1h"), ("7m", "21m"), ("30", "5m")])
def test_what_is_composed_of_written_bars_equals_what_is_made_of_the_ticks(
    bars, tmp_path, ending, shorter, longer
):
    source = "simulator:seed=3,instruments=3,days=2,ticks=4000"
    bars(source, "--kind", "time", "--size", shorter, out=f"short{ending}")

    _, composed = bars(str(tmp_path / f"short{ending}"), "--kind", "time", "--size", longer)
    _, made = bars(source, "--kind", "time", "--size", longer)

    made = made.filter((pl.col("trade_count") > 0) | pl.col("high").is_not_null())
    exact = [name for name in made.columns if name not in {"vwap", "version", "known_at"}]
    assert composed.select(exact).rows() == made.select(exact).rows()
    assert composed["vwap"].to_list() == pytest.approx(made["vwap"].to_list(), rel=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("content", "words", "said"),
    [
        (TICKS, ["--kind", "tik", "--size", "2"], "KIND:SIZE"),
        (TICKS, ["--kind", "tick", "--size", "0.5"], "whole number of trades"),
        (TICKS, ["--kind", "tick", "--size", "2", "--of", "news"], "--of is one of trades, quotes"),
        (TICKS, ["--kind", "time", "--size", "1m", "--empty", "fill"], "--empty is one of skip, carry"),
        (MINUTES, ["--kind", "tick", "--size", "2"], "bars need ticks"),
        (MINUTES, ["--kind", "time", "--size", "90"], "give a multiple"),
        (MINUTES, ["--kind", "time", "--size", "5m", "--calendar", "XNYZ"], "unknown calendar"),
        ("Date,Open,High,Low,Close\n2024-03-07 14:00,1,1,1,1\n2024-03-07 15:00,1,1,1,1\n",
         ["--kind", "time", "--size", "2h"], "two sessions"),
    ],
)  # fmt: skip
def test_wrong_use_says_what_is_wrong(bars, content, words, said):
    with pytest.raises(WrongUse, match=said):
        bars(content, *words)


def test_what_is_no_source_and_no_file_is_refused(bars):
    with pytest.raises((WrongUse, SourceError), match="no source and no file of ticks"):
        bars("nowhere.txt", "--kind", "tick", "--size", "2")


def test_a_file_that_is_not_there_is_named_as_missing(bars):
    with pytest.raises(WrongUse, match=r"there is no file 'missing\.parquet'"):
        bars("missing.parquet", "--kind", "tick", "--size", "2")
