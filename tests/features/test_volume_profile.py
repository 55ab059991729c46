"""Volume against its time of day: slots keep to local time, and only earlier days count."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.market import BAR, MINUTE, QUOTE_BAR, SECOND
from features.volume_profile import DAYLIGHT_RULES, daylight_minutes, volume_profile
from tests.features.random_bars import Market, computed

EPOCH = date(1970, 1, 1)


def market_at(instants: list[datetime], volumes: list[float]) -> Market:
    bars = np.zeros(len(instants), BAR)
    bars["open_at"] = [int(instant.timestamp()) * SECOND for instant in instants]
    bars["close_at"] = bars["open_at"] + MINUTE
    bars["volume"] = volumes
    bars["close"] = 100.0
    days = np.array([(instant.date() - EPOCH).days for instant in instants], np.int32)
    return Market(bars, days, np.empty(0, QUOTE_BAR))


def new_york(day: date, hour: int, minute: int) -> datetime:
    return datetime.combine(day, time(hour, minute), ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    ("rule", "zone"), [("us", "America/New_York"), ("eu", "Europe/Paris"), ("none", "Asia/Tokyo")]
)
def test_daylight_saving_is_that_of_the_time_zone_at_noon_of_every_day(rule: str, zone: str):
    days = [date(2007, 1, 1) + timedelta(days=n) for n in range(30 * 365)]

    ahead = [daylight_minutes((day - EPOCH).days, DAYLIGHT_RULES[rule]) for day in days]

    noons = [datetime.combine(day, time(12), ZoneInfo(zone)) for day in days]
    assert ahead == [int((noon.dst() or timedelta()).total_seconds()) // 60 for noon in noons]


def test_the_same_minute_of_the_session_is_compared_across_a_change_of_the_clock():
    friday, monday, tuesday = date(2024, 3, 8), date(2024, 3, 11), date(2024, 3, 12)
    instants = [
        new_york(day, *at) for day in (friday, monday, tuesday) for at in ((9, 30), (9, 31), (15, 59))
    ]

    ratio = computed(market_at(instants, [100, 10, 50, 150, 40, 25, 250, 25, 75]), volume_profile())

    expected = [np.nan] * 3 + [1.5, 4.0, 0.5, 2.0, 1.0, 2.0]
    np.testing.assert_array_equal(ratio["volume_profile_ratio"], expected)


def test_bars_outside_the_slots_are_neither_compared_nor_counted():
    days = [date(2024, 7, 1), date(2024, 7, 2)]
    instants = [new_york(day, *at) for day in days for at in ((9, 29), (9, 30), (16, 0))]

    ratio = computed(market_at(instants, [1, 2, 3, 4, 5, 6]), volume_profile())["volume_profile_ratio"]

    np.testing.assert_array_equal(ratio, [np.nan] * 4 + [2.5, np.nan])


def test_bars_shorter_than_a_slot_are_compared_with_the_mean_bar_of_earlier_days_only():
    first, second = new_york(date(2024, 7, 1), 9, 30), new_york(date(2024, 7, 2), 9, 30)
    instants = [start + timedelta(seconds=seconds) for start in (first, second) for seconds in (0, 20, 40)]

    ratio = computed(market_at(instants, [10, 20, 30, 20, 40, 80]), volume_profile())["volume_profile_ratio"]

    np.testing.assert_array_equal(ratio, [np.nan] * 3 + [1.0, 2.0, 4.0])


def test_earlier_days_count_evenly_until_the_decay_takes_over():
    days = [date(2024, 7, 1) + timedelta(days=n) for n in range(4)]
    instants = [new_york(day, 10, 0) for day in days]

    ratio = computed(market_at(instants, [10, 30, 60, 100]), volume_profile(decay=0.6))[
        "volume_profile_ratio"
    ]

    np.testing.assert_allclose(ratio, [np.nan, 3.0, 3.0, 100 / (20 + 0.4 * 40)], rtol=1e-15)
