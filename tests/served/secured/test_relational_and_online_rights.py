"""PostgreSQL and Redis let each account do what it is for and nothing else."""

import psycopg
import pytest
import redis as redis_package

from apps.stack.readiness import redis_client_of, why_not_ready
from connectors.postgres.connection import PostgresRefused
from tests.served.secured_stack import WRONG, desk_connection

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("secured_desk")]


@pytest.mark.parametrize(
    ("account", "statement"),
    [
        ("sinks", "update orders set strategy = 'other'"),
        ("sinks", "delete from orders"),
        ("sinks", "truncate orders"),
        ("sinks", "drop table orders"),
        ("sinks", "alter table orders add column more int"),
        ("sinks", "create table mine (value int)"),
        ("sinks", "set role ita_owner"),
        ("reader", "insert into writers (name, generation, taken_from) values ('reader', 1, 'here')"),
        ("reader", "update orders set strategy = 'other'"),
        ("reader", "create table mine (value int)"),
    ],
)
def test_postgres_keeps_what_was_written_and_lets_readers_read(stack, account, statement):
    with desk_connection(stack, account) as connection:
        assert connection.execute("select count(*) from orders").fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ITA_POSTGRES__PASSWORD": WRONG}, "password authentication failed.*ITA_POSTGRES__PASSWORD"),
        ({"ITA_POSTGRES__TLS": "disable"}, "no pg_hba.conf entry.*no encryption"),
    ],
)
def test_postgres_lets_nobody_in_without_the_right_password_over_tls(stack, settings, said):
    with pytest.raises(PostgresRefused, match=said):
        desk_connection(stack, "sinks", **settings)


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ("sinks", ("FLUSHALL",)),
        ("sinks", ("CONFIG", "GET", "*")),
        ("sinks", ("ACL", "LIST")),
        ("sinks", ("KEYS", "*")),
        ("sinks", ("HSET", "of-somebody-else", "field", "1")),
        ("sinks", ("HGET", "of-somebody-else", "field")),
        ("reader", ("HSET", "instrument-X-desk", "field", "1")),
        ("reader", ("DEL", "instrument-X-desk")),
    ],
)
def test_redis_refuses_what_the_features_do_not_need(stack, account, words):
    client = redis_client_of(stack.servers(account).redis)

    with pytest.raises(redis_package.exceptions.NoPermissionError):
        client.execute_command(*words)
    client.close()


def test_a_reader_reads_the_features_that_a_worker_may_write(stack):
    writing, reading = (redis_client_of(stack.servers(name).redis) for name in ("sinks", "reader"))

    writing.hset("instrument-X-desk", "field", "1")
    found = reading.execute_command("HGET", "instrument-X-desk", "field")
    writing.delete("instrument-X-desk")

    assert found == b"1"
    writing.close()
    reading.close()


@pytest.mark.parametrize("settings", [{"ITA_REDIS__PASSWORD": WRONG}, {"ITA_REDIS__USER": ""}])
def test_redis_lets_nobody_in_without_user_and_password(stack, settings):
    said = why_not_ready("redis", stack.servers("sinks", **settings))

    assert "invalid username-password pair or user is disabled" in said
