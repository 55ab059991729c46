"""What is held waits for a person, expires, and is put again by a command that a replay repeats."""

import json
import pickle
from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from domain.controls import Command, ControlKind, ControlsRead
from domain.decisions import VerdictKind
from domain.health import HealthState, MarketHealth, market_health
from domain.market import SECOND
from operators.compliance_rules import approvers_table
from operators.controls import Before
from operators.decisions import Decisions
from operators.limit_rows import limit_table
from tests.operators import decision_case

ROWS = 3_000
BATCH_ROWS = 64
APPROVERS = approvers_table(
    {"bob": {"checks": ["PT-14"], "notional_max": 10**7}, "rita": {"checks": ["*"], "notional_max": 1}}
)


def params(measure="dynamic_collar", hard="0.001"):
    """Return a desk on which a limit is so tight that many orders fail it."""
    made = decision_case.desk_params()
    rows = [
        {name: getattr(row, name) for name in row.__struct_fields__}
        | ({"hard": hard, "soft": None} if row.measure == measure else {})
        for row in made.compliance.limits.rows
    ]
    rules = made.compliance.replaced(limits=limit_table(rows), approvers=APPROVERS)
    return replace(made, compliance=rules)


def run(desk_params, commands=(), recorded=(), batch_rows=BATCH_ROWS):
    """Return the records of a run; `commands` is asked before each batch for what is given then."""
    stage = Decisions(desk_params, before=Before(tuple(recorded)), controlled=True)
    book, answers = stage.fresh(), []
    answers += stage.step(book, ControlsRead())
    for item in decision_case.items(ROWS, batch_rows, None):
        for each in commands(book) if commands else ():
            answers += stage.step(book, each)
        book = pickle.loads(pickle.dumps(book))
        answers += stage.step(book, item)
    return decision_case.streams(answers)


def command(kind, scope, who="bob", mode="", **details):
    text = json.dumps(details) if details else ""
    return Command(
        command_id=f"{kind}-{scope}-{who}",
        kind=kind,
        scope=scope,
        mode=mode,
        who=who,
        reason="a test",
        at=1,
        details=text,
    )


def each_hold(kind, who="bob"):
    """Answer every hold that waits with a command."""

    def given(book):
        return [command(kind, name, who) for name, held in book.holds.waiting.items() if not held.refused]

    return given


def last_verdicts(records):
    """Return the verdicts of each intent, in order."""
    found = {}
    for verdict in records["verdicts"]:
        found.setdefault(verdict.cl_ord_id, []).append(verdict)
    return found


def test_a_hold_that_nobody_answers_expires_after_its_time_or_goes_with_the_next_score():
    records = run(params())

    answered = [found for found in last_verdicts(records).values() if found[0].kind is VerdictKind.HELD]
    ends = Counter(found[-1].codes for found in answered if len(found) > 1)
    waited = [found[-1].known_at - found[0].known_at for found in answered if len(found) > 1]
    assert len(answered) > 20
    assert set(ends) == {("HOLD_EXPIRED",)}
    assert max(waited) == 60 * SECOND
    assert {found[-1].kind for found in answered if len(found) > 1} == {VerdictKind.REFUSED}
    assert len(records["oms.orders"]) == sum(
        f[0].kind is VerdictKind.APPROVED for f in last_verdicts(records).values()
    )


def test_a_hold_that_is_approved_is_judged_again_and_sent_then():
    records = run(params(), each_hold(ControlKind.APPROVE))
    plain = run(params())

    released = [found for found in last_verdicts(records).values() if found[0].kind is VerdictKind.HELD]
    sent = {order.cl_ord_id: order for order in records["oms.orders"]}
    approved = [found for found in released if found[-1].kind is VerdictKind.APPROVED]
    assert len(approved) > 20
    assert all(sent[found[-1].cl_ord_id].decision_id == found[-1].decision_id for found in approved)
    assert all(sent[found[-1].cl_ord_id].transact_time == found[-1].known_at for found in approved)
    assert len(records["oms.orders"]) > 2 * len(plain["oms.orders"])
    assert {(c.kind, c.maker, c.who) for c in records["risk.controls"]} == {
        (ControlKind.APPROVE, "desk.trader", "bob")
    }


def test_a_hold_that_is_refused_is_over():
    records = run(params(), each_hold(ControlKind.REFUSE, "rita"))

    ended = [found[-1] for found in last_verdicts(records).values() if found[0].kind is VerdictKind.HELD]
    assert Counter(verdict.kind for verdict in ended)[VerdictKind.REFUSED] > 20
    assert any("rita refused it: a test" in verdict.text for verdict in ended)


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("desk.trader", "maker and checker are two persons; desk.trader has asked for the order"),
        ("rita", "rita may not decide on PT-14"),
        ("nobody", "nobody may not decide on PT-14"),
    ],
)
def test_who_may_not_release_a_hold_is_told_so_and_it_goes_on_waiting(who, said):
    records = run(params(), each_hold(ControlKind.APPROVE, who))
    plain = run(params())

    assert {control.kind for control in records["risk.controls"]} == {ControlKind.REFUSED}
    assert all(said in control.text for control in records["risk.controls"])
    assert records["verdicts"] == plain["verdicts"]


