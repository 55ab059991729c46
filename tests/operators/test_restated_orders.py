"""An order's state over a corporate action: each report is read in the units of its instant, whenever it comes."""

import pickle
from decimal import Decimal
from itertools import permutations

import pytest

from domain.order_messages import GT_CORPORATE_ACTION, RequestKind
from domain.orders import ExecType, OrdStatus, Side
from operators.order_bookings import bookings
from operators.order_ledger import Ledger, Taken, adjust, enter, take
from operators.order_requests import Terms, ask, exposed_qty
from operators.order_rules import Applied
from operators.orders import Booking, OrderState, apply_report
from operators.orders import adjust as adjust_order
from operators.reconciliation import statement_of
from operators.venue import adjust as adjust_venue
from operators.venue import ask as ask_venue
from operators.venue import cancel
from operators.venue_line import hear
from operators.venue_params import LineParams, VenueParams
from operators.venue_requests import amend
from operators.venue_state import VenueState
from tests.operators.action_cases import action
from tests.operators.venue_asking import TICK, Venue, order, top

D = Decimal
AT = 3 * 10**9
SPLIT = action("split", "AAA", AT, ratio="2")
LYING = VenueParams(latency_nanoseconds=500, line=LineParams())


def lives():
    """Return the reports of an order of 1000 at 50: 200 filled before a split, 600 after it, then the end."""
    venue = Venue()
    venue.send(order(quantity=1000, price="50.00"))
    reports = venue.arrive() + venue.trade(49.0, 200, top(48.0, 500, 50.5, 500), now_at=2 * 10**9)
    adjust_venue(venue.state, venue.params, 0, SPLIT)
    reports += venue.trade(24.0, 600, top(23.0, 500, 25.5, 500), now_at=4 * 10**9)
    cancel(venue.state, venue.params, "o1", 5 * 10**9)
    return reports + venue.arrive(6 * 10**9)


def known(state):
    return (
        state.status,
        state.order_qty,
        state.price,
        state.cum_qty,
        state.leaves_qty,
        state.avg_px,
        state.gap,
        bookings(state),
        set(state.answers.values()),
    )


def test_the_state_is_the_same_in_whatever_order_reports_and_the_split_come():
    reports = lives()

    for shuffled in permutations([*reports, SPLIT]):
        state = OrderState(order(quantity=1000, price="50.00"))
        for each in shuffled:
            if each is SPLIT:
                adjust_order(state, SPLIT, TICK)
            else:
                apply_report(state, each)
            state = pickle.loads(pickle.dumps(state))

        assert known(state) == (
            OrdStatus.CANCELED,
            2000,
            D("25.00"),
            1000,
            0,
            D(25),
            0,
            {
                reports[1].exec_id: Booking(400, D(25), D("0.60")),
                reports[2].exec_id: Booking(600, D(25), D("1.80")),
            },
            {Applied.APPLIED},
        )


def test_a_fill_of_before_that_comes_after_is_booked_in_the_units_of_after_and_nothing_twice():
    acknowledged, first, second, _ = lives()
    ledger = Ledger()
    enter(ledger, order(quantity=1000, price="50.00"))

    take(ledger, acknowledged)
    assert adjust(ledger, SPLIT, TICK) == {"o1": True}
    late, later = take(ledger, second), take(ledger, first)

    assert [(c.name, c.quantity, c.price) for c in late.changes] == [(second.exec_id, 600, D(25))]
    assert [(c.name, c.quantity, c.price) for c in later.changes] == [(first.exec_id, 400, D(25))]
    assert take(ledger, first) == Taken(Applied.REPEATED, [], [])


def test_what_was_booked_before_is_not_booked_again_and_is_taken_back_in_the_units_of_after():
    venue = Venue(LYING)
    venue.send(order(quantity=1000, price="50.00"))
    reports = venue.arrive() + venue.trade(49.0, 200, top(48.0, 500, 50.5, 500), now_at=2 * 10**9)
    ledger = Ledger()
    state = enter(ledger, order(quantity=1000, price="50.00"))
    booked = [change for each in reports for change in take(ledger, each).changes]

    adjust_venue(venue.state, venue.params, 0, SPLIT)
    adjust(ledger, SPLIT, TICK)
    (restated,) = hear(venue.state.line, AT)
    told = take(ledger, restated)
    (bust,) = amend(venue.state, venue.params, f"o1/{reports[1].exec_id}", "bust", 4 * 10**9)
    taken = take(ledger, bust)

    assert [(c.quantity, c.price) for c in booked] == [(200, D("50.00"))]
    assert (restated.exec_type, restated.exec_restatement_reason) == (ExecType.RESTATED, GT_CORPORATE_ACTION)
    assert (restated.order_qty, restated.cum_qty, restated.leaves_qty, restated.price) == (
        2000, 400, 1600, D("25.00"),
    )  # fmt: skip
    assert told == Taken(Applied.APPLIED, [], [])
    assert (taken.answer, [(c.quantity, c.price) for c in taken.changes]) == (
        Applied.APPLIED,
        [(-400, D(25))],
    )
    assert (state.cum_qty, state.leaves_qty, state.status) == (0, 2000, OrdStatus.NEW)


