"""The simulated venue: what fills, at what price, and how much of it."""

from decimal import Decimal

import msgspec
import pytest

from domain.market import END
from domain.orders import Side
from operators.venue import cancel, end_of_session, next_arrival, wants
from operators.venue_params import VenueParams
from operators.venue_state import VenueState
from tests.operators.venue_asking import NAN, UNQUOTED, Venue, filled, order, told, top


def test_an_order_arrives_after_the_latency_and_not_before():
    venue = Venue()
    venue.send(order(), now_at=1000)

    early, on_time = venue.arrive(1499), venue.arrive(1500)

    assert (next_arrival(VenueState()), early) == (END, [])
    assert told(on_time) == [("o1", "NEW", "NEW", 0, None)]
    assert (on_time[0].event_at, on_time[0].known_at, on_time[0].received_at) == (1500, 1500, 1500)
    assert next_arrival(venue.state) == END


def test_what_is_on_its_way_is_due_at_the_first_arrival():
    venue = Venue()
    venue.send(order("o1"), now_at=1000)
    venue.send(order("o2"), now_at=2000)

    assert next_arrival(venue.state) == 1500
    assert told(venue.arrive(3000)) == [("o1", "NEW", "NEW", 0, None), ("o2", "NEW", "NEW", 0, None)]


@pytest.mark.parametrize(
    ("side", "limit", "price"),
    [
        (Side.BUY, "101", "101"),
        (Side.BUY, "105", "101"),
        (Side.BUY, None, "101"),
        (Side.SELL, "99", "99"),
        (Side.SELL_SHORT, "95", "99"),
        (Side.SELL, None, "99"),
    ],
)
def test_a_marketable_order_takes_the_opposite_quote_at_its_price_up_to_its_size(side, limit, price):
    venue = Venue(market=top(bid_size=60.0, ask_size=60.0))
    venue.send(order(price=limit, side=side))

    reports = venue.arrive()

    assert told(reports) == [
        ("o1", "NEW", "NEW", 0, None),
        ("o1", "TRADE", "PARTIALLY_FILLED", 60, Decimal(price)),
    ]
    assert wants(venue.state) == {0}


def test_a_marketable_order_is_filled_whole_where_enough_is_shown_and_forgotten():
    venue = Venue(market=top())
    venue.send(order(price="101"))

    reports = venue.arrive()

    assert told(reports)[1:] == [("o1", "TRADE", "FILLED", 100, Decimal(101))]
    assert (venue.state.orders, wants(venue.state)) == ({}, frozenset())


@pytest.mark.parametrize(
    ("side", "limit", "fills"),
    [(Side.BUY, "100.99", 0), (Side.BUY, "101", 1), (Side.SELL, "99.01", 0), (Side.SELL, "99", 1)],
)
def test_an_order_fills_at_its_limit_and_not_a_tick_beyond(side, limit, fills):
    venue = Venue(market=top())
    venue.send(order(price=limit, side=side))

    assert len(filled(venue.arrive())) == fills


def test_what_is_not_filled_at_once_of_an_immediate_order_is_cancelled():
    venue = Venue(market=top(ask_size=60.0))
    venue.send(order("part", price="101", immediate=True))
    venue.send(order("none", price="100", immediate=True))
    venue.send(order("none left", price="101", immediate=True))

    reports = venue.arrive()

    assert told(reports) == [
        ("part", "NEW", "NEW", 0, None),
        ("part", "TRADE", "PARTIALLY_FILLED", 60, Decimal(101)),
        ("part", "CANCELED", "CANCELED", 0, None),
        ("none", "NEW", "NEW", 0, None),
        ("none", "CANCELED", "CANCELED", 0, None),
        ("none left", "NEW", "NEW", 0, None),
        ("none left", "CANCELED", "CANCELED", 0, None),
    ]
    assert [(r.cum_qty, r.leaves_qty) for r in reports[1:3]] == [(60, 40), (60, 0)]
    assert venue.state.orders == {}


@pytest.mark.parametrize(
    ("market", "why"),
    [
        (top(halted=True), "the instrument is halted"),
        (top(is_open=False), "the session is closed"),
    ],
)
def test_an_order_that_arrives_in_a_halt_or_outside_the_session_is_rejected(market, why):
    venue = Venue(market=market)
    venue.send(order(price="101"))

    reports = venue.arrive()

    assert told(reports) == [("o1", "REJECTED", "REJECTED", 0, None)]
    assert (reports[0].text, reports[0].leaves_qty, venue.state.orders) == (why, 0, {})


def test_a_resting_order_is_filled_at_its_own_limit_when_the_quote_reaches_it():
    venue = Venue().rest(order("o1", price="100"))

    away, reached = venue.quote(top(ask=100.01)), venue.quote(top(ask=99.5, ask_size=30.0))

    assert filled(away) == []
    assert filled(reached) == [("o1", 30, Decimal(100))]


def test_a_resting_order_at_the_market_is_filled_at_the_quote():
    venue = Venue().rest(order("o1", price=None))

    assert filled(venue.quote(top(ask=101.0))) == [("o1", 100, Decimal(101))]


