"""Listed names are found however they are written, and names of others are not (PT-43)."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.screening import THRESHOLD, Hit, NameIndex, digest
from benchmarks.screening import made_up, table
from benchmarks.screening_pairs import labelled
from connectors.files.name_lists import read_lists
from domain.sanctions import Listed

LISTS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "restricted_lists"
LISTED = (
    Listed("L", "1", "MADURO MOROS, Nicolas", "primary", "individual", "P"),
    Listed("L", "2", "BANCO NACIONAL DE CUBA", "primary", "entity"),
    Listed("L", "2", "NATIONAL BANK OF CUBA", "aka", "entity"),
    Listed("L", "2", "BNC", "weak", "entity"),
    Listed("L", "3", "SABRINA", "primary", "vessel"),
    Listed("L", "4", "AEROCARIBBEAN AIRLINES", "primary", "entity"),
    Listed("L", "5", "AL-HUSSEIN, Mohammed Ali", "primary", "individual"),
)
INDEX = NameIndex([*LISTED, *made_up(200, 3)])


@pytest.mark.parametrize(
    ("name", "entry", "how", "score"),
    [
        ("Banco Nacional de Cuba", "2", "exact", 1.0),
        ("nicolas maduro moros", "1", "exact", 1.0),
        ("National Bank of Cuba", "2", "alternative", 1.0),
        ("BNC", "2", "alternative", 1.0),
        ("Sabrina", "3", "exact", 1.0),
    ],
)
def test_the_same_words_are_a_hit_of_one(name, entry, how, score):
    hits = INDEX.search(name)

    assert [(hit.listed.entry_id, hit.how, hit.score) for hit in hits] == [(entry, how, score)]


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("Nicolás Maduro", "1"),
        ("Nicolas Maduro Moross", "1"),
        ("AERO CARIBBEAN AIRLINES", "4"),
        ("Aerocaribean Airlines Ltd", "4"),
        ("Muhammad Ali Husayn", "5"),
        ("Banco Nasional de Cuba S.A.", "2"),
    ],
)
def test_other_spellings_are_a_fuzzy_hit(name, entry):
    first = INDEX.search(name)[0]

    assert (first.listed.entry_id, first.how) == (entry, "fuzzy")
    assert THRESHOLD <= first.score < 1.0


@pytest.mark.parametrize(
    "name", ["Nicolas Sarkozy", "Sabrina Ltd", "BNK", "Banco de Chile", "", "...", "Cuba"]
)
def test_names_of_others_are_no_hit(name):
    assert INDEX.search(name) == []


def test_an_entry_is_told_once_by_its_best_name():
    assert INDEX.search("BANCO NACIONAL DE CUBA", threshold=0.5, most=1) == [Hit(LISTED[1], 1.0, "exact")]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(LISTED[:3]), st.randoms(use_true_random=False))
def test_case_and_order_of_words_change_no_score(listed, moments):
    words = listed.name.replace(",", "").split()
    moments.shuffle(words)
    name = " ".join(word.lower() if moments.random() < 0.5 else word for word in words)

    assert INDEX.search(name)[0].score == 1.0


def test_a_digest_names_what_a_list_says_in_any_order():
    mixed = list(LISTED)
    random.Random(1).shuffle(mixed)

    assert digest(mixed) == digest(LISTED)
    assert digest(mixed) != digest(LISTED[1:])


@pytest.mark.skipif(not LISTS.is_dir(), reason="../shared/data/restricted_lists is not there")
def test_misspelt_names_of_the_published_list_are_found_and_strangers_are_not():
    listed = [one for part in read_lists(LISTS / "sdn.csv.gz") for one in part.listed]
    pairs = labelled(listed, 15, 11)
    index = NameIndex(listed)

    _, recall, precision = table(
        pairs, [{hit.listed.entry_id for hit in index.search(pair.name)} for pair in pairs]
    )

    assert recall > 0.92
    assert precision > 0.95
