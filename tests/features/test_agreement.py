"""Two feeds of one instrument: apart after two seconds, together at once."""

import numpy as np
import pytest

from domain.market import SECOND
from features.agreement import AGREEMENT, AgreementRules, compare_feeds


def apart(seconds, feed, mid, cut=None):
    """Return of each row whether the feeds are apart after it; `cut` feeds the rows in two parts."""
    at = 10**18 + (np.asarray(seconds) * SECOND).astype(np.int64)
    out, memory = np.zeros(len(at), np.uint8), np.zeros(1, AGREEMENT)
    for rows in (slice(0, cut), slice(cut, None)) if cut else (slice(None),):
        compare_feeds(
            at[rows],
            np.asarray(feed)[rows],
            np.asarray(mid, float)[rows],
            AgreementRules(),
            memory,
            out[rows],
        )
    return out.tolist()


@pytest.mark.parametrize(("other", "expected"), [(100.049, [0, 0, 0, 0]), (100.051, [0, 0, 0, 1])])
def test_feeds_that_differ_by_more_than_five_hundredths_of_a_per_cent_for_over_two_seconds_are_apart(
    other, expected
):
    assert apart([0, 1, 3, 3.5], [0, 1, 0, 1], [100.0, other, 100.0, other]) == expected


def test_feeds_are_together_again_with_the_first_row_that_agrees():
    assert apart([0, 1, 4, 5], [0, 1, 1, 1], [100.0, 101.0, 101.0, 100.0]) == [0, 0, 1, 0]


def test_a_feed_that_is_silent_for_longer_than_ten_seconds_is_not_compared():
    assert apart([0, 1, 10, 11], [0, 1, 1, 1], [100.0, 101.0, 101.0, 101.0]) == [0, 0, 1, 0]


def test_one_feed_alone_and_missing_prices_are_no_disagreement():
    assert apart([0, 5, 9], [0, 0, 1], [100.0, 200.0, np.nan]) == [0, 0, 0]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_cut_anywhere_the_answers_are_the_same(cut):
    rows = ([0, 1, 3, 3.5], [0, 1, 0, 1], [100.0, 100.1, 100.0, 100.1])

    assert apart(*rows, cut=cut) == apart(*rows)
