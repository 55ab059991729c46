"""Kafka's users and what each may do, made as accounts.yaml says; what it no longer says of topics is taken back."""

from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it names them without exporting them
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from apps.findings import Finding, well
from apps.stack.readiness import admin_client
from apps.stack.secured import account_secrets
from apps.stack.topic_setup import SECONDS, TopicsFailed
from config.accounts import Account
from config.servers import Kafka
from connectors.kafka.client import READERS

ITERATIONS = 8192
ANYWHERE = "*"
Rule = tuple[ResourceType, str, ResourcePatternType, AclOperation]
"""On what, how it is called, whether that is all of its name, and what may be done."""


def set_up_accounts(kafka: Kafka, accounts: Mapping[str, Account]) -> Iterator[Finding]:
    """Give each account its password and its rules; raises TopicsFailed with the broker's words."""
    client = admin_client(kafka)
    upserted = client.alter_user_scram_credentials([_credential(name) for name in accounts])
    for name, future in upserted.items():
        _done(f"user {name}", future)
    ours = {kafka.prefix + topic for account in accounts.values() for topic in _topics(account)}
    made = taken = 0
    for name, account in accounts.items():
        wanted, there = rules(account, kafka.prefix), _there(client, name)
        missing = [_binding(name, rule) for rule in wanted - there]
        for future in client.create_acls(missing).values() if missing else ():
            _done(f"rules of user {name}", future)
        stale = [_filter(name, rule) for rule in there - wanted if rule[1] in ours]
        for future in client.delete_acls(stale).values() if stale else ():
            _done(f"rules of user {name}", future)
        made, taken = made + len(missing), taken + len(stale)
    yield well("accounts", f"users {', '.join(accounts)}; rules made {made}, taken back {taken}")


def rules(account: Account, prefix: str) -> set[Rule]:
    """Return what an account may do: reading and writing imply seeing; who writes reads back what is there."""
    exactly, beginning = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
    made: set[Rule] = {(ResourceType.GROUP, READERS, exactly, AclOperation.READ)}
    for topic in _topics(account):
        made.add((ResourceType.TOPIC, prefix + topic, exactly, AclOperation.READ))
    for topic in account.writes:
        made.add((ResourceType.TOPIC, prefix + topic, exactly, AclOperation.WRITE))
    for writer in account.writers:
        made.add((ResourceType.TRANSACTIONAL_ID, f"{prefix}{writer}.", beginning, AclOperation.WRITE))
    return made


def _topics(account: Account) -> set[str]:
    return {*account.reads, *account.writes}


def _credential(name: str) -> UserScramCredentialUpsertion:
    password = account_secrets(name)["ITA_KAFKA__PASSWORD"].encode()
    return UserScramCredentialUpsertion(
        name, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS), password
    )


def _binding(user: str, rule: Rule) -> AclBinding:
    kind, name, pattern, operation = rule
    return AclBinding(kind, name, pattern, f"User:{user}", ANYWHERE, operation, AclPermissionType.ALLOW)


def _filter(user: str, rule: Rule) -> AclBindingFilter:
    kind, name, pattern, operation = rule
    return AclBindingFilter(kind, name, pattern, f"User:{user}", ANYWHERE, operation, AclPermissionType.ALLOW)


def _there(client: AdminClient, user: str) -> set[Rule]:
    every = AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]  # any name
        ResourcePatternType.ANY,
        f"User:{user}",
        None,  # type: ignore[arg-type]  # any host
        AclOperation.ANY,
        AclPermissionType.ALLOW,
    )
    found = _done(f"rules of user {user}", client.describe_acls(every))
    return {
        (
            ResourceType(one.restype),
            one.name,
            ResourcePatternType(one.resource_pattern_type),
            AclOperation(one.operation),
        )
        for one in found
    }


def _done(what: str, future: Any) -> Any:
    try:
        return future.result(SECONDS)
    except KafkaException as error:
        raise TopicsFailed(f"{what}: {error.args[0].str()}") from error
