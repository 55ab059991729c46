"""Portfolio risk (PT-34): what does the order add to value at risk, expected shortfall, and stress losses?

The figures of a scope come in snapshots (`compliance_counters.RiskFigures`, set with `set_risk`); between two of them
the order is added by its marginal risk: VaR + marginal VaR x notional.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from domain.decisions import Check, Outcome
from domain.market import SECOND
from domain.orders import Intent
from operators.checks.answers import MALFORMED, UNPRICED, Answers, Rule, failed, passed, unlimited
from operators.compliance_counters import RiskFigures
from operators.compliance_view import View
from operators.limits import Bound

VALUE_AT_RISK = Rule("PT-34", "VAR_LIMIT", 21, "the value at risk could become too large")
STRESS = Rule("PT-34", "STRESS_LIMIT", 21, "the loss of a stress scenario could become too large")
ZERO = Decimal(0)


class Figure(NamedTuple):
    """One measure of a snapshot: what it is now, what a unit of value of each instrument adds."""

    name: str
    now: Decimal
    marginal: Mapping[str, Decimal]


def portfolio_risk(intent: Intent, view: View) -> Answers:
    """PT-34: VaR, ES and each stress loss after the order are within the limit (soft hold, hard reject).

    A snapshot that is missing, too old, or does not know the instrument refuses. What lowers a figure is let through.
    """
    if view.unit_value is None:
        return (failed(VALUE_AT_RISK, UNPRICED if view.sane else MALFORMED, None),)
    answers: list[Check] = []
    applying = view.params.applying
    if "PT-34 VAR_LIMIT" in applying:
        answers += _measured(intent, view, VALUE_AT_RISK, "value_at_risk")
        if view.sheet.bounds["expected_shortfall"]:
            answers += _measured(intent, view, VALUE_AT_RISK, "expected_shortfall")
    if "PT-34 STRESS_LIMIT" in applying:
        answers += _measured(intent, view, STRESS, "stress_loss")
    return tuple(answers)


def _measured(intent: Intent, view: View, rule: Rule, measure: str) -> Answers:
    bounds, now_at = view.sheet.bounds[measure], view.market.now_at
    if not bounds:
        return unlimited(rule, None)
    failures: list[Check] = []
    fullest: tuple[float, Bound] | None = None
    for bound in bounds:
        snapshot = view.state.counters.risk.get(bound.scope)
        if snapshot is None or not 0 <= now_at - snapshot.at <= view.params.risk_age:
            age = "no snapshot" if snapshot is None else f"{(now_at - snapshot.at) / SECOND} s old"
            failures.append(
                failed(rule, age, bound.limit, bound.scope, text=f"no {measure} that is young enough")
            )
            continue
        for figure in _figures(snapshot, measure):
            answer = _compared(intent, view, rule, bound, figure)
            if isinstance(answer, Check):
                failures.append(answer)
            elif fullest is None or answer > fullest[0]:
                fullest = answer, bound
    if failures:
        return tuple(failures)
    if fullest is None:
        return (failed(rule, "no scenario", bounds[0].limit, bounds[0].scope, text=f"no {measure} is known"),)
    measured, bound = fullest
    return (passed(rule, measured, bound.start_limit, bound.scope),)


def _figures(snapshot: RiskFigures, measure: str) -> Iterator[Figure]:
    if measure == "value_at_risk":
        yield Figure("value at risk", snapshot.value_at_risk, snapshot.marginal_value_at_risk)
    elif measure == "expected_shortfall":
        yield Figure("expected shortfall", snapshot.expected_shortfall, snapshot.marginal_expected_shortfall)
    else:
        for name, loss in snapshot.stress.items():
            yield Figure(name, loss, snapshot.marginal_stress.get(name, {}))


def _compared(intent: Intent, view: View, rule: Rule, bound: Bound, figure: Figure) -> Check | float:
    """Return how a figure fails, or where it does not what it comes to after the order."""
    marginal = figure.marginal.get(intent.symbol)
    if marginal is None:
        words = f"the {figure.name} of {intent.symbol} is not known"
        return failed(rule, "unknown", bound.limit, bound.scope, text=words)
    unit = view.unit_value if view.unit_value is not None else ZERO
    added = marginal * unit * (view.quantity * view.sign)
    after = round(figure.now + added, 6)
    if added <= ZERO or (after <= bound.start and after <= bound.hard):
        return float(after)
    words = f"{figure.name}: {rule.text}"
    if after > bound.hard:
        return failed(rule, float(after), bound.limit, bound.scope, text=words)
    return failed(rule, float(after), bound.start_limit, bound.scope, Outcome.HOLD, words)