def test_what_does_not_wait_cannot_be_answered():
    records = run(params(hard=10**6), lambda _book: [command(ControlKind.APPROVE, "C9")])

    assert [control.text for control in records["risk.controls"]] == ["no hold 'C9'; none waits"]


def overriding(check="PT-19", who="bob", verifier="rita", maker="ann", seconds=30):
    """Override every refusal that waits."""

    def given(book):
        return [
            command(ControlKind.OVERRIDE, name, who, check, maker=maker, verifier=verifier, seconds=seconds)
            for name, held in book.holds.waiting.items()
            if held.refused
        ]

    return given


@pytest.fixture
def small():
    """Return a desk that may send no more than ten units, and bob, who may let more pass."""
    made = params("order_quantity", 10)
    more = {"checks": ["PT-19"], "notional_max": 10**7}
    both = APPROVERS | approvers_table({"bob": more, "desk.trader": more})
    return replace(made, compliance=made.compliance.replaced(approvers=both))


def test_an_override_sends_one_refused_order_and_is_told_in_its_verdict(small):
    records, plain = run(small, overriding()), run(small)

    sent = [
        found
        for found in last_verdicts(records).values()
        if found[-1].kind is VerdictKind.APPROVED and len(found) > 1
    ]
    assert plain["oms.orders"] == ()
    assert len(sent) > 10
    assert {found[-1].codes for found in sent} == {("MAX_QTY", "OVERRIDE_USED")}
    assert {(c.kind, c.maker, c.who, c.mode) for c in records["risk.controls"]} == {
        (ControlKind.OVERRIDE, "ann", "bob", "PT-19")
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"check": "PT-01"}, "PT-01 may not be overridden"),
        ({"check": "PT-20"}, "PT-20 has not stopped"),
        ({"maker": "bob"}, "an override needs three persons"),
        ({"verifier": "bob"}, "an override needs three persons"),
        ({"verifier": "dave"}, "dave may not verify an override"),
        ({"verifier": "desk.trader"}, "who verifies for risk is another than who trades"),
        ({"who": "rita", "verifier": "bob"}, "rita may not decide on PT-19"),
        ({"seconds": 0}, "an override ends within an hour"),
    ],
)
def test_an_override_that_is_wrong_is_refused_with_what_is_allowed(small, given, said):
    records = run(small, overriding(**given))

    assert {control.kind for control in records["risk.controls"]} == {ControlKind.REFUSED}
    assert all(said in control.text for control in records["risk.controls"])
    assert records["oms.orders"] == ()


@pytest.mark.parametrize("batch_rows", [7, 999])
def test_a_second_run_with_what_was_recorded_gives_the_same_records(batch_rows):
    first = run(params(), each_hold(ControlKind.APPROVE))

    again = run(params(), recorded=first["risk.controls"], batch_rows=batch_rows)

    assert again == first


def test_at_most_so_many_intents_wait():
    tolerances = params().compliance.tolerances
    rules = params().compliance.replaced(tolerances=msgspec.structs.replace(tolerances, holds_max=1))
    records = run(replace(params(), compliance=rules))

    assert any("too many intents wait" in verdict.text for verdict in records["verdicts"])


def test_where_the_data_of_an_instrument_may_not_be_traded_on_its_working_orders_are_cancelled():
    desk_params = decision_case.desk_params()
    plain = run(desk_params)
    order = next(
        each
        for each in plain["oms.orders"]
        if not any(c.order_id == each.order_id for c in plain["oms.cancels"])
        and max(e.known_at for e in plain["oms.executions"] if e.order_id == each.order_id)
        > each.known_at + SECOND
    )
    at = order.known_at + SECOND // 2
    stage, answers = Decisions(desk_params), []
    book = stage.fresh()
    for item in decision_case.items(ROWS, BATCH_ROWS, None):
        told: tuple[MarketHealth, ...] = ()
        if len(item.ticks.known_at) and item.ticks.known_at[0] <= at < item.watermark:
            told = (
                market_health(
                    order.symbol,
                    HealthState.MUTE,
                    "no row",
                    source="quality:x",
                    sequence=1,
                    event_at=at,
                    known_at=at,
                ),
            )
        answers += stage.step(book, item._replace(health=told))
    records = decision_case.streams(answers)

    cancelled = [each for each in records["oms.cancels"] if each.text == "its data is mute"]
    assert {(each.symbol, each.transact_time) for each in cancelled} == {(order.symbol, at)}
    assert order.order_id in {each.order_id for each in cancelled}
