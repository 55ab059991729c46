"""What the quality stage finds out of each instrument's data, and when."""

import numpy as np
import pytest

from connectors.kept_sessions import session_table
from domain.health import HealthState, market_health
from domain.market import END, SECOND, Condition, Kind, Malformed, MarketBatch, Quality, complete_ticks
from features.quality import RowRules
from operators.quality import HealthRules, QualityParams
from operators.quality import Quality as QualityStage
from tests.operators.market_case import normal, quality_stage, step_all

OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York
CLOSE = OPEN + 23_400 * SECOND
TABLE = session_table("XNYS", "2024-03-06", "2024-03-12")
RULES = HealthRules(dense=True)
NEXT = (1 << 32) + 1


def stage(rules=RULES, row_rules=None):
    return QualityStage(
        QualityParams(("A", "B"), "feed", TABLE, CLOSE + SECOND, rules, np.full(2, 0.01), row_rules)
    )


def quotes(at, bid=10.0, ask=10.02, sequence=None, instrument=0):
    """Return quotes of an instrument at instants, with the best quotes after them."""
    count = len(at)
    numbers = NEXT + np.arange(count) if sequence is None else sequence
    columns = {
        "event_at": np.asarray(at),
        "instrument": np.full(count, instrument),
        "kind": np.full(count, Kind.QUOTE),
        "sequence": numbers,
        "bid": np.full(count, bid),
        "ask": np.full(count, ask),
    }
    made = complete_ticks(columns)
    return made._replace(
        best_bid=made.bid, best_ask=made.ask, best_bid_size=made.size, best_ask_size=made.size
    )


def told(batches, made=None):
    """Return the state of each record that a stage gives, with its instant in seconds from the open."""
    made = made or stage()
    answers = step_all(made, made.fresh(), batches)
    return [
        (row.instrument, row.state.value, (row.known_at - OPEN) / SECOND)
        for one in answers
        for row in one.health
    ]


def each_second(seconds, start=0):
    return OPEN + (start + np.arange(seconds)) * SECOND


def test_an_instrument_is_fresh_with_its_first_row_and_mute_when_it_is_silent_for_longer_than_its_rhythm():
    rows = quotes(each_second(100))

    assert told([MarketBatch(OPEN + 109 * SECOND, rows)]) == [("A", "fresh", 0.0)]
    assert told([MarketBatch(OPEN + 109 * SECOND + 1, rows)]) == [("A", "fresh", 0.0), ("A", "mute", 109.0)]


def test_silence_is_told_at_its_own_instant_also_where_the_watermark_comes_much_later_and_ends_with_a_row():
    at = np.concatenate([each_second(100), each_second(1, 500)])

    assert told([MarketBatch(OPEN + 505 * SECOND, quotes(at))]) == [
        ("A", "fresh", 0.0),
        ("A", "mute", 109.0),
        ("A", "fresh", 500.0),
    ]


def test_silence_is_measured_against_the_longest_gaps_of_late():
    at = np.concatenate([each_second(50), each_second(50, 54)])

    assert told([MarketBatch(CLOSE, quotes(at))])[1] == ("A", "mute", 103.0 + 4 * 5.0)


def test_a_silence_that_was_called_mute_doubles_what_is_allowed_and_no_more():
    """After 10 s are allowed 20, then 40, however long the silences were, so that one does not hide the next."""
    at = np.concatenate([each_second(100), each_second(50, 1_000), each_second(50, 2_000)])

    found = [instant for _, state, instant in told([MarketBatch(CLOSE, quotes(at))]) if state == "mute"]

    assert found == [99.0 + 10.0, 1_049.0 + 20.0, 2_049.0 + 40.0]


@pytest.mark.parametrize("rows", [63, 64])
def test_an_instrument_without_a_rhythm_is_not_called_mute(rows):
    found = told([MarketBatch(CLOSE, quotes(each_second(rows)))])

    assert len(found) == (1 if rows < 64 else 2)


def test_nobody_is_mute_after_the_close_but_one_that_does_not_begin_the_next_day_is():
    at = CLOSE - 100 * SECOND + np.arange(100) * SECOND
    next_day = OPEN + 86_400 * SECOND

    assert [state for _, state, _ in told([MarketBatch(next_day, quotes(at))])] == ["fresh"]
    found = told([MarketBatch(next_day + 60 * SECOND, quotes(at))])
    assert found[-1] == ("A", "mute", 86_400 + 10.0)


def test_when_the_input_has_ended_silence_counts_to_the_end_of_its_last_day_and_no_further():
    rows = quotes(CLOSE - 100 * SECOND + np.arange(100) * SECOND)

    assert [state for _, state, _ in told([MarketBatch(END, rows)])] == ["fresh"]


def test_a_crossed_market_is_told_after_a_second_and_over_at_once():
    crossed = quotes(each_second(4), bid=10.03)
    over = quotes(each_second(1, 4), sequence=np.array([NEXT + 4]))

    found = told([MarketBatch(OPEN + 4 * SECOND, crossed), MarketBatch(OPEN + 5 * SECOND, over)])

    assert found == [("A", "fresh", 0.0), ("A", "crossed", 1.0), ("A", "fresh", 4.0)]


def test_a_market_that_is_crossed_for_a_second_and_no_longer_is_healthy():
    crossed, over = (
        quotes(each_second(1), bid=10.03),
        quotes(each_second(1, 1), sequence=np.array([NEXT + 1])),
    )

    found = told([MarketBatch(OPEN, crossed), MarketBatch(OPEN + 9 * SECOND, over)])

    assert found == [("A", "fresh", 0.0)]


