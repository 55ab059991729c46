"""Coins by the unit of 0.00001: sized, filled, booked and valued as exactly as shares."""

from decimal import Decimal

import msgspec
import pytest

from domain.instruments import Instrument
from domain.money import whole_units
from domain.orders import Execution, Order
from operators.positions import PositionBook, apply_execution, reconcile, set_price, valuation
from operators.sizing import Sizing, SizingParams, Wanted, size_position
from operators.venue import submit
from tests.operators.venue_asking import TICK, Venue, order, top

BITCOIN = Instrument(name="BTC-USD", unit=Decimal("0.00001"), calendar="24/7")
SIZES = SizingParams(volatility_target=0.10, capital_fraction=0.05, notional_max=Decimal(400_000))


def send(venue, sent, unit=BITCOIN.unit):
    submit(venue.state, venue.params, sent, 0, TICK, 0, unit)
    return venue


@pytest.mark.parametrize(
    ("unit", "target"), [("1", 0), ("0.1", 8), ("0.00001", 80854), ("0.00000001", 80_854_326)]
)
def test_a_coin_that_costs_more_than_the_position_is_bought_in_parts(unit, target):
    instrument = Instrument(name="BTC-USD", unit=Decimal(unit))

    sizing = size_position(SIZES, instrument, Wanted(1), 0.10, Decimal("61839.61"), Decimal(1_000_000), 0)

    words = "" if target else "a full position is less than one lot"
    assert sizing == Sizing(target, target, words)


def test_a_fill_takes_what_the_quote_shows_in_whole_units():
    venue = send(Venue(market=top(ask=61839.61, ask_size=0.3000099)), order(quantity=80854, price="61900"))

    (_, fill) = venue.arrive()

    assert (fill.last_qty, fill.last_px, fill.leaves_qty) == (30000, Decimal("61839.61"), 50854)
    assert fill.commission == Decimal("0.00")


def test_what_was_taken_of_a_quote_is_not_there_for_the_next_order():
    venue = Venue(market=top(ask=100.0, ask_size=0.5))
    send(send(venue, order("o1", quantity=40_000, price="101")), order("o2", quantity=40_000, price="101"))

    fills = [(r.order_id, r.last_qty) for r in venue.arrive() if r.last_qty]

    assert fills == [("o1", 40_000), ("o2", 10_000)]


def test_a_trade_of_less_than_a_coin_fills_its_share_of_a_resting_order():
    venue = send(Venue(), order(quantity=30_000, price="100"))
    venue.arrive()

    (fill,) = venue.trade(100.0, 0.25, top(bid=100.0, ask=101.0))

    assert (fill.last_qty, fill.last_px) == (5_000, Decimal(100))


def test_an_account_of_coins_adds_up_to_the_last_digit():
    venue = send(Venue(market=top(ask=61839.61, ask_size=1.0)), order(quantity=80_854, price="61900"))
    book = PositionBook("main", Decimal(1_000_000))

    for report in venue.arrive():
        apply_execution(book, msgspec.structs.replace(report, symbol="BTC-USD"), BITCOIN.unit_multiplier)
    set_price(book, "BTC-USD", Decimal("62000.01"))

    value = Decimal("0.80854") * Decimal("62000.01")
    assert valuation(book).market_value == value
    assert valuation(book).equity == 1_000_000 + value - Decimal("0.80854") * Decimal("61839.61")
    assert reconcile(book) == 0


def test_a_quantity_is_a_whole_number_in_every_record():
    venue = send(Venue(market=top(ask=61839.61, ask_size=1.0)), order(quantity=80_854, price="61900"))
    (_, fill) = venue.arrive()

    again = msgspec.json.decode(msgspec.json.encode(fill), type=Execution)

    assert again == fill
    assert type(again.last_qty) is int
    assert msgspec.json.decode(msgspec.json.encode(order(quantity=80_854)), type=Order).order_qty == 80_854


def test_amounts_and_units_are_each_others_inverse_and_nothing_between_two_steps_is_one():
    assert BITCOIN.amount(150_000) == Decimal("1.5")
    assert BITCOIN.units(Decimal("1.5")) == 150_000
    with pytest.raises(ValueError, match=r"in steps of 0\.00001; 0\.000015 was given"):
        BITCOIN.units(Decimal("0.000015"))


@pytest.mark.parametrize(
    ("size", "unit", "units"),
    [
        (0.3, "0.00001", 30_000),
        (0.29999999, "0.00001", 29_999),
        (0.1 + 0.2, "0.1", 3),
        (2.9, "1", 2),
        (float("nan"), "0.1", 0),
        (float("inf"), "1", 0),
        (-1.0, "0.1", 0),
    ],
)
def test_a_measured_size_holds_so_many_whole_units(size, unit, units):
    assert whole_units(size, Decimal(unit)) == units


@pytest.mark.parametrize("unit", ["0", "-0.1", "NaN", "Infinity"])
def test_a_unit_that_is_no_step_is_refused(unit):
    with pytest.raises(ValueError, match="needs a unit above 0"):
        Instrument(name="BTC-USD", unit=Decimal(unit))


def test_shares_keep_their_whole_multiplier():
    assert Instrument(name="AAA", multiplier=50).unit_multiplier == 50
    assert type(Instrument(name="AAA").unit_multiplier) is int
