"""Controls: from when on does a command hold, and what does it do to the desk?

Key     book
In      Command, as somebody gave it, once all are read; Control, as it took effect in a run before
Out     Control, with the requests to cancel that follow from it
State   which commands took effect, those that are to take effect again at their instant, and what holds now
Time    a new command holds from where the desk stands; what was decided before stays decided
Silence never: a command that cannot be carried out is answered by a Control that says why

When a command took effect is an input of the run: the record stands on its topic before anything that follows from it,
and a worker that starts again, or a replay, lets it take effect at the same instant. Such a worker decides once more
what it had said before its end, and `Before.until` is how far that goes: a command that is new holds from there on.
"""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from analytics.risk_limit_rows import RiskLimits
from analytics.risk_limits import LimitWatch, answerable
from domain.controls import Command, Control, ControlKind
from domain.envelope import record_id
from domain.market import END
from domain.orders import Order
from operators.compliance_rules import ComplianceParams, KillMode, RightsTable
from operators.compliance_state import ComplianceState, set_kill
from operators.holds import HoldQueue, approval_of, override_of, refusable
from operators.limit_rows import changed_table, limit_table, plain
from operators.party_screening import hold_list, outcome_of
from operators.risk_limit_table import (
    changed_risk_limits,
    is_risk_limit,
    plain_risk_rows,
    with_risk_limits,
)


class Before(NamedTuple):
    """What a run before has left: controls that took effect, and until when (ns UTC) it has said what it decides."""

    controls: tuple[Control, ...] = ()
    until: int = 0


NOTHING_BEFORE = Before()
VENUE = "venue"
"""The scope of what is STALE where the venue's reports are behind; else it is commands that cannot be read."""


@dataclass
class ControlState:
    """`unplaced` commands came before the desk stood anywhere; `waiting` take effect at their `known_at`.

    `applied` are the names of those that have; `limits` and `risk_limits` hold now. `stale_at` is since when commands
    cannot be read (ns UTC), the greatest int64 while they can. `releases` are kill switches that one person wants
    looser, and how.
    `venue_stale_at` is since when the venue's reports are behind, in the same way.
    `screened` are the digests of each list of names that holds and of the names that were compared with it.
    """

    unplaced: list[Command] = field(default_factory=list)
    waiting: list[Control] = field(default_factory=list)
    applied: set[str] = field(default_factory=set)
    limits: str = ""
    stale_at: int = END
    sequence: int = 0
    releases: dict[str, tuple[str, str]] = field(default_factory=dict)
    screened: dict[str, tuple[str, str]] | None = None
    risk_limits: str = ""
    venue_stale_at: int = END

    def next_at(self) -> int:
        """Return when the next control takes effect (ns UTC)."""
        return self.waiting[0].known_at if self.waiting else END

    def limits_at(self, now_at: int) -> int:
        """Return up to which instant limits and kill switches are known (PT-02)."""
        return min(now_at, self.stale_at)

    def venue_at(self, now_at: int) -> int:
        """Return up to which instant the venue's reports are known (PT-02)."""
        return min(now_at, self.venue_stale_at)


def recall(state: ControlState, recorded: Sequence[Control]) -> None:
    """Let what took effect in a run before take effect again, where it has not yet."""
    state.waiting += [control for control in recorded if not known(state, control.command_id)]
    state.waiting.sort(key=_order)


def take(state: ControlState, command: Command, now_at: int) -> None:
    """Let a command take effect at an instant (ns UTC), once; at 0 the desk stands nowhere yet, and it is kept.

    The instant may be one that is still to come.
    """
    if command.kind is ControlKind.SANCTIONS:
        command = _of_other_parties(state, command)
    if known(state, command.command_id):
        return
    if not now_at:
        state.unplaced.append(command)
        return
    number = max([state.sequence, *(control.sequence for control in state.waiting)]) + 1
    state.waiting.append(
        Control(
            event_at=now_at,
            known_at=now_at,
            received_at=command.at,
            source="controls",
            sequence=number,
            record_id=record_id("control", command.command_id),
            command_id=command.command_id,
            kind=command.kind,
            wanted=command.kind,
            scope=command.scope,
            mode=command.mode,
            who=command.who,
            reason=command.reason,
            details=command.details,
        )
    )
    state.waiting.sort(key=_order)


