"""The page that tells people which columns are read."""

import re
from pathlib import Path

from connectors.files.column_mapping import ALIASES, REASONS

PAGE = Path(__file__).parents[3] / "docs" / "column-mapping.md"


def test_the_page_lists_every_name_that_is_read_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", PAGE.read_text(), re.MULTILINE)

    listed = {role: tuple(re.findall(r"`(\w+)`", names)) for role, names in rows}

    assert listed == ALIASES


def test_the_page_lists_every_reason() -> None:
    text = PAGE.read_text()

    assert all(f"`{reason}`" in text for reason in REASONS if reason)
