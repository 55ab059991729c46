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

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import msgspec

from domain.controls import Command, Control, ControlKind
from domain.envelope import record_id
from domain.market import END
from domain.orders import Order
from operators.compliance_rules import ComplianceParams, KillMode
from operators.compliance_state import ComplianceState, set_kill
from operators.holds import HoldQueue, approval_of, override_of, refusable
from operators.limit_rows import limit_table


class Before(NamedTuple):
    """What a run before has left: controls that took effect, and until when (ns UTC) it has said what it decides."""

    controls: tuple[Control, ...] = ()
    until: int = 0


NOTHING_BEFORE = Before()


@dataclass
class ControlState:
    """`unplaced` commands came before the desk stood anywhere; `waiting` take effect at their `known_at`.

    `applied` are the names of those that have; `limits` holds now. `stale_at` is since when commands cannot be read (ns
    UTC), the greatest int64 while they can. `releases` are kill switches that one person wants looser, and how.
    """

    unplaced: list[Command] = field(default_factory=list)
    waiting: list[Control] = field(default_factory=list)
    applied: set[str] = field(default_factory=set)
    limits: str = ""
    stale_at: int = END
    sequence: int = 0
    releases: dict[str, tuple[str, str]] = field(default_factory=dict)

    def next_at(self) -> int:
        """Return when the next control takes effect (ns UTC)."""
        return self.waiting[0].known_at if self.waiting else END

    def limits_at(self, now_at: int) -> int:
        """Return up to which instant limits and kill switches are known (PT-02)."""
        return min(now_at, self.stale_at)


def recall(state: ControlState, recorded: Sequence[Control]) -> None:
    """Let what took effect in a run before take effect again, where it has not yet."""
    state.waiting += [control for control in recorded if not _known(state, control.command_id)]
    state.waiting.sort(key=lambda control: (control.known_at, control.sequence))


def take(state: ControlState, command: Command, now_at: int) -> None:
    """Let a command take effect at an instant (ns UTC), once; at 0 the desk stands nowhere yet, and it is kept."""
    if _known(state, command.command_id):
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


def place(state: ControlState, first_at: int) -> None:
    """Let what came before the first event of all take effect with it (ns UTC)."""
    unplaced, state.unplaced = state.unplaced, []
    for command in unplaced:
        take(state, command, first_at)


def _known(state: ControlState, command_id: str) -> bool:
    waiting = {control.command_id for control in state.waiting}
    return command_id in state.applied | waiting | {command.command_id for command in state.unplaced}


def carry_out(
    state: ControlState, compliance: ComplianceState, params: ComplianceParams, holds: HoldQueue
) -> Control:
    """Let the next control take effect; return its record, REFUSED where it cannot be.

    What waits is not moved here: `desk_holds.py` does that with the record.
    """
    control = state.waiting.pop(0)
    state.applied.add(control.command_id)
    state.sequence = max(state.sequence, control.sequence)
    try:
        match control.wanted:
            case ControlKind.KILL:
                return _kill(state, compliance, control)
            case ControlKind.APPROVE:
                approved = approval_of(holds, params, control)
                return msgspec.structs.replace(control, maker=approved.maker)
            case ControlKind.OVERRIDE:
                given = override_of(holds, params, control)
                return msgspec.structs.replace(control, maker=given.maker)
            case ControlKind.REFUSE:
                refusable(holds, control)
            case ControlKind.LIMITS:
                with_limits(params, control.details)
                state.limits = control.details
            case ControlKind.STALE:
                state.stale_at = control.known_at
            case ControlKind.FRESH:
                state.stale_at = END
            case ControlKind.REFUSED:
                return msgspec.structs.replace(control, text=control.reason)
    except (ValueError, TypeError) as failure:
        return msgspec.structs.replace(control, kind=ControlKind.REFUSED, text=str(failure))
    return control


def _kill(state: ControlState, compliance: ComplianceState, control: Control) -> Control:
    """Set a kill switch at once; loosen or release one only when a second person wants the same.

    Raises ValueError for a scope or mode that is none, where nothing is set, and where one person asks twice.
    """
    mode, scope = KillMode(control.mode), control.scope
    set_kill(ComplianceState(compliance.firm), scope, mode, control.known_at, control.reason)
    held, firmness = compliance.kills.get(scope), list(KillMode)
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
