"""How rows are split over calls, and whose rows stand between them, changes no bit."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import evaluate
from features.catalogue import default_families
from tests.features.random_bars import Market, random_market

INSTRUMENTS = 3
COUNT = 450
FAMILIES = default_families()


def gappy_market() -> Market:
    market = random_market(COUNT, INSTRUMENTS, seed=2, day_bars=60)
    random = np.random.default_rng(4)
    for name in ("open", "high", "low", "close"):
        market.bars[name][random.random(COUNT) < 0.03] = np.nan
    market.quotes["bid"][random.random(COUNT) < 0.03] = np.nan
    return market.rows(np.sort(random.permutation(COUNT)[: COUNT - 40]))


MARKET = gappy_market()


def run_whole(market: Market) -> tuple[bytes, list[bytes]]:
    states = evaluate.fresh(FAMILIES, INSTRUMENTS)
    values = evaluate.run(FAMILIES, states, *market)
    return values.tobytes(), [state.tobytes() for state in states]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(MARKET.bars)), max_size=12))
def test_any_split_of_the_rows_over_calls_gives_the_same_bits_and_the_same_state(cuts: list[int]):
    edges = [0, *sorted(cuts), len(MARKET.bars)]

    states = evaluate.fresh(FAMILIES, INSTRUMENTS)
    parts = [
        evaluate.run(FAMILIES, states, *MARKET.rows(slice(begin, end))) for begin, end in pairwise(edges)
    ]

    values = np.ascontiguousarray(np.concatenate(parts, axis=1))
    assert (values.tobytes(), [state.tobytes() for state in states]) == run_whole(MARKET)


@pytest.mark.parametrize("instrument", range(INSTRUMENTS))
def test_an_instrument_among_others_gives_the_bits_that_it_gives_alone(instrument: int):
    mine = MARKET.bars["instrument"] == instrument

    together = evaluate.run(FAMILIES, evaluate.fresh(FAMILIES, INSTRUMENTS), *MARKET)[:, mine]
    alone = evaluate.run(FAMILIES, evaluate.fresh(FAMILIES, INSTRUMENTS), *MARKET.rows(mine))

    assert np.ascontiguousarray(together).tobytes() == alone.tobytes()


def test_a_state_that_was_stored_and_read_again_goes_on_with_the_same_bits():
    first, second = MARKET.rows(slice(0, 200)), MARKET.rows(slice(200, None))
    states = evaluate.fresh(FAMILIES, INSTRUMENTS)
    evaluate.run(FAMILIES, states, *first)

    stored = [np.frombuffer(state.tobytes(), state.dtype).copy() for state in states]

    going_on = evaluate.run(FAMILIES, states, *second)
    resumed = evaluate.run(FAMILIES, stored, *second)
    assert going_on.tobytes() == resumed.tobytes()
