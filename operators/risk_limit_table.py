"""Limits of risk as they are written down: plain rows, as YAML and commands give them, made into limits or refused."""

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from analytics.risk_limit_rows import RISK_MEASURES, RiskLimit, RiskLimits
from operators.limit_rows import instant, whole_change

FIELDS = RiskLimit.__struct_fields__


def risk_limit_table(rows: Iterable[Mapping[str, Any]], defaults: Mapping[str, Any]) -> RiskLimits:
    """Return the limits made of plain rows; `defaults` fill what a row leaves out.

    Instants are ns UTC, dates, aware datetimes or their ISO text. Raises ValueError with the row.
    """
    known = {name: value for name, value in defaults.items() if name in FIELDS}
    return RiskLimits(_limit({**known, **row}) for row in rows)


@lru_cache(maxsize=4)
def with_risk_limits(limits: RiskLimits, details: str) -> RiskLimits:
    """Return the limits of risk of a command, those given where it has none; raises ValueError for wrong rows."""
    if not details:
        return limits
    given = json.loads(details)
    rows = given.get("risk_limits") if isinstance(given, dict) else None
    if not isinstance(rows, list):
        raise ValueError(
            "limits of risk are a JSON object with `risk_limits` and `defaults`, as limits.yaml has them"
        )
    return risk_limit_table(rows, given.get("defaults") or {})


def is_risk_limit(limits: RiskLimits, limit_id: str) -> bool:
    """Say whether a row of that name is there."""
    return any(row.limit_id == limit_id for row in limits.rows)


def plain_risk_rows(limits: RiskLimits) -> list[dict[str, Any]]:
    """Return the rows as `risk_limit_table` reads them."""
    return [{name: getattr(row, name) for name in FIELDS} for row in limits.rows]


def changed_risk_limits(limits: RiskLimits, change: Mapping[str, Any]) -> RiskLimits:
    """Return the limits with a new version of a row; no other row is touched.

    `change` is as of `limit_rows.changed_table`. Without a soft bound the row keeps its own, no milder than hard.
    Raises ValueError where the row is not there, maker and checker are one, or the new row does not make sense.
    """
    whole_change(change)
    name, maker, checker = change["limit_id"], change["maker"], change["checker"]
    if maker == checker:
        raise ValueError(f"maker and checker are two persons; {maker} was given for both")
    standing = [row for row in limits.rows if row.limit_id == name and row.temporary_until is None]
    if not standing:
        near = difflib.get_close_matches(name, sorted({row.limit_id for row in limits.rows}), 3)
        raise ValueError(f"no limit of risk {name!r}; the nearest: {', '.join(near)}")
    row = max(standing, key=lambda each: each.version)
    hard = _number("hard", change["hard"])
    soft = None if change["soft"] is None else _number("soft", change["soft"])
    if soft is None and row.soft is not None:
        soft = max(row.soft, hard) if RISK_MEASURES[row.measure].low_is_bad else min(row.soft, hard)
    made = {field: getattr(row, field) for field in FIELDS} | {
        "hard": hard,
        "soft": soft,
        "version": max(each.version for each in limits.rows if _key(each) == _key(row)) + 1,
        "maker": maker,
        "checker": checker,
        "rationale": change["rationale"],
        "temporary_until": change["until"],
    }
    return risk_limit_table([*plain_risk_rows(limits), made], {})


def _key(row: RiskLimit) -> tuple[str, str, str]:
    return row.measure, row.scope_type, row.scope_id


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} is a finite number; {text!r} was given")
    return number


def _limit(row: dict[str, Any]) -> RiskLimit:
    name, values = row.get("limit_id", "without limit_id"), dict(row)
    for field in ("valid_from", "valid_to", "temporary_until"):
        if values.get(field) is not None:
            values[field] = instant(f"risk limit {name}: {field}", values[field])
    unknown = sorted(set(values) - set(FIELDS))
    if unknown:
        allowed = ", ".join(FIELDS)
        raise ValueError(f"risk limit {name}: unknown field {unknown[0]!r}; allowed: {allowed}")
    try:
        return msgspec.convert(values, RiskLimit)
    except msgspec.ValidationError as error:
        raise ValueError(f"{error} (risk limit {name})") from error
