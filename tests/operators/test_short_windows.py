"""Rolling sums, buckets and what was seen lately, against a list that forgets nothing."""

import pickle
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from operators.short_windows import ENTRIES_MAX, MessageBucket, Recent, RollingSum

STEPS = st.lists(st.tuples(st.integers(0, 7), st.integers(1, 9)), max_size=40)


@given(steps=STEPS)
def test_a_rolling_sum_is_the_sum_of_what_lies_within_its_span(steps):
    window, entries, now = RollingSum(10), [], 0

    for gap, quantity in steps:
        now += gap
        window.add(now, Decimal(quantity) / 8, quantity)
        entries.append((now, quantity))

        within = sum(quantity for at, quantity in entries if now - at < 10)
        assert (window.notional, window.quantity) == (Decimal(within) / 8, within)


def test_a_full_rolling_sum_forgets_later_and_never_sooner():
    window = RollingSum(1_000_000)

    for at in range(ENTRIES_MAX + 50):
        window.add(at, Decimal(1), 1)

    assert len(window.entries) == ENTRIES_MAX
    assert window.quantity == window.notional == ENTRIES_MAX + 50


@given(steps=STEPS)
def test_a_count_is_how_often_a_thing_lies_within_the_span(steps):
    recent, seen, now = Recent(), [], 0

    for gap, thing in steps:
        now += gap
        within = sum(1 for at, other in seen if other == thing and now - at <= 10)
        assert recent.count(thing, now, 10) == within
        recent.see(thing, now)
        seen.append((now, thing))

    recent.count(0, now + 11, 10)
    assert (len(recent.entries), recent.counts) == (0, {})


@given(gaps=st.lists(st.integers(0, 10**9), max_size=40))
def test_a_bucket_that_is_never_overdrawn_allows_no_more_than_its_rate_and_one_burst(gaps):
    bucket, now, sent = MessageBucket(), 0, 0

    for gap in gaps:
        now += gap
        if bucket.spent_at(now, 3) + 10**9 <= 3 * 10**9:
            bucket.spend(now, 3)
            sent += 1

        assert sent <= 3 + 3 * now / 10**9


@given(steps=STEPS)
def test_a_rolling_sum_that_was_pickled_counts_and_forgets_as_before(steps):
    rolling, now_at = RollingSum(10), 0
    for wait, quantity in steps:
        now_at += wait
        rolling.add(now_at, Decimal(quantity) / 3, quantity)

    restored = pickle.loads(pickle.dumps(rolling))

    for later_at in range(now_at, now_at + 12):
        rolling.forget(later_at)
        restored.forget(later_at)
        assert restored.entries == rolling.entries
        assert (restored.notional, restored.quantity) == (rolling.notional, rolling.quantity)
