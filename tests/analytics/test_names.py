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
        ("\u0421\u0435\u0440\u0433\u0435\u0439 \u0416\u0443\u043a\u043e\u0432", "SERGEI ZHUKOV"),
        ("\u039d\u03af\u03ba\u03bf\u03c2", "NIKOS"),
        ("\u738b\u4f1f", ""),
        ("Amir R. M. Ubaidi", "AMIR R M UBAIDI"),
        ("Alpha L. L. C.", "ALPHA LLC"),
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
    assert comparable("Alpha Beta Co., Ltd.") == Name(
        ("ALPHA", "BETA"), ("CO", "LTD"), "ALPHABETA", "ALPHABETA"
    )
    assert comparable("Limited") == Name(("LIMITED",), (), "LIMITED", "LIMITED")


def test_what_follows_a_comma_may_come_first_where_words_are_joined():
    assert comparable("ROE DOE, Jane, Jr").turned == "JANEJRROEDOE"
    assert comparable("Zeta, Ltd.").turned == "ZETA"


def test_abbreviations_of_trade_stand_for_their_words():
    assert comparable("Synergy Gen Trdg Intl") == comparable("SYNERGY GENERAL TRADING INTERNATIONAL")


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
