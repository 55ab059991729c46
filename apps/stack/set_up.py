"""What has to be in the servers before the first record: topics, bucket, organisation, roles, database, tables.

Everything may be done again at any time: what is there stays.
"""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from minio.error import S3Error
from psycopg import Connection, sql

from apps.findings import Finding, well
from apps.stack.kafka_accounts import set_up_accounts
from apps.stack.passwords import read_secrets
from apps.stack.places import minio
from apps.stack.readiness import influx_answer, s3_client, sign_in
from apps.stack.secured import READER, account_secrets, have_accounts, is_secured
from apps.stack.store_accounts import influx_tokens, minio_keys, postgres_reader, redis_users
from apps.stack.topic_setup import set_up_topics
from config.accounts import Account, read_accounts
from config.servers import S3, Influx, Postgres, Servers
from config.topics import read_topics
from connectors.postgres.migrations import upgrade

OWNER = "ita_owner"
"""The role that owns and migrates the tables; the desk's role is `postgres.user` of servers.yaml."""
SECONDS = 30


class SetUpFailed(RuntimeError):
    """A server refused what has to be in it."""


def set_up(name: str, servers: Servers) -> Iterator[Finding]:
    """Set a server up and yield what was done, its accounts too where `ita stack secrets --secure` has made them."""
    topics = read_topics()
    accounts = read_accounts(topics) if have_accounts() else {}
    steps: dict[str, Callable[[], Iterator[Finding] | list[Finding]]] = {
        "kafka": lambda: set_up_topics(servers.kafka, topics),
        "s3": lambda: _bucket(servers.s3),
        "minio": lambda: _bucket(minio(servers).s3),
        "influx": lambda: _organisation(servers.influx),
        "postgres": lambda: _database(servers.postgres, accounts),
    }
    with_accounts: dict[str, Callable[[], Iterator[Finding]]] = {
        "kafka": lambda: set_up_accounts(servers.kafka, accounts),
        "minio": lambda: minio_keys(minio(servers).s3, accounts),
        "influx": lambda: influx_tokens(servers.influx, accounts, _influx),
        "redis": lambda: redis_users(servers.redis, accounts),
    }
    if name in steps:
        yield from steps[name]()
    if accounts and name in with_accounts and is_secured(name, servers):
        yield from with_accounts[name]()


def _bucket(s3: S3) -> Iterator[Finding]:
    client = s3_client(s3)
    try:
        there = client.bucket_exists(s3.bucket)
        if not there:
            client.make_bucket(s3.bucket)
    except S3Error as error:
        raise SetUpFailed(f"bucket {s3.bucket} at {s3.endpoint}: {error.code}: {error.message}") from error
    yield well("bucket", f"{s3.bucket} at {s3.endpoint} {'was there' if there else 'made'}")


def _organisation(influx: Influx) -> Iterator[Finding]:
    """Set an empty server up with organisation, bucket and token; make the bucket where only that is missing."""
    token = influx.token.get_secret_value()
    if _influx(influx, "/api/v2/setup")["allowed"]:
        _influx(
            influx,
            "/api/v2/setup",
            {
                "org": influx.organisation,
                "bucket": influx.bucket,
                "username": "admin",
                "password": read_secrets()["ITA_INFLUX_ADMIN__PASSWORD"],
                "token": token,
                "retentionPeriodSeconds": 0,
            },
        )
        yield well("InfluxDB", f"organisation {influx.organisation} and bucket {influx.bucket} made")
        return
    found = _influx(
        influx, f"/api/v2/buckets?org={influx.organisation}&name={influx.bucket}", missing={"buckets": []}
    )
    if found["buckets"]:
        yield well("InfluxDB", f"organisation {influx.organisation} and bucket {influx.bucket} were there")
        return
    organisations = _influx(influx, f"/api/v2/orgs?org={influx.organisation}")["orgs"]
    _influx(
        influx,
        "/api/v2/buckets",
        {"orgID": organisations[0]["id"], "name": influx.bucket, "retentionRules": []},
    )
    yield well("InfluxDB", f"bucket {influx.bucket} made")


def _influx(influx: Influx, path: str, body: dict[str, Any] | None = None, missing: Any = None) -> Any:
    """Call the server; where it answers 404 and `missing` is given, that is the answer."""
    status, said = influx_answer(influx, path, body, SECONDS)
    if status == HTTPStatus.NOT_FOUND and missing is not None:
        return missing
    if status >= HTTPStatus.BAD_REQUEST:
        raise SetUpFailed(f"InfluxDB at {influx.url}{path}: {status}: {said}")
    return said


def _database(postgres: Postgres, accounts: Mapping[str, Account]) -> Iterator[Finding]:
    """Make roles and database, give the desk's role no more than a door, and migrate as the owner."""
    secrets = read_secrets()
    owner = secrets["ITA_POSTGRES_OWNER__PASSWORD"]
    admin = secrets["ITA_POSTGRES_ADMIN__PASSWORD"]
    name = sql.Identifier(postgres.database)
    with sign_in(postgres, "postgres", admin, "postgres") as connection:
        _role(connection, OWNER, owner)
        _role(connection, postgres.user, postgres.password.get_secret_value())
        there = connection.execute(
            "select 1 from pg_database where datname = %s", [postgres.database]
        ).fetchone()
        if there is None:
            made = sql.SQL("create database {} owner {} encoding 'UTF8'")
            connection.execute(made.format(name, sql.Identifier(OWNER)))
        connection.execute(sql.SQL("revoke all on database {} from public").format(name))
        connection.execute(
            sql.SQL("grant connect on database {} to {}").format(name, sql.Identifier(postgres.user))
        )
    with sign_in(postgres, "postgres", admin, postgres.database) as connection:
        connection.execute("revoke create on schema public from public")
        connection.execute(
            sql.SQL("grant usage, create on schema public to {}").format(sql.Identifier(OWNER))
        )
        connection.execute(
            sql.SQL("grant usage on schema public to {}").format(sql.Identifier(postgres.user))
        )
    words = "was there" if there is not None else "made"
    yield well("PostgreSQL", f"database {postgres.database} {words}, roles {OWNER} and {postgres.user}")
    upgrade(postgres.url(OWNER, owner))
    yield well("tables", "tables up to date")
    if readers := [name for name, account in accounts.items() if account.stores == "read"]:
        with (
            sign_in(postgres, "postgres", admin, "postgres") as connection,
            sign_in(postgres, OWNER, owner, postgres.database) as owning,
        ):
            _role(connection, READER, account_secrets(readers[0])["ITA_POSTGRES__PASSWORD"])
            postgres_reader(postgres, connection, owning)
        yield well("PostgreSQL", f"role {READER}, which reads")


def _role(connection: Connection[Any], role: str, password: str) -> None:
    """Make a role that may sign in and nothing else, or give it the password of the file."""
    there = connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
    verb = "create" if there is None else "alter"
    settings = sql.SQL(" role {} with login nosuperuser nocreatedb nocreaterole password {}")
    connection.execute(sql.SQL(verb) + settings.format(sql.Identifier(role), sql.Literal(password)))
