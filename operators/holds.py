"""The hold queue (PT-44): intents that wait for a person, and refused ones that an override may put again (PT-45).

Both wait until they expire, in event time, and no longer than their strategy wants nothing else of the instrument. At
most `holds_max` wait; the oldest goes first. What becomes of an intent is decided in `desk_holds.py`.
"""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from domain.action_records import ActionRecord
from domain.controls import Control
from domain.corporate_actions import ActionKind
from domain.decisions import Check, Outcome
from domain.market import END
from domain.orders import Intent
from operators.agenda import Living, lives
from operators.compliance_rules import ComplianceParams
from operators.compliance_view import Approval, Override
from operators.decision_records import Score

LIVES = lives(Living.ADJUSTS, {Living.UNTOUCHED: (ActionKind.RENAME,)})
OVERRIDE_FIELDS = ("maker", "verifier", "seconds")


class Held(NamedTuple):
    """An intent that waits: the score that it came from, until when (ns UTC), and which checks failed.

    `refused` ones wait for an override alone; `times` is how often it was judged, `notional` its value (base currency).
    """

    score: Score
    intent: Intent
    held_at: int
    expires_at: int
    checks: frozenset[str]
    notional: Decimal
    refused: bool
    times: int
    overrides: tuple[Override, ...] = ()


@dataclass
class HoldQueue:
    """What waits, by ClOrdID, in the order in which it came."""

    waiting: dict[str, Held] = field(default_factory=dict)

    def next_at(self) -> int:
        """Return when the next hold expires (ns UTC)."""
        return min((held.expires_at for held in self.waiting.values() if not held.refused), default=END)

    def of(self, strategy: str, symbol: str) -> list[Held]:
        """Return what waits of a strategy in an instrument."""
        return [
            held
            for held in self.waiting.values()
            if held.intent.strategy == strategy and held.intent.symbol == symbol
        ]

    def put(self, held: Held, most: int) -> Held | None:
        """Let an intent wait; return the oldest where there is no room for both."""
        over = [
            name for name, each in self.waiting.items() if each.refused and each.expires_at <= held.held_at
        ]
        for name in over:
            del self.waiting[name]
        self.waiting[held.intent.cl_ord_id] = held
        if len(self.waiting) <= most:
            return None
        return self.waiting.pop(next(iter(self.waiting)))

    def due(self, now_at: int) -> list[Held]:
        """Take out what has expired by now; return the holds among it."""
        over = [name for name, held in self.waiting.items() if held.expires_at <= now_at]
        gone = [self.waiting.pop(name) for name in over]
        return [held for held in gone if not held.refused]


def adjust(queue: HoldQueue, action: ActionRecord) -> list[Held]:
    """Take out what waits in an action's instrument, and return the holds among it.

    A person has judged, or is to judge, a price and a quantity of before: the strategy asks anew.
    """
    gone = [held for held in queue.waiting.values() if held.intent.symbol == action.instrument]
    for held in gone:
        del queue.waiting[held.intent.cl_ord_id]
    return [held for held in gone if not held.refused]


def failing(checks: tuple[Check, ...]) -> frozenset[str]:
    """Return the checks that hold or reject an intent."""
    return frozenset(check.check for check in checks if check.outcome in (Outcome.HOLD, Outcome.REJECT))


def approval_of(queue: HoldQueue, params: ComplianceParams, control: Control) -> Approval:
    """Return the approval that a command gives; raises ValueError where there is none, or not for them."""
    held = queue.waiting.get(control.scope)
    if held is None or held.refused:
        raise ValueError(f"no hold {control.scope!r}; {_waiting(queue)}")
    _entitled(params, held, control.who, held.checks)
    return Approval(held.intent.trader, control.who, held.expires_at, held.checks)


def override_of(queue: HoldQueue, params: ComplianceParams, control: Control) -> Override:
    """Return the override that a command gives: of one check (`mode`) for one order; raises ValueError."""
    held, check = queue.waiting.get(control.scope), control.mode
    if held is None:
        raise ValueError(f"no intent {control.scope!r} waits; {_waiting(queue)}")
    if check not in params.tolerances.overridable:
        allowed = " ".join(sorted(params.tolerances.overridable))
        raise ValueError(f"{check or 'nothing'} may not be overridden; allowed: {allowed}")
    if check not in held.checks:
        raise ValueError(f"{check} has not stopped {control.scope}; {' '.join(sorted(held.checks))} did")
    given = _details(control.details)
    if len({given["maker"], given["verifier"], control.who}) < 3 or not all(
        (given["maker"], given["verifier"])
    ):
        raise ValueError(
            "an override needs three persons: who asks, who verifies for risk, and who authorises"
        )
    if given["verifier"] == held.intent.trader:
        raise ValueError(
            f"who verifies for risk is another than who trades; {given['verifier']} trades the order"
        )
    if given["verifier"] not in params.approvers:
        raise ValueError(
            f"{given['verifier']} may not verify an override; allowed: {', '.join(params.approvers)}"
        )
    _entitled(params, held, control.who, {check})
    expires_at = control.known_at + int(given["seconds"] * 1_000_000_000)
    return Override(check, expires_at, given["maker"], control.who, control.reason)


def refusable(queue: HoldQueue, control: Control) -> None:
    """Raise ValueError where a command refuses a hold that is not there."""
    held = queue.waiting.get(control.scope)
    if held is None or held.refused:
        raise ValueError(f"no hold {control.scope!r}; {_waiting(queue)}")


def _entitled(params: ComplianceParams, held: Held, who: str, checks: Any) -> None:
    if who == held.intent.trader:
        raise ValueError(f"maker and checker are two persons; {who} has asked for the order")
    approver = params.approvers.get(who)
    if approver is None or not approver.may(checks, held.notional):
        raise ValueError(
            f"{who} may not decide on {' '.join(sorted(checks))} for {held.notional:f}; "
            "compliance.yaml says under approvers who may"
        )


def _details(text: str) -> dict[str, Any]:
    given = json.loads(text or "{}")
    if not isinstance(given, dict) or set(given) != set(OVERRIDE_FIELDS):
        raise ValueError(f"an override has the details {', '.join(OVERRIDE_FIELDS)}; {text!r} was given")
    if not isinstance(given["seconds"], (int, float)) or not 0 < given["seconds"] <= 3600:
        raise ValueError(f"an override ends within an hour; {given['seconds']!r} seconds were given")
    return given


def _waiting(queue: HoldQueue) -> str:
    names = list(queue.waiting)
    return f"those that wait: {', '.join(names[:5])}" if names else "none waits"
