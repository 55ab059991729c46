"""A desk whose venue lies goes through a split: in the end it holds what the drop copy comes to, in shares of after."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from domain.instruments import Split
from domain.market import SECOND
from domain.orders import ExecType
from tests.operators import decision_case
from tests.operators.lying_desk import items, params, run

AT = decision_case.OPEN + 180 * SECOND + SECOND // 4 + 600_000
RATIO = 2


def split_params(**lies):
    splits = tuple(
        Split(instrument=name, effective_at=AT, known_at=AT - SECOND, ratio=Decimal(RATIO))
        for name in decision_case.NAMES
    )
    return replace(params(**lies), splits=splits)


@pytest.fixture(scope="module")
def records():
    return run(split_params(), items())


def standing(copied):
    """Return quantity in shares of after and money by OrderID, of fills that were neither busted nor corrected."""
    fills = {}
    for each in sorted(copied, key=lambda one: one.sequence):
        ratio = RATIO if each.transact_time < AT else 1
        if each.exec_type in {ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT}:
            fills.pop(each.exec_ref_id, None)
        if each.exec_type in {ExecType.TRADE, ExecType.TRADE_CORRECT}:
            money = each.last_qty * Fraction(each.last_px)
            fills[each.exec_id] = (each.order_id, each.last_qty * ratio, money)
    return fills.values()


def test_orders_were_open_reports_were_late_and_the_venue_said_that_it_restated(records):
    told = [each for each in records["oms.drop_copy"] if each.exec_type is ExecType.RESTATED]
    late = [
        each
        for each in records["oms.executions"]
        if each.exec_type is ExecType.TRADE and each.transact_time < AT <= each.known_at
    ]

    assert records["oms.restatements"]
    assert told
    assert {(each.exec_restatement_reason, each.transact_time) for each in told} == {(0, AT)}
    assert late
    assert any(
        each.exec_type in {ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT} and each.transact_time >= AT
        for each in records["oms.reports"]
    )


def test_in_the_end_the_position_is_what_the_drop_copy_comes_to_in_the_shares_of_after(records):
    orders = {order.order_id: order for order in records["oms.orders"]}
    held, paid = Counter(), Counter()
    for order_id, quantity, money in standing(records["oms.drop_copy"]):
        order = orders[order_id]
        held[order.strategy, order.symbol] += order.side.sign * quantity
        paid[order.strategy, order.symbol] += order.side.sign * money

    last = {(each.strategy, each.symbol): each for each in records["positions"]}

    assert {leaf: each.quantity for leaf, each in last.items() if each.quantity} == {
        leaf: quantity for leaf, quantity in held.items() if quantity
    }
    for leaf, each in last.items():
        earned = Fraction(each.realised) + Fraction(each.unrealised)
        assert abs(earned - (each.quantity * Fraction(each.mark) - paid[leaf])) < Fraction(1, 10**3), leaf


def test_no_difference_between_desk_and_venue_stays_open(records):
    last = {each.break_id: each for each in records["oms.breaks"]}

    assert {each.kind for each in last.values() if not each.resolved} <= {"amended_after_end", "late_fill"}


@pytest.mark.parametrize("batch_rows", [7, 4096])
def test_batches_of_any_size_give_the_same_records(records, batch_rows):
    assert run(split_params(), items(batch_rows)) == records
