"""PT-24 repeated executions, PT-25 order-to-trade ratio, PT-26 rejections in a row."""

from decimal import Decimal

import pytest

from domain.market import SECOND
from domain.orders import OrdStatus
from operators.compliance import count_message
from operators.compliance_counters import Traffic
from operators.compliance_rules import KillMode
from operators.compliance_state import settle


def executed(desk, times, signal="s"):
    for number in range(times):
        intent, market = desk.later(
            number * SECOND // 4, cl_ord_id=f"E{number}", order_qty=10 + number, signal_id=signal
        )
        assert desk.decide(intent, market).order_qty
        at = {"known_at": market.now_at}
        for filled in (5, 10 + number):
            status = OrdStatus.FILLED if filled > 5 else OrdStatus.PARTIALLY_FILLED
            settle(desk.state, desk.execution(intent, filled, status, **at))


@pytest.mark.parametrize(("most", "fails"), [(4, False), (3, False), (2, True)])
def test_orders_executed_in_the_window_on_one_signal_are_counted_once_each(desk, most, fails):
    executed(desk, 3)
    desk.limit("repeat_executions", "strategy", most)

    (answer,) = desk.check("PT-24", *desk.later(SECOND, cl_ord_id="B"))

    assert (answer.measured, answer.limit) == (3.0, most)
    assert (answer.outcome.value, answer.ord_rej_reason) == (("kill", 21) if fails else ("pass", None))


@pytest.mark.parametrize(("after", "measured"), [(10 * SECOND - 1, 1.0), (10 * SECOND, 0.0)])
def test_an_execution_counts_for_the_length_of_the_window(desk, after, measured):
    executed(desk, 1)

    assert desk.check("PT-24", *desk.later(after, cl_ord_id="B"))[0].measured == measured


def test_a_new_signal_begins_to_count_anew(desk):
    desk.limit("repeat_executions", "strategy", 2)
    executed(desk, 3)
    intent, market = desk.later(SECOND, cl_ord_id="B", signal_id="another")

    assert desk.failures("PT-24", intent, market) == []
    assert desk.decide(intent, market).kind == "approved"


def test_a_strategy_that_repeats_itself_is_disabled_until_somebody_enables_it_again(desk):
    desk.limit("repeat_executions", "strategy", 2)
    executed(desk, 3)

    killed = desk.decide(*desk.later(SECOND, cl_ord_id="B"))
    later = desk.decide(*desk.later(60 * SECOND, cl_ord_id="C", signal_id="another"))

    assert [(k.scope, k.mode, k.code) for k in killed.kills] == [
        ("strategy:trend", KillMode.BLOCK_NEW, "REPEAT_EXEC")
    ]
    assert later.codes == ("KILL_ACTIVE",)


@pytest.mark.parametrize(
    ("soft", "hard", "failure"),
    [
        ("5.1", 9, []),
        ("5.0", 9, []),
        ("4.9", 9, ["warn OTR account:main"]),
        ("1", "5.0", ["warn OTR account:main"]),
        ("1", "4.9", ["hold OTR account:main"]),
    ],
)
def test_the_ratio_is_messages_over_trades_less_one_with_this_order(desk, soft, hard, failure):
    traffic = desk.state.counters.traffic_of("account:main", "ACME")
    traffic.orders, traffic.trades = 23, 4
    desk.decide(desk.intent(symbol="OTHER"), desk.market(instrument=desk.instrument(name="OTHER")))
    traffic = desk.state.counters.traffic_of("account:main", "ACME")
    traffic.orders, traffic.trades = 23, 4
    desk.limit("order_to_trade", "account", hard, soft=soft)

    assert desk.failures("PT-25", desk.intent(cl_ord_id="B")) == failure
    assert desk.check("PT-25", desk.intent(cl_ord_id="B"))[0].measured == 5.0


def test_23_messages_and_4_trades_are_a_ratio_of_4_75():
    counted = 10 * 1 + 5 * 2 + 3 * 1

    assert counted == 23
    assert Traffic(counted, 4).ratio_of(counted) == Decimal("4.75")


def test_without_a_trade_the_ratio_is_the_number_of_messages(desk):
    desk.decide(desk.intent(cl_ord_id="A"))

    assert desk.check("PT-25", desk.intent(cl_ord_id="B"))[0].measured == 2.0


def test_orders_and_cancels_count_one_each_and_every_report_of_a_trade(desk):
    executed(desk, 2)
    count_message(desk.state, desk.params, desk.intent(), "liquid", desk.now)

    traffic = {key: (t.orders, t.trades) for key, t in desk.state.counters.traffic.items()}

    assert traffic == {("account:main", "ACME"): (3, 4), ("firm:firm", "ACME"): (3, 4)}


@pytest.mark.parametrize(("most", "outcome"), [(3, "pass"), (2, "pass"), (1, "kill")])
def test_rejections_in_a_row_disable_the_strategy(desk, most, outcome):
    reject(desk, 2)
    desk.limit("consecutive_rejects", "strategy", most)

    (answer,) = desk.check("PT-26", desk.intent(cl_ord_id="B"))

    assert (answer.measured, answer.outcome.value) == (2.0, outcome)
    assert answer.code == ("REJECT_LOOP" if outcome == "kill" else "")


def reject(desk, times):
    for number in range(times):
        intent, market = desk.later(number * 2 * SECOND, cl_ord_id=f"R{number}")
        desk.decide(intent, market)
        settle(desk.state, desk.execution(intent, 0, OrdStatus.REJECTED))


def test_an_order_that_is_taken_ends_the_row_of_rejections(desk):
    reject(desk, 2)
    intent, market = desk.later(60 * SECOND, cl_ord_id="A")
    desk.decide(intent, market)
    settle(desk.state, desk.execution(intent, 0, OrdStatus.NEW))

    assert desk.check("PT-26", desk.intent(cl_ord_id="B"))[0].measured == 0.0
