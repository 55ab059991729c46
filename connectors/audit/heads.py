"""Signed tree heads: how large a writer's log is, the root over its rows, and who says so.

A head is a line of canonical JSON in `heads.jsonl` beside the rows. What is signed is the line without `signature`, so
a head can be checked with nothing but its own bytes and the public key. Without a key, heads are there and say
`key_id` "": they bind nobody, and a check says so.
"""

import os
from base64 import b64decode, b64encode
from binascii import Error
from pathlib import Path

import msgspec

from connectors.audit.keys import PublicKeys, SigningKey
from connectors.audit.rows import AuditDamaged

HEADS = "heads.jsonl"


class TreeHead(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a writer's log at `timestamp` (ns UTC): `root` over `tree_size` rows, `last_hash` of the last.

    `signature` is Ed25519 over the head without it, in base64; `key_id` names the key.
    """

    writer: str
    tree_size: int
    root: str
    last_hash: str
    timestamp: int
    key_id: str = ""
    signature: str = ""


def canonical(record: object) -> bytes:
    """Return a record as canonical JSON."""
    return msgspec.json.encode(record, order="sorted")


def signed_part(head: TreeHead) -> bytes:
    """Return the bytes that a signature covers."""
    fields = msgspec.structs.asdict(head)
    del fields["signature"]
    return canonical(fields)


def signed(head: TreeHead, key: SigningKey | None) -> TreeHead:
    """Return a head with a signature, or without one where there is no key."""
    if key is None:
        return head
    named = msgspec.structs.replace(head, key_id=key.key_id)
    return msgspec.structs.replace(named, signature=b64encode(key.sign(signed_part(named))).decode())


def is_signed(head: TreeHead, keys: PublicKeys) -> bool:
    """Say whether a trusted key has signed a head."""
    try:
        signature = b64decode(head.signature, validate=True)
    except (Error, ValueError):
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
            heads.append(msgspec.json.decode(line, type=TreeHead))
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise AuditDamaged(f"{path}:{number} is no tree head ({error}); restore the file") from error
    return heads


class HeadFile:
    """Appends heads to a writer's `heads.jsonl`; its owner holds the writer's lock."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / HEADS
        heads = read_heads(folder)
        self.last = heads[-1] if heads else None
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        whole = self._path.read_bytes()
        os.ftruncate(self._descriptor, whole.rfind(b"\n") + 1)
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def append(self, head: TreeHead) -> None:
        """Write a head."""
        os.write(self._descriptor, canonical(head) + b"\n")
        self.last = head

    def synchronise(self) -> None:
        """Force the heads to the disk."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._descriptor)
