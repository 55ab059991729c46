"""Bars against bars made the slow way, and the corners one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.market import (
    BAR,
    DAY_SECONDS,
    END,
    SECOND,
    Condition,
    Kind,
    MarketBatch,
    Session,
    Ticks,
    canonical_order,
    complete_ticks,
    row_count,
    select,
)
from domain.sessions import SessionTable, session_table
from operators.bars import BarParams, Bars
from tests.operators.bar_oracle import Bar, BarOracle, Measures
from tests.operators.tick_samples import batches, random_ticks

INTERVALS = (1, 60, 300, DAY_SECONDS)
LATENESS = 250_000_000
OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York
CLOSE = OPEN + 23_400 * SECOND
ELIGIBLE = 7


@pytest.fixture(scope="module")
def table() -> SessionTable:
    return session_table("XNYS", "2024-03-06", "2024-03-09")


def run(params: BarParams, ticks: Ticks, size: int = 10**9):
    stage = Bars(params)
    state = stage.fresh()
    answers = [answer for batch in batches(ticks, size) for answer in stage.step(state, batch)]
    return (
        np.concatenate([np.empty(0, BAR), *(answer.bars for answer in answers)]),
        [malformed for answer in answers for malformed in answer.malformed],
    )


def assert_same(bars, expected: list[tuple[Bar, Measures]]) -> None:
    assert [Bar(*(int(bar[name]) for name in Bar._fields)) for bar in bars] == [bar for bar, _ in expected]
    for name in Measures._fields:
        wanted = np.array([getattr(measures, name) for _, measures in expected])
        np.testing.assert_allclose(bars[name], wanted, rtol=1e-12 if name == "vwap" else 0, err_msg=name)


def oracle_of(params: BarParams, ticks: Ticks) -> BarOracle:
    oracle = BarOracle(params.sessions, params.intervals_seconds, params.lateness_nanoseconds)
    oracle.feed(ticks)
    oracle.finish()
    return oracle


def trades(rows, **more) -> Ticks:
    """Rows of (seconds after the open: event, known; price, size), instrument 0, numbered from 1."""
    times = np.array(rows, float)
    columns = {
        "event_at": OPEN + np.rint(times[:, 0] * SECOND).astype(np.int64),
        "known_at": OPEN + np.rint(times[:, 1] * SECOND).astype(np.int64),
        "instrument": np.zeros(len(rows), np.int32),
        "price": times[:, 2],
        "size": times[:, 3],
        "sequence": np.arange(1, len(rows) + 1),
    }
    return complete_ticks(columns | {name: np.array(values) for name, values in more.items()})


def bars_of(answer: MarketBatch):
    assert answer.bars is not None
    return answer.bars


def last_versions(bars):
    return {(int(b["instrument"]), int(b["interval"]), int(b["open_at"])): b for b in bars}


@pytest.mark.parametrize("lateness", [0, LATENESS])
@pytest.mark.parametrize("seed", range(4))
def test_bars_equal_those_made_the_slow_way(table, seed, lateness):
    starts = [
        OPEN - 20 * 60 * SECOND,
        OPEN - 40 * SECOND,
        CLOSE - 100 * SECOND,
        OPEN + 86_400 * SECOND + 17 * SECOND,
    ]
    ticks = random_ticks(seed, 1200, starts, instruments=70, quotes=0.2, late=0.05, cancels=0.05)
    params = BarParams(70, table, lateness_nanoseconds=lateness)

    bars, malformed = run(params, ticks)

    oracle = oracle_of(params, ticks)
    assert_same(bars, oracle.bars)
    assert [entry.reason for entry in malformed] == oracle.refused
    assert {"beyond_revision_horizon", "cancel_of_unknown_trade"} <= set(oracle.refused)
    assert {Session.PRE, Session.REGULAR, Session.POST} <= set(bars["session"].tolist())
    assert bars["version"].max() > 1


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_bars_do_not_depend_on_batches(table, size):
    ticks = random_ticks(
        11, 700, [OPEN - 30 * SECOND, CLOSE - 60 * SECOND], quotes=0.2, late=0.1, cancels=0.1
    )
    params = BarParams(5, table, ("A", "B", "C", "D", "E"), "test", lateness_nanoseconds=LATENESS)

    whole, cut = run(params, ticks), run(params, ticks, size)

    assert cut[0].tobytes() == whole[0].tobytes()
    assert cut[1] == whole[1]


def test_one_busy_instrument_equals_the_slow_way(table):
    ticks = random_ticks(
        5, 3000, [OPEN + 50 * SECOND, CLOSE - 3 * SECOND], 1, late=0.02, cancels=0.02, pace=20_000_000
    )
    params = BarParams(1, table, lateness_nanoseconds=LATENESS)

    bars, _ = run(params, ticks)

    assert_same(bars, oracle_of(params, ticks).bars)


moments = st.integers(0, 400).map(lambda tenths: tenths / 2)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            moments, st.sampled_from([0.0, 0.2, 3.0, 70.0, 400.0]), st.integers(90, 110), st.integers(1, 9)
        ),
        min_size=1,
        max_size=25,
    ),
    st.data(),
)
def test_wherever_late_trades_and_cancels_come_the_last_versions_are_those_of_the_final_trades(
    table, rows, data
):
    ticks = trades([(at, at + delay, price, size) for at, delay, price, size in rows])
    ticks = select(ticks, canonical_order(ticks))._replace(sequence=np.arange(1, len(rows) + 1))
    cancelled = data.draw(st.lists(st.sampled_from(range(1, len(rows) + 1)), unique=True, max_size=5))
    ticks = with_cancels(
        ticks, [(number, data.draw(st.sampled_from([0.0, 5.0, 300.0]))) for number in cancelled]
    )
    shift = CLOSE - OPEN - 120 * SECOND if data.draw(st.booleans()) else 0
    ticks = ticks._replace(event_at=ticks.event_at + shift, known_at=ticks.known_at + shift)
    params = BarParams(1, table, lateness_nanoseconds=LATENESS)

    bars, malformed = run(params, ticks, data.draw(st.sampled_from([1, 5, 100])))

    oracle = oracle_of(params, ticks)
    final = {
        key: oracle.measures(key[0], key[2], int(bar["close_at"])) for key, bar in last_versions(bars).items()
    }
    assert malformed == []
    for key, bar in last_versions(bars).items():
        measures = final[key]
        if measures is None:
            assert (bar["volume"], bar["trade_count"], np.isnan(bar["close"])) == (0, 0, True)
        else:
            for name, wanted in measures._asdict().items():
                np.testing.assert_allclose(bar[name], wanted, rtol=1e-12)
    assert_same(bars, oracle.bars)


def with_cancels(ticks: Ticks, cancels: list[tuple[int, float]]) -> Ticks:
    """Append a cancel of each named trade, so many seconds after it was known."""
    count = row_count(ticks)
    known = {number: int(ticks.known_at[number - 1] + delay * SECOND) for number, delay in cancels}
    made = complete_ticks(
        {
            "event_at": np.concatenate([ticks.event_at, np.array(list(known.values()), np.int64)]),
            "known_at": np.concatenate([ticks.known_at, np.array(list(known.values()), np.int64)]),
            "instrument": np.zeros(count + len(known), np.int32),
            "kind": np.repeat([int(Kind.TRADE), int(Kind.CANCEL)], [count, len(known)]),
            "price": np.concatenate([ticks.price, np.full(len(known), np.nan)]),
            "size": np.concatenate([ticks.size, np.zeros(len(known))]),
            "sequence": np.arange(1, count + len(known) + 1),
            "reference": np.concatenate([np.zeros(count, np.int64), np.array(list(known), np.int64)]),
        }
    )
    return select(made, canonical_order(made))


def test_a_second_closes_when_a_row_is_known_after_its_end_and_the_lateness(table):
    params = BarParams(1, table, lateness_nanoseconds=LATENESS)
    stage, ticks = Bars(params), trades([(0.5, 0.5, 10, 1), (0.9, 1.2499, 11, 2), (1.1, 1.25, 12, 3)])

    state = stage.fresh()
    before = stage.step(state, MarketBatch(0, select(ticks, slice(0, 2))))[0]
    after = stage.step(state, MarketBatch(0, select(ticks, slice(2, 3))))[0]

    assert len(bars_of(before)) == 0
    assert bars_of(after)[["open", "close", "volume", "known_at"]].tolist() == [
        (10.0, 11.0, 3.0, OPEN + SECOND + LATENESS)
    ]


@pytest.mark.parametrize(("passed", "closed"), [(SECOND + LATENESS - 1, 0), (SECOND + LATENESS, 1)])
def test_a_second_closes_when_the_watermark_reaches_its_end_and_the_lateness(table, passed, closed):
    stage = Bars(BarParams(1, table, lateness_nanoseconds=LATENESS))

    (answer,) = stage.step(stage.fresh(), MarketBatch(OPEN + passed, trades([(0.5, 0.5, 10, 1)])))

    assert len(bars_of(answer)) == closed


def test_the_end_of_the_input_closes_every_open_bar_and_says_that_it_was_early(table):
    bars, _ = run(BarParams(1, table), trades([(0.5, 0.5, 10, 1), (61.5, 61.5, 11, 2)]))

    closed = [
        (int(bar["interval"]), (int(bar["open_at"]) - OPEN) // SECOND, int(bar["ended"])) for bar in bars
    ]
    assert closed == [(1, 0, 0), (60, 0, 0), (1, 61, 1), (60, 60, 1), (300, 0, 1), (DAY_SECONDS, 0, 1)]


def test_an_input_that_ends_inside_the_lateness_closes_both_open_seconds(table):
    params = BarParams(1, table, lateness_nanoseconds=LATENESS)

    bars, _ = run(params, trades([(59.9, 60.0, 10, 1), (60.1, 60.2, 11, 2)]))

    seconds = bars[bars["interval"] == 1]
    assert [(int(bar["open_at"]) - OPEN) // SECOND for bar in seconds] == [59, 60]
    assert bars[bars["interval"] == DAY_SECONDS]["volume"].tolist() == [3.0]


def test_pre_regular_and_post_session_have_day_bars_of_their_own(table):
    whole_day = [
        (-3600, -3600, 9, 1),
        (-1, -1, 10, 2),
        (0, 0, 11, 4),
        (23399.9, 23399.9, 12, 8),
        (23400, 23400, 13, 16),
    ]

    bars, _ = run(BarParams(1, table), trades([*whole_day, (108000, 108000, 14, 32)]))

    days = bars[bars["interval"] == DAY_SECONDS]
    assert days[["session", "volume", "open", "close"]].tolist() == [
        (Session.PRE, 3.0, 9.0, 10.0),
        (Session.REGULAR, 12.0, 11.0, 12.0),
        (Session.POST, 16.0, 13.0, 13.0),
        (Session.REGULAR, 32.0, 14.0, 14.0),
    ]


def test_a_trade_outside_the_session_table_has_a_bar_all_the_same(table):
    stage = Bars(BarParams(1, table, lateness_nanoseconds=LATENESS))
    before, after = int(table.edges[0]) - 3600 * SECOND, int(table.edges[-1]) + 3600 * SECOND
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
        (0, int(table.edges[0]), int(table.edges[0]) + LATENESS, 1.0),
        (int(table.edges[-1]), END, END, 2.0),
    ]


def test_a_late_trade_of_a_bar_that_never_was_makes_its_version_zero(table):
    bars, _ = run(BarParams(1, table), trades([(100, 100, 10, 1), (3.5, 110, 11, 5)]))

    late = bars[(bars["open_at"] < OPEN + 60 * SECOND) & (bars["interval"] <= 60)]
    assert late[["interval", "version", "volume", "known_at"]].tolist() == [
        (1, 0, 5.0, OPEN + 110 * SECOND),
        (60, 0, 5.0, OPEN + 110 * SECOND),
    ]


def test_a_late_trade_counts_in_the_minute_and_the_day_that_are_still_open(table):
    bars, _ = run(
        BarParams(1, table), trades([(1, 1, 10, 1), (30, 30, 11, 2), (1.5, 31, 99, 4), (40, 40, 12, 8)])
    )

    second = bars[(bars["interval"] == 1) & (bars["open_at"] == OPEN + SECOND)]
    assert second[["version", "high", "volume"]].tolist() == [(0, 10.0, 1.0), (1, 99.0, 5.0)]
    longer = bars[bars["interval"] > 1]
    assert longer[["version", "high", "volume"]].tolist() == [(0, 99.0, 15.0)] * 3


@pytest.mark.parametrize(("flags", "close"), [(0, 99.0), (1, 10.0)])
def test_a_late_trade_moves_open_and_close_only_where_it_is_not_flagged_as_regressing(table, flags, close):
    ticks = trades([(1, 1, 10, 1), (1.5, 31, 99, 4)], flags=[0, flags])

    bars, _ = run(BarParams(1, table), ticks)

    assert last_versions(bars)[0, 1, OPEN + SECOND][["open", "close", "high"]].tolist() == (10.0, close, 99.0)


def test_a_session_bar_is_revised_after_the_session_and_an_early_trade_counts_as_the_bar_before(table):
    rows = [(5, 5, 10, 1), (23399, 23401, 50, 2), (23410, 23410, 11, 4)]

    bars, malformed = run(BarParams(1, table), trades(rows))

    regular = bars[(bars["interval"] == DAY_SECONDS) & (bars["session"] == Session.REGULAR)]
    assert regular[["version", "volume", "high", "close"]].tolist() == [
        (0, 1.0, 10.0, 10.0),
        (1, 3.0, 50.0, 50.0),
    ]
    assert malformed == []


def test_a_cancel_of_the_only_trade_leaves_bars_without_prices(table):
    ticks = with_cancels(trades([(1, 1, 10, 4)]), [(1, 100.0)])

    bars, _ = run(BarParams(1, table), ticks)

    last = last_versions(bars)
    assert sorted((key[1], int(bar["version"])) for key, bar in last.items()) == [(1, 1), (60, 1)]
    assert all(
        np.isnan(bar["close"]) and np.isnan(bar["vwap"]) and bar["volume"] == 0 for bar in last.values()
    )


def test_a_cancel_inside_its_open_second_leaves_no_trace(table):
    ticks = with_cancels(trades([(1, 1, 10, 4), (1.2, 1.2, 11, 8)]), [(1, 0.5)])

    bars, _ = run(BarParams(1, table), ticks)

    assert bars[["interval", "version", "open", "volume"]].tolist() == [
        (interval, 0, 11.0, 8.0) for interval in INTERVALS
    ]


def test_a_second_cancel_of_one_trade_is_refused(table):
    ticks = with_cancels(trades([(1, 1, 10, 4)]), [(1, 1.0)])
    twice = select(ticks, np.array([0, 1, 1]))

    _, malformed = run(BarParams(1, table, ("A",), "test"), twice)

    assert [(entry.place, entry.reason) for entry in malformed] == [("A:2", "cancel_of_unknown_trade")]


@pytest.mark.parametrize(("known", "refused"), [(1499.0, []), (1501.0, ["beyond_revision_horizon"])])
def test_a_late_trade_is_taken_up_to_the_horizon_and_refused_beyond(table, known, refused):
    ticks = trades([(300, 300, 10, 1), (301, known, 11, 2)])

    _, malformed = run(BarParams(1, table), ticks)

    assert [entry.reason for entry in malformed] == refused


def test_without_a_horizon_late_trades_and_cancels_are_refused(table):
    ticks = with_cancels(trades([(1, 1, 10, 4), (50, 50, 10, 4), (2, 51, 11, 8)]), [(2, 30.0)])

    bars, malformed = run(BarParams(1, table, revision_horizon_seconds=0), ticks)

    assert [entry.reason for entry in malformed] == ["late_for_closed_bar", "cancel_of_unknown_trade"]
    assert bars["version"].max() == 0


def test_a_trade_that_may_move_nothing_makes_no_bar(table):
    bars, malformed = run(
        BarParams(1, table), trades([(1, 1, 10, 4)], conditions=[int(Condition.CLOSING_PRINT)])
    )

    assert (len(bars), malformed) == (0, [])


def test_ticks_without_conditions_make_the_bars_of_trades_that_may_move_everything(table):
    full = random_ticks(3, 400, [OPEN])
    full = full._replace(conditions=np.full(400, ELIGIBLE, np.uint32), flags=np.zeros(400, np.uint32))
    bare = Ticks(full.event_at, full.known_at, full.instrument, full.price, full.size)

    plain, _ = run(BarParams(5, table, lateness_nanoseconds=LATENESS), bare)

    assert plain.tobytes() == run(BarParams(5, table, lateness_nanoseconds=LATENESS), full)[0].tobytes()


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
def test_parameters_that_make_no_bars_are_refused(table, changes, words):
    given_params = {"instruments": 1, "sessions": table} | changes

    with pytest.raises(ValueError, match=words):
        BarParams(**given_params)


def test_a_second_row_that_happened_in_the_second_before_the_first_is_in_time_within_the_lateness(table):
    params = BarParams(1, table, lateness_nanoseconds=LATENESS)

    bars, _ = run(params, trades([(60.1, 60.1, 11, 2), (59.9, 60.2, 10, 1)]))

    seconds = bars[bars["interval"] == 1]
    assert seconds[["open_at", "version", "known_at"]].tolist() == [
        (OPEN + 59 * SECOND, 0, OPEN + 60 * SECOND + LATENESS),
        (OPEN + 60 * SECOND, 0, OPEN + 61 * SECOND + LATENESS),
    ]
