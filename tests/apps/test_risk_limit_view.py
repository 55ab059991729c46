"""`ita limits` for limits of risk: shown beside those of orders, changed by a new version and two persons."""

import json
from functools import partial

import pytest
from typer.testing import CliRunner

from analytics.risk_limit_rows import RiskLimits
from apps.cli.limits import app
from operators.limit_rows import CHANGE_FIELDS
from operators.risk_limit_table import changed_risk_limits, plain_risk_rows, with_risk_limits
from tests.risk_limit_rows import limit_row

PERSONS = ("ann", "bob")


row = partial(limit_row, limit_id="gross", soft=80.0)


def changed_risk(limits, name, bounds, persons, reason):
    return changed_risk_limits(
        limits, dict(zip(CHANGE_FIELDS, (name, *bounds, *persons, reason), strict=True))
    )


def test_a_change_is_a_new_version_with_maker_and_checker_and_the_rows_before_stay():
    limits = RiskLimits([row(), row(limit_id="other", measure="net")])

    made = changed_risk(limits, "gross", ("120", "90", None), PERSONS, "calmer")

    assert made.rows[:2] == limits.rows
    assert made.rows[2] == row(
        hard=120.0, soft=90.0, version=2, maker="ann", checker="bob", rationale="calmer"
    )
    assert made.speaking("gross", "firm:firm", 1).hard == 120.0


def test_a_temporary_raise_ends_by_itself_and_a_command_carries_it_whole():
    made = changed_risk(
        RiskLimits([row()]), "gross", ("150", None, "1970-01-01T00:00:10+00:00"), PERSONS, "event"
    )

    carried = with_risk_limits(RiskLimits(), json.dumps({"risk_limits": plain_risk_rows(made)}))

    ends = 10 * 10**9
    assert carried.rows == made.rows
    found = [carried.speaking("gross", "firm:firm", at).hard for at in (ends - 1, ends)]
    assert found == [150.0, 100.0]
    assert made.rows[1].soft == 80.0


@pytest.mark.parametrize(
    ("measure", "unit", "soft", "hard", "given", "kept"),
    [
        ("gross", "currency", 80.0, 100.0, "70", 70.0),
        ("gross", "currency", 80.0, 100.0, "80.5", 80.0),
        ("reverse_stress_distance", "deviations", 5.0, 4.0, "6", 6.0),
    ],
)
def test_a_soft_bound_that_is_left_out_is_never_milder_than_hard(measure, unit, soft, hard, given, kept):
    limits = RiskLimits([row(measure=measure, unit=unit, soft=soft, hard=hard)])

    assert changed_risk(limits, "gross", (given, None, None), PERSONS, "x").rows[1].soft == kept


@pytest.mark.parametrize(
    ("name", "bounds", "persons", "said"),
    [
        ("gros", ("1", None, None), PERSONS, "no limit of risk 'gros'; the nearest: gross"),
        (
            "gross",
            ("1", None, None),
            ("bob", "bob"),
            "maker and checker are two persons; bob was given for both",
        ),
        ("gross", ("much", None, None), PERSONS, "hard is a finite number; 'much' was given"),
        ("gross", ("-1", None, None), PERSONS, "hard is above 0"),
        ("gross", ("100", "101", None), PERSONS, "soft is met before hard"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(name, bounds, persons, said):
    with pytest.raises(ValueError, match=said):
        changed_risk(RiskLimits([row()]), name, bounds, persons, "x")


def test_the_rows_of_the_configuration_are_shown_and_have_a_history():
    shown = json.loads(CliRunner().invoke(app, ["show", "--json"], catch_exceptions=False).output)
    past = json.loads(
        CliRunner().invoke(app, ["history", "risk-net-firm", "--json"], catch_exceptions=False).output
    )

    names = [each["limit_id"] for each in shown["risk_limits"]]
    assert "risk-net-firm" in names
    assert "loss-firm" in [each["limit_id"] for each in shown["limits"]]
    assert [(each["limit_id"], each["version"], each["soft"], each["hard"]) for each in past["versions"]] == [
        ("risk-net-firm", 1, 0.4, 0.5)
    ]
