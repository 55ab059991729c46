"""The whole desk behind the signals: what follows from a score, and that the book adds up whatever happens."""

from decimal import Decimal

import pytest

from domain.decisions import VerdictKind
from domain.instruments import Split
from domain.market import SECOND
from domain.orders import FINAL, ExecType
from operators.decisions import Decisions
from operators.order_rules import Applied
from operators.orders import OrderState, apply_report
from operators.positions import reconcile
from tests.flows.reconciliation import breaks
from tests.operators import decision_case
from tests.operators.action_cases import action

ROWS = 6_000
BATCH_ROWS = 64
SPLIT_AT = decision_case.OPEN + 700 * SECOND
ON_ITS_WAY_AT = decision_case.OPEN + 180 * SECOND + SECOND // 4 + 250_000
"""Half way between the sending of an order of B and its arrival half a millisecond later."""
SPLIT = Split(instrument="B", effective_at=SPLIT_AT, known_at=SPLIT_AT - SECOND, ratio=Decimal("1.5"))


def run(splits=()):
    """Return the records of a run and the book after it."""
    stage = Decisions(decision_case.desk_params(splits))
    book = stage.fresh()
    answers = [
        answer for item in decision_case.items(ROWS, BATCH_ROWS, None) for answer in stage.step(book, item)
    ]
    return decision_case.streams(answers), book


@pytest.fixture(scope="module")
def traded():
    return run()


@pytest.fixture(scope="module")
def split():
    return run((SPLIT,))


def test_the_run_fills_whole_in_parts_and_not_at_all(traded):
    records, _ = traded
    kinds = {report.exec_type for report in records["oms.executions"]}
    fills = {}
    for report in records["oms.executions"]:
        fills[report.order_id] = fills.get(report.order_id, 0) + (report.exec_type is ExecType.TRADE)

    assert {ExecType.NEW, ExecType.TRADE, ExecType.CANCELED} <= kinds
    assert {0, 1, 2} <= set(fills.values())
    assert len(records["oms.orders"]) > 200


def test_positions_cash_and_equity_are_those_of_the_executions(traded):
    records, book = traded

    assert breaks(records, 10_000_000) == []
    assert reconcile(book.positions) == 0


def test_every_order_has_ended_and_nothing_is_reserved(traded):
    records, book = traded
    orders = {order.order_id: OrderState(order) for order in records["oms.orders"]}

    answers = {apply_report(orders[report.order_id], report) for report in records["oms.executions"]}

    assert answers == {Applied.APPLIED}
    assert {state.status for state in orders.values()} <= FINAL
    assert (book.working, book.compliance.reservations) == ({}, {})
    assert {exposure.open_notional for exposure in book.compliance.exposures.values()} == {0}


def test_every_changed_score_has_a_decision_point_that_names_its_signal(traded):
    records, _ = traded

    named = {point.signal_id for point in records["decision_points"]}

    assert [signal for signal in records["signals"] if signal.signal_id not in named] == []


def test_orders_are_exactly_the_approved_verdicts(traded):
    records, _ = traded
    approved = [v.decision_id for v in records["verdicts"] if v.kind is VerdictKind.APPROVED]

    assert [order.decision_id for order in records["oms.orders"]] == approved


def test_a_strategy_never_has_two_orders_of_an_instrument_at_work(traded):
    records, _ = traded
    ended_at = {r.order_id: r.known_at for r in records["oms.executions"] if r.ord_status in FINAL}
    free_at = {}

    for order in records["oms.orders"]:
        key = (order.strategy, order.symbol)
        assert order.known_at >= free_at.get(key, 0)
        free_at[key] = ended_at[order.order_id]


def test_an_order_never_takes_a_position_through_zero(traded):
    records, _ = traded

    through = [
        intent
        for intent in records["intents"]
        if intent.position_before * (intent.position_before + intent.side.sign * intent.order_qty) < 0
    ]
    assert through == []


