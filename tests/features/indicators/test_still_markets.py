"""Indicators where prices stand still, on real bars of every kind that there is: TA-Lib's answers, not rounding's."""

import csv
import io
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import talib

from apps.indicator_values import compute
from features.indicators.catalogue import asked_for, indicators
from features.indicators.line import UnknownIndicator, asked
from tests.features.indicators.bars import values

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not there")
FILES = sorted(
    [
        *DATA.glob("corporate_actions/lean_daily/daily/*.zip"),
        *DATA.glob("equity_ticks/minute/*/*trade*.zip"),
        *DATA.glob("equity_ticks/second/*/*trade*.zip"),
    ]
)
COLUMNS = dict(zip("ohlcv", range(1, 6), strict=True))
CALLS = {
    "RSI(14)": ("RSI", "c", 14),
    "MACD(12,26,9)": ("MACD", "c", 12, 26, 9),
    "STOCH(14,3,5)": ("STOCH", "hlc", 14, 3, 0, 5, 0),
    "STOCHF(5,3)": ("STOCHF", "hlc", 5, 3, 0),
    "STOCHRSI(14,5,3)": ("STOCHRSI", "c", 14, 5, 3, 0),
    "CCI(14)": ("CCI", "hlc", 14),
    "CMO(14)": ("CMO", "c", 14),
    "IMI(14)": ("IMI", "oc", 14),
    "MASS(9,25)": ("MASSI", "hl", 9, 25),
    "BOP": ("BOP", "ohlc"),
    "WILLR(14)": ("WILLR", "hlc", 14),
    "ULTOSC(7,14,28)": ("ULTOSC", "hlc", 7, 14, 28),
    "MFI(14)": ("MFI", "hlcv", 14),
    "ADX(14)": ("ADX", "hlc", 14),
    "DX(14)": ("DX", "hlc", 14),
    "AROONOSC(14)": ("AROONOSC", "hl", 14),
    "BBANDS(20,2,1.5)": ("BBANDS", "c", 20, 2.0, 1.5),
    "ATR(14)": ("ATR", "hlc", 14),
    "KAMA(30)": ("KAMA", "c", 30),
    "SAR(0.02,0.2)": ("SAR", "hl", 0.02, 0.2),
    "CORREL(30)": ("CORREL", "hl", 30),
    "BETA(5)": ("BETA", "hl", 5),
    "STDDEV(5,2)": ("STDDEV", "c", 5, 2.0),
    "OBV": ("OBV", "cv"),
    "AD": ("AD", "hlcv"),
}
EARLIER = {"STOCH.k", "STOCHF.k", "STOCHRSI.k", "MACD.macd"}
"""What TA-Lib holds back until the slower output of the same indicator speaks, too."""


@cache
def vendor_bars(path):
    with zipfile.ZipFile(path) as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()
    return list(csv.reader(io.StringIO("\n".join(lines))))


def as_file(rows, path):
    daily = " " in rows[0][0]
    dated = [row[0] if daily else str(1_381_104_000_000 + int(row[0])) for row in rows]
    body = "".join(f"{date},{','.join(row[1:6])}\n" for date, row in zip(dated, rows, strict=True))
    path.write_text("date,open,high,low,close,volume\n" + body)
    return path


@needs_data
@pytest.mark.parametrize("path", FILES, ids=lambda path: "-".join(path.parts[-3:]))
def test_real_bars_through_the_command_equal_talib_everywhere(path, tmp_path):
    rows = vendor_bars(path)
    prices = np.array([[float(cell) for cell in row[1:6]] for row in rows]).T

    table = compute(as_file(rows, tmp_path / "bars.csv"), list(CALLS)).table

    for asked_one, (name, taken, *numbers) in zip(asked_for(list(CALLS)), CALLS.values(), strict=True):
        answer = getattr(talib, name)(
            *(np.ascontiguousarray(prices["ohlcv".index(each)]) for each in taken), *numbers
        )
        outputs = answer if isinstance(answer, tuple) else (answer,)
        for column, expected in zip(asked_one.columns, outputs, strict=True):
            got = table[column].fill_null(np.nan).to_numpy()
            spoken = ~np.isnan(expected)
            np.testing.assert_allclose(got[spoken], expected[spoken], rtol=1e-9, atol=1e-9, err_msg=column)
            short = f"{asked_one.indicator.name}.{column.rpartition('.')[2]}"
            if short not in EARLIER:
                assert np.isnan(got[~spoken]).all(), column


@pytest.mark.parametrize(
    ("text", "still"),
    [
        ("IMI(14)", 50.0),
        ("CCI(14)", 0.0),
        ("STOCHRSI(14,5,3)", 0.0),
        ("STOCHF(5,3)", 0.0),
    ],
)
@pytest.mark.parametrize("price", [0.1, 13.37, 14.07, 1e-4, 98765.4321])
def test_a_market_that_moved_and_stands_still_gives_no_number_made_by_rounding(text, still, price):
    steps = np.random.default_rng(5).normal(0, 0.01, 60)
    close = np.concatenate([price * np.exp(np.cumsum(steps)), np.full(400, price)])
    wide = np.where(np.arange(460) < 60, 0.01, 0.0) * price
    columns = {"open": close, "high": close + wide, "low": close - wide, "close": close}
    columns["volume"] = np.full(460, 100.0)

    for output in values(text, columns).values():
        assert output[-40:].tolist() == [still] * 40


def test_the_mass_of_bars_without_a_range_is_one_each():
    price = np.full(60, 13.37)

    got = values("MASS(9,25)", {"open": price, "high": price, "low": price, "close": price, "volume": price})

    assert got[""][40:].tolist() == [25.0] * 20


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("MACD(,,5)", "MACD(12,26,5)"),
        ("BBANDS(,2.0000001)", "BBANDS(20,2.0000001,2)"),
        ("BBANDS(20,1e-7,2)", "BBANDS(20,1e-07,2)"),
        (" rsi( 14 ) ", "RSI(14)"),
        ("rsi()", "RSI(14)"),
    ],
)
def test_what_is_asked_for_is_written_as_what_is_computed(text, title):
    assert asked(text, indicators()).title == title


def test_two_that_differ_in_the_eighth_digit_are_two_outputs():
    two = asked_for(["STDDEV(5,2)", "STDDEV(5,2.0000001)"])

    assert [each.title for each in two] == ["STDDEV(5,2)", "STDDEV(5,2.0000001)"]


@pytest.mark.parametrize(
    ("text", "near"),
    [("bolinger", "BBANDS"), ("RSJ(14)", "RSI"), ("keltnr", "KELTNER"), ("donchan", "DONCHIAN")],
)
def test_a_misspelt_name_is_answered_with_what_was_meant_first(text, near):
    with pytest.raises(UnknownIndicator, match=f"the nearest are {near},"):
        asked(text, indicators())


def test_a_place_left_empty_keeps_its_default_and_the_next_its_place():
    with pytest.raises(UnknownIndicator, match="seed is one of mean, first; '14' was given"):
        asked("RSI(,14)", indicators())
