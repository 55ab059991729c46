"""Price against bands and quotes (PT-16, PT-17, PT-18): in the band, protected, no worse than others."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from domain.decisions import Check, Outcome
from domain.instruments import Instrument
from domain.orders import Intent, TimeInForce
from operators.checks.answers import MALFORMED, Answers, Rule, failed, passed, unlimited
from operators.compliance_view import Protected, View

BAND = Rule("PT-16", "LULD_BAND", 16, "the price is outside the band that the SIP publishes")
BREAKER = Rule("PT-16", "MWCB", 16, "a market-wide circuit breaker is active")
AT_MARKET = Rule("PT-17", "MKT_PROTECT", 11, "the spread is too wide for an order at the market")
THROUGH = Rule("PT-18", "TRADE_THROUGH", 11, "it would trade through a protected quote")
LOCKS = Rule("PT-18", "LOCK_CROSS", 11, "it would lock or cross a protected quote")
_NO_BREAKER = passed(BREAKER, "none", "none")
_NOWHERE_ELSE = (passed(THROUGH, "no other venue", None),)


def bands(intent: Intent, view: View) -> Answers:
    """PT-16: a price is inside the published band (both ends included), and no market-wide breaker is active.

    Too aggressive (a buy above, a sale below) is rejected or re-priced to the band. Source: LULD plan.
    """
    now_at, facts, params = view.market.now_at, view.params.facts, view.params
    answers: list[Check] = []
    if "PT-16 MWCB" in params.applying:
        level = 0
        if facts.breakers:
            level = max((row.level for row in facts.breakers if row.holds(now_at)), default=0)
        answers.append(failed(BREAKER, f"level {level}", "none") if level else _NO_BREAKER)
    if "PT-16 LULD_BAND" not in params.applying:
        return tuple(answers)
    band = facts.bands.at(intent.symbol, now_at) if view.identified else None
    if band is None or not band.holds(now_at):
        answers.append(failed(BAND, "no band", "published", text="no band is known"))
    elif not view.sane:
        answers.append(failed(BAND, MALFORMED, None))
    elif view.price is None:
        answers.append(passed(BAND, "market order", None))
    else:
        end, outside = (
            (band.upper, view.price > band.upper) if view.sign > 0 else (band.lower, view.price < band.lower)
        )
        measured, limit, scope = float(view.price), float(end), f"instrument:{intent.symbol}"
        if outside:
            outcome = Outcome.CLIP if params.tolerances.band_action == "clip" else Outcome.REJECT
            answers.append(failed(BAND, measured, limit, scope, outcome))
        else:
            answers.append(passed(BAND, measured, limit, scope))
    return tuple(answers)


def market_order(_intent: Intent, view: View) -> Answers:
    """PT-17: an order at the market needs both sides quoted, and a spread of at most so many medians of 20 days.

    Otherwise it becomes an order limited at the collar of PT-13. Measured in medians.
    """
    bounds = view.sheet.bounds["spread"]
    if not bounds:
        return unlimited(AT_MARKET, None)
    bound, bid, ask = bounds[0], view.market.bid, view.market.ask
    if not view.sane:
        return (failed(AT_MARKET, MALFORMED, bound.limit, bound.scope),)
    if view.price is not None:
        return (passed(AT_MARKET, "limit order", bound.limit, bound.scope),)
    outcome = Outcome.CLIP if collar_price(view) is not None else Outcome.REJECT
    if bid is None or ask is None:
        return (failed(AT_MARKET, "not quoted on both sides", bound.limit, bound.scope, outcome),)
    known = view.known()
    if known is None or known.spread_median is None:
        return (failed(AT_MARKET, "median spread unknown", bound.limit, bound.scope, outcome),)
    measured = float((ask - bid) / known.spread_median)
    if ask - bid <= bound.hard * known.spread_median:
        return (passed(AT_MARKET, measured, bound.limit, bound.scope),)
    return (failed(AT_MARKET, measured, bound.limit, bound.scope, outcome),)


def protected_quotes(intent: Intent, view: View) -> Answers:
    """PT-18: no fill at a worse price than another venue shows (unless a sweep), no resting at or across its quote.

    Source: Reg NMS 611, 610(d).
    """
    if not view.sane:
        return (failed(THROUGH, MALFORMED, None),)
    shown = shown_quotes(intent, view)
    if shown is None:
        return (failed(THROUGH, "not known", "protected quotes", text="no protected quotes are known"),)
    best = _best_elsewhere(shown, intent.ex_destination, view.sign)
    if best is None:
        return _NOWHERE_ELSE
    here, price = _shown_by(shown, intent.ex_destination, view.sign), view.price
    reaches = here is not None and (price is None or (here - price) * view.sign <= 0)
    if reaches and here is not None and (here - best) * view.sign > 0 and not view.market.handling.iso:
        return (
            failed(THROUGH, float(here), float(best), f"venue:{intent.ex_destination}", _protected(view)),
        )
    rests = not reaches and price is not None and intent.time_in_force is not TimeInForce.IMMEDIATE_OR_CANCEL
    if rests and price is not None and (price - best) * view.sign >= 0:
        return (failed(LOCKS, float(price), float(best), f"venue:{intent.ex_destination}", _protected(view)),)
    return (passed(THROUGH, None if price is None else float(price), float(best)),)


def _protected(view: View) -> Outcome:
    return Outcome.CLIP if view.params.tolerances.protected_action == "clip" else Outcome.REJECT


def _shown_by(shown: tuple[Protected, ...], venue: str, sign: int) -> Decimal | None:
    """Return the opposite price that a venue shows."""
    for quote in shown:
        if quote.venue == venue:
            return quote.ask if sign > 0 else quote.bid
    return None


def shown_quotes(intent: Intent, view: View) -> tuple[Protected, ...] | None:
    """Return the protected quotes of the venues: those that the caller saw, else those of the input; None for neither.

    A venue of the input whose row is over, or that shows neither side, counts as one that shows nothing.
    """
    facts, now_at = view.params.facts, view.market.now_at
    if view.market.protected is not None or not view.identified:
        return view.market.protected
    names = facts.protected_venues.get(intent.symbol)
    if names is None:
        return None
    rows = [facts.protected.at((intent.symbol, name), now_at) for name in names]
    return tuple(
        Protected(row.venue, row.bid, row.ask) for row in rows if row is not None and row.holds(now_at)
    )


def _best_elsewhere(shown: tuple[Protected, ...], venue: str, sign: int) -> Decimal | None:
    """Return the best opposite price that another venue shows."""
    best: Decimal | None = None
    for quote in shown:
        price = quote.ask if sign > 0 else quote.bid
        if quote.venue == venue or price is None:
            continue
        if best is None or (price < best if sign > 0 else price > best):
            best = price
    return best


def collar_price(view: View) -> Decimal | None:
    """Return the most aggressive price that PT-13 allows, on tick; None where there is no collar or reference."""
    bounds, instrument = view.sheet.bounds["price_collar"], view.market.instrument
    if not bounds or view.reference is None or instrument is None:
        return None
    return inside(instrument, view.reference * (100 + view.sign * bounds[0].hard) / 100, view.sign)


def band_price(intent: Intent, view: View) -> Decimal | None:
    """Return the end of the published band on the order's side, on tick."""
    band = view.params.facts.bands.at(intent.symbol, view.market.now_at)
    if band is None or view.market.instrument is None:
        return None
    return inside(view.market.instrument, band.upper if view.sign > 0 else band.lower, view.sign)


def unlocked_price(intent: Intent, view: View) -> Decimal | None:
    """Return the price a tick short of the best protected quote elsewhere."""
    best = _best_elsewhere(shown_quotes(intent, view) or (), intent.ex_destination, view.sign)
    instrument = view.market.instrument
    if best is None or instrument is None:
        return None
    return inside(instrument, best - view.sign * instrument.tick_size, view.sign)


def inside(instrument: Instrument, price: Decimal, sign: int) -> Decimal | None:
    """Return a price on tick that is no more aggressive than the one given, None where that is none."""
    steps = (price / instrument.tick_size).to_integral_value(ROUND_FLOOR if sign > 0 else ROUND_CEILING)
    made = steps * instrument.tick_size
    return made if made > 0 else None
