"""Sizing rules: fixed, Kelly, risk budget; weights of legs, and the turnover that a day allows."""

import math
from decimal import Decimal

import pytest

from domain.instruments import Instrument
from operators.sizing import Rule, Sizing, SizingParams, Wanted, size_position

EQUITY, PRICE = Decimal(1_000_000), Decimal(100)
WIDE = {"notional_max": Decimal(10_000_000), "no_trade_band": 0.0}


def size(rule, wanted=Wanted(1), volatility=0.20, position=0, lot_size=1, **params):  # noqa: B008  a value
    share = Instrument(name="AAA", lot_size=lot_size)
    made = SizingParams(**{**WIDE, "rule": rule, **params})
    return size_position(made, share, wanted, volatility, PRICE, EQUITY, position)


@pytest.mark.parametrize("volatility", [0.01, 0.20, 2.0])
def test_a_fixed_position_is_its_notional_whatever_moves(volatility):
    assert size(Rule.FIXED, volatility=volatility, notional_fixed=Decimal(50_050)).target == 500


@pytest.mark.parametrize(
    ("score", "volatility", "target"),
    [
        (1.0, 0.50, 500),
        (-1.0, 0.50, 500),
        (0.5, 0.50, 250),
        (1.0, 0.25, 2000),
        (1.0, 0.10, 2500),
        (1.0, 0.01, 2500),
    ],
)
def test_kelly_takes_its_fraction_of_edge_over_variance_and_no_more_than_the_cap(score, volatility, target):
    params = {"kelly_fraction": 0.25, "kelly_edge": 0.05, "kelly_cap": 0.25}

    assert size(Rule.KELLY, Wanted(1, score), volatility, **params).target == target


@pytest.mark.parametrize(("volatility", "units"), [(0.20, 396), (0.40, 198), (0.02, 1587)])
def test_a_risk_budget_is_what_a_day_of_one_deviation_costs(volatility, units):
    sizing = size(Rule.RISK_BUDGET, volatility=volatility, risk_budget=0.0005)

    day = units * float(PRICE) * max(volatility, 0.05) / math.sqrt(252)
    assert sizing.target == units
    assert day == pytest.approx(0.0005 * float(EQUITY), rel=0.003)


@pytest.mark.parametrize(("weight", "target"), [(1.0, 500), (0.5, 250), (0.333, 166)])
def test_a_leg_is_scaled_by_its_weight(weight, target):
    assert size(Rule.FIXED, Wanted(-1, weight=weight), notional_fixed=Decimal(50_000)).target == -target


@pytest.mark.parametrize(
    ("traded", "sizing"),
    [
        (0, Sizing(1000, 1000)),
        (100_000, Sizing(1000, 1000)),
        (100_001, Sizing(900, 900)),
        (190_000, Sizing(100, 100)),
        (190_001, Sizing(0, 0, "the day's turnover is used up: 190001 of 1000000 equity")),
        (300_000, Sizing(0, 0, "the day's turnover is used up: 300000 of 1000000 equity")),
    ],
)
def test_a_strategy_trades_no_more_than_its_turnover_in_whole_lots(traded, sizing):
    wanted = Wanted(1, traded=Decimal(traded))

    assert size(Rule.FIXED, wanted, lot_size=100, notional_fixed=Decimal(100_000), turnover_max=0.2) == sizing


@pytest.mark.parametrize(
    ("direction", "position", "sizing"),
    [
        (1, 1500, Sizing(1000, -500)),
        (-1, -1500, Sizing(-1000, 500)),
        (0, 1500, Sizing(0, -1500)),
        (-1, 1500, Sizing(0, -1500)),
        (1, 400, Sizing(400, 0, "the day's turnover is used up: 200000 of 1000000 equity")),
        (-1, -400, Sizing(-400, 0, "the day's turnover is used up: 200000 of 1000000 equity")),
    ],
)
def test_what_reduces_a_position_is_let_through_when_the_turnover_is_used_up(direction, position, sizing):
    wanted = Wanted(direction, traded=Decimal(200_000))

    assert size(Rule.FIXED, wanted, position=position, turnover_max=0.2) == sizing


@pytest.mark.parametrize(
    "changes",
    [
        {"kelly_fraction": 0.0},
        {"kelly_cap": 1.1},
        {"risk_budget": 0.0},
        {"notional_fixed": Decimal(0)},
        {"kelly_edge": math.inf},
        {"turnover_max": -0.1},
    ],
)
def test_numbers_that_no_rule_can_use_are_refused(changes):
    with pytest.raises(ValueError, match=f"sizing needs {next(iter(changes))}"):
        SizingParams(**changes)
