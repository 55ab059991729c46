"""Opens a run's journal for reading, also while it is written."""

from pathlib import Path

from sqlalchemy import create_engine

from connectors.relational.journal import JournalReader
from connectors.relational.models import LAYOUT_VERSION
from connectors.sqlite.missing import NoJournal


class Journal(JournalReader):
    """The journal at `path`, read only.

    Raises NoJournal where the file is missing, or is not a journal of the layout that this version reads.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise NoJournal(
                f"there is no journal at {path}; name the output folder of a run that has begun to decide"
            )
        super().__init__(create_engine(f"sqlite:///file:{path.absolute()}?mode=ro&uri=true"))
        with self._engine.connect() as connection:
            present = connection.exec_driver_sql(
                "SELECT count(*) FROM sqlite_master WHERE name='layout'"
            ).scalar_one()
            version = (
                connection.exec_driver_sql("SELECT max(version) FROM layout").scalar_one()
                if present
                else None
            )
        if version != LAYOUT_VERSION:
            self.close()
            raise NoJournal(f"{path} has layout {version}, this version reads {LAYOUT_VERSION}")
