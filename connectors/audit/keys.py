"""The key that signs tree heads: Ed25519, made by a person's command, outside every run, readable by its owner only.

The public key lies beside it as `<name>.pub`; whoever checks needs that one, from a place that the desk cannot write.
A head names its key by the first 16 digits of SHA-256 over the 32 bytes of the public key.
"""

import hashlib
import os
import stat
from pathlib import Path
from secrets import token_hex

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

OWNER_ONLY = 0o600
PUBLIC = ".pub"


class KeyRefused(RuntimeError):
    """A signing key cannot be made or used: says why, and what to do."""


class SigningKey:
    """A private key with its name."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = key_id(key.public_key())

    def sign(self, message: bytes) -> bytes:
        """Return the signature (64 bytes)."""
        return self._key.sign(message)


def key_id(key: Ed25519PublicKey) -> str:
    """Return the name of a public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def create_key(path: Path, *, inside: Path | None = None) -> SigningKey:
    """Make a key at `path`, with its public half beside it; raises KeyRefused where a key is there already.

    `inside` is a folder that must not hold it, that of a run.
    """
    if inside is not None and path.absolute().is_relative_to(inside.absolute()):
        raise KeyRefused(
            f"{path} lies in {inside}: who can change the log could sign it; choose a place outside"
        )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        write_secret(path, secret)
    except FileExistsError as there:
        raise KeyRefused(
            f"{path} holds a key already, and heads that it signed are checked with it; name another place to make a "
            f"new one"
        ) from there
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.with_name(path.name + PUBLIC).write_bytes(public)
    return SigningKey(key)


def write_secret(path: Path, secret: bytes) -> None:
    """Write a new file that only its owner may read, whole; raises FileExistsError where there is one."""
    making = path.with_name(f".{path.name}.{os.getpid()}.{token_hex(4)}")
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        os.link(making, path)
    finally:
        making.unlink()


def read_key(path: Path) -> SigningKey:
    """Return the key of a file; raises KeyRefused where it is none, or where others may read it."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise KeyRefused(
                f"{path} may be read by others (mode {mode:04o}); chmod 600 it, or make a new one with "
                f"`ita audit key --create`"
            )
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise KeyRefused(
            f"{path} cannot be read ({error.strerror}); `ita audit key --create` makes one"
        ) from error
    except (ValueError, TypeError) as error:
        raise KeyRefused(f"{path} holds no private key in PEM ({error})") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyRefused(f"{path} holds a key that is not Ed25519; `ita audit key --create` makes one")
    return SigningKey(key)


class PublicKeys:
    """Public keys that are trusted, by their names."""

    def __init__(self, *paths: Path) -> None:
        self._keys = {key_id(key): key for key in map(_public, paths)}

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self._keys)

    def knows(self, name: str) -> bool:
        """Say whether a key of that name is trusted."""
        return name in self._keys

    def has_signed(self, name: str, signature: bytes, message: bytes) -> bool:
        """Say whether the trusted key of that name made a signature."""
        key = self._keys.get(name)
        if key is None:
            return False
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def _public(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise KeyRefused(f"public key {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeyRefused(f"{path} holds no public key in PEM ({error})") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyRefused(f"{path} holds a public key that is not Ed25519")
    return key
