"""What a server's script is told of TLS and sign-in, by variables of its environment: no process list shows it."""

import json

from apps.stack.certificates import certificate
from apps.stack.native import ServerFailed
from apps.stack.secured import account_secrets, is_secured
from config.accounts import Account, read_accounts
from config.servers import S3, Servers, secured_folder
from config.topics import read_topics

FOLDER = "ITA_STACK_TLS"


def script_settings(server: str, servers: Servers) -> dict[str, str]:
    """Return the variables of a server's script; `ITA_STACK_TLS` is empty where it is to speak plainly.

    Raises ServerFailed where its certificate is missing, or it is configured as no script starts it.
    """
    if server == "kafka" and servers.kafka.security not in {"plaintext", "sasl_ssl"}:
        raise ServerFailed(
            f"Kafka is started with security plaintext or sasl_ssl; {servers.kafka.security} is configured"
        )
    if not is_secured(server, servers):
        return {FOLDER: ""}
    folder = secured_folder()
    missing = [str(path) for path in certificate(folder, server) if not path.exists()]
    if missing:
        raise ServerFailed(
            f"{server} is configured with TLS, and {', '.join(missing)} is missing; "
            "`ita stack secrets --secure` makes certificates"
        )
    return {FOLDER: str(folder), **_of_its_own(server, servers)}


def _of_its_own(server: str, servers: Servers) -> dict[str, str]:
    if server == "kafka":
        return {
            "ITA_KAFKA__USERNAME": servers.kafka.username,
            "ITA_KAFKA__PASSWORD": servers.kafka.password.get_secret_value(),
        }
    if server == "redis":
        return {"ITA_REDIS__USER": servers.redis.user}
    if server == "s3":
        return {"ITA_S3_IDENTITIES": json.dumps(identities(servers.s3, read_accounts(read_topics())))}
    return {}


def identities(s3: S3, accounts: dict[str, Account]) -> list[dict[str, object]]:
    """Return SeaweedFS's identities of the accounts: each touches and lists the bucket below the prefix, no more."""
    made: list[dict[str, object]] = []
    for name, account in accounts.items():
        if account.stores:
            held = account_secrets(name)
            key = {"accessKey": held["ITA_S3__ACCESS_KEY"], "secretKey": held["ITA_S3__SECRET_KEY"]}
            place = f"{s3.bucket}/{s3.prefix}*"
            verbs = ["List", "Read", *(["Write"] if account.stores == "write" else [])]
            actions = [f"{verb}:{place}" for verb in verbs]
            made.append({"name": name, "actions": actions, "credentials": [key]})
    return made
