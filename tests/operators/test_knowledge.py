"""PT-02 in the flow: what the venue has not told is not known, and orders are refused until it is."""

from dataclasses import replace

import msgspec
import pytest

from domain.controls import ControlKind, ControlsRead
from domain.decisions import VerdictKind
from domain.market import SECOND
from operators.backlog import Backlog
from operators.decisions import Decisions
from operators.venue_params import LineParams
from tests.operators import decision_case, lying_desk
from tests.operators.test_controls import BATCH_ROWS, HALF, ROWS, command, run, verdicts

HONEST = LineParams()


def desk(line=None, **tolerances):
    """Return a desk that knows within two seconds or refuses, whose venue has a line where one is given."""
    made = decision_case.desk_params()
    given = msgspec.structs.replace(made.compliance.tolerances, **{"state_lag_seconds": 2.0} | tolerances)
    return replace(
        made,
        compliance=made.compliance.replaced(tolerances=given),
        venue=replace(made.venue, line=line),
        answer_nanoseconds=5 * SECOND,
    )


def stale(records):
    """Return when orders were refused for what was not known (ns UTC), and what that was."""
    found = [
        (each.known_at, {c.scope for c in each.checks if c.code == "RISK_STATE_STALE"})
        for each in records["verdicts"]
    ]
    return [(at, scopes) for at, scopes in found if scopes]


def test_a_venue_that_answers_is_known_and_refuses_nothing():
    records = lying_desk.run(desk(HONEST), lying_desk.items())

    assert len(records["oms.orders"]) > 10
    assert stale(records) == []


def test_an_answer_that_is_lost_stops_orders_until_it_has_come():
    records = lying_desk.run(desk(replace(HONEST, lost_acknowledgements=0.5)), lying_desk.items())

    refused = [at for at, scopes in stale(records) if "orders" in scopes]
    approved = [each.known_at for each in records["verdicts"] if each.kind is VerdictKind.APPROVED]

    assert len(refused) > 3
    assert min(order.known_at for order in records["oms.orders"]) < refused[0] - 2 * SECOND
    assert max(approved) > refused[0]


def test_a_fill_that_the_venue_speaks_of_and_has_not_sent_makes_positions_and_profit_unknown():
    line = replace(HONEST, late_fills=0.5, partial_fills=0.5)
    records = lying_desk.run(desk(line, profit_lag_seconds=2.0), lying_desk.items())

    assert {"positions", "orders", "profit"} in [scopes for _, scopes in stale(records)]


def test_profit_is_as_old_as_the_oldest_mark_of_what_is_held():
    records = lying_desk.run(desk(profit_lag_seconds=1.0), lying_desk.items())
    first_fill = min(each.known_at for each in records["oms.executions"] if each.last_qty)

    assert [scopes for _, scopes in stale(records)] == [{"profit"}] * len(stale(records)) != []
    assert min(at for at, _ in stale(records)) > first_fill
    assert stale(lying_desk.run(desk(profit_lag_seconds=60.0), lying_desk.items())) == []


def test_what_came_while_the_venue_did_not_speak_is_refused_also_once_it_speaks_again():
    params = replace(decision_case.desk_params(), remote_venue=True)
    stage = Decisions(params, controlled=True)
    book, items = stage.fresh(), decision_case.items(ROWS, BATCH_ROWS, None)
    answers, waiting = stage.step(book, ControlsRead()), 0
    while waiting < 20:  # the first order is never answered
        answers += stage.step(book, items.pop(0))
        waiting = len(book.walks)
    stands_at, known_until = book.walked_until, items[0].ticks.known_at[0]

    answers += stage.step(book, command(ControlKind.STALE, "venue", name="s"))
    answers += stage.step(book, command(ControlKind.FRESH, "venue", name="f"))

    controls = [(each.kind, each.known_at) for answer in answers for each in answer.controls]
    assert controls == [(ControlKind.STALE, stands_at)]
    assert [each.kind for each in book.controls.waiting] == [ControlKind.FRESH]
    assert stands_at < book.controls.waiting[0].known_at <= known_until


def test_orders_are_refused_for_positions_orders_and_profit_while_the_venue_is_behind():
    stale, fresh = (
        command(ControlKind.STALE, "venue", name="s"),
        command(ControlKind.FRESH, "venue", name="f"),
    )
    records = run({HALF: [stale], HALF + 20: [fresh]})
    since, until = (control.known_at for control in records["risk.controls"])
    allowed = int(decision_case.desk_params().compliance.tolerances.state_lag_seconds * SECOND)
    shut = verdicts(records, since + allowed + 1, until)

    stopped = [{c.scope for c in each.checks if c.code == "RISK_STATE_STALE"} for each in shut]
    assert stopped == [{"positions", "orders"}] * len(shut)
    assert len(shut) > 3
    assert VerdictKind.APPROVED in {each.kind for each in verdicts(records, until)}


@pytest.mark.parametrize(
    ("batches", "stands", "known", "was", "behind"),
    [
        (1, 5 * SECOND, 0, False, False),
        (1, 5 * SECOND + 1, 0, False, True),
        (0, 5 * SECOND + 1, 0, False, False),
        (1, 90 * SECOND, 60 * SECOND, False, True),
        (1, 90 * SECOND, 60 * SECOND + 1, False, False),  # a run of another time
        (1, 90 * SECOND, 60 * SECOND + 1, True, True),
        (1, 5 * SECOND, 0, True, False),
    ],
)
def test_a_desk_is_behind_where_batches_of_now_wait_for_too_long(batches, stands, known, was, behind):
    backlog, wall_at = Backlog(), 10**18
    backlog.batches, backlog.stands_at, backlog.known_until = batches, wall_at - stands, wall_at - known

    assert backlog.is_behind(wall_at, 5 * SECOND, was=was) is behind


def test_a_batch_after_a_long_silence_is_behind_once_it_has_itself_waited_for_too_long():
    backlog, wall_at = Backlog(), 10**18
    backlog.stands_at = backlog.known_until = wall_at - 60 * SECOND
    silent = backlog.is_behind(wall_at, 5 * SECOND, was=False)

    backlog.batches, backlog.known_until = 1, wall_at
    later = [
        backlog.is_behind(wall_at + after, 5 * SECOND, was=False) for after in (1, 5 * SECOND, 5 * SECOND + 1)
    ]

    assert not silent
    assert later == [False, False, True]