def test_a_hole_in_the_numbers_is_a_gap_until_five_seconds_have_passed_without_another():
    rows = quotes(each_second(9), sequence=NEXT + np.array([0, 1, 3, 4, 5, 6, 7, 8, 9]))

    found = told([MarketBatch(OPEN + 9 * SECOND, rows)])

    assert found == [("A", "fresh", 0.0), ("A", "gap", 2.0), ("A", "fresh", 7.0)]


def test_holes_are_no_gaps_where_the_numbers_of_the_feed_may_have_them_or_a_new_day_begins():
    holes = quotes(each_second(3), sequence=NEXT + np.array([0, 5, 9]))
    days = quotes(each_second(2), sequence=np.array([NEXT, (2 << 32) + 1]))

    assert told([MarketBatch(OPEN + 9 * SECOND, holes)], stage(HealthRules())) == [("A", "fresh", 0.0)]
    assert told([MarketBatch(OPEN + 9 * SECOND, days)]) == [("A", "fresh", 0.0)]


@pytest.mark.parametrize(("refused", "degraded"), [(9, False), (10, True)])
def test_data_is_degraded_when_more_than_a_hundredth_of_the_rows_of_five_minutes_and_ten_were_refused(
    refused, degraded
):
    at = OPEN + np.arange(900) * SECOND // 10
    malformed = tuple(
        Malformed("feed", f"A:0:{number}", "price_jump", "", OPEN + 61 * SECOND) for number in range(refused)
    )

    found = told([MarketBatch(OPEN + 90 * SECOND, quotes(at), malformed=malformed)])

    assert (("A", "degraded", 70.0) in found) == degraded


@pytest.mark.parametrize(("rows", "degraded"), [(990, False), (989, True)])
def test_a_hundredth_is_still_allowed_and_copies_do_not_count(rows, degraded):
    at = OPEN + np.arange(rows) * (SECOND // 1000)
    reasons = ["not_finite"] * 10 + ["duplicate"] * 50
    malformed = tuple(
        Malformed("feed", f"A:0:{number}", reason, "", OPEN) for number, reason in enumerate(reasons)
    )

    found = told([MarketBatch(OPEN + 60 * SECOND, quotes(at), malformed=malformed)])

    assert ("degraded" in {state for _, state, _ in found}) == degraded


def test_a_halt_is_told_until_trading_is_resumed():
    status = complete_ticks(
        {
            "event_at": each_second(2),
            "instrument": np.ones(2),
            "kind": np.full(2, Kind.STATUS),
            "conditions": np.array([Condition.HALTED, Condition.RESUMED]),
            "best_bid": np.full(2, np.nan),
            "best_ask": np.full(2, np.nan),
        }
    )

    assert told([MarketBatch(OPEN + SECOND, status)]) == [("B", "halted", 0.0), ("B", "fresh", 1.0)]


def test_a_record_says_whose_rule_spoke_with_what_it_measured_and_numbers_count_for_each_instrument():
    made = stage()
    (answer,) = made.step(made.fresh(), MarketBatch(OPEN + 200 * SECOND, quotes(each_second(100))))

    reasons = [(row.source, row.sequence, row.reason) for row in answer.health]

    assert reasons == [
        ("quality:feed", 1, "rows come"),
        ("quality:feed", 2, "stale: no row for 10.000 s, longer than its own rhythm allows"),
    ]


def test_what_a_feed_says_of_itself_leaves_in_its_place_among_what_was_found_out():
    said = market_health(
        "B", HealthState.GAP, "depth", source="feed", sequence=1, event_at=OPEN, known_at=OPEN + 5 * SECOND
    )

    found = told([MarketBatch(OPEN + 200 * SECOND, quotes(each_second(100)), health=(said,))])

    assert found == [("A", "fresh", 0.0), ("B", "gap", 5.0), ("A", "mute", 109.0)]


def test_doubtful_rows_are_flagged_beside_what_they_carry_only_where_that_is_wanted():
    rows = quotes(each_second(100))
    rows.bid[60] = rows.ask[60] = 0.0
    rows.bid[70], rows.ask[70] = 100.1, 100.12
    rows = rows._replace(flags=np.full(100, Quality.OFF_TICK, np.uint32))
    plain, flagging = stage(), stage(row_rules=RowRules())

    (kept,) = plain.step(plain.fresh(), MarketBatch(OPEN + 100 * SECOND, rows))
    (flagged,) = flagging.step(flagging.fresh(), MarketBatch(OPEN + 100 * SECOND, rows))

    assert set(kept.ticks.flags.tolist()) == {int(Quality.OFF_TICK)}
    assert np.flatnonzero(flagged.ticks.flags != Quality.OFF_TICK).tolist() == [70]
    assert flagged.ticks.flags[70] == Quality.OFF_TICK | Quality.SCALE


def test_the_case_of_the_contract_suite_holds_every_state_that_rows_can_lead_to():
    answers = step_all(made := quality_stage(), made.fresh(), normal(3000, 64, None))

    states = {row.state.value for answer in answers for row in answer.health}

    assert states == {"fresh", "gap", "crossed", "degraded", "mute"}


@pytest.mark.parametrize(
    "wrong", [{"silence_min": 0}, {"refused_share": 1.0}, {"crossed_max": -1}, {"silence_multiple": 0}]
)
def test_rules_that_would_call_everything_unhealthy_are_refused(wrong):
    with pytest.raises(ValueError, match="were given"):
        stage(HealthRules(**wrong))


def test_flags_without_tick_sizes_are_refused():
    with pytest.raises(ValueError, match="row_rules need tick_sizes"):
        QualityParams(("A",), "feed", TABLE, CLOSE, row_rules=RowRules())
