"""What is held, as the journal of a run or of the served desk has it."""

from pathlib import Path
from typing import Any

from apps.kept_run import KeptRun
from apps.local_time import stamp
from config.servers import read_servers
from connectors.postgres.journal import PostgresJournal
from connectors.relational.journal import JournalReader
from connectors.sqlite.journal import Journal
from domain.decisions import Outcome, Verdict


def journal_of(out: Path | None, config: Path | None) -> JournalReader:
    """Open the journal of a run, or of the served desk; raises RunFolderError, NoJournal, PostgresRefused."""
    if out is not None:
        return Journal(KeptRun(out).journal)
    return PostgresJournal(read_servers(config).postgres.url())


def waiting(out: Path | None, config: Path | None) -> list[dict[str, Any]]:
    """Return what is held: a mapping for each intent, in the order in which they were held."""
    with journal_of(out, config) as journal:
        return [_row(journal, verdict) for verdict in journal.waiting()]


def full_name(name: str, out: Path | None, config: Path | None) -> str:
    """Return the ClOrdID that the first characters of one name; raises ValueError where that is none, or several."""
    names = [row["ClOrdID"] for row in waiting(out, config)]
    found = [each for each in names if each == name] or [each for each in names if each.startswith(name)]
    if len(found) != 1:
        known = ", ".join(names[:5]) or "none is held"
        raise ValueError(f"{len(found)} holds begin with {name!r}; held: {known}")
    return str(found[0])


def _row(journal: JournalReader, verdict: Verdict) -> dict[str, Any]:
    intent = journal.intent(verdict.cl_ord_id)
    asks = ""
    if intent is not None:
        asks = f"{intent.side.name.lower()} {intent.order_qty} {intent.symbol} at {intent.price}"
    return {
        "ClOrdID": verdict.cl_ord_id,
        "since": stamp(verdict.known_at),
        "strategy": verdict.strategy,
        "asks": asks,
        "checks": sorted({check.check for check in verdict.checks if check.outcome is Outcome.HOLD}),
        "text": verdict.text,
    }
