"""Decision records as rows of the journal's tables, and back, with every Decimal exact."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from connectors.relational.models import CHECKS, TABLES, fields
from domain.decisions import Check, Verdict

RecordType = TypeVar("RecordType", bound=msgspec.Struct)
Row = tuple[Any, ...]


def rows_of(
    records: Iterable[msgspec.Struct], tables: Mapping[type[msgspec.Struct], str] = TABLES
) -> dict[str, list[Row]]:
    """Return the rows of each table that the records make, in order; a verdict makes one row for each check too.

    `tables` names the table of each record type; raises TypeError for a record that has none.
    """
    made: dict[str, list[Row]] = {}
    for record in records:
        kind = type(record)
        if kind not in tables:
            kept = ", ".join(known.__name__ for known in tables)
            raise TypeError(f"the journal keeps {kept}; {kind.__name__} was given")
        read, written = _reader(kind)
        values = list(read(record))
        for place in written:
            values[place] = _plain(values[place])
        made.setdefault(tables[kind], []).append(tuple(values))
        if isinstance(record, Verdict):
            made.setdefault(CHECKS, []).extend(_check_rows(record))
    return made


def _check_rows(verdict: Verdict) -> list[Row]:
    return [
        (
            verdict.record_id,
            place,
            check.check,
            check.code,
            check.outcome.value,
            *_number_or_text(check.measured),
            *_number_or_text(check.limit),
            check.scope,
            check.text,
            check.ord_rej_reason,
        )
        for place, check in enumerate(verdict.checks)
    ]


def _number_or_text(value: float | str | None) -> tuple[float | None, str | None]:
    return (None, value) if isinstance(value, str) else (value, None)


@cache
def _reader(kind: type[msgspec.Struct]) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[int, ...]]:
    """Return what reads all fields of a record type, and the places of those that no database takes as they are."""
    named = fields(kind)
    written = tuple(place for place, (_, _, hint) in enumerate(named) if hint not in (str, int, float, bool))
    return attrgetter(*(attribute for _, attribute, _ in named)), written


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return " ".join(value)
    return value


def record_of(
    kind: type[RecordType], row: Mapping[str, Any], checks: Sequence[Mapping[str, Any]] = ()
) -> RecordType:
    """Return the record of a row, a verdict with its checks.

    Raises msgspec.ValidationError where the row is no record.
    """
    plain = {str(name): value for name, value in row.items() if value is not None}
    if kind is Verdict:
        plain["codes"] = plain["codes"].split()
        plain[CHECKS] = [_check_of(check) for check in checks]
    return msgspec.convert(plain, kind)


def _check_of(row: Mapping[str, Any]) -> dict[str, Any]:
    made = {name: row[name] for name, _, _ in fields(Check) if name in row}
    for name in ("measured", "limit"):
        number, text = row[f"{name}_number"], row[f"{name}_text"]
        made[name] = number if text is None else text
    return made
