"""The audit log holds every record once: what comes again after a restart is compared with the rows that are there.

An item is `(writer, [(topic, record), ...])` in the order of the business, or `(writer, END_OF_AUDIT)`. Rows are on
their way to the disk when `write_batch` returns, and on it when a snapshot names them. A restart goes on from the
snapshot: records that come again and are in the log are compared with it and left out, in whatever batches they come;
one that says another thing than before stops the flow. This needs records to come again in the same order.

    sink = AuditSink(folder, "decisions", EntryCodec("decisions", people), key=key)
    op.output("to_audit", op.flat_map("audit_entries", decided, audit_entries), sink)
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.audit.entries import EntryCodec
from connectors.audit.heads import TreeHead
from connectors.audit.keys import SigningKey
from connectors.audit.log import BY_DEFAULT, AuditLog, LogState, Schedule
from connectors.endings import kept
from domain.envelope import Record


class EndOfAudit(NamedTuple):
    """No more will come of this writer."""

    ended: bool = True


END_OF_AUDIT = EndOfAudit()

AuditItem = list[tuple[str, Record]] | EndOfAudit


class Begun(NamedTuple):
    """Where a writer goes on: how many rows there are, and the hash of the last in hexadecimal."""

    rows: int
    last_hash: str


class Told(Protocol):
    """Is told of heads, and answers at once; it ends with the writer."""

    def __call__(self, head: TreeHead) -> None:
        """Take note of a head."""
        ...

    def close(self) -> None:
        """End."""
        ...


class AuditSink(FixedPartitionedSink[AuditItem, LogState]):
    """Writes the log of one writer below an audit folder; heads are signed by `key`, and `told` hears of them.

    `begun` is called each time that the writer begins, before it writes.
    """

    def __init__(
        self,
        folder: Path,
        writer: str,
        codec: EntryCodec,
        *,
        key: SigningKey | None = None,
        schedule: Schedule = BY_DEFAULT,
        told: Told | None = None,
        begun: Callable[[Begun], None] | None = None,
    ) -> None:
        self._folder, self._writer, self._codec = folder, writer, codec
        self._key, self._schedule, self._told, self._begun = key, schedule, told, begun

    def list_parts(self) -> list[str]:
        """Return the one writer."""
        return [self._writer]

    def part_fn(self, item_key: str) -> int:
        """Return the one writer's place."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: LogState | None) -> "AuditPartition":
        """Return the writer; raises AuditBusy, AuditDamaged."""
        log = AuditLog(self._folder, for_part, resume_state, key=self._key, schedule=self._schedule)
        if self._begun is not None:
            self._begun(Begun(log.size, log.last.hex()))
        return AuditPartition(log, self._codec, self._told)


class AuditPartition(StatefulSinkPartition[AuditItem, LogState]):
    """Writes records to a log; works without a dataflow too."""

    def __init__(self, log: AuditLog, codec: EntryCodec, told: Told | None = None) -> None:
        self._log, self._codec, self._told = log, codec, told
        self._said = 0

    def write_batch(self, values: list[AuditItem]) -> None:
        """Append what the log does not hold yet; raises AuditDiverged."""
        for value in values:
            if isinstance(value, EndOfAudit):
                self._log.make_head()
            else:
                self._log.append(self._codec.bodies(value), [record.record_id for _, record in value])
        self._tell()

    def _tell(self) -> None:
        head = self._log.head
        if self._told is not None and head is not None and head.tree_size > self._said:
            self._said = head.tree_size
            self._told(head)

    def snapshot(self) -> LogState:
        """Return where the log stands."""
        self._log.head_when_due()
        self._tell()
        return self._log.state()

    def close(self) -> None:
        """Let the log go, with a head over all of it."""
        with kept():
            self._log.make_head()
            self._log.synchronise()
            self._tell()
        self._log.close()
        if self._told is not None:
            self._told.close()
