"""Orders: each report gets one answer, and the state is a function of the set of reports (invariants 1 to 5 of 5.1)."""

import pickle
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.order_messages import CxlRejReason, RequestKind
from domain.orders import FINAL, IDLE, ExecType, OrdStatus, Side
from operators.order_bookings import bookings, breaks_of
from operators.order_requests import exposed_qty
from operators.order_rules import BREAKS, COUNTED, Applied
from operators.orders import OrderState, apply_report
from operators.reconciliation import adopt
from tests.operators.order_life import ORDER, QUANTITY, Life, changed, deliver, shown

PRICES = st.integers(1, 20_000).map(lambda ticks: str(Decimal(ticks) / 100))


def step(life: Life, data: Any) -> None:
    """Let one thing happen to an order that works, or is filled."""
    pending = [name for _, name, _ in life.true.pending]
    may = ["ask to cancel", "ask to replace", "ask for status"] + (["accept", "refuse"] if pending else [])
    room = life.true.order_qty - life.cum_qty
    may += ["fill", "end"] if room > 0 else []
    may += ["bust", "correct"] if life.fills else []
    match data.draw(st.sampled_from(may)):
        case "fill":
            life.fill(data.draw(st.integers(1, room)), data.draw(PRICES))
        case "bust":
            life.bust(data.draw(st.integers(0, len(life.fills) - 1)))
        case "correct":
            place = data.draw(st.integers(0, len(life.fills) - 1))
            others = (
                life.cum_qty
                - sorted((life._number(name), fill[0]) for name, fill in life.fills.items())[place][1]
            )
            most = life.true.order_qty - others
            life.correct(data.draw(st.integers(1, most)), data.draw(PRICES), place)
        case "ask to cancel":
            life.pending(life.ask(RequestKind.CANCEL))
        case "ask to replace":
            life.pending(life.ask(RequestKind.REPLACE, data.draw(st.integers(1, 2 * QUANTITY))))
        case "ask for status":
            life.answer_status()
        case "accept":
            life.accept(data.draw(st.sampled_from(pending)))
        case "refuse":
            life.refuse(data.draw(st.sampled_from(pending)), data.draw(st.sampled_from(CxlRejReason)))
        case "end":
            life.end(data.draw(st.sampled_from([OrdStatus.CANCELED, OrdStatus.EXPIRED])))


@st.composite
def lives(draw: Any) -> Life:
    """Return the life of an order, up to any point of it."""
    life = Life()
    data = draw(st.data())
    if draw(st.booleans()):
        life.say(ExecType.PENDING_NEW, OrdStatus.PENDING_NEW)
    if draw(st.integers(0, 9)) == 0:
        return life.end(OrdStatus.REJECTED)
    life.new()
    for _ in range(draw(st.integers(0, 12))):
        if life.true.end is None:
            step(life, data)
    return life


@settings(max_examples=400, deadline=None)
@given(lives(), st.data())
def test_any_order_of_delivery_with_repetitions_ends_in_the_same_state_without_a_break(life, data):
    again = data.draw(st.lists(st.sampled_from(life.said), max_size=5)) if life.said else []
    shuffled = data.draw(st.permutations(life.said + again))

    state, _ = deliver(life, shuffled)

    assert state == deliver(life)[0]
    assert breaks_of(state) == {}


@settings(max_examples=400, deadline=None)
@given(lives())
def test_an_order_comes_to_what_is_true_of_it(life):
    state, _ = deliver(life)

    assert state.status is life.status or not life.said
    assert (state.cum_qty, state.order_qty, state.cl_ord_id) == (
        life.cum_qty,
        life.true.order_qty,
        life.true.cl_ord_id,
    )
    assert abs(Fraction(state.notional) - life.notional) < Fraction(1, 10**12)
    leaves_qty = 0 if life.status in IDLE else life.true.order_qty - life.cum_qty
    assert state.leaves_qty == (leaves_qty if life.said else QUANTITY)
    assert 0 <= state.cum_qty <= state.order_qty
    assert state.gap == 0


@settings(max_examples=400, deadline=None)
@given(lives(), st.data())
def test_lost_reports_are_a_gap_and_at_most_a_doubtful_average_until_they_come(life, data):
    lost = data.draw(st.sets(st.integers(0, len(life.said) - 1))) if life.said else set()
    here = [report for number, report in enumerate(life.said) if number not in lost]
    state, _ = deliver(life, here)
    kinds = {getattr(report, "exec_type", None) for report in here}
    lost_kinds = {getattr(life.said[number], "exec_type", None) for number in lost}

    expected = set()
    if ExecType.ORDER_STATUS in kinds:
        expected |= {Applied.MISSING_FILLS, Applied.SURPLUS_FILLS}
    if lost_kinds & {ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT}:
        expected |= {Applied.PRICES_DISAGREE}
    assert set(breaks_of(state).values()) <= expected
    if here and here[-1] is life.said[-1] and hasattr(here[-1], "cum_qty"):
        assert state.cum_qty + state.gap == life.cum_qty
        assert state.status is life.status

    adopt(state, life.said)

    assert state == deliver(life)[0]


