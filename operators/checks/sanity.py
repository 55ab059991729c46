"""Sanity: is it an order, for something that trades now, not too old, in whole steps, not sent twice?

PT-07, PT-08, PT-09, PT-10, PT-11.
"""

from decimal import Decimal

from domain.decisions import Check, Outcome
from domain.market import SECOND, Session
from domain.money import on_tick
from domain.orders import Intent
from operators.checks.answers import MALFORMED, Answers, Rule, failed, passed
from operators.compliance_view import View

MALFORMED_INTENT = Rule("PT-07", "MALFORMED", 11, "malformed")
UNKNOWN_SYMBOL = Rule("PT-08", "UNKNOWN_SYMBOL", 1, "the instrument is not known or not tradable")
MARKET_CLOSED = Rule("PT-08", "MARKET_CLOSED", 2, "the session is not open for this time in force")
HALTED = Rule("PT-08", "HALTED", 2, "trading is halted")
CUTOFF = Rule("PT-08", "CUTOFF", 4, "too close to the end of the session")
STALE_ORDER = Rule("PT-09", "STALE_ORDER", 8, "the order's TransactTime is too far from now")
STALE_SIGNAL = Rule("PT-09", "STALE_SIGNAL", 8, "the signal is too old")
BAD_TICK = Rule("PT-10", "BAD_TICK", 18, "the price is not a whole number of ticks")
BAD_LOT = Rule("PT-10", "BAD_LOT", 13, "the quantity is not a whole number of lots")
DUPLICATE = Rule("PT-11", "DUP_ORDER", 6, "the same order was sent a moment ago")
_WELL_FORMED = (passed(MALFORMED_INTENT, 0.0, 0.0),)
_ON_STEP = (passed(BAD_TICK, 0.0, 0.0),)
_SESSIONS = {session: session.name.lower() for session in Session}
_OPEN = {name: (passed(UNKNOWN_SYMBOL, name, name),) for name in _SESSIONS.values()}


def well_formed(_intent: Intent, view: View) -> Answers:
    """PT-07: names, enums and numbers are what they should be; measured is what was given."""
    if not view.defects:
        return _WELL_FORMED
    return tuple(
        failed(
            MALFORMED_INTENT._replace(reason=defect.reason),
            defect.given,
            defect.allowed,
            text=f"{defect.field} is malformed",
        )
        for defect in view.defects
    )


def tradable(intent: Intent, view: View) -> Answers:
    """PT-08: instrument known and tradable, session open for the TimeInForce, no halt, before the cut-off."""
    market = view.market
    instrument = market.instrument
    failures: list[Check] = []
    if instrument is None or not instrument.tradable or instrument.name != intent.symbol:
        failures.append(failed(UNKNOWN_SYMBOL, "not tradable" if instrument else "unknown", "tradable"))
    session = _SESSIONS[market.session]
    allowed = view.params.tolerances.sessions.get(str(intent.time_in_force), frozenset())
    if session not in allowed:
        failures.append(failed(MARKET_CLOSED, session, " or ".join(sorted(allowed)) or "none"))
    elif market.closes_at is not None and market.now_at >= market.closes_at - view.params.cutoff:
        left = (market.closes_at - market.now_at) / SECOND
        failures.append(failed(CUTOFF, left, view.params.tolerances.cutoff_seconds))
    if market.halted:
        failures.append(failed(HALTED, "halted", "trading"))
    return tuple(failures) or _OPEN[session]


