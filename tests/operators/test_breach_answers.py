"""Breaches of limits of risk in the flow: acknowledged, waived for a time, and the same on any size of batch."""

import json
import pickle
from dataclasses import replace
from decimal import Decimal

import pytest

from analytics.attribution import Leg
from analytics.risk_limit_rows import RiskLimit, RiskLimits
from domain.controls import Command, Control, ControlKind
from domain.market import MINUTE
from operators.compliance_rules import KillMode
from operators.decision_records import nothing_decided
from operators.decisions import Decisions
from operators.desk_state import fresh_desk
from operators.risk_watch import RiskWatch
from tests.operators.decision_case import OPEN, desk_params, items, streams

SCOPES = (
    "firm:firm",
    "desk:equities",
    "trader:desk.trader",
    "strategy:trend",
    "account:main",
    "instrument:A",
)
HARD = 1_000.0


def limit(scope="strategy:trend", **fields):
    kind, _, name = scope.partition(":")
    plain = {
        "limit_id": "gross",
        "measure": "gross",
        "scope_type": kind,
        "scope_id": name,
        "hard": HARD,
        "unit": "currency",
        "rationale": "a test",
    }
    return RiskLimit(**{**plain, **fields})


def watched(*rows):
    """Return a book that holds ten A of strategy trend at 50, and what watches it."""
    params = replace(desk_params(), risk_limits=RiskLimits(rows))
    state, decided = fresh_desk(params), nothing_decided(0)
    leg = Leg(0, Decimal(50), 1, "USD", OPEN)
    state.risk.ledger.fill("trend", "A", 10, Decimal(50), Decimal(0), leg)
    return state, decided, RiskWatch(params, state, decided)


def judge(state, risk, price, minute):
    state.risk.ledger.mark("A", Decimal(str(price)), OPEN + minute * MINUTE)
    return risk.judge(OPEN + minute * MINUTE, is_active=False)


def crossed(decided):
    return [row for row in decided.breaches if row.event != "RiskLimitUtilisation"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    ("price", "level", "mode"),
    [
        ("99.99", None, None),
        ("100", "hard", KillMode.REDUCE_ONLY),
        ("100.01", "hard", KillMode.REDUCE_ONLY),
        ("110", "hard", KillMode.REDUCE_ONLY),
        ("110.01", "severe", KillMode.CANCEL_ALL),
    ],
)
def test_every_scope_is_stopped_at_its_limit_and_not_under_it(scope, price, level, mode):
    state, decided, risk = watched(limit(scope))

    stopped = judge(state, risk, price, 1)

    told = "firm" if level == "severe" and scope == "firm:firm" else level
    kill = state.compliance.kills.get(scope)
    assert [row.level for row in crossed(decided)] == ([told] if level else [])
    assert (None if kill is None else kill.mode) == mode
    assert stopped == ([scope] if mode is KillMode.CANCEL_ALL else [])


def answer(kind, breach_id, minute, details=""):
    return Command(
        command_id=f"{kind}-{minute}",
        kind=kind,
        scope=breach_id,
        who="bob",
        reason="a test",
        at=1,
        details=details,
    )


def run(rows, commands, batch=250, cut=None):
    """Return what a desk says that is given each command before the batch at an instant; `cut` pickles its state."""
    stage = Decisions(replace(desk_params(), risk_limits=RiskLimits(rows)))
    state, answers, waiting = stage.fresh(), [], list(commands)
    for number, item in enumerate(items(2_000, batch, None)):
        while waiting and state.walked_until >= waiting[0][0]:
            answers += stage.step(state, waiting.pop(0)[1])
        if number == cut:
            state = pickle.loads(pickle.dumps(state))
        answers += stage.step(state, item)
    return state, streams(answers)


