"""Open orders over corporate actions: each kind worked by hand, and reports of after that fit the order of after."""

from decimal import Decimal

import msgspec
import pytest

from domain.order_messages import SpecialOrder
from domain.orders import OrdStatus, OrdType, Side
from operators.order_rules import Applied
from operators.orders import OrderState, adjust, apply_report
from operators.restatements import Restated, in_units, restate
from operators.venue import adjust as adjust_venue
from operators.venue import submit
from operators.venue_params import VenueParams
from operators.venue_state import Taken, VenueState
from tests.operators.action_cases import action
from tests.operators.venue_asking import TICK, Venue, order, top

D = Decimal


def asked(side=Side.BUY, quantity=1000, price="50.00"):
    return order(quantity=quantity, price=price, side=side)


def terms(restated):
    return restated.order.order_qty, restated.cum_qty, restated.order.price, restated.lives


@pytest.mark.parametrize(
    ("ratio", "side", "filled", "expected"),
    [
        ("2", Side.BUY, 200, (2000, 400, D("25.00"), True)),
        ("2", Side.SELL, 0, (2000, 0, D("25.00"), True)),
        ("3", Side.BUY, 0, (3000, 0, D("16.66"), True)),
        ("3", Side.SELL, 0, (3000, 0, D("16.67"), True)),
        ("1.05", Side.BUY, 30, (1049, 31, D("47.61"), True)),
        ("0.1", Side.SELL, 205, (99, 20, D("500.00"), True)),
        ("0.0001", Side.BUY, 0, (1000, 0, D("50.00"), False)),
        ("0.1", Side.BUY, 995, (1000, 995, D("50.00"), False)),
        ("0.1", Side.BUY, 1000, (100, 100, D("500.00"), True)),
        ("10000", Side.BUY, 0, (10_000_000, 0, D("0.01"), True)),
    ],
)
def test_a_split_restates_quantity_filled_and_price(ratio, side, filled, expected):
    assert terms(restate(asked(side), filled, action("split", "AAA", ratio=ratio), TICK)) == expected


@pytest.mark.parametrize(
    ("side", "amount", "expected"),
    [
        (Side.BUY, "0.47", (1000, 0, D("49.53"), True)),
        (Side.BUY, "0.475", (1000, 0, D("49.52"), True)),
        (Side.SELL, "0.47", (1000, 0, D("50.00"), True)),
        (Side.BUY, "49.99", (1000, 0, D("0.01"), True)),
        (Side.BUY, "49.995", (1000, 0, D("50.00"), False)),
    ],
)
@pytest.mark.parametrize("kind", ["cash_dividend", "special_dividend", "spin_off", "rights"])
def test_what_is_paid_lowers_a_buy_and_no_sale(kind, side, amount, expected):
    assert terms(restate(asked(side), 0, action(kind, "AAA", amount=amount), TICK)) == expected


def stop_order(side, stop_px, price=None):
    """Return a stop order of 1000, with a limit where a price is given."""
    plain = msgspec.structs.asdict(asked(side, price=price))
    kind = OrdType.STOP if price is None else OrdType.STOP_LIMIT
    return SpecialOrder(**(plain | {"ord_type": kind}), stop_px=D(stop_px))


@pytest.mark.parametrize(
    ("side", "stop_px", "price", "expected"),
    [
        (Side.SELL, "49.00", None, (D("48.52"), None, True)),
        (Side.SELL, "49.00", "48.90", (D("48.52"), D("48.43"), True)),
        (Side.SELL_SHORT, "49.00", "48.90", (D("48.52"), D("48.43"), True)),
        (Side.BUY, "51.00", None, (D("51.00"), None, True)),
        (Side.BUY, "51.00", "51.20", (D("51.00"), D("51.20"), True)),
        (Side.SELL, "0.48", None, (D("0.48"), None, False)),
    ],
)
@pytest.mark.parametrize("kind", ["cash_dividend", "special_dividend", "spin_off", "rights"])
def test_what_is_paid_lowers_the_stop_of_a_sale_and_of_no_buy(kind, side, stop_px, price, expected):
    made = restate(stop_order(side, stop_px, price), 0, action(kind, "AAA", amount="0.475"), TICK)

    assert (made.order.stop_px, made.order.price, made.lives) == expected


def test_units_that_a_ratio_of_many_digits_only_just_misses_are_whole():
    assert in_units(3000, D(1) / D(3)) == 1000
    assert in_units(3001, D(1) / D(3)) == 1000


@pytest.mark.parametrize(("ratio", "shown"), [("2", 10), ("0.5", 2), ("0.1", 1)])
def test_what_is_shown_of_an_order_is_restated_and_is_at_least_one_unit(ratio, shown):
    iceberg = SpecialOrder(**msgspec.structs.asdict(asked()), display_qty=5)

    assert restate(iceberg, 0, action("split", "AAA", ratio=ratio), TICK).order.display_qty == shown


@pytest.mark.parametrize("kind", ["merger", "delisting"])
def test_what_ends_the_instrument_ends_the_order(kind):
    assert restate(asked(), 10, action(kind, "AAA", amount="1"), TICK) == Restated(asked(), 10, lives=False)


def test_a_rename_and_another_instrument_leave_an_order_as_it_is():
    assert restate(asked(), 10, action("rename", "AAA", into="B"), TICK) == Restated(asked(), 10)
    assert restate(asked(), 10, action("split", "B", ratio="2"), TICK) == Restated(asked(), 10)


def test_an_order_at_the_market_has_no_price_to_restate():
    assert terms(restate(asked(price=None), 0, action("split", "AAA", ratio="2"), TICK)) == (
        2000,
        0,
        None,
        True,
    )


def test_fills_before_and_after_a_split_fit_one_order_at_the_desk_and_at_the_venue():
    venue, state = Venue(), OrderState(asked())
    venue.send(asked())
    reports = venue.arrive() + venue.trade(49.0, 200, top(48.0, 500, 50.5, 500))

    split = action("split", "AAA", 2_500_000_000, ratio="2")
    adjust_venue(venue.state, venue.params, 0, split)
    answers = [apply_report(state, each) for each in reports]
    assert adjust(state, split, TICK)
    after = venue.trade(24.0, 5000, top(23.0, 500, 25.5, 500), now_at=3 * 10**9)
    answers += [apply_report(state, each) for each in after]

    assert set(answers) == {Applied.APPLIED}
    assert [
        (each.order_qty, each.cum_qty, each.last_qty, each.last_px) for each in (*reports[1:], *after)
    ] == [
        (1000, 200, 200, D(50)),
        (2000, 2000, 1600, D(25)),
    ]
    assert (state.status, state.leaves_qty, state.avg_px, after[0].avg_px) == (
        OrdStatus.FILLED,
        0,
        D(25),
        D(25),
    )


def test_the_venue_restates_what_rests_and_what_is_on_its_way_and_forgets_what_was_taken():
    state, params = VenueState(), VenueParams()
    submit(state, params, asked(), 3, TICK, 0)
    state.taken[3, 1] = state.taken[4, 1] = Taken(50.0, 100.0, 40)

    adjust_venue(state, params, 3, action("split", "AAA", ratio="2"))

    (held,) = state.orders.values()
    assert (held.order.order_qty, held.order.price, held.leaves_qty) == (2000, D("25.00"), 2000)
    assert state.taken == {(4, 1): Taken(50.0, 100.0, 40)}
