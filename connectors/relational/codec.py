"""Decision records as rows of the journal's tables, and back, with every Decimal exact."""

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import cache
from itertools import repeat
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from connectors.relational.models import CHECKS, TABLES, fields
from domain.decisions import Check, Verdict

RecordType = TypeVar("RecordType", bound=msgspec.Struct)
Row = tuple[Any, ...]
Column = Callable[[Iterable[Any]], Iterable[Any]]

RECORDS_AT_ONCE = 500
_PLAIN = frozenset({str, float, bool, type(None)})
"""What any database takes as it is; an `int | None` may be a named number of FIX."""
_CHECK = attrgetter(
    "check", "code", "outcome._value_", "measured", "limit", "scope", "text", "ord_rej_reason"
)


def rows_of(
    records: Iterable[msgspec.Struct], tables: Mapping[type[msgspec.Struct], str] = TABLES
) -> dict[str, list[Row]]:
    """Return the rows of each table that the records make, in order; a verdict makes one row for each check too.

    `tables` names the table of each record type; raises TypeError for a record that has none.
    """
    return {name: list(rows) for name, rows in streams_of(records, tables).items()}


def streams_of(
    records: Iterable[msgspec.Struct], tables: Mapping[type[msgspec.Struct], str] = TABLES
) -> dict[str, Iterator[Row]]:
    """Return the same rows, each made when it is asked for: a database works on those before it meanwhile."""
    by_kind: dict[type[msgspec.Struct], list[Any]] = {}
    for record in records:
        by_kind.setdefault(type(record), []).append(record)
    made: dict[str, Iterator[Row]] = {}
    for kind, many in by_kind.items():
        if kind not in tables:
            kept = ", ".join(known.__name__ for known in tables)
            raise TypeError(f"the journal keeps {kept}; {kind.__name__} was given")
        made[tables[kind]] = _rows(kind, many)
        if kind is Verdict:
            made[CHECKS] = _check_rows(many)
    return made


def _rows(kind: type[msgspec.Struct], records: Sequence[Any]) -> Iterator[Row]:
    """Yield the row of each record, converted some hundred at a time, column by column."""
    read, written = _reader(kind)
    for first in range(0, len(records), RECORDS_AT_ONCE):
        rows = map(read, records[first : first + RECORDS_AT_ONCE])
        if not written:
            yield from rows
            continue
        columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
        for place, plain in written:
            columns[place] = plain(columns[place])
        yield from zip(*columns, strict=True)


def _check_rows(verdicts: Sequence[Verdict]) -> Iterator[Row]:
    """Yield a row for each check; most rows of a journal are made here, so nothing is called that need not be."""
    for verdict in verdicts:
        name = verdict.record_id
        for place, check in enumerate(verdict.checks):
            measured, limit = check.measured, check.limit
            in_words, limit_in_words = isinstance(measured, str), isinstance(limit, str)
            yield (
                name,
                place,
                check.check,
                check.code,
                check.outcome._value_,
                None if in_words else measured,
                measured if in_words else None,
                None if limit_in_words else limit,
                limit if limit_in_words else None,
                check.scope,
                check.text,
                check.ord_rej_reason,
            )


@cache
def _reader(
    kind: type[msgspec.Struct],
) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[tuple[int, Column], ...]]:
    """Return what reads all fields of a record type, and what makes plain the columns that no database takes."""
    attributes: list[str] = []
    written: list[tuple[int, Column]] = []
    for place, (_, attribute, hint) in enumerate(fields(kind)):
        named = isinstance(hint, type) and issubclass(hint, Enum)
        attributes.append(f"{attribute}._value_" if named else attribute)
        if hint is Decimal:
            written.append((place, _exact))
        elif not named and hint is not int and not _PLAIN.issuperset(typing.get_args(hint) or (hint,)):
            written.append((place, _each_plain))
    return attrgetter(*attributes), tuple(written)


def _exact(column: Iterable[Decimal]) -> Iterable[str]:
    return map(format, column, repeat("f"))


def _each_plain(column: Iterable[Any]) -> Iterable[Any]:
    return map(_plain, column)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return " ".join(value)
    return value


@cache
def _may_be_none(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the columns that a record has to say, and may say None in."""
    required = {field.name for field in msgspec.structs.fields(kind) if field.required}
    return tuple(
        name
        for name, attribute, hint in fields(kind)
        if attribute in required and type(None) in typing.get_args(hint)
    )


def record_of(
    kind: type[RecordType], row: Mapping[str, Any], checks: Sequence[Mapping[str, Any]] = ()
) -> RecordType:
    """Return the record of a row, a verdict with its checks.

    Raises msgspec.ValidationError where the row is no record.
    """
    plain = {str(name): value for name, value in row.items() if value is not None}
    for name in _may_be_none(kind):
        plain.setdefault(name, None)
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
