"""The rules for single rows: at the limit, beyond it, and what is learnt from doubtful rows."""

import numpy as np
import pytest

from domain.market import ELIGIBLE, Condition, Kind, Quality
from features.quality import ROWS, RULES, WINDOW, RowRules, is_outlier, judge_rows, off_scale

TICK = 0.01


def judged(price=None, size=None, bid=None, ask=None, conditions=ELIGIBLE, regular=True, rules=None):
    """Return the flags of trades, or of quotes where bids are given, of one instrument."""
    quoted = bid is not None
    count = len(bid if quoted else price)
    nothing = np.full(count, np.nan)
    flags = np.zeros(count, np.uint32)
    flagged = judge_rows(
        np.zeros(count, np.int32),
        np.full(count, Kind.QUOTE if quoted else Kind.TRADE, np.uint8),
        nothing if quoted else np.asarray(price, float),
        np.full(count, 100.0) if size is None else np.asarray(size, float),
        np.broadcast_to(np.asarray(conditions, np.uint32), count).copy(),
        np.asarray(bid, float) if quoted else nothing,
        np.asarray(ask, float) if quoted else nothing,
        np.array([TICK]),
        np.full(count, regular),
        rules or RowRules(),
        np.zeros(1, ROWS),
        flags,
    )
    assert flagged == np.count_nonzero(flags)
    return flags.tolist()


@pytest.mark.parametrize("factor", [10, 100, 0.1, 0.01, 1 / 50**2])
@pytest.mark.parametrize(
    ("near", "flagged"), [(0.949, False), (0.951, True), (1.0, True), (1.049, True), (1.051, False)]
)
def test_a_price_is_of_another_scale_within_a_twentieth_of_it(factor, near, flagged):
    assert off_scale(50.0 * factor * near, 50.0, 0.05) == flagged


def test_a_price_near_one_is_not_its_own_reciprocal():
    assert not off_scale(1.02, 0.99, 0.05)
    assert off_scale(1 / 1.38, 1.38, 0.05)


@pytest.mark.parametrize(("away", "outlier"), [(0.12999, False), (0.13001, True)])
def test_an_outlier_is_so_many_trimmed_deviations_and_the_granularity_from_the_trimmed_mean(away, outlier):
    prices = np.full(WINDOW, 100.0)
    prices[:2], prices[-2:] = 50.0, 900.0
    prices[2:10], prices[10:18] = 99.995, 100.005
    deviation = 0.005

    assert is_outlier(100.0 + away, prices, WINDOW * 5 + 10, 6.0, 0.13 - 6 * deviation) == outlier


def test_nothing_is_an_outlier_before_the_window_is_full():
    prices = [100.0] * WINDOW + [103.0]

    assert judged(prices) == [0] * WINDOW + [int(Quality.OUTLIER)]
    assert judged(prices[1:]) == [0] * WINDOW


def test_an_outlier_is_not_learnt_from_and_the_fourth_in_a_row_is_a_new_level():
    outlier = int(Quality.OUTLIER)

    assert judged([100.0] * 30 + [103.0, 100.0, 103.0]) == [0] * 30 + [outlier, 0, outlier]
    assert judged([100.0] * 30 + [103.0] * 5) == [0] * 30 + [outlier] * 3 + [0, 0]


def test_trades_that_move_no_price_and_missing_sides_are_passed_over():
    odd_lot = int(Condition.COUNTS_VOLUME)

    assert judged([100.0] * 30 + [1000.0], conditions=[ELIGIBLE] * 30 + [odd_lot]) == [0] * 31
    assert judged(bid=[10.0] * 60 + [np.nan, 10.0], ask=[10.02] * 60 + [99.0, np.nan]) == [0] * 62


@pytest.mark.parametrize(
    ("spread", "regular", "wide"), [(1.0, True, False), (2.1, True, True), (2.1, False, False)]
)
def test_a_spread_is_wide_at_fifty_times_its_median_while_the_market_is_open(spread, regular, wide):
    bid, ask = [100.0] * 80 + [100.0 - spread / 2], [100.02] * 80 + [100.0 + spread / 2]

    assert bool(judged(bid=bid, ask=ask, regular=regular)[-1] & Quality.WIDE_SPREAD) == wide


def test_a_spread_that_is_small_against_the_price_is_not_wide_however_small_its_median_is():
    bid, ask = [10_000.0] * 80 + [9_999.5], [10_000.01] * 80 + [10_000.5]

    assert judged(bid=bid, ask=ask) == [0] * 81


@pytest.mark.parametrize(("size", "spike"), [(2000.0, False), (2001.0, True)])
def test_a_size_is_a_spike_beyond_twenty_times_the_largest_of_late_unless_it_is_an_auction(size, spike):
    sizes = [100.0] * 50 + [size]
    auction = [ELIGIBLE] * 50 + [ELIGIBLE | Condition.OPENING_PRINT]

    assert judged([10.0] * 51, sizes)[-1] == (int(Quality.VOLUME_SPIKE) if spike else 0)
    assert judged([10.0] * 51, sizes, conditions=auction)[-1] == 0


def test_every_rule_has_an_id_of_its_own_and_every_flag_belongs_to_one_rule():
    flags = [rule.flag for rule in RULES.values() if rule.flag]

    assert len({rule.rule_id for rule in RULES.values()}) == len(RULES)
    assert sorted(flags) == sorted(
        int(flag) for flag in Quality if flag not in (Quality.OUT_OF_SESSION, Quality.SUSPICIOUS)
    )
