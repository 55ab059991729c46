"""TLS and sign-in for every server: certificates, settings that ask for them, a file of secrets for each worker.

All of it lies in the folder that is called as the file of secrets with `.d` after it: `.env.d`. The authority's key and
the file `.env` are the operator's; a worker needs `ca.crt` and the one file with its name.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from apps.stack.certificates import authority, make_certificates
from apps.stack.passwords import BYTES, SecretsMissing
from config.accounts import Account
from config.servers import Servers, account_file, environment_file, secured_folder

ADMIN = "admin"
"""Who sets Kafka and Redis up, and may do everything there."""
READER = "ita_reader"
"""PostgreSQL's role of those who read."""
HEAD = """\
# What account {name} signs in with, made by `ita stack secrets --secure`; config/accounts.yaml says what it may do.
"""


class NotSecured(ValueError):
    """TLS was asked for, and a server is configured without."""


def make_secured(servers: Servers, accounts: Mapping[str, Account]) -> list[str]:
    """Make what is missing of certificates, settings and accounts; return the names of what was made or added to.

    What is there stays as it is, but for certificates that end within a month. Raises ServerFailed.
    """
    folder = secured_folder()
    made = [f"{folder.name}/{name}.crt" for name in make_certificates(folder)]
    if _add(environment_file(), _operator(servers, folder)):
        made.append(environment_file().name)
    desk = dotenv_values(environment_file()).get("ITA_POSTGRES__PASSWORD") or ""
    for name, account in accounts.items():
        path = account_file(name)
        if not path.exists():
            _write(path, HEAD.format(name=name))
        if _add(path, _worker(name, account, servers, folder, desk)):
            made.append(f"{folder.name}/{path.name}")
    return made


def account_secrets(name: str) -> dict[str, str]:
    """Return what an account signs in with, by variable; raises SecretsMissing where it has no file."""
    path = account_file(name)
    if not path.exists():
        raise SecretsMissing(f"account {name} has no file {path}; `ita stack secrets --secure` makes it")
    return {variable: value or "" for variable, value in dotenv_values(path).items()}


def have_accounts() -> bool:
    """Return whether accounts were made: servers are then set up with them."""
    return secured_folder().exists()


def remember(name: str, variable: str, value: str) -> None:
    """Write a secret that a server has made into an account's file, in the place of an older one."""
    path = account_file(name)
    kept = [
        line
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
        if not line.startswith(f"{variable}=")
    ]
    _write(path, "".join(kept) + f"{variable}={value}\n")


def is_secured(server: str, servers: Servers) -> bool:
    """Return whether a server is configured to be spoken to with TLS."""
    return {
        "kafka": servers.kafka.security == "sasl_ssl",
        "influx": servers.influx.url.startswith("https:"),
        "s3": servers.s3.endpoint.startswith("https:"),
        "minio": servers.s3.endpoint.startswith("https:"),
        "postgres": servers.postgres.tls in {"require", "verify-full"},
        "redis": servers.redis.tls,
    }[server]


def all_secured(names: list[str], servers: Servers) -> None:
    """Raise NotSecured where one of the servers is configured without TLS."""
    plain = [name for name in names if not is_secured(name, servers)]
    if plain:
        raise NotSecured(
            f"{', '.join(plain)}: configured without TLS; `ita stack secrets --secure` adds what is missing to "
            f"{environment_file()}, and what the environment or that file say otherwise has to go"
        )


def _operator(servers: Servers, folder: Path) -> dict[str, str]:
    """Return the settings of who sets servers up."""
    return {
        **_kafka(ADMIN, folder),
        **_tls(servers, folder),
        "ITA_REDIS__USER": ADMIN,
    }


def _worker(name: str, account: Account, servers: Servers, folder: Path, desk: str) -> dict[str, str]:
    """Return the settings of an account; `desk` is the password of the role that adds to the journal."""
    settings = _kafka(name, folder)
    if not account.stores:
        return settings
    writes = account.stores == "write"
    return {
        **settings,
        **_tls(servers, folder),
        "ITA_POSTGRES__USER": servers.postgres.user if writes else READER,
        "ITA_POSTGRES__PASSWORD": desk if writes and desk else _random(),
        "ITA_S3__ACCESS_KEY": _random(),
        "ITA_S3__SECRET_KEY": _random(),
        "ITA_REDIS__USER": name,
        "ITA_REDIS__PASSWORD": _random(),
    }


def _kafka(user: str, folder: Path) -> dict[str, str]:
    return {
        "ITA_KAFKA__SECURITY": "sasl_ssl",
        "ITA_KAFKA__CA": str(authority(folder)),
        "ITA_KAFKA__USERNAME": user,
        "ITA_KAFKA__PASSWORD": _random(),
    }


def _tls(servers: Servers, folder: Path) -> dict[str, str]:
    """Return what has the stores spoken to with TLS, each certificate checked with our authority."""
    ca = str(authority(folder))
    return {
        "ITA_INFLUX__URL": servers.influx.url.replace("http://", "https://", 1),
        "ITA_INFLUX__CA": ca,
        "ITA_S3__ENDPOINT": servers.s3.endpoint.replace("http://", "https://", 1),
        "ITA_S3__CA": ca,
        "ITA_POSTGRES__TLS": "verify-full",
        "ITA_POSTGRES__CA": ca,
        "ITA_REDIS__TLS": "true",
        "ITA_REDIS__CA": ca,
    }


def _random() -> str:
    return secrets.token_hex(BYTES)


def _add(path: Path, settings: Mapping[str, str]) -> bool:
    """Add the settings that a file does not have yet; return whether there were any."""
    there = dotenv_values(path)
    missing = [f"{name}={value}\n" for name, value in settings.items() if name not in there]
    if missing:
        before = path.read_text(encoding="utf-8")
        _write(path, before + ("" if before.endswith("\n") else "\n") + "".join(missing))
    return bool(missing)


def _write(path: Path, text: str) -> None:
    """Write a file whole, for its owner alone."""
    making = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    making.replace(path)
