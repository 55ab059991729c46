"""What waits for a person, and what moves are measured by, over corporate actions."""

import numpy as np
import pytest

from domain.action_records import Step
from domain.decisions import VerdictKind
from domain.market import SECOND
from operators.decisions import Decisions
from operators.mark_volatility import adjust, fresh_volatility
from operators.marks import fresh_marks
from tests.operators import decision_case, test_holds
from tests.operators.action_cases import action

ROWS = 3_000
AT = decision_case.OPEN + 500 * SECOND


def run(*told):
    """Return the records of a desk on which many orders are held; the book after it."""
    stage = Decisions(test_holds.params())
    book, answers = stage.fresh(), []
    for number, item in enumerate(decision_case.items(ROWS, 64, None)):
        answers += stage.step(book, item._replace(actions=() if number else told))
    return decision_case.streams(answers), book


@pytest.fixture(scope="module")
def waiting():
    """Return the instrument of an intent that waits at the instant, without an action."""
    records, _ = run()
    answered = {}
    for verdict in records["verdicts"]:
        if verdict.known_at < AT:
            answered[verdict.cl_ord_id] = verdict
    held = [v for v in answered.values() if v.kind is VerdictKind.HELD]
    symbols = {intent.cl_ord_id: intent.symbol for intent in records["intents"]}
    assert held
    return symbols[held[-1].cl_ord_id], held[-1].cl_ord_id


def refused_at(records, instant):
    return {
        v.cl_ord_id: v.text
        for v in records["verdicts"]
        if v.known_at == instant and v.kind is VerdictKind.REFUSED
    }


@pytest.mark.parametrize("kind", ["split", "cash_dividend", "delisting"])
def test_an_intent_that_waits_is_refused_when_its_instrument_goes_through_an_action(waiting, kind):
    symbol, name = waiting
    terms = {"split": {"ratio": "2"}, "cash_dividend": {"amount": "0.5"}, "delisting": {}}[kind]

    records, book = run(action(kind, symbol, AT, **terms))

    assert "it was asked for before the" in refused_at(records, AT)[name]
    assert name not in book.holds.waiting


def test_a_rename_lets_it_wait(waiting):
    symbol, name = waiting

    records, _ = run(action("rename", symbol, AT, into="NEW"))

    assert name not in refused_at(records, AT)


def test_a_split_is_no_move_of_a_price():
    marks, volatility = fresh_marks(2), fresh_volatility(2)
    for price in (100.0, 101.0):
        marks["last"] = price
        volatility.observe(marks)
    before = volatility.variances.copy()

    adjust(volatility, 1, Step(2.0, 2.0))
    marks["last"][1] = 50.5
    volatility.observe(marks)

    np.testing.assert_array_equal(volatility.variances, 0.94 * before)