def test_size_that_we_have_taken_is_not_there_again_until_the_quote_changes():
    venue = Venue(market=top(ask_size=60.0))
    venue.send(order("o1", price="101"))
    venue.send(order("o2", price="101"))

    taken = [
        filled(venue.arrive()),
        filled(venue.quote(top(ask_size=60.0))),
        filled(venue.quote(top(bid=98.0, ask_size=60.0))),
        filled(venue.quote(top(ask_size=61.0))),
    ]

    assert taken == [
        [("o1", 60, Decimal(101))],
        [],
        [],
        [("o1", 40, Decimal(101)), ("o2", 21, Decimal(101))],
    ]


def test_an_order_meets_the_quote_of_its_arrival_whatever_was_taken_of_another():
    venue = Venue(market=top(ask_size=60.0))
    venue.send(order("o1", 60, "101"))
    venue.arrive()
    venue.market[0] = top(ask_size=50.0)
    venue.send(order("o2", price="101"), now_at=10**9)

    reports = venue.arrive(2 * 10**9)

    assert filled(reports) == [("o2", 50, Decimal(101))]


def test_one_unit_that_trades_through_the_limit_fills_one():
    venue = Venue().rest(order())

    assert filled(venue.trade(99.0, 1.0, top())) == [("o1", 1, Decimal(100))]


def test_better_prices_fill_first_and_earlier_orders_before_later_ones():
    sent = [order(name, 10, price) for name, price in (("a", "100"), ("b", "101"), ("c", "101"), ("d", None))]
    venue = Venue().rest(*sent)

    reports = venue.quote(top(ask=100.0, ask_size=35.0))

    assert filled(reports) == [
        ("d", 10, Decimal(100)),
        ("b", 10, Decimal(101)),
        ("c", 10, Decimal(101)),
        ("a", 5, Decimal(100)),
    ]


def test_sales_at_a_lower_limit_fill_first():
    sent = [order(name, 10, price, Side.SELL) for name, price in (("a", "100"), ("b", "99"))]
    venue = Venue().rest(*sent)

    reports = venue.quote(top(bid=100.0, bid_size=15.0))

    assert filled(reports) == [("b", 10, Decimal(99)), ("a", 5, Decimal(100))]


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (99.99, [("o1", 100, Decimal(100)), ("o2", 30, Decimal(100))]),
        (99.994, [("o1", 26, Decimal(100))]),
        (100.0, [("o1", 26, Decimal(100))]),
        (100.01, []),
    ],
)
def test_a_trade_through_the_limit_fills_up_to_its_size_and_one_at_it_up_to_our_share(price, expected):
    venue = Venue().rest(order("o1", price="100"), order("o2", price="100"))

    reports = venue.trade(price, 130.0, top())

    assert filled(reports) == expected


def test_trades_do_not_fill_orders_at_the_market_that_wait_for_a_quoted_side():
    venue = Venue().rest(order("o1", price=None))

    assert filled(venue.trade(100.0, 1000.0, top(ask_size=0.0))) == []


@pytest.mark.parametrize(
    ("side", "limit", "expected"),
    [
        (Side.BUY, None, [("o1", 26, Decimal("99.99"))]),
        (Side.BUY, "100", [("o1", 26, Decimal("99.99"))]),
        (Side.BUY, "99.98", []),
        (Side.SELL, "99", [("o1", 26, Decimal("99.99"))]),
        (Side.SELL, "100", []),
    ],
)
def test_where_nothing_is_quoted_trades_fill_at_their_price_up_to_our_share(side, limit, expected):
    venue = Venue().rest(order("o1", price=limit, side=side))

    assert filled(venue.trade(99.99, 130.0, UNQUOTED)) == expected


@pytest.mark.parametrize(
    ("participation", "size", "expected"), [(0.29, 100.0, 29), (0.1, 9.0, 0), (0.1, 10.0, 1), (1.0, 7.9, 7)]
)
def test_our_share_of_a_trade_is_whole_units_rounded_down_in_decimals(participation, size, expected):
    venue = Venue(VenueParams(participation_max=participation)).rest(order())

    reports = venue.trade(100.0, size, UNQUOTED)

    assert sum(r.last_qty for r in reports) == expected


@pytest.mark.parametrize(
    ("side", "quoted", "limit", "expected"),
    [
        (Side.BUY, {"ask": 100.005}, "100", []),
        (Side.BUY, {"ask": 100.005}, "100.01", [("o1", 100, Decimal("100.01"))]),
        (Side.SELL, {"bid": 100.005}, "100.01", []),
        (Side.SELL, {"bid": 100.005}, "100", [("o1", 100, Decimal(100))]),
    ],
)
def test_a_price_between_two_ticks_is_taken_to_the_worse_one(side, quoted, limit, expected):
    venue = Venue(market=top(**({"bid": 90.0, "ask": 110.0} | quoted)))
    venue.send(order(price=limit, side=side))

    assert filled(venue.arrive()) == expected


