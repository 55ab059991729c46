"""PT-27 positions, PT-28 open orders, PT-29 exposures."""

from decimal import Decimal

import pytest

from domain.orders import Side
from operators.compliance_state import Reservation, hold, set_mark, set_position

SCOPES = ("account", "strategy", "desk", "firm")


def reserve(desk, name, side, quantity, symbol="ACME", price=100):
    scopes = desk.state.scopes("main", "trend", "equities")
    hold(
        desk.state,
        name,
        Reservation("main", "trend", "equities", scopes, symbol, side.sign, quantity, 0, Decimal(price)),
    )


@pytest.mark.parametrize("scope_type", SCOPES)
def test_the_worked_example_of_worst_case_positions(desk, scope_type):
    set_position(desk.state, "main", "trend", "equities", "ACME", -200)
    reserve(desk, "buys", Side.BUY, 500)
    reserve(desk, "sells", Side.SELL_SHORT, 300)
    desk.limit("position_long", scope_type, 300)
    desk.limit("position_short", scope_type, 900)

    long, short = desk.check("PT-27", desk.intent(side=Side.SELL_SHORT, order_qty=400))

    assert (long.measured, long.limit, long.outcome.value) == (300.0, 300.0, "pass")
    assert (short.measured, short.limit, short.outcome.value) == (900.0, 900.0, "pass")


@pytest.mark.parametrize("scope_type", SCOPES)
@pytest.mark.parametrize(("quantity", "fails"), [(399, False), (400, False), (401, True)])
@pytest.mark.parametrize(("side", "code"), [(Side.BUY, "MAX_LONG"), (Side.SELL_SHORT, "MAX_SHORT")])
def test_a_position_that_could_pass_the_limit_of_any_scope_is_rejected(
    desk, scope_type, quantity, fails, side, code
):
    set_position(desk.state, "main", "trend", "equities", "ACME", 200 * side.sign)
    reserve(desk, "open", side, 100)
    desk.limit("position_long", scope_type, 700)
    desk.limit("position_short", scope_type, 700)

    failures = desk.failures("PT-27", desk.intent(side=side, order_qty=quantity))

    scope = {"account": "main", "strategy": "trend", "desk": "equities", "firm": "firm"}[scope_type]
    assert failures == ([f"reject {code} {scope_type}:{scope}"] if fails else [])


def test_a_book_over_its_limit_may_come_back_and_not_go_on(desk):
    set_position(desk.state, "main", "trend", "equities", "ACME", 500)
    desk.limit("position_long", "account", 300)
    desk.limit("position_short", "account", 300)

    sells = desk.failures("PT-27", desk.intent(side=Side.SELL_SHORT, order_qty=800))
    too_many = desk.failures("PT-27", desk.intent(side=Side.SELL_SHORT, order_qty=801))
    buys = desk.failures("PT-27", desk.intent(side=Side.BUY, order_qty=1))

    assert (sells, too_many) == ([], ["reject MAX_SHORT account:main"])
    assert buys == ["reject MAX_LONG account:main"]


@pytest.mark.parametrize("scope_type", SCOPES)
@pytest.mark.parametrize(("hard", "fails"), [(20_001, False), (20_000, False), (19_999, True)])
def test_open_orders_count_at_every_scope(desk, scope_type, hard, fails):
    reserve(desk, "open", Side.SELL_SHORT, 100)
    desk.limit("open_notional", scope_type, hard)

    (answer,) = desk.check("PT-28")

    assert (answer.code, answer.ord_rej_reason) == (("OPEN_NOTIONAL", 20) if fails else ("", None))
    assert (answer.measured, answer.limit) == (20_000.0, float(hard))


@pytest.mark.parametrize("scope_type", SCOPES)
@pytest.mark.parametrize(("hard", "fails"), [(30_001, False), (30_000, False), (29_999, True)])
def test_gross_exposure_adds_worst_cases_over_instruments(desk, scope_type, hard, fails):
    set_mark(desk.state, "OTHER", Decimal(50))
    set_position(desk.state, "main", "trend", "equities", "OTHER", -400)
    desk.limit("gross_exposure", scope_type, hard)

    gross, *_ = desk.check("PT-29")

    assert (gross.code, gross.measured, gross.limit) == ("GROSS_EXP" if fails else "", 30_000.0, float(hard))


@pytest.mark.parametrize("scope_type", SCOPES)
@pytest.mark.parametrize(("hard", "fails"), [(30_001, False), (30_000, False), (29_999, True)])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL_SHORT])
def test_net_exposure_adds_worst_cases_with_their_signs(desk, scope_type, hard, fails, side):
    set_mark(desk.state, "OTHER", Decimal(50))
    set_position(desk.state, "main", "trend", "equities", "OTHER", 400 * side.sign)
    desk.limit("net_exposure", scope_type, hard)

    _, net, _ = desk.check("PT-29", desk.intent(side=side))

    assert (net.code, net.measured, net.limit) == ("NET_EXP" if fails else "", 30_000.0, float(hard))


def test_an_order_that_hedges_lowers_no_worst_case_and_is_let_through_over_the_limit(desk):
    set_mark(desk.state, "ACME", Decimal(100))
    set_position(desk.state, "main", "trend", "equities", "ACME", 500)
    desk.limit("gross_exposure", "account", 10_000)
    desk.limit("net_exposure", "account", 10_000)

    sells = desk.failures("PT-29", desk.intent(side=Side.SELL_SHORT, order_qty=500))
    buys = desk.failures("PT-29", desk.intent(side=Side.BUY, order_qty=1))

    assert sells == []
    assert buys == ["reject GROSS_EXP account:main", "reject NET_EXP account:main"]


def test_exposures_follow_the_marks(desk):
    set_mark(desk.state, "OTHER", Decimal(50))
    set_position(desk.state, "main", "trend", "equities", "OTHER", 400)

    set_mark(desk.state, "OTHER", Decimal(60))

    exposure = desk.state.exposures["account:main"]
    assert (exposure.gross, exposure.high, exposure.low) == (24_000, 24_000, 24_000)


@pytest.mark.parametrize(
    ("side", "high", "low"), [(Side.BUY, 15_000, 10_000), (Side.SELL_SHORT, 10_000, 5_000)]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_gross_exposure_of_a_holding_is_its_wider_end(desk, side, high, low, sign):
    set_mark(desk.state, "ACME", Decimal(50))
    set_position(desk.state, "main", "trend", "equities", "ACME", 200 * sign)

    reserve(
        desk, "open", side if sign > 0 else {Side.BUY: Side.SELL_SHORT, Side.SELL_SHORT: Side.BUY}[side], 100
    )

    exposure = desk.state.exposures["firm:firm"]
    assert exposure.gross == high
    assert (exposure.high, exposure.low) == ((high, low) if sign > 0 else (-low, -high))


@pytest.mark.parametrize(("units", "fails"), [(200_000, False), (200_001, True)])
def test_a_position_in_parts_of_a_coin_is_held_against_a_limit_in_coins(desk, units, fails):
    desk.limit("position_long", "account", 2)
    market = desk.market(instrument=desk.instrument(unit=Decimal("0.00001")))

    codes = [answer.code for answer in desk.check("PT-27", desk.intent(order_qty=units), market)]

    assert ("MAX_LONG" in codes) is fails
