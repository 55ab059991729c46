"""Indicators run beside the desk's families over live bars, and say to the last bit what a file of them says."""

import numpy as np
import pytest

from features import evaluate
from features.catalogue import columns, default_families
from features.indicators.catalogue import asked_for, indicators, program_of
from features.indicators.line import UnknownIndicator
from features.indicators.live import indicator_family
from tests.features.random_bars import computed, random_market

NAMES = sorted(indicators())


def test_live_bars_of_several_instruments_give_what_a_file_of_each_gives():
    market = random_market(900, instruments=3, seed=5)
    family = indicator_family(NAMES)

    live = computed(market, family)

    program = program_of(asked_for(NAMES))
    for instrument in range(3):
        mine = market.bars["instrument"] == instrument
        bars = {name: np.array(market.bars[name][mine], float) for name in program.columns}
        file = program.run(program.fresh(1), np.zeros(int(mine.sum()), np.int32), bars)
        for name, values in zip(live, file, strict=True):
            assert live[name][mine].tobytes() == values.tobytes(), name


def test_a_restored_family_goes_on_with_the_same_bits_and_changes_no_feature_of_the_desk():
    market = random_market(600, instruments=2, seed=6)
    families = (*default_families(), indicator_family(["RSI", "MACD", "HT_TRENDMODE", "SUPERTREND"]))
    whole = evaluate.run(families, evaluate.fresh(families, 2), *market)

    states = evaluate.fresh(families, 2)
    first = evaluate.run(families, states, *market.rows(slice(0, 307)))
    restored = [np.frombuffer(state.tobytes(), state.dtype).copy() for state in states]
    rest = evaluate.run(families, restored, *market.rows(slice(307, None)))

    assert np.concatenate([first, rest], axis=1).tobytes() == whole.tobytes()
    desk = evaluate.run(default_families(), evaluate.fresh(default_families(), 2), *market)
    assert whole[: len(desk)].tobytes() == desk.tobytes()


def test_a_family_of_indicators_has_a_line_for_each_column():
    family = indicator_family(["macd(12,26,9)", "rsi"])

    assert columns([family]) == (
        "MACD(12,26,9).macd",
        "MACD(12,26,9).signal",
        "MACD(12,26,9).histogram",
        "RSI(14)",
    )
    assert [feature.warm_up for feature in family.features] == [26, 34, 34, 15]


def test_nothing_and_the_unknown_are_refused():
    with pytest.raises(ValueError, match="needs at least one indicator; none was given"):
        indicator_family([])
    with pytest.raises(UnknownIndicator, match="no indicator is named 'RSY'"):
        indicator_family(["RSY"])