def test_a_breach_goes_from_open_over_waived_to_open_when_the_waiver_ends_and_says_who_in_its_control():
    row = limit(hard=10_000.0)
    _, plain = run([row], [])
    first = next(each for each in plain["risk.breaches"] if each.event == "RiskLimitBreached")
    until = first.known_at + 10 * MINUTE
    details = json.dumps({"maker": "ann", "until": until})
    commands = [
        (first.known_at, answer(ControlKind.ACKNOWLEDGE, first.breach_id, 1)),
        (first.known_at, answer(ControlKind.WAIVE, first.breach_id, 2, details)),
        (first.known_at, answer(ControlKind.WAIVE, "nothing", 3, details)),
        (first.known_at, answer(ControlKind.ACKNOWLEDGE, first.breach_id, 4)),
    ]

    state, told = run([row], commands)
    _, again = run([row], commands, cut=4)

    own = [each for each in told["risk.breaches"] if each.breach_id == first.breach_id]
    assert [(each.event, each.state) for each in own[:3]] == [
        ("RiskLimitBreached", "open"),
        ("RiskLimitAcknowledged", "acked"),
        ("RiskLimitWaived", "waived"),
    ]
    kinds = [(each.kind, each.who, each.maker) for each in told["risk.controls"]]
    assert kinds == [
        (ControlKind.ACKNOWLEDGE, "bob", ""),
        (ControlKind.WAIVE, "bob", "ann"),
        (ControlKind.REFUSED, "bob", ""),
        (ControlKind.REFUSED, "bob", ""),
    ]
    assert [each.control_id for each in own[1:3]] == [each.record_id for each in told["risk.controls"][:2]]
    assert "acknowledged before" in told["risk.controls"][3].text
    assert again == told
    assert state.risk.watched.waiver_ends(0) in {until, 2**63 - 1}


def test_a_waiver_lets_go_of_its_scope_and_takes_it_back_when_it_ends_or_gets_worse():
    state, decided, risk = watched(limit())
    judge(state, risk, 100, 1)
    breach_id = crossed(decided)[0].breach_id
    details = json.dumps({"maker": "ann", "until": OPEN + 10 * MINUTE})
    control = _control(breach_id, details, 2)

    risk.answer(control)
    assert "strategy:trend" not in state.compliance.kills
    judge(state, risk, 101, 3)
    during = dict(state.compliance.kills)
    due = risk.next_due()
    judge(state, risk, 101, 10)

    assert (during, due) == ({}, OPEN + 10 * MINUTE)
    assert state.compliance.kills["strategy:trend"].mode is KillMode.REDUCE_ONLY
    assert [(row.event, row.state, row.action) for row in crossed(decided)] == [
        ("RiskLimitBreached", "open", "reduce_only"),
        ("RiskLimitWaived", "waived", "none"),
        ("RiskLimitBreached", "open", "reduce_only"),
    ]

    risk.answer(_control(breach_id, json.dumps({"maker": "ann", "until": OPEN + 20 * MINUTE}), 11))
    assert judge(state, risk, 111, 12) == ["strategy:trend"]
    assert crossed(decided)[-1].state == "open"


def _control(breach_id, details, minute):
    at = OPEN + minute * MINUTE
    return Control(
        event_at=at,
        known_at=at,
        received_at=at,
        source="controls",
        sequence=minute,
        record_id=f"control-{minute}",
        command_id=f"command-{minute}",
        kind=ControlKind.WAIVE,
        wanted=ControlKind.WAIVE,
        scope=breach_id,
        mode="",
        who="bob",
        reason="a test",
        details=details,
    )


def test_a_breach_is_cured_when_its_limit_no_longer_speaks():
    state, decided, risk = watched(limit(valid_to=OPEN + 5 * MINUTE))
    judge(state, risk, 100, 1)

    due = risk.next_due()
    judge(state, risk, 100, 5)

    assert due == OPEN + 5 * MINUTE
    assert state.compliance.kills == {}
    last = crossed(decided)[-1]
    assert (last.event, last.state, last.level, last.remaining) == ("RiskLimitCured", "cured", "hard", "none")


def test_limits_of_risk_that_a_command_brings_hold_from_its_instant_on_and_keep_those_of_orders():
    row = {**{name: getattr(limit(), name) for name in RiskLimit.__struct_fields__}, "hard": 10_000.0}
    given = Command(
        command_id="tighter",
        kind=ControlKind.LIMITS,
        scope="limits",
        who="ann",
        reason="a test",
        at=1,
        details=json.dumps({"risk_limits": [row]}),
    )

    state, told = run([], [(OPEN + 3 * MINUTE, given)])

    breached = [each for each in told["risk.breaches"] if each.event == "RiskLimitBreached"]
    assert breached[0].limit_id == "gross"
    assert breached[0].known_at >= told["risk.controls"][0].known_at
    assert state.controls.limits == ""


def test_losses_of_an_instrument_and_credit_of_a_strategy_are_refused_as_limits():
    with pytest.raises(ValueError, match="daily_loss is not measured of scope_type instrument"):
        limit("instrument:A", measure="daily_loss", unit="percent")
    with pytest.raises(ValueError, match="credit is not measured of scope_type strategy"):
        limit(measure="credit")
