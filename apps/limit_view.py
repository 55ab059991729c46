"""Limits as a person reads and changes them: the rows that hold, their versions, and a new version of one."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.hold_view import journal_of
from apps.kept_run import KeptRun
from apps.local_time import stamp
from apps.run_folder import RunFolderError
from config.settings import Settings, read_settings
from domain.controls import ControlKind
from domain.market import SECOND
from operators.limit_rows import limit_table, named, plain
from operators.limits import FAR_FUTURE, LimitTable


def held_table(config: Path | None, out: Path | None, *, served: bool = False) -> LimitTable:
    """Return the limits of a configuration, or those that a run was told last, else those that it began with.

    Of the `served` desk they are those that its journal knows of.

    Raises RunFolderError where the run began with another configuration than the one that is named.
    """
    settings = read_settings(config)
    given = {name: settings.limits.get(name) for name in ("limits", "defaults")}
    if out is not None or served:
        given = told_last(out, config, settings, "limits") or given
    return limit_table(given.get("limits") or (), given.get("defaults") or {})


def told_last(out: Path | None, config: Path | None, settings: Settings, table: str) -> dict[str, Any] | None:
    """Return what a run was told last with a table, `limits` or `risk_limits`; None where it goes by its configuration.

    Without a folder it is the served desk, of which is known what it was told and not what it began with.
    Raises RunFolderError where a run does, and began with another one than these settings.
    """
    last = None
    with journal_of(out, config) as journal:
        for control in journal.controls():
            if control.kind is ControlKind.LIMITS:
                given = json.loads(control.details)
                last = given if given.get(table) is not None else last
    if out is None:
        return last
    began_with = KeptRun(out).manifest.get("configuration")
    if last is None and began_with != settings.digest:
        raise RunFolderError(
            f"the run in {out} began with another configuration ({began_with}; this one is {settings.digest}); "
            "give it with --config"
        )
    return last


def whose(config: Path | None, out: Path | None, *, served: bool = False) -> str:
    """Say of what the limits are that are shown."""
    if out is not None:
        return f"limits that hold in the run in {out}"
    if served:
        return "limits that hold in the served desk: what it was told last, else the configuration"
    folder = "the project" if config is None else config
    return (
        f"limits of the configuration of {folder}; what a desk was told since is not among them: "
        "--served shows what holds in the served desk, --out RUN in a run"
    )


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
        named(table, limit_id)
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


def _plain(row: Any) -> dict[str, Any]:
    made = plain(row)
    for name in ("valid_from", "valid_to", "temporary_until"):
        at = made[name]
        made[name] = (
            None if at in (None, FAR_FUTURE) else datetime.fromtimestamp(at // SECOND, UTC).isoformat()
        )
    for name in ("hard", "soft"):
        made[name] = None if made[name] is None else format(made[name], "f")
    return made
