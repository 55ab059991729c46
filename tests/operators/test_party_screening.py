"""PT-43 by lists of names: from its instant on a list refuses whom it names, and a damaged one changes nothing."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from connectors.files.name_lists import read_lists
from domain.controls import Command, ControlKind, ControlsRead
from domain.decisions import VerdictKind
from domain.instruments import Universe
from domain.sanctions import Listed
from operators.compliance_facts import FactError, facts_of
from operators.controls import Before
from operators.decisions import Decisions
from operators.party_screening import (
    HeldList,
    hold_list,
    outcome_of,
    parties_of,
    published,
    screened,
    unpacked,
)
from tests.operators import decision_case

LISTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "restricted_lists"
ROWS, BATCH_ROWS = 3_000, 64
HALF = ROWS // BATCH_ROWS // 2
ISSUERS = {
    "A": "Alpha Industries",
    "B": "Banco Nacional de Cuba",
    "C": "Cedar Foods",
    "D": "Delta",
    "E": "Echo",
}
FEW = (
    Listed("SDN", "1", "BANCO NACIONAL DE CUBA"),
    Listed("SDN", "2", "Northern Shipping Agency"),
    Listed("SDN", "2", "NSA Lines", "aka"),
    Listed("SDN", "3", "Zvezda Trading House"),
)


def desk(rules=lambda params: params, issuers=ISSUERS):
    params = decision_case.desk_params()
    universe = Universe(
        tuple(
            msgspec.structs.replace(each, issuer=issuers[each.name]) for each in params.universe.instruments
        )
    )
    return replace(params, universe=universe, compliance=rules(params.compliance))


def load(listed, name="SDN", mode="", parties=None, version="", given=""):
    """Return the command that lets a list hold, compared with the issuers of the desk."""
    parties = parties_of(desk().universe.instruments, facts_of({})) if parties is None else parties
    details = screened(published(listed, version, 0.83), parties)
    return Command(
        command_id=given or f"{name}-{len(listed)}-{version}",
        kind=ControlKind.SANCTIONS,
        scope=f"list:{name}",
        mode=mode,
        who="ann",
        reason="a test",
        at=1,
        details=details,
    )


def run(commands, recorded=(), batch_rows=BATCH_ROWS, params=None, cut=None):
    """Return the records of a run that hears commands before batches, stored and restored before batch `cut`."""
    stage = Decisions(params or desk(), before=Before(tuple(recorded)), controlled=True)
    book, answers = stage.fresh(), []
    answers += stage.step(book, ControlsRead())
    for number, item in enumerate(decision_case.items(ROWS, batch_rows, None)):
        if number == cut:
            book = pickle.loads(pickle.dumps(book))
        for each in commands.get(number, ()):
            answers += stage.step(book, each)
        answers += stage.step(book, item)
    return decision_case.streams(answers)


def of(records, symbol, since=0):
    return [each for each in records["verdicts"] if each.symbol == symbol and each.known_at >= since]


def test_from_its_instant_on_a_list_refuses_the_issuer_that_it_names_and_nobody_else():
    records, alone = run({HALF: [load(FEW)]}), run({})
    (control,) = records["risk.controls"]
    since = control.known_at

    first = of(records, "B", since)[0]
    (check,) = [each for each in first.checks if each.code == "SANCTION"]

    assert control.kind is ControlKind.SANCTIONS
    assert (check.check, check.measured, check.scope) == (
        "PT-43",
        "exact 1.00 SDN 1",
        "issuer:Banco Nacional de Cuba",
    )
    assert (check.outcome.value, check.ord_rej_reason, first.ord_rej_reason) == ("reject", 0, 0)
    assert {each.kind for each in of(records, "B", since)} == {VerdictKind.REFUSED}
    assert VerdictKind.APPROVED in {each.kind for each in of(alone, "B", since)}
    assert VerdictKind.APPROVED in {each.kind for each in of(records, "A", since)}
    assert [each for each in records["verdicts"] if each.known_at < since] == [
        each for each in alone["verdicts"] if each.known_at < since
    ]


def test_orders_that_work_for_who_is_listed_are_cancelled():
    alone = run({})
    ends = {report.order_id: report.known_at for report in alone["oms.executions"]}
    items = decision_case.items(ROWS, BATCH_ROWS, None)
    number = next(
        number
        for number, item in enumerate(items, start=1)
        if any(
            o.symbol == "B" and o.known_at < item.watermark < ends[o.order_id] for o in alone["oms.orders"]
        )
    )

    records = run({number: [load(FEW)]})
    at = records["risk.controls"][0].known_at
    cancelled = [each for each in records["oms.cancels"] if each.known_at == at]

    assert [(each.symbol, "is on a list of names" in each.text) for each in cancelled] == [("B", True)]


@pytest.mark.parametrize("batch_rows", [17, 500])
def test_a_replay_repeats_a_list_to_the_instant_on_any_size_of_batch(batch_rows):
    records = run({HALF: [load(FEW)]})

    again = run({}, recorded=records["risk.controls"], batch_rows=batch_rows)

    assert again == records


def test_a_restart_keeps_a_list_and_hears_it_again_without_a_change():
    whole = run({HALF: [load(FEW)]})

    cut = run({HALF: [load(FEW)], HALF + 3: [load(FEW)]}, cut=HALF + 3)

    assert cut == whole


def test_a_list_that_was_compared_with_other_parties_holds_anew():
    parties = parties_of(
        desk(issuers=ISSUERS | {"A": "Zvezda Trading House"}).universe.instruments, facts_of({})
    )
    records = run(
        {HALF: [load(FEW)], HALF + 3: [load(FEW, parties=parties)], HALF + 5: [load(FEW, parties=parties)]}
    )

    assert [(each.kind, len(outcome_of(each.details).found)) for each in records["risk.controls"]] == [
        (ControlKind.SANCTIONS, 1),
        (ControlKind.SANCTIONS, 2),
    ]


def test_a_new_version_replaces_the_old_one_wholly_and_lists_of_other_names_stay():
    other = (Listed("DPL", "9", "Cedar Foods"),)
    newer = (*FEW[1:], Listed("SDN", "4", "Alpha Industries"))
    records = run({HALF: [load(FEW), load(other, "DPL")], HALF + 10: [load(newer, version="2")]})
    first, _, second = (each.known_at for each in records["risk.controls"])

    def refused(symbol, since):
        return {"SANCTION" in each.codes for each in of(records, symbol, since)}

    assert refused("B", second) == {False}
    assert refused("A", second) == {True}
    assert refused("C", first) == {True}


def damaged():
    """Return each way in which a published list may be damaged, and what is said of it."""
    whole = json.loads(published(FEW, "", 0.83))
    text = json.dumps(whole)
    return {
        "cut": (text[: len(text) // 2], "truncated"),
        "payload": (json.dumps(whole | {"listed": whole["listed"][:-8]}), "damaged"),
        "letters": (json.dumps(whole | {"listed": "??" + whole["listed"]}), "damaged"),
        "fewer": (json.dumps(whole | {"names": 5}), "5 names"),
        "other": (json.dumps(whole | {"digest": "0" * 64}), "do not come to it"),
        "nothing": ("", "damaged"),
    }


@pytest.mark.parametrize("how", sorted(damaged()))
def test_a_damaged_list_is_refused_whole_and_the_old_one_holds_on(how):
    details, why = damaged()[how]
    parties = parties_of(desk().universe.instruments, facts_of({}))
    bad = msgspec.structs.replace(load(FEW), command_id="bad", details=screened(details, parties))

    records = run({HALF: [load(FEW)], HALF + 3: [bad]})
    _, told = records["risk.controls"]

    assert (told.kind, told.wanted) == (ControlKind.REFUSED, ControlKind.SANCTIONS)
    assert why in told.text
    assert {"SANCTION" in each.codes for each in of(records, "B", told.known_at)} == {True}


def test_a_list_that_nobody_has_compared_is_refused():
    raw = msgspec.structs.replace(load(FEW), details=published(FEW, "", 0.83))

    (told,) = run({HALF: [raw]})["risk.controls"]

    assert (told.kind, "was not screened" in told.text) == (ControlKind.REFUSED, True)


@pytest.mark.parametrize(("names", "mode", "holds"), [(8, "", True), (7, "", False), (7, "smaller", True)])
def test_a_list_that_has_lost_more_than_a_fifth_is_refused_unless_it_is_meant(names, mode, holds):
    lists = {}
    many = tuple(Listed("SDN", str(number), f"Name Of {number:03}") for number in range(10))
    hold_list(lists, "list:SDN", "", screened(published(many, "old", 0.83), ()), 1)

    if holds:
        hold_list(lists, "list:SDN", mode, screened(published(many[:names], "new", 0.83), ()), 2)
    else:
        with pytest.raises(ValueError, match="may have been cut"):
            hold_list(lists, "list:SDN", mode, screened(published(many[:names], "new", 0.83), ()), 2)

    assert (lists["SDN"].version, lists["SDN"].names) == (("new", names) if holds else ("old", 10))


def rules(inputs=None, **tolerances):
    def changed(params):
        facts = facts_of(
            {name: map(msgspec.to_builtins, rows) for name, rows in params.facts.rows.items()}
            | (inputs or {})
        )
        return params.replaced(
            facts=facts, tolerances=msgspec.structs.replace(params.tolerances, **tolerances)
        )

    return changed


def test_a_similar_name_waits_for_a_person_where_that_is_wanted_and_the_same_one_never_does():
    similar = (Listed("SDN", "1", "BANKO NACIONAL DE KUBA"), Listed("SDN", "2", "Alpha Industries"))
    given = {HALF: [load(similar)]}
    held, rejected = run(given, params=desk(rules(name_match_action="hold"))), run(given)
    since = held["risk.controls"][0].known_at

    kinds = [{each.kind for each in of(records, "B", since)} for records in (held, rejected)]

    assert kinds == [{VerdictKind.HELD, VerdictKind.REFUSED}, {VerdictKind.REFUSED}]
    assert of(held, "B", since)[0].kind is VerdictKind.HELD
    assert {each.kind for each in of(held, "A", since)} == {VerdictKind.REFUSED}


def test_a_party_that_compliance_has_cleared_of_an_entry_may_be_traded():
    row = {"party": "issuer:Banco Nacional de Cuba", "list": "SDN", "entry_id": "1"}
    records = run({HALF: [load(FEW)]}, params=desk(rules({"cleared_names": [row]})))
    ended = run({HALF: [load(FEW)]}, params=desk(rules({"cleared_names": [row | {"valid_to": 1}]})))
    since = records["risk.controls"][0].known_at

    assert {"SANCTION" in each.codes for each in of(records, "B", since)} == {False}
    assert {"SANCTION" in each.codes for each in of(ended, "B", since)} == {True}


def test_a_list_that_has_to_hold_refuses_every_order_until_it_is_loaded():
    records = run({HALF: [load(FEW)]}, params=desk(rules(name_lists_required=("SDN",))))
    since = records["risk.controls"][0].known_at

    before = [each for each in records["verdicts"] if each.known_at < since]

    assert {"SANCTION" in each.codes for each in before} == {True}
    assert {"SANCTION" in each.codes for each in of(records, "A", since)} == {False}


def test_accounts_and_venues_are_compared_by_the_names_that_are_given_of_them():
    rows = [
        {"party": "account:main", "name": "Zvezda Trading House"},
        {"party": "venue:XSIM", "name": "NSA Lines"},
        {"party": "issuer:Delta", "name": "Delta Holdings"},
        {"party": "issuer:Delta", "name": "Northern Shipping Agency"},
    ]
    parties = parties_of(desk().universe.instruments, facts_of({"parties": rows}))

    found = outcome_of(screened(published(FEW, "", 0.83), parties)).found

    assert {(each.party, each.how) for each in found} == {
        ("account:main", "exact"),
        ("venue:XSIM", "alternative"),
        ("issuer:Delta", "exact"),
        ("issuer:Banco Nacional de Cuba", "exact"),
    }


@pytest.mark.parametrize("row", [{"party": "main", "name": "x"}, {"party": "account:main", "name": " "}])
def test_a_party_without_a_kind_or_a_name_is_refused(row):
    with pytest.raises(FactError, match="party"):
        facts_of({"parties": [row]})


def test_a_published_list_comes_back_as_it_was():
    given, listed = unpacked(published(FEW, "2026-11-28", 0.9))

    assert listed == FEW
    assert (given.version, given.names, given.threshold) == ("2026-11-28", 4, 0.9)


@pytest.mark.skipif(not LISTS.is_dir(), reason="the published lists are not on this machine")
@pytest.mark.parametrize("file", ["sdn.csv.gz", "csl.csv.gz", "bench/dpl.txt.gz"])
def test_each_published_list_is_held_whole_and_finds_its_own_names(file):
    listed = [one for part in read_lists(LISTS / file) for one in part.listed]
    primary = [one for one in listed if one.kind == "primary" and one.party_type != "vessel"][::500]
    parties = tuple((f"issuer:{number}", one.name) for number, one in enumerate(primary))
    lists: dict[str, HeldList] = {}

    made = hold_list(lists, "list:REAL", "", screened(published(listed, "", 0.83), parties), 1)

    assert (lists["REAL"].names, made.parties) == (len(listed), len(parties))
    assert {party for party, found in lists["REAL"].found.items() if any(each.certain for each in found)} == {
        party for party, _ in parties
    }
