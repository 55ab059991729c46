"""Exposures: the worked example of standards.md 2.1, and names."""

import numpy as np
import pytest

from analytics.exposures import by_name, exposures, shrunk_beta


def test_the_worked_example_is_met():
    told = exposures(np.array([6e6, -4e6]), np.array([1.2, 0.9]), 5e6)

    assert tuple(told) == pytest.approx((10e6, 2e6, 6e6, 4e6, 3.6e6, 2.0, 0.4))


def test_without_a_nav_there_is_no_leverage():
    told = exposures(np.array([1.0]), np.array([1.0]), 0.0)

    assert np.isnan([told.leverage_gross, told.leverage_net]).all()


def test_values_are_summed_by_name():
    told = by_name(np.array([5.0, -3.0, 2.0]), ["tech", "tech", ""])

    assert told == {"": (2.0, 2.0), "tech": (8.0, 2.0)}


def test_beta_is_shrunk_towards_one():
    assert shrunk_beta(1.6) == pytest.approx(1.402)
