"""What accounts may do with the stores: Redis's users, InfluxDB's tokens, PostgreSQL's reader, MinIO's keys."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import redis as redis_package
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import MinioException
from psycopg import Connection, sql

from apps.findings import Finding, well
from apps.stack.readiness import PROBE_KEY, redis_client_of
from apps.stack.secured import READER, account_secrets, remember
from config.accounts import Account
from config.servers import S3, Influx, Postgres, Redis
from connectors.feast.codec import INSTRUMENT
from connectors.feast.store import CONFIGURATION

SECONDS = 30
TOKEN = "ITA_INFLUX__TOKEN"  # noqa: S105  the name of a variable
SIGN_IN = ("+auth", "+hello", "+ping", "+select", "+client|setname")
READING = ("+hmget", "+hget", "+hgetall", "+exists")
WRITING = ("+hset", "+expire", "+del", "+scan", "+hkeys", "+hdel")


class AccountRefused(RuntimeError):
    """A store did not make an account."""


AskInflux = Callable[..., Any]


def with_stores(accounts: Mapping[str, Account]) -> dict[str, Account]:
    """Return the accounts that have anything to do with the stores."""
    return {name: account for name, account in accounts.items() if account.stores}


def redis_users(redis: Redis, accounts: Mapping[str, Account]) -> Iterator[Finding]:
    """Give each account the commands and keys that the features need, and keep the users in Redis's own file."""
    client = redis_client_of(redis)
    try:
        for name, account in with_stores(accounts).items():
            password = account_secrets(name)["ITA_REDIS__PASSWORD"]
            client.execute_command(  # type: ignore[no-untyped-call]
                "ACL", "SETUSER", name, "reset", "on", f">{password}", *_redis_rules(account)
            )
        client.execute_command("ACL", "SAVE")  # type: ignore[no-untyped-call]
    except redis_package.RedisError as error:
        raise AccountRefused(f"Redis at {redis.host}:{redis.port} makes no users: {error}") from error
    finally:
        client.close()
    yield well("Redis", f"users {', '.join(with_stores(accounts))}")


def _redis_rules(account: Account) -> list[str]:
    """Return an account's commands and keys: Feast's keys hold the entity's name and end in the project's."""
    keys = f"*{INSTRUMENT}*{CONFIGURATION['project']}"
    if account.stores == "read":
        return [f"%R~{keys}", "-@all", *SIGN_IN, *READING]
    return [f"~{keys}", f"~{PROBE_KEY}", "-@all", *SIGN_IN, *READING, *WRITING, "+set"]


def influx_tokens(influx: Influx, accounts: Mapping[str, Account], ask: AskInflux) -> Iterator[Finding]:
    """Have a token made for each account and the bucket, and write it into the account's file.

    `ask` calls the server with the operator's token. A token that the file has and the server knows stays.
    """
    found = ask(influx, f"/api/v2/buckets?org={influx.organisation}&name={influx.bucket}")["buckets"][0]
    known = {one["token"]: one for one in ask(influx, "/api/v2/authorizations")["authorizations"]}
    made = []
    for name, account in with_stores(accounts).items():
        held = known.get(account_secrets(name).get(TOKEN, ""))
        wanted = _permissions(account, found["id"], found["orgID"])
        if held is not None and _same(held["permissions"], wanted):
            continue
        body = {
            "orgID": found["orgID"],
            "description": f"ita {name} {influx.bucket}",
            "permissions": wanted,
        }
        remember(name, TOKEN, ask(influx, "/api/v2/authorizations", body)["token"])
        made.append(name)
    yield well("InfluxDB", f"tokens of bucket {influx.bucket} made for {', '.join(made) or 'nobody new'}")


def _permissions(account: Account, bucket: str, organisation: str) -> list[dict[str, Any]]:
    actions = ("read", "write") if account.stores == "write" else ("read",)
    resource = {"type": "buckets", "id": bucket, "orgID": organisation}
    return [{"action": action, "resource": resource} for action in actions]


def _same(held: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    def plain(permissions: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {(one["action"], one["resource"].get("id", "")) for one in permissions}

    return plain(held) == plain(wanted)


def postgres_reader(postgres: Postgres, admin: Connection[Any], owner: Connection[Any]) -> None:
    """Let the reading role sign in and read what is there and what the owner makes later; `admin` has made the role."""
    role = sql.Identifier(READER)
    admin.execute(
        sql.SQL("grant connect on database {} to {}").format(sql.Identifier(postgres.database), role)
    )
    for statement in (
        "grant usage on schema public to {}",
        "grant select on all tables in schema public to {}",
        "alter default privileges in schema public grant select on tables to {}",
    ):
        owner.execute(sql.SQL(statement).format(role))


def minio_keys(s3: S3, accounts: Mapping[str, Account]) -> Iterator[Finding]:
    """Make a user of MinIO for each account, who may touch the bucket below the prefix and list it."""
    address = s3.endpoint.partition("://")
    client = MinioAdmin(
        endpoint=address[2],
        credentials=StaticProvider(s3.access_key.get_secret_value(), s3.secret_key.get_secret_value()),
        region=s3.region,
        secure=address[0] == "https",
        cert_check=True,
        http_client=s3.place().pool(SECONDS),
    )
    try:
        for name, account in with_stores(accounts).items():
            held = account_secrets(name)
            client.user_add(held["ITA_S3__ACCESS_KEY"], held["ITA_S3__SECRET_KEY"])
            client.policy_add(f"ita-{name}", policy=bucket_policy(s3, account))
            client.policy_set(f"ita-{name}", user=held["ITA_S3__ACCESS_KEY"])
    except MinioException as error:
        raise AccountRefused(f"{s3.endpoint} makes no users: {error}") from error
    yield well("MinIO", f"keys of {', '.join(with_stores(accounts))}")


def bucket_policy(s3: S3, account: Account) -> dict[str, Any]:
    """Return what an account may do as AWS, MinIO and many others take it."""
    verbs = ["s3:GetObject"]
    verbs += ["s3:PutObject", "s3:DeleteObject"] if account.stores == "write" else []
    bucket = f"arn:aws:s3:::{s3.bucket}"
    listing = {"Condition": {"StringLike": {"s3:prefix": [f"{s3.prefix}*"]}}} if s3.prefix else {}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": verbs, "Resource": [f"{bucket}/{s3.prefix}*"]},
            {"Effect": "Allow", "Action": ["s3:GetBucketLocation"], "Resource": [bucket]},
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [bucket], **listing},
        ],
    }