def in_time(intent: Intent, view: View) -> Answers:
    """PT-09: the order is neither too old nor from the future, and its signal is in its time.

    By TransactTime(60); measured and limit in seconds. A strategy without a signal time to live has none that
    is young enough; of an intent that waited for a person the signal may be older by the time of a hold.
    """
    if not view.sane or not view.identified:
        return (failed(STALE_ORDER, MALFORMED, view.params.tolerances.order_age_seconds),)
    params, now_at = view.params, view.market.now_at
    age, signal_age = now_at - intent.transact_time, now_at - intent.signal_at
    order_limit = params.tolerances.order_age_seconds
    ttl = params.signal_ttl.get(intent.strategy, 0)
    if view.market.again and ttl:
        ttl += params.hold_time
    failures: list[Check] = []
    if age > params.order_age:
        failures.append(failed(STALE_ORDER, age / SECOND, order_limit))
    elif age <= -params.clock_skew:
        text = "the order's TransactTime is ahead of the clock"
        failures.append(failed(STALE_ORDER, -age / SECOND, params.tolerances.clock_skew_seconds, text=text))
    if signal_age > ttl or ttl == 0:
        failures.append(
            failed(STALE_SIGNAL, signal_age / SECOND, ttl / SECOND, f"strategy:{intent.strategy}")
        )
    elif signal_age <= -params.clock_skew:
        text = "the signal is from the future"
        failures.append(
            failed(STALE_SIGNAL, -signal_age / SECOND, params.tolerances.clock_skew_seconds, text=text)
        )
    return tuple(failures) or (passed(STALE_ORDER, age / SECOND, order_limit),)


def on_step(_intent: Intent, view: View) -> Answers:
    """PT-10: the price is a whole number of ticks (Rule 612), the quantity of lots, and no part is more than the whole.

    What is shown (DisplayQty) is a whole number of lots from one to the quantity, what it trades at least (MinQty) from
    0 to the quantity.
    """
    instrument = view.market.instrument
    if instrument is None or not view.sane:
        measured = MALFORMED if instrument else "unknown instrument"
        return failed(BAD_TICK, measured, None), failed(BAD_LOT, measured, None)
    failures: list[Check] = []
    if view.price is not None and not on_tick(view.price, instrument.tick_size):
        failures.append(failed(BAD_TICK, float(view.price), float(instrument.tick_size)))
    if view.quantity % instrument.lot_size:
        failures.append(failed(BAD_LOT, float(view.quantity), float(instrument.lot_size)))
    handling = view.market.handling
    if handling.display_qty is not None or handling.min_qty is not None:
        failures += _parts(view, instrument.lot_size)
    return tuple(failures) or _ON_STEP


def _parts(view: View, lot_size: int) -> list[Check]:
    """Return what is wrong with the parts of an order that it shows, or trades at least."""
    handling, failures = view.market.handling, list[Check]()
    whole = float(view.quantity)
    for name, part, least, step in (
        ("DisplayQty", handling.display_qty, 1, lot_size),
        ("MinQty", handling.min_qty, 0, 1),
    ):
        if part is None:
            continue
        if type(part) is not int:
            failures.append(failed(BAD_LOT, MALFORMED, whole, text=f"{name} is a whole number"))
        elif not least <= part <= view.quantity:
            failures.append(failed(BAD_LOT, float(part), whole, text=f"{name} is from {least} to OrderQty"))
        elif part % step:
            failures.append(
                failed(BAD_LOT, float(part), float(step), text=f"{name} is not a whole number of lots")
            )
    return failures


def not_repeated(intent: Intent, view: View) -> Answers:
    """PT-11: the same order was not allowed or held within the window more often than is allowed.

    Measured counts this order as well. One more than allowed is held, the next one rejected.
    """
    allowed = view.params.tolerances.duplicates_allowed
    if not view.sane or not view.identified:
        return (failed(DUPLICATE, MALFORMED, float(allowed)),)
    before = view.state.recent.count(fingerprint(intent), view.market.now_at, view.params.duplicate_window)
    times = max(1, before) if view.market.again else 1 + before
    if times <= allowed:
        return (passed(DUPLICATE, float(times), float(allowed)),)
    outcome = Outcome.HOLD if times == allowed + 1 else Outcome.REJECT
    return (failed(DUPLICATE, float(times), float(allowed), outcome=outcome),)


def fingerprint(intent: Intent) -> tuple[str, str, str, str, int, Decimal | None, str]:
    """Return what makes two orders the same to PT-11: (A, S, X, side, quantity, price, type)."""
    return (
        intent.account,
        intent.strategy,
        intent.symbol,
        intent.side.value,
        intent.order_qty,
        intent.price,
        intent.ord_type.value,
    )
