"""What becomes of intents that wait: put again when a person says so, refused when one says no or the time is over."""

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from domain.controls import Control, ControlKind
from domain.decisions import VerdictKind
from operators.checks.answers import failed
from operators.checks.flow import EXPIRED
from operators.compliance import Assessment
from operators.compliance_view import Approval, Override
from operators.decision_records import verdict_of
from operators.holds import Held, approval_of, override_of

if TYPE_CHECKING:
    from operators.desk import Desk


def put_again(
    desk: "Desk", cl_ord_id: str, now_at: int, approval: Approval | None, overrides: tuple[Override, ...]
) -> None:
    """Judge an intent that waits once more, by all checks as they are now, and send it where it passes."""
    held = desk.state.holds.waiting.pop(cl_ord_id)
    key = (held.intent.strategy, held.intent.symbol)
    if key in desk.state.working:
        refuse(desk, held, now_at, "another order of its strategy and instrument works")
        return
    intent = msgspec.structs.replace(
        held.intent, event_at=now_at, known_at=now_at, received_at=now_at, transact_time=now_at
    )
    again = held._replace(
        intent=intent, score=held.score._replace(known_at=now_at), overrides=(*held.overrides, *overrides)
    )
    desk.judge(again.score, intent, again, approval)


def follow(desk: "Desk", control: Control) -> None:
    """Do what a command that took effect says about an intent that waits."""
    holds, now_at = desk.state.holds, control.known_at
    match control.kind:
        case ControlKind.APPROVE:
            approval = approval_of(holds, desk.compliance, control)
            put_again(desk, control.scope, now_at, approval, ())
        case ControlKind.OVERRIDE:
            given = override_of(holds, desk.compliance, control)
            put_again(desk, control.scope, now_at, None, (given,))
        case ControlKind.REFUSE:
            refuse(
                desk, holds.waiting.pop(control.scope), now_at, f"{control.who} refused it: {control.reason}"
            )


def expire(desk: "Desk", now_at: int) -> None:
    """Refuse every hold whose time is over."""
    for held in desk.state.holds.due(now_at):
        refuse(desk, held, now_at, EXPIRED.text)


def withdraw(desk: "Desk", strategy: str, symbol: str, now_at: int) -> None:
    """Refuse what waits of a strategy in an instrument, since it has a new score."""
    for held in desk.state.holds.of(strategy, symbol):
        del desk.state.holds.waiting[held.intent.cl_ord_id]
        if not held.refused:
            refuse(desk, held, now_at, "the strategy has a new score")


def refuse(desk: "Desk", held: Held, now_at: int, text: str) -> None:
    """Record that an intent that waited was refused, and why."""
    waited = (now_at - held.held_at) / 1_000_000_000
    allowed = (held.expires_at - held.held_at) / 1_000_000_000
    check = failed(EXPIRED, waited, allowed, text=text)
    assessment = Assessment(
        VerdictKind.REFUSED,
        (check,),
        (check.code,),
        check.ord_rej_reason,
        f"{check.code}: {text}; measured {waited}, limit {allowed}",
        0,
        Decimal(0),
        desk.compliance.limits.version,
    )
    intent = msgspec.structs.replace(held.intent, event_at=now_at, known_at=now_at, received_at=now_at)
    verdict = verdict_of(intent, assessment, desk.next_number("verdicts"), held.times)
    desk.decided.verdicts.append(verdict)
    desk.point(
        held.score._replace(known_at=now_at), "compliance", str(verdict.kind), verdict.text, intent.cl_ord_id
    )
