"""What the people of the demonstration do on its second day: limits for a while, holds, an override, a kill switch.

The risk checker tightens two limits for three quarters of an hour each. Of the orders that are held then one is
approved, one is refused, and the others expire; one that is refused is put again by an override. Later the switch of a
strategy is pulled, and two persons rearm it.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.files.new_york import ZONE
from domain.controls import Command, ControlKind
from domain.envelope import record_id
from domain.market import SECOND
from operators.compliance_rules import KillMode
from operators.people import Answer, People

TRADER, HEAD, RISK = "desk.trader", "desk.head", "risk.checker"
ANSWERED_SECONDS = 15
OVERRIDE_SECONDS = 30
TIGHT_SIGMAS = 0.25
TIGHT_VALUE = 60_000
STOPPED = "strategy:reversion"


def demonstration_people(day: str, limits: Mapping[str, Any]) -> People:
    """Return what is done on a day (ISO); `limits` are the configuration's, as limits.yaml has them."""
    table = {
        "limits": [*limits["limits"], *_for_a_while(day)],
        "defaults": limits.get("defaults"),
    }
    kill = (ControlKind.KILL, STOPPED)
    override = json.dumps({"maker": TRADER, "verifier": HEAD, "seconds": OVERRIDE_SECONDS})
    return People(
        commands=(
            _command(
                ControlKind.LIMITS,
                "limits",
                RISK,
                "two announcements are due",
                at=_at(day, "10:25"),
                details=json.dumps(table, default=str),
            ),
            _command(
                *kill, HEAD, "its signals look wrong", at=_at(day, "13:00"), mode=KillMode.CANCEL_ALL.value
            ),
            _command(
                *kill, HEAD, "its signals were gone through", at=_at(day, "13:20"), mode=KillMode.NONE.value
            ),
            _command(
                *kill, RISK, "gone through a second time", at=_at(day, "13:25"), mode=KillMode.NONE.value
            ),
        ),
        answers=(
            _answer("PT-14", _command(ControlKind.APPROVE, "", HEAD, "the price is the market's")),
            _answer("PT-14", _command(ControlKind.REFUSE, "", RISK, "wait for the announcement")),
            _answer(
                "PT-20",
                _command(
                    ControlKind.OVERRIDE, "", RISK, "agreed for this order", mode="PT-20", details=override
                ),
                refused=True,
            ),
        ),
    )


def _for_a_while(day: str) -> list[dict[str, Any]]:
    """Return the rows of the tightened limits, each in force for three quarters of an hour."""
    tight = (
        ("collar-announced", "dynamic_collar", "sigmas", TIGHT_SIGMAS, "10:30", "11:15"),
        ("value-announced", "order_notional", "currency", TIGHT_VALUE, "11:30", "12:15"),
    )
    return [
        {
            "limit_id": name,
            "measure": measure,
            "scope_type": "tier",
            "scope_id": "liquid",
            "hard": hard,
            "unit": unit,
            "version": 2,
            "valid_from": _at(day, begins),
            "temporary_until": _at(day, ends),
            "rationale": "an announcement is due",
        }
        for name, measure, unit, hard, begins, ends in tight
    ]


def _at(day: str, clock: str) -> int:
    """Return the instant (ns UTC) at which the clocks of New York show a time."""
    return int(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZONE).timestamp()) * SECOND


def _command(
    kind: ControlKind, scope: str, who: str, reason: str, *, mode: str = "", at: int = 0, details: str = ""
) -> Command:
    return Command(
        command_id=record_id("demonstration", kind, scope, mode, who, at),
        kind=kind,
        scope=scope,
        mode=mode,
        who=who,
        reason=reason,
        at=at,
        details=details,
    )


def _answer(check: str, command: Command, *, refused: bool = False) -> Answer:
    return Answer(check=check, refused=refused, seconds=ANSWERED_SECONDS, command=command)
