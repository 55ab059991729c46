"""Orders: each report gets one answer, and the state is a function of the set of reports."""

import itertools
import pickle
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.envelope import record_id
from domain.orders import FINAL, ExecType, Execution, Order, OrdStatus, OrdType, Side, TimeInForce
from operators.orders import BREAKS, PAIRS, TRANSITIONS, Applied, OrderState, apply_report, apply_waiting

QUANTITY = 100
ORDER = Order(
    event_at=1,
    known_at=1,
    received_at=1,
    source="decisions",
    sequence=1,
    record_id="o",
    cl_ord_id="c",
    account="main",
    desk="equities",
    trader="ann",
    strategy="trend",
    symbol="AAA",
    side=Side.BUY,
    order_qty=QUANTITY,
    ord_type=OrdType.LIMIT,
    time_in_force=TimeInForce.DAY,
    transact_time=1,
    ex_destination="XSIM",
    price=Decimal(101),
    order_id="o",
    decision_id="d",
)
PRICES = st.integers(1, 20_000).map(lambda ticks: Decimal(ticks) / 100)


class Life:
    """Writes the reports of one order, as a venue would that makes no mistake."""

    def __init__(self) -> None:
        self.reports: list[Execution] = []
        self.cum_qty, self.notional = 0, Fraction(0)

    def say(
        self, exec_type: ExecType, status: OrdStatus, last_qty: int = 0, last_px: Decimal | None = None
    ) -> "Life":
        """Add a report."""
        self.cum_qty += last_qty
        self.notional += last_qty * Fraction(last_px or 0)
        average = self.notional / self.cum_qty if self.cum_qty else Fraction(0)
        number = len(self.reports) + 1
        name = record_id("execution", "o", number)
        self.reports.append(
            Execution(
                event_at=number,
                known_at=number,
                received_at=number,
                source="venue",
                sequence=10 * number,
                record_id=name,
                exec_id=name,
                order_id="o",
                cl_ord_id="c",
                account="main",
                strategy="trend",
                symbol="AAA",
                side=Side.BUY,
                exec_type=exec_type,
                ord_status=status,
                order_qty=QUANTITY,
                leaves_qty=0 if status in FINAL else QUANTITY - self.cum_qty,
                cum_qty=self.cum_qty,
                avg_px=Decimal(average.numerator) / Decimal(average.denominator),
                transact_time=number,
                last_qty=last_qty,
                last_px=last_px,
            )
        )
        return self

    def new(self) -> "Life":
        """Acknowledge."""
        return self.say(ExecType.NEW, OrdStatus.NEW)

    def fill(self, quantity: int, price: str = "100", *, pending: bool = False) -> "Life":
        """Fill some."""
        whole = self.cum_qty + quantity == QUANTITY
        status = OrdStatus.FILLED if whole else OrdStatus.PARTIALLY_FILLED
        return self.say(
            ExecType.TRADE, OrdStatus.PENDING_CANCEL if pending else status, quantity, Decimal(price)
        )

    def end(self, status: OrdStatus = OrdStatus.CANCELED) -> "Life":
        """End it before it is filled whole."""
        return self.say(ExecType(status.value), status)


@st.composite
def lives(draw: Any, *, finished: bool = False) -> list[Execution]:
    """Return a legal life of an order, up to any point of it."""
    life = Life()
    if draw(st.booleans()):
        life.say(ExecType.PENDING_NEW, OrdStatus.PENDING_NEW)
    acknowledged = draw(st.booleans())
    if acknowledged:
        life.new()
    pending = False
    while life.cum_qty < QUANTITY:
        choices = ["fill", "end"] + ([] if pending else ["ask to cancel"]) + ([] if finished else ["stop"])
        match draw(st.sampled_from(choices)):
            case "fill":
                life.fill(draw(st.integers(1, QUANTITY - life.cum_qty)), str(draw(PRICES)), pending=pending)
            case "ask to cancel":
                life.say(ExecType.PENDING_CANCEL, OrdStatus.PENDING_CANCEL)
                pending = True
            case "end":
                ends = [OrdStatus.CANCELED, OrdStatus.EXPIRED] + (
                    [] if life.cum_qty else [OrdStatus.REJECTED]
                )
                life.end(draw(st.sampled_from(ends)))
                break
            case "stop":
                break
        if pending and life.cum_qty == 0 and draw(st.booleans()):
            life.new()
            pending = False
    return life.reports


