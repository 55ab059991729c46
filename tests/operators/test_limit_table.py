"""The limit table: what a row must say, and which row speaks."""

import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from domain.market import SECOND
from operators.limit_rows import limit_table
from operators.limits import MANDATORY, LimitError

CONFIG = Path(__file__).parents[2] / "config" / "limits.yaml"
ROW = {
    "limit_id": "one",
    "measure": "order_quantity",
    "scope_type": "account",
    "scope_id": "main",
    "hard": 100,
    "unit": "units",
    "rationale": "a test",
}


def found(rows, now_at=0, measure="order_quantity", scope_type="account", scope_id="main", instrument="ACME"):
    row = limit_table(rows).find(measure, scope_type, scope_id, now_at, instrument)
    return row and row.limit_id


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hard": "many"}, "limit one: hard is a whole number of at least 0; 'many' was given"),
        ({"hard": [5]}, r"hard is a whole number of at least 0; \[5\] was given"),
        ({"hard": True}, "hard is a whole number of at least 0; True was given"),
        ({"hard": float("nan")}, "hard is a whole number of at least 0; nan was given"),
        ({"hard": float("inf")}, "hard is a whole number"),
        ({"hard": "NaN"}, "hard is a whole number"),
        ({"hard": -1}, "hard is a whole number of at least 0; -1 was given"),
        ({"hard": 10.5}, "hard is a whole number of at least 0; 10.5 was given"),
        ({"hard": None}, "limit one: hard is needed"),
        ({"rationale": ""}, "rationale is needed"),
        ({"measure": "order_quantty"}, "unknown measure 'order_quantty'; did you mean 'order_quantity'?"),
        ({"measure": "zzz"}, "unknown measure 'zzz'; allowed: adv_share, adv_share_warn"),
        (
            {"scope_type": "acount"},
            "scope_type of order_quantity is one of instrument tier account strategy; 'acount'",
        ),
        ({"scope_type": "firm"}, "scope_type of order_quantity is one of"),
        ({"unit": "USD"}, "unit of order_quantity is units; 'USD' was given"),
        ({"window_seconds": 10}, "window_seconds of order_quantity"),
        ({"measure": "daily_loss", "unit": "percent"}, "daily_loss needs soft beside hard"),
        ({"soft": 101}, "soft is at most hard"),
        ({"action": 4}, "action is one of"),
        ({"version": 0}, "version is at least 1"),
        ({"version": "2"}, "version is a whole number; '2' was given"),
        (
            {"valid_from": "soon"},
            "limit one: valid_from is a date or an instant with its zone; 'soon' was given",
        ),
        (
            {"valid_from": datetime.fromisoformat("2026-01-01T10:00")},
            "valid_from is a date or an instant with its zone",
        ),
        ({"valid_from": 5, "valid_to": 5}, "a row ends after valid_from"),
        ({"maker": "ann", "checker": "ann"}, "maker and checker are two persons; 'ann' was given"),
        ({"hrd": 5}, "unknown field 'hrd'; did you mean 'hard'?"),
    ],
)
def test_a_row_that_is_wrong_says_what_was_given_and_what_is_allowed(changes, message):
    with pytest.raises(LimitError, match=message):
        limit_table([ROW | changes])


def test_two_rows_of_one_version_are_refused():
    with pytest.raises(LimitError, match="two rows of one version"):
        limit_table([ROW, ROW | {"hard": 200}])


def test_the_most_specific_row_speaks():
    rows = [
        ROW | {"limit_id": "any", "scope_id": "*"},
        ROW | {"limit_id": "any for ACME", "scope_id": "*", "instrument": "ACME"},
        ROW | {"limit_id": "main", "scope_id": "main"},
        ROW | {"limit_id": "main for ACME", "scope_id": "main", "instrument": "ACME"},
    ]

    spoken = [found(rows[:count]) for count in (1, 2, 3, 4)]

    assert spoken == ["any", "any for ACME", "main", "main for ACME"]
    assert found(rows, scope_id="x", instrument="Y") == "any"
    assert found(rows[2:], scope_id="x") is None


@pytest.mark.parametrize(("now_at", "speaks"), [(9, None), (10, "one"), (19, "one"), (20, None)])
def test_a_row_speaks_from_its_first_instant_to_before_its_last(now_at, speaks):
    assert found([ROW | {"valid_from": 10, "valid_to": 20}], now_at) == speaks


