"""Point-in-time rows: nothing that was not known, and everything that was."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from connectors.feast.history import HistoryError, point_in_time
from domain.market import MINUTE, SECOND
from tests.connectors.feast.feature_lakes import (
    FEATURES,
    LATENESS,
    UNIVERSE,
    Row,
    asked,
    event_at,
    random_rows,
    write_lake,
)


def values(answer: pl.DataFrame) -> list[float | None]:
    return answer[FEATURES[0]].to_list()


def by_hand(rows: list[Row], name: str, at: int, known: int) -> tuple[int, int, float] | None:
    """Return minute, version and value of the row that answers, by looking at every row."""
    fits = [
        (row.minute, row.version, row.value)
        for row in rows
        if UNIVERSE.names[row.instrument] == name
        and event_at(row.minute) <= at
        and event_at(row.minute) + row.known_after <= known
    ]
    return max(fits, default=None)


def test_a_row_answers_from_the_nanosecond_on_at_which_it_was_known(tmp_path):
    lake = write_lake(tmp_path, [Row(1, 0, 1.0), Row(2, 0, 2.0)])
    known_at = event_at(2) + LATENESS

    answer = point_in_time(lake, asked([("AAA", known_at - 1), ("AAA", known_at), ("AAA", event_at(1) - 1)]))

    assert values(answer) == [1.0, 2.0, None]
    assert answer["event_at"].cast(pl.Int64).to_list() == [event_at(1), event_at(2), None]


def test_a_later_knowledge_sees_the_revision_and_an_earlier_one_does_not(tmp_path):
    lake = write_lake(tmp_path, [Row(1, 0, 1.0), Row(1, 0, 9.0, 1, 40 * SECOND), Row(2, 0, 2.0)])
    at, revised_at = event_at(1) + SECOND, event_at(1) + 40 * SECOND

    answer = point_in_time(
        lake, asked([("AAA", at, at), ("AAA", at, revised_at - 1), ("AAA", at, revised_at)])
    )

    assert values(answer) == [1.0, 1.0, 9.0]
    assert answer["version"].to_list() == [0, 0, 1]


def test_an_earlier_knowledge_than_the_instant_asked_for_holds_later_rows_back(tmp_path):
    lake = write_lake(tmp_path, [Row(minute, 0, float(minute)) for minute in range(1, 10)])

    answer = point_in_time(lake, asked([("AAA", event_at(9), event_at(3) + SECOND)]))

    assert values(answer) == [3.0]


def test_every_answer_equals_the_one_found_by_looking_at_every_row(tmp_path):
    rows = random_rows(5, 60, 0.3)
    lake = write_lake(tmp_path, rows)
    generator = np.random.default_rng(6)
    questions = [
        (str(name), int(at), int(at + shift))
        for name, at, shift in zip(
            generator.choice(UNIVERSE.names, 2000),
            event_at(0) + generator.integers(0, 70 * 60, 2000) * SECOND,
            generator.integers(-900, 900, 2000) * SECOND,
            strict=True,
        )
    ]

    answer = point_in_time(lake, asked(questions))

    expected = [by_hand(rows, *question) for question in questions]
    found = zip(answer["event_at"].cast(pl.Int64), answer["version"], answer[FEATURES[0]], strict=True)
    assert [None if row[0] is None else row for row in found] == [
        None if row is None else (event_at(row[0]), row[1], row[2]) for row in expected
    ]
    assert answer.select("instrument", "event_timestamp", "knowledge_at").equals(asked(questions))


def test_a_poisoned_future_leaves_every_answer_as_it_was(tmp_path):
    rows = random_rows(8, 40, 0.4)
    cut = event_at(20)
    poisoned = [
        row._replace(value=1e300) if event_at(row.minute) + row.known_after > cut else row for row in rows
    ]
    questions = asked(
        [(name, cut - back * 7 * SECOND, cut) for name in UNIVERSE.names for back in range(150)]
    )

    clean = point_in_time(write_lake(tmp_path / "clean", rows), questions)

    assert poisoned != rows
    assert_frame_equal(clean, point_in_time(write_lake(tmp_path / "poisoned", poisoned), questions))


def test_a_row_that_claims_to_be_known_before_it_happened_is_not_believed(tmp_path):
    lake = write_lake(tmp_path, [Row(1, 0, 1.0), Row(5, 0, 5.0, 0, -3 * MINUTE)])

    answer = point_in_time(
        lake, asked([("AAA", event_at(6), event_at(3)), ("AAA", event_at(6), event_at(5))])
    )

    assert values(answer) == [1.0, 5.0]


def test_a_row_older_than_the_greatest_age_is_no_answer(tmp_path):
    lake = write_lake(tmp_path, [Row(1, 0, 1.0)])
    questions = asked([("AAA", event_at(1) + 60 * SECOND), ("AAA", event_at(1) + 60 * SECOND + 1)])

    answer = point_in_time(lake, questions, age_seconds_max=60)

    assert values(answer) == [1.0, None]
    assert answer["version"].to_list() == [0, None]


def test_only_the_features_asked_for_are_given_in_that_order(tmp_path):
    lake = write_lake(tmp_path, [Row(1, 1, 4.0)])
    question = asked([("BBB", event_at(2))])

    both = point_in_time(lake, question, FEATURES[::-1])

    assert both.columns[-2:] == list(FEATURES[::-1])
    assert point_in_time(lake, question, ["atr_14"]).columns[-1] == "atr_14"
    assert {name: both[name].item() for name in FEATURES} == dict(zip(FEATURES, (4.0, 40.0), strict=True))


def test_an_unknown_feature_is_answered_with_the_nearest(tmp_path):
    lake = write_lake(tmp_path, [Row(1, 0, 1.0)])

    with pytest.raises(HistoryError, match="no feature is named 'rsi_15'; the nearest is 'rsi_14'"):
        point_in_time(lake, asked([("AAA", event_at(2))]), ["rsi_15"])


def test_a_lake_without_rows_and_a_question_without_an_instant_are_refused(tmp_path):
    with pytest.raises(HistoryError, match="holds no feature rows yet"):
        point_in_time(tmp_path, asked([("AAA", event_at(2))]))
    with pytest.raises(HistoryError, match="event_timestamp is missing"):
        point_in_time(tmp_path, pl.DataFrame({"instrument": ["AAA"]}))
