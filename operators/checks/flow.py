"""Flow (PT-44, PT-45, PT-46): a held intent that is put again, a check passed over, a session that is heard."""

from collections.abc import Iterable

import msgspec

from domain.decisions import Check, Outcome
from domain.market import SECOND
from domain.orders import Intent
from operators.checks.answers import Answers, Rule, failed, passed
from operators.compliance_view import View

EXPIRED = Rule("PT-44", "HOLD_EXPIRED", 99, "the hold has expired")
APPROVER = Rule("PT-44", "NOT_ENTITLED", 33, "who approved may not release this")
USED = Rule("PT-45", "OVERRIDE_USED", 99, "one check was passed over for this order")
DISCONNECTED = Rule("PT-46", "COD", 99, "the session is not heard; ExecRestatementReason(378) is 12")
_NOT_HELD = (passed(EXPIRED, "not held", None),)
_NO_OVERRIDE = (passed(USED, "none", None),)
_YES = (Outcome.REJECT, Outcome.HOLD)


def release(_intent: Intent, view: View) -> Answers:
    """PT-44: what was held is released in time, by somebody else than its maker who may do so.

    Source: RTS 6 Art. 15(6).
    """
    approval = view.market.approval
    if approval is None:
        return _NOT_HELD
    left = (approval.expires_at - view.market.now_at) / SECOND
    if left < 0:
        return (failed(EXPIRED, left, 0.0),)
    if approval.maker == approval.checker:
        return (
            failed(APPROVER, approval.checker, "another than the maker", text="maker and checker are one"),
        )
    approver = view.params.approvers.get(approval.checker)
    if approver is None or view.notional is None or not approver.may(approval.checks, view.notional):
        limit = 0.0 if approver is None else float(approver.notional_max)
        measured = None if view.notional is None else float(view.notional)
        return (failed(APPROVER, measured, limit, f"approver:{approval.checker}"),)
    return (passed(EXPIRED, left, 0.0, f"approver:{approval.checker}"),)


def override(_intent: Intent, _view: View) -> Answers:
    """PT-45: nothing is passed over; `passed_over` answers where an override was used."""
    return _NO_OVERRIDE


def passed_over(checks: Iterable[Check], view: View) -> list[Check]:
    """Return the checks with what a release or an override lets pass turned into warnings, and a note of it (PT-45).

    A release covers holds of the checks that had held it; an override one check, until it expires. A kill is covered
    by neither.
    """
    approval, now_at = view.market.approval, view.market.now_at
    allowed = {
        each.check: each
        for each in view.market.overrides
        if now_at < each.expires_at and each.check in view.params.tolerances.overridable
    }
    released = approval.checks if approval is not None else frozenset()
    answers: list[Check] = []
    used: list[Check] = []
    for check in checks:
        if check.outcome in _YES and check.check in allowed:
            by = allowed[check.check]
            text = f"{check.text}; overridden by {by.checker} for {by.maker}: {by.reason}"
            answers.append(msgspec.structs.replace(check, outcome=Outcome.WARN, text=text))
            used.append(failed(USED, check.check, check.check, f"approver:{by.checker}", Outcome.WARN))
        elif check.outcome is Outcome.HOLD and check.check in released and approval is not None:
            text = f"{check.text}; released by {approval.checker}"
            answers.append(msgspec.structs.replace(check, outcome=Outcome.WARN, text=text))
        elif check.check == USED.check and used:
            answers += dict.fromkeys(used)
        else:
            answers.append(check)
    return answers


def heartbeat(intent: Intent, view: View) -> Answers:
    """PT-46: the session of the order's venue was heard within n heartbeats; else it is killed."""
    if not view.identified:
        return (failed(DISCONNECTED, "malformed", "heard"),)
    link = view.state.counters.links.get(intent.ex_destination)
    scope = f"venue:{intent.ex_destination}"
    limit = float(view.params.tolerances.heartbeats_missed_max)
    if link is None:
        return (failed(DISCONNECTED, "never heard", limit, scope),)
    missed = max(0, view.market.now_at - link.heard_at) // link.interval
    if missed <= limit:
        return (passed(DISCONNECTED, float(missed), limit, scope),)
    return (failed(DISCONNECTED, float(missed), limit, scope, Outcome.KILL),)
