"""Which feature row is the newest, and what Feast is handed of it."""

import numpy as np
import pandas as pd

from connectors.feast.codec import NEVER, above, held_rows, newest, push_frame
from tests.connectors.feast.feature_lakes import FEATURES, UNIVERSE, Row, event_at, feature_rows


def test_the_newest_row_is_that_of_the_last_event_in_its_highest_version():
    rows = feature_rows(
        [Row(2, 0, 1.0), Row(2, 0, 2.0, 2), Row(2, 0, 3.0, 1), Row(1, 0, 4.0, 7), Row(1, 2, 5.0)]
    )

    keys, values = newest(rows)

    assert keys["instrument"].tolist() == [0, 2]
    assert keys["version"].tolist() == [2, 0]
    assert keys["event_at"].tolist() == [event_at(2), event_at(1)]
    assert values.tolist() == [[2.0, 20.0], [5.0, 50.0]]


def test_no_rows_have_no_newest():
    keys, values = newest(feature_rows([]))

    assert len(keys) == 0
    assert values.shape == (0, 2)


def test_a_row_stands_above_an_earlier_event_and_an_earlier_version_only():
    keys, _ = newest(feature_rows([Row(2, 0, 1.0, 1), Row(2, 1, 1.0, 1), Row(2, 2, 1.0, 1)]))

    same = above(keys, np.full(3, event_at(2)), np.array([0, 1, 2], np.int16))
    other = above(keys, np.array([event_at(1), event_at(3), NEVER]), np.array([9, 0, -1], np.int16))

    assert same.tolist() == [True, False, False]
    assert other.tolist() == [True, False, True]


def test_a_pushed_frame_has_names_microseconds_and_the_exact_event_time():
    keys, values = newest(feature_rows([Row(1, 1, 3.0, 2, 250_000_999)]))

    frame = push_frame(keys, values, UNIVERSE.names, FEATURES)

    assert frame.to_dict("records") == [
        {
            "instrument": "BBB",
            "event_timestamp": pd.Timestamp(event_at(1), tz="UTC"),
            "created": pd.Timestamp(event_at(1) + 250_000_000, tz="UTC"),
            "sequence": event_at(1),
            "version": 2,
            FEATURES[0]: 3.0,
            FEATURES[1]: 30.0,
        }
    ]


def test_an_instrument_that_is_not_online_has_no_row():
    answer = {"instrument": ["AAA", "BBB"], "sequence": [None, 5], "version": [None, 3]}

    event_at_online, version = held_rows(answer, ["BBB", "AAA"])

    assert event_at_online.tolist() == [5, NEVER]
    assert version.tolist() == [3, -1]
