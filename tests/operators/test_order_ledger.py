"""The ledger of orders by hand: what is booked and taken back, told once, asked for in time, and taken over."""

from decimal import Decimal

import pytest

from domain.market import END
from domain.order_messages import RequestKind
from domain.orders import OrdStatus
from operators.order_ledger import (
    Change,
    Ledger,
    Taken,
    enter,
    next_overdue,
    not_over,
    questions,
    take,
    take_over,
)
from operators.order_rules import Applied
from operators.reconciliation import DESK, DROP_COPY, Found, Statement, break_of, open_breaks, statement_of
from tests.operators.order_life import ORDER, Life, changed, deliver

D = Decimal


def entered(life=None):
    """Return a ledger with the order, of which all was asked that a life knows."""
    ledger = Ledger()
    state = enter(ledger, ORDER)
    state.requests.update(life.asked.requests if life else {})
    return ledger


def paid(report, fee):
    return changed(report, commission=D(fee))


def booked(taken):
    return [each[2:] for each in taken.changes]


def test_a_bust_takes_back_the_quantity_and_the_fee_of_its_fill():
    new, fill, bust = Life().new().fill(30, "100").bust().said
    ledger = entered()

    answers = [take(ledger, each) for each in (new, paid(fill, "1.50"), bust)]

    assert [each.changes for each in answers] == [
        [],
        [Change(ORDER, fill.exec_id, 30, D(100), D("1.50"))],
        [Change(ORDER, fill.exec_id, -30, D(100), D("-1.50"))],
    ]
    assert ledger.booked == {"o": {}}


def test_a_correction_takes_back_the_fill_and_books_the_true_one_for_the_same_fee():
    new, fill, correction = Life().new().fill(30, "100").correct(20, "99").said
    ledger = entered()

    answers = [take(ledger, each) for each in (new, paid(fill, "1.50"), paid(correction, "9"))]

    assert [booked(each) for each in answers] == [
        [],
        [(30, D(100), D("1.50"))],
        [(-30, D(100), D("-1.50")), (20, D(99), D("1.50"))],
    ]


def test_a_bust_of_a_corrected_fill_takes_back_what_it_was_corrected_to():
    life = Life().new().fill(30, "100").correct(20, "99")
    first = life.said[1].exec_id
    life.bust()
    bust = changed(life.said[-1], exec_ref_id=first)

    state, answers = deliver(life, [*life.said[:-1], bust])

    assert answers == [Applied.APPLIED] * 4
    assert (state.cum_qty, state.notional, state.gap) == (0, D(0), 0)


def test_a_report_of_no_order_here_or_of_another_than_it_says_is_told_once():
    ledger = Ledger()
    (report,) = Life().new().said

    first, again = take(ledger, report), take(ledger, report)
    enter(ledger, ORDER)
    other = take(ledger, changed(report, symbol="BBB"))

    text = f"report {report.exec_id}: no such order is here"
    assert first == Taken(Applied.WRONG_ORDER, [], [Found("wrong_order", "desk", "venue", "o", "AAA", text)])
    assert again == Taken(Applied.WRONG_ORDER, [], [])
    assert other == Taken(Applied.WRONG_ORDER, [], [])


def test_a_break_is_told_once_and_again_as_explained_when_it_is():
    life = Life().new().fill(30).answer_status()
    new, fill, status = life.said
    ledger = entered(life)

    taken = [take(ledger, each) for each in (new, status, fill, fill)]

    assert [[(each.kind, each.resolved) for each in one.found] for one in taken] == [
        [],
        [("missing_fills", False)],
        [("missing_fills", True)],
        [],
    ]
    assert [booked(each) for each in taken] == [
        [],
        [(30, D(100), D(0))],
        [(-30, D(100), D(0)), (30, D(100), D(0))],
        [],
    ]
    assert ledger.told == {"o": {}}