@settings(max_examples=200, deadline=None)
@given(lives(), st.data())
def test_the_answer_to_a_status_request_brings_the_order_to_what_is_true_though_all_else_be_lost(life, data):
    here = (
        data.draw(st.lists(st.sampled_from(life.said), unique_by=lambda r: r.record_id)) if life.said else []
    )
    life.answer_status()

    state, _ = deliver(life, [*here, life.said[-1]])
    books = bookings(state)

    assert (state.status, state.cum_qty, state.gap) == (life.status, life.cum_qty, 0)
    assert abs(Fraction(state.notional) - life.notional) < Fraction(1, 10**12)
    assert sum(entry.quantity for entry in books.values()) == life.cum_qty
    again = deliver(life, [life.said[-1], *here[::-1]])[0]
    assert bookings(again) == books


@settings(deadline=None)
@given(lives(), st.data())
def test_a_life_cut_at_any_report_and_resumed_from_its_pickle_goes_on_the_same(life, data):
    cut = data.draw(st.integers(0, len(life.said)))

    state, _ = deliver(life, life.said[:cut])
    state = pickle.loads(pickle.dumps(state))
    for report in life.said[cut:]:
        apply_report(state, report)

    assert state == deliver(life)[0]


@settings(deadline=None)
@given(lives())
def test_a_report_that_comes_again_is_repeated_and_changes_nothing(life):
    state, _ = deliver(life)
    before = pickle.loads(pickle.dumps(state))

    answers = {apply_report(state, report) for report in life.said}

    assert answers <= {Applied.REPEATED}
    assert state == before


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(1, 300))
def test_exposure_while_a_replace_is_pending_is_that_of_the_larger_quantity(old_fill, new_qty):
    life = Life().new().fill(old_fill)
    name = life.ask(RequestKind.REPLACE, new_qty)
    before, _ = deliver(life)
    life.pending(name).accept(name)
    after, _ = deliver(life)

    assert exposed_qty(before) == max(QUANTITY, new_qty) - old_fill
    assert exposed_qty(after) == max(new_qty, old_fill) - old_fill


def test_each_request_has_an_id_of_its_own_and_names_the_last_one_that_was_accepted():
    life = Life().new()
    first = life.ask(RequestKind.REPLACE, 120)
    life.pending(first).accept(first)
    state, _ = deliver(life)
    life.asked.cl_ord_id = state.cl_ord_id
    second = life.ask(RequestKind.CANCEL)

    requests = life.asked.requests

    assert len({first, second, "c"}) == 3
    assert (requests[first].orig_cl_ord_id, requests[second].orig_cl_ord_id) == ("c", first)
    assert {request.order_id for request in requests.values()} == {"o"}


def test_a_bust_that_comes_before_its_fill_waits_for_it():
    life = Life().new().fill(30).bust()
    acknowledged, fill, bust = life.said

    state, answers = deliver(life, [acknowledged, bust])
    waiting = dict(state.orphans)
    answers.append(apply_report(state, fill))

    assert answers == [Applied.APPLIED, Applied.EARLY, Applied.APPLIED]
    assert waiting == {fill.exec_id: bust.exec_id}
    assert (state.orphans, state.cum_qty, state.status) == ({}, 0, OrdStatus.NEW)


def test_the_same_fill_is_busted_once():
    life = Life().new().fill(30).fill(20).bust()
    again = changed(life.said[-1], exec_id="again", record_id="again", sequence=99)

    state, answers = deliver(life, [*life.said, again])

    assert answers[-1] is Applied.REPEATED
    assert state.cum_qty == 20


def test_a_fill_under_the_exec_id_of_another_one_is_a_break_and_does_not_count():
    life = Life().new().fill(30)

    state, answers = deliver(life, [*life.said, changed(life.said[-1], last_qty=40, cum_qty=40)])

    assert answers[-1] is Applied.EXEC_ID_REUSED
    assert state.cum_qty == 30


def test_a_fill_too_many_counts_and_is_a_break():
    life = Life().new().fill(100)
    more = changed(
        life.said[-1], exec_id="x", record_id="x", sequence=99, last_qty=5, cum_qty=105, leaves_qty=0
    )

    state, answers = deliver(life, [*life.said, more])

    assert answers[-1] is Applied.OVERFILLED
    assert (state.cum_qty, state.leaves_qty) == (105, 0)


