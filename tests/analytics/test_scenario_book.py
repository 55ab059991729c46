"""The book that is kept up to date says what a full revaluation says, after any changes, and after a restart."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.loss_scenarios import Scenarios
from analytics.scenario_book import CHANGES_MAX, ScenarioBook, measured_once

CHANGE = st.tuples(st.integers(0, 7), st.floats(-1e7, 1e7))


def scenarios(positions=8, count=200):
    return 0.02 * np.random.default_rng(4).standard_t(4, (positions, count))


def revalued(book, extra=None):
    """Return VaR and ES of a full revaluation of the values, with a change of one position more."""
    values = book.values.copy()
    if extra is not None:
        values[extra[0]] += extra[1]
    losses = Scenarios(-(values[:, None] * book.scenarios).sum(axis=0))
    return losses.var(book.var_confidence), losses.es(book.es_confidence)


def close(book, *, gross=None):
    return pytest.approx(0.0, abs=1e-11 * max(gross or np.abs(book.values).sum(), 1.0))


@settings(max_examples=60, deadline=None)
@given(st.lists(CHANGE, max_size=60), CHANGE)
def test_after_any_changes_the_book_says_what_a_full_revaluation_says(changes, order):
    book = ScenarioBook(scenarios())

    for change in changes:
        book.change(*change)

    gross = sum(abs(by) for _, by in [*changes, order]) or 1.0
    asked = book.marginal(*order)
    for ours, full in (
        (book.measures(), revalued(book)),
        (asked.before, revalued(book)),
        (asked.after, revalued(book, order)),
    ):
        assert np.subtract(ours, full) == pytest.approx([0.0, 0.0], abs=1e-11 * gross)
    assert asked.var == asked.after.var - asked.before.var


def test_rounding_stays_bounded_over_a_hundred_thousand_changes():
    book, generator = ScenarioBook(scenarios()), np.random.default_rng(9)
    places, sizes = generator.integers(0, 8, 100_000), generator.normal(0, 1e6, 100_000)
    worst = 0.0

    for number, (place, size) in enumerate(zip(places.tolist(), sizes.tolist(), strict=True)):
        book.change(place, size)
        if number % 997 == 0 or book.changes == CHANGES_MAX - 1:
            worst = max(worst, float(np.abs(book.earned - book.values @ book.scenarios).max()))

    assert book.changes < CHANGES_MAX
    assert worst < 1e-12 * 100_000 * 1e6 * 0.02


def test_marks_of_few_and_of_all_positions_say_the_same():
    book, all_at_once = ScenarioBook(scenarios(100)), ScenarioBook(scenarios(100))
    values = np.linspace(-5e5, 8e5, 100)

    for start in range(0, 100, 5):
        book.mark(np.arange(start, start + 5), values[start : start + 5])
    all_at_once.mark(np.arange(100), values)

    assert book.changes == 100
    assert all_at_once.changes == 0
    assert book.measures() == pytest.approx(all_at_once.measures(), rel=1e-12)


def test_components_sum_to_the_measures():
    book = ScenarioBook(scenarios(), 0.95, 0.975)
    book.set_values(np.array([5e6, -3e6, 1e6, 2e6, -4e6, 1e5, 2e5, 0.0]))

    var, es = book.components()

    assert (var.sum(), es.sum()) == pytest.approx(book.measures(), rel=1e-9)
    assert (var[7], es[7]) == (0.0, 0.0)


def test_a_book_goes_on_after_a_restart_to_the_last_bit():
    book = ScenarioBook(scenarios())
    for place in range(5):
        book.change(place, 1e6 * (place - 2) / 3)

    again = pickle.loads(pickle.dumps(book))
    for each in (book, again):
        each.change(3, 7e5)

    assert again.measures() == book.measures()
    assert (again.changes, again.earned.tolist()) == (book.changes, book.earned.tolist())


def test_an_order_that_is_asked_of_changes_nothing():
    book = ScenarioBook(scenarios())
    book.change(0, 1e6)
    before = book.measures(), book.earned.tolist()

    hedge = book.marginal(0, -1e6)

    assert (hedge.after, hedge.var) == ((0.0, 0.0), -before[0].var)
    assert (book.measures(), book.earned.tolist()) == before


def test_what_is_measured_once_is_what_a_book_says():
    book, values = ScenarioBook(scenarios()), np.linspace(-1e6, 2e6, 8)
    book.set_values(values)

    assert measured_once(values, scenarios()) == book.measures()
    assert tuple(measured_once(np.array([]), scenarios()[:0])) == (0.0, 0.0)


def test_nonsense_is_refused():
    for wrong in (np.zeros(3), np.zeros((0, 5)), np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match="scenarios are finite returns, positions by scenarios"):
            ScenarioBook(wrong)
    with pytest.raises(ValueError, match="a confidence lies between 0 and 1"):
        ScenarioBook(scenarios(), 99.0)
    with pytest.raises(ValueError, match="one for each of 8 positions"):
        ScenarioBook(scenarios()).set_values(np.zeros(3))
