"""What is held, as the journal of a run or of the served desk has it."""

from pathlib import Path
from typing import Any

from apps.identifiers import Unidentified, identified
from apps.kept_run import KeptRun
from apps.local_time import stamp
from config.servers import read_servers
from connectors.postgres.journal import PostgresJournal
from connectors.relational.journal import JournalReader
from connectors.sqlite.journal import Journal
from domain.decisions import Outcome, Verdict, VerdictKind


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
    """Return the ClOrdID of a hold from its first characters.

    Raises ValueError where that is none or several, with what became of a hold that is over.
    """
    with journal_of(out, config) as journal:
        last = _last_verdicts(journal)
    held = {each: each for each, verdict in last.items() if verdict.kind is VerdictKind.HELD}
    try:
        return identified(name, held, "held intent")
    except Unidentified as nothing:
        over = [each for each in last if name and each.startswith(name)]
        if held.keys() & over or len(over) != 1:
            raise
        said = last[over[0]]
        codes = f" ({', '.join(said.codes)})" if said.codes else ""
        raise Unidentified(
            f"{over[0]} is not held: it was {said.kind.value} at {stamp(said.known_at)}{codes}; "
            f"`ita holds list` tells what is"
        ) from nothing


def stopped_name(name: str, out: Path | None, config: Path | None) -> str:
    """Return the ClOrdID of an intent that was held or refused from its first characters; raises ValueError."""
    with journal_of(out, config) as journal:
        last = _last_verdicts(journal)
    stopped = {each: each for each, verdict in last.items() if verdict.kind is not VerdictKind.APPROVED}
    return identified(name, stopped, "held or refused intent")


def _last_verdicts(journal: JournalReader) -> dict[str, Verdict]:
    return {verdict.cl_ord_id: verdict for verdict in journal.all(Verdict)}


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
