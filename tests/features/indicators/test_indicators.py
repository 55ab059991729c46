"""Every indicator equals an oracle, speaks when it says it will, and gives the same bits however its rows are cut."""

import numpy as np
import pandas as pd
import pytest

from features.indicators.catalogue import asked_for, indicators, program_of, warm_ups
from features.indicators.line import UnknownIndicator, asked, usage
from features.series import PIECE
from tests.features.indicators.bars import COUNT, random_columns, values
from tests.features.indicators.plain_formulas import FORMULAS
from tests.features.indicators.talib_oracles import EARLIER, ORACLES, oracle

NAMES = sorted(indicators())


@pytest.fixture(scope="module")
def columns():
    return random_columns()


def test_there_are_at_least_eighty_indicators_and_each_has_an_oracle():
    proven = {text.partition("(")[0] for text in ORACLES} | set(FORMULAS)

    assert len(NAMES) >= 80
    assert set(NAMES) - proven == set()


@pytest.mark.parametrize("text", sorted(ORACLES))
def test_an_indicator_equals_talib_wherever_talib_speaks(text, columns):
    mine, theirs = values(text, columns), oracle(text, columns)

    assert len(mine) == len(theirs)
    for (output, got), expected in zip(mine.items(), theirs, strict=True):
        spoken = ~np.isnan(expected)
        np.testing.assert_allclose(got[spoken], expected[spoken], rtol=1e-9, atol=1e-9)
        end = f".{output}" if output else ""
        earlier = EARLIER.get(text + end, EARLIER.get(text.partition("(")[0] + end, 0))
        assert int(np.argmax(spoken)) - int(np.argmax(~np.isnan(got))) == earlier, text + end


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_an_indicator_that_talib_lacks_equals_its_plain_formula_at_every_bar(name, columns):
    mine, plain = values(name, columns), FORMULAS[name](pd.DataFrame(columns))

    for (output, got), expected in zip(mine.items(), plain, strict=True):
        scale = max(1.0, float(np.nanmax(np.abs(expected))))
        np.testing.assert_allclose(
            got / scale, np.asarray(expected) / scale, rtol=1e-9, atol=1e-9, err_msg=output
        )


def test_every_indicator_speaks_first_at_its_warm_up_and_never_falls_silent(columns):
    for asked_one in asked_for(NAMES):
        program = program_of([asked_one])
        out = program.run(program.fresh(1), np.zeros(COUNT, np.int32), columns)
        for column, got, bars in zip(asked_one.columns, out, warm_ups(asked_one), strict=True):
            assert int(np.argmax(~np.isnan(got))) + 1 == bars, column
            assert np.isfinite(got[bars - 1 :]).all(), column


def test_rows_cut_anywhere_and_memory_restored_give_the_same_bits():
    program = program_of(asked_for(NAMES))
    columns = random_columns(seed=2, count=400)
    ids = np.zeros(400, np.int32)
    whole = program.run(program.fresh(1), ids, columns)

    for cut in (1, 2, 13, 14, 15, 26, 33, 34, 100, 257, 399):
        state = program.fresh(1)
        first = program.run(state, ids[:cut], {name: column[:cut] for name, column in columns.items()})
        restored = np.frombuffer(state.tobytes()).reshape(state.shape).copy()
        rest = program.run(restored, ids[cut:], {name: column[cut:] for name, column in columns.items()})
        assert np.concatenate([first, rest], axis=1).tobytes() == whole.tobytes(), cut


def test_one_instrument_never_disturbs_another():
    program = program_of(asked_for(NAMES))
    parts = [random_columns(seed=seed, count=300) for seed in (3, 4, 5)]
    alone = [program.run(program.fresh(1), np.zeros(300, np.int32), part) for part in parts]

    mixed = {name: np.stack([part[name] for part in parts], axis=1).ravel() for name in parts[0]}
    together = program.run(program.fresh(3), np.tile(np.arange(3, dtype=np.int32), 300), mixed)

    for place, out in enumerate(alone):
        assert together[:, place::3].tobytes() == out.tobytes()


