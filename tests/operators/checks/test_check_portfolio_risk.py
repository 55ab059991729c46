"""PT-34 value at risk, expected shortfall and stress losses after the order."""

from decimal import Decimal

import pytest

from domain.market import SECOND
from domain.orders import Side
from operators.compliance_counters import RiskFigures
from operators.compliance_state import set_risk

MARGINAL = {"ACME": Decimal("0.02")}


def figures(desk, **changes):
    made = RiskFigures(
        at=desk.now,
        value_at_risk=Decimal(1_000),
        expected_shortfall=Decimal(2_000),
        marginal_value_at_risk=MARGINAL,
        marginal_expected_shortfall={"ACME": Decimal("0.03")},
        stress={"1987": Decimal(5_000)},
        marginal_stress={"1987": {"ACME": Decimal("0.2")}},
    )
    set_risk(desk.state, "firm:firm", made._replace(**changes))


@pytest.mark.parametrize(
    ("measure", "after", "code"),
    [
        ("value_at_risk", 1_200, "VAR_LIMIT"),
        ("expected_shortfall", 2_300, "VAR_LIMIT"),
        ("stress_loss", 7_000, "STRESS_LIMIT"),
    ],
)
@pytest.mark.parametrize(
    ("soft", "hard", "outcome"),
    [(1, 2, ""), (0, 2, ""), (-1, 2, "hold"), (-2, 0, "hold"), (-2, -1, "reject")],
)
def test_the_order_adds_its_marginal_risk(desk, measure, after, code, soft, hard, outcome):
    figures(desk)
    desk.limit(measure, "firm", after + hard, soft=after + soft)

    answers = [answer for answer in desk.check("PT-34") if answer.code]

    assert [(a.outcome.value, a.code, a.measured, a.ord_rej_reason) for a in answers] == (
        [(outcome, code, float(after), 21)] if outcome else []
    )


def test_an_order_that_lowers_the_risk_passes_although_it_is_too_high(desk):
    figures(desk)
    desk.limit("value_at_risk", "firm", 500)

    assert desk.failures("PT-34", desk.intent(side=Side.SELL_SHORT)) == []


@pytest.mark.parametrize(("age", "fails"), [(120 * SECOND, False), (120 * SECOND + 1, True), (-1, True)])
def test_a_snapshot_is_no_older_than_two_minutes(desk, age, fails):
    figures(desk, at=desk.now - age)

    expected = ["reject VAR_LIMIT firm:firm", "reject STRESS_LIMIT firm:firm"]
    assert desk.failures("PT-34") == (expected if fails else [])


def test_without_a_snapshot_or_a_figure_of_the_instrument_nothing_is_sent(desk):
    desk.state.counters.risk.clear()
    missing = desk.failures("PT-34")
    figures(desk, marginal_value_at_risk={})

    assert (missing[0], desk.failures("PT-34")) == (
        "reject VAR_LIMIT firm:firm",
        ["reject VAR_LIMIT firm:firm"],
    )


def test_stress_may_apply_where_value_at_risk_does_not(desk):
    figures(desk)
    desk.not_applicable = {"PT-34 VAR_LIMIT": "no engine"}
    desk.limit("stress_loss", "firm", 6_999)

    assert desk.failures("PT-34") == ["reject STRESS_LIMIT firm:firm"]
