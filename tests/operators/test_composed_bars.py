"""Bars of any interval, composed of shorter ones, against bars made of the ticks themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kept_sessions import session_table
from domain.bar_kinds import BUILT_BAR, Empty, Mark, Partial, bar_spec
from domain.market import END, SECOND, MarketBatch, Session, complete_ticks, select
from operators.bars import BarParams, Bars
from operators.built_bars import BuiltBarParams, BuiltBars
from tests.operators.composed_oracle import final_bars, measures_of, with_carried
from tests.operators.tick_samples import batches, random_ticks

OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York
CLOSE = OPEN + 23_400 * SECOND
ENDS_AT = OPEN + 3 * 86_400 * SECOND
LATENESS = 250_000_000
TABLE = session_table("XNYS", "2024-03-06", "2024-03-12")
TOKYO = session_table("XTKS", "2024-03-06", "2024-03-12")
INTERVALS = (1, 60, 300, 86_400)


def rows_of(seed, rows=900, late=0.05, cancels=0.05, instruments=5, pace=400_000_000):
    starts = [OPEN - 1000 * SECOND, OPEN + 3000 * SECOND, CLOSE - 200 * SECOND, OPEN + 86_400 * SECOND]
    return random_ticks(seed, rows, starts, instruments, 0.2, late, cancels, pace=pace)


def through(specs, ticks, size=10**9, table=TABLE, instruments=5, **changes):
    """Return the clock's bars and the built ones."""
    first = Bars(BarParams(instruments, table, lateness_nanoseconds=LATENESS, keep_marks=True))
    second = BuiltBars(
        BuiltBarParams(
            instruments, table, tuple(map(bar_spec, specs)), intervals_seconds=INTERVALS,
            lateness_nanoseconds=LATENESS, ends_at=ENDS_AT, **changes,
        )
    )  # fmt: skip
    one, two = first.fresh(), second.fresh()
    answers = [
        answer
        for batch in batches(ticks, size)
        for barred in first.step(one, batch)
        for answer in second.step(two, barred)
    ]
    clock = np.concatenate([answer.bars for answer in answers])
    return clock, np.concatenate([np.empty(0, BUILT_BAR), *(answer.built for answer in answers)])


def assert_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for key, measures in ours.items():
        np.testing.assert_allclose(measures, theirs[key], rtol=1e-12, err_msg=str(key))


@pytest.mark.parametrize("seconds", [7, 60, 420, 3600, 5400])
@pytest.mark.parametrize("seed", range(3))
def test_composed_bars_equal_those_of_the_ticks(seed, seconds):
    ticks = rows_of(seed)

    _, bars = through([f"time:{seconds}"], ticks)

    assert_equal(measures_of(bars), final_bars(TABLE, seconds, LATENESS, ticks, END))
    assert bars["version"].max() > 0


@pytest.mark.parametrize("seconds", [19, 420])
@pytest.mark.parametrize("seed", range(3))
def test_with_carry_every_interval_of_the_session_has_a_bar(seed, seconds):
    ticks = rows_of(seed, 500)

    _, bars = through([f"time:{seconds}"], ticks, empty=Empty.CARRY)

    found = final_bars(TABLE, seconds, LATENESS, ticks, END)
    first = bars[(bars["version"] == 0) & (bars["marks"] & int(Mark.EMPTY) == 0)]
    first = first[first["known_at"] == first["close_at"] + LATENESS]
    begun = {which: int(first["close_at"][first["instrument"] == which].min()) for which in range(5)}
    assert_equal(measures_of(bars), with_carried(TABLE, seconds, found, ENDS_AT, begun))
    empty = bars[bars["marks"] & int(Mark.EMPTY) != 0]
    assert set(empty["session"].tolist()) == {Session.REGULAR}
    assert (empty["volume"] == 0).all()


@pytest.mark.parametrize("seconds", [60, 300])
def test_what_is_composed_equals_what_the_clock_makes_of_the_same_ticks(seconds):
    ticks = rows_of(4)

    clock, bars = through([f"time:{seconds}"], ticks)

    theirs = clock[clock["interval"] == seconds]
    order = ["known_at", "instrument", "version"]
    ours, theirs = np.sort(bars, order=order), np.sort(theirs, order=order)
    whole = ["open_at", "close_at", "known_at", "instrument", "version", "session", "trade_count"]
    exact = ["open", "high", "low", "close", "volume"]
    assert ours[whole].tolist() == theirs[whole].tolist()
    for name in exact:
        assert ours[name].tobytes() == theirs[name].tobytes()
    np.testing.assert_allclose(ours["vwap"], theirs["vwap"], rtol=1e-12)


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("empty", list(Empty))
def test_composed_bars_do_not_depend_on_batches(size, empty):
    ticks = rows_of(6, 600)
    specs = ["time:7", "time:420", "time:3600", "tick:20"]

    whole, cut = through(specs, ticks, empty=empty)[1], through(specs, ticks, size, empty=empty)[1]

    assert [cut[name].tobytes() for name in cut.dtype.names] == [
        whole[name].tobytes() for name in cut.dtype.names
    ]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50), st.integers(1, 40), st.sampled_from([1, 5, 33, 400]), st.sampled_from(list(Empty)))
