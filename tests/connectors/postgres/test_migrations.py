"""Migrated tables are those of the models, the workers' role only adds and reads, other versions are refused."""

from decimal import Decimal

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from connectors.postgres.connection import PostgresRefused, connected, desk_engine
from connectors.postgres.migrations import SchemaRefused, check, current, head, upgrade
from connectors.postgres.models import desk_metadata
from connectors.postgres.reference import Reference
from connectors.postgres.sink import PostgresPartition
from tests.connectors.crash_flow import position
from tests.connectors.postgres.conftest import Database

pytestmark = pytest.mark.served


def test_the_migrated_tables_do_not_differ_from_the_models(database: Database) -> None:
    engine = desk_engine(database.owner)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, desk_metadata())

    assert differences == []


def test_an_upgrade_that_is_done_again_changes_nothing(empty: Database) -> None:
    before = current(empty.owner)
    upgrade(empty.owner)
    upgrade(empty.owner)

    assert before is None
    assert current(empty.owner) == current(empty.desk) == head()


def test_instruments_of_step_0007_are_counted_in_whole_units_after_the_upgrade(database: Database) -> None:
    database.execute("ALTER TABLE instruments DROP COLUMN unit")
    database.execute("UPDATE alembic_version SET version_num = '0007'")
    database.execute(
        "INSERT INTO instruments (event_at, known_at, received_at, source, sequence, record_id, schema_version, "
        "instrument, valid_from, issuer, tick_size, lot_size, multiplier, currency, calendar, tier, tradable) VALUES "
        "(1, 1, 1, 'reference', 1, 'old', 1, 'ALFA', 1, 'Alfa plc', '0.01', 100, 1, 'USD', 'XNYS', 'liquid', true)"
    )
    with pytest.raises(SchemaRefused, match=r"tables of step 0007, this version needs .*`ita stack init`"):
        Reference(database.desk)

    upgrade(database.owner)

    with Reference(database.desk) as reference:
        found = [(each.record_id, each.lot_size, each.unit) for each in reference.instruments(1)]
    assert found == [("old", 100, Decimal(1))]


def test_an_upgrade_that_fails_leaves_nothing(empty: Database) -> None:
    empty.execute("CREATE TABLE writers (stands int)")

    with pytest.raises(Exception, match='relation "writers" already exists'):
        upgrade(empty.owner)

    tables = empty.rows(f"SELECT tablename FROM pg_tables WHERE schemaname = '{empty.schema}'")
    assert tables == [("writers",)]


def test_tables_of_a_version_that_is_not_known_are_refused_with_what_to_do(database: Database) -> None:
    database.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(
        SchemaRefused, match=r"step 9999, this version knows steps up to .*restore the backup"
    ):
        upgrade(database.owner)
    with pytest.raises(SchemaRefused, match="run the version that made them"):
        PostgresPartition(database.desk)


def test_missing_tables_and_a_missing_schema_say_what_to_do(empty: Database) -> None:
    with pytest.raises(SchemaRefused, match="has none of the desk's tables; `ita stack init` makes them"):
        check(empty.desk)
    with pytest.raises(SchemaRefused, match="has none of the desk's tables"):
        PostgresPartition(empty.desk)

    empty.execute(f"DROP SCHEMA {empty.schema}")

    with pytest.raises(SchemaRefused, match="no schema to make tables in"):
        upgrade(empty.owner)


REFUSED = ("UPDATE {} SET record_id = record_id", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}")


@pytest.mark.parametrize("statement", REFUSED)
def test_the_workers_role_may_not_change_take_away_or_empty_a_single_table(
    database: Database, statement: str
) -> None:
    tables = [name for name in desk_metadata().tables if name not in {"checks", "writers"}]

    answers = set()
    with connected(database.desk) as connection:
        for table in tables:
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as refusal:
                connection.execute(statement.format(table).encode())
            answers.add(str(refusal.value).replace(table, "T"))

    assert answers <= {"permission denied for table T", "must be owner of table T"}


@pytest.mark.parametrize(
    "statement", ["UPDATE checks SET place = 1", "DELETE FROM writers", "DELETE FROM alembic_version"]
)
def test_the_workers_role_may_not_change_the_tables_beside_them_either(
    database: Database, statement: str
) -> None:
    with (
        connected(database.desk) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for table"),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement", ["UPDATE positions SET quantity = 1", "DELETE FROM positions", "TRUNCATE positions"]
)
def test_the_owner_is_refused_a_change_too(database: Database, statement: str) -> None:
    writer = PostgresPartition(database.desk)
    writer.write_batch([position(1)])
    writer.close()

    with pytest.raises(
        psycopg.Error, match=r"table positions is append-only: (UPDATE|DELETE|TRUNCATE) is refused"
    ):
        database.execute(statement)

    assert database.rows("SELECT quantity FROM positions") == [(1,)]


def test_a_wrong_password_and_a_missing_database_end_at_once_with_a_plain_error(database: Database) -> None:
    wrong = database.desk.replace("://ita_desk:", "://ita_desk:not")

    with pytest.raises(
        PostgresRefused, match=r"password authentication failed .*ITA_POSTGRES__PASSWORD"
    ) as refusal:
        PostgresPartition(wrong)
    with pytest.raises(PostgresRefused, match='database "nowhere" does not exist'):
        PostgresPartition(database.desk.replace("/postgres?", "/nowhere?"))

    assert ":not" not in str(refusal.value)


def test_a_role_without_grants_ends_at_once_with_a_plain_error(database: Database) -> None:
    database.execute("REVOKE INSERT ON positions FROM ita_desk")
    writer = PostgresPartition(database.desk)

    with pytest.raises(PostgresRefused, match="permission denied for table positions"):
        writer.write_batch([position(1)])

    writer.close()
