"""Every operator that remembers anything says how it outlives each kind of corporate action, and does it."""

import importlib
import pkgutil
import re
from dataclasses import is_dataclass

import msgspec
import pytest

import operators
from operators.agenda import KINDS, Living
from operators.stage import Stage
from tests.architecture.test_operators_registered import stages

FORGETFUL = re.compile(r"^State +none\b", re.MULTILINE)
REMEMBERS = re.compile(r"^State +", re.MULTILINE)
BESIDE = {
    "operators.controls": "commands name scopes and modes, never a number of shares or a price",
    "operators.health": "what is said of a feed is said of its instrument, whatever a share of it is",
    "operators.stage": "hosts the states of others",
    "operators.paged_state": "stores the states of others as the bytes that they are",
    "operators.agenda": "holds the actions themselves until they take effect",
    "operators.compliance_view": "lives as long as the judging of one intent",
    "operators.desk_orders": "keeps nothing but what stands in the ledger of orders",
}
"""Modules with memory that no corporate action can touch, and why; hosts and streams of words."""
KEPT_IN = {
    "operators.risk_standing": "operators.risk",
    "operators.compliance": "operators.compliance_actions",
    "operators.compliance_state": "operators.compliance_actions",
    "operators.short_windows": "operators.compliance_actions",
    "operators.venue_state": "operators.venue_restating",
    "operators.desk_state": "operators.desk_actions",
}
"""Where a module's memory is declared that stands in another."""


def modules():
    found = {}
    for module in pkgutil.walk_packages(operators.__path__, "operators."):
        found[module.name] = importlib.import_module(module.name)
    return found


def remembering():
    """Return the modules whose docstring names a state, and those of every stage."""
    every = modules()
    named = {
        name
        for name, module in every.items()
        if REMEMBERS.search(module.__doc__ or "") and not FORGETFUL.search(module.__doc__ or "")
    }
    hosts = {stage.__module__ for stage in stages() if stage.__module__.startswith("operators.")}
    states = {
        name
        for name, module in every.items()
        for made in vars(module).values()
        if isinstance(made, type) and made.__name__.endswith("State") and made.__module__ == name
    }
    held = {name for name, module in every.items() if any(map(changes, own_classes(module)))}
    return {name: every[name] for name in sorted((named | hosts | states | held) - set(BESIDE))}


def own_classes(module):
    """Return the classes that a module makes."""
    return [
        each
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == module.__name__
    ]


def changes(kind):
    """Say whether what is of a class can be changed: a record, a struct or a class with slots that is not frozen."""
    if is_dataclass(kind):
        return not kind.__dataclass_params__.frozen
    if issubclass(kind, msgspec.Struct):
        return not kind.__struct_config__.frozen
    return "__slots__" in vars(kind) and not issubclass(kind, tuple)


@pytest.mark.parametrize("name", sorted(remembering()))
def test_an_operator_with_a_memory_declares_how_it_outlives_each_kind_of_action(name):
    module = importlib.import_module(KEPT_IN.get(name, name))

    declared = getattr(module, "LIVES", {})

    assert set(declared) == set(KINDS)
    assert set(declared.values()) <= set(Living)


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            KEPT_IN.get(name, name)
            for name in remembering()
            if Living.ADJUSTS
            in getattr(importlib.import_module(KEPT_IN.get(name, name)), "LIVES", {}).values()
        }
    ),
)
def test_an_operator_that_adjusts_has_an_adjust_or_hosts_those_that_have(name):
    module = importlib.import_module(name)

    hosts = {"operators.decisions", "operators.desk_actions", "operators.venue_stage"}
    assert callable(getattr(module, "adjust", None)) or name in hosts


@pytest.mark.parametrize(
    "name",
    [
        "operators.built_bars", "operators.cross_section", "operators.universe_signals", "operators.risk",
        "operators.holds", "operators.order_ledger", "operators.venue_state", "operators.mark_volatility",
        "operators.compliance_counters", "operators.group_exposures", "operators.short_windows",
        "operators.retained_rows", "operators.retained_trades",
    ],
)  # fmt: skip
def test_the_rule_sees_every_place_where_something_is_remembered(name):
    assert name in remembering()


def test_what_stands_beside_the_rule_is_there_and_says_why():
    assert set(BESIDE) <= set(modules())
    assert all(len(why) > 20 for why in BESIDE.values())


def test_a_stage_that_declares_nothing_would_be_found():
    class Newcomer(Stage):
        """Declares nothing."""

    Newcomer.__module__ = "operators.newcomer"
    try:
        hosts = {stage.__module__ for stage in stages() if stage.__module__.startswith("operators.")}
        assert "operators.newcomer" in hosts
    finally:
        Newcomer.__module__ = __name__
