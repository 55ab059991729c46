"""Rights, lists and tolerances as they are read from plain rows."""

from pathlib import Path

import pytest
import yaml

from domain.instruments import Instrument
from operators.compliance_rules import (
    ComplianceError,
    KillMode,
    Tolerances,
    restrictions,
    rights_table,
    tolerances,
)

CONFIG = Path(__file__).parents[2] / "config" / "compliance.yaml"
ENTRY = {"entry_id": "e", "kind": "watch", "instrument": "ACME"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"state_lag_seconds": 0}, "state_lag_seconds is above 0 and under a day; 0.0 was given"),
        ({"state_lag_seconds": "two"}, "state_lag_seconds"),
        ({"state_lags": 2}, "state_lags"),
        ({"reference_age_seconds": {"liquid": -1}}, "reference age of tier liquid"),
        ({"duplicates_allowed": -1}, "duplicates_allowed"),
        ({"loss_kill_mode": "none"}, "loss_kill_mode is one of reduce_only, block_new, cancel_all"),
        ({"loss_kill_mode": "maybe"}, "loss_kill_mode"),
        ({"sessions": {"0": ["lunch"]}}, "unknown session 'lunch'"),
    ],
)
def test_a_tolerance_that_is_wrong_is_named(row, message):
    with pytest.raises((ComplianceError, ValueError), match=message):
        tolerances(row)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "black"}, "list entry e: kind is restricted or watch; 'black' was given"),
        ({"instrument": ""}, "exactly one of issuer and instrument"),
        ({"issuer": "Acme"}, "exactly one of issuer and instrument"),
        ({"holder": "desk"}, "holder is firm, account:NAME or trader:NAME; 'desk' was given"),
        ({"valid_to": 0}, "valid_to is after valid_from"),
        ({"valid_to": "soon"}, "valid_to is a date or an instant"),
        ({"who": "x"}, "list entry e"),
    ],
)
def test_a_list_entry_that_is_wrong_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        restrictions([ENTRY | changes], [Instrument(name="ACME")])


def test_an_entry_of_an_instrument_without_an_issuer_stays_with_it():
    (entry,) = restrictions([ENTRY], [Instrument(name="ACME")])

    assert (entry.instrument, entry.issuer) == ("ACME", "")


def test_rights_of_an_unknown_kind_or_field_are_refused():
    with pytest.raises(ComplianceError, match="unknown rights 'users'"):
        rights_table({"users": {}})
    with pytest.raises(ComplianceError, match="rights: "):
        rights_table({"traders": {"ann": {"activ": True}}})


def test_the_rules_that_come_with_the_project_are_the_defaults():
    document = yaml.safe_load(CONFIG.read_text())

    read = tolerances(document["tolerances"])
    rights = rights_table(document["rights"])

    assert read == Tolerances()
    assert read.loss_kill_mode is KillMode.CANCEL_ALL
    assert all(held.signal_ttl_seconds > 0 for held in rights.strategies.values())
    assert restrictions(document["lists"], []) == ()
