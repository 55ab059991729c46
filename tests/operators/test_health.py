"""What the book remembers of the health of data, and how it survives an older version's memory."""

import pickle

import pytest

from domain.health import HealthState, in_order, market_health, worst
from operators.desk_state import fresh_desk
from operators.health import HealthBook, binding, take_health
from operators.sequence import Sequence, SequenceState
from tests.operators.decision_case import desk_params


def said(state, source="feed", instrument="A", sequence=1, at=1):
    return market_health(
        instrument, state, "a reason", source=source, sequence=sequence, event_at=at, known_at=at
    )


def test_the_last_word_of_each_source_holds_and_the_worst_of_them_binds():
    book = HealthBook()

    take_health(book, said(HealthState.MUTE, "one"))
    take_health(book, said(HealthState.GAP, "two"))
    assert binding(book, "A") == said(HealthState.MUTE, "one")

    take_health(book, said(HealthState.FRESH, "one"))
    assert binding(book, "A") == said(HealthState.GAP, "two")

    take_health(book, said(HealthState.FRESH, "two"))
    assert (binding(book, "A"), book.ailing) == (None, {})


def test_an_instrument_that_nobody_speaks_of_is_not_restricted():
    book = HealthBook()
    take_health(book, said(HealthState.MUTE, instrument="B"))

    assert binding(book, "A") is None


def test_the_worst_of_states_is_the_last_in_their_order_and_nothing_is_fresh():
    assert worst([HealthState.GAP, HealthState.MUTE, HealthState.FRESH]) is HealthState.MUTE
    assert worst([]) is HealthState.FRESH


def test_records_stand_in_order_of_instant_instrument_source_and_number():
    rows = [
        said(HealthState.GAP, "b", "A", 1, 2),
        said(HealthState.GAP, "a", "B", 1, 1),
        said(HealthState.GAP, "a", "A", 2, 2),
        said(HealthState.FRESH, "a", "A", 1, 2),
    ]

    assert in_order(rows) == (rows[1], rows[3], rows[2], rows[0])


def test_a_record_has_the_same_name_whenever_it_is_made_and_another_for_another_number():
    assert said(HealthState.GAP).record_id == said(HealthState.GAP).record_id
    assert said(HealthState.GAP).record_id != said(HealthState.GAP, sequence=2).record_id


def test_a_sequence_that_was_stored_before_health_was_known_has_none_waiting():
    stored = {name: value for name, value in vars(Sequence(("0",)).fresh()).items() if name != "health"}
    state = SequenceState.__new__(SequenceState)

    state.__setstate__(stored)

    assert state == Sequence(("0",)).fresh()


@pytest.mark.parametrize("known", [True, False])
def test_a_book_remembers_health_and_one_that_was_stored_before_health_was_known_has_none(known):
    book = fresh_desk(desk_params())
    take_health(book.health, said(HealthState.MUTE))
    scanned, rest = book.__getstate__()
    values = pickle.loads(rest)
    if not known:
        del values["health"]

    again = fresh_desk(desk_params())
    again.__setstate__((scanned, pickle.dumps(values)))

    assert again.health == (book.health if known else HealthBook())
