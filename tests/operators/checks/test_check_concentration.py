"""PT-32 issuer, days to liquidate, ownership; PT-33 sector, country, currency, factor."""

from decimal import Decimal

import pytest

from domain.orders import Side
from operators.compliance_state import Standing, set_mark, set_position, set_standing, set_weights

SCOPE = "firm:firm"


@pytest.fixture
def small(desk):
    """Return a desk of an equity of 100,000 on which an order of 100 is a tenth of it."""
    for name in ("account:main", SCOPE):
        set_standing(desk.state, name, Standing(Decimal(100_000), Decimal(0), Decimal(0)))
    for measure in ("issuer_concentration", "sector_exposure", "country_exposure", "factor_exposure"):
        desk.limit(measure, "firm", 10**6)
    return desk


def held(desk, symbol, quantity, **changes):
    set_mark(desk.state, symbol, Decimal(100))
    instrument = desk.instrument(name=symbol, **changes)
    set_weights(desk.state, symbol, desk.params.weights_of(instrument, desk.now))
    set_position(desk.state, "main", "trend", "equities", symbol, quantity)


@pytest.mark.parametrize(
    ("soft", "hard", "failure"),
    [
        (31, 40, []),
        (30, 40, []),
        (29, 40, [f"warn CONC_ISSUER {SCOPE} issuer:Acme Corp"]),
        (5, 30, [f"warn CONC_ISSUER {SCOPE} issuer:Acme Corp"]),
        (5, 29, [f"reject CONC_ISSUER {SCOPE} issuer:Acme Corp"]),
    ],
)
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL_SHORT])
def test_all_instruments_of_an_issuer_count_and_both_sides_add(small, side, soft, hard, failure):
    held(small, "OTHER", -200)
    small.limit("issuer_concentration", "firm", hard, soft=soft)

    intent = small.intent(side=side)

    assert small.failures("PT-32", intent) == failure
    assert small.check("PT-32", intent)[0].measured == 30.0


def test_an_issuer_that_is_not_named_is_the_instrument_itself(small):
    held(small, "OTHER", 200, issuer="")
    small.limit("issuer_concentration", "firm", 10)

    assert small.failures("PT-32", market=small.market(instrument=small.instrument(issuer=""))) == []


def test_an_order_that_lowers_a_concentration_passes_although_it_is_too_large(small):
    held(small, "ACME", 300)
    small.limit("issuer_concentration", "firm", 10)

    assert small.failures("PT-32", small.intent(side=Side.SELL)) == []


@pytest.mark.parametrize(
    ("adv", "failure"),
    [
        (1_500, []),
        (1_499, [f"hold DTL {SCOPE}"]),
        (300, [f"hold DTL {SCOPE}"]),
        (299, [f"reject DTL {SCOPE}"]),
    ],
)
def test_a_position_can_be_sold_in_so_many_days_at_a_fifth_of_the_volume(small, adv, failure):
    held(small, "ACME", 200)
    small.inputs["instruments"][0]["adv20"] = adv
    small.limit("days_to_liquidate", "firm", 5, soft=1)

    assert small.failures("PT-32") == failure


@pytest.mark.parametrize("adv", [1_000, 300])
def test_an_order_that_shortens_a_liquidation_passes_although_it_takes_too_long(small, adv):
    held(small, "ACME", 600)
    small.inputs["instruments"][0]["adv20"] = adv
    small.limit("days_to_liquidate", "firm", 5, soft=1)

    assert small.failures("PT-32", small.intent(side=Side.SELL)) == []


@pytest.mark.parametrize(("shares", "fails"), [(6_667, False), (6_666, True)])
def test_a_holding_above_4_5_per_cent_of_the_company_warns_of_the_filing(small, shares, fails):
    held(small, "ACME", 200)
    small.inputs["instruments"][0]["shares_outstanding"] = shares
    small.limit("ownership", "firm", "4.5")

    assert small.failures("PT-32") == ([f"warn OWNERSHIP {SCOPE}"] if fails else [])
    assert small.failures("PT-32", small.intent(side=Side.SELL)) == []


