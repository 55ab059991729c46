"""The journal of a run, or of the served desk: one door to both."""

from pathlib import Path

from apps.kept_run import KeptRun
from connectors.relational.journal import JournalReader
from connectors.sqlite.journal import Journal


def journal_of(out: Path, *, served: bool, config: Path | None) -> JournalReader:
    """Open the journal of the run in `out`, or with `served` that of the served desk.

    Raises RunFolderError, NoJournal, SettingsError, PostgresRefused, SchemaRefused.
    """
    if served:
        from config.servers import read_servers  # noqa: PLC0415  runs without servers do without their clients
        from connectors.postgres.journal import PostgresJournal  # noqa: PLC0415

        return PostgresJournal(read_servers(config).postgres.url())
    return Journal(KeptRun(out).journal)
