"""All checks together: order, severity, what is said, and what is left behind."""

import copy
import pickle
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.decisions import Outcome, VerdictKind
from domain.envelope import Record
from domain.market import SECOND, Session
from domain.orders import OrderTerms, OrdType, Side, TimeInForce
from operators.checks.registry import CHECKS
from operators.compliance import evaluate
from operators.compliance_rules import ComplianceParams, KillMode, Restriction, RightsTable
from operators.compliance_state import ComplianceState, set_kill
from operators.compliance_view import Market, Reference, Watermarks
from operators.limits import LimitTable

ORDER = [f"PT-{n:02}" for n in (*range(1, 12), *range(36, 44), *range(12, 36), 44, 45, 46)]


def test_checks_are_evaluated_in_the_order_of_the_catalogue(desk):
    answered = list(dict.fromkeys(check.check for check in desk.evaluate().checks))

    assert answered == ORDER
    assert [name for name, _ in CHECKS] == ORDER


def test_the_plain_intent_is_approved_as_it_is(desk):
    assessment = desk.evaluate()

    assert assessment[0] is VerdictKind.APPROVED
    assert assessment[2:] == ((), None, "", 100, Decimal(10_000), desk.params.limits.version, (), None, ())
    assert {check.outcome for check in assessment.checks} == {Outcome.PASS}


def test_all_failures_are_returned_and_the_first_of_the_worst_severity_decides(desk):
    desk.limit("price_collar", "tier", 1)
    desk.limit("order_quantity", "account", 50)
    desk.limit("gross_exposure", "firm", 50)
    desk.decide(desk.intent(cl_ord_id="A", order_qty=10, price=Decimal(110)))
    set_kill(desk.state, "strategy:trend", KillMode.BLOCK_NEW, desk.now, "drill")

    assessment = desk.evaluate(
        desk.intent(price=Decimal(110)), desk.market(session=Session.CLOSED, halted=True)
    )

    assert assessment.kind is VerdictKind.REFUSED
    assert assessment.codes == (
        "KILL_ACTIVE",
        "MARKET_CLOSED",
        "HALTED",
        "PRICE_COLLAR",
        "MAX_QTY",
        "GROSS_EXP",
    )
    assert assessment.ord_rej_reason == 0
    assert assessment.order_qty == 0
    assert assessment.reserved_notional == 0


def test_a_rejection_outranks_a_hold_that_came_before(desk):
    desk.decide(desk.intent(cl_ord_id="A"))
    desk.limit("order_quantity", "account", 50)

    assessment = desk.evaluate(desk.intent(cl_ord_id="B"))

    assert (assessment.kind, assessment.codes) == (VerdictKind.REFUSED, ("DUP_ORDER", "MAX_QTY"))
    assert assessment.ord_rej_reason == 26


def test_a_hold_outranks_a_clip_and_a_warning_and_nothing_is_reserved(desk):
    desk.limit("price_collar", "tier", 1)
    desk.decide(desk.intent(cl_ord_id="A", price=Decimal(50)))

    held = desk.decide(desk.intent(cl_ord_id="B", price=Decimal(50)))

    assert (held.kind, held.codes, held.ord_rej_reason) == (
        VerdictKind.HELD,
        ("DUP_ORDER", "PRICE_COLLAR"),
        6,
    )
    assert (held.order_qty, list(desk.state.reservations)) == (0, ["A"])


def test_a_warning_is_approved_and_named(desk):
    desk.limit("price_collar", "tier", 1)

    assessment = desk.evaluate(desk.intent(price=Decimal(50)))

    assert (assessment.kind, assessment.codes) == (VerdictKind.APPROVED, ("PRICE_COLLAR",))
    assert assessment.ord_rej_reason is None


def test_the_text_says_what_was_measured_and_what_the_limit_is(desk):
    desk.limit("order_quantity", "account", 50)

    assert desk.evaluate().text == (
        "MAX_QTY (account:main): the quantity is above the largest allowed; measured 100.0, limit 50.0"
    )


def test_evaluating_leaves_no_trace(desk):
    desk.decide(desk.intent(cl_ord_id="A"))
    before = copy.deepcopy(desk.state)

    desk.evaluate(desk.intent(cl_ord_id="B"))

    assert pickle.dumps(desk.state) == pickle.dumps(before)


def test_a_state_that_was_pickled_answers_the_same(desk):
    for number in range(5):
        desk.decide(*desk.later(number * SECOND // 3, cl_ord_id=f"A{number}", order_qty=100 + number // 2))
    after = desk.later(2 * SECOND, cl_ord_id="B")
    params = desk.params

    restored = pickle.loads(pickle.dumps(desk.state))
    restored_params = pickle.loads(pickle.dumps(params))

    assert evaluate(restored, restored_params, *after) == evaluate(desk.state, params, *after)


def test_two_books_do_not_disturb_each_other(desk, fresh_desk):
    other = fresh_desk().state

    desk.decide()

    assert evaluate(other, desk.params, desk.intent(), desk.market()).kind is VerdictKind.APPROVED


def test_with_no_limits_and_no_rights_everything_is_refused(desk):
    params = ComplianceParams(LimitTable(()), RightsTable({}, {}, {}))

    assessment = evaluate(ComplianceState(), params, desk.intent(), desk.market())

    assert assessment.kind is VerdictKind.REFUSED
    assert {"LIMIT_NOT_SET", "UNKNOWN_ACCOUNT", "NOT_ENTITLED", "MAX_QTY", "LOSS_LIMIT"} <= set(
        assessment.codes
    )


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(max_size=4),
    st.lists(st.integers(), max_size=2),
    st.sampled_from([Side.SELL, OrdType.MARKET, TimeInForce.DAY]),
)
FIELDS = [name for name in OrderTerms.__struct_fields__ if name not in Record.__struct_fields__]


@settings(max_examples=150, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(FIELDS), ANYTHING, min_size=1, max_size=4))
def test_whatever_an_intent_holds_it_is_answered_by_every_check(fresh_desk, changes):
    desk = fresh_desk()

    assessment = desk.decide(desk.intent(**changes))

    assert list(dict.fromkeys(check.check for check in assessment.checks)) == ORDER
    assert (assessment.order_qty > 0) is (assessment.kind is VerdictKind.APPROVED)


@settings(max_examples=100, deadline=None)
@given(price=st.one_of(st.none(), st.decimals(), st.floats()), at=st.integers(-(2**63), 2**63 - 1))
def test_whatever_a_reference_price_holds_the_intent_is_answered(fresh_desk, price, at):
    desk = fresh_desk()

    assessment = desk.decide(market=desk.market(reference=Reference(price, "mid", at)))

    assert list(dict.fromkeys(check.check for check in assessment.checks)) == ORDER


def test_the_market_brings_no_more_than_it_must():
    required = [name for name in Market._fields if name not in Market._field_defaults]

    assert required == ["now_at", "trading_day", "instrument", "session", "halted", "reference", "watermarks"]
    assert Watermarks._fields == ("positions_at", "orders_at", "prices_at", "limits_at", "profit_at")


def test_a_watched_and_restricted_instrument_tells_only_of_the_restriction(desk):
    desk.listed = (
        Restriction(entry_id="1", kind="watch", instrument="ACME"),
        Restriction(entry_id="2", kind="restricted", instrument="ACME"),
    )

    assessment = desk.evaluate()

    assert assessment.codes == ("RESTRICTED",)
    assert "WATCH" not in assessment.text
