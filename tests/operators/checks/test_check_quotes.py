"""PT-16 bands and breakers, PT-17 orders at the market, PT-18 protected quotes."""

from decimal import Decimal

import pytest

from domain.decisions import VerdictKind
from domain.orders import OrdType, Side, TimeInForce
from operators.compliance_rules import Tolerances
from operators.compliance_view import Handling, Protected

TIER_1 = {"instrument": "ACME", "lower": "95.00", "upper": "105.00"}
"""LULD: reference 100, tier 1 (standards.md 1.4)."""


@pytest.mark.parametrize(
    ("side", "price", "fails"),
    [
        (Side.BUY, "104.99", False),
        (Side.BUY, "105.00", False),
        (Side.BUY, "105.01", True),
        (Side.BUY, "94.99", False),
        (Side.SELL_SHORT, "95.01", False),
        (Side.SELL_SHORT, "95.00", False),
        (Side.SELL_SHORT, "94.99", True),
        (Side.SELL_SHORT, "105.01", False),
    ],
)
def test_a_price_may_go_to_the_end_of_the_published_band_and_no_further(desk, side, price, fails):
    desk.inputs["bands"] = [TIER_1]

    answer = desk.check("PT-16", desk.intent(side=side, price=Decimal(price)))[-1]

    assert (answer.code, answer.ord_rej_reason) == (("LULD_BAND", 16) if fails else ("", None))
    assert (answer.measured, answer.limit) == (float(price), 105.0 if side is Side.BUY else 95.0)


@pytest.mark.parametrize(
    ("lower", "upper", "inside", "outside"),
    [
        ("90.00", "110.00", "110.00", "110.01"),
        ("2.00", "3.00", "3.00", "3.01"),
        ("0.35", "0.65", "0.65", "0.66"),
        ("80.00", "120.00", "120.00", "120.01"),
        ("1.50", "3.50", "3.50", "3.51"),
        ("0.20", "0.80", "0.80", "0.81"),
    ],
)
def test_the_bands_of_the_other_tiers_and_the_doubled_ones_bind_in_the_same_way(
    desk, lower, upper, inside, outside
):
    desk.inputs["bands"] = [{"instrument": "ACME", "lower": lower, "upper": upper}]

    failures = [bool(desk.failures("PT-16", desk.intent(price=Decimal(p)))) for p in (inside, outside)]

    assert failures == [False, True]


def test_a_price_outside_the_band_is_moved_to_its_end_where_that_is_configured(desk):
    desk.inputs["bands"] = [TIER_1]
    desk.tolerances = Tolerances(band_action="clip")

    assessment = desk.decide(desk.intent(price=Decimal(107)))

    assert (assessment.kind, assessment.price, assessment.codes) == (
        VerdictKind.APPROVED,
        Decimal("105.00"),
        ("LULD_BAND",),
    )
    assert desk.state.reservations["C1"].price == Decimal("105.00")
    assert assessment.reserved_notional == Decimal(10_500)


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "fails"), [(0, 0, False), (0, 1, False), (1, 9, True), (-9, 0, True)]
)
def test_without_a_band_that_holds_now_nothing_is_sent(desk, valid_from, valid_to, fails):
    row = TIER_1 | {"valid_from": desk.now + valid_from}
    desk.inputs["bands"] = [
        row if valid_to == 0 and valid_from == 0 else row | {"valid_to": desk.now + valid_to}
    ]

    assert bool(desk.failures("PT-16")) is fails


def test_the_latest_band_binds(desk):
    desk.inputs["bands"] = [TIER_1, {"instrument": "ACME", "lower": 50, "upper": 99, "valid_from": desk.now}]

    assert desk.failures("PT-16") == ["reject LULD_BAND instrument:ACME"]


@pytest.mark.parametrize(("begins", "ends", "fails"), [(0, 1, True), (-1, 0, False), (1, 2, False)])
def test_a_market_wide_breaker_stops_everything_while_it_holds(desk, begins, ends, fails):
    desk.inputs["breakers"] = [{"level": 2, "valid_from": desk.now + begins, "valid_to": desk.now + ends}]

    answer = desk.check("PT-16")[0]

    assert (answer.code, answer.measured) == (("MWCB", "level 2") if fails else ("", "none"))


AT_MARKET = {"price": None, "ord_type": OrdType.MARKET}


@pytest.mark.parametrize(
    ("bid", "ask", "code"),
    [
        ("99.98", "100.03", ""),
        ("99.97", "100.03", ""),
        ("99.96", "100.03", "MKT_PROTECT"),
        (None, "100", "MKT_PROTECT"),
    ],
)
def test_an_order_at_the_market_passes_up_to_three_medians_of_spread(desk, bid, ask, code):
    desk.limit("spread", "tier", 3)
    market = desk.market(bid=None if bid is None else Decimal(bid), ask=Decimal(ask))

    (answer,) = desk.check("PT-17", desk.intent(**AT_MARKET), market)

    assert (answer.code, answer.outcome.value) == (code, "clip" if code else "pass")


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "105.00"), (Side.SELL_SHORT, "95.00")])
def test_an_order_at_the_market_in_a_wide_spread_becomes_one_limited_at_the_collar(desk, side, price):
    desk.limit("price_collar", "tier", 5)
    desk.limit("spread", "tier", 3)
    market = desk.market(bid=Decimal(99), ask=Decimal(101))

    assessment = desk.decide(desk.intent(side=side, **AT_MARKET), market)

    assert (assessment.kind, assessment.codes) == (VerdictKind.APPROVED, ("MKT_PROTECT",))
    assert assessment.price == Decimal(price)


