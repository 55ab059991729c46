"""The page for operators names the metrics and codes that there are."""

import importlib
import pkgutil
import re
from pathlib import Path

import operators.checks
from apps.metrics import Metrics
from operators.checks.answers import Rule

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def told_by_the_worker() -> set[str]:
    """Return the names under which the worker's metrics are asked for: counters end in `_total`."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics().registry.collect()
    }


def test_the_page_lists_every_metric_and_no_other():
    rows = set(re.findall(r"^\| `(ita_\w+)", PAGE.read_text(), re.MULTILINE))

    assert rows == told_by_the_worker()


def test_every_code_that_is_named_is_that_of_a_check():
    modules = [
        importlib.import_module(f"operators.checks.{module.name}")
        for module in pkgutil.iter_modules(operators.checks.__path__)
    ]
    codes = {rule.code for module in modules for rule in vars(module).values() if isinstance(rule, Rule)}

    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", PAGE.read_text())) - {"NUMBA_CACHE_DIR", "ITA_STACK"}

    assert named
    assert named <= codes
