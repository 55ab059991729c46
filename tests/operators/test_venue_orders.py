"""The simulated venue's order types, queue, fees and latencies: each does what its name says, and no more."""

from decimal import Decimal

import pytest

from domain.order_messages import CxlRejReason, ExecInst, OrderRequest, RequestKind, SpecialOrder
from domain.orders import OrdType, TimeInForce
from operators.order_requests import Terms, ask
from operators.orders import OrderState
from operators.venue import arrivals, end_of_session
from operators.venue import ask as ask_venue
from operators.venue_line import next_cut
from operators.venue_params import FeeTier, Latency, LatencyKind, LineParams, VenueParams, transit
from tests.operators.venue_asking import NAN, PARAMS, Venue, filled, order, told, top

SECOND = 10**9


def special(name="o1", quantity=100, price: str | None = "100", **terms):
    plain = order(name, quantity, price)
    fields = {field: getattr(plain, field) for field in plain.__struct_fields__}
    return SpecialOrder(**{**fields, **terms})


def open_venue(**params) -> Venue:
    venue = Venue(VenueParams(**({"latency_nanoseconds": 500, "participation_max": 0.2} | params)))
    venue.market.default_factory = top
    return venue


def arrived(venue, *sent, now_at=SECOND):
    for each in sent:
        venue.send(each, now_at)
    return venue.arrive(now_at + 500)


def test_fill_or_kill_is_filled_whole_on_arrival():
    made = arrived(open_venue(), special(price="101", time_in_force=TimeInForce.FILL_OR_KILL))

    assert [line[1:4] for line in told(made)] == [("NEW", "NEW", 0), ("TRADE", "FILLED", 100)]


@pytest.mark.parametrize(("quantity", "ends"), [(1000, "FILLED"), (1001, "CANCELED")])
def test_fill_or_kill_of_one_more_than_is_shown_is_cancelled_without_a_fill(quantity, ends):
    made = arrived(
        open_venue(), special(quantity=quantity, price="101", time_in_force=TimeInForce.FILL_OR_KILL)
    )

    assert told(made)[-1][2] == ends
    assert sum(report.last_qty for report in made) in {0, quantity}


@pytest.mark.parametrize(("price", "answer"), [("100.99", "NEW"), ("101", "REJECTED")])
def test_a_post_only_order_that_would_take_is_rejected(price, answer):
    made = arrived(open_venue(), special(price=price, exec_inst=ExecInst.PARTICIPATE_DONT_INITIATE))

    assert [line[1] for line in told(made)] == [answer]


@pytest.mark.parametrize(("trade", "fills"), [(101.99, 0), (102.0, 1)])
def test_a_buy_stop_works_from_the_trade_on_that_reaches_it(trade, fills):
    venue = open_venue()
    arrived(venue, special(price=None, ord_type=OrdType.STOP, stop_px=Decimal(102)))

    quoted = venue.quote(top(ask=101.5))
    made = venue.trade(trade, 100, top(ask=101.5))

    assert quoted == []
    assert [line[1] for line in told(made)] == ["TRIGGERED", "TRADE"][: 2 * fills]


def test_a_sell_stop_is_reached_from_above():
    venue = open_venue()
    stop = special(price=None, ord_type=OrdType.STOP, stop_px=Decimal(98), side=order().side.SELL)
    arrived(venue, stop)

    assert venue.trade(98.01, 100, top()) == []
    assert filled(venue.trade(98.0, 100, top())) == [("o1", 100, Decimal("99.0"))]


def test_a_stop_limit_rests_at_its_limit_once_it_is_reached():
    venue = open_venue()
    arrived(venue, special(price="100.5", ord_type=OrdType.STOP_LIMIT, stop_px=Decimal(102)))
    triggered = venue.trade(102.0, 50, top())

    made = venue.quote(top(ask=100.5))

    assert [line[1] for line in told(triggered)] == ["TRIGGERED"]
    assert filled(made) == [("o1", 100, Decimal("100.5"))]


def test_of_an_iceberg_one_part_is_filled_at_a_time_and_the_next_one_stands_behind_the_others():
    venue = open_venue()
    arrived(venue, special("ice", 100, "100", display_qty=30), special("small", 20, "100"))

    first = venue.trade(99.0, 200, top())
    second = venue.quote(top(ask=100.0, ask_size=500))

    assert filled(first) == [("ice", 30, Decimal(100)), ("small", 20, Decimal(100))]
    assert filled(second) == [("ice", 30, Decimal(100))]


def test_orders_for_the_opening_come_before_it_and_have_the_price_of_the_first_trade():
    venue = Venue(PARAMS)
    venue.market.default_factory = lambda: top(is_open=False)
    opening = {"time_in_force": TimeInForce.AT_THE_OPENING}
    arrived(venue, special("in", 100, None, **opening), special("out", 100, "98", **opening))

    made = venue.trade(100.02, 10, top())

    assert [line[:4] for line in told(made)] == [
        ("in", "TRADE", "FILLED", 100),
        ("out", "EXPIRED", "EXPIRED", 0),
    ]
    assert made[0].last_px == Decimal("100.02")
    assert told(arrived(open_venue(), special("late", 1, None, **opening)))[0][1] == "REJECTED"


