"""PT-44 releases, PT-45 overrides, PT-46 sessions."""

from decimal import Decimal

import pytest

from domain.decisions import Outcome, VerdictKind
from domain.market import SECOND
from domain.orders import Side
from operators.compliance_rules import KillMode, Tolerances
from operators.compliance_state import hear, set_kill
from operators.compliance_view import Approval, Override


def approval(desk, **changes):
    made = Approval("ann", "bob", desk.now, frozenset({"PT-11"}))
    return made._replace(**changes)


@pytest.fixture
def held(desk):
    """Return a desk that has held the second of two equal orders, which bob may release."""
    desk.approvers = {
        "bob": {"checks": ["PT-11"], "notional_max": 10_000},
        "ann": {"checks": ["*"], "notional_max": 10**9},
    }
    desk.decide(desk.intent(cl_ord_id="A"))
    assert desk.decide(desk.intent(cl_ord_id="B")).kind is VerdictKind.HELD
    return desk


def put_again(desk, **changes):
    return desk.intent(cl_ord_id="B"), desk.market(approval=approval(desk, **changes))


def test_what_was_held_is_approved_when_it_is_released_by_another_in_time(held):
    assessment = held.decide(*put_again(held))

    outcomes = {
        check.check: check.outcome for check in assessment.checks if check.outcome is not Outcome.PASS
    }
    assert (assessment.kind, assessment.order_qty) == (VerdictKind.APPROVED, 100)
    assert set(outcomes) <= {"PT-11"}
    assert sorted(held.state.reservations) == ["A", "B"]


@pytest.mark.parametrize(("left", "fails"), [(1, False), (0, False), (-1, True)])
def test_a_hold_may_be_released_until_it_expires(held, left, fails):
    (answer,) = held.check("PT-44", *put_again(held, expires_at=held.now + left))

    assert (answer.code, answer.ord_rej_reason) == (("HOLD_EXPIRED", 99) if fails else ("", None))


@pytest.mark.parametrize(
    ("changes", "fails"),
    [
        ({}, False),
        ({"maker": "bob"}, True),
        ({"checker": "nobody"}, True),
        ({"checks": frozenset({"PT-11", "PT-14"})}, True),
        ({"checker": "ann", "maker": "bob", "checks": frozenset({"PT-14"})}, False),
        ({"checker": "ann"}, True),
    ],
)
def test_who_releases_is_another_than_the_maker_and_entitled_to_the_checks(held, changes, fails):
    (answer,) = held.check("PT-44", *put_again(held, **changes))

    assert (answer.code, answer.ord_rej_reason) == (("NOT_ENTITLED", 33) if fails else ("", None))


@pytest.mark.parametrize(("most", "fails"), [(10_001, False), (10_000, False), (9_999, True)])
def test_who_releases_is_entitled_to_the_value(held, most, fails):
    held.approvers["bob"]["notional_max"] = most

    assert bool(held.failures("PT-44", *put_again(held))) is fails


def test_every_check_runs_again_at_the_release(held):
    set_kill(held.state, "strategy:trend", KillMode.BLOCK_NEW, held.now, "drill")

    assessment = held.decide(*put_again(held))

    assert (assessment.kind, assessment.codes) == (
        VerdictKind.REFUSED,
        ("KILL_ACTIVE", "DUP_ORDER"),
    )


def test_a_release_covers_the_checks_that_had_held_the_order_and_no_others(held):
    held.limit("dynamic_collar", "tier", 6)
    intent = held.intent(cl_ord_id="B", price=Decimal(101))
    held.approvers["bob"] = {"checks": ["PT-11", "PT-14"], "notional_max": 10_100}

    one = held.evaluate(intent, held.market(approval=approval(held)))
    both = held.evaluate(intent, held.market(approval=approval(held, checks=frozenset({"PT-11", "PT-14"}))))

    assert (one.kind, both.kind) == (VerdictKind.HELD, VerdictKind.APPROVED)
    assert next(c.text for c in both.checks if c.check == "PT-14").endswith("released by bob")


def test_the_signal_of_an_order_that_waited_may_be_older_by_the_time_of_a_hold(held):
    for seconds, fails in ((65, False), (66, True)):
        intent = held.intent(cl_ord_id="B", signal_at=held.now - seconds * SECOND)
        market = held.market(approval=approval(held))

        assert bool(held.failures("PT-09", intent, market)) is fails
        assert held.failures("PT-09", intent) == ["reject STALE_SIGNAL strategy:trend"]


def override(desk, check="PT-19", left=1):
    return Override(check, desk.now + left, "ann", "bob", "the client asked twice")


def test_an_override_passes_over_one_check_of_one_order_and_is_counted(desk):
    desk.limit("order_quantity", "account", 50)
    market = desk.market(overrides=(override(desk),))

    assessment = desk.decide(market=market)

    noted = [(c.check, c.outcome.value, c.code) for c in assessment.checks if c.outcome is not Outcome.PASS]
    assert assessment.kind is VerdictKind.APPROVED
    assert noted == [("PT-19", "warn", "MAX_QTY"), ("PT-45", "warn", "OVERRIDE_USED")]
    assert "overridden by bob for ann: the client asked twice" in assessment.text
    assert desk.state.counters.overridden == {"PT-19": 1}


@pytest.mark.parametrize(("left", "kind"), [(1, "approved"), (0, "refused")])
def test_an_override_ends_by_itself(desk, left, kind):
    desk.limit("order_quantity", "account", 50)

    assert desk.evaluate(market=desk.market(overrides=(override(desk, left=left),))).kind == kind


def test_an_override_of_one_check_leaves_the_others(desk):
    desk.limit("order_quantity", "account", 50)
    desk.limit("order_notional", "account", 50)

    assessment = desk.evaluate(market=desk.market(overrides=(override(desk),)))

    assert (assessment.kind, assessment.ord_rej_reason) == (VerdictKind.REFUSED, 27)


@pytest.mark.parametrize("check", ["PT-01", "PT-04", "PT-36", "PT-38"])
def test_what_may_not_be_overridden_is_not(desk, check):
    desk.inputs["locates"] = []
    desk.rights.accounts.clear()
    set_kill(desk.state, "firm:firm", KillMode.BLOCK_NEW, desk.now, "drill")
    market = desk.market(overrides=(override(desk, check),))

    assessment = desk.evaluate(desk.intent(side=Side.SELL_SHORT), market)

    assert (assessment.kind, "OVERRIDE_USED" in assessment.codes) == (VerdictKind.REFUSED, False)


def test_an_override_that_was_not_needed_is_not_used(desk):
    assessment = desk.decide(market=desk.market(overrides=(override(desk),)))

    assert (assessment.codes, desk.state.counters.overridden) == ((), {})


@pytest.mark.parametrize(("silent", "outcome"), [(4 * SECOND - 1, "pass"), (4 * SECOND, "kill")])
def test_a_session_that_misses_more_than_three_heartbeats_is_killed(desk, silent, outcome):
    hear(desk.state, "XNAS", desk.now - silent, SECOND)
    desk.tolerances = Tolerances(heartbeats_missed_max=3)

    (answer,) = desk.check("PT-46")
    assessment = desk.decide()

    assert (answer.outcome.value, answer.code) == (outcome, "COD" if outcome == "kill" else "")
    assert [(k.scope, k.mode) for k in assessment.kills] == (
        [("venue:XNAS", KillMode.CANCEL_ALL)] if outcome == "kill" else []
    )


def test_a_session_that_was_never_heard_gets_no_order(desk):
    assert desk.failures("PT-46", desk.intent(ex_destination="XLON")) == ["reject COD venue:XLON"]
