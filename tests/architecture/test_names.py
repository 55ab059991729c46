"""No module is named like one of Python's own, or like a drawer for odds and ends."""

import sys

DRAWERS = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


def names(modules) -> dict[str, set[str]]:
    """Return each file with the names it brings: its own and those of the folders it lies in."""
    return {
        str(module.path): {*module.path.parts[:-1], module.path.stem} - {"__init__", "__main__"}
        for module in modules
    }


def test_no_module_is_named_like_one_of_pythons_own(modules):
    clashes = {
        path: found for path, own in names(modules).items() if (found := own & sys.stdlib_module_names)
    }

    assert clashes == {}


def test_no_module_is_a_drawer(modules):
    drawers = {
        path: found
        for path, own in names(modules).items()
        if (found := {name for name in own if DRAWERS & set(name.split("_"))})
    }

    assert drawers == {}
