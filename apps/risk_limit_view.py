"""Limits of risk as a person reads and changes them, beside those of orders (`limit_view.py`)."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analytics.risk_limit_rows import FOREVER, RiskLimit, RiskLimits
from apps.limit_view import told_last
from config.settings import read_settings, risk_limits
from domain.market import SECOND
from operators.risk_limit_table import FIELDS, risk_limit_table


def held_risk_limits(config: Path | None, out: Path | None, *, served: bool = False) -> RiskLimits:
    """Return the limits of risk of a configuration, or those that a run was told last, else those that it began with.

    Raises RunFolderError where the run began with another configuration than the one that is named.
    """
    settings = read_settings(config)
    told = told_last(out, config, settings, "risk_limits") if out is not None or served else None
    if told is None:
        return risk_limits(settings)
    return risk_limit_table(told["risk_limits"], told.get("defaults") or {})


def rows_of_risk(limits: RiskLimits) -> list[dict[str, Any]]:
    """Return the last version of each row, as plain values; instants as ISO text, open ends as None."""
    last: dict[Any, RiskLimit] = {}
    for row in limits.rows:
        key = (row.measure, row.scope_type, row.scope_id, row.temporary_until is None)
        if key not in last or last[key].version < row.version:
            last[key] = row
    return [_plain(row) for row in last.values()]


def risk_versions(limits: RiskLimits, limit_id: str | None) -> list[dict[str, Any]]:
    """Return every version of a row, or of all."""
    rows = [row for row in limits.rows if limit_id in (None, row.limit_id)]
    return [_plain(row) for row in sorted(rows, key=lambda row: (row.limit_id, row.version))]


def _plain(row: RiskLimit) -> dict[str, Any]:
    made = {name: getattr(row, name) for name in FIELDS}
    for name in ("valid_from", "valid_to", "temporary_until"):
        at = made[name]
        made[name] = None if at in (None, FOREVER) else datetime.fromtimestamp(at // SECOND, UTC).isoformat()
    return made
