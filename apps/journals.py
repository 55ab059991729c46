"""The journal of a run, or of the served desk: one door to both."""

from pathlib import Path

from apps.kept_run import KeptRun
from config.servers import read_servers
from connectors.postgres.journal import PostgresJournal
from connectors.relational.journal import JournalReader
from connectors.sqlite.journal import Journal


def journal_of(out: Path, *, served: bool, config: Path | None) -> JournalReader:
    """Open the journal of the run in `out`, or with `served` that of the served desk.

    Raises RunFolderError, NoJournal, SettingsError, PostgresRefused, SchemaRefused.
    """
    if served:
        return PostgresJournal(read_servers(config).postgres.url())
    return Journal(KeptRun(out).journal)