FILL = Life().new().fill(30, "100").said[1]
WORKING = Life().new().fill(30, "100")


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"last_qty": 0}, Applied.QUANTITIES_DISAGREE),
        ({"last_qty": -1}, Applied.QUANTITIES_DISAGREE),
        ({"last_px": None}, Applied.QUANTITIES_DISAGREE),
        ({"last_px": Decimal("NaN")}, Applied.QUANTITIES_DISAGREE),
        ({"last_qty": 20, "cum_qty": 50, "leaves_qty": 51}, Applied.QUANTITIES_DISAGREE),
        ({"cum_qty": 20, "leaves_qty": 80}, Applied.QUANTITIES_DISAGREE),
        ({"ord_status": OrdStatus.NEW}, Applied.ILLEGAL_PAIR),
        ({"ord_status": OrdStatus.CANCELED}, Applied.ILLEGAL_PAIR),
        ({"ord_status": OrdStatus.FILLED, "leaves_qty": 0}, Applied.QUANTITIES_DISAGREE),
        (
            {
                "exec_type": ExecType.NEW,
                "ord_status": OrdStatus.NEW,
                "last_qty": 0,
                "cum_qty": 0,
                "leaves_qty": 100,
            },
            Applied.ILLEGAL_TRANSITION,
        ),
        (
            {
                "exec_type": ExecType.REJECTED,
                "ord_status": OrdStatus.REJECTED,
                "last_qty": 0,
                "cum_qty": 0,
                "leaves_qty": 0,
            },
            Applied.QUANTITIES_DISAGREE,
        ),
        ({"order_id": "other"}, Applied.WRONG_ORDER),
        ({"cl_ord_id": "other"}, Applied.WRONG_ORDER),
        ({"account": "other"}, Applied.WRONG_ORDER),
        ({"strategy": "other"}, Applied.WRONG_ORDER),
        ({"symbol": "BBB"}, Applied.WRONG_ORDER),
        ({"side": Side.SELL}, Applied.WRONG_ORDER),
    ],
)
def test_a_report_that_cannot_be_is_a_break_and_has_no_effect(changes, answer):
    state, _ = deliver(WORKING)
    before = shown(state)

    answered = apply_report(
        state, changed(FILL, **({"exec_id": "x", "record_id": "x", "sequence": 99} | changes))
    )

    assert answered is answer
    assert answer in BREAKS - COUNTED
    assert shown(state) == before


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        (
            {"last_qty": 20, "cum_qty": 50, "leaves_qty": 50, "avg_px": Decimal("98.99")},
            Applied.PRICES_DISAGREE,
        ),
        (
            {"last_qty": 20, "cum_qty": 50, "leaves_qty": 50, "avg_px": Decimal("NaN")},
            Applied.PRICES_DISAGREE,
        ),
        ({"last_qty": 20, "cum_qty": 50, "leaves_qty": 149, "order_qty": 199}, Applied.TERMS_DISAGREE),
    ],
)
def test_a_fill_with_a_doubt_counts_and_is_a_break(changes, answer):
    state, _ = deliver(WORKING)

    answered = apply_report(
        state, changed(FILL, **({"exec_id": "x", "record_id": "x", "sequence": 99} | changes))
    )

    assert (answered, state.cum_qty) == (answer, 50)
    assert answer in COUNTED


@pytest.mark.parametrize("status", sorted(FINAL))
@pytest.mark.parametrize(
    "after", [OrdStatus.NEW, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED, OrdStatus.SUSPENDED]
)
def test_no_report_of_status_alone_follows_an_end(status, after):
    life = Life().new()
    life = life.fill(100) if status is OrdStatus.FILLED else life.end(status)
    state, _ = deliver(life)
    cum_qty = 0 if after in {OrdStatus.NEW, OrdStatus.REJECTED} else life.cum_qty
    report = changed(
        life.said[0],
        exec_id="x",
        record_id="x",
        sequence=99,
        exec_type=ExecType(after.value),
        ord_status=after,
        cum_qty=cum_qty,
        leaves_qty=0 if after in FINAL else QUANTITY - cum_qty,
    )
    before = shown(state)

    answer = apply_report(state, report)

    assert answer in {Applied.ILLEGAL_TRANSITION, Applied.QUANTITIES_DISAGREE}
    assert shown(state) == before


def test_an_order_of_which_nothing_was_said_is_not_final():
    state = OrderState(ORDER)

    state.unknown_since = 5

    assert state.is_unknown
    assert (state.status in FINAL, state.is_over, exposed_qty(state)) == (False, False, QUANTITY)


def test_a_state_that_an_earlier_version_stored_is_read():
    stored = {
        "order": ORDER,
        "status": OrdStatus.PARTIALLY_FILLED,
        "cum_qty": 30,
        "notional": Decimal(3000),
        "exec_ids": {WORKING.said[0].exec_id, WORKING.said[1].exec_id},
        "reported_sequence": 20,
        "early": {},
    }
    state = OrderState.__new__(OrderState)
    state.__setstate__(stored)
    more = changed(FILL, exec_id="x", record_id="x", sequence=99, last_qty=70, cum_qty=100, leaves_qty=0,
                   ord_status=OrdStatus.FILLED)  # fmt: skip

    answers = [apply_report(state, FILL), apply_report(state, more)]

    assert answers == [Applied.REPEATED, Applied.APPLIED]
    assert (state.status, state.cum_qty, state.avg_px) == (OrdStatus.FILLED, 100, Decimal(100))
