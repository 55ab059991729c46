"""Controls as the audit log has them: what a desk has written there holds, also where its topics do not say it yet."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from connectors.audit.entries import Personal
from connectors.audit.personal import People, Sealed, context_of
from connectors.audit.reader import rows_of
from domain.controls import Control

CONTROLS = "risk.controls"


class SaidInAudit(NamedTuple):
    """The controls of a log, and until when (ns UTC) it says what was decided; 0 where it says nothing."""

    controls: tuple[Control, ...]
    until: int


def said_in_audit(folder: Path, writer: str, people: People, personal: Personal) -> SaidInAudit:
    """Return what a writer's log says; raises AuditDamaged for a row that cannot be read."""
    named = b'"stream":"%b"' % CONTROLS.encode()
    controls: list[Control] = []
    last = b""
    for _, _, row in rows_of(folder, writer):
        last = row.entry
        if named in last:
            payload = msgspec.json.decode(last)["payload"]
            controls.append(msgspec.convert(opened(payload, people, personal.get(CONTROLS, ())), Control))
    if not last:
        return SaidInAudit((), 0)
    return SaidInAudit(tuple(controls), int(msgspec.json.decode(last)["payload"]["known_at"]) + 1)


def opened(payload: dict[str, Any], people: People, fields: tuple[str, ...]) -> dict[str, Any]:
    """Return a record with the names of its persons, `(erased)` where there is no key any more."""
    sealed = {name: payload[name] for name in fields if isinstance(payload.get(name), dict)}
    names = {
        name: people.opened(msgspec.convert(value, Sealed), context_of(payload["record_id"], name))
        for name, value in sealed.items()
    }
    return {**payload, **names}
