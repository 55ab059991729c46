"""Level 1 of standards.md 2.6 in the flow: held at soft, cured with hysteresis, answered in time or escalated."""

import pickle
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest

from analytics.attribution import Leg
from analytics.risk_limit_rows import RiskLimits
from analytics.risk_limits import LimitWatch, acknowledge, waive, watch
from domain.decisions import VerdictKind
from domain.market import MINUTE
from operators.compliance_rules import KillMode
from operators.decision_records import nothing_decided
from operators.decisions import Decisions
from operators.desk_state import fresh_desk
from operators.risk_watch import RiskWatch
from tests.operators.decision_case import OPEN, desk_params, items, streams
from tests.risk_limit_rows import limit_row

SCOPE = "strategy:trend"
KEY = (SCOPE, "gross")


limit = partial(
    limit_row, limit_id="gross", scope_type="strategy", scope_id="trend", soft=800.0, hard=1_000.0
)


@pytest.fixture
def book():
    """Return a function that makes a book of ten A of strategy trend, and one that judges it a minute apart."""

    def made(*rows):
        params = replace(desk_params(), risk_limits=RiskLimits(rows))
        state, decided = fresh_desk(params), nothing_decided(0)
        leg = Leg(0, Decimal(50), 1, "USD", OPEN)
        state.risk.ledger.fill("trend", "A", 10, Decimal(50), Decimal(0), leg)
        risk = RiskWatch(params, state, decided)

        def modes(*prices):
            found = []
            for minute, price in enumerate(prices, 1):
                state.risk.ledger.mark("A", Decimal(str(price)), OPEN + minute * MINUTE)
                risk.judge(OPEN + minute * MINUTE, is_active=False)
                kill = state.compliance.kills.get(SCOPE)
                found.append(None if kill is None else (str(kill.mode), kill.reason))
            return found

        return state, decided, modes

    return made


def test_at_its_soft_value_a_limit_holds_what_increases_risk_until_five_points_below(book):
    held, reducing = ("hold_increasing", "risk limit gross"), ("reduce_only", "risk limit gross")
    _, decided, modes = book(limit())

    found = modes(79.99, 80, 80.01, 99.99, 100, 94.99, 75, 74.99)

    assert found == [None, held, held, held, reducing, held, held, None]
    told = [
        (row.event, row.level, row.action) for row in decided.breaches if row.event != "RiskLimitUtilisation"
    ]
    assert told == [
        ("RiskLimitBreached", "soft", "hold"),
        ("RiskLimitBreached", "hard", "reduce_only"),
        ("RiskLimitCured", "hard", "hold"),
        ("RiskLimitCured", "soft", "none"),
    ]


def test_the_firmest_breach_of_a_scope_decides_and_when_it_is_cured_the_next_one(book):
    _, _, modes = book(limit(), limit(limit_id="long", measure="long", soft=None, hard=850.0))

    found = modes(70, 82, 85, 82, 80, 70)

    assert found == [
        None,
        ("hold_increasing", "risk limit gross"),
        ("reduce_only", "risk limit long"),
        ("reduce_only", "risk limit long"),
        ("hold_increasing", "risk limit gross"),
        None,
    ]


def test_a_hold_that_a_person_has_made_firmer_stays(book):
    state, _, modes = book(limit())
    modes(80)
    kill = state.compliance.kills[SCOPE]
    state.compliance.kills[SCOPE] = kill._replace(mode=KillMode.BLOCK_NEW, reason="by hand")

    assert modes(70, 80) == [("block_new", "by hand")] * 2