def test_orders_for_the_close_have_the_price_of_the_last_trade():
    venue = open_venue()
    closing = {"time_in_force": TimeInForce.AT_THE_CLOSE}
    arrived(venue, special("in", 100, None, **closing), special("out", 100, "99", **closing))
    during = [*venue.quote(top(ask=98.0)), *venue.trade(97.0, 500, top()), *venue.trade(99.5, 1, top())]

    made = end_of_session(venue.state, venue.params, 9 * SECOND)

    assert during == []
    assert [line[:3] for line in told(made)] == [("in", "TRADE", "FILLED"), ("out", "EXPIRED", "EXPIRED")]
    assert made[0].last_px == Decimal("99.5")


def test_an_order_that_is_good_till_cancelled_stays_over_the_end_of_the_session():
    venue = open_venue()
    arrived(venue, special("stays", time_in_force=TimeInForce.GOOD_TILL_CANCEL), special("goes"))

    made = end_of_session(venue.state, venue.params, 9 * SECOND)

    assert [line[:2] for line in told(made)] == [("goes", "EXPIRED")]
    assert filled(venue.quote(top(ask=100.0), 10 * SECOND)) == [("stays", 100, Decimal(100))]


def test_in_a_queue_a_trade_fills_what_is_left_of_it_behind_the_size_that_was_shown_before():
    venue = open_venue(queue=True)
    venue.market.default_factory = lambda: top(bid=100.0, bid_size=300.0)
    arrived(venue, special(quantity=100, price="100"))
    shown = top(bid=100.0, bid_size=300.0)

    made = [filled(venue.trade(100.0, size, shown)) for size in (200, 99, 41, 100)]

    assert made == [[], [], [("o1", 40, Decimal(100))], [("o1", 60, Decimal(100))]]


def test_who_leaves_the_queue_lets_those_behind_move_up():
    venue = open_venue(queue=True)
    venue.market.default_factory = lambda: top(bid=100.0, bid_size=300.0)
    arrived(venue, special(quantity=100, price="100"))

    venue.quote(top(bid=100.0, bid_size=50.0))
    venue.quote(top(bid=100.0, bid_size=400.0))
    made = venue.trade(100.0, 60, top(bid=100.0, bid_size=400.0))

    assert filled(made) == [("o1", 10, Decimal(100))]


def test_an_order_at_a_price_of_its_own_has_nobody_before_it():
    venue = open_venue(queue=True)
    arrived(venue, special(quantity=100, price="99.5"))

    assert filled(venue.trade(99.5, 30, top())) == [("o1", 30, Decimal("99.5"))]


def test_fees_follow_the_tier_of_the_volume_before_and_who_came_first():
    tiers = (FeeTier(0, Decimal("-0.01"), Decimal("0.05")), FeeTier(100, Decimal("-0.02"), Decimal("0.03")))
    venue = open_venue(fees=tiers)
    taken = arrived(venue, special("a", 100, "101"), special("b", 100, "101"))
    rested = arrived(venue, special("c", 100, "100"))
    rested += venue.quote(top(ask=100.0))

    fees = [report.commission for report in [*taken, *rested] if report.last_qty]

    assert fees == [Decimal("5.00"), Decimal("3.00"), Decimal("-2.00")]


def test_latencies_are_drawn_from_their_distribution():
    fixed, lognormal = Latency(nanoseconds=700), Latency(LatencyKind.LOGNORMAL, 1000, 1.0)
    empirical = Latency(LatencyKind.EMPIRICAL, samples=(30, 10, 20))

    assert [fixed.draw(where) for where in (0.01, 0.99)] == [700, 700]
    assert [lognormal.draw(where) for where in (0.15865525, 0.5, 0.84134475)] == [368, 1000, 2718]
    assert [empirical.draw(where) for where in (0.1, 0.5, 0.9)] == [10, 20, 30]


def test_a_thousand_lognormal_latencies_have_the_median_and_the_spread_that_were_asked():
    params = VenueParams(latency_nanoseconds=0, latency=Latency(LatencyKind.LOGNORMAL, 1_000_000, 0.5))

    drawn = sorted(transit(params, f"o{number}", "order") for number in range(1000))

    assert 950_000 < drawn[500] < 1_050_000
    assert 1.55 < drawn[841] / drawn[500] < 1.75


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Latency(nanoseconds=-1), "at least 0"),
        (lambda: Latency(LatencyKind.EMPIRICAL), "at least one of `samples`"),
        (lambda: VenueParams(fees=(FeeTier(5, Decimal(0), Decimal(0)),)), "begin with 0"),
        (lambda: LineParams(duplicates=1.1), r"duplicates in \[0, 1\]; 1.1 was given"),
        (lambda: LineParams(disconnect_every=5, disconnect_nanoseconds=5), "above 0 and below"),
        (lambda: LineParams(late_nanoseconds=-1), "at least 0 ns"),
    ],
)
def test_a_venue_that_cannot_be_is_refused_with_what_is_allowed(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ord_type": OrdType.STOP, "price": None}, "needs a StopPx"),
        ({"ord_type": OrdType.STOP_LIMIT, "price": None}, "needs a Price"),
    ],
)
def test_an_order_without_the_price_of_its_kind_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        open_venue().send(special(**changes))


