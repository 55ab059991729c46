"""PT-04 entitlements, PT-06 identifiers."""

import pytest

from operators.compliance_rules import Rights, RightsTable, Tolerances


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("accounts", "reject UNKNOWN_ACCOUNT account:main"),
        ("traders", "reject NOT_ENTITLED trader:ann"),
        ("strategies", "reject NOT_ENTITLED strategy:trend"),
    ],
)
@pytest.mark.parametrize("standing", ["unknown", "inactive"])
def test_who_is_unknown_or_inactive_may_not_trade(desk, kind, failure, standing):
    (name, rights), *_ = getattr(desk.rights, kind).items()
    inactive = Rights(active=False, signal_ttl_seconds=rights.signal_ttl_seconds)
    desk.rights = desk.rights._replace(**{kind: {} if standing == "unknown" else {name: inactive}})

    answers = desk.check("PT-04")

    assert desk.failures("PT-04") == [failure]
    assert (answers[0].measured, answers[0].limit) == (standing, "active")
    assert answers[0].ord_rej_reason == (15 if kind == "accounts" else 33)


@pytest.mark.parametrize("field", ["accounts", "venues", "instruments"])
@pytest.mark.parametrize("kind", ["traders", "strategies"])
def test_what_rights_do_not_name_is_not_entitled(desk, kind, field):
    (name, _), *_ = getattr(desk.rights, kind).items()
    desk.rights = desk.rights._replace(**{kind: {name: Rights(**{field: frozenset({"other"})})}})

    assert [answer.code for answer in desk.check("PT-04")] == ["NOT_ENTITLED"]


def test_all_that_is_not_entitled_is_named(desk):
    desk.rights = RightsTable({}, {}, {})

    assert [answer.scope for answer in desk.check("PT-04")] == [
        "account:main",
        "trader:ann",
        "strategy:trend",
    ]


def test_an_identifier_is_used_once_a_day_whatever_became_of_it(desk):
    desk.decide(desk.intent(cl_ord_id="A", order_qty=0))

    again = desk.failures("PT-06", desk.intent(cl_ord_id="A"))
    other = desk.failures("PT-06", desk.intent(cl_ord_id="B"))

    assert (again, other) == (["reject DUP_CLORDID"], [])


def test_an_identifier_may_be_used_again_on_the_next_day(desk):
    desk.decide(desk.intent(order_qty=0))
    tomorrow = desk.market(trading_day=desk.market().trading_day + 1)

    assert desk.failures("PT-06", market=tomorrow) == []


def test_an_identifier_of_an_order_that_is_still_open_is_not_used_on_the_next_day(desk):
    desk.decide()
    tomorrow = desk.market(trading_day=desk.market().trading_day + 1)

    assert desk.failures("PT-06", market=tomorrow) == ["reject DUP_CLORDID"]


@pytest.mark.parametrize(("seen", "fails"), [(1, False), (2, True)])
def test_a_memory_of_identifiers_that_is_full_refuses(desk, seen, fails):
    desk.tolerances = Tolerances(identifiers_max=2)
    for number in range(seen):
        desk.decide(desk.intent(cl_ord_id=f"A{number}", order_qty=0))

    assert bool(desk.failures("PT-06", desk.intent(cl_ord_id="B"))) is fails
