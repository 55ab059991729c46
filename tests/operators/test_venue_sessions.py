"""Some hundreds of random sessions against lying venues: nothing differs without a break that names it."""

import itertools
import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from domain.market import END
from domain.orders import OrdStatus
from operators.order_ledger import Ledger, enter, next_overdue, owing, questions, take
from operators.order_requests import overdue_at, owed
from operators.order_rules import BREAKS, Applied
from operators.venue_line import read_drop_copy
from tests.operators import venue_sessions
from tests.operators.naive_fills import naive
from tests.operators.order_life import ORDER, Life, changed
from tests.operators.venue_sessions import play, silent, tally

SEED = 20
SESSIONS = 300


@pytest.fixture(scope="module")
def told():
    return tally(0, SESSIONS, SEED)


def test_desk_venue_and_drop_copy_agree_on_every_order_or_a_break_names_the_difference(told):
    assert told["first_wrong"] == []
    assert told["silent_differences"] == 0


def test_every_fault_and_every_type_of_order_was_there(told):
    assert all(told[f"type:{kind}"] > 50 for kind in venue_sessions.TYPES)
    assert told["status_requests"] > SESSIONS
    assert told["answer:repeated"] > SESSIONS
    assert told["breaks"]["not_delivered resolved"] > SESSIONS
    assert {"amended_after_end", "missing_fills", "order_differs"} <= told["breaks"].keys()
    assert told["sessions_with_open_differences"] > 10


def test_a_correct_venue_behind_a_lying_line_makes_no_illegal_report(told):
    illegal = {f"answer:{each}" for each in BREAKS if "illegal" in each or "disagree" in each}

    assert illegal & told.keys() <= {"answer:prices_disagree"}


def test_what_is_overdue_is_that_of_all_orders_though_few_are_looked_at(monkeypatch):
    looked_at = []

    def compared(ledger, timeout):
        waits = [(state, owed(state)) for state in ledger.orders.values()]
        all_of_them = [(state, one) for state, one in waits if one is not None]
        due_at = next_overdue(ledger, timeout)
        assert due_at == min((overdue_at(*each, timeout) for each in all_of_them), default=END)
        assert owing(ledger) == all_of_them
        looked_at.append((len(ledger.open), len(ledger.orders)))
        return due_at

    monkeypatch.setattr(venue_sessions, "next_overdue", compared)
    for number in range(60):
        play(number, SEED)

    assert sum(few for few, _ in looked_at) < 0.8 * sum(every for _, every in looked_at)


def test_a_session_is_the_same_whenever_it_is_played():
    first, second = play(4, SEED), play(4, SEED)

    assert (first.found, first.counts, first.book) == (second.found, second.counts, second.book)


class Looked(set[str]):
    """A set that counts how often it was looked into."""

    times = 0

    def __contains__(self, name: object) -> bool:
        self.times += 1
        return super().__contains__(name)


def test_looking_for_what_is_overdue_costs_no_more_however_often_a_silent_venue_was_asked():
    ledger = Ledger()
    state = enter(ledger, ORDER)
    asked_at = []
    for _ in range(50):
        asked_at.append(next_overdue(ledger, 10))
        assert len(questions(ledger, asked_at[-1], 10, 1)) == 1
    state.answered = looked = Looked()

    due_at = next_overdue(ledger, 10)

    waits = [after - before for before, after in itertools.pairwise([ORDER.transact_time, *asked_at, due_at])]
    assert waits == [10, 20, 40, *[80] * 48]
    assert looked.times <= 3
    assert state.status is OrdStatus.PENDING_NEW


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(venue_sessions.PROBABILITIES, 2)])
def test_two_faults_of_every_message_leave_no_difference_without_a_break(one, other, monkeypatch):
    temper = venue_sessions.temper

    def worst(chance, *, sound_drop_copy):
        made = temper(chance, sound_drop_copy=sound_drop_copy)
        none = dict.fromkeys(venue_sessions.PROBABILITIES, 0.0)
        assert made.line is not None
        return replace(made, line=replace(made.line, **{**none, one: 1.0, other: 1.0}))

    monkeypatch.setattr(venue_sessions, "temper", worst)

    session = play(1, SEED)

    assert (silent(session), venue_sessions.astray(session)) == ([], "")
    assert all(state.reports for state in session.ledger.orders.values() if state.is_over)
    timeouts = session.now_at // venue_sessions.TIMEOUT
    assert session.counts["status_requests"] <= session.counts["orders"] * timeouts // 2


@pytest.mark.parametrize("number", range(0, 20, 2))
def test_a_sound_drop_copy_holds_what_the_venue_holds(number, monkeypatch):
    copies = []

    def reading(line, until):
        copies.append(read_drop_copy(line, until))
        return copies[-1]

    monkeypatch.setattr(venue_sessions, "read_drop_copy", reading)

    session = play(number, SEED, sound_drop_copy=True)

    (copy,) = copies
    held = {
        order_id: (known.cum_qty, Fraction(known.notional))
        for order_id in session.ledger.orders
        if (known := session.venue.known(order_id)) is not None and known.reports
    }
    come = naive(copy)
    assert {order_id: come[order_id] for order_id in held} == held
    assert read_drop_copy(session.venue.line, END - 1) == []


def test_a_difference_that_no_break_names_is_found_by_the_check_itself():
    session = play(6, SEED, sound_drop_copy=True)
    order_id = next(name for name, state in session.ledger.orders.items() if state.cum_qty)

    session.ledger.orders[order_id].filled_qty += 1
    session.found = [found for found in session.found if found.order_id != order_id]

    assert [text.split(":")[0] for text in silent(session)] == [order_id]


@pytest.mark.parametrize(
    "changes",
    [{"order_id": "nobody's"}, {"symbol": "BBB"}, {"cl_ord_id": "x"}, {"last_qty": -5}, {"cum_qty": -5}],
)
def test_a_report_that_cannot_be_is_a_break_once_and_books_nothing(changes):
    ledger = Ledger()
    enter(ledger, ORDER)
    report = changed(Life().new().fill(30).said[1], **changes)

    taken, again = take(ledger, report), take(ledger, report)

    assert (len(taken.found), taken.changes, again.found, again.changes) == (1, [], [], [])
    assert taken.found[0].order_id == report.order_id


def test_an_imputed_fill_is_taken_back_when_the_true_one_comes():
    life = Life().new().fill(30, "100.10").fill(20, "100.20").answer_status()
    ledger = Ledger()
    enter(ledger, ORDER).requests.update(life.asked.requests)
    acknowledged, first, second, status = life.said
    for report in (acknowledged, status):
        take(ledger, report)

    one, other = take(ledger, first), take(ledger, second)

    assert [(change.quantity, change.price) for change in one.changes] == [
        (-50, Decimal("100.14")),
        (30, Decimal("100.10")),
        (20, Decimal("100.20")),
    ]
    assert [change.quantity for change in other.changes] == [-20, 20]
    assert [(found.kind, found.resolved) for found in other.found] == [(Applied.MISSING_FILLS, True)]


def test_the_command_says_what_it_found_in_its_last_line():
    done = subprocess.run(
        [sys.executable, "-m", "tests.operators.venue_sessions", "--sessions", "3", "--seed", "1"],
        capture_output=True,
        text=True,
        check=True,
    )

    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["sessions"], told["silent_differences"]) == (3, 0)
