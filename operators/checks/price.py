"""Price (PT-12, PT-13): is there a reference, may its data be traded on, and is the order's price near it?"""

from domain.decisions import Outcome
from domain.health import ALLOWED, TradingState
from domain.market import SECOND
from domain.orders import Intent
from operators.checks.answers import MALFORMED, UNPRICED, Answers, Rule, failed, passed, unlimited
from operators.compliance_view import SOURCES, View

NO_REFERENCE = Rule("PT-12", "NO_REF_PRICE", 19, "no reference price that is young enough")
DEGRADED = Rule("PT-12", "DATA_DEGRADED", 19, "the data of the instrument may not be traded on")
COLLAR = Rule("PT-13", "PRICE_COLLAR", 16, "the price is too far from the reference price")


def reference_price(intent: Intent, view: View) -> Answers:
    """PT-12: a reference price of a known source is there, young enough for its tier (seconds), of data in good health.

    The prior close is accepted at any age where the rules say so, and else at none.
    """
    return (*_data_health(intent, view), *_reference_age(view))


def _data_health(intent: Intent, view: View) -> Answers:
    """Refuse where the data's health allows nothing, or only what takes units off the account's position.

    Nothing is answered where it does not stand in the way. Source: standards.md 6.4 (DATA_DEGRADED).
    """
    health = view.market.health
    if health is None:
        return ()
    if ALLOWED[health.state] is TradingState.REDUCE_ONLY and view.sane:
        held = view.holding(view.sheet.scopes[0], intent.symbol)
        if view.quantity <= held.reducible(view.sign):
            return ()
    text = f"the data of {health.source} is {health.state.value}: {health.reason}"
    return (failed(DEGRADED, health.state.value, "fresh", f"instrument:{intent.symbol}", text=text),)


def _reference_age(view: View) -> Answers:
    market, params = view.market, view.params
    source = market.reference.source
    allowed = params.reference_age.get(market.instrument.tier, 0) if market.instrument else 0
    limit = allowed / SECOND
    if view.reference is None or source not in SOURCES:
        return (failed(NO_REFERENCE, "none", limit),)
    age = market.now_at - market.reference.at
    if source == "prior_close":
        if not params.tolerances.prior_close_allowed or age < 0:
            return (failed(NO_REFERENCE, source, "mid or last_trade"),)
    elif not 0 <= age <= allowed:
        return (failed(NO_REFERENCE, age / SECOND, limit, source),)
    return (passed(NO_REFERENCE, age / SECOND, limit, source),)


def collar(_intent: Intent, view: View) -> Answers:
    """PT-13: abs(P - ref) * 100 <= L * ref, in exact numbers, without a division.

    Measured and limit are in percent. Too far on the aggressive side (a buy above, a sale below) is rejected,
    on the passive side only warned of. A market order has no price to be far away. Source: RTS 6 Art.
    15(1)(a).
    """
    bounds = view.sheet.bounds["price_collar"]
    if not view.sane:
        return (failed(COLLAR, MALFORMED, bounds[0].limit if bounds else None),)
    reference, price = view.reference, view.price
    if not bounds:
        return unlimited(COLLAR, None)
    bound = bounds[0]
    if price is None:
        return (passed(COLLAR, "market order", bound.limit, bound.scope),)
    if reference is None:
        return (failed(COLLAR, UNPRICED, bound.limit, bound.scope),)
    away = (price - reference) * 100
    measured = float(abs(away) / reference)
    if abs(away) <= bound.hard * reference:
        return (passed(COLLAR, measured, bound.limit, bound.scope),)
    outcome = Outcome.REJECT if (away > 0) is (view.sign > 0) else Outcome.WARN
    return (failed(COLLAR, measured, bound.limit, bound.scope, outcome),)