def test_a_sale_out_of_a_holding_above_the_share_to_be_filed_warns_of_nothing(small):
    held(small, "ACME", 400)
    small.inputs["instruments"][0]["shares_outstanding"] = 6_666
    small.limit("ownership", "firm", "4.5")

    assert small.failures("PT-32", small.intent(side=Side.SELL)) == []
    assert small.failures("PT-32") == [f"warn OWNERSHIP {SCOPE}"]


def test_a_holding_at_exactly_4_5_per_cent_passes(small):
    held(small, "ACME", 35)
    small.inputs["instruments"][0]["shares_outstanding"] = 1000
    small.limit("ownership", "firm", "4.5")

    failures = [small.failures("PT-32", small.intent(order_qty=quantity)) for quantity in (9, 10, 11)]

    assert failures == [[], [], [f"warn OWNERSHIP {SCOPE}"]]


@pytest.mark.parametrize(
    ("soft", "hard", "outcome"),
    [(31, 40, ""), (30, 40, ""), (29, 40, "hold"), (5, 30, "hold"), (5, 29, "reject")],
)
@pytest.mark.parametrize(
    ("measure", "code", "group"),
    [("sector_exposure", "SECTOR_LIMIT", "sector:tech"), ("country_exposure", "SECTOR_LIMIT", "country:US")],
)
def test_sectors_and_countries_add_longs_and_shorts(small, measure, code, group, soft, hard, outcome):
    held(small, "OTHER", -200)
    small.limit(measure, "firm", hard, soft=soft)

    assert small.failures("PT-33") == ([f"{outcome} {code} {SCOPE} {group}"] if outcome else [])


@pytest.mark.parametrize(
    ("loading", "failure"),
    [
        ("value:2.9", []),
        ("value:3.0", []),
        ("value:3.1", [f"hold FACTOR_LIMIT {SCOPE} factor:value"]),
        ("value:-3.0", []),
        ("value:-3.1", [f"hold FACTOR_LIMIT {SCOPE} factor:value"]),
        ("value:4", [f"hold FACTOR_LIMIT {SCOPE} factor:value"]),
        ("value:4.1", [f"reject FACTOR_LIMIT {SCOPE} factor:value"]),
    ],
)
def test_a_factor_nets_what_hangs_on_it_with_its_sign(small, loading, failure):
    small.inputs["instruments"][0]["factors"] = loading
    small.limit("factor_exposure", "firm", 40, soft=30)

    assert small.failures("PT-33") == failure


@pytest.mark.parametrize(("hard", "outcome"), [("10.1", ""), ("10", ""), ("9.9", "reject")])
def test_a_foreign_currency_is_bounded_and_the_base_currency_is_not(small, hard, outcome):
    small.limit("currency_exposure", "firm", hard)
    foreign = small.market(instrument=small.instrument(currency="EUR"))

    failures = small.failures("PT-33", small.intent(currency="EUR"), foreign)

    assert failures == ([f"{outcome} CCY_LIMIT {SCOPE} currency:EUR"] if outcome else [])
    assert small.failures("PT-33") == []


def test_what_is_not_known_of_an_instrument_refuses(small):
    small.inputs["instruments"] = small.inputs["instruments"][1:]

    assert small.failures("PT-32") == ["reject DTL", "reject OWNERSHIP"]
    assert small.failures("PT-33") == ["reject SECTOR_LIMIT", "reject SECTOR_LIMIT", "reject FACTOR_LIMIT"]


def test_an_equity_that_is_used_up_refuses(small):
    set_standing(small.state, SCOPE, Standing(Decimal(0), Decimal(0), Decimal(0)))

    assert small.failures("PT-32")[0] == f"reject CONC_ISSUER {SCOPE} issuer:Acme Corp"
