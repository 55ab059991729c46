"""Credit and margin (PT-30, PT-31): is there enough to pay for the order, and to cover it?"""

from decimal import Decimal

from domain.decisions import Check
from domain.orders import Intent
from operators.checks.answers import MALFORMED, UNPRICED, Answers, Rule, failed, passed, unlimited
from operators.compliance_view import View
from operators.limits import Bound

CREDIT = Rule("PT-30", "CREDIT_LIMIT", 25, "the customer's credit is used up")
CAPITAL = Rule("PT-30", "CAPITAL_LIMIT", 25, "the firm's capital is used up")
MARGIN = Rule("PT-31", "MARGIN", 25, "what is left after margin is below the buffer")


def credit(_intent: Intent, view: View) -> Answers:
    """PT-30: gross value after the order, with what is used elsewhere, is within the threshold of customer and firm.

    Orders entered count, not fills (base currency). An order that adds nothing is let through. Source: 17 CFR
    240.15c3-5(c)(1)(i).
    """
    bounds = view.sheet.bounds["credit"]
    if not bounds:
        return unlimited(CREDIT, None)
    if view.unit_value is None:
        return (failed(CREDIT, UNPRICED if view.sane else MALFORMED, bounds[0].limit),)
    answers: list[Check] = []
    fullest, most = bounds[0], (-1.0, 0.0)
    for bound in bounds:
        elsewhere = view.params.facts.credit.at(bound.scope, view.market.now_at)
        change = view.change(bound.scope)
        total, measured = change.gross_after, change.measured
        if elsewhere is not None:
            total += elsewhere.used
            measured = float(total)
        if total > bound.hard and change.value_after > change.value:
            rule = CAPITAL if bound.level == "firm" else CREDIT
            answers.append(failed(rule, measured, bound.limit, bound.scope))
        elif (share := measured / (bound.limit or 1.0)) > most[0]:
            most, fullest = (share, measured), bound
    return tuple(answers) or (passed(CREDIT, most[1], fullest.limit, fullest.scope),)


def margin(_intent: Intent, view: View) -> Answers:
    """PT-31: equity less the margin of all positions and open orders, this one included, is at least the buffer.

    Margin is the tier's rate of the worst-case value (base currency). An order that needs no more is let through.
    """
    bounds, instrument = view.sheet.bounds["margin_buffer"], view.market.instrument
    if not bounds:
        return unlimited(MARGIN, None)
    if view.unit_value is None or instrument is None:
        return (failed(MARGIN, UNPRICED if view.sane else MALFORMED, bounds[0].limit),)
    rate = view.params.facts.margin_rates.at(instrument.tier, view.market.now_at)
    if rate is None:
        return (failed(MARGIN, f"no rate of tier {instrument.tier}", bounds[0].limit),)
    answers: list[Check] = []
    least: tuple[Decimal, Decimal, Bound] | None = None
    weight = rate.rate_percent / 100
    for bound in bounds:
        change = view.change(bound.scope)
        if change.equity is None:
            answers.append(failed(MARGIN, "equity unknown", bound.limit, bound.scope))
            continue
        after = view.gross_after(change, "margin", weight)
        left = change.equity.exact - after
        if left < bound.hard and after > view.gross_before(change, "margin", weight):
            answers.append(failed(MARGIN, float(left), bound.limit, bound.scope))
        elif least is None or left - bound.hard < least[0]:
            least = left - bound.hard, left, bound
    if answers or least is None:
        return tuple(answers)
    _, left, bound = least
    return (passed(MARGIN, float(left), bound.limit, bound.scope),)
