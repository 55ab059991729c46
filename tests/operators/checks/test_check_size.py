"""PT-19 quantity, PT-20 notional, PT-22 short windows, PT-23 message rates."""

from decimal import Decimal

import pytest

from domain.market import SECOND
from domain.orders import OrdType, Side
from operators.compliance import count_message


@pytest.mark.parametrize("scope_type", ["tier", "account", "strategy"])
@pytest.mark.parametrize(("quantity", "fails"), [(99, False), (100, False), (101, True)])
def test_a_quantity_above_the_limit_of_any_scope_is_rejected(desk, scope_type, quantity, fails):
    desk.limit("order_quantity", scope_type, 100)

    (answer,) = desk.check("PT-19", desk.intent(order_qty=quantity))

    assert (answer.code, answer.ord_rej_reason) == (("MAX_QTY", 26) if fails else ("", None))
    assert (answer.measured, answer.limit, answer.scope.partition(":")[0]) == (
        float(quantity),
        100.0,
        scope_type,
    )


@pytest.mark.parametrize("scope_type", ["tier", "account", "strategy"])
@pytest.mark.parametrize(("price", "fails"), [("99.99", False), ("100.00", False), ("100.01", True)])
def test_a_value_above_the_limit_of_any_scope_is_rejected(desk, scope_type, price, fails):
    desk.limit("order_notional", scope_type, 10_000)

    (answer,) = desk.check("PT-20", desk.intent(price=Decimal(price)))

    assert (answer.code, answer.ord_rej_reason) == (("MAX_NOTIONAL", 27) if fails else ("", None))
    assert (answer.measured, answer.limit) == (float(Decimal(price) * 100), 10_000.0)


def test_a_limit_of_the_instrument_stands_in_for_that_of_its_tier_also_where_it_is_wider(desk):
    desk.limit("order_quantity", "tier", 50)
    desk.limit("order_quantity", "instrument", 100, instrument="ACME")

    failures = [desk.failures("PT-19", desk.intent(order_qty=quantity)) for quantity in (100, 101)]

    assert failures == [[], ["reject MAX_QTY instrument:ACME"]]


def test_every_scope_whose_limit_is_passed_is_named(desk):
    desk.limit("order_quantity", "tier", 50)
    desk.limit("order_quantity", "account", 99)

    assert desk.failures("PT-19") == ["reject MAX_QTY tier:liquid", "reject MAX_QTY account:main"]


def test_a_value_counts_multiplier_and_currency(desk):
    market = desk.market(instrument=desk.instrument(multiplier=10), fx=Decimal("1.5"))

    (answer,) = desk.check("PT-20", market=market)

    assert answer.measured == 100 * 100 * 10 * 1.5


def test_a_sale_below_the_market_is_valued_at_the_market(desk):
    (answer,) = desk.check("PT-20", desk.intent(side=Side.SELL, price=Decimal(1)))

    assert answer.measured == 10_000.0


def test_a_market_order_is_valued_at_the_reference_price(desk):
    (answer,) = desk.check("PT-20", desk.intent(ord_type=OrdType.MARKET, price=None))

    assert answer.measured == 10_000.0


@pytest.mark.parametrize("scope_type", ["account", "strategy", "firm"])
@pytest.mark.parametrize("window", [1, 10, 60])
@pytest.mark.parametrize(("hard", "fails"), [(20_001, False), (20_000, False), (19_999, True)])
def test_what_was_sent_within_a_window_counts_with_the_order(desk, scope_type, window, hard, fails):
    desk.limit("window_notional", scope_type, hard, window=window)
    desk.decide(desk.intent(cl_ord_id="A"))

    answers = desk.check("PT-22", *desk.later(window * SECOND - 1, cl_ord_id="B"))

    assert [answer.code for answer in answers] == (["WINDOW_NOTIONAL"] if fails else [""])
    assert (answers[0].measured, answers[0].limit) == (20_000.0, float(hard))


@pytest.mark.parametrize("window", [1, 10, 60])
def test_what_was_sent_before_the_window_does_not_count(desk, window):
    desk.limit("window_notional", "account", 19_999, window=window)
    desk.decide(desk.intent(cl_ord_id="A"))

    assert desk.failures("PT-22", *desk.later(window * SECOND, cl_ord_id="B")) == []


@pytest.mark.parametrize("scope_type", ["account", "strategy"])
@pytest.mark.parametrize(("hard", "fails"), [(201, False), (200, False), (199, True)])
def test_units_sent_within_a_window_count_with_the_order(desk, scope_type, hard, fails):
    desk.limit("window_quantity", scope_type, hard, window=10)
    desk.decide(desk.intent(cl_ord_id="A"))

    assert bool(desk.failures("PT-22", *desk.later(SECOND, cl_ord_id="B"))) is fails


