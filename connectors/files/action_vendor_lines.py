"""Corporate actions from Databento's reference data: lines of JSON, of events or of adjustment factors.

A line about an event that was told before replaces what was told; one that says that it is cancelled or deleted takes
it back. The fields are those of databento.com/docs/schemas (corporate-actions, adjustment-factors).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from domain.corporate_actions import ActionKind, CorporateAction

SPLITS = frozenset({"FSPLT", "RSPLT"})
DIVIDEND = "DIV"
TAKEN_BACK = frozenset({"C", "D"})
Instants = Callable[[str], int]


def vendor_actions(lines: Sequence[str], instant_of: Instants) -> list[tuple[int, CorporateAction]]:
    """Return the actions of lines, each with the number of its line (from 1); `instant_of` reads dates and times.

    Raises ValueError, with the line, where one is no event that is known here.
    """
    found: list[tuple[int, CorporateAction]] = []
    last: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line, type=dict[str, Any])
            name = _name(row)
            action = _action(row, f"{name}#{number}", last.get(name, ""), instant_of)
        except (ValueError, TypeError, ZeroDivisionError, msgspec.MsgspecError) as error:
            raise ValueError(f"line {number}: {error}") from error
        if action is not None:
            last[name] = action.action_id
            found.append((number, action))
    return found


def _name(row: Mapping[str, Any]) -> str:
    """Return what names an event over all its listings and versions."""
    return "-".join(
        str(row.get(each) or "") for each in ("event_id", "security_id", "option_id", "serial_id")
    )


def _action(
    row: Mapping[str, Any], action_id: str, corrects: str, instant_of: Instants
) -> CorporateAction | None:
    event = row.get("event") or row.get("event_type") or ""
    told = row.get("ts_record") or row.get("ts_created")
    if not (event and told and row.get("ex_date")):
        raise ValueError("an event has event, ex_date and ts_record or ts_created; one of them is missing")
    factors = "factor" in row
    back = row.get("status") != "A" if factors else row.get("event_action") in TAKEN_BACK
    if back and not corrects:
        return None
    kind, amount, ratio = (ActionKind.CANCEL, 0.0, 1.0) if back else _terms(row, event)
    return CorporateAction(
        kind=kind,
        ex_on=instant_of(row["ex_date"]) // 86_400_000_000_000,
        amount=amount,
        ratio=ratio,
        known_at=instant_of(told),
        instrument=row.get("nasdaq_symbol") or row.get("symbol") or row.get("local_code") or "",
        action_id=action_id,
        corrects=corrects,
    )


def _terms(row: Mapping[str, Any], event: str) -> tuple[ActionKind, float, float]:
    """Return kind, amount and ratio of an event."""
    if "factor" in row:
        factor = float(row["factor"])
        if event in SPLITS:
            return ActionKind.SPLIT, 0.0, 1.0 / factor
        kind = ActionKind.CASH_DIVIDEND if event == DIVIDEND else ActionKind.SPECIAL_DIVIDEND
        return kind, float(row["close"]) * (1.0 - factor), 1.0
    if event in SPLITS:
        return ActionKind.SPLIT, 0.0, float(row["ratio_new"]) / float(row["ratio_old"])
    paid = row.get("gross_dividend") or (row.get("rate_info") or {}).get("gross_dividend")
    if event == DIVIDEND and paid:
        return ActionKind.CASH_DIVIDEND, float(paid), 1.0
    raise ValueError(
        f"an event is one of {', '.join(sorted(SPLITS))}, or {DIVIDEND} with gross_dividend; {event} was given; "
        "the file of adjustment factors has all events that change prices"
    )
