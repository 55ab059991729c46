"""The two pages that tell where things happen name files and functions that are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("life-of-a-trade.md", "life-of-an-order.md")
SPAN = re.compile(r"`([^`]+)`")


def named(path: Path) -> set[str]:
    """Return what a file defines: functions, classes, their methods, and constants."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def told(page: str) -> list[tuple[str, str]]:
    """Return each file that a page names, with the name in code font that follows it directly."""
    return re.findall(r"`([\w/]+\.py)`\s+`([\w.]+)`", (ROOT / "docs" / page).read_text())


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_is_there(page):
    files = {span for span in SPAN.findall((ROOT / "docs" / page).read_text()) if span.endswith(".py")}

    assert len(files) > 10
    assert sorted(name for name in files if not (ROOT / name).is_file()) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_function_is_in_the_file_that_is_named_before_it(page):
    pairs = told(page)

    assert len(pairs) > 10
    assert [pair for pair in pairs if pair[1] not in named(ROOT / pair[0])] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_step_names_a_file(page):
    text = (ROOT / "docs" / page).read_text()

    steps = re.findall(r"^\d+\. .*?(?=^\d+\. |\n\n)", text, re.MULTILINE | re.DOTALL)

    assert len(steps) >= 12
    assert [step.split("\n")[0] for step in steps if ".py`" not in step] == []
