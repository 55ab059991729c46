"""The log of the doors: who started the desk with what, and who read or changed what of the audit.

Commands of several people append to one log, `doors`, each holding its lock for a moment. The person who acts is
personal data and is sealed.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from connectors.audit.heads import TreeHead
from connectors.audit.keys import SigningKey
from connectors.audit.log import LOOK_SECONDS, WAIT_SECONDS, AuditBusy, AuditLog
from connectors.audit.personal import People, context_of
from domain.envelope import record_id

DOORS = "doors"
STREAM = "audit.doors"

_ENCODER = msgspec.json.Encoder(order="sorted")


class Doors:
    """Appends what the doors do to the log of an audit folder."""

    def __init__(self, folder: Path, people: People, key: SigningKey | None = None) -> None:
        self._folder, self._people, self._key = folder, people, key

    def record(
        self, event: str, who: str, payload: Mapping[str, Any], others: Mapping[str, str] | None = None
    ) -> TreeHead:
        """Append that somebody did something, with a head over it; raises AuditBusy where the log is held for long.

        `others` are further persons, by what they did; they are sealed as who did it is.
        """
        log = self._opened()
        try:
            at = time.time_ns()
            event_id = record_id(DOORS, event, at, log.size, log.last.hex())
            persons = {**(others or {}), "who": who}
            sealed = {**payload} | {
                field: self._people.seal(name, context_of(event_id, field)) for field, name in persons.items()
            }
            body = b'{"actor":%b,"event_id":"%b","event_time":%d,"payload":%b,"recv_time":%d,"stream":%b,' % (
                _ENCODER.encode(event_actor(event)), event_id.encode(), at, _ENCODER.encode(sealed), at,
                _ENCODER.encode(STREAM),
            )  # fmt: skip
            log.append(
                [body + b'"type":%b,"writer":"doors","writer_seq":' % _ENCODER.encode(event)], [event_id]
            )
            head = log.make_head()
            log.synchronise()
        finally:
            log.close()
        if head is None:
            raise RuntimeError("a log with a row has a head")
        return head

    def _opened(self) -> AuditLog:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                log = AuditLog(self._folder, DOORS, key=self._key)
            except AuditBusy:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_SECONDS)
            else:
                log.skip_to_end()
                return log


def event_actor(event: str) -> str:
    """Return what spoke in an event of the doors: the desk as it starts, or a command."""
    return "desk" if event.startswith("Desk") else "command"
