"""The accounts of workers as accounts.yaml has them: which topics each may read and write, and what of the stores."""

from pathlib import Path
from typing import Literal

import pydantic

from config.sections import Section
from config.settings import SettingsError, path_of, refusal, yaml_values
from config.topics import Topics

FILE = "accounts.yaml"
ALL = "*"
Stores = Literal["", "read", "write"]


class Account(Section):
    """What a worker may do: `writers` are the names of its Kafka transactions before the dot."""

    reads: tuple[str, ...] = pydantic.Field(default=(), strict=False)
    writes: tuple[str, ...] = pydantic.Field(default=(), strict=False)
    writers: tuple[str, ...] = pydantic.Field(default=(), strict=False)
    stores: Stores = ""


class Accounts(Section):
    """Every account by the name of its worker."""

    accounts: dict[str, Account]


def read_accounts(topics: Topics, folder: Path | None = None) -> dict[str, Account]:
    """Return the accounts, `*` written out; raises SettingsError, also for a topic that topics.yaml does not have."""
    path = path_of(folder, FILE)
    try:
        read = Accounts.model_validate(yaml_values(path)).accounts
    except pydantic.ValidationError as error:
        raise refusal(path, error) from error
    for name, account in read.items():
        unknown = sorted({*account.reads, *account.writes} - {*topics.topics, ALL})
        if unknown:
            raise SettingsError(
                f"{path}: account {name} names {', '.join(unknown)}; topics.yaml has {', '.join(topics.topics)}"
            )
    return {name: _written_out(account, topics) for name, account in read.items()}


def _written_out(account: Account, topics: Topics) -> Account:
    every = tuple(topics.topics)
    return account.model_copy(
        update={
            "reads": every if ALL in account.reads else account.reads,
            "writes": every if ALL in account.writes else account.writes,
        }
    )
