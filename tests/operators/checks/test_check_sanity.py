"""PT-07 malformed, PT-08 tradable, PT-09 in time, PT-10 steps, PT-11 duplicates."""

from decimal import Decimal

import pytest

from domain.decisions import VerdictKind
from domain.market import SECOND, Session
from domain.orders import OrdType
from operators.compliance_rules import Tolerances
from operators.compliance_view import Handling

MILLISECOND = 1_000_000
NONSENSE = [
    ({"price": Decimal("NaN")}, 11),
    ({"price": Decimal("sNaN")}, 11),
    ({"price": Decimal("Infinity")}, 11),
    ({"price": Decimal(0)}, 11),
    ({"price": Decimal(-1)}, 11),
    ({"price": Decimal("1E+999999")}, 11),
    ({"price": Decimal("1E-999999")}, 11),
    ({"price": float("nan")}, 11),
    ({"price": 100.0}, 11),
    ({"price": None}, 11),
    ({"ord_type": OrdType.MARKET}, 11),
    ({"order_qty": 0}, 13),
    ({"order_qty": -5}, 13),
    ({"order_qty": 10**15}, 13),
    ({"order_qty": float("nan")}, 13),
    ({"order_qty": float("inf")}, 13),
    ({"order_qty": 10.0}, 13),
    ({"order_qty": True}, 13),
    ({"order_qty": None}, 13),
    ({"side": "1"}, 11),
    ({"ord_type": None}, 11),
    ({"time_in_force": "9"}, 11),
    ({"account": ""}, 11),
    ({"account": ["main"]}, 11),
    ({"cl_ord_id": None}, 11),
    ({"strategy": ""}, 11),
    ({"symbol": {}}, 11),
    ({"trader": 7}, 11),
    ({"desk": None}, 11),
    ({"ex_destination": None}, 11),
    ({"transact_time": None}, 11),
    ({"signal_at": "yesterday"}, 11),
    ({"currency": "EUR"}, 11),
]


@pytest.mark.parametrize(("changes", "reason"), NONSENSE)
def test_nonsense_is_refused_as_malformed_and_leaves_nothing_reserved(desk, changes, reason):
    intent = desk.intent(**changes)

    assessment = desk.decide(intent)

    malformed = [check for check in assessment.checks if check.code == "MALFORMED"]
    assert assessment.kind is VerdictKind.REFUSED
    assert reason in {check.ord_rej_reason for check in malformed}
    assert not desk.state.reservations


def test_checks_of_numbers_answer_malformed_where_there_is_no_number(desk):
    intent = desk.intent(price=Decimal("NaN"))

    answered = {
        check.check: check.measured for check in desk.evaluate(intent).checks if check.measured == "malformed"
    }

    assert set(answered) == {
        *(f"PT-{number:02}" for number in (9, 10, 11, *range(13, 18), *range(19, 23))),
        *(f"PT-{number}" for number in (18, *range(27, 35), *range(37, 43))),
    }


def test_a_market_order_without_a_price_is_well_formed(desk):
    assert desk.evaluate(desk.intent(ord_type=OrdType.MARKET, price=None)).kind is VerdictKind.APPROVED


@pytest.mark.parametrize(
    ("changes", "failures"),
    [
        ({}, []),
        ({"instrument": None}, ["reject UNKNOWN_SYMBOL"]),
        ({"session": Session.CLOSED}, ["reject MARKET_CLOSED"]),
        ({"session": Session.PRE}, ["reject MARKET_CLOSED"]),
        ({"halted": True}, ["reject HALTED"]),
        ({"halted": True, "session": Session.POST}, ["reject MARKET_CLOSED", "reject HALTED"]),
    ],
)
def test_only_a_known_instrument_in_an_open_market_is_tradable(desk, changes, failures):
    assert desk.failures("PT-08", market=desk.market(**changes)) == failures


@pytest.mark.parametrize("changes", [{"tradable": False}, {"name": "OTHER"}])
def test_an_instrument_that_is_not_the_one_or_may_not_be_traded_is_refused(desk, changes):
    market = desk.market(instrument=desk.instrument(**changes))

    assert desk.failures("PT-08", market=market) == ["reject UNKNOWN_SYMBOL"]


@pytest.mark.parametrize(
    ("left", "fails"), [(60 * SECOND + 1, False), (60 * SECOND, True), (60 * SECOND - 1, True)]
)
def test_the_cut_off_ends_what_may_enter(desk, left, fails):
    desk.tolerances = Tolerances(cutoff_seconds=60)
    market = desk.market(closes_at=desk.now + left)

    assert desk.failures("PT-08", market=market) == (["reject CUTOFF"] if fails else [])


@pytest.mark.parametrize(
    ("age", "fails"), [(2 * SECOND - 1, False), (2 * SECOND, False), (2 * SECOND + 1, True)]
)
def test_an_order_older_than_two_seconds_is_stale(desk, age, fails):
    intent = desk.intent(transact_time=desk.now - age)

    assert desk.failures("PT-09", intent) == (["reject STALE_ORDER"] if fails else [])


