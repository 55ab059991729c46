"""PT-34 in the flow: what an order adds to VaR, ES and stress losses is met by the limits of its scopes."""

from dataclasses import replace
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from config.settings import read_settings
from domain.controls import ControlsRead
from domain.decisions import VerdictKind
from operators.decisions import Decisions
from operators.limit_rows import limit_table
from operators.risk_standing import ScenarioParams
from tests.operators import decision_case

ROWS, BATCH_ROWS = 2_000, 64
RETURNS = np.random.default_rng(34).normal(0, 0.02, (5, 500))
STRESS = {
    "equity -20%": np.full(5, -0.2),
    "equity +20%": np.full(5, 0.2),
    "only A": np.array([-0.5, 0, 0, 0, 0.0]),
}
MEASURES = {"value_at_risk": "VAR_LIMIT", "expected_shortfall": "VAR_LIMIT", "stress_loss": "STRESS_LIMIT"}
WIDE = 10**9


def params(stress=STRESS, **bounds):
    """Return a desk that judges by scenarios; `bounds` are (soft, hard) by measure, all others wide."""
    made = decision_case.desk_params()
    rows = [dict(row) for row in read_settings().limits["limits"] if row["measure"] not in MEASURES]
    for measure in MEASURES:
        soft, hard = bounds.get(measure, (WIDE, WIDE))
        row = {
            "limit_id": measure,
            "measure": measure,
            "scope_type": "firm",
            "scope_id": "firm",
            "unit": "currency",
        }
        rows.append(row | {"soft": str(soft), "hard": str(hard), "rationale": "a test"})
    without = {what: why for what, why in made.compliance.not_applicable.items() if what != "PT-34"}
    table = limit_table(rows, read_settings().limits["defaults"])
    compliance = made.compliance.replaced(limits=table, not_applicable=without)
    return replace(made, compliance=compliance, risk_scenarios=ScenarioParams(RETURNS, stress=stress))


def run(desk, batch_rows=BATCH_ROWS, seen=None):
    """Return the records of a run; `seen` is given the reference price of each intent."""
    watch = None if seen is None else lambda _, _intent, market: seen.append(market.reference.price)
    stage = Decisions(desk, controlled=True, watch=watch)
    book, answers = stage.fresh(), []
    answers += stage.step(book, ControlsRead())
    for item in decision_case.items(ROWS, batch_rows, None):
        answers += stage.step(book, item)
    return decision_case.streams(answers)


@cache
def undisturbed():
    return run(params())


def answers(records, number=0):
    return [check for check in records["verdicts"][number].checks if check.check == "PT-34"]


def approved_first(records):
    """Return the number of the first verdict that allows an order."""
    return next(n for n, each in enumerate(records["verdicts"]) if each.kind is VerdictKind.APPROVED)


def test_the_first_order_is_measured_as_sorting_its_losses_would():
    seen = []
    records = run(params(), seen=seen)
    number = approved_first(records)
    intent = records["intents"][number]
    which = decision_case.NAMES.index(intent.symbol)
    value = float(seen[number]) * intent.order_qty * intent.side.sign

    var, es, stress = answers(records, number)
    losses = np.sort(-RETURNS[which] * value)
    beyond = losses[-12:].sum() + 0.5 * losses[-13]

    assert number == 0
    assert var.measured == pytest.approx(losses[494], rel=1e-9)
    assert es.measured == pytest.approx(beyond / 12.5, rel=1e-9)
    assert stress.measured == pytest.approx(max(-moves[which] * value for moves in STRESS.values()), rel=1e-9)


@pytest.mark.parametrize("measure", sorted(MEASURES))
@pytest.mark.parametrize(
    ("soft", "hard", "outcome"),
    [("0.01", "1", "pass"), ("0", "1", "pass"), ("-0.01", "0", "hold"), ("-0.02", "-0.01", "reject")],
)
def test_a_figure_just_under_at_and_just_over_its_limit(measure, soft, hard, outcome):
    records = undisturbed()
    number = approved_first(records)
    place = list(MEASURES).index(measure)
    measured = Decimal(repr(answers(records, number)[place].measured))

    bounds = {measure: (measured + Decimal(soft), measured + Decimal(hard))}
    checks = [check for check in answers(run(params(**bounds)), number) if check.measured == float(measured)]

    assert [(check.outcome.value, check.code) for check in checks][:1] == [
        (outcome, "" if outcome == "pass" else MEASURES[measure])
    ]


def test_a_limit_of_risk_refuses_orders_that_add_to_it_and_lets_through_what_takes_away():
    measured = sorted(answers(undisturbed(), n)[0].measured for n in range(len(undisturbed()["verdicts"])))
    middle = measured[len(measured) // 2]
    kinds = {}
    records = run(params(value_at_risk=(middle * 0.9, middle)))
    for number, verdict in enumerate(records["verdicts"]):
        if verdict.codes == ("HOLD_EXPIRED",):
            continue
        var = answers(records, number)[0]
        kinds.setdefault((var.outcome.value, var.code, var.measured > middle), set()).add(verdict.kind)

    assert kinds["reject", "VAR_LIMIT", True] == {VerdictKind.REFUSED}
    assert VerdictKind.APPROVED in kinds["pass", "", False]


def test_the_figures_are_the_same_on_any_size_of_batch():
    assert run(params(), 17) == undisturbed()


def test_without_a_stress_scenario_a_limit_on_stress_refuses():
    checks = answers(run(params(stress={})))

    assert [(check.code, check.measured) for check in checks if check.code] == [
        ("STRESS_LIMIT", "no scenario")
    ]


def test_without_scenarios_a_limit_on_risk_refuses_every_order():
    records = run(replace(params(), risk_scenarios=None))

    assert {each.kind for each in records["verdicts"]} == {VerdictKind.REFUSED}
    assert {check.measured for check in answers(records)} == {"no snapshot"}
