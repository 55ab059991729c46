"""PT-12 reference price, PT-13 collar."""

from decimal import Decimal

import pytest

from domain.health import HealthState, market_health
from domain.market import SECOND
from domain.orders import OrdType, Side
from operators.compliance_rules import Tolerances
from operators.compliance_state import set_position
from operators.compliance_view import Reference, choose_reference

NOTHING = Reference(None, "", 0)


@pytest.mark.parametrize(
    ("age", "fails"), [(5 * SECOND - 1, False), (5 * SECOND, False), (5 * SECOND + 1, True), (-1, True)]
)
def test_a_reference_price_is_young_enough_for_its_tier_and_not_from_the_future(desk, age, fails):
    market = desk.market(reference=Reference(Decimal(100), "mid", desk.now - age))

    (answer,) = desk.check("PT-12", market=market)

    assert (answer.code, answer.ord_rej_reason) == (("NO_REF_PRICE", 19) if fails else ("", None))
    assert (answer.measured, answer.limit) == (pytest.approx(age / SECOND), 5.0)


@pytest.mark.parametrize("price", [None, Decimal(0), Decimal("NaN"), Decimal("Infinity"), Decimal(-1)])
def test_without_a_reference_price_nothing_is_sent(desk, price):
    assessment = desk.evaluate(market=desk.market(reference=Reference(price, "mid", desk.now)))

    assert assessment.kind == "refused"
    assert assessment.ord_rej_reason == 19


def test_a_tier_that_nobody_named_has_no_reference_that_is_young_enough(desk):
    market = desk.market(instrument=desk.instrument(tier="odd"))

    assert desk.failures("PT-12", market=market) == []
    market = market._replace(reference=Reference(Decimal(100), "mid", desk.now - 1))
    assert desk.failures("PT-12", market=market) == ["reject NO_REF_PRICE mid"]


@pytest.mark.parametrize(("allowed", "failures"), [(True, []), (False, ["reject NO_REF_PRICE"])])
def test_the_prior_close_is_a_reference_only_where_the_rules_say_so(desk, allowed, failures):
    desk.tolerances = Tolerances(prior_close_allowed=allowed)
    market = desk.market(reference=Reference(Decimal(100), "prior_close", desk.now - 3600 * SECOND))

    assert desk.failures("PT-12", market=market) == failures


def test_a_prior_close_from_the_future_is_no_reference(desk):
    desk.tolerances = Tolerances(prior_close_allowed=True)
    market = desk.market(reference=Reference(Decimal(100), "prior_close", desk.now + 1))

    assert desk.failures("PT-12", market=market) == ["reject NO_REF_PRICE"]


def test_the_ladder_takes_the_first_rung_that_is_young_enough():
    fresh_mid, old_mid = Reference(Decimal(1), "mid", 95), Reference(Decimal(1), "mid", 94)
    trade, close = Reference(Decimal(2), "last_trade", 95), Reference(Decimal(3), "prior_close", 0)

    chosen = [
        choose_reference(100, 5, fresh_mid, trade, close),
        choose_reference(100, 5, old_mid, trade, close),
        choose_reference(100, 5, old_mid, NOTHING, close),
        choose_reference(100, 5, old_mid, NOTHING, NOTHING),
        choose_reference(100, 5, NOTHING, NOTHING, NOTHING),
    ]

    assert chosen == [fresh_mid, trade, close, old_mid, NOTHING]


@pytest.mark.parametrize(
    ("side", "price", "outcome"),
    [
        (Side.BUY, "422.8244", "pass"),
        (Side.BUY, "422.8245", "pass"),
        (Side.BUY, "422.8246", "reject"),
        (Side.BUY, "382.5555", "pass"),
        (Side.BUY, "382.5554", "warn"),
        (Side.SELL, "382.5555", "pass"),
        (Side.SELL, "382.5554", "reject"),
        (Side.SELL_SHORT, "382.5554", "reject"),
        (Side.SELL, "422.8245", "pass"),
        (Side.SELL, "422.8246", "warn"),
    ],
)
def test_a_price_at_the_collar_passes_and_beyond_it_is_rejected_on_the_aggressive_side(
    desk, side, price, outcome
):
    desk.limit("price_collar", "tier", 5)
    market = desk.market(reference=Reference(Decimal("402.69"), "mid", desk.now))

    (answer,) = desk.check("PT-13", desk.intent(side=side, price=Decimal(price)), market)

    assert answer.outcome.value == outcome
    assert (answer.measured, answer.limit, answer.scope) == (pytest.approx(5, abs=1e-4), 5.0, "tier:liquid")
    assert answer.ord_rej_reason == (None if outcome == "pass" else 16)


def test_a_collar_of_the_instrument_stands_in_for_that_of_its_tier(desk):
    desk.limit("price_collar", "tier", 5)
    desk.limit("price_collar", "instrument", 1, instrument="ACME")

    assert desk.failures("PT-13", desk.intent(price=Decimal(102))) == ["reject PRICE_COLLAR instrument:ACME"]


def test_a_market_order_has_no_price_to_be_far_away(desk):
    (answer,) = desk.check("PT-13", desk.intent(ord_type=OrdType.MARKET, price=None))

    assert (answer.outcome.value, answer.measured) == ("pass", "market order")


def ailing(state, source="quality:feed"):
    return market_health("ACME", state, "a reason", source=source, sequence=1, event_at=1, known_at=1)


@pytest.mark.parametrize(
    ("state", "opens", "reduces"),
    [
        (HealthState.GAP, ["reject DATA_DEGRADED instrument:ACME"], []),
        (HealthState.CROSSED, ["reject DATA_DEGRADED instrument:ACME"], []),
        (HealthState.DISAGREEING, ["reject DATA_DEGRADED instrument:ACME"], []),
        (HealthState.DEGRADED, *[["reject DATA_DEGRADED instrument:ACME"]] * 2),
        (HealthState.MUTE, *[["reject DATA_DEGRADED instrument:ACME"]] * 2),
        (HealthState.HALTED, *[["reject DATA_DEGRADED instrument:ACME"]] * 2),
    ],
)
def test_data_in_ill_health_stops_what_opens_a_position_and_where_it_is_worst_what_reduces_one(
    desk, state, opens, reduces
):
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)
    market = desk.market(health=ailing(state))
    sale = desk.intent(side=Side.SELL, order_qty=100)

    assert desk.failures("PT-12", market=market) == opens
    assert desk.failures("PT-12", intent=sale, market=market) == reduces


def test_more_than_the_position_is_no_reduction(desk):
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)
    sale = desk.intent(side=Side.SELL, order_qty=101)

    found = desk.failures("PT-12", intent=sale, market=desk.market(health=ailing(HealthState.GAP)))

    assert found == ["reject DATA_DEGRADED instrument:ACME"]


def test_a_refusal_for_ill_health_says_whose_data_it_is_and_why_and_the_age_is_answered_all_the_same(desk):
    answers = desk.check("PT-12", market=desk.market(health=ailing(HealthState.MUTE)))

    assert [(answer.code, answer.measured, answer.limit) for answer in answers] == [
        ("DATA_DEGRADED", "mute", "fresh"),
        ("", 0.0, 5.0),
    ]
    assert answers[0].text == "the data of quality:feed is mute: a reason"
