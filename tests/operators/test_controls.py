"""Commands to the desk: from when on they hold, what they stop, and that a second run repeats them to the instant."""

import json
import pickle
import random
from dataclasses import replace

import msgspec
import pytest

from config.settings import read_settings
from domain.controls import Command, ControlKind, ControlsRead
from domain.decisions import VerdictKind
from domain.market import SECOND
from operators.controls import Before, restates_limits
from operators.decisions import Decisions
from operators.risk_limit_table import risk_limit_table
from tests.operators import decision_case

ROWS = 3_000
BATCH_ROWS = 64
HALF = ROWS // BATCH_ROWS // 2


def command(kind, scope="firm:firm", mode="", details="", name="", who="ann"):
    given = name or f"{kind}-{scope}-{mode}-{len(details)}-{who}"
    return Command(
        command_id=given, kind=kind, scope=scope, mode=mode, who=who, reason="a test", at=1, details=details
    )


def kill(scope="firm:firm", mode="block_new", who="ann"):
    return command(ControlKind.KILL, scope, mode, who=who)


def limits(change=lambda row: row):
    rows = read_settings().limits
    given = {"limits": [change(dict(row)) for row in rows["limits"]], "defaults": rows.get("defaults")}
    return command(ControlKind.LIMITS, "limits", details=json.dumps(given, default=str))


def change(name="", **changes):
    """Return the command that lets the account's largest order be 1 unit, but for what is changed in it."""
    given = {"limit_id": "qty-account", "hard": "1", "soft": None, "until": None}
    said = given | {"maker": "ann", "checker": "bob", "rationale": "a test"} | changes
    return command(ControlKind.LIMITS, "limits", details=json.dumps({"change": said}), name=name)


def run(commands, recorded=(), batch_rows=BATCH_ROWS, **params):
    """Return the records of a run that hears commands before batches, by the batch's number."""
    stage = Decisions(
        replace(decision_case.desk_params(), **params), before=Before(tuple(recorded)), controlled=True
    )
    book, answers = stage.fresh(), []
    answers += stage.step(book, ControlsRead())
    for number, item in enumerate(decision_case.items(ROWS, batch_rows, None)):
        for each in commands.get(number, ()):
            answers += stage.step(book, each)
        answers += stage.step(book, item)
    return decision_case.streams(answers)


def verdicts(records, since=0, until=2**63):
    return [each for each in records["verdicts"] if since <= each.known_at < until]


def while_orders_work():
    """Return the number of a batch before which orders of both strategies work."""
    records = run({})
    ends = {report.order_id: report.known_at for report in records["oms.executions"]}
    lives = [(order.strategy, order.known_at, ends[order.order_id]) for order in records["oms.orders"]]
    for number, item in enumerate(decision_case.items(ROWS, BATCH_ROWS, None), start=1):
        working = {strategy for strategy, sent_at, ended_at in lives if sent_at < item.watermark < ended_at}
        if len(working) == 2:
            return number
    raise AssertionError("no orders of both strategies ever work at the end of a batch")


def test_nothing_is_decided_before_every_command_is_read():
    stage = Decisions(decision_case.desk_params(), controlled=True)
    book = stage.fresh()
    first, second, *_ = decision_case.items(ROWS, BATCH_ROWS, None)

    before = [*stage.step(book, first), *stage.step(book, kill()), *stage.step(book, second)]
    after = stage.step(book, ControlsRead())

    assert before == []
    assert [control.kind for control in after[0].controls] == [ControlKind.KILL]
    assert after[0].controls[0].known_at == int(first.ticks.known_at[0])


