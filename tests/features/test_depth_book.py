"""Depth books against dictionaries, on random changes, and the rules of what may follow what."""

import zlib

import numpy as np
import pytest

from features.depth_book import EVENT, Event, Outcome, Rule, run
from features.depth_levels import (
    ANY,
    DELETE,
    INSERT,
    UPDATE,
    Levels,
    best_levels,
    checksum,
    empty_books,
    with_room,
)


def block(*changes):
    """Return events and levels of (kind, first, last, previous, bids, asks[, instrument[, depth]])."""
    events, levels = np.zeros(len(changes), EVENT), []
    for row, (kind, first, last, previous, bids, asks, *rest) in zip(events, changes, strict=True):
        row["kind"], row["first"], row["last"], row["previous"] = kind, first, last, previous
        row["instrument"] = rest[0] if rest else 0
        row["depth"] = rest[1] if len(rest) > 1 else 0
        row["level"] = len(levels)
        levels += bids
        row["ask_level"] = len(levels)
        levels += asks
        row["level_stop"] = len(levels)
    columns = np.array([(level[0], level[1]) for level in levels], np.float64).reshape(-1, 2)
    digits = np.array([level[2:] if len(level) == 4 else (0, 0) for level in levels], np.int64).reshape(-1, 2)
    return events, Levels(columns[:, 0].copy(), columns[:, 1].copy(), digits)


def ran(rule, *changes, quotes=None, instruments=1):
    events, levels = block(*changes)
    books = with_room(empty_books(instruments, 2), events)
    outcomes, tops = np.zeros(len(events), np.int64), np.full((len(events), 4), np.nan)
    quotes = np.full((len(events), 4), np.nan) if quotes is None else quotes
    run(books, events, quotes, levels, int(rule), outcomes, tops, 0)
    return books, [Outcome(outcome) for outcome in outcomes], tops


SNAPSHOT, DIFFERENCE, QUOTE = Event.SNAPSHOT, Event.DIFFERENCE, Event.QUOTE
START = (SNAPSHOT, -1, 10, -1, [(9.0, 1.0)], [(11.0, 1.0)])


def test_random_changes_leave_the_levels_that_a_dictionary_holds() -> None:
    generator = np.random.default_rng(7)
    sides = [[{}, {}], [{}, {}]]
    changes = [(SNAPSHOT, -1, -1, -1, [], [], which) for which in (0, 1)]
    expected = [(np.nan, 0.0, np.nan, 0.0)] * 2
    for _ in range(4000):
        which = int(generator.integers(2))
        levels = []
        for side, centre in ((0, 80), (1, 120)):
            rows = [
                (float(centre + generator.integers(-60, 60)), float(max(0, generator.integers(-3, 4))))
                for _ in range(generator.integers(0, 5))
            ]
            levels.append(rows)
            for price, size in rows:
                sides[which][side].pop(price, None)
                if size:
                    sides[which][side][price] = size
        changes.append((DIFFERENCE, -1, -1, -1, *levels, which))
        bids, asks = sides[which]
        bid, ask = max(bids, default=np.nan), min(asks, default=np.nan)
        expected.append((bid, bids.get(bid, 0.0), ask, asks.get(ask, 0.0)))

    books, outcomes, tops = ran(Rule.NONE, *changes, instruments=2)

    np.testing.assert_array_equal(tops, expected)
    assert outcomes == [Outcome.STARTED] * 2 + [Outcome.APPLIED] * 4000
    for which in (0, 1):
        bids, asks = sides[which]
        best = best_levels(books, which, 200)
        rows = [[best[row][~np.isnan(best[row - row % 2])] for row in range(4)]][0]
        assert rows[0].tolist() == sorted(bids, reverse=True)
        assert rows[1].tolist() == [bids[price] for price in sorted(bids, reverse=True)]
        assert rows[2].tolist() == sorted(asks)
        assert rows[3].tolist() == [asks[price] for price in sorted(asks)]


def difference(first, last, previous=-1):
    return (DIFFERENCE, first, last, previous, [(9.0, 2.0)], [])


