"""Signed tree heads: how large a writer's log is, the root over its rows, and who says so.

A head is a line of canonical JSON in `heads.jsonl` beside the rows. What is signed is the line without `signature`, so
a head can be checked with nothing but its own bytes and the public key. Without a key, heads are there and say
`key_id` "": they bind nobody, and a check says so. In place of a signature they carry the SHA-256 of what one would
cover, so that a head that was damaged is found; those of earlier versions carry nothing.
"""

import os
from base64 import b64decode, b64encode
from binascii import Error
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import UNSET, UnsetType

from connectors.audit.keys import PublicKeys, SigningKey
from connectors.audit.rows import AuditDamaged

HEADS = "heads.jsonl"


class TreeHead(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a writer's log at `timestamp` (ns UTC): `root` over `tree_size` rows, `last_hash` of the last.

    `signature` is Ed25519 over the head without it, in base64; `key_id` names the key. Where `key_id` is "", it is the
    SHA-256 of the same bytes. `number` is its place among the writer's heads, counted from 1, so that one that was
    taken out is missed; heads of earlier versions have none.
    """

    writer: str
    tree_size: int
    root: str
    last_hash: str
    timestamp: int
    key_id: str = ""
    signature: str = ""
    number: int | UnsetType = UNSET


def canonical(record: object) -> bytes:
    """Return a record as canonical JSON."""
    return msgspec.json.encode(record, order="sorted")


def signed_part(head: TreeHead) -> bytes:
    """Return the bytes that a signature covers."""
    fields = msgspec.structs.asdict(head)
    return canonical(
        {name: value for name, value in fields.items() if name != "signature" and value is not UNSET}
    )


def signed(head: TreeHead, key: SigningKey | None) -> TreeHead:
    """Return a head with a signature, or with a checksum where there is no key."""
    if key is None:
        named = msgspec.structs.replace(head, key_id="")
        return msgspec.structs.replace(named, signature=_checksum(named))
    named = msgspec.structs.replace(head, key_id=key.key_id)
    return msgspec.structs.replace(named, signature=b64encode(key.sign(signed_part(named))).decode())


def _checksum(head: TreeHead) -> str:
    return b64encode(sha256(signed_part(head)).digest()).decode()


def is_damaged(head: TreeHead) -> bool:
    """Say whether a head that no key has signed is not as it was made."""
    return not head.key_id and head.signature not in ("", _checksum(head))


def is_signed(head: TreeHead, keys: PublicKeys) -> bool:
    """Say whether a trusted key has signed a head; a signature that is written in another way is none."""
    try:
        signature = b64decode(head.signature, validate=True)
    except (Error, ValueError):
        return False
    if b64encode(signature).decode() != head.signature:
        return False
    return keys.has_signed(head.key_id, signature, signed_part(head))


def read_heads(folder: Path) -> list[TreeHead]:
    """Return the heads of a writer, in order; raises AuditDamaged where a line is none.

    A last line without its end was being written when a process was killed, and is left out.
    """
    path = folder / HEADS
    if not path.exists():
        return []
    heads: list[TreeHead] = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
        try:
            head = msgspec.json.decode(line, type=TreeHead)
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AuditDamaged(f"{path}:{number} is no tree head ({error}); restore the file") from error
        if canonical(head) != line:
            raise AuditDamaged(f"{path}:{number} is not written as a tree head is; restore the file")
        heads.append(head)
    return heads


class HeadFile:
    """Appends heads to a writer's `heads.jsonl`; its owner holds the writer's lock."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / HEADS
        heads = read_heads(folder)
        self.last, self.count = (heads[-1] if heads else None), len(heads)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        whole = self._path.read_bytes()
        os.ftruncate(self._descriptor, whole.rfind(b"\n") + 1)
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def append(self, head: TreeHead) -> None:
        """Write a head."""
        os.write(self._descriptor, canonical(head) + b"\n")
        self.last, self.count = head, self.count + 1

    def synchronise(self) -> None:
        """Force the heads to the disk."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._descriptor)
