"""Tests that share servers or ports run one after the other: xdist has to keep to the groups they name."""

import os

import pytest


@pytest.mark.xdist_group("kept_together")
def test_a_test_of_a_group_is_handed_out_by_its_group(request):
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("tests run one after the other")

    assert request.node.nodeid.endswith("@kept_together")
