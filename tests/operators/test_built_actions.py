"""Built bars over a corporate action: bricks begin anew, expectations and carried closes come along."""

import numpy as np
import pytest

from connectors.kept_sessions import session_table
from domain.action_records import Step
from domain.bar_kinds import BarKind, Empty, Mark, bar_spec
from domain.market import END, SECOND, MarketBatch, complete_ticks, empty_ticks
from operators.activity_bars import ActivityState, adjust
from operators.activity_kernel import OPEN as OPEN_BARS
from operators.built_bars import BuiltBarParams, BuiltBars
from operators.composed_bars import ComposedState
from operators.composed_bars import adjust as adjust_composed
from operators.composing_kernel import COMPOSED, PLACE
from operators.stage import pack, unpack
from tests.operators.action_cases import action

OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York
NEXT = OPEN + 86_400 * SECOND
TABLE = session_table("XNYS", "2024-03-06", "2024-03-12")
EFFECTIVE_AT = TABLE.begins(19_790)  # 2024-03-08
SPLIT = action("split", "A", EFFECTIVE_AT, ratio="2")


def rows(*trades):
    """Return trades of (instant, price, size), all of one instrument."""
    at, price, size = (np.array(column) for column in zip(*trades, strict=True))
    instrument = np.zeros(len(trades), np.int32)
    return complete_ticks({"event_at": at, "instrument": instrument, "price": price, "size": size})


def made(specs, actions, parts, **more):
    """Return the built bars of batches of trades, the state cut and resumed between all of them."""
    stage = BuiltBars(BuiltBarParams(1, TABLE, tuple(map(bar_spec, specs)), ("A",), ends_at=NEXT, **more))
    state, bars = stage.fresh(), []
    for number, part in enumerate([*parts, None]):
        ticks = empty_ticks() if part is None else part
        until = END if part is None else int(part.known_at[-1])
        batch = MarketBatch(until, ticks, actions=actions if not number else ())
        bars += [answer.built for answer in stage.step(state, batch)]
        state = unpack("step", stage, pack(stage, state))
    return np.concatenate(bars)


DAY_ONE = ((OPEN, 100.0, 10), (OPEN + SECOND, 101.2, 10), (OPEN + 2 * SECOND, 101.4, 5))
DAY_TWO = ((NEXT, 50.9, 20), (NEXT + SECOND, 52.1, 20), (NEXT + 2 * SECOND, 53.0, 1))


@pytest.mark.parametrize("whole", [True, False])
def test_bricks_begin_anew_at_the_first_price_of_after_and_what_was_open_is_cut(whole):
    parts = [rows(*DAY_ONE, *DAY_TWO)] if whole else [rows(one) for one in (*DAY_ONE, *DAY_TWO)]

    bars = made(["renko:1"], (SPLIT,), parts)

    assert [
        (float(b["open"]), float(b["close"]), float(b["volume"]), int(b["marks"]), int(b["number"]))
        for b in bars
    ] == [
        (100.0, 101.0, 20.0, 0, 0),
        (101.4, 101.4, 5.0, int(Mark.CUT), 1),
        (50.0, 51.0, 40.0, 0, 2),
        (51.0, 52.0, 0.0, 0, 3),
        (52.0, 53.0, 1.0, 0, 4),
    ]
    assert int(bars["close_at"][1]) == int(bars["known_at"][1]) == EFFECTIVE_AT


def test_without_the_action_a_fall_of_half_lays_a_brick_for_each_size():
    bars = made(["renko:1"], (), [rows(*DAY_ONE, *DAY_TWO)])

    assert len(bars) > 40


@pytest.mark.parametrize(
    ("kind", "factor"),
    [
        (BarKind.TICK_IMBALANCE, 1.0),
        (BarKind.VOLUME_IMBALANCE, 2.0),
        (BarKind.NOTIONAL_IMBALANCE, 0.5),
        (BarKind.VOLUME, 1.0),
    ],
)
def test_what_is_expected_is_in_shares_or_in_money_of_after(kind, factor):
    state = ActivityState(np.ones(2, OPEN_BARS), np.zeros(1, np.int64))

    adjust(state, kind, 1, Step(4.0, 2.0))

    for name in ("average", "expected_value", "buy_value", "sell_value"):
        assert state.open[name].tolist() == [1.0, factor]
    assert state.open["expected_ticks"].tolist() == [1.0, 1.0]


def test_an_empty_bar_carries_the_close_in_the_prices_of_after():
    state = ComposedState(np.zeros(2, COMPOSED), np.zeros(1, PLACE))
    state.open["carried"] = 100.0

    adjust_composed(state, 1, SPLIT)

    assert state.open["carried"].tolist() == [100.0, 50.0]


def test_a_state_of_a_version_without_actions_goes_on():
    stage = BuiltBars(BuiltBarParams(1, TABLE, (bar_spec("renko:1"),), ("A",), empty=Empty.SKIP))
    state = stage.fresh()
    state.agenda = None

    (answer,) = stage.step(state, MarketBatch(NEXT, rows(*DAY_ONE), actions=(SPLIT,)))

    assert len(answer.built) == 2
