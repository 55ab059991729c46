"""What compliance remembers of orders and days: counted once, moved with the facts, and forgotten with the day."""

from decimal import Decimal

import pytest

from domain.decisions import Check, Outcome
from domain.orders import OrdStatus, OrdType, Side
from operators.checks.flow import passed_over
from operators.compliance import count_message
from operators.compliance_rules import KillMode, Tolerances
from operators.compliance_state import (
    Reservation,
    Settled,
    Standing,
    hold,
    set_mark,
    set_position,
    set_standing,
    set_weights,
    settle,
)
from operators.compliance_view import Approval, Handling, view_of
from operators.group_exposures import ONE, GroupExposure

SCOPES = ("account:main", "firm:firm")


def traffic(desk):
    return {key: (each.orders, each.trades) for key, each in desk.state.counters.traffic.items()}


def test_a_report_that_comes_twice_is_one_trade(desk):
    intent = desk.intent()
    desk.decide(intent)
    report = desk.execution(intent, 30, OrdStatus.PARTIALLY_FILLED)

    answers = [settle(desk.state, report), settle(desk.state, report)]

    assert answers == [Settled.CONVERTED, Settled.REPEATED]
    assert traffic(desk) == {(scope, "ACME"): (1, 1) for scope in SCOPES}


def test_a_fill_ends_the_row_of_rejections_though_no_acknowledgement_came(desk):
    desk.state.counters.rejects["trend"] = 2
    intent = desk.intent()
    desk.decide(intent)

    settle(desk.state, desk.execution(intent, 30, OrdStatus.PARTIALLY_FILLED))

    assert desk.state.counters.rejects == {"trend": 0}


def test_a_new_day_begins_without_identifiers_ended_orders_and_counts_of_the_day_before(desk):
    first = desk.intent(cl_ord_id="A")
    desk.decide(first)
    settle(desk.state, desk.execution(first, 0, OrdStatus.CANCELED))
    desk.state.counters.overridden["PT-19"] = 1
    tomorrow = desk.market(trading_day=desk.state.trading_day + 1)
    before = (set(desk.state.seen), list(desk.state.closed), traffic(desk))
    asked = desk.check("PT-25", desk.intent(cl_ord_id="B"), tomorrow)[0].measured

    desk.decide(desk.intent(cl_ord_id="B", order_qty=50), tomorrow)

    one_each = {(scope, "ACME"): (1, 0) for scope in SCOPES}
    assert before == ({"A"}, ["A"], one_each)
    assert asked == 1.0
    assert (desk.state.seen, desk.state.closed, traffic(desk)) == ({"B"}, {}, one_each)
    assert desk.state.counters.overridden == {}
    assert settle(desk.state, desk.execution(first, 10, OrdStatus.PARTIALLY_FILLED)) is Settled.UNKNOWN


def test_a_replace_is_two_messages_before_it_is_sent_and_after(desk):
    old = desk.intent(cl_ord_id="old")
    desk.decide(old)
    replace = desk.intent(cl_ord_id="new", order_qty=60), desk.market(handling=Handling(replaces="old"))

    asked = desk.check("PT-25", *replace)[0].measured
    desk.decide(*replace)
    count_message(desk.state, desk.params, old, "liquid", desk.now)

    assert asked == 3.0
    assert traffic(desk) == {(scope, "ACME"): (4, 0) for scope in SCOPES}


def test_a_holding_moves_with_its_instrument_from_one_group_to_another(desk):
    set_mark(desk.state, "ACME", Decimal(10))
    set_weights(desk.state, "ACME", (("issuer:one", ONE), ("factor:value", Decimal("-0.5"))))
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)
    scopes = desk.state.scopes("main", "trend", "equities")
    hold(
        desk.state,
        "C1",
        Reservation("main", "trend", "equities", scopes, "ACME", -1, 300, 0, Decimal(10)),
    )

    set_weights(desk.state, "ACME", (("issuer:two", ONE),))

    nothing, held = GroupExposure(), GroupExposure(Decimal(2000), Decimal(1000), Decimal(-2000))
    assert desk.state.groups == {
        **{(scope, "issuer:one"): nothing for scope in scopes},
        **{(scope, "factor:value"): nothing for scope in scopes},
        **{(scope, "issuer:two"): held for scope in scopes},
    }


def test_facts_that_change_within_a_day_move_what_is_held(desk):
    desk.decide(desk.intent(cl_ord_id="A"))
    desk.inputs["instruments"][0]["sector"] = "banks"

    desk.decide(desk.intent(cl_ord_id="B", order_qty=50))

    sectors = {name: held.gross for (scope, name), held in desk.state.groups.items() if scope == "firm:firm"}
    assert (sectors["sector:tech"], sectors["sector:banks"]) == (0, 15_000)


def test_shares_are_located_for_what_is_still_to_be_sold(desk):
    scopes = desk.state.scopes("main", "trend", "equities")
    part = Reservation("main", "trend", "equities", scopes, "ACME", -1, 100, 40, Decimal(100), locate_id="L1")

    hold(desk.state, "C1", part)

    assert desk.state.counters.located == {"L1": 60}


