"""Lists of names that hold for a desk: a published list, what was found of the desk's parties on it, and from when on.

A list travels whole: `published` packs it, `screened` compares the names of issuers, accounts and venues with it, which
may take a second and is done beside the flow, and `hold_list` lets the outcome hold. What is recorded is the outcome,
with the digests of the list and of the names that were compared, so that a replay needs neither.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Mapping, MutableMapping
from typing import NamedTuple

import msgspec

from analytics.screening import THRESHOLD, Hit, NameIndex, digest
from domain.envelope import record_id
from domain.instruments import Instrument
from domain.sanctions import Listed
from operators.compliance_facts import Facts

SCOPE = "list:"
SMALLER = "smaller"
SHRINKS_TO = 0.8
PACKED_MAX = 900_000
"""Bytes of a packed list; a message of Kafka holds a million."""
ENTRIES_OF_A_PARTY = 5

Parties = tuple[tuple[str, str], ...]


class Published(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list as it is given to a desk: `listed` are its rows, packed; `digest` says what it names."""

    version: str
    names: int
    digest: str
    threshold: float
    listed: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A party is named by an entry of a list: `how` exact, alternative or fuzzy, `score` from 0 to 1."""

    party: str
    name: str
    listed: str
    entry_id: str
    kind: str
    how: str
    score: float

    @property
    def certain(self) -> bool:
        """Say whether the names are the same, and the listed one is no weak alias."""
        return self.how != "fuzzy" and self.kind != "weak"


class Screened(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list as it was compared with `parties` names; `refused` says why it could not be."""

    version: str = ""
    names: int = 0
    digest: str = ""
    threshold: float = THRESHOLD
    parties: int = 0
    parties_digest: str = ""
    found: tuple[Found, ...] = ()
    refused: str = ""


class HeldList(NamedTuple):
    """A list that holds: its version and digest, how many names it has, and what was found, by party."""

    version: str
    digest: str
    names: int
    since_at: int
    found: Mapping[str, tuple[Found, ...]]


def parties_of(instruments: Iterable[Instrument], facts: Facts) -> Parties:
    """Return (party, name) of all whom the desk trades in, for or with, sorted: the input `parties`, and issuers."""
    named = {(row.party, row.name) for row in facts.rows.get("parties", ())}  # type: ignore[attr-defined]
    known = {party for party, _ in named}
    issuers = {(f"issuer:{each.issuer}", each.issuer) for each in instruments if each.issuer}
    return tuple(sorted(named | {pair for pair in issuers if pair[0] not in known}))


def parties_digest(parties: Parties) -> str:
    """Return what tells one set of parties from another."""
    return record_id("parties", json.dumps(parties))


def published(listed: Iterable[Listed], version: str, threshold: float) -> str:
    """Return a list as the details of a command; `version` is what names it, its digest where that is empty.

    Raises ValueError for a list without names, a threshold outside 0.5 to 1, and one too large for a message.
    """
    rows = tuple(listed)
    if not rows:
        raise ValueError("a list without names would screen nobody; nothing was loaded")
    if not 0.5 <= threshold <= 1:
        raise ValueError(f"a threshold is from 0.5 to 1; {threshold} was given")
    packed = base64.b64encode(zlib.compress(json.dumps(rows).encode(), 9)).decode()
    if len(packed) > PACKED_MAX:
        raise ValueError(
            f"the list takes {len(packed)} bytes packed, and {PACKED_MAX} are what a message holds; load its parts "
            "as lists of names of their own"
        )
    which = digest(rows)
    made = Published(
        version=version or which[:12], names=len(rows), digest=which, threshold=threshold, listed=packed
    )
    return msgspec.json.encode(made).decode()


def unpacked(details: str) -> tuple[Published, tuple[Listed, ...]]:
    """Return a list that was published; raises ValueError where anything of it is damaged."""
    try:
        given = msgspec.json.decode(details, type=Published)
        rows = msgspec.json.decode(zlib.decompress(base64.b64decode(given.listed, validate=True)))
        listed = tuple(Listed(*row) for row in rows)
        same = digest(listed) == given.digest
    except (msgspec.MsgspecError, binascii.Error, zlib.error, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"the list is damaged: {error}") from error
    if not listed or len(listed) != given.names or not same:
        raise ValueError(
            f"the list is damaged: {given.names} names with digest {given.digest[:12]} were announced, "
            f"{len(listed)} that do not come to it were found"
        )
    return given, listed


def screened(details: str, parties: Parties) -> str:
    """Return what a published list says of the parties, as details of the command; REFUSED where it is damaged."""
    try:
        given, listed = unpacked(details)
    except ValueError as error:
        return msgspec.json.encode(Screened(refused=str(error))).decode()
    index = NameIndex(listed)
    found = [
        _found(party, name, hit)
        for party, name in parties
        for hit in index.search(name, given.threshold, ENTRIES_OF_A_PARTY)
    ]
    made = Screened(
        version=given.version,
        names=given.names,
        digest=given.digest,
        threshold=given.threshold,
        parties=len(parties),
        parties_digest=parties_digest(parties),
        found=tuple(found),
    )
    return msgspec.json.encode(made).decode()


def _found(party: str, name: str, hit: Hit) -> Found:
    return Found(
        party=party,
        name=name,
        listed=hit.listed.name,
        entry_id=hit.listed.entry_id,
        kind=hit.listed.kind,
        how=hit.how,
        score=hit.score,
    )


def outcome_of(details: str) -> Screened:
    """Return what a screening has found; raises ValueError where it is none, or refused the list."""
    try:
        made = msgspec.json.decode(details, type=Screened)
    except msgspec.MsgspecError as error:
        raise ValueError(f"the list was not screened: {error}") from error
    if made.refused or not made.digest:
        raise ValueError(made.refused or "the list was not screened: it has no digest")
    return made


def hold_list(lists: MutableMapping[str, HeldList], scope: str, mode: str, details: str, at: int) -> Screened:
    """Let a list hold from an instant on (ns UTC), in place of all that the one of its name had said.

    Raises ValueError, and leaves the one of before, where the screening refused it, or where it has lost a fifth of
    its names or more and nobody said with mode `smaller` that this is meant: it may have been cut.
    """
    name = scope.removeprefix(SCOPE)
    if not scope.startswith(SCOPE) or not name:
        raise ValueError(f"a list is named {SCOPE}NAME; {scope!r} was given")
    made, before = outcome_of(details), lists.get(name)
    if before is not None and made.names < SHRINKS_TO * before.names and mode != SMALLER:
        raise ValueError(
            f"list {name} has {made.names} names, and version {before.version} that holds has {before.names}; "
            "it may have been cut. Load it as --smaller where that is meant"
        )
    found: dict[str, tuple[Found, ...]] = {}
    for each in made.found:
        found[each.party] = (*found.get(each.party, ()), each)
    lists[name] = HeldList(made.version, made.digest, made.names, at, found)
    return made