def deliver(reports: Sequence[Execution]) -> tuple[OrderState, list[Applied]]:
    """Hand reports to a fresh order; return it, and every answer."""
    state, answers = OrderState(ORDER), []
    for report in reports:
        answers.append(apply_report(state, report))
        answers += [answer for _, answer in apply_waiting(state)]
    return state, answers


def changed(report: Execution, **changes: Any) -> Execution:
    return msgspec.structs.replace(report, **changes)


@given(lives(), st.data())
def test_any_order_of_delivery_with_repetitions_ends_in_the_same_state(reports, data):
    again = data.draw(st.lists(st.sampled_from(reports), max_size=5)) if reports else []
    shuffled = data.draw(st.permutations(reports + again))

    state, answers = deliver(shuffled)

    assert state == deliver(reports)[0]
    assert BREAKS.isdisjoint(answers)


@given(lives())
def test_quantities_and_average_price_are_those_of_the_fills_after_every_report(reports):
    state, fills = OrderState(ORDER), []

    for report in reports:
        assert apply_report(state, report) is Applied.APPLIED
        fills += [report] if report.last_qty else []

        cum_qty = sum(fill.last_qty for fill in fills)
        notional = sum(fill.last_qty * Fraction(fill.last_px) for fill in fills)
        leaves_qty = 0 if state.status in FINAL else QUANTITY - cum_qty
        assert (state.cum_qty, state.leaves_qty, Fraction(state.notional)) == (cum_qty, leaves_qty, notional)
        average = notional / cum_qty if cum_qty else Fraction(0)
        assert abs(Fraction(state.avg_px) - average) < Fraction(1, 10**20)


@given(lives(finished=True))
def test_an_order_whose_life_is_over_is_in_one_final_state_and_takes_nothing_more(reports):
    state, _ = deliver(reports)
    frozen = pickle.dumps(state)

    answers = {apply_report(state, changed(report, exec_id="x", sequence=10**6)) for report in reports[:1]}

    assert state.status in FINAL
    assert state.leaves_qty == 0
    assert answers <= BREAKS
    assert pickle.loads(frozen) == state


def test_a_life_cut_at_any_report_and_resumed_from_its_pickle_goes_on_the_same():
    reports = Life().new().fill(30, "99.99").fill(30, "100.01").end().reports
    whole, _ = deliver(reports)

    for cut in range(len(reports)):
        state, _ = deliver(reports[:cut])
        state = pickle.loads(pickle.dumps(state))
        for report in reports[cut:]:
            apply_report(state, report)

        assert state == whole


def test_a_fill_that_comes_before_its_predecessor_waits_for_it():
    first, second = Life().fill(30).fill(70).reports
    state = OrderState(ORDER)

    early = apply_report(state, second)
    repeated = apply_report(state, second)
    open_quantity = state.leaves_qty
    answers = [apply_report(state, first), *apply_waiting(state)]

    assert (early, repeated, open_quantity) == (Applied.EARLY, Applied.REPEATED, QUANTITY)
    assert answers == [Applied.APPLIED, (second, Applied.APPLIED)]
    assert (state.status, state.cum_qty, state.early) == (OrdStatus.FILLED, QUANTITY, {})


def test_reports_that_wait_for_the_same_fill_take_their_turns_by_sequence():
    first, pending, ended = (
        Life().fill(30).say(ExecType.PENDING_CANCEL, OrdStatus.PENDING_CANCEL).end().reports
    )
    state = OrderState(ORDER)
    for report in (ended, pending, first):
        apply_report(state, report)

    answers = apply_waiting(state)

    assert answers == [(pending, Applied.APPLIED), (ended, Applied.APPLIED)]


