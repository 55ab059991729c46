"""The audit of a run at a glance: is what was decided as it was written, and under which head does it stand?"""

from apps.audit import trusted_keys
from apps.explanation import AuditSeen
from apps.kept_run import KeptRun
from config.audit import read_audit
from connectors.audit.disposals import gone_from
from connectors.audit.reader import rows_of
from connectors.audit.verification import verify
from flows.stages import AUDIT


def audit_seen(run: KeptRun, order: str = "") -> AuditSeen | None:
    """Return how the audit of a run stands, None for a run that has none; `order` is a ClOrdID that it may tell of."""
    if not (run.audit / AUDIT).is_dir():
        return None
    keys, _ = trusted_keys(read_audit(), ())
    checked = verify(run.audit, AUDIT, keys, gone=gone_from(run.audit, AUDIT))
    if checked.findings:
        first = checked.findings[0]
        return AuditSeen(rows=checked.rows, root="", signed=False, wrong=f"{first.wrong}: {first.words}")
    named = f'"{order}"'.encode()
    told = (each.number for each in rows_of(run.audit, AUDIT) if named in each.row.entry) if order else ()
    signed = 0 < checked.heads == checked.signed_heads
    return AuditSeen(rows=checked.rows, root=checked.root, signed=signed, records=tuple(told))
