"""Limits as a person reads and changes them: the rows that hold, their versions, and a new version of one."""

import difflib
import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.hold_view import journal_of
from apps.local_time import stamp
from config.settings import read_settings
from domain.controls import ControlKind
from domain.market import SECOND
from operators.limit_rows import limit_table
from operators.limits import FAR_FUTURE, LimitTable


def held_table(config: Path | None, out: Path | None) -> LimitTable:
    """Return the limits of a configuration, or those that a run was told last."""
    settings = read_settings(config)
    given = {name: settings.limits.get(name) for name in ("limits", "defaults")}
    if out is not None:
        with journal_of(out, config) as journal:
            for control in journal.controls():
                if control.kind is ControlKind.LIMITS:
                    given = json.loads(control.details)
    return limit_table(given.get("limits") or (), given.get("defaults") or {})


def rows_of(table: LimitTable) -> list[dict[str, Any]]:
    """Return the last version of each row, as plain values; instants as ISO text, open ends as None."""
    last: dict[Any, Any] = {}
    for row in table.rows:
        key = (*row.key, row.temporary_until is None)
        if key not in last or last[key].version < row.version:
            last[key] = row
    return [_plain(row) for row in last.values()]


def versions(config: Path | None, out: Path | None, limit_id: str | None) -> list[dict[str, Any]]:
    """Return every version of a row, or of all; raises ValueError for one that there is none of."""
    table = held_table(config, out)
    if limit_id is not None:
        _named(table, limit_id)
    rows = [row for row in table.rows if limit_id in (None, row.limit_id)]
    return [_plain(row) for row in sorted(rows, key=lambda row: (row.limit_id, row.version))]


def told(out: Path, config: Path | None) -> list[dict[str, str]]:
    """Return when a run was told other limits, by whom and why, those that were refused as well."""
    with journal_of(out, config) as journal:
        return [
            {
                "at": stamp(control.known_at),
                "kind": str(control.kind),
                "who": control.who,
                "reason": control.reason,
                "text": control.text,
            }
            for control in journal.controls()
            if control.wanted is ControlKind.LIMITS
        ]


def changed(
    table: LimitTable,
    limit_id: str,
    bounds: tuple[str, str | None, str | None],
    persons: tuple[str | None, str],
    reason: str,
) -> LimitTable:
    """Return the table with a new version of a row: `bounds` are hard, soft, and until when it holds (ISO text).

    Raises ValueError where the row is not there, or does not make sense.
    """
    hard, soft, until = bounds
    who, checker = persons
    maker = who or getpass.getuser()
    if maker == checker:
        raise ValueError(f"maker and checker are two persons; {maker} was given for both")
    row = _named(table, limit_id)
    newest = max(each.version for each in table.rows if each.key == row.key)
    made = {name: getattr(row, name) for name in row.__struct_fields__} | {
        "hard": hard,
        "soft": soft
        if soft is not None
        else (None if row.soft is None else min(row.soft, row.soft.__class__(hard))),
        "version": newest + 1,
        "maker": maker,
        "checker": checker,
        "rationale": reason,
        "temporary_until": until,
    }
    rows = [{name: getattr(each, name) for name in each.__struct_fields__} for each in table.rows]
    return limit_table([*rows, made], firm=table.firm)


def _named(table: LimitTable, limit_id: str) -> Any:
    found = [row for row in table.rows if row.limit_id == limit_id and row.temporary_until is None]
    if not found:
        names = sorted({row.limit_id for row in table.rows})
        near = difflib.get_close_matches(limit_id, names, 3) or names[:5]
        raise ValueError(f"no limit {limit_id!r}; the nearest: {', '.join(near)}")
    return max(found, key=lambda row: row.version)


def _plain(row: Any) -> dict[str, Any]:
    made = {name: getattr(row, name) for name in row.__struct_fields__}
    for name in ("valid_from", "valid_to", "temporary_until"):
        at = made[name]
        made[name] = (
            None if at in (None, FAR_FUTURE) else datetime.fromtimestamp(at // SECOND, UTC).isoformat()
        )
    for name in ("hard", "soft"):
        made[name] = None if made[name] is None else format(made[name], "f")
    return made
