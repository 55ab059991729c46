"""Sizing: how large a position is, and why nothing is traded."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instruments import Instrument
from operators.sizing import Sizing, SizingParams, Wanted, size_position

PARAMS = SizingParams(
    volatility_target=0.10,
    volatility_floor=0.05,
    capital_fraction=0.05,
    notional_max=Decimal(400_000),
    no_trade_band=0.10,
)
SHARE = Instrument(name="AAA")
EQUITY, PRICE = Decimal(1_000_000), Decimal(100)


def size(
    direction=1, volatility=0.10, price=PRICE, equity=EQUITY, position=0, instrument=SHARE, params=PARAMS
):
    return size_position(params, instrument, Wanted(direction), volatility, price, equity, position)


def test_a_full_position_is_the_fraction_of_equity_scaled_by_volatility():
    targets = [size(volatility=volatility).target for volatility in (0.20, 0.10, 0.05)]

    assert targets == [250, 500, 1000]


@pytest.mark.parametrize(("volatility", "target"), [(0.0, 1000), (0.049, 1000), (0.05, 1000), (0.051, 980)])
def test_volatility_under_the_floor_counts_as_the_floor(volatility, target):
    assert size(volatility=volatility).target == target


@pytest.mark.parametrize(("equity", "target"), [(7_999_900, 3999), (8_000_000, 4000), (9_000_000, 4000)])
def test_the_notional_cap_binds_from_the_cap_on(equity, target):
    assert size(equity=Decimal(equity)).target == target


def test_a_multiplier_divides_the_number_of_units():
    assert size(instrument=Instrument(name="FUT", multiplier=50)).target == 10


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(("price", "lots"), [("99.99", 5), ("100", 5), ("100.01", 4)])
def test_units_are_rounded_to_lots_toward_zero(direction, price, lots):
    board = Instrument(name="BRD", lot_size=100)

    sizing = size(direction, price=Decimal(price), instrument=board)

    assert sizing == Sizing(direction * lots * 100, direction * lots * 100)


@pytest.mark.parametrize(
    ("position", "change"),
    [
        (449, 51),
        (450, 50),
        (451, 0),
        (500, 0),
        (549, 0),
        (550, -50),
        (551, -51),
    ],
)
@pytest.mark.parametrize("direction", [1, -1])
def test_a_change_is_made_from_the_width_of_the_band_on(position, change, direction):
    sizing = size(direction, position=direction * position)

    assert (sizing.target, sizing.change) == (500 * direction, change * direction)


@pytest.mark.parametrize("target", [3, 30, 70, 110])
def test_the_edge_of_the_band_is_decimal_not_binary(target):
    params = SizingParams(no_trade_band=0.7)
    price = EQUITY * Decimal("0.05") / target
    edge = target * 7 / 10

    changes = [
        size(price=price.quantize(Decimal("1e-9")) - Decimal("1e-9"), position=target - step, params=params)
        for step in (math.ceil(edge) - 1, math.ceil(edge))
    ]

    assert [sizing.change for sizing in changes] == [0, math.ceil(edge)]


def test_a_change_of_seven_hundredths_meets_a_band_of_seven_hundredths():
    params = SizingParams(no_trade_band=0.07)

    changes = [size(price=Decimal(500), position=position, params=params).change for position in (93, 94)]

    assert 0.07 * 100 > 7
    assert changes == [7, 0]


def test_without_a_band_every_change_is_made_but_none():
    params = SizingParams(no_trade_band=0.0)

    assert [size(position=position, params=params).change for position in (499, 500, 501)] == [1, 0, -1]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({"volatility": math.nan}, Sizing(40, 0, "volatility is missing")),
        ({"volatility": math.inf}, Sizing(40, 0, "volatility is missing")),
        ({"volatility": -0.1}, Sizing(40, 0, "volatility is missing")),
        ({"price": None}, Sizing(40, 0, "no price to size with")),
        ({"price": Decimal(0)}, Sizing(40, 0, "no price to size with")),
        ({"equity": Decimal(0)}, Sizing(40, 0, "no equity to size with: 0")),
        ({"equity": Decimal(-1)}, Sizing(40, 0, "no equity to size with: -1")),
        ({"position": 480}, Sizing(500, 0, "inside the no-trade band: target 500, position 480")),
        ({"position": 500}, Sizing(500, 0, "on target already")),
        ({"position": 0, "price": Decimal(60_000)}, Sizing(0, 0, "a full position is less than one lot")),
        ({"position": 0, "direction": 0}, Sizing(0, 0, "flat already")),
    ],
)
def test_where_nothing_is_traded_the_answer_says_why(question, answer):
    assert size(**({"position": 40} | question)) == answer


@pytest.mark.parametrize("missing", [{}, {"volatility": math.nan}, {"price": None}, {"equity": Decimal(0)}])
@pytest.mark.parametrize(("direction", "position"), [(0, 40), (0, -40), (1, -40), (-1, 40)])
def test_a_position_that_is_not_wanted_is_closed_whatever_is_missing(direction, position, missing):
    assert size(direction, position=position, **missing) == Sizing(0, -position)


def test_a_position_is_closed_where_a_full_one_is_less_than_a_lot():
    assert size(position=1, price=Decimal(60_000)) == Sizing(0, -1)


@given(
    st.sampled_from([-1, 0, 1]),
    st.floats(0, 5),
    st.decimals(Decimal("0.01"), 10_000, places=2),
    st.decimals(1, 10**9, places=2),
    st.integers(-(10**6), 10**6),
    st.integers(1, 100),
)
def test_no_change_crosses_zero_and_no_position_exceeds_cap_or_risk(
    direction, volatility, price, equity, position, lot
):
    sizing = size(direction, volatility, price, equity, position, Instrument(name="AAA", lot_size=lot))

    after = position + sizing.change
    value = Fraction(abs(sizing.target)) * Fraction(price)
    bound = Fraction(equity) * Fraction(0.05 * 0.10 / max(volatility, 0.05)) * (1 + Fraction(1, 10**12))
    assert after * position >= 0
    assert (sizing.change == 0) == bool(sizing.reason)
    assert value <= min(Fraction(400_000), bound)
    assert sizing.target % lot == 0
    assert sizing.target * direction >= 0


@pytest.mark.parametrize(
    "changes",
    [
        {"volatility_target": 0.0},
        {"volatility_floor": 0.0},
        {"notional_max": Decimal(0)},
        {"capital_fraction": 0.0},
        {"capital_fraction": 1.01},
        {"no_trade_band": -0.01},
        {"no_trade_band": 1.0},
        {"volatility_target": math.nan},
        {"volatility_target": math.inf},
    ],
)
def test_sizes_that_are_no_sizes_are_refused(changes):
    with pytest.raises(ValueError, match=f"sizing needs .*{next(iter(changes))}"):
        SizingParams(**changes)


@pytest.mark.parametrize("direction", [-2, 2])
def test_a_direction_that_is_none_is_refused(direction):
    with pytest.raises(ValueError, match=f"a direction is -1, 0 or 1; {direction} was given"):
        size(direction)
