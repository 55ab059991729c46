"""Labelled pairs for name screening: listed names as people misspell them, and names of others."""

import random
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from analytics.names import LEGAL_FORMS, PARTICLES, folded
from domain.sanctions import Listed

SPELLINGS = (
    ("OU", "U"), ("U", "OU"), ("EE", "I"), ("I", "EE"), ("Y", "I"), ("I", "Y"), ("K", "Q"), ("Q", "K"), ("KH", "H"),
    ("O", "U"), ("U", "O"), ("E", "I"), ("A", "E"), ("E", "A"), ("V", "W"), ("W", "V"), ("F", "PH"), ("PH", "F"),
    ("S", "Z"), ("DH", "D"),
)  # fmt: skip
ACCENTS = str.maketrans("AEIOUNC", "ÁÉÍÓÚÑÇ")
FORMS = (
    ("LTD.", "LIMITED"),
    ("LTDA.", "LIMITADA"),
    ("CO.", "COMPANY"),
    ("CORP.", "CORPORATION"),
    ("INC.", "INCORPORATED"),
)
LONG_WORD = 5


class Pair(NamedTuple):
    """A name to screen; `entry_id` whom it means, empty for somebody who is not listed; `kind` how it was made."""

    name: str
    entry_id: str
    kind: str


def labelled(listed: Sequence[Listed], each: int, seed: int) -> list[Pair]:
    """Return `each` pairs of every kind: made from names of the list by a seed, and alike only by chance."""
    moments = random.Random(seed)
    strong = [name for name in listed if name.kind != "weak" and name.party_type in ("individual", "entity")]
    pairs: list[Pair] = []
    for kind, change in CHANGES.items():
        made = 0
        for one in moments.sample(strong, len(strong)):
            name = change(one.name, moments)
            if name is not None and folded(name) and name != one.name:
                pairs.append(Pair(name, one.entry_id, kind))
                made += 1
            if made == each:
                break
    there = {frozenset(folded(one.name).split()) for one in listed}
    for kind, strangers in (("other person", _other_person), ("other company", _other_company)):
        made = 0
        while made < each:
            name = strangers(strong, moments)
            if frozenset(folded(name).split()) not in there:
                pairs.append(Pair(name, "", kind))
                made += 1
    return pairs


def _typed(count: int) -> Callable[[str, random.Random], str | None]:
    def typed(name: str, moments: random.Random) -> str | None:
        for _ in range(count):
            words = [found for found in re.finditer("[A-Za-z]+", name) if len(found.group()) >= LONG_WORD]
            if not words:
                return None
            word = moments.choice(words)
            at = moments.randrange(word.start() + 1, word.end() - 1)
            what = moments.choice(("drop", "twice", "swap", "other"))
            there = {
                "drop": "",
                "twice": name[at] * 2,
                "swap": name[at + 1] + name[at],
                "other": moments.choice("abcdefghijklmnopqrstuvwxyz"),
            }[what]
            name = name[:at] + there + name[at + (2 if what == "swap" else 1) :]
        return name

    return typed


def _turned(name: str, _: random.Random) -> str | None:
    surname, comma, given = name.partition(", ")
    return (
        f"{given} {surname}"
        if comma and not any(word in LEGAL_FORMS for word in folded(given).split())
        else None
    )


def _shorter(name: str, moments: random.Random) -> str | None:
    surname, comma, given = name.partition(", ")
    words = given.split()
    if not comma or len(words) < 2 or any(word in LEGAL_FORMS for word in folded(given).split()):
        return None
    words.pop(moments.randrange(1, len(words)))
    return f"{' '.join(words)} {surname}"


def _respelt(name: str, moments: random.Random) -> str | None:
    capitals = name.upper()
    fitting = [(old, new) for old, new in SPELLINGS if re.search(f"(?<=[A-Z]){old}", capitals)]
    if not fitting:
        return None
    for old, new in moments.sample(fitting, min(2, len(fitting))):
        places = [found.start() for found in re.finditer(f"(?<=[A-Z]){old}", capitals)]
        if places:
            at = moments.choice(places)
            capitals = capitals[:at] + new + capitals[at + len(old) :]
    return capitals


def _accented(name: str, moments: random.Random) -> str | None:
    places = [at for at, letter in enumerate(name.upper()) if letter in "AEIOUNC"]
    chosen = set(moments.sample(places, min(3, len(places))))
    return "".join(
        letter.upper().translate(ACCENTS) if at in chosen else letter for at, letter in enumerate(name)
    )


def _spaced(name: str, moments: random.Random) -> str | None:
    places = [found.start() for found in re.finditer("[ -](?=[A-Z])", name) if "," not in name]
    return None if not places else name[: (at := moments.choice(places))] + name[at + 1 :]


def _formed(name: str, _: random.Random) -> str | None:
    for short, long in FORMS:
        if name.endswith(" " + short):
            return name[: -len(short)] + long
    return None


CHANGES: dict[str, Callable[[str, random.Random], str | None]] = {
    "as listed, other case": lambda name, _: name.title() if name.title() != name else None,
    "given name first": _turned,
    "a given name left out": _shorter,
    "one typing error": _typed(1),
    "two typing errors": _typed(2),
    "other transliteration": _respelt,
    "accents": _accented,
    "a space left out": _spaced,
    "other legal form": _formed,
}


def _other_person(listed: Sequence[Listed], moments: random.Random) -> str:
    people = [moments.choice(listed) for _ in range(40)]
    people = [one for one in people if one.party_type == "individual" and ", " in one.name]
    return f"{people[0].name.partition(', ')[2].split()[0]} {people[1].name.partition(', ')[0]}"


def _other_company(listed: Sequence[Listed], moments: random.Random) -> str:
    """Return a company with the last words of one that is listed and the first of another."""
    companies = [
        words
        for one in (moments.choice(listed) for _ in range(60))
        if one.party_type == "entity"
        and len(words := [word for word in folded(one.name).split() if word not in PARTICLES]) > 1
    ]
    return " ".join((companies[0][0], *companies[1][1:]))
