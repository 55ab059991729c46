"""Nothing is lost and nothing appears: rows, intents, orders, executions, cash and positions all add up."""

from collections import Counter, defaultdict

import pytest

from connectors.simulator.source import Simulator, settings_of
from domain.decisions import VerdictKind
from domain.market import Kind
from domain.orders import FINAL
from flows.stages import OF_A_LYING_VENUE
from operators.order_rules import Applied
from operators.orders import OrderState, apply_report
from operators.positions import reconcile
from tests.flows.plain_desk import ended, passed_rows, source_rows, walk
from tests.flows.reconciliation import breaks

MARKET = "instruments=6,ticks=12000,days=2"
STARTING_CASH = 10_000_000
STILL_IN_MARKET = ("late_for_closed_bar", "beyond_revision_horizon", "cancel_of_unknown_trade")


@pytest.fixture(scope="module")
def source():
    return Simulator(settings_of(MARKET))


@pytest.fixture(scope="module")
def walked(source):
    return walk(source)


@pytest.fixture(scope="module")
def records(walked):
    return walked.records()


def test_the_run_has_come_to_its_end_and_something_of_everything_happened(walked, records):
    assert ended(walked)
    assert {topic for topic, made in records.items() if not made} <= {
        "oms.restatements",
        "risk.breaches",
        "risk.controls",
        "oms.breaks",
        *OF_A_LYING_VENUE,
    }
    assert {verdict.kind for verdict in records["verdicts"]} >= {VerdictKind.APPROVED, VerdictKind.REFUSED}
    assert len(records["oms.orders"]) >= 20


def test_every_row_of_the_source_either_passes_or_is_refused_once(source, walked):
    came = Counter(source_rows(source))

    names = walked.made.universe.names
    places = [entry.place.split(":") for entry in walked.refused() if entry.reason not in STILL_IN_MARKET]
    refused = Counter((names.index(name), int(kind), int(sequence)) for name, kind, sequence in places)
    assert Counter(passed_rows(walked)) + refused == came
    assert refused.total() >= 10


def test_every_row_that_passes_reaches_the_book_once_in_known_order(walked):
    passed = Counter(passed_rows(walked))

    seen = Counter()
    known_at = -1
    for item in walked.ordered:
        ticks = item.ticks
        seen.update(zip(ticks.instrument.tolist(), ticks.kind.tolist(), ticks.sequence.tolist(), strict=True))
        assert len(ticks.known_at) == 0 or ticks.known_at[0] >= known_at
        known_at = int(ticks.known_at[-1]) if len(ticks.known_at) else known_at
    assert seen == passed
    assert {kind for _, kind, _ in seen} >= {Kind.TRADE, Kind.QUOTE}


def test_every_intent_has_one_verdict_behind_those_that_held_it_and_every_verdict_an_intent(records):
    asked = [intent.cl_ord_id for intent in records["intents"]]
    said = defaultdict(list)
    for verdict in records["verdicts"]:
        said[verdict.cl_ord_id].append(verdict.kind)

    assert sorted(said) == sorted(asked)
    assert len(set(asked)) == len(asked)
    assert {kind for kinds in said.values() for kind in kinds[:-1]} <= {VerdictKind.HELD}


def test_every_approved_intent_is_exactly_one_order_that_names_its_decision_and_nothing_else_is(records):
    approved = [
        (verdict.cl_ord_id, verdict.decision_id)
        for verdict in records["verdicts"]
        if verdict.kind is VerdictKind.APPROVED
    ]

    assert sorted((order.cl_ord_id, order.decision_id) for order in records["oms.orders"]) == sorted(approved)


def test_an_approved_verdict_lists_checks_and_none_of_them_failed(records):
    for verdict in records["verdicts"]:
        failed = [check for check in verdict.checks if check.outcome in {"reject", "hold", "kill"}]

        assert verdict.checks
        assert bool(failed) == (verdict.kind is not VerdictKind.APPROVED)


def test_every_order_ends_in_one_final_state_by_its_reports_or_is_still_working(walked, records):
    orders = {order.order_id: OrderState(order) for order in records["oms.orders"]}

    answers = {apply_report(orders[report.order_id], report) for report in records["oms.executions"]}

    working = {held.state.order.order_id for held in walked.book.working.values()}
    ended_orders = {order_id for order_id, state in orders.items() if state.status in FINAL}
    assert answers == {Applied.APPLIED}
    assert ended_orders | working == set(orders)
    assert not ended_orders & working


def test_no_report_is_earlier_than_its_order(records):
    sent_at = {order.order_id: order.known_at for order in records["oms.orders"]}

    assert [r for r in records["oms.executions"] if r.known_at < sent_at[r.order_id]] == []


def test_positions_and_cash_are_those_of_the_executions_at_every_instant(records):
    assert breaks(records, STARTING_CASH) == []


def test_the_book_reconciles_to_the_last_digit(walked):
    assert reconcile(walked.book.positions) == 0


def test_at_the_end_nothing_is_reserved_and_compliance_holds_the_positions_of_the_book(walked):
    compliance, book = walked.book.compliance, walked.book.positions

    held = {(leaf.strategy, leaf.symbol): units for leaf, units in compliance.positions.items() if units}
    assert compliance.reservations == {}
    assert {exposure.open_notional for exposure in compliance.exposures.values()} == {0}
    assert {(h.open_buys, h.open_sells) for h in compliance.holdings.values()} == {(0, 0)}
    assert held == {key: h.quantity for key, h in book.holdings.items() if h.quantity}
    assert walked.book.venue.orders == {}
    assert walked.book.venue.coming == []
