"""A check whose input is not configured says so, or refuses; it is never left out in silence."""

import pytest

from operators.applicability import (
    BESIDE,
    MEASURES_OF,
    NEEDS,
    OPTIONAL,
    ApplicabilityError,
    applies,
    reasons,
    unconfigured,
)
from operators.checks.registry import CHECKS, plan_of
from operators.compliance_facts import INPUTS, FactError, facts_of
from operators.compliance_rules import ComplianceParams, RightsTable
from operators.limits import MEASURES, LimitTable

NOBODY = RightsTable({}, {}, {})
ALWAYS = {
    f"PT-{number:02}" for number in (*range(1, 5), *range(6, 14), 19, 20, 22, 23, 27, 28, 29, 35, 36, 44, 45)
}


def params(**given):
    return ComplianceParams(LimitTable(()), NOBODY, **given)


def test_all_46_checks_are_there_and_those_that_guard_everything_may_not_be_left_out():
    names = {name for name, _ in CHECKS}

    assert names == {f"PT-{number:02}" for number in range(1, 47)}
    assert names - set(OPTIONAL) == ALWAYS


@pytest.mark.parametrize("name", sorted(ALWAYS))
def test_a_check_that_guards_everything_is_not_left_out(name):
    with pytest.raises(ApplicabilityError, match="is no check that may be left out"):
        reasons({name: "we do not like it"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"PT-99": "x"}, "the nearest that may is"),
        ({"PT-32 DLT": "x"}, "the nearest that may is 'PT-32 DTL'"),
        ({"PT-16": ""}, "PT-16 is left out without a reason"),
        ({"PT-16": None}, "PT-16 is left out without a reason"),
    ],
)
def test_what_is_left_out_is_a_check_and_has_a_reason(given, said):
    with pytest.raises(ApplicabilityError, match=said):
        reasons(given)


def test_leaving_a_check_out_leaves_out_its_measures_and_not_the_other_way_round():
    assert not applies({"PT-32": "x"}, "PT-32 DTL")
    assert applies({"PT-32 DTL": "x"}, "PT-32")
    assert applies({"PT-32 DTL": "x"}, "PT-32 OWNERSHIP")


def test_every_input_that_is_needed_can_be_given_and_every_measure_is_one():
    assert {name for names in NEEDS.values() for name in names} | set(BESIDE) == set(INPUTS)
    assert set(MEASURES_OF) <= set(MEASURES)


def test_a_check_without_its_input_refuses_whatever_it_is_asked():
    made = params()

    lacking = {each.what.partition(" ")[0] for each in made.unconfigured}
    answers = {name: function(None, None) for name, function in plan_of(made) if name in lacking}

    assert lacking == {what.partition(" ")[0] for what in NEEDS}
    assert {(a[0].outcome.value, a[0].measured) for a in answers.values()} == {("reject", "not configured")}


def test_a_check_that_does_not_apply_says_why_in_every_verdict():
    made = params(not_applicable={"PT-40": "nothing is borrowed"})

    (answer,) = dict(plan_of(made))["PT-40"](None, None)

    assert (answer.outcome.value, answer.measured, answer.text) == (
        "pass",
        "not applicable",
        "nothing is borrowed",
    )
    assert "PT-40" not in {each.what for each in made.unconfigured}


def test_an_input_that_is_given_is_configured_also_without_rows():
    assert unconfigured({}, frozenset(INPUTS)) == ()
    assert facts_of({"sanctions": []}).given == {"sanctions"}


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("lokates", {}, "unknown input 'lokates'; the nearest is 'locates'"),
        ("locates", {"locate_id": " ", "instrument": "A"}, "a locate has an identifier; blanks are none"),
        ("locates", {"locate_id": "1", "instrument": "A", "kind": "borrowed"}, "kind is one of locate"),
        ("locates", {"instrument": "A"}, "missing required field `locate_id`"),
        ("bands", {"instrument": "A", "lower": 2, "upper": 1}, "lower is at least 0 and at most upper"),
        ("bands", {"instrument": "A", "lower": "NaN", "upper": 1}, "input bands, row 1: numbers are finite"),
        ("instruments", {"instrument": "A", "adv20": 0}, "adv20 is above 0"),
        ("instruments", {"instrument": "A", "factors": "value"}, "factors are written NAME:LOADING"),
        ("sanctions", {"entry_id": "1"}, "exactly one of issuer and account"),
        (
            "client_orders",
            {"order_id": "1", "instrument": "A", "side": "buy", "quantity": 1},
            "side is 1, 2 or 5",
        ),
        (
            "credit",
            {"scope": "firm:firm", "used": 1, "valid_from": "soon"},
            "valid_from is a date or an instant",
        ),
        ("credit", {"scope": "firm:firm", "usd": 1}, "usd"),
        ("mandates", {"account": "main", "valid_from": 5, "valid_to": 5}, "valid_to is after valid_from"),
    ],
)
def test_a_row_that_is_wrong_says_which_and_what_is_allowed(name, row, said):
    with pytest.raises(FactError, match=said):
        facts_of({name: [row]})


def test_the_cells_of_a_csv_become_what_a_row_holds():
    row = {
        "instrument": "A",
        "adv20": "1000",
        "beta": "1.25",
        "sector": "tech",
        "valid_from": "2026-01-02",
        "country": "",
    }

    (made,) = facts_of({"instruments": [row]}).rows["instruments"]

    assert (made.adv20, str(made.beta), made.sector, made.country) == (1000, "1.25", "tech", "")
    assert made.valid_from == 1_767_312_000_000_000_000