def test_a_replace_may_use_the_located_shares_that_its_order_has_not_sold(desk):
    desk.inputs["locates"] = [{"locate_id": "L1", "instrument": "ACME", "quantity": 150}]
    old = desk.intent(cl_ord_id="old", side=Side.SELL_SHORT)
    desk.decide(old, desk.market(handling=Handling(locate_id="L1")))
    settle(desk.state, desk.execution(old, 40, OrdStatus.PARTIALLY_FILLED))
    market = desk.market(handling=Handling(locate_id="L1", replaces="old"))

    answers = [
        desk.check("PT-38", desk.intent(cl_ord_id="new", side=Side.SELL_SHORT, order_qty=quantity), market)[0]
        for quantity in (110, 111)
    ]

    assert [(answer.code, answer.limit) for answer in answers] == [("", 110.0), ("LOCATE_EXHAUSTED", 110.0)]


def soft_zone(desk, scope_type, scope):
    desk.limit("daily_loss", scope_type, 3, soft=2)
    set_standing(desk.state, scope, Standing(Decimal(9_800_000), Decimal(-200_000), Decimal(0)))


def test_where_several_scopes_lose_an_order_is_clipped_to_what_reduces_all_of_them(desk):
    soft_zone(desk, "account", "account:main")
    soft_zone(desk, "firm", "firm:firm")
    set_position(desk.state, "main", "trend", "equities", "ACME", 60)
    set_position(desk.state, "second", "other", "others", "ACME", 40)

    assessment = desk.decide(desk.intent(side=Side.SELL_SHORT, order_qty=300))

    assert assessment.order_qty == 60
    assert {window.quantity for window in desk.state.windows.values()} == {60}


@pytest.mark.parametrize(("opened", "left"), [(0, 100), (30, 70), (100, 0), (120, 0)])
def test_what_open_orders_take_off_a_position_cannot_be_taken_off_again(desk, opened, left):
    soft_zone(desk, "account", "account:main")
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)
    scopes = desk.state.scopes("main", "trend", "equities")
    if opened:
        hold(
            desk.state,
            "open",
            Reservation("main", "trend", "equities", scopes, "ACME", -1, opened, 0, Decimal(100)),
        )

    assert desk.evaluate(desk.intent(side=Side.SELL_SHORT, order_qty=300)).order_qty == left


def test_at_most_so_many_identifiers_of_a_day_are_remembered(desk):
    desk.tolerances = Tolerances(identifiers_max=1)

    for name in ("A", "B"):
        desk.decide(desk.intent(cl_ord_id=name))

    assert desk.state.seen == {"A"}


def test_what_trades_is_counted_with_its_venue_and_instrument_for_its_algorithm(desk):
    desk.decide()

    tally = desk.state.counters.tallies["trend"]
    assert (tally.orders, tally.instruments, tally.venues) == (1, {"ACME"}, {"XNAS"})


def test_a_release_lets_no_rejection_and_no_kill_of_its_check_pass(desk):
    market = desk.market(approval=Approval("ann", "bob", desk.now, frozenset({"PT-11"})))
    view = view_of(desk.state, desk.params, desk.intent(), market)
    checks = [
        Check(check="PT-11", code="DUP_ORDER", outcome=outcome, measured=3.0, limit=1.0)
        for outcome in (Outcome.REJECT, Outcome.KILL, Outcome.HOLD)
    ]

    answers = passed_over(checks, view)

    assert answers[:2] == checks[:2]
    assert (answers[2].outcome, answers[2].text) == (Outcome.WARN, "; released by bob")


def test_two_checks_that_kill_one_scope_ask_for_the_firmer_switch(desk):
    desk.tolerances = Tolerances(throttle_kill_mode=KillMode.BLOCK_NEW, loss_kill_mode=KillMode.CANCEL_ALL)
    desk.limit("consecutive_losses", "strategy", 5, soft=4)
    desk.limit("consecutive_rejects", "strategy", 1)
    desk.state.counters.rejects["trend"] = 2
    set_standing(desk.state, "strategy:trend", Standing(Decimal(10_000_000), Decimal(0), Decimal(0), 5))

    kills = desk.decide().kills

    assert [(kill.scope, kill.mode) for kill in kills] == [("strategy:trend", KillMode.CANCEL_ALL)]


@pytest.mark.parametrize(
    ("side", "band", "collar", "price"),
    [
        (Side.BUY, {"lower": 1, "upper": 102}, 5, Decimal(102)),
        (Side.SELL, {"lower": 98, "upper": 1000}, 5, Decimal(98)),
    ],
)
def test_a_price_outside_the_band_is_moved_to_its_nearer_end(desk, side, band, collar, price):
    desk.tolerances = Tolerances(band_action="clip")
    desk.inputs["bands"] = [{"instrument": "ACME"} | band]
    desk.limit("price_collar", "tier", collar)
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)
    asked = Decimal(104) if side is Side.BUY else Decimal(96)

    assessment = desk.evaluate(desk.intent(side=side, price=asked, ord_type=OrdType.LIMIT))

    assert (assessment.price, assessment.order_qty) == (price, 100)