def test_a_bar_that_lacks_a_price_is_missing_and_is_left_out_of_every_window():
    gap, whole = random_columns(seed=6, count=300), random_columns(seed=6, count=299)
    for name, column in gap.items():
        gap[name] = np.insert(whole[name], 150, np.nan)
        assert len(column) == len(gap[name])
    program = program_of(asked_for(NAMES))

    got = program.run(program.fresh(1), np.zeros(300, np.int32), gap)

    assert np.isnan(got[:, 150]).all()
    expected = program.run(program.fresh(1), np.zeros(299, np.int32), whole)
    assert np.delete(got, 150, axis=1).tobytes() == expected.tobytes()


def test_an_indicator_is_asked_for_in_any_case_with_defaults_and_by_name_of_its_parameters():
    catalogue = indicators()

    assert asked("macd", catalogue).columns == (
        "MACD(12,26,9).macd",
        "MACD(12,26,9).signal",
        "MACD(12,26,9).histogram",
    )
    assert asked(" rsi( 9 ) ", catalogue).title == "RSI(9)"
    assert asked("EMA(10, seed=first)", catalogue).title == "EMA(10,first)"
    assert asked("BBANDS(down=1.5, bars=10)", catalogue).values == (10, 2.0, 1.5)
    assert asked("OBV()", catalogue).title == "OBV"
    assert usage(catalogue["RSI"]) == "RSI(bars=14, seed=mean)"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("RSY(14)", r"no indicator is named 'RSY'; the nearest are RSI"),
        ("RSI(0)", r"bars is a whole number of at least 1; '0' was given"),
        ("RSI(14.5)", r"bars is a whole number of at least 1; '14.5' was given"),
        ("RSI(x)", r"bars is a whole number of at least 1; 'x' was given"),
        ("RSI(14,mean,3)", r"takes no 3 parameters; '3' was given"),
        ("RSI(bars=3,bars=4)", r"each of its parameters once"),
        ("RSI(window=3)", r"each of its parameters once"),
        ("EMA(3,seed=last)", r"seed is one of mean, first; 'last' was given"),
        ("MACD(26,12)", r"fast is below slow; 26 and 12 were given"),
        ("RSI(14", r"an indicator is written NAME or NAME\(parameters\)"),
        ("", r"an indicator is written NAME"),
    ],
)
def test_what_is_not_in_the_catalogue_is_refused_with_what_is_allowed(text, reason):
    with pytest.raises(UnknownIndicator, match=reason):
        asked(text, indicators())


def test_a_long_file_taken_in_pieces_gives_the_bits_of_smaller_parts():
    program = program_of(
        asked_for(["MACD", "STDDEV", "CORREL", "HT_SINE", "SAREXT", "AROON", "KAMA", "CRSI"])
    )
    count = PIECE + 77
    columns = random_columns(seed=8, count=count)
    ids = np.zeros(count, np.int32)

    whole = program.run(program.fresh(1), ids, columns)

    state = program.fresh(1)
    for row in range(0, count, 613):
        part = {name: column[row : row + 613] for name, column in columns.items()}
        values_of = program.run(state, ids[row : row + 613], part)
        assert values_of.tobytes() == np.ascontiguousarray(whole[:, row : row + 613]).tobytes()


@pytest.mark.parametrize("price", [0.0, 1e-12, 7.0, 1e300])
def test_prices_that_never_move_give_the_middle_of_the_rsi_and_infinite_numbers_only_where_squares_overflow(
    price,
):
    columns = {name: np.full(300, price) for name in ("open", "high", "low", "close")}
    columns["volume"] = np.zeros(300)
    program = program_of(asked_for(NAMES))

    out = program.run(program.fresh(1), np.zeros(300, np.int32), columns)

    wanted = [column for each in asked_for(NAMES) for column in each.columns]
    infinite = {column for column, got in zip(wanted, out, strict=True) if np.isinf(got).any()}
    assert infinite == ({"BBANDS(20,2,2).upper", "BBANDS(20,2,2).lower"} if price == 1e300 else set())
    rsi = values("RSI(14)", columns)[""]
    np.testing.assert_array_equal(rsi[14:], np.full(286, 50.0))


def test_a_cycle_begins_again_after_a_price_too_large_to_square():
    columns = random_columns(seed=9, count=500)
    columns["close"][100] = 1e300

    got = values("HT_DCPERIOD", columns)[""]

    assert np.isnan(got[101:104]).all()
    assert np.isfinite(got[150:]).all()
