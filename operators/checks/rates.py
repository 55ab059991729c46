"""Rates (PT-23): are there too many messages?"""

from domain.decisions import Check
from domain.market import SECOND
from domain.orders import Intent
from operators.checks.answers import Answers, Rule, failed, passed, unlimited
from operators.compliance_view import View
from operators.limits import PRODUCT_SCOPES, Bound

MESSAGES = Rule("PT-23", "MSG_RATE", 99, "too many messages; BusinessRejectReason(380) is 8")


def bucket_name(bound: Bound, symbol: str) -> str:
    """Return whose messages a limit counts: those of its scope; of a tier or an instrument, the instrument's alone."""
    return f"instrument:{symbol}" if bound.level in PRODUCT_SCOPES else bound.scope


def message_rate(intent: Intent, view: View) -> Answers:
    """PT-23: one more message fits the bucket of the account, the strategy, the firm and the instrument.

    A bucket is one second's worth deep. Measured in messages, this one included; new orders and cancels fill
    the buckets, cancels are never blocked. The instrument's counts over all accounts and strategies, and is there where
    a row of it or of its tier is. Source: RTS 6 Art. 15(1)(d).
    """
    now_at, buckets = view.market.now_at, view.state.buckets
    failures: list[Check] = []
    most, fullest = -1.0, None
    for bound in view.sheet.bounds["message_rate"]:
        rate = bound.count
        scope = bucket_name(bound, intent.symbol)
        bucket = buckets.get(scope)
        spent = SECOND + (bucket.spent_at(now_at, rate) if bucket else 0)
        if spent > rate * SECOND:
            failures.append(failed(MESSAGES, spent / SECOND, bound.limit, scope))
        elif (share := spent / rate) > most:
            most, fullest = share, (spent / SECOND, bound.limit, scope)
    if failures:
        return tuple(failures)
    return unlimited(MESSAGES, None) if fullest is None else (passed(MESSAGES, *fullest),)