def test_the_highest_version_that_is_valid_speaks():
    rows = [ROW, ROW | {"limit_id": "two", "version": 2, "valid_from": 10}]

    assert [found(rows, now_at) for now_at in (9, 10)] == ["one", "two"]


def test_a_temporary_row_speaks_until_it_reverts_by_itself():
    rows = [
        ROW | {"version": 5},
        ROW | {"limit_id": "raised", "version": 3, "valid_from": 10, "temporary_until": 20},
    ]

    assert [found(rows, now_at) for now_at in (9, 10, 19, 20)] == ["one", "raised", "raised", "one"]


@pytest.mark.parametrize(("now_at", "speaks"), [(10, "raised"), (14, "raised"), (15, "one"), (20, "one")])
def test_a_temporary_row_that_is_valid_for_less_ends_with_its_validity(now_at, speaks):
    raised = {"limit_id": "raised", "version": 3, "valid_from": 10, "valid_to": 15, "temporary_until": 20}

    assert found([ROW, ROW | raised], now_at) == speaks


def test_a_sheet_follows_a_temporary_row_as_it_reverts():
    raised = {"version": 2, "hard": 150, "valid_from": 10, "temporary_until": 20}
    table = limit_table([ROW, ROW | raised])

    hard = [
        int(table.sheet("main", "s", "d", "ACME", "liquid", now_at).bounds["order_quantity"][0].hard)
        for now_at in (9, 10, 19, 20)
    ]

    assert hard == [100, 150, 150, 100]


def test_a_sheet_follows_the_rows_as_they_begin_and_end():
    table = limit_table([ROW, ROW | {"version": 2, "hard": 50, "valid_from": 10, "valid_to": 20}])

    hard = [
        int(table.sheet("main", "s", "d", "ACME", "liquid", now_at).bounds["order_quantity"][0].hard)
        for now_at in (9, 10, 19, 20, 10, 9)
    ]

    assert hard == [100, 50, 50, 100, 50, 100]


def test_an_empty_table_lacks_every_mandatory_row():
    sheet = limit_table([]).sheet("main", "trend", "d", "ACME", "liquid", 0)

    assert len(sheet.missing) == len(MANDATORY) == len(set(MANDATORY))
    assert sheet.missing[0] == ("price_collar", "tier:liquid", 0)


def test_a_limit_of_one_window_is_missing_in_the_others():
    row = ROW | {"measure": "window_quantity", "window_seconds": 10}

    missing = limit_table([row]).sheet("main", "trend", "d", "ACME", "liquid", 0).missing

    assert [each for each in missing if each[0] == "window_quantity"] == [
        ("window_quantity", "account:main", 1),
        ("window_quantity", "account:main", 60),
        *(("window_quantity", "strategy:trend", window) for window in (1, 10, 60)),
    ]


@pytest.mark.parametrize(
    "given",
    [
        date(2026, 1, 2),
        "2026-01-02",
        "2026-01-02T00:00:00+00:00",
        datetime(2026, 1, 2, tzinfo=UTC),
        20_455 * 86_400 * SECOND,
    ],
)
def test_instants_are_read_from_all_that_yaml_gives(given):
    assert limit_table([ROW | {"valid_from": given}]).rows[0].valid_from == 20_455 * 86_400 * SECOND


@pytest.mark.parametrize("given", [0.1, "0.1", Decimal("0.1")])
def test_numbers_are_read_exactly(given):
    row = ROW | {"measure": "price_collar", "unit": "percent", "scope_type": "tier", "hard": given}

    assert limit_table([row]).rows[0].hard == Decimal("0.1")


def test_the_version_of_a_table_is_a_function_of_its_rows():
    first, same, other = limit_table([ROW]), limit_table([ROW]), limit_table([ROW | {"hard": 101}])

    assert first.version == same.version == pickle.loads(pickle.dumps(first)).version
    assert first.version != other.version


@pytest.mark.parametrize("tier", ["liquid", "mid", "illiquid"])
def test_the_limits_that_come_with_the_project_lack_nothing(tier):
    document = yaml.safe_load(CONFIG.read_text())

    table = limit_table(document["limits"], document["defaults"])

    assert table.sheet("main", "trend", "equities", "ACME", tier, 1_700_000_000 * SECOND).missing == ()
