"""A desk whose venue lies: it goes on, books what is true in the end, and says the same however it is run."""

import pickle
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import pytest

from domain.orders import ExecType
from operators.decision_records import nothing_decided
from operators.decisions import Decisions
from operators.desk import Desk
from operators.desk_orders import take_reports
from operators.desk_state import Working
from operators.order_ledger import enter
from operators.venue import end_of_session
from operators.venue_params import LineParams, VenueParams
from operators.venue_state import Resting, VenueState
from tests.operators import decision_case, lying_desk
from tests.operators.lying_desk import items, params, run
from tests.operators.naive_fills import naive
from tests.operators.order_life import ORDER, Life, changed


@pytest.fixture(scope="module")
def records():
    return run(params(), items())


def test_something_of_everything_happened(records):
    kinds = Counter(each.exec_type for each in (*records["oms.executions"], *records["oms.reports"]))

    assert len(records["oms.orders"]) > 30
    assert {ExecType.NEW, ExecType.TRADE, ExecType.CANCELED, ExecType.ORDER_STATUS} <= kinds.keys()
    assert kinds[ExecType.TRADE_CANCEL] + kinds[ExecType.TRADE_CORRECT] > 0
    assert all(records[topic] for topic in ("oms.refusals", "oms.drop_copy", "oms.breaks", "oms.requests"))


def test_in_the_end_the_position_is_what_the_drop_copy_comes_to(records):
    sides = {order.order_id: order for order in records["oms.orders"]}
    held, paid = Counter(), Counter()
    for order_id, (quantity, money) in naive(list(records["oms.drop_copy"])).items():
        order = sides[order_id]
        held[order.strategy, order.symbol] += order.side.sign * quantity
        paid[order.strategy, order.symbol] += order.side.sign * money

    last = {(each.strategy, each.symbol): each for each in records["positions"]}

    assert {leaf: each.quantity for leaf, each in last.items() if each.quantity} == {
        leaf: quantity for leaf, quantity in held.items() if quantity
    }
    for leaf, each in last.items():
        earned = Fraction(each.realised) + Fraction(each.unrealised)
        worth = each.quantity * Fraction(each.mark) - paid[leaf]
        assert abs(earned - worth) < Fraction(1, 10**4), leaf


def test_with_a_sound_drop_copy_no_difference_stays_open(records):
    last = {each.break_id: each for each in records["oms.breaks"]}
    open_kinds = {each.kind for each in last.values() if not each.resolved}

    assert open_kinds <= {"amended_after_end", "late_fill"}


def test_with_a_drop_copy_that_loses_everything_the_differences_are_named():
    made = run(params(drop_copy_losses=1.0, lost_acknowledgements=0.6), items())

    last = {each.break_id: each for each in made["oms.breaks"]}

    assert made["oms.drop_copy"] == ()
    assert {each.kind for each in last.values() if not each.resolved} & {"order_differs", "not_over"}


def test_every_order_is_cancelled_or_asked_about_and_none_is_sent_twice(records):
    sent = [
        each.record_id for each in (*records["oms.orders"], *records["oms.cancels"], *records["oms.requests"])
    ]
    numbers = sorted(
        each.sequence for each in (*records["oms.orders"], *records["oms.cancels"], *records["oms.requests"])
    )

    assert len(set(sent)) == len(sent)
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("batch_rows", [7, 64, 4096])
def test_batches_of_any_size_give_the_same_records(records, batch_rows):
    assert run(params(), items(batch_rows)) == records


def test_cut_anywhere_and_resumed_the_records_are_the_same(records):
    stage, came, made = Decisions(params()), items(), []
    state = stage.fresh()

    for item in came:
        made += stage.step(state, item)
        state = pickle.loads(pickle.dumps(state))

    assert decision_case.streams(made) == records


def test_a_line_without_faults_says_what_a_venue_that_does_not_lie_says():
    line = LineParams()
    desk = params(**{name: getattr(line, name) for name in LineParams.__dataclass_fields__})
    honest = run(lying_desk.replace(desk, venue=lying_desk.replace(desk.venue, line=None)), items())

    made = run(desk, items())

    assert made["oms.breaks"] == ()
    for topic in ("signals", "intents", "verdicts", "oms.orders", "positions", "risk.snapshots"):
        assert made[topic] == honest[topic], topic
    assert sum((each.commission for each in made["oms.executions"]), Decimal(0)) > 0


@pytest.mark.parametrize("lies", [True, False])
@pytest.mark.parametrize(
    "changes", [{"order_id": "nobody's"}, {"symbol": "A"}, {"last_qty": -5}, {"exec_type": ExecType.EXPIRED}]
)
def test_a_report_that_cannot_be_is_a_record_and_stops_nothing(changes, lies):
    desk_params = params() if lies else decision_case.desk_params()
    state = Decisions(desk_params).fresh()
    desk = Desk(desk_params, state, nothing_decided(0))
    enter(state.ledger, ORDER)
    state.working["trend", "AAA"] = Working(state.ledger.orders["o"], 10**18)
    report = changed(Life().new().fill(30).said[1], **changes)

    take_reports(desk, [report, report], 5)

    (found,) = desk.decided.breaks
    assert (found.order_id, found.left, found.right, found.resolved) == (
        report.order_id,
        "desk",
        "venue",
        False,
    )
    assert (desk.decided.executions, desk.decided.positions, len(state.working)) == ([], [], 1)


def test_a_venue_of_an_earlier_version_is_read():
    order = {"order": ORDER, "instrument": 0, "tick_size": Decimal("0.01"), "cum_qty": 30, "reports": 2}
    held = Resting.__new__(Resting)
    held.__setstate__({**order, "notional": Decimal(3000)})
    venue = VenueState.__new__(VenueState)
    venue.__setstate__(
        {"coming": [], "orders": {"o": held}, "resting": {0: ["o"]}, "taken": {}, "sequence": 2}
    )

    (made,) = end_of_session(venue, VenueParams(), 9)

    assert (made.exec_type, made.cum_qty, made.order_qty, made.sequence) == (ExecType.EXPIRED, 30, 100, 3)


def test_a_venue_elsewhere_may_not_lie():
    with pytest.raises(ValueError, match=r"leave out `venue\.line`"):
        lying_desk.replace(params(), remote_venue=True)