@pytest.mark.parametrize(
    ("rule", "changes", "expected"),
    [
        (Rule.SPOT, [difference(5, 10)], Outcome.STALE),
        (Rule.SPOT, [difference(8, 11)], Outcome.APPLIED),
        (Rule.SPOT, [difference(11, 11)], Outcome.APPLIED),
        (Rule.SPOT, [difference(12, 13)], Outcome.GAP),
        (Rule.SPOT, [difference(9, 12), difference(13, 15)], Outcome.APPLIED),
        (Rule.SPOT, [difference(9, 12), difference(12, 15)], Outcome.GAP),
        (Rule.SPOT, [difference(9, 12), difference(14, 15)], Outcome.GAP),
        (Rule.FUTURES, [difference(5, 9, 4)], Outcome.STALE),
        (Rule.FUTURES, [difference(5, 10, 4)], Outcome.APPLIED),
        (Rule.FUTURES, [difference(11, 12, 10)], Outcome.GAP),
        (Rule.FUTURES, [difference(9, 12, 8), difference(20, 25, 12)], Outcome.APPLIED),
        (Rule.FUTURES, [difference(9, 12, 8), difference(20, 25, 13)], Outcome.GAP),
        (Rule.NEWER, [difference(-1, 10)], Outcome.STALE),
        (Rule.NEWER, [difference(-1, 11)], Outcome.APPLIED),
        (Rule.LINKED, [difference(-1, 14, 10)], Outcome.APPLIED),
        (Rule.LINKED, [difference(-1, 10, 10)], Outcome.STALE),
        (Rule.LINKED, [difference(-1, 14, 10), difference(-1, 14, 10)], Outcome.STALE),
        (Rule.LINKED, [difference(-1, 14, 10), difference(-1, 3, 14)], Outcome.APPLIED),
        (Rule.LINKED, [difference(-1, 14, 10), difference(-1, 3, 14), difference(-1, 5, 3)], Outcome.APPLIED),
        (Rule.LINKED, [difference(-1, 14, 10), difference(-1, 19, 17)], Outcome.GAP),
    ],
)
def test_a_difference_follows_by_the_rule_of_its_venue(rule, changes, expected) -> None:
    _, outcomes, _ = ran(rule, START, *changes)

    assert outcomes[-1] is expected


@pytest.mark.parametrize(
    ("how", "price", "expected"),
    [
        (INSERT, 8.0, Outcome.APPLIED),
        (INSERT, 9.0, Outcome.UNTYPED),
        (UPDATE, 9.0, Outcome.APPLIED),
        (UPDATE, 8.0, Outcome.UNTYPED),
        (DELETE, 9.0, Outcome.APPLIED),
        (DELETE, 8.0, Outcome.UNTYPED),
        (ANY, 8.0, Outcome.APPLIED),
    ],
)
def test_a_typed_change_fits_what_stands_there_or_the_book_goes(how, price, expected) -> None:
    size = 0.0 if how == DELETE else 3.0
    books, outcomes, _ = ran(Rule.TYPED, START, (DIFFERENCE, -1, 11, -1, [(price, size, how, 0)], []))

    assert outcomes[-1] is expected
    assert books.whole.tolist() == [expected is Outcome.APPLIED]


def test_differences_wait_for_the_snapshot_and_are_applied_once() -> None:
    early = [difference(5, 9), (DIFFERENCE, 10, 12, -1, [(9.5, 4.0)], [])]

    books, outcomes, tops = ran(Rule.SPOT, *early, START, difference(13, 13))

    assert outcomes == [Outcome.STALE, Outcome.STALE, Outcome.STARTED, Outcome.APPLIED]
    assert tops[2:].tolist() == [[9.5, 4.0, 11.0, 1.0]] * 2
    assert books.last.tolist() == [13]


def test_a_quote_of_the_same_update_is_compared_before_and_after_its_difference() -> None:
    quote = (QUOTE, -1, 11, -1, [], [])
    right, wrong = [9.0, 2.0, 11.0, 1.0], [9.0, 2.5, 11.0, 1.0]
    change = difference(11, 11)
    nothing = [np.nan] * 4

    for rows, numbers, expected in (
        ((START, quote, change), [nothing, right, nothing], [Outcome.BESIDE, Outcome.APPLIED]),
        ((START, quote, change), [nothing, wrong, nothing], [Outcome.BESIDE, Outcome.DISAGREES]),
        ((START, change, quote), [nothing, nothing, right], [Outcome.APPLIED, Outcome.AGREED]),
        ((START, change, quote), [nothing, nothing, wrong], [Outcome.APPLIED, Outcome.DISAGREES]),
    ):
        books, outcomes, _ = ran(Rule.SPOT, *rows, quotes=np.array(numbers))
        assert outcomes[1:] == expected
        assert books.checked.tolist() == [1]


def test_the_checksum_is_crc32_of_the_ten_best_levels_of_each_side() -> None:
    bids = [(100.0 - n, 1.5, (100 - n) * 10, 150000000) for n in range(12)]
    asks = [(101.0 + n, 0.02, (101 + n) * 10, 2000000) for n in range(12)]
    books, _, _ = ran(Rule.CHECKSUM, (SNAPSHOT, -1, -1, -1, bids, asks))

    text = "".join(f"{row[2]}{row[3]}" for row in asks[:10] + bids[:10])

    assert checksum(books, 0) == zlib.crc32(text.encode())


def test_levels_beyond_the_depth_that_a_venue_keeps_are_let_go() -> None:
    bids = [(10.0, 1.0), (9.0, 1.0), (8.0, 1.0)]
    books, _, _ = ran(
        Rule.CHECKSUM,
        (SNAPSHOT, -1, -1, -1, bids, [], 0, 3),
        (DIFFERENCE, -1, -1, -1, [(9.5, 2.0)], [], 0, 3),
    )

    assert best_levels(books, 0, 5)[0].tolist()[:3] == [10.0, 9.5, 9.0]
    assert books.filled.tolist() == [[3, 0]]