def test_a_kill_switch_refuses_every_order_from_its_instant_until_it_is_released():
    records = run({HALF: [kill()], HALF + 10: [kill(mode="none")], HALF + 20: [kill(mode="none", who="bob")]})
    set_at, _, released_at = (control.known_at for control in records["risk.controls"])
    stopped = verdicts(records, set_at, released_at)

    assert len(stopped) > 3
    assert {each.kind for each in stopped} == {VerdictKind.REFUSED}
    assert all("KILL_ACTIVE" in each.codes for each in stopped)
    assert VerdictKind.APPROVED in {each.kind for each in verdicts(records, 0, set_at)}
    assert VerdictKind.APPROVED in {each.kind for each in verdicts(records, released_at)}


def test_one_person_sets_a_kill_switch_and_two_loosen_it():
    given = [
        kill(mode="none"),
        kill(mode="cancel_all"),
        kill(mode="block_new"),
        kill(mode="block_new", who="bob"),
        kill(mode="none", who="bob"),
        command(ControlKind.KILL, "firm:firm", "none", name="again", who="bob"),
        kill(mode="none", who="cat"),
        kill(mode="reduce_only", who="cat"),
        kill(mode="block_new", who="cat"),
    ]
    records = run({HALF + number: [each] for number, each in enumerate(given)})
    told = [(each.kind, each.mode, each.maker, each.who) for each in records["risk.controls"]]

    assert told == [
        (ControlKind.REFUSED, "none", "", "ann"),
        (ControlKind.KILL, "cancel_all", "", "ann"),
        (ControlKind.ASKED, "block_new", "", "ann"),
        (ControlKind.RELEASE, "block_new", "ann", "bob"),
        (ControlKind.ASKED, "none", "", "bob"),
        (ControlKind.REFUSED, "none", "", "bob"),
        (ControlKind.RELEASE, "none", "bob", "cat"),
        (ControlKind.KILL, "reduce_only", "", "cat"),
        (ControlKind.KILL, "block_new", "", "cat"),
    ]
    assert "maker and checker are two persons; bob" in records["risk.controls"][5].text


def test_a_kill_switch_that_is_set_again_forgets_who_wanted_it_released():
    given = [
        kill(),
        kill(mode="none"),
        command(ControlKind.KILL, "firm:firm", "block_new", name="more"),
        kill(mode="none", who="bob"),
    ]
    records = run({HALF: given})

    assert [each.kind for each in records["risk.controls"]] == [
        ControlKind.KILL,
        ControlKind.ASKED,
        ControlKind.KILL,
        ControlKind.ASKED,
    ]


def test_cancel_all_cancels_the_working_orders_of_its_scope_and_no_others():
    records = run({while_orders_work(): [kill("strategy:trend", "cancel_all")]})
    (control,) = records["risk.controls"]
    stopped = [each for each in records["oms.cancels"] if each.text == "trading was stopped"]
    later = verdicts(records, control.known_at)

    assert {(each.strategy, each.transact_time) for each in stopped} == {("trend", control.known_at)}
    assert {each.kind for each in later if each.strategy == "trend"} == {VerdictKind.REFUSED}
    assert VerdictKind.APPROVED in {each.kind for each in later if each.strategy == "reversion"}


def test_new_limits_judge_from_their_instant_on():
    tiny = limits(lambda row: {**row, "hard": 1, "soft": None} if row["measure"] == "order_quantity" else row)
    records = run({HALF: [tiny]})
    (control,) = records["risk.controls"]
    before, after = verdicts(records, 0, control.known_at), verdicts(records, control.known_at)

    assert VerdictKind.APPROVED in {each.kind for each in before}
    assert {each.kind for each in after} == {VerdictKind.REFUSED}
    assert len({each.limits_version for each in before + after}) == 2


