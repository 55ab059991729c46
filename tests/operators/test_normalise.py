"""Normalise: each reason and each flag, what is believed after a jump, splits, halts, and that no row is lost."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kept_sessions import session_table
from domain.instruments import Split
from domain.market import (
    END,
    SECOND,
    Condition,
    Kind,
    MarketBatch,
    Quality,
    Ticks,
    canonical_order,
    complete_ticks,
    concatenate,
    row_count,
    select,
)
from operators.normalise import REASONS, Normalise, NormaliseParams
from tests.operators.tick_samples import batches, random_ticks

OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York
NAN, INF = float("nan"), float("inf")
NAMES = ("A", "B", "C", "D", "E")


def params(**more) -> NormaliseParams:
    named = {"names": NAMES, "source": "test", "tick_sizes": np.full(5, 0.01), "sessions": None}
    return NormaliseParams(**(named | more))


def rows_of(rows: list[dict]) -> Ticks:
    """Rows a second apart from the open on; what a row leaves out is that of an ordinary trade of instrument 0."""
    usual = {
        "known": 0,
        "instrument": 0,
        "kind": Kind.TRADE,
        "price": 10.0,
        "size": 100,
        "conditions": 7,
        "sequence": 0,
    }
    usual |= {"bid": NAN, "ask": NAN}
    full = [usual | {"at": at} | row for at, row in enumerate(rows)]
    event_at = OPEN + np.array([round(row["at"] * SECOND) for row in full], np.int64)
    columns = {name: np.array([row[name] for row in full]) for name in usual if name != "known"}
    known_at = event_at + np.array([round(row["known"] * SECOND) for row in full], np.int64)
    return complete_ticks({"event_at": event_at, "known_at": known_at} | columns)


def run(given_params: NormaliseParams, ticks: Ticks, size: int = 10**9):
    stage = Normalise(given_params)
    state = stage.fresh()
    answers = [answer for batch in batches(ticks, size) for answer in stage.step(state, batch)]
    return concatenate([a.ticks for a in answers]), [entry for a in answers for entry in a.malformed]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"price": NAN}, "not_finite"),
        ({"price": INF}, "not_finite"),
        ({"size": NAN}, "not_finite"),
        ({"price": 0.0}, "not_positive"),
        ({"price": -1.0}, "not_positive"),
        ({"size": 0}, "not_positive"),
        ({"known": -0.001}, "known_before_it_happened"),
        ({"kind": Kind.QUOTE, "bid": INF}, "not_finite"),
        ({"kind": Kind.QUOTE, "ask": -INF}, "not_finite"),
        ({"kind": Kind.QUOTE, "bid": -0.01, "ask": 10.0}, "not_positive"),
        ({"kind": Kind.QUOTE}, "nothing_quoted"),
        ({"price": 12.51}, "price_jump"),
        ({"price": 7.49}, "price_jump"),
        ({"sequence": 1}, "duplicate"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason_and_the_rest_goes_on(row, reason):
    ticks = rows_of([{"sequence": 1}, row, {"sequence": 3}])

    good, malformed = run(params(), ticks)

    assert [entry.reason for entry in malformed] == [reason]
    assert good.sequence.tolist() == [1, 3]


@pytest.mark.parametrize(
    "row",
    [
        {"known": 0},
        {"price": 12.5},
        {"price": 7.5},
        {"kind": Kind.QUOTE, "bid": 10.0},
        {"kind": Kind.QUOTE, "ask": 10.0},
        {"kind": Kind.CANCEL, "price": NAN, "size": 0},
        {"kind": Kind.QUOTE, "bid": 9.0, "sequence": 1},
        {"sequence": 0},
        {"sequence": 2},
        {"price": 99.0, "conditions": int(Condition.COUNTS_VOLUME)},
        {"price": 99.0, "instrument": 1},
    ],
)
def test_a_row_just_inside_the_limits_passes_without_a_flag(row):
    good, malformed = run(params(), rows_of([{"sequence": 1}, row]))

    assert malformed == []
    assert good.flags.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("row", "flag"),
    [
        ({"at": -0.5}, Quality.REGRESSING),
        ({"price": 10.005}, Quality.OFF_TICK),
        ({"kind": Kind.QUOTE, "bid": 10.005}, Quality.OFF_TICK),
        ({"kind": Kind.QUOTE, "bid": 10.01, "ask": 10.0}, Quality.CROSSED),
        ({"at": 40_000}, Quality.OUT_OF_SESSION),
        (
            {"at": 40_000, "kind": Kind.QUOTE, "bid": 10.01, "ask": 10.0},
            Quality.OUT_OF_SESSION | Quality.CROSSED,
        ),
    ],
)
def test_a_doubtful_row_passes_with_its_flag(row, flag):
    table = session_table("XNYS", "2024-03-07", "2024-03-08")

    good, malformed = run(params(sessions=table), rows_of([{}, row]))

    assert malformed == []
    assert good.flags.tolist() == [0, int(flag)]


def test_a_row_regresses_against_its_own_instrument_and_kind_only():
    rows = [
        {"at": 5},
        {"at": 3, "instrument": 1},
        {"at": 3, "kind": Kind.QUOTE, "bid": 9.0},
        {"at": 4.9},
        {"at": 5},
    ]

    good, _ = run(params(), rows_of(rows))

    assert good.flags.tolist() == [0, 0, 0, int(Quality.REGRESSING), 0]


def test_a_flag_that_came_with_the_row_stays():
    ticks = rows_of([{}])._replace(flags=np.array([int(Quality.SUSPICIOUS)], np.uint32))

    good, _ = run(params(), ticks)

    assert good.flags.tolist() == [int(Quality.SUSPICIOUS)]


def test_identical_rows_are_no_duplicates_unless_their_sequence_says_so():
    same = {"at": 1, "price": 10.0, "size": 100}
    rows = [same | {"sequence": 1}, same | {"sequence": 2}, same | {"sequence": 2}, same, same]

    good, malformed = run(params(), rows_of(rows))

    assert [entry.place for entry in malformed] == ["A:0:2"]
    assert row_count(good) == 4


def test_sequences_count_by_instrument_and_kind():
    rows = [
        {"sequence": 5},
        {"sequence": 5, "instrument": 1},
        {"sequence": 5, "kind": Kind.QUOTE, "bid": 9.0},
    ]

    _, malformed = run(params(), rows_of(rows))

    assert malformed == []


def test_a_jump_is_believed_after_as_many_confirmations_as_are_asked_and_is_then_the_last_good_price():
    rows = [{"price": price} for price in (10.0, 20.0, 20.1, 19.9, 20.0, 20.2, 10.0)]

    good, malformed = run(params(), rows_of(rows))

    assert good.price.tolist() == [10.0, 20.0, 20.2]
    assert good.flags.tolist() == [0, int(Quality.SUSPICIOUS), 0]
    assert [entry.reason for entry in malformed] == ["price_jump"] * 4


@pytest.mark.parametrize("breaker", [{"price": 10.0}, {"price": 40.0}])
def test_confirmations_count_from_the_start_where_a_trade_between_them_does_not_agree(breaker):
    rows = [{"price": 10.0}, *[{"price": 20.0}] * 3, breaker, *[{"price": 20.0}] * 3]

    good, _ = run(params(), rows_of(rows))

    assert 20.0 not in good.price.tolist()


def test_the_last_price_is_split_when_the_split_takes_effect():
    split = Split(instrument="A", effective_at=OPEN + 2 * SECOND, known_at=OPEN, ratio=Decimal(2))
    elsewhere = Split(instrument="ZZZ", effective_at=OPEN, known_at=OPEN, ratio=Decimal(2))
    rows = [
        {"price": 10.0},
        {"price": 5.0},
        {"price": 5.0},
        {"price": 10.0},
        {"price": 10.0, "instrument": 1},
    ]

    good, malformed = run(params(splits=(split, elsewhere)), rows_of(rows))

    assert [entry.place for entry in malformed] == ["A:0:0", "A:0:0"]
    assert good.price.tolist() == [10.0, 5.0, 10.0]
    assert good.event_at.tolist() == [OPEN, OPEN + 2 * SECOND, OPEN + 4 * SECOND]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_splits_do_not_depend_on_batches(size):
    splits = tuple(
        Split(instrument=name, effective_at=OPEN + at * SECOND, known_at=OPEN, ratio=Decimal(ratio))
        for name, at, ratio in (("A", 2, 2), ("B", 2, 4), ("A", 5, "0.1"))
    )
    prices = [10.0, 10.0, 5.0, 5.0, 5.0, 50.0, 50.0]

    good, malformed = run(params(splits=splits), rows_of([{"price": price} for price in prices]), size)

    assert (good.price.tolist(), malformed) == (prices, [])


def test_a_trade_in_a_halt_is_refused_and_a_quote_flagged_until_trading_resumes():
    halt = {"kind": Kind.STATUS, "conditions": int(Condition.HALTED)}
    resume = {"kind": Kind.STATUS, "conditions": int(Condition.RESUMED)}
    bid = {"kind": Kind.QUOTE, "bid": 9.99}

    good, malformed = run(params(), rows_of([halt, {}, bid, {"instrument": 1}, resume, {}, bid]))

    assert [(entry.reason, entry.known_at) for entry in malformed] == [("trade_while_halted", OPEN + SECOND)]
    assert good.flags.tolist() == [0, int(Quality.HALTED), 0, 0, 0, 0]


def test_a_refused_row_says_where_it_stood_and_what_it_held():
    ticks = rows_of([{"price": -1.0, "sequence": 7, "instrument": 2}])

    _, (entry,) = run(params(), ticks)

    assert (entry.source, entry.place, entry.known_at) == ("test", "C:0:7", OPEN)
    assert "'price': -1.0" in entry.raw


def test_an_empty_batch_passes_and_earlier_refusals_stay_with_it():
    stage = Normalise(params())
    _, earlier = run(params(), rows_of([{"price": -1.0}]))
    batch = MarketBatch(OPEN, select(rows_of([{}]), slice(0, 0)), malformed=tuple(earlier))

    (answer,) = stage.step(stage.fresh(), batch)

    assert answer.malformed == tuple(earlier)


def test_a_source_with_few_columns_is_judged_as_if_it_had_them_all():
    full = rows_of([{}, {"price": -1.0}, {"price": 10.005}])
    bare = Ticks(full.event_at, full.known_at, full.instrument, full.price, full.size)

    good, malformed = run(params(), bare)

    assert [entry.reason for entry in malformed] == ["not_positive"]
    assert good.flags.tolist() == [0, int(Quality.OFF_TICK)]


prices = st.sampled_from([10.0, 10.01, 10.005, 20.0, 0.0, -1.0, NAN, INF])
any_row = st.fixed_dictionaries(
    {
        "at": st.integers(0, 9),
        "known": st.sampled_from([-1, 0, 0, 1]),
        "instrument": st.integers(0, 1),
        "kind": st.sampled_from(list(Kind)),
        "price": prices,
        "size": st.sampled_from([0, 100]),
        "sequence": st.integers(0, 3),
        "conditions": st.sampled_from([1, 7, int(Condition.HALTED), int(Condition.RESUMED)]),
        "bid": prices,
        "ask": prices,
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(any_row, min_size=1, max_size=30), st.sampled_from([1, 3, 100]))
def test_every_row_leaves_by_exactly_one_door_however_the_rows_come(rows, size):
    ticks = rows_of(rows)
    ticks = select(ticks, canonical_order(ticks))._replace(reference=np.arange(len(rows)))

    good, malformed = run(params(), ticks, size)
    whole, refused = run(params(), ticks)

    assert row_count(good) + len(malformed) == len(rows)
    assert len(set(good.reference.tolist())) == row_count(good)
    assert malformed == refused
    assert {entry.reason for entry in malformed} <= set(REASONS[1:])
    assert good.flags.tolist() == whole.flags.tolist()


def test_good_random_rows_all_pass_with_the_flags_that_they_were_made_with():
    ticks = random_ticks(4, 2000, [OPEN], quotes=0.5, late=0.05)

    good, malformed = run(params(jump_max=10.0), ticks._replace(flags=None))

    quoted_nothing = (ticks.kind == Kind.QUOTE) & np.isnan(ticks.bid) & np.isnan(ticks.ask)
    crossed_or_regressing = int(Quality.REGRESSING | Quality.CROSSED)
    assert [entry.reason for entry in malformed] == ["nothing_quoted"] * int(quoted_nothing.sum())
    assert (good.flags & int(Quality.REGRESSING)).tolist() == ticks.flags[~quoted_nothing].tolist()
    assert (good.flags & ~np.uint32(crossed_or_regressing)).max() == 0


@pytest.mark.parametrize("given_params", [{"jump_max": 0.0}, {"jump_confirmations": 0}, {"jump_max": NAN}])
def test_a_jump_limit_that_would_refuse_everything_is_refused(given_params):
    with pytest.raises(ValueError, match="jump_max"):
        params(**given_params)


def test_the_watermark_passes_unchanged():
    stage = Normalise(params())

    (answer,) = stage.step(stage.fresh(), MarketBatch(END, rows_of([{}])))

    assert answer.watermark == END
