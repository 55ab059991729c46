"""Size against the market's (PT-21): how much of a day's volume is it, and what would it move?"""

from decimal import Decimal

from domain.decisions import Check, Outcome
from domain.orders import Intent
from operators.checks.answers import MALFORMED, Answers, Rule, failed, passed, unlimited
from operators.compliance_view import View

SHARE = Rule("PT-21", "PCT_ADV", 3, "the quantity is a large part of a day's volume")
IMPACT = Rule("PT-21", "EST_IMPACT", 3, "the order would move the price too far")
BASIS_POINTS = 100


def volume_share(_intent: Intent, view: View) -> Answers:
    """PT-21: qty <= p % of ADV20 (warn, hold, reject), and sigma * sqrt(Q / ADV) in basis points (warn, hold).

    Compared without root or division: impact <= limit exactly where sigma^2 * Q <= limit^2 * ADV.
    """
    instrument, params = view.market.instrument, view.params
    if not view.sane or instrument is None:
        return (failed(SHARE, MALFORMED, None),)
    known = view.known()
    answers: list[Check] = []
    adv = None if known is None else known.adv20
    daily = 0.0 if adv is None else float(adv)
    if "PT-21 PCT_ADV" in params.applying:
        answers += _share(view, adv, daily)
    if "PT-21 EST_IMPACT" in params.applying:
        answers += _impact(view, adv, daily, None if known is None else known.sigma_daily_percent)
    return tuple(answers)


def _share(view: View, adv: Decimal | None, daily: float) -> Answers:
    bounds, warns = view.sheet.bounds["adv_share"], view.sheet.bounds["adv_share_warn"]
    if not bounds:
        return unlimited(SHARE, None)
    bound = bounds[0]
    if adv is None:
        return (failed(SHARE, "volume unknown", bound.limit, bound.scope),)
    percent = view.quantity * 100
    measured = percent / daily
    if percent > bound.hard * adv:
        return (failed(SHARE, measured, bound.limit, bound.scope),)
    if percent > bound.start * adv:
        return (failed(SHARE, measured, bound.start_limit, bound.scope, Outcome.HOLD),)
    if warns and percent > warns[0].hard * adv:
        return (failed(SHARE, measured, warns[0].limit, warns[0].scope, Outcome.WARN),)
    return (passed(SHARE, measured, bound.start_limit, bound.scope),)


def _impact(view: View, adv: Decimal | None, daily: float, sigma_percent: Decimal | None) -> Answers:
    bounds = view.sheet.bounds["impact"]
    if not bounds:
        return unlimited(IMPACT, None)
    bound = bounds[0]
    if adv is None or sigma_percent is None:
        return (failed(IMPACT, "volume or volatility unknown", bound.limit, bound.scope, Outcome.HOLD),)
    sigma = sigma_percent * BASIS_POINTS
    squared = sigma * sigma * view.quantity
    measured = float(sigma) * (view.quantity / daily) ** 0.5
    if squared > bound.hard * bound.hard * adv:
        return (failed(IMPACT, measured, bound.limit, bound.scope, Outcome.HOLD),)
    if squared > bound.start * bound.start * adv:
        return (failed(IMPACT, measured, bound.start_limit, bound.scope, Outcome.WARN),)
    return (passed(IMPACT, measured, bound.start_limit, bound.scope),)