def test_a_change_of_one_row_is_made_in_the_limits_that_hold_and_touches_no_other():
    told = limits(lambda row: {**row, "hard": 7} if row["limit_id"] == "long-account" else row)
    second = change("second", limit_id="notional-account", hard="12345")
    records = run({HALF: [told], HALF + 3: [change()], HALF + 6: [second]})
    whole, first, last = records["risk.controls"]

    rows = {}
    for row in json.loads(last.details)["limits"]:
        rows.setdefault(row["limit_id"], []).append((row["version"], row["hard"], row["valid_from"] > 0))
    began = {row["limit_id"]: row["hard"] for row in read_settings().limits["limits"]}

    assert [each.kind for each in (whole, first, last)] == [ControlKind.LIMITS] * 3
    assert rows.pop("qty-account")[-1] == (2, "1", True)
    assert rows.pop("notional-account")[-1] == (2, "12345", True)
    assert rows.pop("long-account")[-1][1] == "7"
    assert {name: [hard for _, hard, _ in versions] for name, versions in rows.items()} == {
        name: [str(began[name])] for name in rows
    }
    assert json.loads(first.details)["change"]["checker"] == "bob"
    assert {each.kind for each in verdicts(records, first.known_at)} == {VerdictKind.REFUSED}


RISK = [
    {
        "limit_id": name,
        "measure": name,
        "scope_type": "firm",
        "scope_id": "firm",
        "hard": 1e9,
        "unit": "currency",
    }
    | {"rationale": "a test"}
    for name in ("gross", "net")
]


def test_a_change_of_a_risk_limit_is_made_in_those_that_hold_and_touches_no_other_limit():
    table = risk_limit_table(RISK, {})
    first = change("first", limit_id="gross", hard="5e8")
    second = change("second", limit_id="net", hard="4e8")

    records = run({HALF: [first], HALF + 3: [second]}, risk_limits=table)

    told = [json.loads(control.details) for control in records["risk.controls"]]
    assert [control.kind for control in records["risk.controls"]] == [ControlKind.LIMITS] * 2
    assert ["limits" in each for each in told] == [False, False]
    rows = [[(row["limit_id"], row["hard"]) for row in each["risk_limits"]] for each in told]
    before = [("gross", 1e9), ("net", 1e9)]
    assert rows == [[*before, ("gross", 5e8)], [*before, ("gross", 5e8), ("net", 4e8)]]
    assert run({}, records["risk.controls"], risk_limits=table) == records


@pytest.mark.parametrize(
    ("details", "restated"),
    [
        ("", True),
        ('{"limits": []}', True),
        ('{"limits": [], "risk_limits": []}', True),
        ('{"risk_limits": []}', False),
        ('{"limits": [], "change": {}}', False),
        ('{"risk_limits": [], "change": {}}', False),
    ],
)
def test_only_who_writes_all_rows_of_orders_limits_anew_writes_them_in_the_units_of_now(details, restated):
    (control,) = run({HALF: [limits()]})["risk.controls"]

    assert restates_limits(msgspec.structs.replace(control, details=details)) is restated
    assert not restates_limits(msgspec.structs.replace(control, details=details, kind=ControlKind.REFUSED))


@pytest.mark.parametrize("seed", range(2))
def test_changes_of_rows_are_repeated_from_their_record(seed):
    chance = random.Random(900 + seed)
    given = {}
    for number in range(4):
        at = chance.randrange(5, 2 * HALF)
        given[at] = [change(f"c{number}", hard=str(chance.choice([1, 50, 20_000])))]
    first = run(given)

    assert run({}, first["risk.controls"]) == first


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            command(ControlKind.LIMITS, "limits", details='{"limits": [{"limit_id": "x"}]}'),
            "measure is needed",
        ),
        (command(ControlKind.LIMITS, "limits", details="[]"), "a limit table is a JSON object"),
        (command(ControlKind.LIMITS, "limits", details="{"), "Expecting"),
        (kill("planet:earth"), "a kill scope is TYPE:NAME"),
        (kill("strategy:trned"), "no strategy 'trned' has rights here; the nearest: trend"),
        (kill("account:mian"), "no account 'mian' has rights here; the nearest: main"),
        (change(limit_id="qty-acount"), "no limit 'qty-acount'; the nearest: qty-account"),
        (change(hard="many"), "hard is a whole number of at least 0; 'many' was given"),
        (change(hard="1e19"), "hard is at most 1E+18"),
        (change(hard="NaN"), "hard is a whole number"),
        (change(soft="21000"), "soft is at most hard"),
        (change(until="yesterday"), "temporary_until is a date or an instant with its zone"),
        (change(maker="bob"), "maker and checker are two persons"),
        (change(checker=" "), "maker and checker are two persons"),
        (command(ControlKind.LIMITS, "limits", details='{"change": {"hard": 1}}'), "a change of a limit has"),
        (command(ControlKind.LIMITS, "limits", details='{"change": 5}'), "not iterable"),
        (command(ControlKind.REFUSED, "kill:x"), "a test"),
        (kill(mode="sometimes"), "'sometimes' is not a valid KillMode"),
    ],
)
def test_what_cannot_be_carried_out_is_answered_and_changes_nothing_else(given, said):
    records, plain = run({HALF: [given]}), run({})
    (control,) = records.pop("risk.controls")

    assert control.kind is ControlKind.REFUSED
    assert said in control.text
    assert records == {topic: kept for topic, kept in plain.items() if topic != "risk.controls"}


