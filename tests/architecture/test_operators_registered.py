"""Every stage in `operators/` is held to the contract suite."""

import importlib
import pkgutil

import operators
from operators.stage import Stage
from tests.operators.contract_suite import CASES


def stages(kind: type = Stage) -> set[type]:
    """Return all classes that are made of `kind`, however far down."""
    return {found for below in kind.__subclasses__() for found in {below, *stages(below)}}


def test_every_stage_is_registered_with_the_contract_suite_under_its_name():
    for module in pkgutil.walk_packages(operators.__path__, "operators."):
        importlib.import_module(module.name)

    ours = {stage.__name__ for stage in stages() if stage.__module__.split(".")[0] == "operators"}

    assert ours == set(CASES)


def test_the_registered_case_makes_a_stage_of_its_name():
    made = {name: type(case.stage()).__name__ for name, case in CASES.items()}

    assert made == {name: name for name in CASES}
