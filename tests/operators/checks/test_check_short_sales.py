"""PT-37 marking, PT-38 locates, PT-39 Rule 201, PT-40 pre-borrow."""

from decimal import Decimal

import pytest

from domain.decisions import VerdictKind
from domain.orders import ExecType, OrdStatus, Side
from operators.checks.short_sales import rule_201_triggered
from operators.compliance_rules import Tolerances
from operators.compliance_state import release, set_position, settle
from operators.compliance_view import Handling


@pytest.mark.parametrize(
    ("quantity", "side", "fails"),
    [
        (69, Side.SELL, False),
        (70, Side.SELL, False),
        (71, Side.SELL, True),
        (71, Side.SELL_SHORT, False),
        (71, Side.SELL_SHORT_EXEMPT, False),
        (10**6, Side.BUY, False),
    ],
)
def test_a_sale_of_more_than_net_long_less_open_sells_is_marked_short(desk, quantity, side, fails):
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)
    desk.decide(desk.intent(cl_ord_id="open", side=Side.SELL, order_qty=30))

    (answer,) = desk.check("PT-37", desk.intent(side=side, order_qty=quantity))

    assert (answer.code, answer.ord_rej_reason) == (("MIS_MARKED", 11) if fails else ("", None))


@pytest.mark.parametrize(("unit", "fails"), [("strategy", False), ("account", True), ("firm", True)])
def test_what_is_net_long_is_what_its_aggregation_unit_holds(desk, unit, fails):
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)
    set_position(desk.state, "main", "other", "equities", "ACME", -60)
    desk.tolerances = Tolerances(aggregation_unit=unit)

    assert bool(desk.failures("PT-37", desk.intent(side=Side.SELL))) is fails


def located(desk, **changes):
    desk.inputs["locates"] = [{"locate_id": "L1", "instrument": "ACME", "quantity": 150} | changes]


def short(desk, quantity=100, locate="L1", name="C1"):
    market = desk.market(handling=Handling(locate_id=locate))
    return desk.intent(cl_ord_id=name, side=Side.SELL_SHORT, order_qty=quantity), market


@pytest.mark.parametrize(("quantity", "code"), [(149, ""), (150, ""), (151, "LOCATE_EXHAUSTED")])
def test_a_short_sale_sells_no_more_than_was_located(desk, quantity, code):
    located(desk)

    (answer,) = desk.check("PT-38", *short(desk, quantity))

    assert (answer.code, answer.ord_rej_reason) == (code, 23 if code else None)


def test_located_shares_are_taken_when_an_order_is_sent_and_given_back_when_it_is_cancelled(desk):
    located(desk)
    intent, market = short(desk)
    desk.decide(intent, market)
    sent = desk.check("PT-38", *short(desk, 51, name="B"))[0]
    settle(desk.state, desk.execution(intent, 40, OrdStatus.PARTIALLY_FILLED))
    settle(desk.state, desk.execution(intent, 40, OrdStatus.CANCELED, exec_type=ExecType.CANCELED))
    after = [desk.check("PT-38", *short(desk, quantity, name="B"))[0].code for quantity in (110, 111)]

    assert (sent.code, sent.limit) == ("LOCATE_EXHAUSTED", 50.0)
    assert after == ["", "LOCATE_EXHAUSTED"]
    assert desk.state.counters.located == {"L1": 40}


@pytest.mark.parametrize("locate", ["", "  ", "L2", "l1"])
def test_blanks_and_other_names_are_no_locate(desk, locate):
    located(desk)

    assert desk.failures("PT-38", *short(desk, locate=locate)) == ["reject NO_LOCATE"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"valid_to": 1_700_000_000_000_000_001}, ""),
        ({"valid_to": 1_700_000_000_000_000_000}, "HARD_TO_BORROW"),
        ({"valid_from": 1_700_000_000_000_000_001}, "HARD_TO_BORROW"),
        ({"instrument": "OTHER"}, "HARD_TO_BORROW"),
        ({"account": "another"}, "HARD_TO_BORROW"),
        ({"account": "main"}, ""),
        ({"kind": "easy_to_borrow", "locate_id": "LIST"}, ""),
        ({"kind": "easy_to_borrow", "valid_to": 1_700_000_000_000_000_000}, "HARD_TO_BORROW"),
    ],
)
def test_a_locate_is_of_the_instrument_and_the_account_and_holds_now(desk, changes, code):
    located(desk, **changes)

    (answer,) = desk.check("PT-38", *short(desk))

    assert (answer.code, answer.ord_rej_reason) == (code, 24 if code else None)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL, Side.SELL_SHORT_EXEMPT])