def test_a_restatement_that_the_line_loses_leaves_no_difference():
    venue = Venue(VenueParams(latency_nanoseconds=500, line=LineParams(lost_acknowledgements=1.0)))
    venue.send(order(quantity=1000, price="50.00"))
    venue.arrive()
    venue.trade(49.0, 200, top(48.0, 500, 50.5, 500), now_at=2 * 10**9)
    state = OrderState(order(quantity=1000, price="50.00"))
    adjust_venue(venue.state, venue.params, 0, SPLIT)
    adjust_order(state, SPLIT, TICK)
    venue.trade(24.0, 600, top(23.0, 500, 25.5, 500), now_at=4 * 10**9)

    copied = [each for _, each in venue.state.line.drop_copy]
    answers = [apply_report(state, each) for each in copied if each.exec_type is not ExecType.RESTATED]

    assert set(answers) == {Applied.APPLIED}
    held = venue.state.orders["o1"]
    assert statement_of(state) == (held.status, held.order_qty, held.cum_qty, held.notional)


def test_a_replace_that_was_asked_for_before_a_split_asks_for_as_much_after_it():
    slow = VenueParams(latency_nanoseconds=500, line=LineParams(pending_nanoseconds=2 * 10**9))
    venue, state = Venue(slow), OrderState(order(quantity=1000, price="50.00"))
    venue.send(order(quantity=1000, price="50.00"))
    for each in venue.arrive():
        apply_report(state, each)
    request = ask(state, RequestKind.REPLACE, 2 * 10**9, 2, terms=Terms(1500, D("49.00")))
    ask_venue(venue.state, slow, request, 2 * 10**9)
    for each in venue.arrive(AT - 1):
        apply_report(state, each)

    adjust_venue(venue.state, slow, 0, SPLIT)
    adjust_order(state, SPLIT, TICK)
    exposed = exposed_qty(state)
    answers = [apply_report(state, each) for each in venue.arrive(6 * 10**9)]

    assert exposed == 3000
    assert set(answers) == {Applied.APPLIED}
    assert (state.order_qty, state.price, state.cl_ord_id) == (3000, D("24.50"), request.cl_ord_id)


@pytest.mark.parametrize(
    ("kind", "terms", "expected"),
    [
        ("cash_dividend", {"amount": "0.47"}, (True, 1000, D("49.53"))),
        ("merger", {"amount": "95"}, (False, 1000, D("50.00"))),
        ("delisting", {}, (False, 1000, D("50.00"))),
        ("rename", {"into": "B"}, (True, 1000, D("50.00"))),
        ("split", {"ratio": "0.0001"}, (False, 1000, D("50.00"))),
    ],
)
def test_the_ledger_says_which_orders_go_on_and_at_which_terms(kind, terms, expected):
    ledger = Ledger()
    state = enter(ledger, order(quantity=1000, price="50.00", side=Side.BUY))

    made = adjust(ledger, action(kind, "AAA", AT, **terms), TICK)

    assert (made["o1"], state.order_qty, state.price) == expected


def test_an_old_state_of_an_order_goes_on_over_an_action():
    state = OrderState(order(quantity=1000, price="50.00"))
    stored = {name: value for name, value in vars(state).items() if name not in {"restatements", "ratios"}}
    again = OrderState.__new__(OrderState)
    again.__setstate__(stored)

    assert adjust_order(again, SPLIT, TICK)
    assert (again.order_qty, again.price) == (2000, D("25.00"))


def test_a_venue_without_a_line_says_nothing_of_its_own():
    state = VenueState()
    adjust_venue(state, VenueParams(), 0, SPLIT)

    assert (state.sequence, state.line.outbox, state.line.drop_copy) == (0, [], [])
