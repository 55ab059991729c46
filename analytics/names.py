"""Names of people, companies and vessels, brought to words that can be compared."""

import re
import unicodedata
from typing import NamedTuple

_LETTERS = str.maketrans(
    {
        "Ø": "O",
        "Ł": "L",
        "Đ": "D",
        "Ð": "D",
        "Þ": "TH",
        "ẞ": "SS",
        "Æ": "AE",
        "Œ": "OE",
        "İ": "I",
    }
    | dict(zip("АБВГДЕЗИІКЛМНОПРСТУФЫЭЄЈҐ", "ABVGDEZIIKLMNOPRSTUFYEEJG", strict=True))
    | dict(
        zip("ЖХЦЧШЮЯЂЉЊЏ", ("ZH", "KH", "TS", "CH", "SH", "YU", "YA", "DJ", "LJ", "NJ", "DZ"), strict=True)
    )
    | {"Щ": "SHCH", "Ъ": "", "\u042c": ""}
    | dict(zip("ΑΒΓΔΕΖΗΙΚΛΜΝΞΟΠΡΣΤΥΦΩ", "AVGDEZIIKLMNXOPRSTYFO", strict=True))
    | {"Θ": "TH", "\u03a7": "CH", "Ψ": "PS"}
)
_SILENT = re.compile("['`\"\u2019\u2018\u00b4\u02bf\u02be\u02bc\u201c\u201d]")
_INITIALS = re.compile(
    r"(?<![A-Z0-9])(?:(?:[A-Z]\.){2,}|(?:[A-Z]\.\s?){2,}$)(?![A-Z0-9])|(?<![A-Z0-9])[A-Z](?:/[A-Z])+(?![A-Z0-9])"
)
_BETWEEN = re.compile(r"[^A-Z0-9]+")

_LEGAL_FORMS = {
    "LTD": "LTD LIMITED LTDA LIMITADA LDA PLC",
    "CO": "CO COMPANY COMPANIES CIA COMPANIA COMPAGNIE KOMPANIYA",
    "INC": "INC INCORPORATED INCORPORATION",
    "CORP": "CORP CORPORATION CORPORACION",
    "LLC": "LLC LLP LP OOO SRL SARL SPRL FZE FZC FZCO",
    "SA": "SA SAS AG GMBH BV NV SPA AB AS OY OAO ZAO PAO AO PJSC JSC OJSC SAL SAE SDN BHD KG CV PTY PTE PT TIC SAN STI",
}
LEGAL_FORMS = {word: form for form, words in _LEGAL_FORMS.items() for word in words.split()}
"""A word of a legal form and what stands for it; two forms of one kind are the same word."""
_LONG_FORMS = (
    (re.compile(r"\bS(?:OCIEDAD)? ?A(?:NONIMA)? DE C(?:APITAL)? ?V(?:ARIABLE)?\b"), "SA"),
    (re.compile(r"\b(?:OPEN |PUBLIC |CLOSED )?JOINT STOCK CO(?:MPANY)?\b"), "JSC"),
    (re.compile(r"\bLIMITED LIABILITY CO(?:MPANY)?\b"), "LLC"),
    (re.compile(r"\bSOCIEDAD ANONIMA\b"), "SA"),
    (re.compile(r"\bSDN BHD\b"), "SDN"),
)
_LITTLE_WORDS = (
    "AL EL UL AD AR AS AZ AN BIN BEN IBN BINT ABD DE DEL DI DA DO DOS DAS LA LE LES LAS LOS DER VAN VON DEN Y E THE OF",
    "AND FOR ET UND I TO IN ON MR MRS MS DR SIR HAJI HAJJI SHEIKH SHAYKH MULLAH MAULAVI MAWLAWI GENERAL COLONEL",
)
_SHORT_WORDS = {
    short: word
    for word, shorts in {
        "INTERNATIONAL": "INTL INTERNATL",
        "TRADING": "TRDG TRD",
        "GENERAL": "GEN GENL",
        "INDUSTRIAL": "INDL",
        "INDUSTRIES": "INDS",
        "MANUFACTURING": "MFG",
        "ENGINEERING": "ENGG ENGRG",
        "TRANSPORT": "TRANSP",
        "NATIONAL": "NATL",
        "COMMERCIAL": "COMML",
        "DEVELOPMENT": "DEVT",
        "SERVICES": "SVCS SVS",
        "BROTHERS": "BROS",
        "ENTERPRISES": "ENTPR",
        "BANK": "BK",
        "MINISTRY": "MIN",
        "ORGANIZATION": "ORG ORGN ORGANISATION",
        "ASSOCIATION": "ASSN ASSOC",
    }.items()
    for short in shorts.split()
}
PARTICLES = frozenset(word for words in _LITTLE_WORDS for word in words.split())
"""Words that a spelling has or leaves out: articles, prepositions, titles."""

_SOUNDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(spelling), said)
    for spelling, said in (
        ("TSCH|TCH|SCH|CZ|CH|SH", "S"),
        ("DZH|DJ|ZH", "J"),
        ("KH|GH", "H"),
        ("PH", "F"),
        ("DH", "D"),
        ("TH", "T"),
        ("CK|Q|C", "K"),
        ("X", "KS"),
        ("W", "V"),
        ("Z", "S"),
        ("AY|AI|AE|EY|EI|EE|YE|YI|IY|IE|Y|E", "I"),
        ("OU|OO|O", "U"),
    )
)
_TWICE = re.compile(r"(.)\1+")
_LAST_SOUNDLESS = re.compile(r"(?<=..)H$")


class Name(NamedTuple):
    """A name in comparable words, legal forms apart.

    `joined` is the words without spaces, `turned` the same with what follows a comma first.
    """

    words: tuple[str, ...]
    forms: tuple[str, ...]
    joined: str
    turned: str


def folded(text: str) -> str:
    """Return a text in capitals of A to Z and digits, without accents, words parted by one space.

    Cyrillic and Greek letters are transliterated; a text in other scripts comes to nothing.
    """
    capitals = unicodedata.normalize("NFKD", text.replace("\u0131", "I").upper())
    bare = "".join(letter for letter in capitals if not unicodedata.combining(letter)).translate(_LETTERS)
    plain = _SILENT.sub("", bare)
    plain = _INITIALS.sub(
        lambda found: re.sub(r"[^A-Z]", "", found.group()) + " ", plain.replace("&", " AND ")
    )
    return _BETWEEN.sub(" ", plain).strip()


def comparable(text: str) -> Name:
    """Return the comparable words of a name; a name of nothing but legal forms keeps them as its words.

    What stands in brackets, such as an abbreviation, counts like the rest. A comma between surname and given names
    says nothing here: words are compared in any order.
    """
    words, forms = _parted(text)
    before, comma, after = text.partition(",")
    turned = words if not comma else (*_parted(after)[0], *_parted(before)[0])
    joined = "".join(words or forms)
    return Name(words or forms, forms if words else (), joined, "".join(turned) or joined)


def _parted(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words of a name and its legal forms, abbreviations written out."""
    plain = folded(text)
    for long_form, form in _LONG_FORMS:
        plain = long_form.sub(form, plain)
    parts = [_SHORT_WORDS.get(part, part) for part in plain.split()]
    words = tuple(part for part in parts if part not in LEGAL_FORMS)
    if not words:
        return (), tuple(parts)
    return words, tuple(LEGAL_FORMS[part] for part in parts if part in LEGAL_FORMS)


def sound(word: str) -> str:
    """Return how a folded word is said, coarsely: transliterations of one word are nearer to each other by sound.

    HUSSEIN and HUSAYN have one sound, as have QADDAFI and KADHAFI; HASSAN has another. A word with digits is its own.
    """
    if any(letter.isdigit() for letter in word):
        return word
    said = _LAST_SOUNDLESS.sub("", word)
    for spelling, by in _SOUNDS:
        said = spelling.sub(by, said)
    return _TWICE.sub(r"\1", said)