def test_wherever_batches_end_and_revisions_come_the_bars_are_those_of_the_final_trades(
    seed, minutes, size, empty
):
    ticks = rows_of(seed, 250, late=0.1, cancels=0.1, instruments=2, pace=2 * SECOND)

    _, bars = through([f"time:{minutes}m"], ticks, size, instruments=2, empty=empty)

    traded = {key: each for key, each in measures_of(bars).items() if each.trade_count or np.isnan(each.vwap)}
    wanted = final_bars(TABLE, minutes * 60, LATENESS, ticks, END)
    assert_equal({key: each for key, each in traded.items() if key in wanted}, wanted)
    empties = [each for key, each in traded.items() if key not in wanted]
    assert all(each.volume == 0 and each.open == each.close for each in empties)


def trades(rows, begin=OPEN):
    times = np.array(rows, float)
    at = begin + np.rint(times[:, 0] * SECOND).astype(np.int64)
    known = begin + np.rint(times[:, 1] * SECOND).astype(np.int64)
    return complete_ticks(
        {
            "event_at": at,
            "known_at": known,
            "instrument": np.zeros(len(rows), np.int32),
            "price": times[:, 2],
            "size": times[:, 3],
            "sequence": np.arange(1, len(rows) + 1),
        }
    )


def test_bars_begin_with_their_session_and_the_last_one_ends_with_it():
    _, bars = through(["time:3600"], trades([(0, 0, 10, 1), (23_000, 23_000, 11, 2)]), instruments=1)

    assert bars[["open_at", "close_at"]].tolist() == [
        (OPEN, OPEN + 3600 * SECOND),
        (OPEN + 6 * 3600 * SECOND, CLOSE),
    ]


def test_a_lunch_break_begins_bars_anew():
    nine, break_at = 1_709_769_600 * SECOND, 2.5 * 3600  # 09:00 in Tokyo, the break at 11:30
    rows = [(0, 0, 10, 1), (break_at - 1, break_at - 1, 11, 2), (break_at + 3600, break_at + 3600, 12, 4)]

    _, bars = through(["time:2h"], trades(rows, nine), table=TOKYO, instruments=1)

    assert [
        ((a - nine) // SECOND, (b - nine) // SECOND) for a, b in bars[["open_at", "close_at"]].tolist()
    ] == [
        (0, 7200),
        (7200, 9000),
        (12_600, 19_800),
    ]


def test_a_late_trade_makes_the_empty_bars_again_that_carried_the_close_before_it():
    rows = [(1, 1, 10, 1), (25, 25, 11, 1), (3, 30, 12, 4)]

    _, bars = through(["time:7"], trades(rows), instruments=1, empty=Empty.CARRY)

    near = bars[bars["open_at"] < OPEN + 28 * SECOND]
    assert [((int(b["open_at"]) - OPEN) // SECOND, int(b["version"]), float(b["close"])) for b in near] == [
        (0, 0, 10.0),
        (7, 0, 10.0),
        (14, 0, 10.0),
        (21, 0, 11.0),
        (0, 1, 12.0),
        (7, 1, 12.0),
        (14, 1, 12.0),
    ]


@pytest.mark.parametrize(
    ("partial", "marks"), [("keep", [0, 0]), ("drop", [0]), ("mark", [int(Mark.FIRST), 0])]
)
def test_a_first_bar_that_does_not_open_with_its_session_is_kept_dropped_or_marked(partial, marks):
    _, bars = through(
        ["time:300"],
        trades([(700, 700, 10, 1), (1300, 1300, 11, 1)]),
        instruments=1,
        partial=Partial(partial),
    )

    assert bars["marks"].tolist() == marks


def test_a_first_bar_that_opens_with_its_session_is_whole():
    _, bars = through(["time:300"], trades([(200, 200, 10, 1)]), instruments=1)

    assert bars["marks"].tolist() == [0]


def test_a_bar_leaves_when_the_second_of_its_known_at_is_over():
    stage = BuiltBars(BuiltBarParams(1, TABLE, (bar_spec("tick:1"),), lateness_nanoseconds=LATENESS))
    state, ticks = stage.fresh(), trades([(1.5, 1.5, 10, 1)])

    (first,) = stage.step(state, MarketBatch(OPEN + 2 * SECOND - 1, ticks))
    (second,) = stage.step(state, MarketBatch(OPEN + 2 * SECOND, select(ticks, slice(0, 0))))

    assert (len(first.built), second.built["known_at"].tolist()) == (0, [OPEN + 1_500_000_000])


def test_the_marks_of_the_clocks_bars_go_no_further():
    clock, _ = through(["time:60"], rows_of(1))

    assert set(clock["ended"].tolist()) <= {0, 1}
