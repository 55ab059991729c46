"""Time bars of a part of a second, against bars made of the trades row by row."""

import pickle

import numpy as np
import pytest

from apps.bar_file import composed
from apps.bar_making import BarRules, table_of
from domain.bar_kinds import BUILT_BAR, Empty, Mark, bar_spec
from domain.market import END, SECOND, row_count
from operators.bars import BarParams, Bars
from operators.built_bars import BuiltBarParams, BuiltBars
from tests.operators.composed_oracle import final_bars, measures_of
from tests.operators.test_composed_bars import (
    INTERVALS,
    LATENESS,
    OPEN,
    TABLE,
    assert_equal,
    through,
    trades,
)
from tests.operators.tick_samples import batches, random_ticks

MILLISECOND = SECOND // 1000
PACE = 30 * MILLISECOND


STARTS = [OPEN - 3 * SECOND, OPEN + 3 * SECOND]


def dense(seed, rows=250, late=0.05, cancels=0.05, delay_max=200 * MILLISECOND):
    return random_ticks(seed, rows, STARTS, 3, 0.2, late, cancels, delay_max, PACE)


def made_of(specs, ticks, size=10**9, pickled=False, **changes):
    """Return the clock's bars and the built ones, of states that were kept and loaded on the way if wanted."""
    first = Bars(BarParams(3, TABLE, lateness_nanoseconds=LATENESS, keep_marks=True))
    second = BuiltBars(
        BuiltBarParams(
            3, TABLE, tuple(map(bar_spec, specs)), intervals_seconds=INTERVALS, lateness_nanoseconds=LATENESS,
            ends_at=OPEN + 1800 * SECOND, **changes,
        )
    )  # fmt: skip
    one, two, answers = first.fresh(), second.fresh(), []
    for number, batch in enumerate(batches(ticks, size)):
        (barred,) = first.step(one, batch)
        answers += second.step(two, barred)
        if pickled and number % 5 == 0:
            two = pickle.loads(pickle.dumps(two))
    return np.concatenate([each.bars for each in answers]), np.concatenate(
        [np.empty(0, BUILT_BAR), *(each.built for each in answers)]
    )


@pytest.mark.parametrize("size", ["1ms", "100ms", "250ms", "300ms", "500ms", "999ms", "1.5s", "2.25"])
@pytest.mark.parametrize("seed", range(2))
def test_bars_of_a_part_of_a_second_equal_those_of_the_trades_that_stand(seed, size):
    ticks, spec = dense(seed), bar_spec(f"time:{size}")

    _, bars = made_of([f"time:{size}"], ticks)

    assert_equal(measures_of(bars), final_bars(TABLE, spec.size, LATENESS, ticks, END))
    assert bars["version"].max() > 0
    fresh = bars[(bars["version"] == 0) & (bars["known_at"] == bars["close_at"] + LATENESS)]
    assert len(fresh) > len(bars) / 2


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("empty", list(Empty))
def test_they_do_not_depend_on_batches_or_on_where_a_state_was_kept(size, empty):
    ticks = dense(6)
    specs = ["time:100ms", "time:0.25", "time:1.5", "time:7", "tick:20"]
    whole = made_of(specs, ticks, empty=empty)[1]

    cut = made_of(specs, ticks, size, pickled=True, empty=empty)[1]

    assert whole["version"].max() > 0
    for name in whole.dtype.names:
        assert cut[name].tobytes() == whole[name].tobytes(), name


def test_a_second_composed_of_its_parts_is_the_second_of_the_clock(tmp_path):
    ticks = dense(3, late=0, cancels=0, delay_max=0)
    clock, parts = made_of(["time:250ms"], ticks)
    names = tuple("ABC")
    table_of(parts, names, "time:0.25", versions=False).write_parquet(tmp_path / "parts.parquet")

    made = composed(tmp_path / "parts.parquet", bar_spec("time:1s"), BarRules(), "XNYS").table

    theirs = np.sort(clock[clock["interval"] == 1], order=["close_at", "instrument"])
    assert made["open_at"].to_physical().to_list() == theirs["open_at"].tolist()
    assert made["instrument"].to_list() == [names[which] for which in theirs["instrument"]]
    for name in ("open", "high", "low", "close", "volume", "vwap", "trade_count"):
        np.testing.assert_allclose(
            made[name].cast(float).fill_null(np.nan), theirs[name].astype(float), rtol=1e-12, err_msg=name
        )


def test_they_begin_with_their_session_and_the_last_one_ends_with_it():
    close = 23_400
    rows = [(0.1, 0.1, 10, 1), (0.6, 0.6, 11, 2), (close - 0.01, close - 0.01, 12, 4)]

    _, bars = through(["time:700ms"], trades(rows), instruments=1)

    spans = (bars["open_at"] - OPEN) // MILLISECOND, (bars["close_at"] - OPEN) // MILLISECOND
    last = 23_400_000 // 700 * 700
    assert [each.tolist() for each in spans] == [[0, last], [700, 23_400_000]]
    assert bars["volume"].tolist() == [3.0, 4.0]


def test_a_late_trade_makes_its_bar_again_and_the_empty_ones_that_carried_its_close():
    rows = [(0.05, 0.05, 10, 1), (0.95, 0.95, 11, 1), (0.15, 0.6, 12, 4)]

    _, bars = made_of(["time:200ms"], trades(sorted(rows, key=lambda row: row[1])), empty=Empty.CARRY)

    near = bars[bars["open_at"] < OPEN + SECOND]
    assert [
        ((int(b["open_at"]) - OPEN) // MILLISECOND, int(b["version"]), float(b["close"])) for b in near
    ] == [
        (0, 0, 10.0),
        (0, 1, 12.0),
        (200, 0, 12.0),
        (400, 0, 12.0),
        (600, 0, 12.0),
        (800, 0, 11.0),
    ]
    assert bool(near["marks"][2] & int(Mark.EMPTY))


def test_without_a_horizon_a_late_trade_of_an_open_second_is_refused_by_the_name_of_its_bar():
    ticks = trades([(0.05, 0.05, 10, 1), (0.06, 0.9, 11, 1)])
    first = Bars(
        BarParams(1, TABLE, lateness_nanoseconds=LATENESS, revision_horizon_seconds=0, keep_marks=True)
    )
    second = BuiltBars(
        BuiltBarParams(
            1,
            TABLE,
            (bar_spec("time:250ms"), bar_spec("time:1.75s")),
            ("IBM",),
            "mine",
            INTERVALS,
            LATENESS,
            0,
        )
    )
    one, two, found = first.fresh(), second.fresh(), []
    for batch in batches(ticks, 1):
        (barred,) = first.step(one, batch)
        found += [entry for answer in second.step(two, barred) for entry in answer.malformed]

    assert [(each.source, each.place, each.reason) for each in found] == [
        ("mine", "IBM:2:time:0.25+time:1.75", "late_for_closed_bar")
    ]
    assert row_count(ticks) == 2
