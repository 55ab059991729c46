"""PT-14 dynamic collar, PT-15 drift of own prices."""

from decimal import Decimal

import pytest

from domain.market import SECOND
from domain.orders import OrdType
from operators.compliance_rules import KillMode, Tolerances


@pytest.mark.parametrize(
    ("price", "fails"),
    [("100.59", False), ("100.60", False), ("100.61", True), ("99.40", False), ("99.39", True)],
)
def test_a_price_within_six_standard_deviations_passes_and_one_beyond_is_held(desk, price, fails):
    desk.limit("dynamic_collar", "tier", 6)

    (answer,) = desk.check("PT-14", desk.intent(price=Decimal(price)))

    expected = ("hold", "DYN_COLLAR", 16) if fails else ("pass", "", None)
    assert (answer.outcome.value, answer.code, answer.ord_rej_reason) == expected
    assert (answer.measured, answer.limit) == (pytest.approx(abs(float(price) - 100) / 0.1), 6.0)


@pytest.mark.parametrize(("price", "fails"), [("103", False), ("103.01", True)])
def test_a_quiet_minute_is_taken_for_no_quieter_than_the_floor(desk, price, fails):
    desk.limit("dynamic_collar", "tier", 6)
    desk.tolerances = Tolerances(sigma_floor_percent=0.5)
    market = desk.market(sigma=Decimal(0))

    assert bool(desk.failures("PT-14", desk.intent(price=Decimal(price)), market)) is fails


@pytest.mark.parametrize("sigma", [None, Decimal("NaN"), Decimal("Infinity")])
def test_a_volatility_that_is_not_known_holds_the_order(desk, sigma):
    assert desk.failures("PT-14", market=desk.market(sigma=sigma)) == ["hold DYN_COLLAR tier:liquid"]


def test_a_market_order_has_no_price_that_could_be_far_away(desk):
    assert desk.failures("PT-14", desk.intent(price=None, ord_type=OrdType.MARKET)) == []


@pytest.mark.parametrize(
    ("price", "failure"),
    [
        ("102.99", []),
        ("103", []),
        ("103.01", ["hold PRICE_DRIFT tier:liquid"]),
        ("110", ["hold PRICE_DRIFT tier:liquid"]),
        ("110.01", ["kill PRICE_DRIFT strategy:trend"]),
        ("97", []),
        ("96.99", ["hold PRICE_DRIFT tier:liquid"]),
    ],
)
def test_own_prices_may_drift_so_far_from_the_first_of_the_window(desk, price, failure):
    desk.limit("price_drift", "tier", 10, soft=3)
    desk.decide()
    intent, market = desk.later(SECOND, cl_ord_id="B", price=Decimal(price))

    assert desk.failures("PT-15", intent, market) == failure
    assert desk.check("PT-15", intent, market)[0].ord_rej_reason == (16 if failure else None)


@pytest.mark.parametrize(("after", "fails"), [(60 * SECOND - 1, True), (60 * SECOND, False)])
def test_an_own_price_counts_for_the_length_of_the_window(desk, after, fails):
    desk.limit("price_drift", "tier", 10, soft=3)
    desk.decide()
    intent, market = desk.later(after, cl_ord_id="B", price=Decimal(105))

    assert bool(desk.failures("PT-15", intent, market)) is fails


def test_a_drift_beyond_the_hard_limit_disables_the_strategy_until_somebody_lets_it_go_on(desk):
    desk.limit("price_drift", "tier", 10, soft=3)
    desk.decide()

    killed = desk.decide(*desk.later(2 * SECOND, cl_ord_id="B", price=Decimal(120)))
    after = desk.decide(*desk.later(4 * SECOND, cl_ord_id="C"))

    assert [(k.scope, k.mode, k.code) for k in killed.kills] == [
        ("strategy:trend", KillMode.BLOCK_NEW, "PRICE_DRIFT")
    ]
    assert after.codes == ("KILL_ACTIVE",)


def test_a_refused_order_leaves_no_price_behind(desk):
    desk.limit("price_drift", "tier", 10, soft=3)
    desk.decide(desk.intent(price=Decimal(50), order_qty=0))

    assert desk.failures("PT-15", *desk.later(SECOND, cl_ord_id="B")) == []