def test_a_limit_order_needs_no_protection(desk):
    assert desk.failures("PT-17", market=desk.market(bid=None)) == []


def shown(desk, *quotes, **changes):
    made = tuple(
        Protected(venue, *(None if price is None else Decimal(price) for price in (bid, ask)))
        for venue, bid, ask in quotes
    )
    return desk.market(protected=made, **changes)


@pytest.mark.parametrize(
    ("elsewhere", "failures"),
    [
        ("100.02", []),
        ("100.01", []),
        ("100.00", ["reject TRADE_THROUGH venue:XNAS"]),
        (None, []),
    ],
)
def test_an_order_does_not_trade_at_a_worse_price_than_another_venue_shows(desk, elsewhere, failures):
    market = shown(desk, ("XNAS", "99.99", "100.01"), ("XNYS", "99.98", elsewhere))

    assert desk.failures("PT-18", desk.intent(price=Decimal("100.05")), market) == failures


def test_a_sweep_may_trade_through(desk):
    market = shown(
        desk, ("XNAS", "99.99", "100.01"), ("XNYS", "99.98", "100.00"), handling=Handling(iso=True)
    )

    assert desk.failures("PT-18", desk.intent(price=Decimal("100.05")), market) == []


@pytest.mark.parametrize(
    ("price", "tif", "failures"),
    [
        ("99.99", TimeInForce.DAY, []),
        ("100.00", TimeInForce.DAY, ["reject LOCK_CROSS venue:XNAS"]),
        ("100.01", TimeInForce.DAY, ["reject LOCK_CROSS venue:XNAS"]),
        ("100.00", TimeInForce.IMMEDIATE_OR_CANCEL, []),
    ],
)
def test_an_order_does_not_rest_at_or_across_the_quote_of_another_venue(desk, price, tif, failures):
    market = shown(desk, ("XNAS", "99.90", "100.10"), ("XNYS", "99.90", "100.00"))

    assert desk.failures("PT-18", desk.intent(price=Decimal(price), time_in_force=tif), market) == failures


def test_an_order_that_would_lock_is_moved_a_tick_away_where_that_is_configured(desk):
    desk.tolerances = Tolerances(protected_action="clip")
    market = shown(desk, ("XNAS", "99.90", "100.10"), ("XNYS", "99.90", "100.00"))

    assessment = desk.decide(market=market)

    assert (assessment.kind, assessment.price, assessment.codes) == (
        VerdictKind.APPROVED,
        Decimal("99.99"),
        ("LOCK_CROSS",),
    )


def test_where_no_protected_quotes_are_known_nothing_is_sent(desk):
    assert desk.failures("PT-18", market=desk.market(protected=None)) == ["reject TRADE_THROUGH"]


def quoted(venue, ask, **changes):
    return {"instrument": "ACME", "venue": venue, "bid": "99.90", "ask": ask} | changes


@pytest.mark.parametrize(
    ("ask", "changes", "failures"),
    [
        ("100.02", {}, []),
        ("100.01", {}, []),
        ("100.00", {}, ["reject TRADE_THROUGH venue:XNAS"]),
        ("100.00", {"valid_from": 2**62}, []),
        ("100.00", {"valid_to": 1}, []),
        ("", {}, []),
    ],
)
def test_the_input_says_what_other_venues_show(desk, ask, changes, failures):
    desk.inputs["protected_quotes"] = [quoted("XNAS", "100.01"), quoted("XNYS", ask, **changes)]

    found = desk.failures("PT-18", desk.intent(price=Decimal("100.05")), desk.market(protected=None))

    assert found == failures


def test_the_last_quote_of_a_venue_binds_and_one_that_the_desk_saw_binds_before_it(desk):
    rows = [quoted("XNYS", "100.00", valid_from=1), quoted("XNYS", "100.02", valid_from=2)]
    desk.inputs["protected_quotes"] = [quoted("XNAS", "100.01"), *rows]
    intent = desk.intent(price=Decimal("100.05"))
    seen = shown(desk, ("XNAS", "99.99", "100.01"), ("XNYS", "99.98", "100.00"))

    assert desk.failures("PT-18", intent, desk.market(protected=None)) == []
    assert desk.failures("PT-18", intent, seen) == ["reject TRADE_THROUGH venue:XNAS"]


def test_an_order_is_moved_a_tick_from_a_quote_of_the_input(desk):
    desk.tolerances = Tolerances(protected_action="clip")
    desk.inputs["protected_quotes"] = [quoted("XNAS", "100.10"), quoted("XNYS", "100.00")]

    assessment = desk.decide(market=desk.market(protected=None))

    assert (assessment.kind, assessment.price, assessment.codes) == (
        VerdictKind.APPROVED,
        Decimal("99.99"),
        ("LOCK_CROSS",),
    )
