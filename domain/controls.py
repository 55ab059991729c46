"""Commands to the desk itself, and when they took effect: kill switches, limits, holds, overrides, lists of names."""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from domain.envelope import Record


class ControlKind(StrEnum):
    """What a command changes."""

    KILL = "kill"
    ASKED = "asked"
    RELEASE = "release"
    APPROVE = "approve"
    REFUSE = "refuse"
    OVERRIDE = "override"
    LIMITS = "limits"
    SANCTIONS = "sanctions"
    ACKNOWLEDGE = "acknowledge"
    WAIVE = "waive"
    STALE = "stale"
    FRESH = "fresh"
    REFUSED = "refused"


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants of the desk: `mode` of a kill switch of `scope` (TYPE:NAME), or the rows of a limit table.

    Of a breach `scope` is its breach_id: to ACKNOWLEDGE or WAIVE it, with `until` (ns UTC) and `maker` in `details`.
    Of what waits `scope` is the ClOrdID: to APPROVE or REFUSE it, or to OVERRIDE the check that `mode` names. `at` is
    the wall clock of the command (ns UTC), `details` a JSON object: `limits`, `risk_limits` and `defaults` as
    limits.yaml has them, or `maker`, `verifier` and `seconds` of an override. Of a list of names (SANCTIONS) `scope` is
    `list:NAME`, `details` the list until it is screened, then what was found of whom the desk trades with
    (`operators.party_screening`).
    """

    command_id: str
    kind: ControlKind
    scope: str
    mode: str = ""
    who: str
    reason: str
    at: int
    details: str = ""


class Control(Record, frozen=True, kw_only=True):
    """`risk.controls`: a command took effect at `known_at`, before all that happened then; REFUSED where it could not.

    `wanted` is what was asked for, `text` why it was refused. `who` is the checker of what takes two persons, `maker`
    the first of them. A kill switch that one person wants looser is ASKED, and at the word of a second one RELEASE.
    """

    command_id: str
    kind: ControlKind
    wanted: ControlKind
    scope: str
    mode: str
    who: str
    reason: str
    details: str = ""
    text: str = msgspec.field(default="", name="Text")
    maker: str = ""


class ControlsRead(NamedTuple):
    """Every command that holds by now has been handed over: the desk may begin."""
