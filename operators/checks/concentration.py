"""Concentration (PT-32, PT-33): how much of the equity, the volume, the company or a group of instruments is it?

An order fails only where it makes the measure worse.
"""

from collections.abc import Iterable
from decimal import Decimal

from domain.decisions import Check, Outcome
from domain.orders import Intent
from operators.checks.answers import MALFORMED, UNPRICED, Answers, Rule, failed, passed, unlimited
from operators.compliance_facts import InstrumentFacts, loadings_of
from operators.compliance_view import View
from operators.group_exposures import ONE
from operators.limits import Bound

ISSUER = Rule("PT-32", "CONC_ISSUER", 3, "too much of the equity is in one issuer")
LIQUIDATION = Rule("PT-32", "DTL", 3, "it would take too many days to be rid of the position")
OWNERSHIP = Rule("PT-32", "OWNERSHIP", 3, "the holding nears the share of the company that must be filed")
SECTOR = Rule("PT-33", "SECTOR_LIMIT", 3, "too much of the equity is in one sector or country")
CURRENCY = Rule("PT-33", "CCY_LIMIT", 3, "too much of the equity is in one currency")
FACTOR = Rule("PT-33", "FACTOR_LIMIT", 3, "too much of the equity hangs on one factor")
_WARN, _HOLD = Outcome.WARN, Outcome.HOLD
_BASE_CURRENCY = (passed(CURRENCY, "base currency", None),)


def concentration(_intent: Intent, view: View) -> Answers:
    """PT-32: issuer percent of NAV (warn, reject), days to liquidate (hold, reject), percent of the company (warn)."""
    instrument, params = view.market.instrument, view.params
    if view.unit_value is None or instrument is None:
        return (failed(ISSUER, UNPRICED if view.sane else MALFORMED, None),)
    answers: list[Check] = []
    if "PT-32 CONC_ISSUER" in params.applying:
        group = f"issuer:{instrument.issuer or instrument.name}"
        answers += _of_equity(view, ISSUER, "issuer_concentration", group, ONE, _WARN)
    days, owned = "PT-32 DTL" in params.applying, "PT-32 OWNERSHIP" in params.applying
    if days or owned:
        known = view.known()
        answers += _liquidation(view, known) if days else ()
        answers += _ownership(view, known) if owned else ()
    return tuple(answers)


def groups(_intent: Intent, view: View) -> Answers:
    """PT-33: gross by sector and country, net by currency and factor, percent of NAV (hold, reject)."""
    instrument, params = view.market.instrument, view.params
    if view.unit_value is None or instrument is None:
        return (failed(SECTOR, UNPRICED if view.sane else MALFORMED, None),)
    answers: list[Check] = []
    by_sector = "PT-33 SECTOR_LIMIT" in params.applying
    by_factor = "PT-33 FACTOR_LIMIT" in params.applying
    known = view.known() if by_sector or by_factor else None
    if by_sector:
        for kind, name in (
            ("sector", known.sector if known else ""),
            ("country", known.country if known else ""),
        ):
            if not name:
                answers.append(failed(SECTOR, f"{kind} unknown", None))
            else:
                answers += _of_equity(view, SECTOR, f"{kind}_exposure", f"{kind}:{name}", ONE, _HOLD)
    if "PT-33 CCY_LIMIT" in params.applying:
        if instrument.currency == params.tolerances.base_currency:
            answers += _BASE_CURRENCY
        else:
            group = f"currency:{instrument.currency}"
            answers += _of_equity(view, CURRENCY, "currency_exposure", group, ONE, _HOLD, net=True)
    if by_factor:
        loadings = loadings_of(known.factors) if known is not None else ()
        if known is None:
            answers.append(failed(FACTOR, "factors unknown", None))
        for name, loading in loadings:
            group = f"factor:{name}"
            answers += _of_equity(view, FACTOR, "factor_exposure", group, loading, _HOLD, net=True)
    return tuple(answers)


def _of_equity(
    view: View, rule: Rule, measure: str, group: str, weight: Decimal, softly: Outcome, *, net: bool = False
) -> Answers:
    """Compare what a group comes to after the order with percents of equity; `softly` is the answer above soft."""
    bounds = view.sheet.bounds[measure]
    if not bounds:
        return unlimited(rule, None)
    answers: list[Check] = []
    fullest: tuple[float, float, Bound] | None = None
    for bound in bounds:
        change = view.change(bound.scope)
        equity = change.equity
        if equity is None or equity.exact <= 0:
            answers.append(failed(rule, "equity unknown", bound.limit, f"{bound.scope} {group}"))
            continue
        after = (view.net_after if net else view.gross_after)(change, group, weight)
        percent = after * 100
        measured = float(percent) / equity.measured
        if percent > bound.start * equity.exact and after > (
            (view.net_before if net else view.gross_before)(change, group, weight)
        ):
            hard = percent > bound.hard * equity.exact
            limit, outcome = (bound.limit, Outcome.REJECT) if hard else (bound.start_limit, softly)
            answers.append(failed(rule, measured, limit, f"{bound.scope} {group}", outcome))
        elif fullest is None or measured > fullest[0] * bound.start_limit:
            fullest = measured / (bound.start_limit or 1.0), measured, bound
    if answers or fullest is None:
        return tuple(answers)
    _, measured, bound = fullest
    return (passed(rule, measured, bound.start_limit, f"{bound.scope} {group}"),)


def _liquidation(view: View, known: InstrumentFacts | None) -> Iterable[Check]:
    bounds = view.sheet.bounds["days_to_liquidate"]
    if not bounds:
        return unlimited(LIQUIDATION, None)
    if known is None or known.adv20 is None:
        return (failed(LIQUIDATION, "volume unknown", bounds[0].limit),)
    daily = known.adv20 * view.params.liquidation_share
    measured = float(daily)
    answers = [_days(view, bound, daily, measured) for bound in bounds]
    failures = [answer for answer in answers if answer.code]
    return failures or answers[:1]


def _days(view: View, bound: Bound, daily: Decimal, daily_measured: float) -> Check:
    change = view.change(bound.scope)
    after, worse = change.wide_after, change.wide_after > change.wide
    measured = after / daily_measured
    if worse and after > bound.hard * daily:
        return failed(LIQUIDATION, measured, bound.limit, bound.scope)
    if worse and after > bound.start * daily:
        return failed(LIQUIDATION, measured, bound.start_limit, bound.scope, Outcome.HOLD)
    return passed(LIQUIDATION, measured, bound.start_limit, bound.scope)


def _ownership(view: View, known: InstrumentFacts | None) -> Iterable[Check]:
    bounds = view.sheet.bounds["ownership"]
    if not bounds:
        return unlimited(OWNERSHIP, None)
    if known is None or known.shares_outstanding is None:
        return (failed(OWNERSHIP, "shares outstanding unknown", bounds[0].limit),)
    answers: list[Check] = []
    for bound in bounds:
        percent = max(0, view.change(bound.scope).high_after) * 100
        measured = percent / float(known.shares_outstanding)
        if view.sign > 0 and percent > bound.hard * known.shares_outstanding:
            answers.append(failed(OWNERSHIP, measured, bound.limit, bound.scope, Outcome.WARN))
        else:
            answers.append(passed(OWNERSHIP, measured, bound.limit, bound.scope))
    return [answer for answer in answers if answer.code] or answers[:1]