def test_windows_of_an_account_are_per_instrument_and_those_of_the_firm_over_all(desk):
    desk.limit("window_notional", "account", 15_000, window=1)
    desk.limit("window_notional", "firm", 15_000, window=1)
    desk.decide(desk.intent(cl_ord_id="A"))
    market = desk.market(instrument=desk.instrument(name="OTHER"))

    failures = desk.failures("PT-22", desk.intent(cl_ord_id="B", symbol="OTHER"), market)

    assert failures == ["reject WINDOW_NOTIONAL firm:firm"]


def test_an_order_that_was_refused_does_not_count_as_sent(desk):
    desk.limit("window_notional", "account", 15_000, window=1)
    desk.decide(desk.intent(cl_ord_id="A"), desk.market(halted=True))

    assert desk.failures("PT-22", desk.intent(cl_ord_id="B")) == []


@pytest.mark.parametrize("scope_type", ["account", "strategy", "firm"])
@pytest.mark.parametrize(("sent", "fails"), [(1, False), (2, False), (3, True)])
def test_one_message_more_than_a_second_allows_is_rejected(desk, scope_type, sent, fails):
    desk.limit("message_rate", scope_type, 3)
    for number in range(sent):
        desk.decide(desk.intent(cl_ord_id=f"A{number}", order_qty=100 + number))

    (answer,) = desk.check("PT-23")

    assert answer.outcome.value == ("reject" if fails else "pass")
    assert (answer.measured, answer.limit) == (sent + 1.0, 3.0)


@pytest.mark.parametrize("scope_type", ["instrument", "tier"])
@pytest.mark.parametrize(("sent", "fails"), [(1, False), (2, False), (3, True)])
def test_an_instrument_has_its_own_rate_over_all_strategies_and_none_of_another_one(
    desk, scope_type, sent, fails
):
    desk.limit("message_rate", scope_type, 3, instrument="ACME" if scope_type == "instrument" else "*")
    for number in range(sent):
        own = desk.intent(cl_ord_id=f"A{number}", strategy=("trend", "other")[number % 2])
        count_message(desk.state, desk.params, own, "liquid", desk.now)
        count_message(desk.state, desk.params, desk.intent(symbol="OTHER"), "liquid", desk.now)

    expected = ["reject MSG_RATE instrument:ACME"] if fails else []
    assert desk.failures("PT-23") == expected
    assert desk.failures("PT-23", *desk.later(SECOND)) == []


def test_cancels_of_an_instrument_count_for_it_and_a_row_of_its_own_goes_before_its_tier_s(desk):
    desk.limit("message_rate", "tier", 1)
    desk.limit("message_rate", "instrument", 3, instrument="ACME")

    for count, failures in ((2, []), (1, ["reject MSG_RATE instrument:ACME"])):
        for _ in range(count):
            count_message(desk.state, desk.params, desk.intent(), "liquid", desk.now)
        assert desk.failures("PT-23") == failures


@pytest.mark.parametrize(
    ("after", "fails"), [(499_999_999, True), (500_000_000, False), (500_000_001, False)]
)
def test_a_bucket_drains_at_its_rate(desk, after, fails):
    desk.limit("message_rate", "strategy", 2)
    for number in range(2):
        desk.decide(desk.intent(cl_ord_id=f"A{number}", order_qty=100 + number))

    assert bool(desk.failures("PT-23", *desk.later(after))) is fails


def test_cancels_count_and_are_never_blocked(desk):
    desk.limit("message_rate", "strategy", 2)
    intent = desk.intent()

    for _ in range(1000):
        count_message(desk.state, desk.params, intent, "liquid", desk.now)

    assert desk.failures("PT-23") == ["reject MSG_RATE strategy:trend"]
    assert desk.failures("PT-23", *desk.later(2 * SECOND)) == []


@pytest.mark.parametrize(("units", "fails"), [(200_000, False), (200_001, True)])
def test_limits_on_quantities_are_of_coins_where_an_order_is_in_parts_of_them(desk, units, fails):
    desk.limit("order_quantity", "account", 2)
    market = desk.market(instrument=desk.instrument(unit=Decimal("0.00001")))

    (answer,) = desk.check("PT-19", desk.intent(order_qty=units), market)

    assert (answer.code, answer.measured, answer.limit) == ("MAX_QTY" if fails else "", units / 100_000, 2.0)


def test_the_value_of_an_order_in_parts_of_a_coin_is_that_of_its_coins(desk):
    desk.limit("order_notional", "account", 10_000)
    market = desk.market(instrument=desk.instrument(unit=Decimal("0.00001")))

    (answer,) = desk.check("PT-20", desk.intent(order_qty=150_000, price=Decimal("61839.61")), market)

    assert (answer.code, answer.measured) == ("MAX_NOTIONAL", 92_759.415)
