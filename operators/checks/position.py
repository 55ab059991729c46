"""Position and credit, worst case with all open orders and reservations: PT-27, PT-28, PT-29.

An order fails a bound only where it makes the bounded measure worse: what brings a book that is over its
limit back towards it is let through (standards.md 2.6, level 2).
"""

from decimal import Decimal

from domain.orders import Intent
from operators.checks.answers import MALFORMED, UNPRICED, Answers, Rule, failed, worst
from operators.compliance_changes import Change
from operators.compliance_view import View
from operators.limits import Bound

LONG = Rule("PT-27", "MAX_LONG", 3, "the position could become too long")
SHORT = Rule("PT-27", "MAX_SHORT", 3, "the position could become too short")
OPEN = Rule("PT-28", "OPEN_NOTIONAL", 20, "too much is open and not yet executed")
GROSS = Rule("PT-29", "GROSS_EXP", 3, "the gross exposure could become too large")
NET = Rule("PT-29", "NET_EXP", 3, "the net exposure could become too large")
BETA = Rule("PT-29", "BETA_EXP", 3, "the beta-adjusted exposure could become too large")


def position_bounds(_intent: Intent, view: View) -> Answers:
    """PT-27: pos + open buys + order <= longest, and -(pos - open sells - order) <= shortest, at every scope.

    In shares, contracts or coins; the order counts on its own side. Source: FIA 2024 section 1.2.
    """
    if not view.sane:
        return failed(LONG, MALFORMED, None), failed(SHORT, MALFORMED, None)
    buy, sell = (view.quantity, 0) if view.sign > 0 else (0, view.quantity)
    longs: list[tuple[Decimal | float, Bound, bool]] = []
    shorts: list[tuple[Decimal | float, Bound, bool]] = []
    for bound in view.sheet.bounds["position_long"]:
        held = view.change(bound.scope).held
        longest = view.amount(held.position + held.open_buys + buy)
        longs.append((longest, bound, buy > 0 and longest > bound.hard))
    for bound in view.sheet.bounds["position_short"]:
        held = view.change(bound.scope).held
        shortest = view.amount(held.open_sells + sell - held.position)
        shorts.append((shortest, bound, sell > 0 and shortest > bound.hard))
    return worst(LONG, longs) + worst(SHORT, shorts)


def open_notional(_intent: Intent, view: View) -> Answers:
    """PT-28: the value of open orders with this one (base currency) is within the bound of every scope."""
    if view.notional is None:
        return (failed(OPEN, UNPRICED if view.sane else MALFORMED, None),)
    measures: list[tuple[Decimal | float, Bound, bool]] = []
    for bound in view.sheet.bounds["open_notional"]:
        total = view.exposure(bound.scope).open_notional + view.notional
        measures.append((total, bound, total > bound.hard))
    return worst(OPEN, measures)


def exposures(_intent: Intent, view: View) -> Answers:
    """PT-29: gross, net and beta-adjusted exposure after the order are within every scope's bound (base currency).

    Worst case of the open orders: gross adds max(|pos + open buys|, |pos - open sells|) x mark over
    instruments; net is the larger magnitude of the two sums with their signs. The instrument of the order is
    valued at its reference price.
    """
    if view.unit_value is None:
        measured = UNPRICED if view.sane else MALFORMED
        return failed(GROSS, measured, None), failed(NET, measured, None)
    gross: list[tuple[Decimal | float, Bound, bool]] = []
    net: list[tuple[Decimal | float, Bound, bool]] = []
    for bound in view.sheet.bounds["gross_exposure"]:
        change = view.change(bound.scope)
        fails = change.gross_after > bound.hard and change.value_after > change.value
        gross.append((change.measured, bound, fails))
    for bound in view.sheet.bounds["net_exposure"]:
        change = view.change(bound.scope)
        after = _net(change, change.high_after, change.low_after)
        fails = after > bound.hard and after > _net(change, change.high, change.low)
        net.append((after, bound, fails))
    answers = worst(GROSS, gross) + worst(NET, net)
    return answers + _beta_exposures(view) if "PT-29 BETA_EXP" in view.params.applying else answers


def _net(change: Change, high: int, low: int) -> Decimal:
    """Return the larger magnitude of a scope's net value, with so many units of the order's instrument."""
    upper = abs(change.everything.high - change.held.high + high * change.unit)
    lower = abs(change.everything.low - change.held.low + low * change.unit)
    if lower > upper:
        return lower
    return upper


def _beta_exposures(view: View) -> Answers:
    """Compare the sum of beta x value with the bound of every scope, the larger magnitude of its worst cases."""
    known = view.known()
    if known is None or known.beta is None:
        return (failed(BETA, "beta unknown", None),)
    measures: list[tuple[Decimal | float, Bound, bool]] = []
    for bound in view.sheet.bounds["beta_exposure"]:
        change = view.change(bound.scope)
        after = view.net_after(change, "beta", known.beta)
        fails = after > bound.hard and after > view.net_before(change, "beta", known.beta)
        measures.append((after, bound, fails))
    return worst(BETA, measures)
