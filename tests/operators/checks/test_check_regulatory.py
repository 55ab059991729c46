"""PT-36 restricted and watch lists."""

import pytest

from domain.decisions import Outcome, VerdictKind
from operators.compliance import visible
from operators.compliance_rules import Restriction, restrictions


def entry(desk, **changes):
    return Restriction(
        **{"entry_id": "e", "kind": "restricted", "instrument": "ACME", "valid_from": desk.now - 10} | changes
    )


@pytest.mark.parametrize("holder", ["firm", "account:main", "trader:ann"])
def test_a_restricted_instrument_is_blocked_without_saying_why(desk, holder):
    desk.listed = (entry(desk, holder=holder),)

    assessment = desk.evaluate()

    assert assessment.kind is VerdictKind.REFUSED
    assert (assessment.codes, assessment.ord_rej_reason) == (("RESTRICTED",), 0)
    assert assessment.text == "not permitted in this instrument"


@pytest.mark.parametrize("changes", [{"holder": "trader:bob"}, {"instrument": "OTHER"}])
def test_an_entry_that_is_about_someone_or_something_else_blocks_nothing(desk, changes):
    desk.listed = (entry(desk, **changes),)

    assert desk.failures("PT-36") == []


@pytest.mark.parametrize(
    ("start", "end", "blocks"), [(0, 1, True), (1, 2, False), (-2, 0, False), (-1, 1, True)]
)
def test_an_entry_binds_from_its_first_instant_to_before_its_last(desk, start, end, blocks):
    desk.listed = (entry(desk, valid_from=desk.now + start, valid_to=desk.now + end),)

    assert bool(desk.failures("PT-36")) is blocks


def test_an_entry_of_one_instrument_binds_all_of_its_issuer(desk):
    warrant = desk.instrument(name="ACME.W")
    rows = [{"entry_id": "e", "kind": "restricted", "instrument": "ACME.W"}]

    desk.listed = restrictions(rows, [desk.instrument(), warrant])
    narrow = restrictions([rows[0] | {"only_instrument": True}], [desk.instrument(), warrant])

    assert desk.failures("PT-36") == ["reject RESTRICTED firm"]
    desk.listed = narrow
    assert desk.failures("PT-36") == []


def test_the_watch_list_is_silent(desk):
    plain = desk.evaluate()
    desk.listed = (entry(desk, kind="watch"),)

    watched = desk.evaluate()

    noted = [check for check in watched.checks if check.outcome is not Outcome.PASS]
    assert [(check.code, check.scope, check.outcome) for check in noted] == [
        ("WATCHLIST", "compliance-only", Outcome.WARN)
    ]
    assert visible(watched.checks) == plain.checks
    assert watched._replace(checks=(), limits_version="") == plain._replace(checks=(), limits_version="")
