"""Bars against bars made the slow way, when they close, and the corners one by one."""

import numpy as np
import pytest

from domain.market import (
    DAY_SECONDS,
    END,
    SECOND,
    Condition,
    MarketBatch,
    Session,
    Ticks,
    complete_ticks,
    select,
)
from operators.bars import BarParams, Bars
from tests.operators.bar_case import (
    CLOSE,
    ELIGIBLE,
    LATENESS,
    OPEN,
    TABLE,
    assert_same,
    bars_of,
    oracle_of,
    run,
    trades,
)
from tests.operators.tick_samples import random_ticks


@pytest.mark.parametrize("lateness", [0, LATENESS])
@pytest.mark.parametrize("seed", range(4))
def test_bars_equal_those_made_the_slow_way(seed, lateness):
    starts = [
        OPEN - 20 * 60 * SECOND,
        OPEN - 40 * SECOND,
        CLOSE - 100 * SECOND,
        OPEN + 86_400 * SECOND + 17 * SECOND,
    ]
    ticks = random_ticks(seed, 1200, starts, instruments=70, quotes=0.2, late=0.05, cancels=0.05)
    params = BarParams(70, TABLE, lateness_nanoseconds=lateness)

    bars, malformed = run(params, ticks)

    oracle = oracle_of(params, ticks)
    assert_same(bars, oracle.bars)
    assert [entry.reason for entry in malformed] == oracle.refused
    assert {"beyond_revision_horizon", "cancel_of_unknown_trade"} <= set(oracle.refused)
    assert {Session.PRE, Session.REGULAR, Session.POST} <= set(bars["session"].tolist())
    assert bars["version"].max() > 1


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_bars_do_not_depend_on_batches(size):
    ticks = random_ticks(
        11, 700, [OPEN - 30 * SECOND, CLOSE - 60 * SECOND], quotes=0.2, late=0.1, cancels=0.1
    )
    params = BarParams(5, TABLE, ("A", "B", "C", "D", "E"), "test", lateness_nanoseconds=LATENESS)

    whole, cut = run(params, ticks), run(params, ticks, size)

    assert cut[0].tobytes() == whole[0].tobytes()
    assert cut[1] == whole[1]


def test_one_busy_instrument_equals_the_slow_way():
    ticks = random_ticks(
        5, 3000, [OPEN + 50 * SECOND, CLOSE - 3 * SECOND], 1, late=0.02, cancels=0.02, pace=20_000_000
    )
    params = BarParams(1, TABLE, lateness_nanoseconds=LATENESS)

    bars, _ = run(params, ticks)

    assert_same(bars, oracle_of(params, ticks).bars)


def test_a_second_closes_when_a_row_is_known_after_its_end_and_the_lateness():
    params = BarParams(1, TABLE, lateness_nanoseconds=LATENESS)
    stage, ticks = Bars(params), trades([(0.5, 0.5, 10, 1), (0.9, 1.2499, 11, 2), (1.1, 1.25, 12, 3)])

    state = stage.fresh()
    before = stage.step(state, MarketBatch(0, select(ticks, slice(0, 2))))[0]
    after = stage.step(state, MarketBatch(0, select(ticks, slice(2, 3))))[0]

    assert len(bars_of(before)) == 0
    assert bars_of(after)[["open", "close", "volume", "known_at"]].tolist() == [
        (10.0, 11.0, 3.0, OPEN + SECOND + LATENESS)
    ]


@pytest.mark.parametrize(("passed", "closed"), [(SECOND + LATENESS - 1, 0), (SECOND + LATENESS, 1)])
def test_a_second_closes_when_the_watermark_reaches_its_end_and_the_lateness(passed, closed):
    stage = Bars(BarParams(1, TABLE, lateness_nanoseconds=LATENESS))

    (answer,) = stage.step(stage.fresh(), MarketBatch(OPEN + passed, trades([(0.5, 0.5, 10, 1)])))

    assert len(bars_of(answer)) == closed


