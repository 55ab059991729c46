"""PT-05 algorithms: version, environment, and the scope that was approved."""

import pytest

from domain.market import SECOND
from domain.orders import Side
from operators.compliance_state import hear, set_position


def approved(desk, **changes):
    desk.inputs["algorithms"][0] |= changes


@pytest.mark.parametrize(
    ("changes", "failures"),
    [
        ({}, []),
        ({"version": "*"}, []),
        ({"version": "8"}, ["reject ALGO_NOT_APPROVED strategy:trend"]),
        ({"environment": "production"}, ["reject ALGO_NOT_APPROVED strategy:trend"]),
        ({"strategy": "other"}, ["reject ALGO_NOT_APPROVED strategy:trend"]),
        ({"valid_from": 1_700_000_000_000_000_000}, []),
        ({"valid_from": 1_700_000_000_000_000_001}, ["reject ALGO_NOT_APPROVED strategy:trend"]),
        ({"valid_to": 1_700_000_000_000_000_000}, ["reject ALGO_NOT_APPROVED strategy:trend"]),
    ],
)
def test_only_the_version_that_is_approved_here_and_now_may_trade(desk, changes, failures):
    approved(desk, **changes)

    assert desk.failures("PT-05") == failures
    assert {answer.ord_rej_reason for answer in desk.check("PT-05")} == ({21} if failures else {None})


@pytest.mark.parametrize(("most", "fails"), [(3, False), (2, False), (1, True)])
@pytest.mark.parametrize("limit", ["orders_max", "instruments_max", "venues_max"])
def test_orders_instruments_and_venues_of_a_day_are_counted_with_this_one(desk, limit, most, fails):
    desk.decide(desk.intent(cl_ord_id="A", symbol="OTHER", ex_destination="XNYS"), other_market(desk))
    approved(desk, **{limit: most})

    failures = desk.failures("PT-05")
    tomorrow = desk.failures("PT-05", market=desk.market(trading_day=desk.market().trading_day + 1))

    assert (bool(failures), tomorrow) == (fails, [])


def other_market(desk):
    hear(desk.state, "XNYS", desk.now, SECOND)
    return desk.market(instrument=desk.instrument(name="OTHER"))


@pytest.mark.parametrize(("most", "fails"), [(301, False), (300, False), (299, True)])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL_SHORT])
def test_the_position_of_the_strategy_stays_within_its_approval(desk, side, most, fails):
    set_position(desk.state, "main", "trend", "equities", "ACME", 200 * side.sign)
    approved(desk, position_max=most)

    assert bool(desk.failures("PT-05", desk.intent(side=side))) is fails


def test_what_takes_units_off_a_position_that_is_too_large_is_let_through(desk):
    set_position(desk.state, "main", "trend", "equities", "ACME", 500)
    approved(desk, position_max=300)

    assert desk.failures("PT-05", desk.intent(side=Side.SELL)) == []


@pytest.mark.parametrize(("quantity", "fails"), [(99, False), (100, False), (101, True)])
def test_a_position_beyond_the_scope_may_be_sold_to_its_last_share_and_not_beyond(desk, quantity, fails):
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)
    desk.inputs["algorithms"][0]["position_max"] = 10

    failures = desk.failures("PT-05", desk.intent(side=Side.SELL, order_qty=quantity))

    assert failures == (["reject ALGO_SCOPE strategy:trend"] if fails else [])
