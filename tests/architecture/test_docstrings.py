"""Every module begins with a sentence, and an `__init__.py` is that sentence and nothing else."""

import ast
import re

ENDS = re.compile(r"[.?!]$")
NEXT_SENTENCE = re.compile(r"[.?!] [A-Z]")


def first_line(module) -> str:
    return (ast.get_docstring(module.tree) or "").split("\n")[0]


def test_every_module_begins_with_one_sentence_on_one_line(modules):
    wanting = {str(module.path): line for module in modules if not ENDS.search(line := first_line(module))}

    assert wanting == {}


def test_the_first_line_holds_no_second_sentence(modules):
    double = {
        str(module.path): line for module in modules if NEXT_SENTENCE.search(line := first_line(module))
    }

    assert double == {}


def test_a_first_line_is_followed_by_an_empty_one_or_nothing(modules):
    docstrings = {str(module.path): (ast.get_docstring(module.tree) or "").split("\n") for module in modules}

    assert [path for path, lines in docstrings.items() if len(lines) > 1 and lines[1].strip()] == []


def test_an_init_is_one_line_of_docstring(modules):
    inits = [module for module in modules if module.path.name == "__init__.py"]

    longer = [
        str(module.path)
        for module in inits
        if len(module.text.splitlines()) != 1 or len(module.tree.body) != 1 or not first_line(module)
    ]

    assert longer == []
