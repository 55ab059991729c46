"""The hold queue to the instant: what waits, what is over, who may put it again, and until when."""

import json
from decimal import Decimal

import pytest

from domain.controls import Control, ControlKind
from domain.market import END, SECOND
from domain.orders import Intent, OrdType, Side, TimeInForce
from operators.compliance_rules import ComplianceParams, RightsTable, Tolerances, approvers_table
from operators.compliance_view import Approval, Override
from operators.decision_records import Score
from operators.holds import Held, HoldQueue, adjust, approval_of, override_of, refusable
from operators.limit_rows import limit_table
from tests.operators.action_cases import action

AT = 1_000 * SECOND
APPROVERS = approvers_table(
    {
        "bob": {"checks": ["PT-19"], "notional_max": 1_000},
        "rita": {"checks": ["*"], "notional_max": 0},
        "ann": {"checks": ["*"], "notional_max": 10**9},
    }
)
PARAMS = ComplianceParams(limit_table([]), RightsTable({}, {}, {}), (), Tolerances(), approvers=APPROVERS)


def held(name, expires_at=AT, *, refused=False, symbol="ACME", checks=("PT-19",), notional=1_000, held_at=0):
    """Return what waits of Ann's order of that name."""
    intent = Intent(
        event_at=0,
        known_at=0,
        received_at=0,
        source="sizing",
        sequence=1,
        record_id=name,
        cl_ord_id=name,
        account="main",
        desk="equities",
        trader="ann",
        strategy="trend",
        symbol=symbol,
        side=Side.BUY,
        order_qty=100,
        ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.DAY,
        transact_time=0,
        ex_destination="XNAS",
        price=Decimal(10),
        signal_id="s",
        signal_at=0,
        position_before=0,
        target_position=100,
    )
    score = Score("trend", symbol, 1, 1.0, 0.1, 10.0, 0, 0, 1, 0, changed=True)
    return Held(score, intent, held_at, expires_at, frozenset(checks), Decimal(notional), refused, 1)


def queue(*waiting):
    return HoldQueue({each.intent.cl_ord_id: each for each in waiting})


def control(kind=ControlKind.APPROVE, scope="A", who="bob", mode="", **details):
    return Control(
        event_at=0,
        known_at=AT,
        received_at=AT,
        source="controls",
        sequence=1,
        record_id="c",
        command_id="c",
        kind=kind,
        wanted=kind,
        scope=scope,
        mode=mode,
        who=who,
        reason="a test",
        details=json.dumps(details) if details else "",
    )


def override(who="bob", check="PT-19", maker="dave", verifier="rita", seconds=30.0):
    return control(ControlKind.OVERRIDE, "A", who, check, maker=maker, verifier=verifier, seconds=seconds)


def test_the_next_hold_to_expire_is_the_first_that_was_not_refused():
    assert queue(held("A", 5, refused=True), held("B", 9), held("C", 7)).next_at() == 7
    assert queue(held("A", 5, refused=True)).next_at() == END


@pytest.mark.parametrize(
    ("now_at", "holds", "left"),
    [(AT - 1, [], ["A", "B", "C"]), (AT, ["A"], ["C"]), (AT + 1, ["A", "C"], [])],
)
def test_what_waits_is_over_at_the_instant_that_it_expires_and_only_holds_are_told(now_at, holds, left):
    waiting = queue(held("A"), held("B", refused=True), held("C", AT + 1))

    assert [each.intent.cl_ord_id for each in waiting.due(now_at)] == holds
    assert list(waiting.waiting) == left


def test_the_oldest_goes_where_one_more_than_allowed_would_wait_and_none_before():
    waiting = queue(held("A"), held("B"))

    assert waiting.put(held("C"), 3) is None
    assert waiting.put(held("D"), 3) == held("A")
    assert list(waiting.waiting) == ["B", "C", "D"]


@pytest.mark.parametrize(("held_at", "left"), [(AT - 1, ["A", "B", "C"]), (AT, ["A", "C"])])
def test_a_refused_intent_that_is_over_makes_room_and_a_hold_does_not_before_it_is_told(held_at, left):
    waiting = queue(held("A"), held("B", refused=True))

    assert waiting.put(held("C", END, held_at=held_at), 3) is None
    assert list(waiting.waiting) == left


def test_an_action_takes_out_what_waits_in_its_instrument_and_tells_the_holds_alone():
    waiting = queue(held("A"), held("B", refused=True), held("C", symbol="OTHER"))

    assert adjust(waiting, action("split", "ACME", ratio="2")) == [held("A")]
    assert list(waiting.waiting) == ["C"]


def test_an_approval_covers_the_checks_that_held_the_order_until_the_hold_expires():
    assert approval_of(queue(held("A")), PARAMS, control()) == Approval(
        "ann", "bob", AT, frozenset({"PT-19"})
    )


@pytest.mark.parametrize(
    ("waiting", "who", "said"),
    [
        (held("A"), "ann", "maker and checker are two persons; ann has asked for the order"),
        (held("A", notional=1_001), "bob", "bob may not decide on PT-19 for 1001"),
        (held("A", checks=("PT-14", "PT-19")), "bob", "bob may not decide on PT-14 PT-19 for 1000"),
        (held("A", refused=True), "bob", "no hold 'A'; those that wait: A"),
    ],
)
def test_who_may_not_approve_and_what_was_not_held_is_refused(waiting, who, said):
    with pytest.raises(ValueError, match=said):
        approval_of(queue(waiting), PARAMS, control(who=who))


def test_what_was_refused_by_the_checks_cannot_be_refused_by_a_person():
    refusable(queue(held("A")), control(ControlKind.REFUSE))

    with pytest.raises(ValueError, match="no hold 'A'; those that wait: A"):
        refusable(queue(held("A", refused=True)), control(ControlKind.REFUSE))


@pytest.mark.parametrize("seconds", [0.5, 30, 3600])
def test_an_override_lasts_as_long_as_it_says_from_the_command_on(seconds):
    given = override_of(queue(held("A", refused=True)), PARAMS, override(seconds=seconds))

    assert given == Override("PT-19", AT + int(seconds * SECOND), "dave", "bob", "a test")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"check": "PT-20"}, "PT-20 has not stopped A; PT-19 did"),
        ({"maker": "rita"}, "an override needs three persons"),
        ({"maker": ""}, "an override needs three persons"),
        ({"verifier": "ann"}, "ann trades the order"),
        ({"verifier": "eve"}, "eve may not verify an override; allowed: bob, rita, ann"),
        ({"who": "ann"}, "maker and checker are two persons; ann has asked for the order"),
        ({"who": "rita", "verifier": "bob"}, "rita may not decide on PT-19 for 1000"),
        ({"seconds": 0}, "an override ends within an hour; 0 seconds were given"),
        ({"seconds": 3600.5}, "an override ends within an hour; 3600.5 seconds were given"),
    ],
)
def test_an_override_that_is_not_by_three_persons_for_one_failed_check_within_an_hour_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        override_of(queue(held("A", refused=True)), PARAMS, override(**given))
