"""Concentration (PT-32, PT-33): how much of the equity, the volume, the company or a group of instruments is it?

An order fails only where it makes the measure worse.
"""

from collections.abc import Iterable
from decimal import Decimal

from domain.decisions import Check, Outcome
from domain.orders import Intent
from operators.checks.answers import MALFORMED, UNPRICED, Answers, Rule, failed, passed, unlimited
from operators.compliance_facts import InstrumentFacts
from operators.compliance_view import View
from operators.group_exposures import ONE
from operators.limits import Bound

ISSUER = Rule("PT-32", "CONC_ISSUER", 3, "too much of the equity is in one issuer")
LIQUIDATION = Rule("PT-32", "DTL", 3, "it would take too many days to be rid of the position")
OWNERSHIP = Rule("PT-32", "OWNERSHIP", 3, "the holding nears the share of the company that must be filed")
SECTOR = Rule("PT-33", "SECTOR_LIMIT", 3, "too much of the equity is in one sector or country")
CURRENCY = Rule("PT-33", "CCY_LIMIT", 3, "too much of the equity is in one currency")
FACTOR = Rule("PT-33", "FACTOR_LIMIT", 3, "too much of the equity hangs on one factor")


def concentration(intent: Intent, view: View) -> Answers:
    """PT-32: issuer percent of NAV (warn, reject), days to liquidate (hold, reject), percent of the company (warn)."""
    instrument, params = view.market.instrument, view.params
    if view.unit_value is None or instrument is None:
        return (failed(ISSUER, UNPRICED if view.sane else MALFORMED, None),)
    answers: list[Check] = []
    if params.applies("PT-32 CONC_ISSUER"):
        group = f"issuer:{instrument.issuer or instrument.name}"
        answers += _of_equity(view, ISSUER, "issuer_concentration", group, ONE, Outcome.WARN)
    days, owned = params.applies("PT-32 DTL"), params.applies("PT-32 OWNERSHIP")
    if days or owned:
        known = params.known(instrument.name, view.market.now_at)
        answers += _liquidation(intent, view, known) if days else ()
        answers += _ownership(intent, view, known) if owned else ()
    return tuple(answers)


def groups(_intent: Intent, view: View) -> Answers:
    """PT-33: gross by sector and country, net by currency and factor, percent of NAV (hold, reject)."""
    instrument, params = view.market.instrument, view.params
    if view.unit_value is None or instrument is None:
        return (failed(SECTOR, UNPRICED if view.sane else MALFORMED, None),)
    answers: list[Check] = []
    by_sector, by_factor = params.applies("PT-33 SECTOR_LIMIT"), params.applies("PT-33 FACTOR_LIMIT")
    known = params.known(instrument.name, view.market.now_at) if by_sector or by_factor else None
    if by_sector:
        for kind, name in (
            ("sector", known.sector if known else ""),
            ("country", known.country if known else ""),
        ):
            if not name:
                answers.append(failed(SECTOR, f"{kind} unknown", None))
            else:
                answers += _of_equity(view, SECTOR, f"{kind}_exposure", f"{kind}:{name}", ONE, Outcome.HOLD)
    if params.applies("PT-33 CCY_LIMIT"):
        if instrument.currency == params.tolerances.base_currency:
            answers.append(passed(CURRENCY, "base currency", None))
        else:
            group = f"currency:{instrument.currency}"
            answers += _of_equity(view, CURRENCY, "currency_exposure", group, ONE, Outcome.HOLD, net=True)
    if by_factor:
        loadings = known.loadings() if known is not None else ()
        if known is None:
            answers.append(failed(FACTOR, "factors unknown", None))
        for name, loading in loadings:
            group = f"factor:{name}"
            answers += _of_equity(view, FACTOR, "factor_exposure", group, loading, Outcome.HOLD, net=True)
    return tuple(answers)


