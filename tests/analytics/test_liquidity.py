"""Concentration, liquidity, drawdown and margin: the worked examples of standards.md 2.5, and their edges."""

import numpy as np
import pytest

from analytics.liquidity import (
    concentration,
    days_to_liquidate,
    drawdown,
    impact,
    liquid_share,
    liquidation_cost,
    portfolio_margin,
    regulation_t,
    tiered_margin,
)

WEIGHTS = np.array([0.4, -0.3, 0.2, -0.1])


def test_the_worked_example_of_concentration_is_met():
    assert concentration(WEIGHTS) == pytest.approx((0.30, 3.3333333, 0.0666667), abs=1e-6)
    assert tuple(concentration(np.array([0.0, 5.0]))) == (1.0, 1.0, 1.0)
    assert tuple(concentration(np.zeros(3))) == (0.0, 0.0, 0.0)


def test_the_worked_example_of_days_to_liquidate_is_met():
    days = days_to_liquidate(np.array([1.2e6, -1.2e6, 5.0, 0.0]), np.array([2e6, 2e6, 0.0, 0.0]), 0.2)

    assert days.tolist() == pytest.approx([3.0, 3.0, np.inf, 0.0])
    for wrong in (0.0, 1.5):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            days_to_liquidate(WEIGHTS, WEIGHTS, wrong)


def test_the_worked_example_of_impact_is_met():
    cost = impact(np.array([5.0]), np.array([100.0]), np.array([0.02]))

    assert cost[0] * 1e4 == pytest.approx(44.72, abs=0.005)
    whole = liquidation_cost(np.array([-5.0]), np.array([100.0]), np.array([0.02]), np.array([0.001]))
    assert whole[0] == pytest.approx(5.0 * (0.001 + cost[0]))


def test_the_liquid_share_counts_each_position_by_its_pace():
    values, days = np.array([100.0, -100.0, 200.0]), np.array([1.0, 4.0, np.inf])

    shares = [liquid_share(values, days, within) for within in (1, 2, 4, 20)]

    assert shares == pytest.approx([0.3125, 0.375, 0.5, 0.5])


def test_drawdown_is_from_the_highest_value_so_far():
    told = drawdown(np.array([100.0, 90.0, 110.0, 88.0, 99.0, 104.5]))

    assert tuple(told) == pytest.approx((0.05, 0.2, 3, 3))
    assert tuple(drawdown(np.array([1.0, 2.0]))) == (0.0, 0.0, 0, 0)
    with pytest.raises(ValueError, match="values above 0"):
        drawdown(np.array([1.0, 0.0]))


def test_margins_are_of_the_gross_value_of_the_worst_move_and_of_tiers():
    values, betas = np.array([6e5, -4e5]), np.array([1.2, 0.9])

    assert tuple(regulation_t(values, 5e5)) == pytest.approx((5e5, 2.5e5, 0.5, 0.25))
    assert portfolio_margin(values, betas, 5e5).maintenance == pytest.approx(0.15 * 3.6e5)
    tiers = ((0.0, 0.01), (5e5, 0.05))
    assert tiered_margin(values, 5e5, tiers).maintenance == pytest.approx(5e3 + 5e3 + 4e3)
    with pytest.raises(ValueError, match="an equity above 0"):
        regulation_t(values, 0.0)
