"""Limits as they are written down: plain rows, as YAML gives them, made into a `LimitTable` or refused."""

import difflib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from domain.market import SECOND
from operators.limits import ACTIONS, MEASURES, WINDOW_SECONDS, Limit, LimitError, LimitTable, Measure


def limit_table(
    rows: Iterable[Mapping[str, Any]], defaults: Mapping[str, Any] | None = None, firm: str = "firm"
) -> LimitTable:
    """Return the table made of plain rows, as YAML gives them; `defaults` fill what a row leaves out.

    Numbers may be int, float, Decimal or text; instants ns UTC, dates, aware datetimes or their ISO text.
    Raises LimitError with the row, what was given, and what is allowed.
    """
    return LimitTable([_limit({**(defaults or {}), **row}) for row in rows], firm)


def _limit(row: Mapping[str, Any]) -> Limit:
    name = str(row.get("limit_id", "without limit_id"))
    measure = _measure(name, row)
    values = {field: value for field, value in row.items() if value is not None}
    for field, value in values.items():
        if field in ("hard", "soft"):
            values[field] = _number(name, field, value, measure.whole)
        elif field in ("version", "window_seconds", "action"):
            if type(value) is not int:
                raise LimitError(f"limit {name}: {field} is a whole number; {value!r} was given")
        elif field in ("valid_from", "valid_to", "temporary_until"):
            values[field] = instant(f"limit {name}: {field}", value)
        else:
            values[field] = str(value)
    limit = Limit(**values)
    _refuse_nonsense(limit, measure)
    return limit


def _measure(name: str, row: Mapping[str, Any]) -> Measure:
    """Return the measure of a row that has the fields it needs and no others."""
    for field in row:
        if field not in Limit.__struct_fields__:
            nearest = _nearest(str(field), Limit.__struct_fields__)
            raise LimitError(f"limit {name}: unknown field {field!r}; {nearest}")
    for field in ("limit_id", "measure", "scope_type", "scope_id", "hard", "unit", "rationale"):
        if row.get(field) in (None, ""):
            raise LimitError(f"limit {name}: {field} is needed; it was left out")
    measure = MEASURES.get(str(row["measure"]))
    if measure is None:
        nearest = _nearest(str(row["measure"]), MEASURES)
        raise LimitError(f"limit {name}: unknown measure {row['measure']!r}; {nearest}")
    return measure


def _refuse_nonsense(limit: Limit, measure: Measure) -> None:
    """Raise LimitError where the fields of a row do not make sense together."""
    windows = WINDOW_SECONDS if measure.windowed else (0,)
    allowed = " ".join(measure.scopes)
    wrong = (
        (
            limit.scope_type not in measure.scopes,
            f"scope_type of {measure.name} is one of {allowed}",
            limit.scope_type,
        ),
        (limit.unit != measure.unit, f"unit of {measure.name} is {measure.unit}", limit.unit),
        (
            limit.window_seconds not in windows,
            f"window_seconds of {measure.name} is one of {windows}",
            limit.window_seconds,
        ),
        (measure.soft and limit.soft is None, f"{measure.name} needs soft beside hard", "none"),
        (
            limit.soft is not None and limit.soft > limit.hard,
            f"soft is at most hard, {limit.hard}",
            limit.soft,
        ),
        (limit.action not in ACTIONS, f"action is one of {ACTIONS} (RiskLimitAction 1767)", limit.action),
        (limit.version < 1, "version is at least 1", limit.version),
        (limit.ends_at <= limit.valid_from, "a row ends after valid_from", limit.ends_at),
        (
            bool(limit.maker) and limit.maker == limit.checker,
            "maker and checker are two persons",
            limit.maker,
        ),
    )
    for failed, rule, given in wrong:
        if failed:
            raise LimitError(f"limit {limit.limit_id}: {rule}; {given!r} was given")


def _number(name: str, field: str, given: Any, whole: bool) -> Decimal:
    """Return an amount as an exact number of at least 0."""
    fits = isinstance(given, (int, float, Decimal, str)) and not isinstance(given, bool)
    try:
        number = Decimal(str(given)) if fits else Decimal("NaN")
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0 or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        raise LimitError(f"limit {name}: {field} is {kind} of at least 0; {given!r} was given")
    return number


def instant(what: str, given: Any) -> int:
    """Return ns UTC from ns, a date, an aware datetime, or ISO text of either; raises LimitError."""
    try:
        if isinstance(given, int) and not isinstance(given, bool):
            return given
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        if isinstance(given, str) and len(given) == len("2026-01-01"):
            moment = date.fromisoformat(given)
        if isinstance(moment, date) and not isinstance(moment, datetime):
            moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            whole = int(moment.replace(microsecond=0).timestamp())
            return whole * SECOND + moment.microsecond * 1_000
    except ValueError:
        pass
    raise LimitError(f"{what} is a date or an instant with its zone; {given!r} was given")


def _nearest(given: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(given, names, 1)
    return f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(names)}"