def test_in_the_flow_an_order_that_increases_risk_is_held_with_its_own_code_on_any_size_of_batch():
    rows = RiskLimits([limit(soft=1_000.0, hard=1e9)])

    def run(batch, cut=None):
        stage = Decisions(replace(desk_params(), risk_limits=rows))
        state, answers = stage.fresh(), []
        for number, item in enumerate(items(2_000, batch, None)):
            if number == cut:
                state = pickle.loads(pickle.dumps(state))
            answers += stage.step(state, item)
        return streams(answers)

    told = run(250)

    first = next(row for row in told["risk.breaches"] if row.event == "RiskLimitBreached")
    held = [row for row in told["verdicts"] if any(check.code == "RISK_LIMIT_SOFT" for check in row.checks)]
    assert held
    assert {row.kind for row in held} <= {VerdictKind.HELD, VerdictKind.REFUSED}
    assert min(row.known_at for row in held) >= first.known_at
    assert run(1_000) == told
    assert run(250, cut=4) == told


def judged(state, value, at):
    return [
        (event.event.removeprefix("RiskLimit"), event.level.name.lower(), event.action, event.state)
        for event in watch(state, RiskLimits([limit()]), {KEY: value}, at, 0, is_active=False)
        if event.event != "RiskLimitUtilisation"
    ]


def test_a_breach_that_nobody_answers_goes_to_the_people_of_the_next_level_at_its_deadline():
    state, start = LimitWatch(), MINUTE
    assert judged(state, 800.0, start) == [("Breached", "soft", "hold", "open")]
    due = state.deadline(start)

    said = {}
    for at in (due - 1, due, due + 5 * MINUTE - 1, due + 5 * MINUTE, due + 6 * MINUTE, due + 60 * MINUTE):
        state = pickle.loads(pickle.dumps(state))
        said[at - due] = judged(state, 800.0, at)

    assert due == start + 15 * MINUTE
    assert said == {
        -1: [],
        0: [("Escalated", "hard", "call risk officer", "open")],
        5 * MINUTE - 1: [],
        5 * MINUTE: [("Escalated", "severe", "call cro and compliance", "open")],
        6 * MINUTE: [("Escalated", "firm", "call cro and coo", "open")],
        60 * MINUTE: [],
    }
    assert state.deadline(0) == 2**63 - 1


@pytest.mark.parametrize("answered", ["acknowledged", "waived", "cured"])
def test_a_breach_that_is_answered_or_cured_before_its_deadline_is_not_escalated(answered):
    state = LimitWatch()
    judged(state, 800.0, MINUTE)
    breach_id = state.watched[(SCOPE, "gross")[0], "gross"].breach_id

    last = 16 * MINUTE - 1
    if answered == "acknowledged":
        acknowledge(state, breach_id, last)
    elif answered == "waived":
        waive(state, breach_id, 60 * MINUTE, last)
    value = 700.0 if answered == "cured" else 800.0
    judged(state, value, last)

    assert judged(state, value, 16 * MINUTE) == []


def test_a_breach_that_gets_worse_has_the_time_of_its_new_level_and_a_waiver_that_ends_begins_one():
    state = LimitWatch()
    judged(state, 800.0, MINUTE)
    judged(state, 1_000.0, 2 * MINUTE)
    assert state.deadline(0) == 7 * MINUTE

    (breach,) = [each.breach_id for each in state.watched.values()]
    waive(state, breach, 10 * MINUTE, 3 * MINUTE)
    assert state.deadline(0) == 2**63 - 1

    judged(state, 1_000.0, 10 * MINUTE)
    assert state.deadline(0) == 15 * MINUTE


def test_a_state_that_knew_of_no_deadlines_is_read_and_its_open_breaches_have_none():
    state = LimitWatch()
    judged(state, 800.0, MINUTE)
    for each in state.watched.values():
        del each.__dict__["asked"], each.__dict__["due_at"]

    old = pickle.loads(pickle.dumps(state))

    assert old.deadline(0) == 2**63 - 1
    assert judged(old, 800.0, 60 * MINUTE) == []
    assert judged(old, 1_000.0, 61 * MINUTE) == [("Breached", "hard", "reduce_only", "open")]
    assert old.deadline(0) == 66 * MINUTE