@pytest.mark.parametrize("field", ["transact_time", "signal_at"])
@pytest.mark.parametrize(("ahead", "fails"), [(49, False), (50, True), (51, True)])
def test_an_instant_that_is_fifty_milliseconds_ahead_is_refused(desk, field, ahead, fails):
    intent = desk.intent(**{field: desk.now + ahead * MILLISECOND})

    assert bool(desk.failures("PT-09", intent)) is fails


@pytest.mark.parametrize(
    ("age", "fails"), [(5 * SECOND - 1, False), (5 * SECOND, False), (5 * SECOND + 1, True)]
)
def test_a_signal_lives_as_long_as_its_strategy_says(desk, age, fails):
    intent = desk.intent(signal_at=desk.now - age)

    assert desk.failures("PT-09", intent) == (["reject STALE_SIGNAL strategy:trend"] if fails else [])


def test_a_strategy_without_a_time_to_live_has_only_stale_signals(desk):
    desk.rights = desk.rights._replace(strategies={})

    assert desk.failures("PT-09") == ["reject STALE_SIGNAL strategy:trend"]


@pytest.mark.parametrize(
    ("price", "fails"), [("99.99", False), ("100.00", False), ("100.001", True), ("99.995", True)]
)
def test_a_price_is_a_whole_number_of_ticks(desk, price, fails):
    (answer,) = desk.check("PT-10", desk.intent(price=Decimal(price)))

    assert (answer.code, answer.ord_rej_reason) == (("BAD_TICK", 18) if fails else ("", None))


@pytest.mark.parametrize(("quantity", "fails"), [(99, True), (100, False), (101, True), (200, False)])
def test_a_quantity_is_a_whole_number_of_lots(desk, quantity, fails):
    market = desk.market(instrument=desk.instrument(lot_size=100))

    assert desk.failures("PT-10", desk.intent(order_qty=quantity), market) == (
        ["reject BAD_LOT"] if fails else []
    )


@pytest.mark.parametrize(
    ("parts", "measured"),
    [
        ({"display_qty": 299}, 299.0),
        ({"display_qty": 300}, None),
        ({"display_qty": 400}, 400.0),
        ({"display_qty": 100}, None),
        ({"display_qty": 0}, 0.0),
        ({"display_qty": -100}, -100.0),
        ({"display_qty": 100.0}, "malformed"),
        ({"min_qty": 0}, None),
        ({"min_qty": 299}, None),
        ({"min_qty": 300}, None),
        ({"min_qty": 301}, 301.0),
        ({"min_qty": -1}, -1.0),
        ({"min_qty": True}, "malformed"),
    ],
)
def test_what_is_shown_and_what_must_trade_at_least_is_no_more_than_the_order(desk, parts, measured):
    market = desk.market(instrument=desk.instrument(lot_size=100), handling=Handling(**parts))

    (answer,) = desk.check("PT-10", desk.intent(order_qty=300), market)

    assert (answer.code, answer.ord_rej_reason) == (("", None) if measured is None else ("BAD_LOT", 13))
    assert measured in (None, answer.measured)


def test_a_bad_tick_and_a_bad_lot_are_both_named(desk):
    market = desk.market(instrument=desk.instrument(lot_size=100))
    intent = desk.intent(order_qty=150, price=Decimal("100.005"))

    assert desk.failures("PT-10", intent, market) == ["reject BAD_TICK", "reject BAD_LOT"]


def test_the_second_same_order_within_a_second_is_held_and_the_third_rejected(desk):
    kinds = [desk.decide(desk.intent(cl_ord_id=name)).kind for name in "ABCD"]

    assert kinds == [VerdictKind.APPROVED, VerdictKind.HELD, VerdictKind.REFUSED, VerdictKind.REFUSED]


@pytest.mark.parametrize(("after", "held"), [(SECOND - 1, True), (SECOND, True), (SECOND + 1, False)])
def test_the_same_order_is_no_duplicate_after_a_second(desk, after, held):
    desk.decide(desk.intent(cl_ord_id="A"))

    failures = desk.failures("PT-11", *desk.later(after, cl_ord_id="B"))

    assert failures == (["hold DUP_ORDER"] if held else [])


@pytest.mark.parametrize(
    "changes",
    [
        {"order_qty": 101},
        {"price": Decimal("100.01")},
        {"symbol": "OTHER"},
        {"account": "x"},
        {"strategy": "y"},
    ],
)
def test_an_order_that_differs_is_no_duplicate(desk, changes):
    desk.decide(desk.intent(cl_ord_id="A"))

    assert desk.failures("PT-11", desk.intent(cl_ord_id="B", **changes)) == []


def test_an_order_that_was_refused_is_not_held_against_the_next(desk):
    desk.decide(desk.intent(cl_ord_id="A"), desk.market(halted=True))

    assert desk.failures("PT-11", desk.intent(cl_ord_id="B")) == []
