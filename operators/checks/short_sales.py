"""Short sales (PT-37 to PT-40): marked as one, with shares to deliver, at a price that is allowed."""

from decimal import Decimal

from domain.decisions import Check, Outcome
from domain.orders import Intent, Side
from operators.checks.answers import MALFORMED, Answers, Rule, failed, passed
from operators.checks.quotes import inside
from operators.compliance_facts import Locate
from operators.compliance_view import View
from operators.limits import ANY

MARKING = Rule("PT-37", "MIS_MARKED", 11, "the sale is short and is not marked so")
NO_LOCATE = Rule("PT-38", "NO_LOCATE", 22, "no shares were located for the short sale")
EXHAUSTED = Rule("PT-38", "LOCATE_EXHAUSTED", 23, "the located shares do not suffice")
HARD = Rule(
    "PT-38", "HARD_TO_BORROW", 24, "the account has no locate in an instrument that is hard to borrow"
)
PRICE_TEST = Rule("PT-39", "SSR_PRICE_TEST", 22, "a short sale at or below the best bid is not permitted")
BORROW_FIRST = Rule("PT-40", "PREBORROW", 23, "only shares that are borrowed already may be sold short")
EXEMPTIONS = (2, 5, 8, 9)
"""ShortSaleExemptionReason(1688): above the best bid, domestic arbitrage, riskless principal, VWAP."""
_SHORT = (Side.SELL_SHORT, Side.SELL_SHORT_EXEMPT)
_NOT_SHORT = {
    rule.check: (passed(rule, "not a short sale", None),) for rule in (NO_LOCATE, PRICE_TEST, BORROW_FIRST)
}
_BUY = (passed(MARKING, "a buy", None),)


def rule_201_triggered(prior_close: Decimal, last: Decimal) -> bool:
    """Say whether a last sale is 10 % or more below the prior close; exactly, without a division."""
    return last * 10 <= prior_close * 9


def marking(intent: Intent, view: View) -> Answers:
    """PT-37: a sale of more than net long - open sells of its aggregation unit is marked 5 or 6.

    Units. Source: Reg SHO 200(g).
    """
    if not view.sane:
        return (failed(MARKING, MALFORMED, None),)
    if view.sign > 0:
        return _BUY
    scope: str = getattr(view.sheet.scopes, view.params.tolerances.aggregation_unit)
    held = view.holding(scope, intent.symbol)
    long = max(0, held.position - held.open_sells)
    measured, limit = float(view.quantity), float(long)
    if view.quantity > long and intent.side not in _SHORT:
        return (failed(MARKING, measured, limit, scope),)
    return (passed(MARKING, measured, limit, scope),)


def locate(intent: Intent, view: View) -> Answers:
    """PT-38: a short sale names a locate that is of the instrument and account, holds now, and has enough shares left.

    A list of what is easy to borrow stands in for a locate; blanks are none. A locate of before a split counts shares
    of before, and is none any more. Source: Reg SHO 203(b)(1).
    """
    if not view.sane or not view.identified:
        return (failed(NO_LOCATE, MALFORMED, "a locate"),)
    if intent.side is not Side.SELL_SHORT:
        return _NOT_SHORT["PT-38"]
    now_at, name = view.market.now_at, view.market.handling.locate_id.strip()
    held = [
        row
        for row in view.params.facts.locates.get(intent.symbol, ())
        if row.holds(now_at) and row.counts(view.market.splits)
    ]
    if any(row.kind == "easy_to_borrow" for row in held):
        return (passed(NO_LOCATE, "easy to borrow", "a locate"),)
    if not held:
        return (failed(HARD, "hard to borrow", "a locate"),)
    mine = [row for row in held if row.account in (ANY, intent.account)]
    found = next((row for row in mine if row.locate_id == name), None)
    if found is None:
        return (failed(HARD if not mine else NO_LOCATE, name or "none", "a locate"),)
    return (_remaining(view, found),)


def _remaining(view: View, found: Locate) -> Check:
    used = view.state.counters.located.get(found.locate_id, 0)
    old = view.replaced
    if old is not None and old.locate_id == found.locate_id:
        used -= old.quantity - old.filled
    left = found.quantity - used
    scope = f"locate:{found.locate_id}"
    if view.quantity > left:
        return failed(EXHAUSTED, float(view.quantity), float(left), scope)
    return passed(NO_LOCATE, float(view.quantity), float(left), scope)


def price_test(intent: Intent, view: View) -> Answers:
    """PT-39: while Rule 201 is active a short sale is priced above the best bid; an exempt one gives its reason.

    At or below the best bid it is re-priced to the best bid and a tick, or rejected. Source: Reg SHO 201.
    """
    if not view.sane or not view.identified:
        return (failed(PRICE_TEST, MALFORMED, None),)
    if intent.side not in _SHORT:
        return _NOT_SHORT["PT-39"]
    now_at, market = view.market.now_at, view.market
    rows = view.params.facts.restrictions.get(intent.symbol, ())
    if not (market.short_sale_restricted or any(row.holds(now_at) for row in rows)):
        return (passed(PRICE_TEST, "not restricted", None),)
    if intent.side is Side.SELL_SHORT_EXEMPT:
        exemption = market.handling.exemption
        if exemption in EXEMPTIONS:
            return (passed(PRICE_TEST, f"exempt by {exemption}", None),)
        text = "a short sale that is exempt gives its reason"
        return (failed(PRICE_TEST, f"exemption {exemption}", "2, 5, 8 or 9", text=text),)
    if market.bid is None:
        return (failed(PRICE_TEST, "no best bid", None, text="there is no best bid to compare with"),)
    if view.price is not None and view.price > market.bid:
        return (passed(PRICE_TEST, float(view.price), float(market.bid)),)
    outcome = Outcome.CLIP if view.params.tolerances.short_sale_action == "clip" else Outcome.REJECT
    return (
        failed(PRICE_TEST, None if view.price is None else float(view.price), float(market.bid), "", outcome),
    )


def permitted_price(_intent: Intent, view: View) -> Decimal | None:
    """Return the lowest price at which a restricted short sale may be sent: the best bid and a tick."""
    bid, instrument = view.market.bid, view.market.instrument
    return None if bid is None or instrument is None else inside(instrument, bid + instrument.tick_size, -1)


def pre_borrow(intent: Intent, view: View) -> Answers:
    """PT-40: in an instrument of the threshold list, or with fails to close out, only borrowed shares are sold short.

    Source: Reg SHO 203(b)(3), 204.
    """
    if not view.sane or not view.identified:
        return (failed(BORROW_FIRST, MALFORMED, None),)
    if intent.side not in _SHORT:
        return _NOT_SHORT["PT-40"]
    now_at, facts = view.market.now_at, view.params.facts
    causes = [
        row.cause
        for row in facts.pre_borrow.get(intent.symbol, ())
        if row.account in (ANY, intent.account) and row.holds(now_at)
    ]
    if not causes:
        return (passed(BORROW_FIRST, "not listed", "pre-borrow"),)
    name = view.market.handling.locate_id.strip()
    borrowed = any(
        row.locate_id == name
        and row.kind == "pre_borrow"
        and row.account in (ANY, intent.account)
        and row.holds(now_at)
        and row.counts(view.market.splits)
        for row in facts.locates.get(intent.symbol, ())
    )
    if borrowed:
        return (passed(BORROW_FIRST, causes[0], "pre-borrow"),)
    return (failed(BORROW_FIRST, causes[0], "pre-borrow", f"instrument:{intent.symbol}"),)
