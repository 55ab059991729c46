"""Volume against what is usual at its time of day.

The day is cut into slots of local time; each slot remembers what a bar traded in it on the days before. Local time is
the trading day's UTC time plus the zone's offset, with the daylight saving of the United States (since 2007) or of the
European Union (since 1996) where asked, so that the slots keep to the session through the year.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import DAY_SECONDS, MINUTE, SECOND
from features.family import Family, Feature, check_window

DAYLIGHT_RULES = {"none": 0, "us": 1, "eu": 2}
UNITED_STATES = 1


class ProfileParams(NamedTuple):
    """Zone, daylight rule, first slot (minutes after local midnight), slots, and the weight left to earlier days."""

    zone_minutes: int
    rule: int
    first_minute: int
    slots: int
    decay: float


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def daylight_minutes(day: int, rule: int) -> int:
    """Return by how many minutes the clock is ahead at noon of a day (days since 1970-01-01) under a daylight rule.

    The year is counted from 1 March (Hinnant, days from civil). United States: from the first Sunday after 7 March to
    the first of November; European Union: from the last Sunday of March to the last of October.
    """
    if rule == 0:
        return 0
    shifted = day + 719_468
    of_era = shifted % 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    begins = 7 if rule == UNITED_STATES else 24
    ends = 245 if rule == UNITED_STATES else 238
    new_year = day - of_year + 4
    begins += (7 - (new_year + begins) % 7) % 7
    ends += (7 - (new_year + ends) % 7) % 7
    return 60 if begins <= of_year < ends else 0


@njit(cache=True, nogil=True, error_model="numpy")
def profile_step(
    params: ProfileParams,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Volume of the bar over the average of its slot on earlier days, into `out[0]`.

    A day's figure for a slot is the mean volume of its bars there, 0 bars being no figure; the average moves to it by
    1 - decay, or evenly while there are fewer days than that. NaN on the first day, outside the slots, and where the
    average is 0. A bar whose close is NaN counts like any other.
    """
    instrument = bars["instrument"]
    open_at = bars["open_at"]
    volume = bars["volume"]
    average = state["average"]
    total = state["total"]
    last_day = state["day"]
    bar_count = state["bars"]
    day_count = state["days"]
    ratio = out[0]
    for row in range(len(bars)):
        i = instrument[row]
        day = days[row]
        ratio[row] = np.nan
        minute = (open_at[row] - day * DAY_SECONDS * SECOND) // MINUTE
        slot = minute + params.zone_minutes + daylight_minutes(day, params.rule) - params.first_minute
        if slot < 0 or slot >= params.slots:
            continue
        if last_day[i, slot] != day:
            if bar_count[i, slot] > 0:
                day_count[i, slot] += 1
                gain = max(1.0 - params.decay, 1.0 / day_count[i, slot])
                average[i, slot] += gain * (total[i, slot] / bar_count[i, slot] - average[i, slot])
            last_day[i, slot] = day
            total[i, slot] = 0.0
            bar_count[i, slot] = 0
        if day_count[i, slot] > 0 and average[i, slot] > 0.0:
            ratio[row] = volume[row] / average[i, slot]
        total[i, slot] += volume[row]
        bar_count[i, slot] += 1


def volume_profile(
    zone_minutes: int = -300,
    daylight: str = "us",
    first_minute: int = 570,
    slots: int = 390,
    decay: float = 0.9,
) -> Family:
    """Return the family of volume against its time-of-day profile; as given, New York's regular session by the minute.

    State is 24 bytes a slot and instrument. Raises ValueError where the daylight rule is unknown, there is no slot, or
    the decay is not from 0 to below 1.
    """
    check_window("volume profile", slots, 1)
    if daylight not in DAYLIGHT_RULES:
        raise ValueError(
            f"volume profile knows the daylight rules {', '.join(DAYLIGHT_RULES)}; {daylight!r} was given"
        )
    if not 0.0 <= decay < 1.0:
        raise ValueError(f"volume profile needs a decay from 0 to below 1; {decay} was given")
    state = np.dtype(
        [
            ("average", np.float64, (slots,)),
            ("total", np.float64, (slots,)),
            ("day", np.int32, (slots,)),
            ("bars", np.int16, (slots,)),
            ("days", np.int16, (slots,)),
        ],
        align=True,
    )
    meaning = "volume of the bar over the usual volume of its minute on the days before"
    feature = Feature("volume_profile_ratio", meaning, "ratio", slots + 1, 1, "by definition")
    params = ProfileParams(zone_minutes, DAYLIGHT_RULES[daylight], first_minute, slots, decay)
    return Family("volume_profile", params, state, profile_step, (feature,))
