"""Names of the published list, misspelt by rules that the index does not know, are found; namesakes by a word are not.

The pairs are made here from the OFAC list by a seed: for each kind a sample of people (surname, comma, given names) or
firms is rewritten by one rule. Those who are not listed are common given names beside surnames of the list, and firms
that share words with listed ones.
"""

import random
from pathlib import Path

import pytest

from analytics.screening import NameIndex
from connectors.files.name_lists import read_lists

SDN = Path(__file__).resolve().parents[3] / "shared" / "data" / "restricted_lists" / "sdn.csv.gz"
EACH = 12
CYRILLIC = dict(zip("ABVGDEZIKLMNOPRSTUFY", "АБВГДЕЗИКЛМНОПРСТУФЫ", strict=True))
SPELLINGS = (
    ("MOHAMMAD", "MOHAMED"),
    ("AHMAD", "AHMED"),
    ("HUSAYN", "HUSSAIN"),
    ("YUSUF", "YOUSSEF"),
    ("OU", "U"),
)
SHORT = {"INTERNATIONAL": "INTL", "TRADING": "TRDG", "GENERAL": "GEN", "INDUSTRIES": "INDS"}
GIVEN = ("Emma", "Carlos", "Lucia", "Priya", "Greta", "Oliver", "Sophie", "Thabo")
NOT_LISTED = (
    "Microsoft Corporation",
    "Delta Air Lines",
    "Gulf Oil International",
    "Red Sea Diving",
    "Al Noor Bakery",
)


def given_first(name):
    surname, given = name.split(",", 1)
    return f"{given.strip()} {surname}"


def respelt(name):
    text = given_first(name).upper()
    return next((text.replace(*pair, 1) for pair in SPELLINGS if pair[0] in text), "")


def initials(name):
    first, *others = name.split(",", 1)[1].split()
    return f"{first} {' '.join(other[0] + '.' for other in others)} {name.split(',')[0]}" if others else ""


def without_a_letter(name):
    text = given_first(name)
    return text[: len(text) // 2] + text[len(text) // 2 + 1 :] if len(text) > 12 else ""


def in_cyrillic(name):
    text = given_first(name).upper()
    return "".join(CYRILLIC.get(letter, letter) for letter in text) if set(text) <= {*CYRILLIC, " "} else ""


def abbreviated(name):
    text = name.upper()
    for word, short in SHORT.items():
        text = text.replace(word, short)
    return text if text != name.upper() else ""


PEOPLE = {
    "given names first": given_first,
    "spelt otherwise": respelt,
    "initials": initials,
    "a letter missing": without_a_letter,
    "without spaces": lambda name: given_first(name).replace(" ", ""),
    "first two joined": lambda name: given_first(name).replace(" ", "", 1),
    "with accents": lambda name: given_first(name).replace("a", "\u00e1").replace("o", "\u00f6"),
    "in Cyrillic": in_cyrillic,
    "with a title": lambda name: f"Dr. {given_first(name)}",
}
FIRMS = {
    "abbreviated": abbreviated,
    "another legal form": lambda name: f"{name} GmbH",
    "first two joined": lambda name: name.replace(" ", "", 1),
    "with an article": lambda name: f"The {name}",
}


@pytest.fixture(scope="module")
def listed():
    if not SDN.exists():
        pytest.skip(f"the list of OFAC is not at {SDN}")
    return [
        one for part in read_lists(SDN) for one in part.listed if one.kind == "primary" and one.name.isascii()
    ]


@pytest.fixture(scope="module")
def index(listed):
    return NameIndex(listed)


def share_found(index, pool, rule):
    chance, found, tried = random.Random(4242), 0, 0
    for one in chance.sample(pool, len(pool)):
        text = rule(one.name)
        if text and tried < EACH:
            tried += 1
            found += any(hit.listed.entry_id == one.entry_id for hit in index.search(text))
    assert tried == EACH
    return found / tried


@pytest.mark.parametrize("kind", PEOPLE)
def test_people_are_found(listed, index, kind):
    people = [one for one in listed if one.party_type == "individual" and "," in one.name]

    assert share_found(index, people, PEOPLE[kind]) >= 0.9


@pytest.mark.parametrize("kind", FIRMS)
def test_firms_are_found(listed, index, kind):
    firms = [one for one in listed if one.party_type == "entity" and len(one.name.split()) > 2]

    assert share_found(index, firms, FIRMS[kind]) >= 0.9


def test_who_shares_a_surname_or_a_word_is_not_taken_for_a_listed_one(listed, index):
    surnames = [
        one.name.split(",")[0] for one in listed if one.party_type == "individual" and "," in one.name
    ]
    chance = random.Random(4243)
    others = [f"{chance.choice(GIVEN)} {chance.choice(surnames).title()}" for _ in range(60)]

    alarms = [name for name in (*others, *NOT_LISTED) if index.search(name)]

    assert len(alarms) <= 3, alarms
