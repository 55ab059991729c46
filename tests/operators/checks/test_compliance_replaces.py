"""A replace is judged by what it changes: one that only reduces never fails a size or a limit (standards.md 1.4)."""

from decimal import Decimal

import pytest

from domain.decisions import Outcome, VerdictKind
from domain.orders import Side
from operators.checks.registry import REDUCTIONS_PASS
from operators.compliance_view import Handling
from operators.limits import MANDATORY, MEASURES


def replace(desk, quantity, price=100, side=Side.BUY):
    intent = desk.intent(cl_ord_id="new", order_qty=quantity, price=Decimal(price), side=side)
    return intent, desk.market(handling=Handling(replaces="old"))


@pytest.fixture
def over(desk):
    """Return a desk with an open order of 100 whose limits were all lowered to nothing afterwards."""
    desk.decide(desk.intent(cl_ord_id="old"))
    for measure, scope_type, window in MANDATORY:
        if measure not in (
            "price_collar",
            "dynamic_collar",
            "price_drift",
            "spread",
            "daily_loss",
            "drawdown",
        ):
            desk.limit(measure, scope_type, 10**12 if measure == "margin_buffer" else 0, window=window)
    assert MEASURES
    return desk


@pytest.mark.parametrize(
    ("quantity", "price", "passes"),
    [(99, 100, True), (100, "99.99", True), (101, 100, False), (50, "100.01", False), (50, "99.99", True)],
)
def test_a_replace_that_only_reduces_passes_sizes_and_limits_that_are_exceeded(over, quantity, price, passes):
    assessment = over.evaluate(*replace(over, quantity, price))

    failed = {c.check for c in assessment.checks if c.outcome is not Outcome.PASS} & REDUCTIONS_PASS
    assert (failed == set()) is passes
    assert (assessment.kind is VerdictKind.APPROVED) is passes


def test_a_replace_of_another_side_or_order_is_no_reduction(over):
    sold = over.evaluate(*replace(over, 50, side=Side.SELL_SHORT))
    unknown = over.evaluate(
        over.intent(cl_ord_id="new", order_qty=50), over.market(handling=Handling(replaces="gone"))
    )

    assert (sold.kind, unknown.kind) == (VerdictKind.REFUSED, VerdictKind.REFUSED)


@pytest.mark.parametrize(("hard", "fails"), [(120, False), (119, True)])
def test_an_order_that_grows_is_judged_by_what_will_be_open_and_not_by_both(desk, hard, fails):
    desk.decide(desk.intent(cl_ord_id="old"))
    desk.limit("position_long", "account", hard)
    desk.limit("open_notional", "account", hard * 100)
    desk.limit("gross_exposure", "firm", hard * 100)
    desk.limit("net_exposure", "firm", hard * 100)
    desk.limit("credit", "firm", hard * 100)

    assessment = desk.evaluate(*replace(desk, 120))

    assert (assessment.kind is VerdictKind.REFUSED) is fails
    assert assessment.codes == (
        ("MAX_LONG", "OPEN_NOTIONAL", "GROSS_EXP", "NET_EXP", "CAPITAL_LIMIT") if fails else ()
    )


def test_a_replace_takes_the_reservation_of_the_order_it_stands_for(desk):
    desk.decide(desk.intent(cl_ord_id="old"))

    desk.decide(*replace(desk, 60))

    held = desk.state.holdings["account:main", "ACME"]
    assert (list(desk.state.reservations), held.open_buys) == (["new"], 60)
    assert desk.state.exposures["firm:firm"].open_notional == 6_000
    assert desk.state.counters.traffic["account:main", "ACME"].orders == 3
