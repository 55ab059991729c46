"""Personal data kept apart: what names a person stands in the log encrypted, under a key of that person alone.

A sealed field is `{"ciphertext": ..., "nonce": ..., "person": ...}`: AES-256-GCM, bound to the event and the field that
it stands in. The hash of a row covers the ciphertext, so that erasing a person's key makes the data unreadable for
good and breaks no chain (standards.md 4.2, item 6). `person` tells the same person from others and is made from the
key: once that is gone, nobody can find out whose it was. The keys lie in a folder of their own, outside every run.

The nonce follows from key, event and field: the same fact is sealed to the same bytes, as a log that is written again
after a restart needs, and two facts never share one.
"""

import hmac
import logging
import os
import secrets
from base64 import b64decode, b64encode
from binascii import Error
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.audit.keys import write_secret

SALT = "salt"
SUFFIX = ".key"
KEY_BYTES = 32
NONCE_BYTES = 12
SEALED = frozenset({"ciphertext", "nonce", "person"})
ERASED = "(erased)"

_log = logging.getLogger("ita.audit")


class Sealed(msgspec.Struct, frozen=True):
    """A field of personal data as the log holds it."""

    ciphertext: str
    nonce: str
    person: str


UNKEPT = Sealed("", "", "")


class _Key(NamedTuple):
    secret: bytes

    def derived(self, label: bytes, context: str = "") -> bytes:
        return hmac.digest(self.secret, label + b"\0" + context.encode(), "sha256")

    @property
    def person(self) -> str:
        return self.derived(b"person").hex()[:24]


class People:
    """The keys of persons in a folder, each in a file of its own that only its owner may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, _Key] = {}

    def seal(self, subject: str, context: str) -> Sealed:
        """Return what the log holds in place of a person's name; makes a key for one who has none.

        Where no key can be made the name is not kept, and the log says so: no order and no kill waits for a folder.
        """
        try:
            key = self._keys.get(subject) or self._keys.setdefault(subject, self._key(subject))
        except OSError as failure:
            _log.error(
                "%s cannot be written (%s), so a person is not named in the audit; set ITA_AUDIT_HOME",
                self._folder, failure.strerror,
            )  # fmt: skip
            return UNKEPT
        nonce = key.derived(b"nonce", context)[:NONCE_BYTES]
        sealed = AESGCM(key.derived(b"seal")).encrypt(nonce, subject.encode(), context.encode())
        return Sealed(b64encode(sealed).decode(), b64encode(nonce).decode(), key.person)

    def opened(self, sealed: Sealed, context: str) -> str:
        """Return whose name was sealed, `(erased)` where there is no key for it any more."""
        if sealed == UNKEPT:
            return "(not kept)"
        for path in self._files():
            key = _Key(bytes.fromhex(path.read_text()))
            if key.person != sealed.person:
                continue
            try:
                nonce, text = (b64decode(part, validate=True) for part in (sealed.nonce, sealed.ciphertext))
                return AESGCM(key.derived(b"seal")).decrypt(nonce, text, context.encode()).decode()
            except (InvalidTag, Error, ValueError):
                return "(unreadable)"
        return ERASED

    def erase(self, subject: str) -> str | None:
        """Destroy a person's key; return the name that the log has for the person, None where there is no key.

        The file is written over before it is taken away. Copies of the folder, such as backups, have to be made to
        forget it, too.
        """
        path = self._path(subject)
        self._keys.pop(subject, None)
        if not path.exists():
            return None
        person = _Key(bytes.fromhex(path.read_text())).person
        with path.open("r+b") as file:
            file.write(b"0" * (2 * KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        return person

    def _key(self, subject: str) -> _Key:
        path = self._path(subject)
        with suppress(FileExistsError):  # made before, perhaps by another process at this moment
            write_secret(path, secrets.token_hex(KEY_BYTES).encode())
        return _Key(bytes.fromhex(path.read_text()))

    def _path(self, subject: str) -> Path:
        """Return where a person's key lies; the file's name tells nothing to who has not the folder's salt."""
        salt = self._folder / SALT
        if not salt.exists():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with suppress(FileExistsError):
                write_secret(salt, secrets.token_hex(KEY_BYTES).encode())
        name = hmac.digest(bytes.fromhex(salt.read_text()), subject.encode(), "sha256").hex()
        return self._folder / f"{name}{SUFFIX}"

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{SUFFIX}")) if self._folder.is_dir() else []


def context_of(event_id: str, field: str) -> str:
    """Return what a sealed field is bound to."""
    return f"{event_id}|{field}"


def same_but_for_persons(one: bytes, other: bytes) -> bool:
    """Say whether two entries say the same, whoever the persons in them are: a key may have been erased meanwhile."""
    return bool(_blank(msgspec.json.decode(one)) == _blank(msgspec.json.decode(other)))


def _blank(value: Any) -> Any:
    if isinstance(value, dict):
        return None if value.keys() == SEALED else {name: _blank(part) for name, part in value.items()}
    return [_blank(part) for part in value] if isinstance(value, list) else value
