"""Names are brought to words that do not depend on case, accents, order of initials or the wording of a legal form."""

import pytest

from analytics.names import Name, comparable, folded, sound


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Société Générale", "SOCIETE GENERALE"),
        ("Øresund A/S", "ORESUND AS"),
        ("ABU-MARZUQ, Sa'id", "ABU MARZUQ SAID"),
        ("S.A. Minera", "SA MINERA"),
        ("  Straße   9 ", "STRASSE 9"),
        ("I\u015f\u0131k", "ISIK"),
        ("A & B", "A AND B"),
        ("...", ""),
    ],
)
def test_a_text_is_folded_to_plain_capitals(text, plain):
    assert folded(text) == plain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Petrobarrancos, S.A. de C.V.", "PETROBARRANCOS SOCIEDAD ANONIMA DE CAPITAL VARIABLE"),
        ("Alpha Limited", "ALPHA LTD."),
        ("Zavod Open Joint Stock Company", "ZAVOD JSC"),
        ("Beta Corporation", "beta corp"),
    ],
)
def test_wordings_of_one_legal_form_are_the_same(one, other):
    assert comparable(one) == comparable(other)


def test_legal_forms_stand_apart_unless_they_are_all_there_is():
    assert comparable("Alpha Beta Co., Ltd.") == Name(("ALPHA", "BETA"), ("CO", "LTD"), "ALPHABETA")
    assert comparable("Limited") == Name(("LIMITED",), (), "LIMITED")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("HUSSEIN", "HUSAYN", True),
        ("QADDAFI", "KADHAFI", True),
        ("YOUSEF", "YUSUF", False),
        ("HASSAN", "HUSSEIN", False),
        ("B737", "B747", False),
    ],
)
def test_spellings_of_one_word_sound_alike(one, other, same):
    assert (sound(one) == sound(other)) is same
