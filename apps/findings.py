"""What a look at one thing found: how it is, in words, and what to do about it."""

from enum import StrEnum

import msgspec


class Health(StrEnum):
    """How a thing is: well, worth a look, or in the way of a run."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a diagnosis; `remedy` says what to do where the health is not ok."""

    subject: str
    health: Health
    words: str
    remedy: str = ""


def well(subject: str, words: str) -> Finding:
    """Return that a thing is as it should be."""
    return Finding(subject=subject, health=Health.OK, words=words)


def doubtful(subject: str, words: str, remedy: str) -> Finding:
    """Return that a thing is worth a look, and what to do."""
    return Finding(subject=subject, health=Health.WARN, words=words, remedy=remedy)


def broken(subject: str, words: str, remedy: str) -> Finding:
    """Return that a thing stands in the way of a run, and what to do."""
    return Finding(subject=subject, health=Health.FAIL, words=words, remedy=remedy)
