"""Limits in units over a split: rows that name the instrument are restated, what is reserved and sent is, too."""

from decimal import Decimal

import pytest

from domain.decisions import Outcome
from domain.market import SECOND
from domain.orders import Side
from operators.compliance_actions import adjust, restate
from operators.compliance_counters import adjust as adjust_counters
from operators.compliance_state import ComplianceState, Reservation, hold, release, set_mark
from operators.compliance_view import Handling
from operators.limits import in_units
from operators.short_windows import RollingSum
from tests.operators.action_cases import action
from tests.operators.venue_asking import order

SPLIT_AT = 1_000


def outcomes(desk, check, quantity, splits):
    answers = desk.check(check, desk.intent(order_qty=quantity), desk.market(splits=splits))
    return {answer.outcome for answer in answers}


@pytest.mark.parametrize(
    ("quantity", "splits", "expected"),
    [
        (100, (), Outcome.PASS),
        (101, (), Outcome.REJECT),
        (200, ((SPLIT_AT, Decimal(2)),), Outcome.PASS),
        (201, ((SPLIT_AT, Decimal(2)),), Outcome.REJECT),
        (10, ((SPLIT_AT, Decimal("0.1")),), Outcome.PASS),
        (11, ((SPLIT_AT, Decimal("0.1")),), Outcome.REJECT),
    ],
)
def test_a_limit_of_an_instrument_is_in_the_units_of_after_its_splits(desk, quantity, splits, expected):
    desk.limit("order_quantity", "instrument", 100, instrument="ACME")

    assert outcomes(desk, "PT-19", quantity, splits) == {expected}


def test_a_limit_for_any_instrument_stays_as_it_is(desk):
    desk.limit("order_quantity", "tier", 100)

    assert outcomes(desk, "PT-19", 101, ((SPLIT_AT, Decimal(2)),)) == {Outcome.REJECT}


def test_a_row_that_was_valid_only_from_the_split_on_was_written_in_its_units(desk):
    desk.limit("order_quantity", "instrument", 100, instrument="ACME")
    sheet = desk.params.limits.sheet("main", "trend", "equities", "ACME", "liquid", 0)

    hard = [
        next(b for b in in_units(sheet, ((at, Decimal(2)),)).bounds["order_quantity"] if b.named).hard
        for at in (-1, 0, 1)
    ]

    assert hard == [100, 100, 200]


def test_what_is_reserved_keeps_its_value_and_gives_all_of_it_back():
    state = ComplianceState()
    set_mark(state, "AAA", Decimal(50))
    scopes = state.scopes("main", "trend", "equities")
    asked = order(quantity=1000, price="50")
    hold(
        state,
        asked.cl_ord_id,
        Reservation("main", "trend", "equities", scopes, "AAA", 1, 1000, 0, Decimal(50)),
    )

    after = order(quantity=3000, price="16.66")
    restate(state, after, 0, Decimal(3))

    held = state.holdings["account:main", "AAA"]
    assert (held.open_buys, state.exposures["account:main"].open_notional) == (3000, Decimal("50000.00001"))
    release(state, asked.cl_ord_id)
    assert (held.open_buys, state.exposures["account:main"].open_notional) == (0, Decimal(0))


def test_what_was_sent_a_moment_ago_counts_in_the_units_of_after():
    state = ComplianceState()
    for symbol in ("AAA", "B"):
        window = state.windows["account:main", symbol, 60] = RollingSum(60)
        window.add(1, Decimal(5000), 101)
        window.add(2, Decimal(100), 2)

    adjust(state, action("split", "AAA", ratio="1.5"))

    sums = {key[1]: (window.quantity, window.notional) for key, window in state.windows.items()}
    assert sums == {"AAA": (155, Decimal(5100)), "B": (103, Decimal(5100))}


@pytest.mark.parametrize(("since", "expected"), [(-1, Outcome.PASS), (SPLIT_AT, Outcome.REJECT)])
def test_limits_that_were_stated_after_a_split_are_in_its_units(desk, since, expected):
    desk.limit("order_quantity", "instrument", 100, instrument="ACME")
    market = desk.market(splits=((SPLIT_AT, Decimal(2)),), limits_since=since)

    answers = desk.check("PT-19", desk.intent(order_qty=200), market)

    assert {answer.outcome for answer in answers} == {expected}


@pytest.mark.parametrize(("valid_from", "measured"), [(0, 1.0), (SPLIT_AT, 2.0)])
def test_the_volume_of_a_day_is_in_the_shares_of_after_unless_it_was_told_after(desk, valid_from, measured):
    desk.inputs["instruments"][0] |= {"adv20": 10_000, "valid_from": valid_from}
    desk.limit("adv_share", "tier", 20, soft=5)
    desk.limit("adv_share_warn", "tier", 1)

    answers = desk.check("PT-21", desk.intent(order_qty=200), desk.market(splits=((SPLIT_AT, Decimal(2)),)))

    assert answers[0].measured == measured


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({}, "HARD_TO_BORROW"),
        ({"valid_from": SPLIT_AT}, ""),
        ({"kind": "easy_to_borrow", "quantity": 0}, ""),
    ],
)
def test_a_locate_of_before_a_split_is_none_any_more(desk, row, code):
    desk.inputs["locates"] = [{"locate_id": "L1", "instrument": "ACME", "quantity": 150} | row]
    market = desk.market(splits=((SPLIT_AT, Decimal(2)),), handling=Handling(locate_id="L1"))

    (answer,) = desk.check("PT-38", desk.intent(side=Side.SELL_SHORT, order_qty=100), market)

    assert answer.code == code


def test_own_prices_of_a_moment_ago_are_those_of_after():
    counters = ComplianceState().counters
    for symbol in ("AAA", "B"):
        counters.note_price("trend", symbol, Decimal(50), 1, SECOND)

    adjust_counters(counters, action("split", "AAA", ratio="2"))
    adjust_counters(counters, action("cash_dividend", "AAA", amount="1"))
    adjust_counters(counters, action("merger", "AAA", amount="1"))

    assert counters.first_price("trend", "AAA", 1, SECOND) == 24
    assert counters.first_price("trend", "B", 1, SECOND) == 50
