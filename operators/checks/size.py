"""Size (PT-19, PT-20, PT-22): is the order too large, alone or with what was sent a moment ago?"""

from decimal import Decimal

from domain.orders import Intent
from operators.checks.answers import MALFORMED, UNPRICED, Answers, Rule, against, failed, worst
from operators.compliance_view import View
from operators.limits import Bound

QUANTITY = Rule("PT-19", "MAX_QTY", 26, "the quantity is above the largest allowed")
NOTIONAL = Rule("PT-20", "MAX_NOTIONAL", 27, "the value is above the largest allowed")
WINDOW = Rule("PT-22", "WINDOW_NOTIONAL", 20, "too much was sent in too short a time")


def order_quantity(_intent: Intent, view: View) -> Answers:
    """PT-19: the quantity (shares, contracts or coins) is within every bound. Source: RTS 6 Art. 15(1)(c)."""
    if not view.sane:
        return (failed(QUANTITY, MALFORMED, None),)
    amount = view.amount(view.quantity)
    return against(QUANTITY, amount, float(amount), view.sheet.bounds["order_quantity"])


def order_notional(_intent: Intent, view: View) -> Answers:
    """PT-20: quantity x price x multiplier x fx is within every bound. Source: RTS 6 Art. 15(1)(b)."""
    if view.notional is None:
        return (failed(NOTIONAL, UNPRICED if view.sane else MALFORMED, None),)
    return against(NOTIONAL, view.notional, view.measured, view.sheet.bounds["order_notional"])


def short_windows(_intent: Intent, view: View) -> Answers:
    """PT-22: what was sent in the last 1, 10 and 60 s, with this order, is within every bound.

    In value (base currency) and in shares, contracts or coins; account and strategy are summed per instrument, the
    firm over all. Source: 17 CFR 240.15c3-5(c)(1)(ii).
    """
    if view.notional is None:
        return (failed(WINDOW, UNPRICED if view.sane else MALFORMED, None),)
    now_at, sums = view.market.now_at, view.state.windows
    own, units, alone, in_parts = view.notional, view.quantity, view.measured, view.in_parts
    measures: list[tuple[Decimal | float, Bound, bool]] = []
    for key, notional_bound, quantity_bound in view.sheet.windows:
        sent = sums.get(key)
        notional, quantity, measured = own, units, alone
        if sent is not None:
            if sent.entries and sent.entries[0][0] <= now_at - sent.span:
                sent.forget(now_at)
            quantity += sent.quantity
            if sent.notional:
                notional += sent.notional
                measured = float(notional)
        if notional_bound is not None:
            measures.append((measured, notional_bound, notional > notional_bound.hard))
        if quantity_bound is not None:
            amount = view.amount(quantity) if in_parts else quantity
            measures.append((amount, quantity_bound, amount > quantity_bound.hard))
    return worst(WINDOW, measures)