def _of_other_parties(state: ControlState, command: Command) -> Command:
    """Return the command with a list that holds as another one where it was now compared with other names."""
    try:
        made = outcome_of(command.details)
    except ValueError:
        return command
    held = (state.screened or {}).get(command.scope)
    if held is None or held[0] != made.digest or held[1] == made.parties_digest:
        return command
    again = record_id(command.command_id, made.parties_digest)
    return msgspec.structs.replace(command, command_id=again)


def place(state: ControlState, first_at: int) -> None:
    """Let what came before the first event of all take effect with it (ns UTC)."""
    unplaced, state.unplaced = state.unplaced, []
    for command in unplaced:
        take(state, command, first_at)


def _order(control: Control) -> tuple[int, int]:
    return control.known_at, control.sequence


def known(state: ControlState, command_id: str) -> bool:
    """Say whether a command has taken effect, or is going to."""
    waiting = {control.command_id for control in state.waiting}
    return command_id in state.applied | waiting | {command.command_id for command in state.unplaced}


def carry_out(
    state: ControlState,
    compliance: ComplianceState,
    params: ComplianceParams,
    holds: HoldQueue,
    risk: tuple[RiskLimits, LimitWatch],
) -> Control:
    """Let the next control take effect; return its record, REFUSED where it cannot be.

    `risk` are the limits of risk that the desk began with, and how they stand.
    What waits is not moved here, nor what is watched: `desk_holds.py` and `risk_watch.py` do that with the record.
    """
    control = state.waiting.pop(0)
    state.applied.add(control.command_id)
    state.sequence = max(state.sequence, control.sequence)
    try:
        match control.wanted:
            case ControlKind.KILL:
                return _kill(state, compliance, params.rights, control)
            case ControlKind.APPROVE:
                approved = approval_of(holds, params, control)
                return msgspec.structs.replace(control, maker=approved.maker)
            case ControlKind.OVERRIDE:
                given = override_of(holds, params, control)
                return msgspec.structs.replace(control, maker=given.maker)
            case ControlKind.REFUSE:
                refusable(holds, control)
            case ControlKind.LIMITS:
                return msgspec.structs.replace(control, details=_take_limits(state, params, risk[0], control))
            case ControlKind.SANCTIONS:
                held = hold_list(
                    compliance.name_lists, control.scope, control.mode, control.details, control.known_at
                )
                named = (held.digest, held.parties_digest)
                state.screened = {**(state.screened or {}), control.scope: named}
            case ControlKind.ACKNOWLEDGE | ControlKind.WAIVE:
                return msgspec.structs.replace(control, maker=_answer(risk[1], control))
            case ControlKind.STALE | ControlKind.FRESH:
                since = control.known_at if control.wanted is ControlKind.STALE else END
                if control.scope == VENUE:
                    state.venue_stale_at = since
                else:
                    state.stale_at = since
            case ControlKind.REFUSED:
                return msgspec.structs.replace(control, text=control.reason)
    except (ValueError, TypeError) as failure:
        return msgspec.structs.replace(control, kind=ControlKind.REFUSED, text=str(failure))
    return control


def _take_limits(
    state: ControlState, params: ComplianceParams, risk_limits: RiskLimits, control: Control
) -> str:
    """Let the tables of a command hold: those of orders, of risk, or both; raises ValueError, and neither holds.

    A `change` of one row is made in its table as it holds now. Return the tables as they are recorded, and repeated.
    """
    details = control.details
    given = json.loads(details) if details else {}
    if isinstance(given, dict) and "change" in given and given.keys().isdisjoint(("limits", "risk_limits")):
        made = _changed(state, params, risk_limits, given["change"], control.known_at)
        details = json.dumps({**made, **given}, default=str)
        given = json.loads(details)
    of_risk = isinstance(given, dict) and given.get("risk_limits") is not None
    if of_risk:
        with_risk_limits(RiskLimits(), details)
    if not of_risk or given.get("limits") is not None:
        with_limits(params, details)
        state.limits = details
    if of_risk:
        state.risk_limits = details
    return details


def _changed(
    state: ControlState, params: ComplianceParams, risk_limits: RiskLimits, change: Any, at: int
) -> dict[str, list[dict[str, Any]]]:
    """Return the table that a row is of, with a new version of it."""
    of_risk = with_risk_limits(risk_limits, state.risk_limits)
    if isinstance(change, dict) and is_risk_limit(of_risk, change.get("limit_id", "")):
        return {"risk_limits": plain_risk_rows(changed_risk_limits(of_risk, change))}
    table = changed_table(with_limits(params, state.limits).limits, change, at)
    return {"limits": [plain(row) for row in table.rows]}