@pytest.mark.parametrize(("now_at", "asked"), [(10, []), (11, [7]), (12, [7])])
def test_an_order_that_was_not_acknowledged_is_asked_about_at_its_instant_and_is_unknown(now_at, asked):
    ledger = entered()

    assert next_overdue(ledger, 10) == 11
    made = questions(ledger, now_at, 10, 7)

    assert [(each.sequence) for each in made] == asked
    assert {(each.kind, each.text) for each in made} <= {
        (RequestKind.STATUS, "the order was not acknowledged")
    }
    assert ledger.orders["o"].unknown_since == (now_at if asked else None)


def test_questions_about_several_orders_have_numbers_of_their_own():
    ledger = entered()
    enter(ledger, changed(ORDER, order_id="p", cl_ord_id="d"))

    assert [each.sequence for each in questions(ledger, 99, 10, 7)] == [7, 8]


def test_nothing_is_overdue_of_an_order_that_has_said_everything():
    ledger = entered()
    take(ledger, Life().new().said[0])

    assert (next_overdue(ledger, 10), questions(ledger, 10**9, 10, 1)) == (END, [])


def test_what_only_the_drop_copy_has_is_taken_over_in_its_order_and_each_is_a_break_that_is_resolved():
    life = Life().new().fill(30).fill(20)
    new, first, second = life.said
    ledger = entered()
    take(ledger, new)

    taken = take_over(ledger, [second, first, new])

    assert [each.name for each in taken.changes] == [first.exec_id, second.exec_id]
    assert [(each.kind, each.left, each.right, each.resolved) for each in taken.found] == [
        ("not_delivered", DESK, DROP_COPY, True)
    ] * 2
    assert take_over(ledger, life.said) == Taken(Applied.APPLIED, [], [])


def test_what_the_drop_copy_has_and_cannot_be_is_one_open_break_and_none_that_is_resolved():
    ledger = entered()
    (new,) = Life().new().said
    take(ledger, new)
    wrong = changed(Life().new().fill(30).said[1], last_qty=0)

    assert [(each.kind, each.resolved) for each in take_over(ledger, [wrong]).found] == [
        ("quantities_disagree", False)
    ]


def test_an_order_that_is_done_for_the_day_or_over_has_nothing_to_come():
    ended = entered()
    for report in Life().new().end().said:
        take(ended, report)
    done = entered()
    take(done, Life().new().said[0])

    assert not_over(ended.orders, "venue") == []
    assert [each.difference for each in not_over(done.orders, "venue")] == ["new, gap 0"]
    done.orders["o"].status = OrdStatus.DONE_FOR_DAY
    assert not_over(done.orders, "venue") == []


def test_an_ended_order_with_a_gap_or_a_bust_of_an_unknown_fill_is_not_over():
    life = Life().new().fill(30).end()
    new, fill, end = life.said
    gap, orphan = entered(), entered()
    for report in (new, end):
        take(gap, report)
    busted = Life().new().fill(30).bust().end().said
    for report in (busted[0], *busted[2:]):
        take(orphan, report)

    assert [each.difference for each in not_over(gap.orders, "venue")] == ["canceled, gap 30"]
    assert [each.difference for each in not_over(orphan.orders, "venue")] == [
        f"canceled, gap 0, busts of unknown fills ['{fill.exec_id}']"
    ]


def test_a_rejected_order_that_the_other_side_does_not_know_is_no_difference_and_any_other_one_is():
    rejected, _ = deliver(Life().end(OrdStatus.REJECTED))
    working, _ = deliver(Life().new())
    same = Statement(OrdStatus.NEW, 100, 0, D("0E-8"))

    assert open_breaks({"o": rejected}, {}, "venue") == []
    assert [each.kind for each in open_breaks({"o": working}, {}, "venue")] == ["unknown_order"]
    assert open_breaks({"o": working}, {"o": same}, "venue") == []
    assert statement_of(working) == same


def test_the_same_difference_has_one_name_and_each_telling_of_it_one_of_its_own():
    found = Found("order_differs", "desk", "venue", "o", "AAA", "cum_qty: 1 and 2")

    first, again = break_of(found, 5, 1), break_of(found, 6, 2)
    other = break_of(found._replace(difference="cum_qty: 1 and 3"), 6, 3)

    assert first.break_id == again.break_id != other.break_id
    assert len({first.record_id, again.record_id, other.record_id}) == 3
