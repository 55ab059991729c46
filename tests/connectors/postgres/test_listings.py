"""Listings on PostgreSQL: the same answers as on SQLite, and nothing is taken back."""

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from connectors.files.action_rows import instant_of
from connectors.files.listing_rows import read_listings
from connectors.postgres.connection import desk_engine
from connectors.relational.listings import Imported, Listings
from tests.apps.test_instruments_command import OWN

pytestmark = pytest.mark.served


def test_postgresql_answers_as_sqlite_does_and_takes_no_version_back(database, tmp_path):
    (tmp_path / "own.csv").write_text(OWN)
    listings, bad = read_listings(tmp_path / "own.csv")
    sqlite = Listings(create_engine(f"sqlite:///{tmp_path / 'one.sqlite'}"), make=True)
    postgres = Listings(desk_engine(database.desk))

    with sqlite, postgres:
        counts = [(kept.add(listings), kept.add(listings)) for kept in (sqlite, postgres)]

        assert bad == []
        assert counts == [(Imported(2, 1, 0), Imported(0, 0, 3))] * 2
        for name in ("FB", "META", "FB-1"):
            for at in ("2015-01-01", "2021-12-01", "2022-07-01"):
                assert sqlite.named(name, instant_of(at)) == postgres.named(name, instant_of(at))
            assert sqlite.history(name) == postgres.history(name)


@pytest.mark.parametrize("statement", ["UPDATE listings SET name = 'x'", "DELETE FROM listings"])
def test_the_workers_role_cannot_change_a_listing(statement, database):
    engine = desk_engine(database.desk)

    with pytest.raises(DBAPIError, match="permission denied"), engine.begin() as connection:
        connection.execute(text(statement))

    engine.dispose()
