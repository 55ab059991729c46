"""A limit is changed by two persons, for good or until it reverts, and nothing else of the table moves."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from domain.market import SECOND
from operators.limit_rows import changed_table, limit_table, named
from operators.limits import LimitError

LOSS = {
    "limit_id": "loss",
    "measure": "daily_loss",
    "scope_type": "account",
    "scope_id": "main",
    "hard": 3,
    "soft": 2,
    "unit": "percent",
    "rationale": "a test",
}
OTHER = LOSS | {"limit_id": "other", "scope_id": "second", "version": 9}
CHANGE = {
    "limit_id": "loss",
    "hard": 5,
    "soft": None,
    "until": None,
    "maker": "ann",
    "checker": "bob",
    "rationale": "asked for",
}


def table():
    return limit_table([LOSS, OTHER])


def shown(row):
    return (row.version, row.hard, row.soft, row.valid_from, row.temporary_until, row.maker, row.checker)


def test_a_change_is_one_more_version_of_its_row_from_its_instant_on_and_no_other_row_is_touched():
    changed = changed_table(table(), CHANGE, 10)

    assert changed.rows[:2] == table().rows
    assert [shown(row) for row in changed.rows[2:]] == [(2, 5, 2, 10, None, "ann", "bob")]
    assert [changed.find("daily_loss", "account", "main", at).hard for at in (9, 10)] == [3, 5]


@pytest.mark.parametrize(
    ("hard", "soft", "made"), [(5, None, 2), (1, None, 1), (5, 4, 4), ("0", None, 0), (2, None, 2)]
)
def test_a_soft_bound_that_is_not_given_stays_and_is_at_most_the_hard_one(hard, soft, made):
    changed = changed_table(table(), CHANGE | {"hard": hard, "soft": soft}, 10)

    assert (changed.rows[2].hard, changed.rows[2].soft) == (Decimal(hard), made)


def test_a_change_until_an_instant_reverts_and_the_next_one_begins_from_the_standing_row():
    first = changed_table(table(), CHANGE | {"hard": 9, "until": 20}, 10)
    second = changed_table(first, CHANGE | {"hard": 4}, 15)

    assert [first.find("daily_loss", "account", "main", at).hard for at in (9, 10, 19, 20)] == [3, 9, 9, 3]
    assert shown(second.rows[3]) == (3, 4, 2, 15, None, "ann", "bob")
    assert named(second, "loss") == second.rows[3]
    assert named(first, "loss") == first.rows[0]


@pytest.mark.parametrize(
    ("maker", "checker"), [("ann", "ann"), ("ann", " ann "), ("", "bob"), ("ann", ""), (" ", "bob"), ("", "")]
)
def test_a_change_by_fewer_than_two_persons_is_refused(maker, checker):
    with pytest.raises(LimitError, match="maker and checker are two persons"):
        changed_table(table(), CHANGE | {"maker": maker, "checker": checker}, 10)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"limit_id": "lost"}, "no limit 'lost'; the nearest: loss"),
        ({"soft": 6}, "soft is at most hard, 5; "),
        ({"hard": "-1"}, "hard is a number of at least 0; '-1' was given"),
        ({"until": 10}, "a row ends after valid_from"),
        ({"rationale": ""}, "rationale is needed"),
        ({"more": 1}, "a change of a limit has limit_id, hard"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(change, said):
    with pytest.raises(LimitError, match=said):
        changed_table(table(), CHANGE | change, 10)


@pytest.mark.parametrize(("hard", "fits"), [("1E18", True), ("1000000000000000001", False)])
def test_a_number_is_at_most_a_quintillion(hard, fits):
    row = LOSS | {"measure": "gross_exposure", "unit": "currency", "hard": hard, "soft": None}
    if fits:
        assert limit_table([row]).rows[0].hard == 10**18
    else:
        with pytest.raises(LimitError, match=r"hard is at most 1E\+18"):
            limit_table([row])


def test_an_instant_keeps_its_microseconds():
    moment = datetime(2026, 1, 2, 0, 0, 0, 250_001, tzinfo=UTC)

    assert limit_table([LOSS | {"valid_from": moment}]).rows[0].valid_from == (
        20_455 * 86_400 * SECOND + 250_001_000
    )


@pytest.mark.parametrize("unit", ["units", "currency"])
def test_a_row_in_another_unit_than_its_measure_is_refused(unit):
    with pytest.raises(LimitError, match=f"unit of daily_loss is percent; '{unit}' was given"):
        limit_table([LOSS | {"unit": unit}])
