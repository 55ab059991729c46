"""PT-41 self-trade, PT-42 trading ahead, PT-43 mandates and sanctions."""

from decimal import Decimal

import pytest

from domain.decisions import VerdictKind
from domain.orders import OrdStatus, OrdType, Side
from operators.compliance_rules import Rights, Tolerances
from operators.compliance_state import settle
from operators.compliance_view import Handling


def resting(desk, price="100.05", side=Side.SELL_SHORT, **changes):
    intent = desk.intent(
        cl_ord_id="rest", side=side, price=None if price is None else Decimal(price), **changes
    )
    assert desk.decide(intent).kind is VerdictKind.APPROVED
    return intent


@pytest.mark.parametrize(
    ("side", "own", "price", "fails"),
    [
        (Side.BUY, "100.05", "100.04", False),
        (Side.BUY, "100.05", "100.05", True),
        (Side.BUY, "100.05", "100.06", True),
        (Side.BUY, "100.05", None, True),
        (Side.SELL_SHORT, "99.95", "99.96", False),
        (Side.SELL_SHORT, "99.95", "99.95", True),
        (Side.SELL_SHORT, "99.95", "99.94", True),
    ],
)
def test_an_order_that_would_meet_an_own_resting_one_at_its_price_is_not_sent(desk, side, own, price, fails):
    resting(desk, own, Side.SELL_SHORT if side is Side.BUY else Side.BUY)
    terms = {"price": None, "ord_type": OrdType.MARKET} if price is None else {"price": Decimal(price)}

    (answer,) = desk.check("PT-41", desk.intent(side=side, **terms))

    expected = ("reject", "SELF_TRADE", "order:rest", 12) if fails else ("pass", "", "", None)
    assert (answer.outcome.value, answer.code, answer.scope, answer.ord_rej_reason) == expected


def test_an_order_that_is_replaced_is_not_met_by_what_stands_for_it(desk):
    resting(desk)
    market = desk.market(handling=Handling(replaces="rest"))

    assert desk.failures("PT-41", desk.intent(price=Decimal(101)), market) == []


def test_an_own_order_that_has_ended_is_met_no_more(desk):
    intent = resting(desk)
    settle(desk.state, desk.execution(intent, 0, OrdStatus.CANCELED))

    assert desk.failures("PT-41", desk.intent(price=Decimal(101))) == []


@pytest.mark.parametrize(("group", "fails"), [("account", False), ("firm", True)])
def test_own_are_the_orders_of_the_account_or_of_the_firm(desk, group, fails):
    desk.rights.accounts["second"] = Rights()
    desk.not_applicable = {"PT-43": "a test", "PT-30": "a test", "PT-31": "a test"}
    for measure in ("daily_loss", "drawdown"):
        desk.limit(measure, "account", 50)
    desk.rows = {
        key: row | {"scope_id": "*" if row["scope_type"] == "account" else row["scope_id"]}
        for key, row in desk.rows.items()
    }
    desk.state.losses["account:second"] = desk.state.losses["account:main"]
    resting(desk, account="second")
    desk.tolerances = Tolerances(self_trade_group=group)

    assert bool(desk.failures("PT-41", desk.intent(price=Decimal(101)))) is fails


@pytest.mark.parametrize(
    ("instruction", "kind", "cancels"),
    [(1, VerdictKind.REFUSED, ()), (2, VerdictKind.APPROVED, ("rest",)), (3, VerdictKind.REFUSED, ("rest",))],
)
def test_the_instruction_of_fix_2964_says_which_order_is_cancelled(desk, instruction, kind, cancels):
    resting(desk)
    desk.tolerances = Tolerances(self_trade_instruction=instruction)

    assessment = desk.evaluate(desk.intent(price=Decimal(101)))

    assert (assessment.kind, assessment.codes, assessment.cancels) == (kind, ("SELF_TRADE",), cancels)


CLIENT = {"order_id": "K1", "instrument": "ACME", "side": "1", "quantity": 500, "price": "100.01"}