def test_the_end_of_the_input_closes_every_open_bar_and_says_that_it_was_early():
    bars, _ = run(BarParams(1, TABLE), trades([(0.5, 0.5, 10, 1), (61.5, 61.5, 11, 2)]))

    closed = [
        (int(bar["interval"]), (int(bar["open_at"]) - OPEN) // SECOND, int(bar["ended"])) for bar in bars
    ]
    assert closed == [(1, 0, 0), (60, 0, 0), (1, 61, 1), (60, 60, 1), (300, 0, 1), (DAY_SECONDS, 0, 1)]


def test_an_input_that_ends_inside_the_lateness_closes_both_open_seconds():
    params = BarParams(1, TABLE, lateness_nanoseconds=LATENESS)

    bars, _ = run(params, trades([(59.9, 60.0, 10, 1), (60.1, 60.2, 11, 2)]))

    seconds = bars[bars["interval"] == 1]
    assert [(int(bar["open_at"]) - OPEN) // SECOND for bar in seconds] == [59, 60]
    assert bars[bars["interval"] == DAY_SECONDS]["volume"].tolist() == [3.0]


def test_pre_regular_and_post_session_have_day_bars_of_their_own():
    whole_day = [
        (-3600, -3600, 9, 1),
        (-1, -1, 10, 2),
        (0, 0, 11, 4),
        (23399.9, 23399.9, 12, 8),
        (23400, 23400, 13, 16),
    ]

    bars, _ = run(BarParams(1, TABLE), trades([*whole_day, (108000, 108000, 14, 32)]))

    days = bars[bars["interval"] == DAY_SECONDS]
    assert days[["session", "volume", "open", "close"]].tolist() == [
        (Session.PRE, 3.0, 9.0, 10.0),
        (Session.REGULAR, 12.0, 11.0, 12.0),
        (Session.POST, 16.0, 13.0, 13.0),
        (Session.REGULAR, 32.0, 14.0, 14.0),
    ]


def test_a_trade_outside_the_session_table_has_a_bar_all_the_same():
    stage = Bars(BarParams(1, TABLE, lateness_nanoseconds=LATENESS))
    before, after = int(TABLE.edges[0]) - 3600 * SECOND, int(TABLE.edges[-1]) + 3600 * SECOND
    ticks = complete_ticks(
        {
            "event_at": np.array([before, after]),
            "instrument": np.zeros(2, np.int32),
            "price": np.array([10.0, 11.0]),
            "size": np.array([1.0, 2.0]),
        }
    )

    (answer,) = stage.step(stage.fresh(), MarketBatch(END, ticks))

    days = bars_of(answer)[bars_of(answer)["interval"] == DAY_SECONDS]
    assert days[["open_at", "close_at", "known_at", "volume"]].tolist() == [
        (0, int(TABLE.edges[0]), int(TABLE.edges[0]) + LATENESS, 1.0),
        (int(TABLE.edges[-1]), END, END, 2.0),
    ]


def test_a_trade_that_may_move_nothing_makes_no_bar():
    bars, malformed = run(
        BarParams(1, TABLE), trades([(1, 1, 10, 4)], conditions=[int(Condition.CLOSING_PRINT)])
    )

    assert (len(bars), malformed) == (0, [])


def test_ticks_without_conditions_make_the_bars_of_trades_that_may_move_everything():
    full = random_ticks(3, 400, [OPEN])
    full = full._replace(conditions=np.full(400, ELIGIBLE, np.uint32), flags=np.zeros(400, np.uint32))
    bare = Ticks(full.event_at, full.known_at, full.instrument, full.price, full.size)

    plain, _ = run(BarParams(5, TABLE, lateness_nanoseconds=LATENESS), bare)

    assert plain.tobytes() == run(BarParams(5, TABLE, lateness_nanoseconds=LATENESS), full)[0].tobytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"intervals_seconds": (1, 60, 90)}, "rising multiples"),
        ({"intervals_seconds": (60, 300)}, "begin with 1"),
        ({"lateness_nanoseconds": SECOND}, "below one second"),
        ({"sessions": None}, "session table"),
        ({"revision_horizon_seconds": 299}, "horizon of at least"),
        ({"intervals_seconds": (1, 300)}, "one-minute bars"),
    ],
)
def test_parameters_that_make_no_bars_are_refused(changes, words):
    given_params = {"instruments": 1, "sessions": TABLE} | changes

    with pytest.raises(ValueError, match=words):
        BarParams(**given_params)


def test_a_second_row_that_happened_in_the_second_before_the_first_is_in_time_within_the_lateness():
    params = BarParams(1, TABLE, lateness_nanoseconds=LATENESS)

    bars, _ = run(params, trades([(60.1, 60.1, 11, 2), (59.9, 60.2, 10, 1)]))

    seconds = bars[bars["interval"] == 1]
    assert seconds[["open_at", "version", "known_at"]].tolist() == [
        (OPEN + 59 * SECOND, 0, OPEN + 60 * SECOND + LATENESS),
        (OPEN + 60 * SECOND, 0, OPEN + 61 * SECOND + LATENESS),
    ]