def test_what_is_no_short_sale_needs_no_locate(desk, side):
    desk.inputs["locates"] = []

    assert desk.failures("PT-38", desk.intent(side=side)) == []


@pytest.mark.parametrize(("last", "triggered"), [("18.01", False), ("18.00", True), ("17.99", True)])
def test_rule_201_is_triggered_at_18_where_the_prior_close_was_20(last, triggered):
    assert rule_201_triggered(Decimal("20.00"), Decimal(last)) is triggered


def restricted(desk):
    desk.inputs["short_sale_restrictions"] = [{"instrument": "ACME"}]


@pytest.mark.parametrize(("price", "fails"), [("100.00", False), ("99.99", True), ("99.98", True)])
@pytest.mark.parametrize("told", ["listing market", "desk"])
def test_a_restricted_short_sale_is_priced_above_the_best_bid(desk, told, price, fails):
    market = desk.market(short_sale_restricted=told == "desk")
    if told != "desk":
        restricted(desk)
    desk.tolerances = Tolerances(short_sale_action="reject")

    (answer,) = desk.check("PT-39", desk.intent(side=Side.SELL_SHORT, price=Decimal(price)), market)

    assert (answer.code, answer.ord_rej_reason) == (("SSR_PRICE_TEST", 22) if fails else ("", None))


def test_a_restricted_short_sale_is_moved_to_the_best_bid_and_a_tick(desk):
    restricted(desk)

    assessment = desk.decide(desk.intent(side=Side.SELL_SHORT, price=Decimal("99.90")))

    assert (assessment.kind, assessment.price, assessment.codes) == (
        VerdictKind.APPROVED,
        Decimal("100.00"),
        ("SSR_PRICE_TEST",),
    )
    assert [check.outcome.value for check in assessment.checks if check.check == "PT-39"] == ["clip"]


@pytest.mark.parametrize(
    ("side", "exemption", "failures"),
    [
        (Side.SELL_SHORT_EXEMPT, 2, []),
        (Side.SELL_SHORT_EXEMPT, None, ["reject SSR_PRICE_TEST"]),
        (Side.SELL_SHORT_EXEMPT, 7, ["reject SSR_PRICE_TEST"]),
        (Side.SELL, None, []),
        (Side.BUY, None, []),
    ],
)
def test_an_exempt_short_sale_gives_its_reason_and_a_long_sale_needs_none(desk, side, exemption, failures):
    restricted(desk)
    market = desk.market(handling=Handling(exemption=exemption))

    assert desk.failures("PT-39", desk.intent(side=side, price=Decimal("99.90")), market) == failures


def test_a_restriction_without_a_best_bid_refuses(desk):
    restricted(desk)

    assert desk.failures("PT-39", desk.intent(side=Side.SELL_SHORT), desk.market(bid=None)) == [
        "reject SSR_PRICE_TEST"
    ]


@pytest.mark.parametrize(
    ("row", "kind", "fails"),
    [
        ({}, "locate", True),
        ({}, "pre_borrow", False),
        ({"account": "main", "cause": "fails"}, "locate", True),
        ({"account": "another"}, "locate", False),
        ({"valid_to": 1_700_000_000_000_000_000}, "locate", False),
        ({"instrument": "OTHER"}, "locate", False),
    ],
)
def test_on_the_threshold_list_only_borrowed_shares_are_sold_short(desk, row, kind, fails):
    desk.inputs["pre_borrow"] = [{"instrument": "ACME"} | row]
    located(desk, kind=kind)

    (answer,) = desk.check("PT-40", *short(desk))

    assert (answer.code, answer.ord_rej_reason) == (("PREBORROW", 23) if fails else ("", None))


@pytest.mark.parametrize(("valid_from", "fails"), [(0, True), (1_000, False)])
def test_shares_that_were_borrowed_before_a_split_are_not_those_of_after(desk, valid_from, fails):
    desk.inputs["pre_borrow"] = [{"instrument": "ACME"}]
    located(desk, kind="pre_borrow", valid_from=valid_from)
    intent, market = short(desk)

    failures = desk.failures("PT-40", intent, market._replace(splits=((1_000, Decimal(2)),)))

    assert failures == (["reject PREBORROW instrument:ACME"] if fails else [])


def test_shares_of_an_order_that_was_never_sent_are_given_back(desk):
    located(desk)
    desk.decide(*short(desk))

    release(desk.state, "C1")

    assert desk.state.counters.located == {"L1": 0}