@pytest.mark.parametrize(
    "market",
    [
        top(halted=True, ask=99.0, bid=98.0),
        top(is_open=False, ask=99.0, bid=98.0),
        top(bid=99.5, ask=99.0),
        top(bid=98.0, ask=99.0, ask_size=0.0),
        top(bid=98.0, ask=99.0, ask_size=0.9),
        top(bid=98.0, ask=99.0, ask_size=NAN),
        top(bid=98.0, ask=NAN),
        top(bid=98.0, ask=0.0),
    ],
)
def test_a_market_that_cannot_be_traded_fills_nothing(market):
    venue = Venue().rest(order())

    assert venue.quote(market) == []


@pytest.mark.parametrize("market", [top(halted=True), top(is_open=False), top(bid=101.5, ask=101.0)])
@pytest.mark.parametrize("price", [99.0, 100.0])
def test_trades_fill_nothing_in_a_halt_outside_the_session_or_on_a_crossed_market(market, price):
    venue = Venue().rest(order())

    assert venue.trade(price, 1000.0, market) == []


@pytest.mark.parametrize(
    ("price", "size"), [(NAN, 100.0), (0.0, 100.0), (-1.0, 100.0), (99.0, NAN), (99.0, 0.5)]
)
def test_trades_without_a_price_or_a_whole_unit_fill_nothing(price, size):
    venue = Venue().rest(order())

    assert venue.trade(price, size, UNQUOTED) == []


def test_the_market_of_another_instrument_fills_nothing():
    venue = Venue().rest(order())

    assert venue.quote(top(ask=99.5), instrument=1) == []
    assert wants(venue.state) == {0}


def test_a_cancel_ends_a_working_order_and_leaves_a_final_one_alone():
    venue = Venue(market=top(ask_size=130.0))
    venue.send(order("done", price="101"))
    venue.send(order("part", price="101"))
    venue.arrive()
    for name in ("done", "part", "unknown"):
        cancel(venue.state, venue.params, name, 10**9)

    reports = venue.arrive(10**9 + 500)

    assert told(reports) == [("part", "CANCELED", "CANCELED", 0, None)]
    assert (reports[0].cum_qty, reports[0].leaves_qty, reports[0].event_at) == (30, 0, 10**9 + 500)
    assert venue.state.orders == {}


def test_the_end_of_the_session_expires_what_rests_and_what_is_on_its_way():
    venue = Venue().rest(order("resting"))
    venue.send(order("coming"), now_at=10**9)

    reports = end_of_session(venue.state, venue.params, 2 * 10**9)

    assert told(reports) == [
        ("resting", "EXPIRED", "EXPIRED", 0, None),
        ("coming", "EXPIRED", "EXPIRED", 0, None),
    ]
    assert (venue.state.orders, wants(venue.state), next_arrival(venue.state)) == ({}, frozenset(), END)


@pytest.mark.parametrize(("quantity", "fee"), [(1, "0.00"), (2, "0.01"), (5, "0.02"), (100, "0.30")])
def test_fees_are_charged_per_report_in_whole_cents(quantity, fee):
    venue = Venue(market=top())
    venue.send(order(quantity=quantity, price="101"))

    (_, report) = venue.arrive()

    assert (report.commission, report.commission.as_tuple().exponent) == (Decimal(fee), -2)


def test_an_order_id_is_sent_once_and_an_order_that_asks_for_nothing_never():
    venue = Venue()
    venue.send(order())

    for wrong, message in (
        (order(), "order o1 was sent before"),
        (order("o2", 0), "an OrderQty of at least 1; 0 was given"),
        (msgspec.structs.replace(order("o3"), price=None), "o3 is a limit order and needs a Price"),
    ):
        with pytest.raises(ValueError, match=message):
            venue.send(wrong)


@pytest.mark.parametrize(
    "changes",
    [
        {"latency_nanoseconds": -1},
        {"jitter_nanoseconds": -1},
        {"fee_per_unit": Decimal("-0.001")},
        {"participation_max": 0.0},
        {"participation_max": 1.01},
        {"participation_max": NAN},
    ],
)
def test_a_venue_that_could_not_be_is_refused(changes):
    with pytest.raises(ValueError, match=f"a venue needs .*{next(iter(changes))}"):
        VenueParams(**changes)


def test_jitter_is_a_function_of_seed_and_message_within_its_bound_and_nothing_overtakes():
    def due(seed):
        venue = Venue(VenueParams(latency_nanoseconds=500, jitter_nanoseconds=1000, seed=seed))
        instants = []
        for number in range(50):
            venue.send(order(f"o{number}"), now_at=10 * number)
            instants.append(max(each[0] for each in venue.state.coming))
        return venue, instants

    venue, instants = due(1)

    assert instants == due(1)[1] == sorted(instants)
    assert instants != due(2)[1]
    assert all(500 <= at - 10 * number <= 1500 for number, at in enumerate(instants))
    assert [r.order_id for r in venue.arrive()] == [f"o{number}" for number in range(50)]
