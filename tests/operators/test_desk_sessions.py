"""PT-46 in the flow: a session that is not heard is killed at its instant, order or no order."""

from dataclasses import replace

import msgspec
import pytest

from domain.controls import Command, ControlKind, ControlsRead
from domain.decisions import VerdictKind
from domain.market import SECOND
from operators.decisions import Decisions
from operators.venue_line import next_cut
from operators.venue_params import LineParams, VenueParams
from tests.operators import decision_case

ROWS, BATCH_ROWS = 2_000, 64
EVERY, PATIENCE = 150 * SECOND, 4 * SECOND
VENUE = f"venue:{VenueParams().name}"


def params(cut, heartbeat=1.0):
    """Return a desk whose line to the venue is cut for so long (ns), and whose session is watched."""
    made = decision_case.desk_params()
    reasons = {what: why for what, why in made.compliance.not_applicable.items() if what != "PT-46"}
    watched = msgspec.structs.replace(made.compliance.tolerances, heartbeat_seconds=heartbeat)
    line = LineParams(disconnect_every=EVERY if cut else 0, disconnect_nanoseconds=cut or SECOND)
    return replace(
        made,
        compliance=made.compliance.replaced(not_applicable=reasons, tolerances=watched),
        venue=replace(made.venue, line=line),
    )


def first_cut(desk):
    first_at = int(decision_case.items(ROWS, BATCH_ROWS, None)[0].ticks.known_at[0])
    return next_cut(desk.venue, first_at)


def run(desk, commands=(), batch_rows=BATCH_ROWS):
    """Return the records of a run that is given commands before the batch that ends behind an instant."""
    stage = Decisions(desk, controlled=True)
    book, answers, left = stage.fresh(), [], list(commands)
    answers += stage.step(book, ControlsRead())
    for item in decision_case.items(ROWS, batch_rows, None):
        while left and left[0][0] < book.walked_until:
            answers += stage.step(book, left.pop(0)[1])
        answers += stage.step(book, item)
    return decision_case.streams(answers)


def of_session(records):
    """Return when and with what a venue was killed."""
    return [
        (each.known_at, each.scope, each.measured, each.limit)
        for each in records["risk.breaches"]
        if each.scope == VENUE
    ]


@pytest.mark.parametrize(("cut", "killed"), [(PATIENCE - 1, False), (PATIENCE, False), (PATIENCE + 1, True)])
def test_the_venue_is_killed_when_the_fourth_heartbeat_is_missed_and_not_before(cut, killed):
    desk = params(cut)
    records, begins_at = run(desk), first_cut(desk)

    assert of_session(records)[:1] == ([(begins_at + PATIENCE, VENUE, 4.0, 3.0)] if killed else [])
    refused = [each for each in records["verdicts"] if "KILL_ACTIVE" in each.codes]
    assert bool(refused) is killed
    assert all(each.known_at >= begins_at + PATIENCE for each in refused)


def test_orders_that_work_are_asked_to_be_cancelled_at_that_instant():
    desk = params(PATIENCE + 10 * SECOND)
    records = run(desk)
    at = first_cut(desk) + PATIENCE
    sent = [each for each in records["oms.orders"] if each.known_at < at]

    cancelled = {each.order_id for each in records["oms.cancels"] if each.known_at == at}

    assert cancelled <= {each.order_id for each in sent}
    assert [each for each in records["oms.orders"] if each.known_at >= at] == []


def test_two_persons_let_the_venue_go_on():
    desk = params(PATIENCE + SECOND)
    at = first_cut(desk) + PATIENCE

    def command(who):
        name = f"release-{who}"
        return Command(
            command_id=name, kind=ControlKind.KILL, scope=VENUE, mode="none", who=who, reason="x", at=1
        )

    asked = [(at + 5 * SECOND, command("ann")), (at + 6 * SECOND, command("bob"))]
    records = run(desk, asked)
    released_at = records["risk.controls"][-1].known_at

    assert [each.kind for each in records["risk.controls"]] == [ControlKind.ASKED, ControlKind.RELEASE]
    assert VerdictKind.APPROVED in {each.kind for each in records["verdicts"] if each.known_at > released_at}


def test_a_session_that_is_heard_passes_every_order():
    records = run(params(0))
    measured = {
        check.measured for each in records["verdicts"] for check in each.checks if check.check == "PT-46"
    }

    assert measured == {0.0}
    assert of_session(records) == []


@pytest.mark.parametrize("batch_rows", [17, 500])
def test_the_instant_is_the_same_on_any_size_of_batch(batch_rows):
    desk = params(PATIENCE + SECOND)

    assert run(desk, batch_rows=batch_rows) == run(desk)
