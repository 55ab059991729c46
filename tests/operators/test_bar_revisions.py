"""Bars made again: what late trades and cancels do to those that have closed and those that are open."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.market import (
    DAY_SECONDS,
    SECOND,
    Session,
    canonical_order,
    select,
)
from operators.bars import BarParams
from tests.operators.bar_case import (
    CLOSE,
    INTERVALS,
    LATENESS,
    OPEN,
    TABLE,
    assert_same,
    last_versions,
    oracle_of,
    run,
    trades,
    with_cancels,
)

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
def test_wherever_late_trades_and_cancels_come_the_last_versions_are_those_of_the_final_trades(rows, data):
    ticks = trades([(at, at + delay, price, size) for at, delay, price, size in rows])
    ticks = select(ticks, canonical_order(ticks))._replace(sequence=np.arange(1, len(rows) + 1))
    cancelled = data.draw(st.lists(st.sampled_from(range(1, len(rows) + 1)), unique=True, max_size=5))
    ticks = with_cancels(
        ticks, [(number, data.draw(st.sampled_from([0.0, 5.0, 300.0]))) for number in cancelled]
    )
    shift = CLOSE - OPEN - 120 * SECOND if data.draw(st.booleans()) else 0
    ticks = ticks._replace(event_at=ticks.event_at + shift, known_at=ticks.known_at + shift)
    params = BarParams(1, TABLE, lateness_nanoseconds=LATENESS)

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


def test_a_late_trade_of_a_bar_that_never_was_makes_its_version_zero():
    bars, _ = run(BarParams(1, TABLE), trades([(100, 100, 10, 1), (3.5, 110, 11, 5)]))

    late = bars[(bars["open_at"] < OPEN + 60 * SECOND) & (bars["interval"] <= 60)]
    assert late[["interval", "version", "volume", "known_at"]].tolist() == [
        (1, 0, 5.0, OPEN + 110 * SECOND),
        (60, 0, 5.0, OPEN + 110 * SECOND),
    ]


def test_a_late_trade_counts_in_the_minute_and_the_day_that_are_still_open():
    bars, _ = run(
        BarParams(1, TABLE), trades([(1, 1, 10, 1), (30, 30, 11, 2), (1.5, 31, 99, 4), (40, 40, 12, 8)])
    )

    second = bars[(bars["interval"] == 1) & (bars["open_at"] == OPEN + SECOND)]
    assert second[["version", "high", "volume"]].tolist() == [(0, 10.0, 1.0), (1, 99.0, 5.0)]
    longer = bars[bars["interval"] > 1]
    assert longer[["version", "high", "volume"]].tolist() == [(0, 99.0, 15.0)] * 3


@pytest.mark.parametrize(("flags", "close"), [(0, 99.0), (1, 10.0)])
def test_a_late_trade_moves_open_and_close_only_where_it_is_not_flagged_as_regressing(flags, close):
    ticks = trades([(1, 1, 10, 1), (1.5, 31, 99, 4)], flags=[0, flags])

    bars, _ = run(BarParams(1, TABLE), ticks)

    assert last_versions(bars)[0, 1, OPEN + SECOND][["open", "close", "high"]].tolist() == (10.0, close, 99.0)


def test_a_session_bar_is_revised_after_the_session_and_an_early_trade_counts_as_the_bar_before():
    rows = [(5, 5, 10, 1), (23399, 23401, 50, 2), (23410, 23410, 11, 4)]

    bars, malformed = run(BarParams(1, TABLE), trades(rows))

    regular = bars[(bars["interval"] == DAY_SECONDS) & (bars["session"] == Session.REGULAR)]
    assert regular[["version", "volume", "high", "close"]].tolist() == [
        (0, 1.0, 10.0, 10.0),
        (1, 3.0, 50.0, 50.0),
    ]
    assert malformed == []


def test_a_cancel_of_the_only_trade_leaves_bars_without_prices():
    ticks = with_cancels(trades([(1, 1, 10, 4)]), [(1, 100.0)])

    bars, _ = run(BarParams(1, TABLE), ticks)

    last = last_versions(bars)
    assert sorted((key[1], int(bar["version"])) for key, bar in last.items()) == [(1, 1), (60, 1)]
    assert all(
        np.isnan(bar["close"]) and np.isnan(bar["vwap"]) and bar["volume"] == 0 for bar in last.values()
    )


def test_a_cancel_inside_its_open_second_leaves_no_trace():
    ticks = with_cancels(trades([(1, 1, 10, 4), (1.2, 1.2, 11, 8)]), [(1, 0.5)])

    bars, _ = run(BarParams(1, TABLE), ticks)

    assert bars[["interval", "version", "open", "volume"]].tolist() == [
        (interval, 0, 11.0, 8.0) for interval in INTERVALS
    ]


def test_a_second_cancel_of_one_trade_is_refused():
    ticks = with_cancels(trades([(1, 1, 10, 4)]), [(1, 1.0)])
    twice = select(ticks, np.array([0, 1, 1]))

    _, malformed = run(BarParams(1, TABLE, ("A",), "test"), twice)

    assert [(entry.place, entry.reason) for entry in malformed] == [("A:2", "cancel_of_unknown_trade")]


@pytest.mark.parametrize(("known", "refused"), [(1499.0, []), (1501.0, ["beyond_revision_horizon"])])
def test_a_late_trade_is_taken_up_to_the_horizon_and_refused_beyond(known, refused):
    ticks = trades([(300, 300, 10, 1), (301, known, 11, 2)])

    _, malformed = run(BarParams(1, TABLE), ticks)

    assert [entry.reason for entry in malformed] == refused


def test_without_a_horizon_late_trades_and_cancels_are_refused():
    ticks = with_cancels(trades([(1, 1, 10, 4), (50, 50, 10, 4), (2, 51, 11, 8)]), [(2, 30.0)])

    bars, malformed = run(BarParams(1, TABLE, revision_horizon_seconds=0), ticks)

    assert [entry.reason for entry in malformed] == ["late_for_closed_bar", "cancel_of_unknown_trade"]
    assert bars["version"].max() == 0
