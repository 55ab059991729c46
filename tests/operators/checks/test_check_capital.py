"""PT-30 credit and capital, PT-31 margin, and the beta-adjusted exposure of PT-29."""

from decimal import Decimal

import pytest

from domain.orders import Side
from operators.compliance_state import Standing, set_mark, set_position, set_standing, set_weights


def held(desk, symbol, quantity, price=100):
    """Hold a position whose groups are known, as after a decision on the instrument."""
    set_mark(desk.state, symbol, Decimal(price))
    instrument = desk.instrument(name=symbol, issuer="" if symbol == "OTHER" else "Acme Corp")
    set_weights(desk.state, symbol, desk.params.weights_of(instrument, desk.now))
    set_position(desk.state, "main", "trend", "equities", symbol, quantity)


@pytest.mark.parametrize(("hard", "fails"), [(30_001, False), (30_000, False), (29_999, True)])
@pytest.mark.parametrize(("scope", "code"), [("account", "CREDIT_LIMIT"), ("firm", "CAPITAL_LIMIT")])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL_SHORT])
def test_positions_open_orders_and_the_order_use_credit_of_the_customer_and_capital_of_the_firm(
    desk, side, scope, code, hard, fails
):
    held(desk, "OTHER", 100)
    desk.decide(desk.intent(cl_ord_id="open", side=side))
    desk.limit("credit", scope, hard)

    failures = desk.failures("PT-30", desk.intent(cl_ord_id="B", side=side))

    name = "account:main" if scope == "account" else "firm:firm"
    assert failures == ([f"reject {code} {name}"] if fails else [])


@pytest.mark.parametrize(("used", "fails"), [(4_999, False), (5_000, False), (5_001, True)])
def test_what_is_used_elsewhere_counts_from_the_instant_of_its_row_on(desk, used, fails):
    desk.limit("credit", "account", 15_000)
    desk.inputs["credit"] = [
        {"scope": "account:main", "used": 0},
        {"scope": "account:main", "used": used, "valid_from": desk.now},
        {"scope": "account:main", "used": 10**9, "valid_from": desk.now + 1},
    ]

    (answer,) = desk.check("PT-30")

    assert bool(answer.code) is fails
    assert answer.ord_rej_reason == (25 if fails else None)


def test_the_scope_that_is_named_is_the_one_that_has_used_the_largest_part_of_its_credit(desk):
    desk.limit("credit", "account", 100_000)
    desk.limit("credit", "firm", 20_000)

    (answer,) = desk.check("PT-30")

    assert (answer.scope, answer.measured, answer.limit) == ("firm:firm", 10_000.0, 20_000.0)


def test_an_order_that_uses_no_more_credit_passes_although_the_limit_is_exceeded(desk):
    held(desk, "ACME", 300)
    desk.limit("credit", "account", 10_000)

    assert desk.failures("PT-30", desk.intent(side=Side.SELL)) == []


@pytest.mark.parametrize(("buffer", "fails"), [(2_499, False), (2_500, False), (2_501, True)])
@pytest.mark.parametrize("scope", ["account", "firm"])
def test_what_is_left_after_margin_is_at_least_the_buffer(desk, scope, buffer, fails):
    for name in ("account:main", "firm:firm"):
        set_standing(desk.state, name, Standing(Decimal(10_000), Decimal(0), Decimal(0)))
    held(desk, "OTHER", 200)
    desk.limit("margin_buffer", scope, buffer)

    answers = desk.check("PT-31")

    failures = [answer for answer in answers if answer.code]
    assert [(a.code, a.ord_rej_reason, a.measured) for a in failures] == (
        [("MARGIN", 25, 2500.0)] if fails else []
    )


def test_the_scope_that_is_named_is_the_one_with_the_least_left_above_its_buffer(desk):
    set_standing(desk.state, "account:main", Standing(Decimal(10_000), Decimal(0), Decimal(0)))
    set_standing(desk.state, "firm:firm", Standing(Decimal(12_000), Decimal(0), Decimal(0)))
    desk.limit("margin_buffer", "firm", 9_000)

    (answer,) = desk.check("PT-31")

    assert (answer.scope, answer.measured, answer.limit) == ("firm:firm", 9_500.0, 9_000.0)


def test_an_order_that_needs_no_more_margin_passes_although_the_buffer_is_used(desk):
    held(desk, "ACME", 300)
    desk.limit("margin_buffer", "account", 10**8)

    assert desk.failures("PT-31", desk.intent(side=Side.SELL)) == []


def test_a_tier_without_a_rate_and_an_equity_that_is_unknown_refuse(desk):
    del desk.state.equities["firm:firm"]
    unknown = desk.failures("PT-31")
    odd = desk.failures("PT-31", market=desk.market(instrument=desk.instrument(tier="nowhere")))

    assert (unknown, odd) == (["reject MARGIN firm:firm"], ["reject MARGIN"])


@pytest.mark.parametrize(("hard", "fails"), [("3600001", False), ("3600000", False), ("3599999", True)])
@pytest.mark.parametrize("scope", ["account", "strategy", "desk", "firm"])
def test_long_6_million_of_beta_1_2_and_short_4_million_of_0_9_are_3_6_million(desk, scope, hard, fails):
    desk.inputs["instruments"][1]["beta"] = "0.9"
    held(desk, "OTHER", -40_000)
    held(desk, "ACME", 50_000)
    desk.limit("beta_exposure", scope, hard)

    answers = [answer for answer in desk.check("PT-29", desk.intent(order_qty=10_000)) if answer.code]

    assert [(a.code, a.ord_rej_reason, a.measured) for a in answers] == (
        [("BETA_EXP", 3, 3_600_000.0)] if fails else []
    )


def test_a_beta_that_is_not_known_refuses_and_one_that_does_not_apply_is_not_asked_for(desk):
    desk.inputs["instruments"] = desk.inputs["instruments"][1:]
    unknown = desk.failures("PT-29")
    desk.not_applicable = {"PT-29 BETA_EXP": "no betas are known"}

    assert (unknown, desk.failures("PT-29")) == (["reject BETA_EXP"], [])
