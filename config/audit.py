"""The audit trail as audit.yaml has it: heads, anchors, personal fields and retention, and where its keys lie."""

import os
from pathlib import Path
from typing import Literal

import pydantic

from config.sections import Section
from config.settings import SettingsError, path_of, refusal, yaml_values
from connectors.lake.schemas import DECISIONS, record_columns

FILE = "audit.yaml"
HOME = "ITA_AUDIT_HOME"
KEY = "signing.pem"
PEOPLE = "people"
ROLES = ("dba", "compliance", "auditor")
"""Who disposes of files: who asks, and who approves (standards.md 7.2)."""
Lock = Literal["compliance", "governance", "none"]


class Heads(Section):
    """When tree heads are made."""

    rows: int = pydantic.Field(default=1_000, ge=1)
    seconds: float = pydantic.Field(default=60.0, gt=0, strict=False)


class Anchoring(Section):
    """Where heads are anchored besides, how soon, and how an object store locks them."""

    place: str = ""
    seconds: float = pydantic.Field(default=60.0, gt=0, strict=False)
    lock: Lock = "compliance"
    lock_days: int = pydantic.Field(default=2_557, ge=1)


class Persons(Section):
    """Who asks that files be disposed of (dba), and who has to approve it, by role; nobody has two of them."""

    dba: tuple[str, ...] = pydantic.Field(default=(), strict=False)
    compliance: tuple[str, ...] = pydantic.Field(default=(), strict=False)
    auditor: tuple[str, ...] = pydantic.Field(default=(), strict=False)

    @pydantic.model_validator(mode="after")
    def _one_role_each(self) -> "Persons":
        named = [*self.dba, *self.compliance, *self.auditor]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(
                f"who disposes and who approves are different persons; {twice[0]!r} has two roles"
            )
        return self

    @property
    def roles(self) -> dict[str, str]:
        """Return the role of each person."""
        return {
            name: role
            for role, names in zip(ROLES, (self.dba, self.compliance, self.auditor), strict=True)
            for name in names
        }


class Retention(Section):
    """How old files of rows are before they may leave the run's folder for `archive`, and before they may be destroyed.

    `holds` are matters for which everything has to be kept: while there is one, nothing is disposed of.
    """

    days: int = pydantic.Field(default=2_557, ge=1)
    at_hand_days: int = pydantic.Field(default=731, ge=0)
    archive: str = ""
    holds: tuple[str, ...] = pydantic.Field(default=(), strict=False)
    persons: Persons = Persons()


class AuditSettings(Section):
    """All of audit.yaml."""

    home: str = "~/.config/ita/audit"
    heads: Heads = Heads()
    anchors: Anchoring = Anchoring()
    personal: dict[str, tuple[str, ...]] = pydantic.Field(default={"risk.controls": ("who",)}, strict=False)
    retention: Retention = Retention()

    @pydantic.field_validator("personal", mode="before")
    @classmethod
    def _in_tuples(cls, personal: object) -> object:
        if not isinstance(personal, dict):
            return personal
        return {
            topic: tuple(names) if isinstance(names, list) else names for topic, names in personal.items()
        }

    @property
    def place(self) -> Path:
        """Return the folder of the keys."""
        return Path(os.environ.get(HOME) or self.home).expanduser()

    @property
    def key(self) -> Path:
        """Return where the signing key lies."""
        return self.place / KEY

    @property
    def people(self) -> Path:
        """Return where the keys of persons lie."""
        return self.place / PEOPLE


def read_audit(folder: Path | None = None) -> AuditSettings:
    """Return how the audit trail is kept; raises SettingsError with the place, what was given, and what is allowed."""
    path = path_of(folder, FILE)
    try:
        settings = AuditSettings.model_validate(yaml_values(path))
    except pydantic.ValidationError as error:
        raise refusal(path, error) from error
    for topic, fields in settings.personal.items():
        if topic not in DECISIONS:
            raise SettingsError(
                f"{path}: personal.{topic} is no decision topic; they are {', '.join(DECISIONS)}"
            )
        known = [name for name, _, kind in record_columns(DECISIONS[topic]) if kind is str]
        for name in fields:
            if name not in known:
                raise SettingsError(
                    f"{path}: personal.{topic}: {name!r} is no text of that topic; it has {', '.join(known)}"
                )
    return settings
