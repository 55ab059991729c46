"""Wall clocks and days of New York."""

import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from connectors.files.new_york import day_bounds, days_of, utc_of_wall_clock

HOUR = 3_600_000_000_000


def utc(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.mark.parametrize(
    ("day", "hours", "expected"),
    [
        ("2013-10-07", 4.0, "2013-10-07T08:00"),
        ("2024-01-05", 9.5, "2024-01-05T14:30"),
        ("2024-03-10", 1.5, "2024-03-10T06:30"),
        ("2024-03-10", 2.5, "2024-03-10T07:30"),
        ("2024-03-10", 3.5, "2024-03-10T07:30"),
        ("2024-03-10", 9.5, "2024-03-10T13:30"),
        ("2024-11-03", 0.5, "2024-11-03T04:30"),
        ("2024-11-03", 1.5, "2024-11-03T05:30"),
        ("2024-11-03", 2.0, "2024-11-03T07:00"),
        ("2024-11-03", 9.5, "2024-11-03T14:30"),
    ],
)
def test_a_wall_clock_time_becomes_the_instant_at_which_new_york_showed_it(
    day: str, hours: float, expected: str
) -> None:
    since_midnight = np.array([int(hours * HOUR)])

    instants = utc_of_wall_clock(day, since_midnight)

    assert instants.tolist() == [utc(expected)]


def test_every_full_hour_of_a_year_agrees_with_the_time_zone_database() -> None:
    zone = ZoneInfo("America/New_York")
    for number in range(366):
        day = datetime.date(2024, 1, 1) + datetime.timedelta(number)
        ours = utc_of_wall_clock(day.isoformat(), np.arange(24) * HOUR)

        theirs = [
            int(datetime.datetime.combine(day, datetime.time(hour), zone).timestamp()) * 10**9
            for hour in range(24)
        ]

        assert ours.tolist() == theirs


@pytest.mark.parametrize(("day", "hours"), [("2024-03-10", 23), ("2024-11-03", 25), ("2024-07-04", 24)])
def test_a_day_lasts_from_midnight_to_midnight_also_when_the_clock_changes(day: str, hours: int) -> None:
    start, stop = day_bounds(day)

    assert stop - start == hours * HOUR
    assert days_of(np.array([start, stop - 1])) == (day,)
    assert days_of(np.array([start - 1, stop])) == (
        str(np.datetime64(day) - np.timedelta64(1, "D")),
        str(np.datetime64(day) + np.timedelta64(1, "D")),
    )
