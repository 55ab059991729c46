"""Throttles (PT-24, PT-25, PT-26): does it repeat itself, send too much, or run into a wall?"""

from domain.decisions import Check, Outcome
from domain.orders import Intent
from operators.checks.answers import MALFORMED, Answers, Rule, failed, passed, unlimited
from operators.compliance_counters import Repeats, Traffic
from operators.compliance_view import View

REPEATED = Rule("PT-24", "REPEAT_EXEC", 21, "the strategy was executed too often without a new signal")
RATIO = Rule("PT-25", "OTR", 99, "too many messages for what is traded")
LOOP = Rule("PT-26", "REJECT_LOOP", 21, "the venue has rejected too many orders in a row")
_NEVER, _NOTHING = Repeats(), Traffic()


def repeated_executions(intent: Intent, view: View) -> Answers:
    """PT-24: orders of strategy and instrument executed in the window on the signal of this one are at most N.

    Above it the strategy is disabled until somebody re-enables it. Source: RTS 6 Art. 15(3).
    """
    bounds = view.sheet.bounds["repeat_executions"]
    if not bounds:
        return unlimited(REPEATED, None)
    bound = bounds[0]
    if not view.identified:
        return (failed(REPEATED, MALFORMED, bound.limit, bound.scope),)
    known = view.state.counters.repeats.get((intent.strategy, intent.symbol), _NEVER)
    times = 0
    if known.executed and known.signal_id == intent.signal_id:
        times = known.within(view.market.now_at, view.params.repeat_window)
    if times <= bound.hard:
        return (passed(REPEATED, float(times), bound.limit, bound.scope),)
    return (failed(REPEATED, float(times), bound.limit, bound.scope, Outcome.KILL),)


def order_to_trade(intent: Intent, view: View) -> Answers:
    """PT-25: orders / trades - 1 of the day in the instrument, this order too, is within soft (warn) and hard (hold).

    Counted as RTS 9 does: new 1, change 2, cancel 1. Without a trade it is the number of orders.
    """
    bounds = view.sheet.bounds["order_to_trade"]
    if not bounds:
        return unlimited(RATIO, None)
    if not view.identified:
        return (failed(RATIO, MALFORMED, bounds[0].limit),)
    traffic = view.state.counters.traffic
    fresh = view.market.trading_day > view.state.trading_day
    answers: list[Check] = []
    fullest: Check | None = None
    for bound in bounds:
        known = _NOTHING if fresh else traffic.get((bound.scope, intent.symbol), _NOTHING)
        orders = known.orders + (2 if view.replaced is not None else 1)
        above, trades = (orders - known.trades, known.trades) if known.trades else (orders, 1)
        measured = above / trades
        if above > bound.hard * trades:
            answers.append(failed(RATIO, measured, bound.limit, bound.scope, Outcome.HOLD))
        elif above > bound.start * trades:
            answers.append(failed(RATIO, measured, bound.start_limit, bound.scope, Outcome.WARN))
        elif fullest is None:
            fullest = passed(RATIO, measured, bound.start_limit, bound.scope)
    return tuple(answers) or (() if fullest is None else (fullest,))


def reject_loop(intent: Intent, view: View) -> Answers:
    """PT-26: orders of the strategy that the venue rejected in a row are at most n."""
    bounds = view.sheet.bounds["consecutive_rejects"]
    if not bounds:
        return unlimited(LOOP, None)
    bound = bounds[0]
    if not view.identified:
        return (failed(LOOP, MALFORMED, bound.limit, bound.scope),)
    times = view.state.counters.rejects.get(intent.strategy, 0)
    if times <= bound.hard:
        return (passed(LOOP, float(times), bound.limit, bound.scope),)
    return (failed(LOOP, float(times), bound.limit, bound.scope, Outcome.KILL),)
