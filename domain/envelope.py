"""The envelope of every record: when it happened, when it was knowable, where it came from, and its lasting name."""

import hashlib
from collections.abc import Iterable

import msgspec

SCHEMA_VERSION = 1


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What every record of the decision plane carries.

    Instants are ns UTC. `sequence` counts within `source`. `record_id` is a function of the inputs, never random.
    """

    event_at: int
    known_at: int
    received_at: int
    source: str
    sequence: int
    record_id: str
    schema_version: int = SCHEMA_VERSION


def record_id(*parts: object) -> str:
    """Return the lasting name made of `parts`; the same parts give the same name on every run and machine."""
    return hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=12).hexdigest()


def canonical_bytes(records: Iterable[msgspec.Struct]) -> bytes:
    """Return records as JSON lines with sorted keys: equal records are equal bytes."""
    return b"\n".join(msgspec.json.encode(record, order="sorted") for record in records)
