"""Authority of algorithms (PT-05): is this version approved here, and within what it was approved for?"""

from domain.decisions import Check
from domain.orders import Intent
from operators.checks.answers import MALFORMED, Answers, Rule, failed, passed
from operators.compliance_counters import Tally
from operators.compliance_facts import Algorithm
from operators.compliance_view import View

NOT_APPROVED = Rule("PT-05", "ALGO_NOT_APPROVED", 21, "this version of the algorithm is not approved here")
SCOPE = Rule("PT-05", "ALGO_SCOPE", 21, "the algorithm would go further than it was approved for")
_NOTHING_SENT = Tally()


def algorithm(intent: Intent, view: View) -> Answers:
    """PT-05: id and version are approved in this environment; instruments, venues, orders, position are within scope.

    Counts of the day with this order. Source: RTS 6 Art. 5(2), 8.
    """
    if not view.identified:
        return (failed(NOT_APPROVED, MALFORMED, "approved"),)
    version = view.params.deployed.get(intent.strategy, "")
    environment, now_at = view.params.tolerances.environment, view.market.now_at
    row: Algorithm | None = None
    for each in view.params.facts.algorithms.get(intent.strategy, ()):
        if each.environment == environment and each.version in (version, "*") and each.holds(now_at):
            row = each
            break
    scope = f"strategy:{intent.strategy}"
    if row is None:
        return (failed(NOT_APPROVED, f"version {version or 'unknown'}", f"approved in {environment}", scope),)
    sent = view.state.counters.tallies.get(intent.strategy, _NOTHING_SENT)
    held = view.holding(view.sheet.scopes.strategy, intent.symbol)
    buys = view.quantity if view.sign > 0 else 0
    position = max(
        held.position + held.open_buys + buys, held.open_sells + view.quantity - buys - held.position
    )
    fresh = sent is _NOTHING_SENT or sent.orders == 0 or view.market.trading_day > view.state.trading_day
    orders = 1 if fresh else sent.orders + 1
    instruments = 1 if fresh else len(sent.instruments) + (intent.symbol not in sent.instruments)
    venues = 1 if fresh else len(sent.venues) + (intent.ex_destination not in sent.venues)
    within = instruments <= row.instruments_max and venues <= row.venues_max
    if within and orders <= row.orders_max and position <= row.position_max:
        return (passed(SCOPE, float(orders), float(row.orders_max), scope),)
    failures: list[Check] = []
    for what, measured, limit in (
        ("instruments", instruments, row.instruments_max),
        ("venues", venues, row.venues_max),
        ("orders", orders, row.orders_max),
        ("position", position, row.position_max),
    ):
        if measured > limit and not view.reduces and (what != "position" or not _shrinks(view, intent)):
            failures.append(
                failed(SCOPE, float(measured), float(limit), scope, text=f"too many {what} for the algorithm")
            )
    return tuple(failures) or (passed(SCOPE, float(orders), float(row.orders_max), scope),)


def _shrinks(view: View, intent: Intent) -> bool:
    """Say whether the order only takes units off the position of its strategy."""
    return view.quantity <= view.holding(view.sheet.scopes.strategy, intent.symbol).reducible(view.sign)
