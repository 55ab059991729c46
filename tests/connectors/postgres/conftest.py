"""A PostgreSQL server of these tests' own, and a schema of its own with all tables for each test."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from connectors.postgres.address import postgres_url
from connectors.postgres.migrations import upgrade
from connectors.postgres.models import ROLE
from tests.connectors.own_server import OwnServer, absent

BINARIES = Path("/usr/lib/postgresql")


class Database(NamedTuple):
    """Addresses of one schema: as the owner of the tables, and as the workers' role."""

    server: OwnServer
    owner: str
    desk: str
    schema: str

    def rows(self, query: str) -> list[Any]:
        with psycopg.connect(self.owner) as connection:
            return connection.execute(query.encode()).fetchall()

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.owner, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    if not any(BINARIES.glob("*/bin/initdb")):
        absent(f"no PostgreSQL is installed under {BINARIES}; `ita stack up` installs it")
    admin, desk = secrets.token_hex(12), secrets.token_hex(12)
    server = OwnServer(
        "postgres", tmp_path_factory.mktemp("postgres"), {"ITA_POSTGRES_ADMIN__PASSWORD": admin}
    )
    try:
        server.start()
        owner = postgres_url("127.0.0.1", server.port, "postgres", "postgres", admin)
        made = Database(
            server, owner, postgres_url("127.0.0.1", server.port, "postgres", ROLE, desk), "public"
        )
        made.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{desk}'")
        yield made
    finally:
        server.remove()


@pytest.fixture
def empty(own_postgres: Database) -> Database:
    """Return addresses of a schema without tables."""
    schema = f"test_{secrets.token_hex(6)}"
    own_postgres.execute(f"CREATE SCHEMA {schema}")
    path = f"&options=-csearch_path%3D{schema}"
    return own_postgres._replace(
        owner=own_postgres.owner + path, desk=own_postgres.desk + path, schema=schema
    )


@pytest.fixture
def database(empty: Database) -> Database:
    upgrade(empty.owner)
    return empty
