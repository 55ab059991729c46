"""Which instants are in which part of the trading day, of which day, at venues of every habit."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from domain.exchange_sessions import session_table
from domain.market import Session

CALENDARS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "calendars"


def instant(text, zone):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000_000


def at(table, text, zone):
    """Return the part of the day, and the day, that a local time lies in."""
    segment = int(table.segment(np.array([instant(text, zone)]))[0])
    day = np.datetime64("1970-01-01", "D") + int(table.days[segment])
    return Session(int(table.labels[segment])), day.astype(date).isoformat()


@pytest.mark.skipif(not CALENDARS.is_dir(), reason="../shared/data/calendars is not there")
@pytest.mark.parametrize(("calendar", "file"), [("XNYS", "xnys.csv.gz"), ("XLON", "xlon.csv.gz")])
def test_regular_sessions_open_and_close_when_the_published_calendar_says(calendar, file):
    published = pl.read_csv(CALENDARS / file, try_parse_dates=True).filter(pl.col("").dt.year() >= 2005)
    days = published[""].dt.date().to_list()
    table = session_table(calendar, days[0].isoformat(), days[-1].isoformat())

    regular = np.flatnonzero(table.labels == Session.REGULAR)
    found = [
        (np.datetime64(int(table.days[i]), "D").astype(date), int(table.edges[i - 1]), int(table.edges[i]))
        for i in regular
    ]
    found = [each for each in found if days[0] <= each[0] <= days[-1]]

    opens = published["open"].dt.timestamp("ns").to_list()
    closes = published["close"].dt.timestamp("ns").to_list()
    assert found == list(zip(days, opens, closes, strict=True))


@pytest.mark.parametrize(
    ("calendar", "zone", "local", "part"),
    [
        ("XNYS", "America/New_York", "2024-07-03T12:59:59", Session.REGULAR),  # closes at 13:00
        ("XNYS", "America/New_York", "2024-07-03T13:00:00", Session.POST),
        ("XNYS", "America/New_York", "2024-07-03T03:59:59", Session.CLOSED),
        ("XNYS", "America/New_York", "2024-07-03T04:00:00", Session.PRE),
        ("XLON", "Europe/London", "2024-07-03T07:49:59", Session.CLOSED),
        ("XLON", "Europe/London", "2024-07-03T07:50:00", Session.OPENING_CALL),
        ("XLON", "Europe/London", "2024-07-03T08:00:00", Session.REGULAR),
        ("XLON", "Europe/London", "2024-07-03T16:30:00", Session.CLOSING_CALL),
        ("XLON", "Europe/London", "2024-07-03T16:35:00", Session.CLOSED),
        ("XETR", "Europe/Berlin", "2024-07-03T17:34:59", Session.CLOSING_CALL),
        ("XPAR", "Europe/Paris", "2024-07-03T07:15:00", Session.OPENING_CALL),
        ("XTKS", "Asia/Tokyo", "2024-07-03T11:29:59", Session.REGULAR),
        ("XTKS", "Asia/Tokyo", "2024-07-03T11:30:00", Session.BREAK),
        ("XTKS", "Asia/Tokyo", "2024-07-03T12:30:00", Session.REGULAR),
        ("XHKG", "Asia/Hong_Kong", "2024-07-03T12:30:00", Session.BREAK),
        ("XHKG", "Asia/Hong_Kong", "2024-07-03T16:05:00", Session.CLOSING_CALL),
        ("XSHG", "Asia/Shanghai", "2024-07-03T12:00:00", Session.BREAK),
        ("XASX", "Australia/Sydney", "2024-07-03T10:00:00", Session.REGULAR),
        ("XTSE", "America/Toronto", "2024-07-03T16:30:00", Session.POST),
        ("XSWX", "Europe/Zurich", "2024-07-03T17:31:00", Session.CLOSING_CALL),
        ("XSTO", "Europe/Stockholm", "2024-07-03T08:30:00", Session.OPENING_CALL),
        ("XBOM", "Asia/Kolkata", "2024-07-03T09:15:00", Session.REGULAR),
        ("24/7", "UTC", "2024-07-06T00:00:00", Session.REGULAR),
    ],
)
def test_a_local_time_lies_in_its_part_of_the_day(calendar, zone, local, part):
    table = session_table(calendar, "2024-07-01", "2024-07-08")

    assert at(table, local, zone)[0] == part


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2024-03-08T16:59:59", (Session.REGULAR, "2024-03-08")),  # Friday, standard time
        ("2024-03-08T17:00:00", (Session.CLOSED, "2024-03-11")),
        ("2024-03-10T16:59:59", (Session.CLOSED, "2024-03-11")),  # Sunday, daylight saving since 02:00
        ("2024-03-10T17:00:00", (Session.REGULAR, "2024-03-11")),
        ("2024-03-11T16:59:59", (Session.REGULAR, "2024-03-11")),
        ("2024-03-11T17:00:00", (Session.REGULAR, "2024-03-12")),
    ],
)
def test_the_week_of_foreign_exchange_turns_at_17_new_york(local, expected):
    table = session_table("FX", "2024-03-08", "2024-03-12")

    assert at(table, local, "America/New_York") == expected


def test_round_the_clock_a_day_ends_where_the_next_begins():
    table = session_table("24/7", "2024-07-06", "2024-07-07")

    assert at(table, "2024-07-06T23:59:59", "UTC") == (Session.REGULAR, "2024-07-06")
    assert at(table, "2024-07-07T00:00:00", "UTC") == (Session.REGULAR, "2024-07-07")
    assert set(table.labels[1:-1].tolist()) == {int(Session.REGULAR)}


def test_an_open_that_daylight_saving_moves_is_an_hour_earlier_in_utc():
    table = session_table("XNYS", "2024-03-08", "2024-03-11")

    friday, monday = (table.regular(instant(f"2024-03-{day}T05:00:00", "UTC"))[0] for day in ("08", "11"))

    assert friday == instant("2024-03-08T14:30:00", "UTC")
    assert monday == instant("2024-03-11T13:30:00", "UTC")


def test_an_unknown_calendar_is_refused_with_the_nearest_names():
    with pytest.raises(ValueError, match=r"unknown calendar 'XNYZ'; the nearest known: .*XNYS"):
        session_table("XNYZ", "2024-03-08", "2024-03-11")


def test_the_parts_of_the_day_follow_each_other_at_every_venue():
    for calendar in (
        "XNYS",
        "XLON",
        "XETR",
        "XPAR",
        "XTKS",
        "XHKG",
        "XSHG",
        "XASX",
        "XTSE",
        "XSWX",
        "24/7",
        "FX",
    ):
        table = session_table(calendar, "2023-10-01", "2024-07-08")

        assert (np.diff(table.edges) > 0).all(), calendar
        assert (np.diff(table.days) >= 0).all(), calendar
        assert len(table.labels) == len(table.days) == len(table.edges) + 1, calendar
