"""Evaluation writes the columns of the families one after the other and refuses what does not fit."""

import numpy as np
import pytest

from features import evaluate
from features.catalogue import default_families
from features.momentum import commodity_channel, relative_strength, stochastic
from features.moving_averages import exponential_averages, simple_averages
from features.realised import average_volatility, realised_variance
from features.volatility import bollinger
from features.volume_profile import volume_profile
from tests.features.random_bars import computed, random_market

FAMILIES = (relative_strength(), simple_averages())


def test_columns_of_families_follow_each_other_in_one_array_of_rows():
    market = random_market(90)

    values = evaluate.run(FAMILIES, evaluate.fresh(FAMILIES, 1), *market)

    assert values.shape == (4, 90)
    assert values.flags.c_contiguous
    np.testing.assert_array_equal(values[0], computed(market, relative_strength())["rsi_14"])
    np.testing.assert_array_equal(values[3], computed(market, simple_averages())["sma_50"])


def test_no_bars_give_no_rows_and_change_no_state():
    market = random_market(0)
    states = evaluate.fresh(FAMILIES, 2)

    values = evaluate.run(FAMILIES, states, *market)

    assert values.shape == (4, 0)
    assert all(state.tobytes() == bytes(state.nbytes) for state in states)


def test_warming_compiles_every_step_for_the_arrays_that_run_hands_it():
    families = default_families()
    evaluate.warm(families)
    compiled = [len(family.step.signatures) for family in families]  # type: ignore[attr-defined]

    evaluate.run(families, evaluate.fresh(families, 1), *random_market(5))

    assert [len(family.step.signatures) for family in families] == compiled  # type: ignore[attr-defined]


def test_an_instrument_without_a_state_is_refused_before_anything_is_written():
    market = random_market(6, instruments=3)

    with pytest.raises(ValueError, match="run has the states of 2 instruments; bars of 0 to 2 were given"):
        evaluate.run(FAMILIES, evaluate.fresh(FAMILIES, 2), *market)


def test_arrays_of_other_lengths_are_refused():
    market = random_market(6)
    states = evaluate.fresh(FAMILIES, 1)

    with pytest.raises(ValueError, match="6 bars, 5 days and 6 quotes were given"):
        evaluate.run(FAMILIES, states, market.bars, market.days[:5], market.quotes)
    with pytest.raises(ValueError, match="6 bars, 6 days and 4 quotes were given"):
        evaluate.run(FAMILIES, states, market.bars, market.days, market.quotes[:4])
    with pytest.raises(ValueError, match="one state per family; 2 and 1 were given"):
        evaluate.run(FAMILIES, states[:1], *market)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: simple_averages(()), r"windows of at least 1 bar; \(\) was given"),
        (lambda: exponential_averages(26, 12), "fast 26, slow 12, signal 9 was given"),
        (lambda: exponential_averages(seed="last"), "'mean' or 'first'; 'last' was given"),
        (lambda: relative_strength(0), "a window of at least 1 bars; 0 was given"),
        (lambda: stochastic(14, 0), "a window of at least 1 bars; 0 was given"),
        (lambda: commodity_channel(1), "a window of at least 2 bars; 1 was given"),
        (lambda: realised_variance(()), "a window of at least 2 bars; 0 was given"),
        (lambda: average_volatility(decay=1.0), "a decay between 0 and 1; 1.0 was given"),
        (lambda: bollinger(width=0.0), "a width above 0 standard deviations; 0.0 was given"),
        (lambda: volume_profile(daylight="uk"), "none, us, eu; 'uk' was given"),
    ],
)
def test_a_family_refuses_parameters_that_make_no_sense(build, message: str):
    with pytest.raises(ValueError, match=message):
        build()