def restates_limits(control: Control) -> bool:
    """Say whether all rows of orders' limits were written anew, in the units of now, and not one of them changed."""
    if control.kind is not ControlKind.LIMITS:
        return False
    given = json.loads(control.details or "{}")
    of_risk_alone = given.get("risk_limits") is not None and given.get("limits") is None
    return "change" not in given and not of_risk_alone


def _answer(watched: LimitWatch, control: Control) -> str:
    """Say who asked for the answer to a breach; raises ValueError for one that cannot be given."""
    if control.wanted is ControlKind.ACKNOWLEDGE:
        answerable(watched, control.scope, control.known_at)
        return ""
    given = json.loads(control.details)
    maker, until = (given.get("maker"), given.get("until")) if isinstance(given, dict) else (None, None)
    if not maker or type(until) is not int:
        raise ValueError("a waiver needs `maker` and `until` (ns UTC)")
    if maker == control.who:
        raise ValueError(f"maker and checker are two persons; {maker} was given for both")
    answerable(watched, control.scope, control.known_at, until)
    return str(maker)


def _known_to(rights: RightsTable, scope: str) -> None:
    """Raise ValueError, with the nearest names, for an account, trader or strategy that has no rights (PT-04).

    Its switch would stop nobody, and who mistyped a name would believe that it had.
    """
    kind, _, name = scope.partition(":")
    of_kind = {"account": rights.accounts, "trader": rights.traders, "strategy": rights.strategies}.get(kind)
    if of_kind is not None and name not in of_kind:
        near = difflib.get_close_matches(name, of_kind, 3) or sorted(of_kind)[:5]
        raise ValueError(f"no {kind} {name!r} has rights here; the nearest: {', '.join(near) or 'none'}")


def _kill(state: ControlState, compliance: ComplianceState, rights: RightsTable, control: Control) -> Control:
    """Set a kill switch at once; loosen or release one only when a second person wants the same.

    Raises ValueError for a scope or mode that is none, for a name that nobody has, where nothing is set, and where one
    person asks twice.
    """
    mode, scope = KillMode(control.mode), control.scope
    set_kill(ComplianceState(compliance.firm), scope, mode, control.known_at, control.reason)
    held, firmness = compliance.kills.get(scope), list(KillMode)
    if held is None:
        _known_to(rights, scope)
    if held is None and mode is KillMode.NONE:
        raise ValueError(
            f"no kill switch of {scope} is set; set are: {', '.join(compliance.kills) or 'none'}"
        )
    if held is None or firmness.index(mode) >= firmness.index(held.mode):
        state.releases.pop(scope, None)
        set_kill(compliance, scope, mode, control.known_at, control.reason)
        return control
    maker, asked = state.releases.get(scope, ("", ""))
    if asked != mode.value:
        state.releases[scope] = (control.who, mode.value)
        words = f"a second person has to ask for mode {mode.value} of {scope}, too"
        return msgspec.structs.replace(control, kind=ControlKind.ASKED, text=words)
    if maker == control.who:
        raise ValueError(f"maker and checker are two persons; {maker} has asked for this before")
    del state.releases[scope]
    set_kill(compliance, scope, mode, control.known_at, control.reason)
    return msgspec.structs.replace(control, kind=ControlKind.RELEASE, maker=maker)


def cancels(control: Control) -> bool:
    """Say whether the working orders of its scope are cancelled."""
    return control.kind is ControlKind.KILL and control.mode == KillMode.CANCEL_ALL.value


def is_of(order: Order, scope: str) -> bool:
    """Say whether an order is of a kill scope, `firm:NAME` being all of them."""
    kind, _, name = scope.partition(":")
    named = {
        "desk": order.desk,
        "trader": order.trader,
        "strategy": order.strategy,
        "account": order.account,
        "instrument": order.symbol,
        "venue": order.ex_destination,
    }
    return kind == "firm" or named.get(kind) == name


@lru_cache(maxsize=4)
def with_limits(params: ComplianceParams, details: str) -> ComplianceParams:
    """Return what the checks are judged by under other limits; raises ValueError for a table that is none."""
    if not details:
        return params
    rows = json.loads(details)
    if not isinstance(rows, dict) or not isinstance(rows.get("limits"), list):
        raise ValueError(
            "a limit table is a JSON object with `limits` and `defaults`, as limits.yaml has them"
        )
    table = limit_table(rows["limits"], rows.get("defaults") or {}, params.limits.firm)
    return params.replaced(limits=table)
