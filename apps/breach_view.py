"""Breaches of limits of risk as a person reads them: where each stands, and who said what about it."""

from pathlib import Path
from typing import Any

from analytics.risk_limits import ANSWERERS, Level
from apps.hold_view import journal_of
from apps.local_time import stamp
from domain.decisions import Breach

ENDED = ("cured", "closed")
STEP = "RiskLimitUtilisation"
ASKS = ("RiskLimitBreached", "RiskLimitEscalated")


def breaches(out: Path | None, config: Path | None, *, every: bool = False) -> list[dict[str, Any]]:
    """Return the last word on each breach that is not over, or on every one, in the order in which they began."""
    last: dict[str, Breach] = {}
    asked: dict[str, Breach] = {}
    with journal_of(out, config) as journal:
        told = {control.record_id: control for control in journal.controls()}
        for row in journal.breaches():
            if row.event != STEP and row.cause != "pre-trade":
                last[row.breach_id] = row
                if row.event in ASKS:
                    asked[row.breach_id] = row
    rows = []
    for row in last.values():
        if row.state in ENDED and not every:
            continue
        control = told.get(row.control_id)
        rows.append(
            {
                "breach_id": row.breach_id,
                "state": row.state,
                "limit_id": row.limit_id,
                "version": row.limit_version,
                "scope": row.scope,
                "measure": row.measure,
                "measured": row.measured,
                "limit": row.limit,
                "level": row.remaining,
                "action": row.action,
                "since": stamp(row.first_seen_at),
                "at": stamp(row.known_at),
                **_answer_due(row, asked.get(row.breach_id)),
                "waived_until": stamp(row.waived_until) if row.waived_until else None,
                "who": None if control is None else control.who,
                "reason": None if control is None else control.reason,
                "drivers": list(row.drivers),
            }
        )
    return rows


def _answer_due(row: Breach, asked: Breach | None) -> dict[str, Any]:
    """Return who has to answer an open breach, and until when; nobody where it is answered or over."""
    if row.state != "open" or asked is None:
        return {"answer_by": None, "due_at": None}
    answerer = ANSWERERS[Level[asked.level.upper()]]
    due = stamp(asked.known_at + answerer.within) if answerer.within else None
    return {"answer_by": answerer.people, "due_at": due}


def full_breach(name: str, out: Path | None, config: Path | None) -> str:
    """Return the breach_id that the first characters of one name; raises ValueError where that is none, or several."""
    names = [str(row["breach_id"]) for row in breaches(out, config, every=True)]
    found = [each for each in names if each == name] or [each for each in names if each.startswith(name)]
    if len(found) != 1:
        known = ", ".join(names[-5:]) or "none"
        raise ValueError(f"{len(found)} breaches begin with {name!r}; the last ones: {known}")
    return found[0]
