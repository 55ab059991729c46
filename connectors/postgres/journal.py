"""Opens the journal on PostgreSQL for reading, also while it is written."""

from connectors.postgres.connection import desk_engine
from connectors.postgres.migrations import check
from connectors.relational.journal import JournalReader


class PostgresJournal(JournalReader):
    """The journal at `url`, read only; raises SchemaRefused, PostgresRefused."""

    def __init__(self, url: str) -> None:
        check(url)
        super().__init__(desk_engine(url))
