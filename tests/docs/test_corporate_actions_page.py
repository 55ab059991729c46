"""The page on corporate actions: its file is one that is read, and its words are those of the code."""

import re
from pathlib import Path

import pytest

from connectors.files.action_rows import WORDS, read_all_actions
from domain.corporate_actions import ActionKind

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "corporate-actions.md").read_text()
NORMALISE = (Path(__file__).resolve().parents[2] / "operators" / "normalise.py").read_text()


def test_the_file_of_the_page_is_read_as_it_says(tmp_path):
    path = tmp_path / "actions.csv"
    path.write_text(re.findall(r"```\n(instrument,.*?)```", PAGE, re.DOTALL)[0])

    read = [(one.instrument, one.kind, one.amount, one.ratio, one.into) for one in read_all_actions(path)]

    assert read == [
        ("AAPL", ActionKind.SPLIT, 0.0, 7.0, ""),
        ("MSFT", ActionKind.CASH_DIVIDEND, 0.75, 1.0, ""),
        ("EBAY", ActionKind.SPIN_OFF, 36.71, 1.0, "PYPL"),
        ("ATVI", ActionKind.MERGER, 95.0, 1.0, ""),
        ("FB", ActionKind.RENAME, 0.0, 1.0, "META"),
    ]


@pytest.mark.parametrize(
    "word",
    [
        "dividend",
        "special_dividend",
        "split",
        "reverse_split",
        "stock_dividend",
        "spin_off",
        "rights",
        "merger",
        "rename",
        "delisting",
        "cancel",
    ],
)
def test_every_type_of_the_page_is_known_to_the_reader(word):
    assert word in WORDS
    assert re.search(rf"^\|.*\b{word}\b", PAGE, re.MULTILINE)


def test_the_reasons_of_the_page_are_those_of_the_gate():
    told = set(re.findall(r"^\| (action_\w+) \|", PAGE, re.MULTILINE))

    assert told == set(re.findall(r'return "(action_\w+)"', NORMALISE))
