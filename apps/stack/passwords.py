"""The file of secrets: made once, for its owner alone, and never written again."""

import os
import secrets
from pathlib import Path

from dotenv import dotenv_values

from config.servers import environment_file

NAMES = (
    "ITA_POSTGRES__PASSWORD",
    "ITA_POSTGRES_OWNER__PASSWORD",
    "ITA_POSTGRES_ADMIN__PASSWORD",
    "ITA_INFLUX__TOKEN",
    "ITA_INFLUX_ADMIN__PASSWORD",
    "ITA_S3__ACCESS_KEY",
    "ITA_S3__SECRET_KEY",
    "ITA_REDIS__PASSWORD",
    "ITA_GRAFANA__PASSWORD",
)
"""`_OWNER` migrates, `_ADMIN` sets up; all the others are what `config/servers.py` signs in with."""

HEAD = """\
# Passwords and tokens of the servers, made by `ita stack secrets`; the servers were set up with them, so keep them.
# Delete this file only together with the servers' data: `ita stack secrets` then makes new ones.
"""
BYTES = 24


class SecretsMissing(ValueError):
    """A server needs a secret that neither the environment nor the file has."""


def make_secrets(path: Path) -> bool:
    """Write the file with new random secrets, mode 0600; leave one that is there as it is, and return False."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(HEAD + "".join(f"{name}={secrets.token_hex(BYTES)}\n" for name in NAMES))
    return True


def read_secrets() -> dict[str, str]:
    """Return every secret by its variable, of the environment before the file; raises SecretsMissing with the names."""
    path = environment_file()
    written = dotenv_values(path) if path.exists() else {}
    found = {name: os.environ.get(name) or written.get(name) or "" for name in NAMES}
    missing = [name for name, value in found.items() if not value]
    if missing:
        remedy = "add them" if path.exists() else "`ita stack secrets` makes it"
        raise SecretsMissing(f"{path} has no {', '.join(missing)}; {remedy}")
    return found
