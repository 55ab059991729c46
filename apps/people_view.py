"""What people did in a run, and what came of it: limits, holds, overrides, kill switches, as its journal has them."""

import json
from typing import NamedTuple

from apps.kept_run import KeptRun
from apps.local_time import stamp
from connectors.sqlite.journal import Journal
from domain.controls import Control, ControlKind
from domain.orders import OrdStatus

OF_INTENTS = (ControlKind.APPROVE, ControlKind.REFUSE, ControlKind.OVERRIDE)


class Deed(NamedTuple):
    """A command as people read it: when (New York), who, what, why, and what came of it."""

    when: str
    who: str
    what: str
    why: str
    outcome: str
    carried_out: bool


def deeds(run: KeptRun) -> list[Deed]:
    """Return what people did, in order; nothing where the run has no journal."""
    if not run.journal.exists():
        return []
    with Journal(run.journal) as journal:
        return [_deed(journal, control) for control in journal.controls()]


def _deed(journal: Journal, control: Control) -> Deed:
    who = f"{control.who}, after {control.maker}" if control.maker else control.who
    carried_out = control.kind is not ControlKind.REFUSED
    outcome = _outcome(journal, control) if carried_out else f"refused: {control.text}"
    return Deed(stamp(control.known_at), who, _what(journal, control), control.reason, outcome, carried_out)


def _what(journal: Journal, control: Control) -> str:
    if control.wanted in OF_INTENTS:
        check = f"{control.mode} " if control.mode else ""
        return f"{control.wanted} {check}{_asked(journal, control.scope)}"
    if control.wanted is ControlKind.KILL:
        return f"kill switch of {control.scope}: {control.mode}"
    if control.wanted is ControlKind.LIMITS:
        return f"limits: {len(json.loads(control.details).get('limits', ()))} rows"
    return f"{control.wanted} {control.scope}"


def _asked(journal: Journal, cl_ord_id: str) -> str:
    intent = journal.intent(cl_ord_id)
    if intent is None:
        return cl_ord_id
    side = intent.side.name.lower().replace("_", " ")
    return f"{intent.strategy} {side} {intent.order_qty:,} {intent.symbol} at {intent.price}"


def _outcome(journal: Journal, control: Control) -> str:
    """Return what a command that was carried out led to."""
    if control.kind is ControlKind.ASKED:
        return control.text
    if control.wanted not in OF_INTENTS:
        return "in force"
    verdict = journal.verdict(control.scope)
    if verdict is None:
        return "no verdict"
    reports = journal.executions(control.scope)
    if not reports:
        return str(verdict.kind)
    last = reports[-1]
    status = OrdStatus(last.ord_status).name.lower().replace("_", " ")
    return f"{verdict.kind}; {status}, {last.cum_qty:,} at {last.avg_px:.4f}"
