"""Activity bars of every kind against bars made the slow way, at every prefix, and their rules one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kept_sessions import session_table
from domain.bar_kinds import BUILT_BAR, Mark, Partial, bar_spec
from domain.market import END, SECOND, MarketBatch, Ticks, row_count, select
from operators.best_quotes import BestQuotes, BestQuotesParams
from operators.built_bars import BuiltBarParams, BuiltBars
from operators.stage import pack, unpack
from tests.operators.activity_oracle import ActivityOracle, Seen
from tests.operators.bar_case import OPEN, trades
from tests.operators.tick_samples import batches, random_ticks

CLOSE = OPEN + 23_400 * SECOND
LATENESS = 250_000_000
TABLE = session_table("XNYS", "2024-03-06", "2024-03-12")
KINDS = (
    "tick:20",
    "volume:3000",
    "notional:200000",
    "range:0.05",
    "renko:0.05",
    "tick_imbalance:20",
    "volume_imbalance:20",
    "notional_imbalance:20",
    "tick_runs:20",
    "volume_runs:20",
    "notional_runs:20",
)
QUOTED = (
    "tick:20:quotes",
    "volume:9000:quotes",
    "renko:0.02:quotes",
    "range:0.03:quotes",
    "tick_runs:20:quotes",
)


def params_of(specs, **changes) -> BuiltBarParams:
    given_params = {
        "instruments": 5,
        "sessions": TABLE,
        "specs": tuple(map(bar_spec, specs)),
        "lateness_nanoseconds": LATENESS,
    }
    return BuiltBarParams(**{**given_params, **changes})


def rows_of(seed: int, rows: int, late: float = 0.03, cancels: float = 0.03) -> Ticks:
    """Rows about the open and over the close, with best quotes, in one batch."""
    starts = [OPEN - 300 * SECOND, OPEN + 3000 * SECOND, CLOSE - 200 * SECOND]
    ticks = random_ticks(seed, rows, starts, 5, 0.3, late, cancels)
    quotes = BestQuotes(BestQuotesParams(5, TABLE))
    (answer,) = quotes.step(quotes.fresh(), MarketBatch(END, ticks))
    return answer.ticks


def through(params, ticks, size=10**9):
    stage = BuiltBars(params)
    state = stage.fresh()
    answers = [answer for batch in batches(ticks, size) for answer in stage.step(state, batch)]
    built = np.concatenate([np.empty(0, BUILT_BAR), *(answer.built for answer in answers)])
    return built, [entry for answer in answers for entry in answer.malformed]


def seen(bars) -> list[Seen]:
    return [Seen(*(bar[name].item() for name in Seen._fields)) for bar in bars]


def assert_same(bars, expected: list[Seen]) -> None:
    """Compare bars in any order: what is whole to the last bit, sums to what another order of adding may change."""
    ours, theirs = sorted(seen(bars)), sorted(expected)
    whole = Seen._fields.index("volume")
    assert [repr(each[:whole]) for each in ours] == [repr(each[:whole]) for each in theirs]
    sums = [np.array([each[whole:] for each in side]).reshape(-1, 2) for side in (ours, theirs)]
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-12)


@pytest.mark.parametrize("name", [*KINDS, *QUOTED])
def test_at_every_prefix_bars_equal_those_made_the_slow_way(name):
    ticks, params = rows_of(3, 900), params_of([name])
    oracle = ActivityOracle(0, bar_spec(name), TABLE, LATENESS)
    stage = BuiltBars(params)
    state, released, refused = stage.fresh(), [np.empty(0, BUILT_BAR)], 0

    for row in range(row_count(ticks)):
        (answer,) = stage.step(
            state, MarketBatch(int(ticks.known_at[row]), select(ticks, slice(row, row + 1)))
        )
        released.append(answer.built)
        refused += len(answer.malformed)
        oracle.feed(ticks, row)
        if row % 30 == 0:
            assert_same(np.concatenate([*released, state.waiting]), oracle.seen)
    (answer,) = stage.step(state, MarketBatch(END, select(ticks, slice(0, 0))))
    oracle.end()

    assert_same(np.concatenate([*released, answer.built]), oracle.seen)
    assert len(oracle.seen) > 10
    assert refused == (0 if "quotes" in name else len(oracle.refused))


@pytest.mark.parametrize("limit", [0, 3, 10])
@pytest.mark.parametrize("name", [name for name in KINDS if "_" in name])
def test_expectations_are_those_of_the_bars_before(name, limit):
    ticks = rows_of(8, 1500, late=0, cancels=0)
    oracle = ActivityOracle(0, bar_spec(name), TABLE, LATENESS, expected=(5, limit))
    for row in range(row_count(ticks)):
        oracle.feed(ticks, row)
    oracle.end()

    bars, _ = through(params_of([name], expected_span_bars=5, expected_limit=limit), ticks)

    assert_same(bars, oracle.seen)
    first = bars[bars["number"] == 0]
    assert (first["marks"] & int(Mark.WARM_UP) != 0).all()


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_bars_do_not_depend_on_batches(size):
    ticks, params = rows_of(11, 1200), params_of([*KINDS, *QUOTED])

    whole, cut = through(params, ticks), through(params, ticks, size)

    assert seen_bits(cut[0]) == seen_bits(whole[0])
    assert cut[1] == whole[1]


def seen_bits(bars):
    return [[bars[name].tobytes() for name in bars.dtype.names]]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_cut_and_pickled_anywhere_the_bars_are_the_same(data):
    ticks = rows_of(data.draw(st.integers(0, 5)), 300, late=0.08, cancels=0.08)
    params = params_of(data.draw(st.lists(st.sampled_from([*KINDS, *QUOTED]), min_size=1, unique=True)))
    cuts = sorted(data.draw(st.lists(st.integers(1, 299), max_size=6)))
    stage = BuiltBars(params)
    state, parts, refused = stage.fresh(), [np.empty(0, BUILT_BAR)], []

    for start, stop in zip([0, *cuts], [*cuts, 300], strict=True):
        watermark = END if stop == 300 else int(ticks.known_at[max(stop - 1, 0)])
        (answer,) = stage.step(state, MarketBatch(watermark, select(ticks, slice(start, stop))))
        parts.append(answer.built)
        refused += answer.malformed
        stage = BuiltBars(params)
        state = unpack("built", stage, pack(stage, state))

    whole = through(params, ticks)
    assert seen_bits(np.concatenate(parts)) == seen_bits(whole[0])
    assert refused == whole[1]


def bars_of(name, ticks, **changes):
    bars, malformed = through(params_of([name], instruments=1, **changes), ticks)
    return bars, [entry.reason for entry in malformed]


def test_a_tick_bar_is_known_with_its_last_trade_and_the_rest_of_the_session_is_cut():
    bars, _ = bars_of("tick:2", trades([(1, 1.1, 10, 5), (2, 2.2, 11, 6), (3, 3.3, 12, 7)]))

    assert bars[["open_at", "close_at", "known_at", "close", "volume", "marks"]].tolist() == [
        (OPEN + SECOND, OPEN + 2 * SECOND, OPEN + 2_200_000_000, 11.0, 11.0, 0),
        (OPEN + 3 * SECOND, CLOSE, CLOSE + LATENESS, 12.0, 7.0, int(Mark.CUT)),
    ]


@pytest.mark.parametrize(("sizes", "closed"), [((6, 3), 0), ((6, 4), 1), ((6, 5), 1)])
def test_a_volume_bar_closes_at_its_size_and_keeps_the_whole_of_the_trade_that_fills_it(sizes, closed):
    bars, _ = bars_of("volume:10", trades([(at, at, 10, size) for at, size in enumerate(sizes)]))

    assert (bars["marks"] == 0).sum() == closed
    assert bars["volume"].sum() == sum(sizes)


def test_tenths_add_up_to_a_bar():
    bars, _ = bars_of("volume:1", trades([(at, at, 10, 0.1) for at in range(10)]))

    assert bars[["trade_count", "marks"]].tolist() == [(10, 0)]


def test_a_gap_makes_renko_bricks_of_which_only_the_first_has_volume():
    bars, _ = bars_of("renko:1", trades([(0, 0, 10.5, 1), (1, 1, 11.2, 2), (2, 2, 14.1, 4), (3, 3, 12.1, 8)]))

    assert bars[["open", "close", "high", "low", "volume", "trade_count"]].tolist() == [
        (10.0, 11.0, 11.0, 10.0, 3.0, 2),
        (11.0, 12.0, 12.0, 11.0, 4.0, 1),
        (12.0, 13.0, 13.0, 12.0, 0.0, 0),
        (13.0, 14.0, 14.0, 13.0, 0.0, 0),
    ]


@pytest.mark.parametrize(("price", "closes"), [(12.01, []), (12.0, [12.0]), (10.9, [12.0, 11.0])])
def test_renko_turns_only_when_the_price_is_a_brick_beyond_the_last(price, closes):
    rows = [(0, 0, 10, 1), (1, 1, 14, 1), (2, 2, price, 1)]

    bars, _ = bars_of("renko:1", trades(rows))

    assert bars["close"][4:].tolist() == closes


def test_a_brick_waits_over_the_night_and_takes_the_gap():
    bars, _ = bars_of("renko:1", trades([(0, 0, 10, 1), (86_400, 86_400, 12, 2)]))

    assert bars[["close", "volume"]].tolist() == [(11.0, 3.0), (12.0, 0.0)]


@pytest.mark.parametrize("name", [name for name in KINDS if name != "renko:0.05"])
def test_no_bar_lies_in_two_sessions(name):
    ticks = rows_of(5, 1500, late=0, cancels=0)

    bars, _ = through(params_of([name]), ticks)

    first, last = TABLE.segment(bars["open_at"]), TABLE.segment(bars["close_at"] - 1)
    assert np.array_equal(first, last)
    assert np.array_equal(bars["session"], TABLE.labels[first])


LATE = [(1, 1, 10, 1), (2, 2, 11, 2), (3, 3, 12, 4), (4, 4, 13, 8), (1.5, 60, 99, 16)]


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("tick:2", [(1, 10.0, 99.0, 10.0, 11.0, 19.0, 3)]),
        ("volume:3", [(1, 10.0, 99.0, 10.0, 11.0, 19.0, 3)]),
        ("notional:30", [(1, 10.0, 99.0, 10.0, 11.0, 19.0, 3)]),
        ("range:1", [(1, 10.0, 99.0, 10.0, 11.0, 19.0, 3)]),
        ("renko:1", [(1, 10.0, 11.0, 10.0, 11.0, 19.0, 3)]),
        ("tick_imbalance:2", [(1, 10.0, 99.0, 10.0, 11.0, 19.0, 3)]),
        ("volume_runs:2", [(1, 10.0, 99.0, 10.0, 11.0, 19.0, 3)]),
    ],
)
def test_a_late_trade_counts_in_the_bar_of_its_time_whose_ends_stay(name, again):
    bars, refused = bars_of(name, trades(LATE))

    revised = bars[bars["version"] > 0]
    assert revised[["version", "open", "high", "low", "close", "volume", "trade_count"]].tolist() == again
    assert revised["known_at"].tolist() == [OPEN + 60 * SECOND]
    assert revised[["open_at", "close_at"]].tolist() == bars[:1][["open_at", "close_at"]].tolist()
    assert refused == []


def cancelled(rows, reference, at):
    """Rows, and a cancel of the trade of that number so many seconds after the open."""
    plain = trades([*rows, (at, at, np.nan, 0)])
    kind, named = np.zeros(row_count(plain), np.uint8), np.zeros(row_count(plain), np.int64)
    kind[-1], named[-1] = 1, reference
    return plain._replace(kind=kind, reference=named)


@pytest.mark.parametrize(
    "name", ["tick:2", "volume:3", "notional:30", "range:1", "tick_runs:2", "volume_imbalance:2"]
)
def test_a_cancel_revises_the_closed_bar_of_its_trade(name):
    bars, refused = bars_of(name, cancelled(LATE[:4], 2, 50))

    revised = bars[bars["version"] > 0]
    assert revised[["number", "high", "close", "volume", "trade_count"]].tolist() == [(0, 10.0, 10.0, 1.0, 1)]
    assert refused == []


def test_a_cancel_leaves_the_prices_of_a_brick():
    bars, _ = bars_of("renko:1", cancelled(LATE[:4], 2, 50))

    assert bars[bars["version"] > 0][["number", "open", "close", "volume"]].tolist() == [(0, 10.0, 11.0, 1.0)]


def test_a_cancel_in_the_open_bar_leaves_no_trace():
    rows = cancelled([(1, 1, 10, 1), (2, 2, 99, 50)], 2, 3)
    more = trades([(4, 4, 11, 60)])
    ticks = Ticks._make(
        np.concatenate([a, b]) if a is not None else None for a, b in zip(rows, more, strict=True)
    )

    bars, _ = bars_of("volume:60", ticks)

    assert bars[["version", "high", "volume", "trade_count"]].tolist() == [(0, 11.0, 61.0, 2)]


@pytest.mark.parametrize(("known", "refused"), [(1201.0, []), (1201.5, ["beyond_revision_horizon"])])
def test_a_late_trade_is_taken_up_to_the_horizon_and_refused_beyond(known, refused):
    rows = [*LATE[:4], (1.5, known, 99, 16)]

    assert bars_of("tick:2", trades(rows))[1] == refused


def test_without_a_horizon_late_trades_and_cancels_are_refused():
    late = bars_of("tick:2", trades(LATE), revision_horizon_seconds=0)
    cancel = bars_of("tick:2", cancelled(LATE[:4], 2, 50), revision_horizon_seconds=0)

    assert (late[1], cancel[1]) == (["late_for_closed_bar"], ["cancel_of_unknown_trade"])


def test_a_cancel_of_nothing_is_refused_once_and_names_the_bars():
    _, malformed = through(
        params_of(["tick:2", "renko:1"], names=tuple("ABCDE")), cancelled(LATE[:4], 77, 50)
    )

    assert [(entry.place, entry.reason) for entry in malformed] == [
        ("A:5:tick:2+renko:1", "cancel_of_unknown_trade")
    ]


@pytest.mark.parametrize(
    ("partial", "marks"), [("keep", [0, 0]), ("drop", [0]), ("mark", [0, int(Mark.CUT)])]
)
def test_a_bar_that_its_session_cut_is_kept_dropped_or_marked(partial, marks):
    bars, _ = bars_of("tick:2", trades(LATE[:3]), partial=Partial(partial))

    assert bars["marks"].tolist() == marks


def test_a_trade_that_would_make_millions_of_bricks_makes_the_first_and_the_last():
    bars, _ = bars_of("renko:0.001", trades([(0, 0, 1, 1), (1, 1, 1001, 2)]))

    assert len(bars) == 65_536
    assert bars["close"][[0, -1]].tolist() == pytest.approx([1.001, 1001.0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ticks:500", "KIND:SIZE"),
        ("tick", "whole number of trades"),
        ("tick:2.5", "whole number of trades"),
        ("renko:-1", "above 0"),
        ("time:7d", "whole milliseconds, at most a day"),
        ("time:0.0001", "whole milliseconds"),
        ("time:250us", "whole milliseconds"),
        ("time:0ms", "whole milliseconds"),
        ("time:86400001ms", "whole milliseconds"),
        ("time:60:quotes", "quote bars"),
        ("volume:inf", "above 0"),
    ],
)
def test_a_name_that_is_no_kind_of_bar_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        bar_spec(text)


@pytest.mark.parametrize(
    "text",
    [
        "tick:500",
        "renko:0.05",
        "time:300",
        "time:0.25",
        "time:1.5",
        "time:0.001",
        "range:0.1:quotes",
        "volume:0.5",
    ],
)
def test_a_name_is_read_as_it_is_written(text):
    assert bar_spec(text).name == text