def full_venue(**line) -> Venue:
    return open_venue(line=LineParams(**line))


def requested(venue, sent, kind, now_at, quantity=None, price="100") -> tuple[OrderRequest, list]:
    state = venue.__dict__.setdefault("asked", OrderState(sent))
    terms = None if quantity is None else Terms(quantity, Decimal(price))
    request = ask(state, kind, now_at, 2, "asked", terms)
    ask_venue(venue.state, venue.params, request, now_at)
    return request, arrivals(venue.state, venue.params, venue.market.__getitem__, now_at + 500)


def test_a_replace_that_lowers_the_quantity_keeps_its_place_and_one_that_raises_it_loses_it():
    venue = full_venue()
    first, second = special("a", 100), special("b", 100)
    arrived(venue, first, second)
    requested(venue, first, RequestKind.REPLACE, 2 * SECOND, 50)
    kept = list(venue.state.resting[0])
    requested(venue, first, RequestKind.REPLACE, 3 * SECOND, 120)

    assert (kept, venue.state.resting[0]) == (["a", "b"], ["b", "a"])


def test_a_request_is_pending_for_a_while_in_which_the_order_is_filled_at_its_old_terms():
    venue, sent = full_venue(pending_nanoseconds=SECOND), special("a", 100)
    arrived(venue, sent)
    request, pending = requested(venue, sent, RequestKind.REPLACE, 2 * SECOND, 300, "99")
    fill = venue.quote(top(ask=100.0, ask_size=40), 2 * SECOND + 600)
    done = arrivals(venue.state, venue.params, venue.market.__getitem__, 4 * SECOND)

    assert [
        (r.exec_type.name, r.ord_status.name, r.cl_ord_id, r.order_qty) for r in [*pending, *fill, *done]
    ] == [
        ("PENDING_REPLACE", "PENDING_REPLACE", request.cl_ord_id, 100),
        ("TRADE", "PENDING_REPLACE", "c-a", 100),
        ("REPLACED", "PARTIALLY_FILLED", request.cl_ord_id, 300),
    ]
    assert done[0].orig_cl_ord_id == "c-a"


def test_a_request_that_comes_too_late_or_again_or_about_nothing_is_refused_with_its_reason():
    venue, sent = full_venue(), special("a", 100, "101")
    arrived(venue, sent)
    _, late = requested(venue, sent, RequestKind.CANCEL, 2 * SECOND)
    rests = special("b", 100)
    arrived(venue, rests, now_at=3 * SECOND)
    venue.asked = OrderState(rests)
    _, first = requested(venue, rests, RequestKind.REPLACE, 4 * SECOND, 90)
    venue.asked = OrderState(rests)
    _, again = requested(venue, rests, RequestKind.REPLACE, 4 * SECOND, 80)
    venue.asked = OrderState(special("ghost"))
    _, unknown = requested(venue, special("ghost"), RequestKind.CANCEL, 5 * SECOND)

    assert [each.cxl_rej_reason for each in (*late, *again, *unknown)] == [
        CxlRejReason.TOO_LATE,
        CxlRejReason.DUPLICATE_CL_ORD_ID,
        CxlRejReason.UNKNOWN_ORDER,
    ]
    assert [each.exec_type.name for each in first] == ["REPLACED"]


def test_a_cut_line_loses_requests_keeps_reports_until_it_is_back_and_cancels_what_rests():
    venue = full_venue(disconnect_every=100 * SECOND, disconnect_nanoseconds=10 * SECOND)
    arrived(venue, special("a", 100), now_at=(next_cut(venue.params, 0) or 0) + 11 * SECOND)
    cut_at = venue.state.line.down_at
    during = arrived(venue, special("b", 100), now_at=cut_at + SECOND)
    after = arrivals(venue.state, venue.params, venue.market.__getitem__, cut_at + 10 * SECOND)

    assert (during, venue.state.orders) == ([], {})
    assert [(r.order_id, r.exec_type.name, r.known_at, r.poss_dup) for r in after] == [
        ("a", "CANCELED", cut_at + 10 * SECOND, True)
    ]


def test_a_market_that_is_quoted_on_no_side_makes_no_queue():
    venue = open_venue(queue=True)
    arrived(venue, special(quantity=100, price="100"))

    assert filled(venue.trade(100.0, 30, top(NAN, 0, NAN, 0))) == [("o1", 30, Decimal("100.0"))]
