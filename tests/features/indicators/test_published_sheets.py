"""Published values: Skender's to 1e-9, and the worked sheets of `ta` to the digits that each of them prints.

Where a sheet begins an average elsewhere, the rows are compared from where that has faded (`begin`).
"""

import json

import numpy as np
import pytest

from tests.features.indicators.bars import SHEETS, sheet, skender_quotes, values

pytestmark = pytest.mark.skipif(not SHEETS.is_dir(), reason="../shared/data/indicators is not there")

PRINTED = [
    ("accum", "AD", {"": "ADLine"}, 1e-4, 0),
    ("adx", "ADX(14)", {"": "ADX"}, 1e-7, 480),
    ("adx", "PLUS_DI(14)", {"": "+DI14"}, 1e-7, 480),
    ("adx", "MINUS_DI(14)", {"": "-DI14"}, 1e-7, 480),
    ("adx", "DX(14)", {"": "DX"}, 1e-7, 480),
    ("atr", "ATR(14,count)", {"": "ATR"}, 1e-9, 0),
    ("atr2", "ATR(10,count)", {"": "ATR"}, 1e-9, 0),
    ("bbands", "BBANDS(20)", {"upper": "HighBand", "middle": "MiddleBand", "lower": "LowBand"}, 1e-6, 0),
    ("cci", "CCI(20)", {"": "CCI"}, 1e-4, 0),
    ("dc", "DONCHIAN(20)", {"upper": "upper_band", "middle": "middle_band", "lower": "lower_band"}, 1e-2, 0),
    (
        "dc2",
        "DONCHIAN(20,before)",
        {"upper": "upper_band", "middle": "middle_band", "lower": "lower_band"},
        1e-2,
        0,
    ),
    ("easeofmovement", "EOM(14)", {"raw": "EMV", "mean": "SMA_EMV"}, 1e-9, 0),
    ("fi", "FI(13)", {"": "FI"}, 1e-5, 0),
    ("kama", "KAMA(10)", {"": "KAMA"}, 1e-6, 0),
    (
        "kc",
        "KELTNER(20,2,10,first)",
        {"upper": "upper_band", "middle": "middle_band", "lower": "lower_band"},
        1e-9,
        0,
    ),
    ("macd", "MACD(12,26,9,first)", {"macd": "MACD_line"}, 1e-9, 0),
    ("macd", "MACD(12,26,9,first)", {"signal": "MACD_signal", "histogram": "MACD_diff"}, 1e-9, 115),
    ("mfi", "MFI(14)", {"": "MFI"}, 1e-5, 0),
    ("obv", "OBV", {"": "OBV"}, 1e-9, 0),
    ("percentr", "WILLR(14)", {"": "Williams_%R"}, 1e-6, 0),
    ("ppo", "PPO_EMA", {"ppo": "PPO", "signal": "PPO_Signal_Line", "histogram": "PPO_Histogram"}, 1e-9, 0),
    ("psar", "SAR(0.02,0.2)", {"": "psar_up"}, 1e-8, 0),
    ("psar", "SAR(0.02,0.2)", {"": "psar_down"}, 1e-8, 12),
    ("pvo", "PVO", {"pvo": "PVO", "signal": "PVO_Signal_Line", "histogram": "PVO_Histogram"}, 1e-8, 0),
    ("roc", "ROC(12)", {"": "ROC"}, 1e-8, 0),
    ("rsi", "RSI(14,first)", {"": "RSI"}, 1e-6, 0),
    ("soo", "STOCHF(14,3)", {"k": "SO", "d": "SO_SIG"}, 1e-6, 0),
    ("stc", "STC(50,23,10,3,3)", {"": "stc"}, 1e-8, 90),
    ("tsi", "TSI(25,13)", {"": "TSI"}, 1e-2, 300),
    ("ui", "ULCER(14)", {"": "ulcer_index"}, 1e-9, 0),
    ("ultosc", "ULTOSC(7,14,28)", {"": "Ult_Osc"}, 1e-6, 0),
    ("vortex", "VORTEX(14)", {"plus": "+VI14", "minus": "-VI14"}, 1e-6, 0),
    ("vpt", "VPT", {"": "unsmoothed vpt"}, 1e-9, 0),
    ("vwap", "VWAP(14)", {"": "vwap"}, 1e-9, 0),
    ("wma", "WMA(9)", {"": "WMA"}, 1e-4, 0),
]
SKENDER = [
    ("sma.standard", "SMA(20)", {"": "sma"}),
    ("ema.standard", "EMA(20)", {"": "ema"}),
    ("rsi.standard", "RSI(14)", {"": "rsi"}),
    ("macd.standard", "MACD(12,26,9,own)", {"macd": "macd", "signal": "signal", "histogram": "histogram"}),
    ("atr.standard", "ATR(14)", {"": "atr"}),
    ("bb.standard", "BBANDS(20,2,2)", {"upper": "upperBand", "middle": "sma", "lower": "lowerBand"}),
]


def columns_of(table):
    """Return the columns of bars that a sheet has; those that it lacks are missing."""
    known = {name.lower(): column for name, column in table.items()}
    count = len(next(iter(table.values())))
    return {
        name: known.get(name, np.full(count, np.nan)) for name in ("open", "high", "low", "close", "volume")
    }


@pytest.mark.parametrize(("name", "text", "outputs", "digits", "begin"), PRINTED)
def test_an_indicator_equals_the_sheet_of_ta(name, text, outputs, digits, begin):
    table = sheet(name)

    got = values(text, columns_of(table))

    for output, column in outputs.items():
        both = ~np.isnan(table[column]) & ~np.isnan(got[output])
        both[:begin] = False
        assert both.any(), column
        np.testing.assert_allclose(
            got[output][both], table[column][both], rtol=1e-9, atol=digits, err_msg=column
        )


def test_the_stochastic_of_the_rsi_equals_the_sheet_of_ta_as_a_share():
    table = sheet("stochrsi")

    got = values("STOCHRSI(14,14,3,first)", columns_of(table))["k"] / 100.0

    both = ~np.isnan(table["StochRSI(14)"]) & ~np.isnan(got)
    assert both.sum() >= 6
    np.testing.assert_allclose(got[both], table["StochRSI(14)"][both], atol=1e-6)


def test_every_sheet_of_ta_is_compared():
    compared = {name for name, *_ in PRINTED} | {"stochrsi"}

    there = {path.stem.removeprefix("cs-") for path in (SHEETS / "ta").glob("*.csv")}

    assert there == compared


@pytest.mark.parametrize(("result", "text", "outputs"), SKENDER)
def test_an_indicator_equals_skenders_result_and_is_missing_where_it_is_null(result, text, outputs):
    published = json.loads((SHEETS / "skender" / "results" / f"{result}.json").read_text())

    got = values(text, skender_quotes())

    for output, field in outputs.items():
        expected = np.array([np.nan if row.get(field) is None else row[field] for row in published], float)
        np.testing.assert_allclose(got[output], expected, rtol=1e-9, atol=1e-9, err_msg=field)
