"""Price against its own path (PT-14, PT-15): is it far for this volatility, or has it drifted with our own orders?"""

from decimal import Decimal

from domain.decisions import Outcome
from domain.orders import Intent
from operators.checks.answers import MALFORMED, UNPRICED, Answers, Rule, failed, passed, unlimited
from operators.compliance_view import View

DYNAMIC = Rule(
    "PT-14", "DYN_COLLAR", 16, "the price is too many standard deviations from the reference price"
)
DRIFT = Rule("PT-15", "PRICE_DRIFT", 16, "our own prices have drifted too far within the window")


def dynamic_collar(_intent: Intent, view: View) -> Answers:
    """PT-14: abs(P - ref) <= k * sigma * ref, sigma being that of a minute, at least the floor. Measured in sigmas.

    A volatility that is not known holds the order. Source: RTS 6 Art. 15(4).
    """
    bounds = view.sheet.bounds["dynamic_collar"]
    if not bounds:
        return unlimited(DYNAMIC, None)
    bound, price, reference, sigma = bounds[0], view.price, view.reference, view.market.sigma
    if not view.sane:
        return (failed(DYNAMIC, MALFORMED, bound.limit, bound.scope),)
    if price is None:
        return (passed(DYNAMIC, "market order", bound.limit, bound.scope),)
    if reference is None:
        return (failed(DYNAMIC, UNPRICED, bound.limit, bound.scope, Outcome.HOLD),)
    if sigma is None or not sigma.is_finite():
        return (failed(DYNAMIC, "volatility unknown", bound.limit, bound.scope, Outcome.HOLD),)
    unit = max(sigma, view.params.sigma_floor) * reference
    away = abs(price - reference)
    measured = float(away / unit)
    if away <= bound.hard * unit:
        return (passed(DYNAMIC, measured, bound.limit, bound.scope),)
    return (failed(DYNAMIC, measured, bound.limit, bound.scope, Outcome.HOLD),)


def price_drift(intent: Intent, view: View) -> Answers:
    """PT-15: own prices of the strategy in the instrument stay near the first of the window, exactly compared.

    Measured and limit in percent of the window's first price; above soft the order is held, above hard the strategy is
    disabled. Source: RTS 6 Art. 15(1)(a), "over a specified period".
    """
    bounds = view.sheet.bounds["price_drift"]
    if not bounds:
        return unlimited(DRIFT, None)
    bound, price = bounds[0], view.price
    if not (view.sane and view.identified):
        return (failed(DRIFT, MALFORMED, bound.limit, bound.scope),)
    first: Decimal | None = None
    if price is not None:
        counters, window = view.state.counters, view.params.drift_window
        first = counters.first_price(intent.strategy, intent.symbol, view.market.now_at, window)
    if price is None or first is None:
        return (passed(DRIFT, 0.0, bound.limit, bound.scope),)
    drift = abs(price - first) * 100
    measured = float(drift / first)
    if drift <= bound.start * first:
        return (passed(DRIFT, measured, bound.start_limit, bound.scope),)
    if drift <= bound.hard * first:
        return (failed(DRIFT, measured, bound.start_limit, bound.scope, Outcome.HOLD),)
    return (failed(DRIFT, measured, bound.limit, f"strategy:{intent.strategy}", Outcome.KILL),)
