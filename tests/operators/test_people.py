"""What people are to do takes effect once, at its instant, and in the order of instants."""

from decimal import Decimal

import msgspec
import pytest

from domain.controls import Command, ControlKind
from domain.market import SECOND
from domain.orders import Intent, OrdType, Side, TimeInForce
from operators.controls import ControlState, take
from operators.decision_records import Score
from operators.holds import Held
from operators.people import Answer, People, answer, begin

HELD_AT = 1_000 * SECOND
SCORE = Score("trend", "AAA", 1, 2.0, 0.01, 100.0, HELD_AT, HELD_AT, 0, 0, True)
INTENT = Intent(
    event_at=HELD_AT,
    known_at=HELD_AT,
    received_at=HELD_AT,
    source="strategy:trend",
    sequence=1,
    record_id="a",
    cl_ord_id="a",
    account="main",
    desk="equities",
    trader="desk.trader",
    strategy="trend",
    symbol="AAA",
    side=Side.BUY,
    order_qty=100,
    ord_type=OrdType.LIMIT,
    time_in_force=TimeInForce.DAY,
    transact_time=HELD_AT,
    ex_destination="XSIM",
    price=Decimal(100),
    currency="USD",
    signal_id="s",
    signal_at=HELD_AT,
    position_before=0,
    target_position=100,
)


def stopped(name: str, checks: set[str], *, refused: bool = False) -> Held:
    intent = msgspec.structs.replace(INTENT, cl_ord_id=name)
    return Held(SCORE, intent, HELD_AT, HELD_AT + 60 * SECOND, frozenset(checks), Decimal(10_000), refused, 1)


def command(name: str, at: int = 0, kind: ControlKind = ControlKind.APPROVE) -> Command:
    return Command(command_id=name, kind=kind, scope="", who="ann", reason="as agreed", at=at)


def fitting(name: str, check: str = "PT-14", *, refused: bool = False, seconds: int = 5) -> Answer:
    return Answer(check=check, refused=refused, seconds=seconds, command=command(name))


def waiting(state: ControlState) -> list[tuple[str, str, int]]:
    return [(control.command_id, control.scope, control.known_at) for control in state.waiting]


def test_commands_wait_in_the_order_of_their_instants_and_are_taken_once() -> None:
    state = ControlState()
    people = People(commands=(command("late", 9), command("early", 3)))

    begin(state, people)
    begin(state, people)

    assert waiting(state) == [("early", "", 3), ("late", "", 9)]


def test_a_command_that_is_given_meanwhile_takes_its_place_before_what_is_still_to_come() -> None:
    state = ControlState()
    begin(state, People(commands=(command("later", 9),)))
    take(state, command("now"), 5)

    assert waiting(state) == [("now", "", 5), ("later", "", 9)]


def test_each_answer_is_given_once_to_the_first_intents_that_fit_in_their_order() -> None:
    state = ControlState()
    people = People(answers=(fitting("first"), fitting("second", seconds=7)))
    for name in ("a", "b", "c"):
        answer(state, people, stopped(name, {"PT-14"}))

    assert waiting(state) == [("first", "a", HELD_AT + 5 * SECOND), ("second", "b", HELD_AT + 7 * SECOND)]


@pytest.mark.parametrize(
    ("checks", "refused"), [({"PT-15"}, False), ({"PT-14", "PT-15"}, False), ({"PT-14"}, True)]
)
def test_an_intent_that_is_stopped_otherwise_is_not_answered(checks: set[str], refused: bool) -> None:
    state = ControlState()
    answer(state, People(answers=(fitting("first"),)), stopped("a", checks, refused=refused))

    assert waiting(state) == []
