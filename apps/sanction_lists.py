"""Lists of names for a desk: read from files whole or not at all, and shown as they hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.commands import list_command
from apps.hold_view import journal_of
from apps.local_time import stamp
from connectors.files.name_lists import read_lists
from domain.controls import Command, ControlKind
from domain.sanctions import Listed
from operators.party_screening import SCOPE, outcome_of, published

BAD_TOLD = 3


class DamagedList(RuntimeError):
    """A list has lines that say nothing, so that nobody knows whom it is about."""


def whole_list(paths: Sequence[Path]) -> tuple[Listed, ...]:
    """Return the names of files that are one list; raises NameFileError, and DamagedList for a line that is none."""
    listed: list[Listed] = []
    for path in paths:
        for part in read_lists(path):
            if part.bad:
                lines = "; ".join(f"line {bad.line}: {bad.reason}" for bad in part.bad[:BAD_TOLD])
                raise DamagedList(
                    f"{part.path} has {len(part.bad)} lines that are none of a list; nothing of it is loaded: {lines}"
                )
            listed += part.listed
    return tuple(listed)


def loading(
    paths: Sequence[Path],
    named: tuple[str | None, str],
    threshold: float,
    said: tuple[str | None, str],
    *,
    smaller: bool,
) -> Command:
    """Return the command that loads files as one list; `named` is (name, version), `said` (who, reason).

    A list without a name is called as its first row is. Raises ValueError, NameFileError and DamagedList.
    """
    listed = whole_list(paths)
    name, version = named
    details = published(listed, version, threshold)
    return list_command(name or listed[0].list_name, details, *said, smaller=smaller)


def shown(out: Path | None, config: Path | None) -> list[dict[str, Any]]:
    """Return each list that a desk was told of, the last version that holds first named so, and what was found."""
    rows: list[dict[str, Any]] = []
    held: dict[str, int] = {}
    with journal_of(out, config) as journal:
        for control in journal.controls():
            if control.wanted is not ControlKind.SANCTIONS:
                continue
            row: dict[str, Any] = {
                "list": control.scope.removeprefix(SCOPE),
                "since": stamp(control.known_at),
                "who": control.who,
                "reason": control.reason,
                "state": "holds",
            }
            if control.kind is ControlKind.REFUSED:
                row |= {"state": "refused", "text": control.text}
            else:
                made = outcome_of(control.details)
                row |= {
                    "version": made.version,
                    "names": made.names,
                    "digest": made.digest,
                    "parties": made.parties,
                }
                row["found"] = [
                    {name: getattr(each, name) for name in each.__struct_fields__} for each in made.found
                ]
                if control.scope in held:
                    rows[held[control.scope]]["state"] = "replaced"
                held[control.scope] = len(rows)
            rows.append(row)
    return rows