def test_orders_are_refused_while_commands_cannot_be_read():
    stale, fresh = command(ControlKind.STALE, name="s"), command(ControlKind.FRESH, name="f")
    records = run({HALF: [stale], HALF + 20: [fresh]})
    since, until = (control.known_at for control in records["risk.controls"])
    allowed = int(decision_case.desk_params().compliance.tolerances.state_lag_seconds * SECOND)
    shut = verdicts(records, since + allowed + 1, until)

    assert len(shut) > 3
    assert {each.kind for each in shut} == {VerdictKind.REFUSED}
    assert all("RISK_STATE_STALE" in each.codes for each in shut)
    assert VerdictKind.APPROVED in {each.kind for each in verdicts(records, until)}


@pytest.mark.parametrize("seed", range(4))
def test_a_second_run_with_what_was_recorded_gives_the_same_records(seed):
    chance = random.Random(seed)
    given = [
        kill("instrument:A", "reduce_only"),
        kill("strategy:trend", "cancel_all"),
        limits(),
        kill("strategy:trend", "none"),
        kill("strategy:trend", "none", "bob"),
        kill("planet:earth"),
    ]
    commands = {}
    for each in given:
        commands.setdefault(chance.randrange(0, 2 * HALF), []).append(each)
    first = run(commands)

    again = run({}, recorded=first["risk.controls"], batch_rows=chance.choice((7, 200, 999)))
    repeated = run(commands, recorded=first["risk.controls"])

    assert len(first["risk.controls"]) == len(given)
    assert again == first
    assert repeated == first


def test_a_worker_that_starts_again_repeats_what_it_has_said_before_a_new_command_holds():
    items = decision_case.items(ROWS, BATCH_ROWS, None)
    params = replace(decision_case.desk_params(), remote_venue=True)
    first = Decisions(params, controlled=True)
    book = first.fresh()
    said = list(first.step(book, ControlsRead()))
    stored = pickle.dumps(book)
    said += [answer for item in items[:HALF] for answer in first.step(book, item)]
    until = max(answer.progress.decided_until for answer in said if answer.progress)

    second = Decisions(params, before=Before((), until), controlled=True)
    book, repeated = pickle.loads(stored), []
    for item in (kill(), ControlsRead(), *items[:HALF]):
        repeated += second.step(book, item)

    def told(answers):
        return {topic: records for topic, records in decision_case.streams(answers).items() if records}

    assert until > int(items[0].ticks.known_at[-1])
    controls = [control for answer in repeated for control in answer.controls]
    assert [control.known_at for control in controls] == [until]
    assert {**told(repeated), "risk.controls": ()} == {**told(said), "risk.controls": ()}
    assert all(each.progress is None or each.progress.decided_until >= until for each in repeated)