def test_a_filled_order_whose_cancel_was_refused_is_not_new_again():
    life = Life().fill(30).say(ExecType.PENDING_CANCEL, OrdStatus.PENDING_CANCEL)

    _, answers = deliver(life.new().reports)

    assert answers[-1] is Applied.QUANTITIES_DISAGREE


def test_an_acknowledgement_that_comes_after_a_fill_changes_nothing():
    acknowledged, filled = Life().new().fill(30).reports

    state, answers = deliver([filled, acknowledged])

    assert answers == [Applied.APPLIED, Applied.SUPERSEDED]
    assert (state.status, state.cum_qty) == (OrdStatus.PARTIALLY_FILLED, 30)


@pytest.mark.parametrize("end", [OrdStatus.CANCELED, OrdStatus.EXPIRED])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_fill_behind_the_end_counts_and_is_a_break_and_the_order_stays_ended(end, order):
    reports = Life().fill(30).end(end).fill(70).reports

    state, answers = deliver([reports[index] for index in order])

    assert (state.status, state.cum_qty, state.leaves_qty) == (end, QUANTITY, 0)
    assert set(answers) - {Applied.EARLY} == {Applied.APPLIED, Applied.LATE_FILL}
    assert answers.count(Applied.LATE_FILL) == 1


def test_an_end_that_comes_behind_a_later_report_ends_the_order_once():
    acknowledged, ended, pending = (
        Life().new().end().say(ExecType.PENDING_CANCEL, OrdStatus.PENDING_CANCEL).reports
    )
    expired = changed(
        ended, exec_id="x", sequence=15, exec_type=ExecType.EXPIRED, ord_status=OrdStatus.EXPIRED
    )

    state, answers = deliver([acknowledged, pending, ended, expired])

    assert answers == [Applied.APPLIED, Applied.APPLIED, Applied.LATE_FILL, Applied.ILLEGAL_TRANSITION]
    assert (state.status, state.leaves_qty) == (OrdStatus.CANCELED, 0)


def test_an_order_filled_whole_while_its_cancel_is_pending_is_filled():
    life = Life().new().say(ExecType.PENDING_CANCEL, OrdStatus.PENDING_CANCEL).fill(100, pending=True)

    state, answers = deliver(life.reports)

    assert (state.status, state.leaves_qty, set(answers)) == (OrdStatus.FILLED, 0, {Applied.APPLIED})


