"""AU-07: the tables of the journal refuse UPDATE, DELETE and TRUNCATE: SQLite by triggers, PostgreSQL by roles too.

What PostgreSQL refuses to the workers' role and to the owner is tested with its other tables
(tests/connectors/postgres/test_migrations.py).
"""

import sqlite3
from contextlib import closing

import pytest

from connectors.relational.models import journal_metadata
from connectors.sqlite.sink import JournalPartition
from tests.connectors.crash_flow import position, verdict


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "journal.sqlite"
    writer = JournalPartition(path)
    writer.write_batch([[verdict(1), position(1)]])
    writer.close()
    return path


def answers_of(path, statement):
    """Return what SQLite answers to a change of each table, in rows that are there."""
    answers = {}
    with closing(sqlite3.connect(path)) as database:
        for table in ("verdicts", "checks", "positions"):
            column = database.execute(f"SELECT name FROM pragma_table_info('{table}') LIMIT 1").fetchone()[0]
            with pytest.raises(sqlite3.IntegrityError) as refusal:
                database.execute(statement.format(table=table, column=column))
            answers[table] = str(refusal.value)
    return answers


@pytest.mark.parametrize(
    ("statement", "change"),
    [
        ('UPDATE {table} SET "{column}" = "{column}"', "UPDATE"),
        ("DELETE FROM {table}", "DELETE"),
        ("DELETE FROM {table} WHERE 1 = 1", "DELETE"),
    ],
)
def test_au_07_a_change_of_any_table_of_the_journal_is_refused(journal, statement, change):
    answers = answers_of(journal, statement)

    assert answers == {
        table: f"table {table} is append-only: {change} is refused; write a new row with a later known_at"
        for table in ("verdicts", "checks", "positions")
    }


def test_au_07_every_table_of_the_journal_has_both_triggers(journal):
    with closing(sqlite3.connect(journal)) as database:
        names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}

    assert names == {
        f"{table}_refuses_{change}"
        for table in journal_metadata().tables
        if table != "layout"
        for change in ("update", "delete")
    }