def test_a_split_multiplies_what_is_held_everywhere_and_pays_fractions_out(split):
    records, book = split
    after = [p for p in records["positions"] if p.cause == "split 1.5 for 1"]

    before = {}
    for position in records["positions"]:
        if position.symbol == "B" and position.known_at <= SPLIT_AT and position not in after:
            before[position.strategy] = position.quantity
    held = {strategy: quantity for strategy, quantity in before.items() if quantity}
    assert held
    assert {p.strategy: p.quantity for p in after} == {s: int(q * Decimal("1.5")) for s, q in held.items()}
    assert {p.known_at for p in after} == {SPLIT_AT}
    assert reconcile(book.positions) == 0


def test_behind_a_split_intents_start_from_the_new_quantity_and_compliance_agrees(split):
    records, book = split
    quantities = {p.strategy: p.quantity for p in records["positions"] if p.cause == "split 1.5 for 1"}

    later = [i for i in records["intents"] if i.symbol == "B" and i.known_at > SPLIT_AT]
    first = {intent.strategy: intent.position_before for intent in reversed(later)}
    filled_before = {
        r.strategy
        for r in records["oms.executions"]
        if r.symbol == "B" and r.exec_type is ExecType.TRADE and SPLIT_AT < r.known_at < later[0].known_at
    }
    compliance = {(leaf.strategy, leaf.symbol): q for leaf, q in book.compliance.positions.items() if q}
    assert {s: q for s, q in first.items() if s in quantities and s not in filled_before} == {
        s: q for s, q in quantities.items() if s in first and s not in filled_before
    }
    assert compliance == {
        key: held.quantity for key, held in book.positions.holdings.items() if held.quantity
    }


def test_open_orders_are_restated_by_a_split_and_reports_of_after_it_are_in_its_units():
    at = ON_ITS_WAY_AT
    records, book = run((Split(instrument="B", effective_at=at, known_at=at - SECOND, ratio=Decimal(3)),))
    orders = {order.order_id: order for order in records["oms.orders"]}

    restated = records["oms.restatements"]
    later = [r for r in records["oms.executions"] if r.order_id in {one.order_id for one in restated}]

    assert restated
    assert {one.known_at for one in restated} == {at}
    for one in restated:
        sent = orders[one.order_id]
        assert (one.symbol, one.exec_type, one.exec_restatement_reason) == ("B", "D", 0)
        assert (one.order_qty, one.text) == (3 * sent.order_qty, "split 3 for 1")
        assert abs(one.price - sent.price / 3) < Decimal("0.01")
        assert (one.price - sent.price / 3) * one.side.sign <= 0
    assert {r.order_qty for r in later if r.known_at > at} <= {one.order_qty for one in restated}
    assert reconcile(book.positions) == 0
    assert book.compliance.reservations == {}


def test_a_merger_cancels_open_orders_and_nothing_is_traded_after_it():
    at = ON_ITS_WAY_AT
    told = action("merger", "B", at, known_at=decision_case.OPEN, amount="101")
    items = decision_case.items(ROWS, BATCH_ROWS, None)
    stage = Decisions(decision_case.desk_params())
    book = stage.fresh()
    items[0] = items[0]._replace(actions=(told,))

    records = decision_case.streams([answer for item in items for answer in stage.step(book, item)])

    cancels = [one for one in records["oms.cancels"] if one.symbol == "B" and one.known_at == at]
    assert {one.text for one in cancels} == {"nothing is left of it after the merger 101 a share"}
    assert [one for one in records["oms.orders"] if one.symbol == "B" and one.known_at > at] == []
    assert {
        q for (_, symbol), held in book.positions.holdings.items() if symbol == "B" for q in [held.quantity]
    } == {0}
    assert {v.kind for v in records["verdicts"] if v.symbol == "B" and v.known_at > at} == {
        VerdictKind.REFUSED
    }
    assert reconcile(book.positions) == 0