@pytest.mark.parametrize(
    ("changes", "fails"),
    [
        ({}, True),
        ({"price": "100.02"}, True),
        ({"price": "100.00"}, False),
        ({"price": None}, True),
        ({"side": "2", "price": "99.00"}, False),
        ({"instrument": "OTHER", "related": "ACME", "price": "1"}, True),
        ({"instrument": "OTHER"}, False),
        ({"valid_to": 1_700_000_000_000_000_000}, False),
        ({"valid_from": 1_700_000_000_000_000_001}, False),
    ],
)
def test_a_marketable_client_order_on_the_same_side_comes_first(desk, changes, fails):
    desk.inputs["client_orders"] = [CLIENT | changes]

    failures = desk.failures("PT-42")
    agency = desk.failures("PT-42", market=desk.market(handling=Handling(principal=False)))

    assert (failures, agency) == (["hold TRADING_AHEAD client order:K1"] if fails else [], [])


def test_a_sale_waits_for_a_client_that_sells_at_the_bid(desk):
    desk.inputs["client_orders"] = [CLIENT | {"side": "2", "price": price} for price in ("99.99", "100.00")]
    desk.tolerances = Tolerances(trading_ahead_action="reject")

    (answer,) = desk.check("PT-42", desk.intent(side=Side.SELL_SHORT))

    assert (answer.outcome.value, answer.measured, answer.ord_rej_reason) == ("reject", 500.0, 12)


@pytest.mark.parametrize(
    ("mandate", "forbidden"),
    [
        ({"instruments_forbidden": "OTHER ACME"}, "instrument ACME"),
        ({"sectors_forbidden": "tobacco tech"}, "sector tech"),
        ({"countries_forbidden": "US"}, "country US"),
        ({"currencies_allowed": "EUR GBP"}, "currency USD"),
        ({"tiers_allowed": "mid"}, "tier liquid"),
        ({"valid_to": 1_700_000_000_000_000_000}, "no mandate"),
        ({"account": "another"}, "no mandate"),
        ({"sectors_forbidden": "tobacco", "countries_forbidden": "XX", "currencies_allowed": "USD"}, ""),
    ],
)
def test_a_mandate_says_what_its_account_may_not_trade(desk, mandate, forbidden):
    desk.inputs["mandates"] = [{"account": "main"} | mandate]

    answer = desk.check("PT-43")[0]

    assert (answer.code, answer.measured) == (("MANDATE", forbidden) if forbidden else ("", "allowed"))
    assert answer.ord_rej_reason == (0 if forbidden else None)


@pytest.mark.parametrize(
    ("mandate", "forbidden"),
    [
        ({"sectors_forbidden": "tobacco"}, "sector unknown"),
        ({"countries_forbidden": "XX"}, "country unknown"),
    ],
)
def test_a_mandate_that_forbids_sectors_or_countries_forbids_what_is_of_none_that_is_known(
    desk, mandate, forbidden
):
    desk.inputs["mandates"] = [{"account": "main"} | mandate]
    desk.inputs["instruments"] = []

    assert desk.check("PT-43")[0].measured == forbidden


@pytest.mark.parametrize(("side", "fails"), [(Side.SELL_SHORT, True), (Side.SELL, False), (Side.BUY, False)])
def test_a_mandate_without_short_sales_lets_other_orders_through(desk, side, fails):
    desk.inputs["mandates"] = [{"account": "main", "short_allowed": False}]

    assert bool(desk.failures("PT-43", desk.intent(side=side))) is fails


@pytest.mark.parametrize(
    ("row", "fails"),
    [
        ({"issuer": "Acme Corp"}, True),
        ({"account": "main"}, True),
        ({"issuer": "Other Corp"}, False),
        ({"issuer": "Acme Corp", "valid_to": 1_700_000_000_000_000_000}, False),
        ({"issuer": "Acme Corp", "valid_from": 1_700_000_000_000_000_000}, True),
    ],
)
def test_nothing_is_done_with_an_issuer_or_for_an_account_under_sanctions(desk, row, fails):
    desk.inputs["sanctions"] = [{"entry_id": "S1"} | row]

    assert desk.failures("PT-43") == (["reject SANCTION"] if fails else [])
