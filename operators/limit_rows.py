"""Limits as they are written down: plain rows, as YAML gives them, made into a `LimitTable` or refused."""

import difflib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from domain.market import SECOND
from operators.limits import ACTIONS, MEASURES, WINDOW_SECONDS, Limit, LimitError, LimitTable, Measure

CHANGE_FIELDS = ("limit_id", "hard", "soft", "until", "maker", "checker", "rationale")
NUMBER_MAX = Decimal("1E18")


def limit_table(
    rows: Iterable[Mapping[str, Any]], defaults: Mapping[str, Any] | None = None, firm: str = "firm"
) -> LimitTable:
    """Return the table made of plain rows, as YAML gives them; `defaults` fill what a row leaves out.

    Numbers may be int, float, Decimal or text; instants ns UTC, dates, aware datetimes or their ISO text.
    Raises LimitError with the row, what was given, and what is allowed.
    """
    return LimitTable([_limit({**(defaults or {}), **row}) for row in rows], firm)


def changed_table(table: LimitTable, change: Mapping[str, Any], at: int) -> LimitTable:
    """Return the table with one more version of a row, valid from `at` (ns UTC); no other row is touched.

    `change` has limit_id, hard, soft (None: as it was, and at most `hard`), until (None: for good, else an instant as
    rows have them), maker, checker and rationale. Raises LimitError where there is no such row, where a person is
    missing or is both, or where the row would not make sense.
    """
    whole_change(change)
    name, maker, checker = (
        str(change["limit_id"]),
        str(change["maker"]).strip(),
        str(change["checker"]).strip(),
    )
    if not maker or not checker or maker == checker:
        raise LimitError(f"maker and checker are two persons; {maker!r} and {checker!r} were given")
    standing = named(table, name)
    hard = number(name, "hard", change["hard"], MEASURES[standing.measure].whole)
    soft = change["soft"]
    if soft is None:
        soft = None if standing.soft is None else min(standing.soft, hard)
    made = plain(standing) | {
        "hard": hard,
        "soft": soft,
        "version": max(row.version for row in table.rows if row.key == standing.key) + 1,
        "valid_from": at,
        "maker": maker,
        "checker": checker,
        "rationale": change["rationale"],
        "temporary_until": change["until"],
    }
    return limit_table([*map(plain, table.rows), made], firm=table.firm)


def whole_change(change: Mapping[str, Any]) -> None:
    """Refuse a change that has other fields than one has; raises LimitError."""
    if set(change) != set(CHANGE_FIELDS):
        raise LimitError(f"a change of a limit has {', '.join(CHANGE_FIELDS)}; {change!r} was given")


def named(table: LimitTable, limit_id: str) -> Limit:
    """Return the newest standing version of a row; raises LimitError, with the nearest names, where there is none."""
    found = [row for row in table.rows if row.limit_id == limit_id and row.temporary_until is None]
    if not found:
        names = sorted({row.limit_id for row in table.rows})
        near = difflib.get_close_matches(limit_id, names, 3) or names[:5]
        raise LimitError(f"no limit {limit_id!r}; the nearest: {', '.join(near)}")
    return max(found, key=lambda row: row.version)


def plain(row: Limit) -> dict[str, Any]:
    """Return a row as `limit_table` reads it."""
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _limit(row: Mapping[str, Any]) -> Limit:
    name = str(row.get("limit_id", "without limit_id"))
    measure = _measure(name, row)
    values = {field: value for field, value in row.items() if value is not None}
    for field, value in values.items():
        if field in ("hard", "soft"):
            values[field] = number(name, field, value, measure.whole)
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


def number(name: str, field: str, given: Any, whole: bool = False) -> Decimal:
    """Return an amount as an exact number of at least 0, and of at most 1E18; raises LimitError."""
    fits = isinstance(given, (int, float, Decimal, str)) and not isinstance(given, bool)
    try:
        amount = Decimal(str(given)) if fits else Decimal("NaN")
    except ArithmeticError:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or (whole and amount != int(amount)):
        kind = "a whole number" if whole else "a number"
        raise LimitError(f"limit {name}: {field} is {kind} of at least 0; {given!r} was given")
    if amount > NUMBER_MAX:
        raise LimitError(f"limit {name}: {field} is at most {NUMBER_MAX:E}; {given!r} was given")
    return amount


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
