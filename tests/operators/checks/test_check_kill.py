"""PT-01 kill switches, PT-02 freshness, PT-03 limits that are missing."""

import pytest

from domain.decisions import Outcome
from domain.market import SECOND
from domain.orders import Side
from operators.compliance_rules import KillMode
from operators.compliance_state import set_kill, set_position
from operators.compliance_view import Watermarks
from operators.limits import MANDATORY

SCOPES = (
    "firm:firm",
    "desk:equities",
    "trader:ann",
    "strategy:trend",
    "account:main",
    "instrument:ACME",
    "venue:XNAS",
)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("mode", [KillMode.BLOCK_NEW, KillMode.CANCEL_ALL, KillMode.REDUCE_ONLY])
def test_a_kill_switch_of_any_scope_stops_a_new_position(desk, scope, mode):
    set_kill(desk.state, scope, mode, desk.now, "drill")

    (answer,) = desk.check("PT-01")

    assert (answer.code, answer.scope, answer.measured, answer.limit) == (
        "KILL_ACTIVE",
        scope,
        mode.value,
        "none",
    )
    assert answer.ord_rej_reason == 0


def test_a_kill_switch_of_another_scope_stops_nothing(desk):
    set_kill(desk.state, "strategy:other", KillMode.BLOCK_NEW, desk.now, "drill")

    assert desk.failures("PT-01") == []


def test_a_kill_switch_that_is_released_stops_nothing(desk):
    set_kill(desk.state, "firm:firm", KillMode.CANCEL_ALL, desk.now, "drill")

    set_kill(desk.state, "firm:firm", KillMode.NONE, desk.now, "over")

    assert desk.failures("PT-01") == []


def test_every_kill_switch_that_stops_the_order_is_named(desk):
    for scope in SCOPES:
        set_kill(desk.state, scope, KillMode.BLOCK_NEW, desk.now, "drill")

    assert {answer.scope for answer in desk.check("PT-01")} == set(SCOPES)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(("quantity", "stopped"), [(99, False), (100, False), (101, True)])
def test_reduce_only_lets_through_no_more_than_the_position(desk, scope, quantity, stopped):
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)
    set_kill(desk.state, scope, KillMode.REDUCE_ONLY, desk.now, "drill")

    failures = desk.failures("PT-01", desk.intent(side=Side.SELL, order_qty=quantity))

    assert bool(failures) is stopped


def test_reduce_only_counts_sales_that_are_open_already(desk):
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)
    desk.decide(desk.intent(cl_ord_id="open", side=Side.SELL, order_qty=60))
    set_kill(desk.state, "account:main", KillMode.REDUCE_ONLY, desk.now, "drill")

    allowed = desk.failures("PT-01", desk.intent(side=Side.SELL, order_qty=40))
    refused = desk.failures("PT-01", desk.intent(side=Side.SELL, order_qty=41))

    assert (allowed, refused) == ([], ["reject KILL_ACTIVE account:main"])


def test_reduce_only_of_a_strategy_looks_at_the_position_of_that_strategy(desk):
    set_position(desk.state, "main", "trend", "equities", "ACME", -100)
    set_position(desk.state, "main", "other", "equities", "ACME", 100)
    set_kill(desk.state, "strategy:trend", KillMode.REDUCE_ONLY, desk.now, "drill")

    buys = desk.failures("PT-01", desk.intent(side=Side.BUY))
    sells = desk.failures("PT-01", desk.intent(side=Side.SELL))

    assert (buys, sells) == ([], ["reject KILL_ACTIVE strategy:trend"])


@pytest.mark.parametrize("scope", ["acount:main", "account:", "firm:other", "everything"])
def test_a_kill_switch_that_could_stop_nothing_is_refused(desk, scope):
    with pytest.raises(ValueError, match="a kill scope is TYPE:NAME"):
        set_kill(desk.state, scope, KillMode.BLOCK_NEW, desk.now, "drill")


@pytest.mark.parametrize(("over", "fails"), [(-1, False), (0, False), (1, True)])
def test_profit_by_marks_that_are_older_than_its_own_bound_refuses(desk, over, fails):
    marks = Watermarks(*[desk.now] * 5)._replace(profit_at=desk.now - 900 * SECOND - over)

    answers = desk.check("PT-02", market=desk.market(watermarks=marks))

    told = [(a.code, a.measured, a.limit, a.scope, a.ord_rej_reason) for a in answers]
    assert told == (
        [("RISK_STATE_STALE", pytest.approx(900.0), 900.0, "profit", 0)] if fails else [("", 0, 2, "", None)]
    )


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize(("over", "fails"), [(-1, False), (0, False), (1, True)])
def test_an_input_that_lags_more_than_two_seconds_refuses(desk, position, over, fails):
    marks = [desk.now] * 5
    marks[position] -= 2 * SECOND + over

    answers = desk.check("PT-02", market=desk.market(watermarks=Watermarks(*marks)))

    name = Watermarks._fields[position].removesuffix("_at")
    assert [answer.scope for answer in answers if answer.code] == ([name] if fails else [])
    assert answers[0].limit == 2.0
    assert answers[0].measured == pytest.approx(2.0)


def test_an_engine_that_still_replays_refuses(desk):
    assert desk.failures("PT-02", market=desk.market(ready=False)) == ["reject RISK_STATE_STALE engine"]


@pytest.mark.parametrize(("measure", "scope_type", "window"), MANDATORY)
def test_each_mandatory_limit_that_is_missing_refuses(desk, measure, scope_type, window):
    desk.drop(measure, scope_type, window)

    assessment = desk.evaluate()

    missing = [check for check in assessment.checks if check.code == "LIMIT_NOT_SET"]
    assert assessment.kind == "refused"
    assert len(missing) == 1
    assert missing[0].text.startswith(f"no {measure} limit")
    assert missing[0].scope.partition(":")[0] == scope_type
    assert missing[0].ord_rej_reason == 3


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    ("side", "quantity", "held"), [(Side.SELL, 100, False), (Side.SELL, 101, True), (Side.BUY, 1, True)]
)
def test_a_soft_limit_holds_what_increases_the_risk_of_its_scope_and_lets_the_rest_through(
    desk, scope, side, quantity, held
):
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)
    set_kill(desk.state, scope, KillMode.HOLD_INCREASING, desk.now, "risk limit gross-firm")

    answers = desk.check("PT-01", desk.intent(side=side, order_qty=quantity))

    told = [
        (each.outcome, each.code, each.scope, each.ord_rej_reason)
        for each in answers
        if each.outcome is not Outcome.PASS
    ]
    assert told == ([(Outcome.HOLD, "RISK_LIMIT_SOFT", scope, 21)] if held else [])


def test_a_kill_switch_beside_a_soft_limit_refuses(desk):
    set_kill(desk.state, "strategy:trend", KillMode.HOLD_INCREASING, desk.now, "risk limit gross")
    set_kill(desk.state, "firm:firm", KillMode.BLOCK_NEW, desk.now, "drill")

    assert desk.failures("PT-01") == [
        "reject KILL_ACTIVE firm:firm",
        "hold RISK_LIMIT_SOFT strategy:trend",
    ]