def _of_equity(
    view: View, rule: Rule, measure: str, group: str, weight: Decimal, softly: Outcome, *, net: bool = False
) -> Answers:
    """Compare what a group comes to after the order with percents of equity; `softly` is the answer above soft."""
    bounds = view.sheet.bounds[measure]
    if not bounds:
        return unlimited(rule, None)
    answers: list[Check] = []
    fullest: tuple[float, Check] | None = None
    for bound in bounds:
        equity, scope = view.state.equities.get(bound.scope), f"{bound.scope} {group}"
        if equity is None or not equity.is_finite() or equity <= 0:
            answers.append(failed(rule, "equity unknown", bound.limit, scope))
            continue
        was, now = view.group_after(bound.scope, group, weight)
        before = max(abs(was.high), abs(was.low)) if net else was.gross
        after = max(abs(now.high), abs(now.low)) if net else now.gross
        percent, soft = after * 100, bound.hard if bound.soft is None else bound.soft
        measured = float(percent / equity)
        worse = after > before
        if worse and percent > bound.hard * equity:
            answers.append(failed(rule, measured, bound.limit, scope))
        elif worse and percent > soft * equity:
            answers.append(failed(rule, measured, float(soft), scope, softly))
        elif fullest is None or measured / (bound.limit or 1.0) > fullest[0]:
            fullest = measured / (bound.limit or 1.0), passed(rule, measured, float(soft), scope)
    return tuple(answers) or (() if fullest is None else (fullest[1],))


def _liquidation(intent: Intent, view: View, known: InstrumentFacts | None) -> Iterable[Check]:
    bounds = view.sheet.bounds["days_to_liquidate"]
    if not bounds:
        return unlimited(LIQUIDATION, None)
    if known is None or known.adv20 is None:
        return (failed(LIQUIDATION, "volume unknown", bounds[0].limit),)
    daily = known.adv20 * view.params.liquidation_share
    answers = [_days(intent, view, bound, daily) for bound in bounds]
    failures = [answer for answer in answers if answer.code]
    return failures or answers[:1]


def _days(intent: Intent, view: View, bound: Bound, daily: Decimal) -> Check:
    before, after = _largest(intent, view, bound.scope)
    measured, soft = float(after / daily), bound.hard if bound.soft is None else bound.soft
    if after > before and after > bound.hard * daily:
        return failed(LIQUIDATION, measured, bound.limit, bound.scope)
    if after > before and after > soft * daily:
        return failed(LIQUIDATION, measured, float(soft), bound.scope, Outcome.HOLD)
    return passed(LIQUIDATION, measured, float(soft), bound.scope)


def _ownership(intent: Intent, view: View, known: InstrumentFacts | None) -> Iterable[Check]:
    bounds = view.sheet.bounds["ownership"]
    if not bounds:
        return unlimited(OWNERSHIP, None)
    if known is None or known.shares_outstanding is None:
        return (failed(OWNERSHIP, "shares outstanding unknown", bounds[0].limit),)
    answers: list[Check] = []
    for bound in bounds:
        held = view.holding(bound.scope, intent.symbol)
        longest = held.position + held.open_buys + (view.quantity if view.sign > 0 else 0)
        percent = Decimal(max(0, longest)) * 100
        measured = float(percent / known.shares_outstanding)
        if view.sign > 0 and percent > bound.hard * known.shares_outstanding:
            answers.append(failed(OWNERSHIP, measured, bound.limit, bound.scope, Outcome.WARN))
        else:
            answers.append(passed(OWNERSHIP, measured, bound.limit, bound.scope))
    return [answer for answer in answers if answer.code] or answers[:1]


def _largest(intent: Intent, view: View, scope: str) -> tuple[int, int]:
    """Return the larger magnitude (units) of the position of a scope before the order and after it."""
    held = view.holding(scope, intent.symbol)
    high, low = held.position + held.open_buys, held.position - held.open_sells
    before = max(abs(high), abs(low))
    if view.sign > 0:
        high += view.quantity
    else:
        low -= view.quantity
    return before, max(abs(high), abs(low))
