"""PT-35 losses and drawdown."""

from decimal import Decimal

import pytest

from domain.decisions import Outcome, VerdictKind
from domain.orders import Side
from operators.compliance_rules import KillMode, Tolerances
from operators.compliance_state import Standing, set_position, set_standing

START = Decimal(10_000_000)


def stand(desk, loss=0, drawdown="0", losses=0, scope="account:main"):
    set_standing(desk.state, scope, Standing(START - loss, Decimal(-loss), Decimal(drawdown), losses))


def zones(desk, scope_type="account"):
    desk.limit("daily_loss", scope_type, 3, soft=2)
    desk.limit("drawdown", scope_type, 10, soft=8)


@pytest.mark.parametrize(
    ("loss", "outcome"),
    [
        (199_999, "pass"),
        (200_000, "reject"),
        (200_001, "reject"),
        (299_999, "reject"),
        (300_000, "kill"),
        (300_001, "kill"),
    ],
)
@pytest.mark.parametrize(
    ("scope_type", "scope"),
    [
        ("account", "account:main"),
        ("strategy", "strategy:trend"),
        ("desk", "desk:equities"),
        ("firm", "firm:firm"),
    ],
)
def test_a_daily_loss_of_any_scope_has_a_soft_and_a_hard_zone(desk, loss, outcome, scope_type, scope):
    zones(desk, scope_type)
    stand(desk, loss=loss, scope=scope)

    answers = desk.check("PT-35")

    assert [answer.outcome.value for answer in answers] == [outcome]
    assert (answers[0].measured, answers[0].scope) == (pytest.approx(loss / 100_000), scope)
    assert answers[0].code == ("" if outcome == "pass" else "LOSS_LIMIT")


@pytest.mark.parametrize(
    ("drawdown", "outcome"),
    [
        ("0.0799", "pass"),
        ("0.08", "reject"),
        ("0.0801", "reject"),
        ("0.0999", "reject"),
        ("0.10", "kill"),
        ("0.1001", "kill"),
    ],
)
def test_a_drawdown_has_a_soft_and_a_hard_zone(desk, drawdown, outcome):
    zones(desk)
    stand(desk, drawdown=drawdown)

    answers = desk.check("PT-35")

    assert [answer.outcome.value for answer in answers] == [outcome]
    assert answers[0].measured == pytest.approx(float(drawdown) * 100)


@pytest.mark.parametrize(("losses", "outcome"), [(3, "pass"), (4, "reject"), (5, "kill"), (6, "kill")])
def test_losses_in_a_row_are_judged_where_a_limit_is_set(desk, losses, outcome):
    desk.limit("consecutive_losses", "strategy", 5, soft=4)
    stand(desk, losses=losses, scope="strategy:trend")

    assert [answer.outcome.value for answer in desk.check("PT-35")] == [outcome]


@pytest.mark.parametrize(
    ("quantity", "outcome", "sent"),
    [(99, "warn", 99), (100, "warn", 100), (101, "clip", 100), (300, "clip", 100)],
)
def test_in_the_soft_zone_an_order_is_clipped_to_what_reduces(desk, quantity, outcome, sent):
    zones(desk)
    stand(desk, loss=200_000)
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)

    assessment = desk.decide(desk.intent(side=Side.SELL_SHORT, order_qty=quantity))

    assert (assessment.kind, assessment.order_qty) == (VerdictKind.APPROVED, sent)
    assert [check.outcome.value for check in assessment.checks if check.code == "LOSS_LIMIT"] == [outcome]
    assert assessment.reserved_notional == sent * 100
    assert desk.state.reservations["C1"].quantity == sent


def test_a_clip_is_to_whole_lots(desk):
    zones(desk)
    stand(desk, loss=200_000)
    set_position(desk.state, "main", "trend", "equities", "ACME", 150)
    market = desk.market(instrument=desk.instrument(lot_size=100))

    clipped = desk.evaluate(desk.intent(side=Side.SELL_SHORT, order_qty=200), market)
    set_position(desk.state, "main", "trend", "equities", "ACME", 50)
    nothing_left = desk.evaluate(desk.intent(side=Side.SELL_SHORT, order_qty=200), market)

    assert (clipped.kind, clipped.order_qty) == (VerdictKind.APPROVED, 100)
    assert (nothing_left.kind, nothing_left.order_qty) == (VerdictKind.REFUSED, 0)


def test_the_hard_zone_kills_the_scope_once(desk):
    zones(desk)
    stand(desk, loss=300_000)

    first = desk.decide(desk.intent(cl_ord_id="A"))
    second = desk.decide(desk.intent(cl_ord_id="B"))

    assert first.kind is VerdictKind.REFUSED
    assert [(kill.scope, kill.mode) for kill in first.kills] == [("account:main", KillMode.CANCEL_ALL)]
    assert second.kills == ()
    assert second.codes == ("KILL_ACTIVE", "LOSS_LIMIT")


def test_a_loss_never_loosens_a_kill_switch(desk):
    desk.tolerances = Tolerances(loss_kill_mode=KillMode.REDUCE_ONLY)
    zones(desk)
    stand(desk, loss=300_000)

    asked = desk.decide(desk.intent(cl_ord_id="A")).kills
    desk.tolerances = Tolerances(loss_kill_mode=KillMode.CANCEL_ALL)
    firmer = desk.decide(desk.intent(cl_ord_id="B")).kills
    desk.tolerances = Tolerances(loss_kill_mode=KillMode.BLOCK_NEW)
    looser = desk.decide(desk.intent(cl_ord_id="C")).kills

    assert [kill.mode for kill in (*asked, *firmer)] == [KillMode.REDUCE_ONLY, KillMode.CANCEL_ALL]
    assert looser == ()
    assert desk.state.kills["account:main"].mode is KillMode.CANCEL_ALL


@pytest.mark.parametrize(
    "standing",
    [
        None,
        Standing(Decimal(0), Decimal(0), Decimal(0)),
        Standing(Decimal("NaN"), Decimal(0), Decimal(0)),
        Standing(START, Decimal("NaN"), Decimal(0)),
        Standing(START, Decimal(0), Decimal("NaN")),
    ],
)
def test_a_standing_that_is_no_number_refuses(desk, standing):
    if standing is None:
        del desk.state.losses["account:main"]
    else:
        set_standing(desk.state, "account:main", standing)

    assert Outcome.REJECT in {answer.outcome for answer in desk.check("PT-35")}