FILL = Life().new().fill(30, "100").reports[1]
WORKING = Life().new().fill(30, "100").reports


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"last_qty": 101, "cum_qty": 101, "leaves_qty": -1}, Applied.OVERFILLED),
        ({"last_qty": 71, "cum_qty": 71, "leaves_qty": 29}, Applied.OVERFILLED),
        ({"last_qty": 70, "cum_qty": 101, "leaves_qty": -1}, Applied.OVERFILLED),
        ({"last_qty": 70, "cum_qty": 100, "leaves_qty": 0}, Applied.QUANTITIES_DISAGREE),
        ({"last_qty": 0}, Applied.QUANTITIES_DISAGREE),
        ({"last_qty": -1}, Applied.QUANTITIES_DISAGREE),
        ({"last_px": None}, Applied.QUANTITIES_DISAGREE),
        ({"last_qty": 20, "cum_qty": 49, "leaves_qty": 51}, Applied.QUANTITIES_DISAGREE),
        ({"last_qty": 20, "cum_qty": 50, "leaves_qty": 51}, Applied.QUANTITIES_DISAGREE),
        (
            {"last_qty": 20, "cum_qty": 50, "leaves_qty": 50, "avg_px": Decimal("98.99")},
            Applied.PRICES_DISAGREE,
        ),
        (
            {"last_qty": 20, "cum_qty": 50, "leaves_qty": 50, "avg_px": Decimal("NaN")},
            Applied.PRICES_DISAGREE,
        ),
        ({"ord_status": OrdStatus.NEW}, Applied.ILLEGAL_PAIR),
        ({"ord_status": OrdStatus.CANCELED}, Applied.ILLEGAL_PAIR),
        ({"ord_status": OrdStatus.FILLED, "leaves_qty": 0}, Applied.QUANTITIES_DISAGREE),
        (
            {"exec_type": ExecType.CANCELED, "ord_status": OrdStatus.CANCELED, "leaves_qty": 0},
            Applied.QUANTITIES_DISAGREE,
        ),
        ({"order_id": "other"}, Applied.WRONG_ORDER),
        ({"cl_ord_id": "other"}, Applied.WRONG_ORDER),
        ({"account": "other"}, Applied.WRONG_ORDER),
        ({"strategy": "other"}, Applied.WRONG_ORDER),
        ({"symbol": "BBB"}, Applied.WRONG_ORDER),
        ({"sequence": 5}, Applied.QUANTITIES_DISAGREE),
        ({"side": Side.SELL}, Applied.WRONG_ORDER),
        ({"order_qty": 99}, Applied.WRONG_ORDER),
    ],
)
def test_a_report_that_does_not_fit_is_a_break_and_changes_nothing(changes, answer):
    state, _ = deliver(WORKING)
    before = pickle.loads(pickle.dumps(state))

    answered = apply_report(state, changed(FILL, **({"exec_id": "x", "sequence": 99} | changes)))

    assert answered is answer
    assert answer in BREAKS
    assert state == before


@pytest.mark.parametrize("cum_qty", [49, 50, 51])
def test_a_fill_chains_only_to_the_quantity_that_was_filled_before(cum_qty):
    state, _ = deliver(WORKING)
    report = changed(FILL, exec_id="x", sequence=99, last_qty=20, cum_qty=cum_qty, leaves_qty=100 - cum_qty)

    answer = apply_report(state, report)

    assert answer is {49: Applied.QUANTITIES_DISAGREE, 50: Applied.APPLIED, 51: Applied.EARLY}[cum_qty]


@pytest.mark.parametrize("status", sorted(FINAL))
@pytest.mark.parametrize(
    "after", [OrdStatus.NEW, OrdStatus.PENDING_CANCEL, OrdStatus.CANCELED, OrdStatus.REJECTED]
)
def test_nothing_but_a_late_fill_follows_an_end(status, after):
    life = Life().new()
    life = life.fill(100) if status is OrdStatus.FILLED else life.end(status)
    state, _ = deliver(life.reports)
    cum_qty = 0 if after in {OrdStatus.NEW, OrdStatus.REJECTED} else life.cum_qty
    report = changed(
        life.reports[0],
        exec_id="x",
        sequence=99,
        exec_type=ExecType(after.value),
        ord_status=after,
        cum_qty=cum_qty,
        leaves_qty=0 if after in FINAL else QUANTITY - cum_qty,
    )

    answer = apply_report(state, report)

    assert answer in {Applied.ILLEGAL_TRANSITION, Applied.QUANTITIES_DISAGREE}
    assert state == deliver(life.reports)[0]


def test_the_tables_speak_of_every_status_and_every_kind_of_report():
    assert set(TRANSITIONS) == set(OrdStatus)
    assert set(PAIRS) == set(ExecType)
    assert {status for status, following in TRANSITIONS.items() if not following} == FINAL


def test_what_may_follow_over_a_report_that_fills_nothing_may_follow_without_it():
    unfilled = {OrdStatus.NEW, OrdStatus.REJECTED}
    over = [
        (first, last)
        for first, following in TRANSITIONS.items()
        for skipped in following & {OrdStatus.NEW, OrdStatus.PENDING_CANCEL}
        for last in TRANSITIONS[skipped]
        if not (first is OrdStatus.PARTIALLY_FILLED and last in unfilled)
    ]

    assert [
        (first, last) for first, last in over if last not in TRANSITIONS[first] and first is not last
    ] == []
