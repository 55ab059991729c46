"""Session tables that are kept: the same as those worked out, and worked out again where they cannot be read."""

import subprocess
import sys

import numpy as np
import pytest

from connectors import kept_sessions
from connectors.kept_sessions import session_table
from domain import exchange_sessions

DAYS = ("2024-07-01", "2024-07-05")
CALENDARS = ("XNYS", "XLON", "XHKG", "FX", "24/7")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "ita" / "sessions"


def same(one, other):
    return all(
        left.dtype == right.dtype and np.array_equal(left, right)
        for left, right in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("calendar", CALENDARS)
def test_a_table_that_was_kept_is_the_one_that_is_worked_out(calendar, folder, monkeypatch):
    worked_out = exchange_sessions.session_table(calendar, *DAYS)
    first = session_table(calendar, *DAYS)
    monkeypatch.setattr(exchange_sessions, "session_table", pytest.fail)
    again = session_table(calendar, *DAYS)

    assert len(list(folder.iterdir())) == 1
    assert same(first, worked_out)
    assert same(again, worked_out)


def test_days_and_calendars_do_not_stand_for_each_other(folder):
    asked = [(calendar, *days) for calendar in CALENDARS for days in (DAYS, ("2024-12-23", "2024-12-27"))]
    for each in asked * 2:
        assert same(session_table(*each), exchange_sessions.session_table(*each))
    assert len(list(folder.iterdir())) == len(asked)


@pytest.mark.parametrize(
    "damage",
    [
        lambda held: held[:0],
        lambda held: held[: len(held) // 2],
        lambda held: b"no table" + held,
        lambda held: held[::-1],
    ],
    ids=["empty", "half", "shifted", "backwards"],
)
def test_a_file_that_cannot_be_read_is_made_again(damage, folder):
    wanted = session_table("XNYS", *DAYS)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))

    assert same(session_table("XNYS", *DAYS), wanted)
    assert path.read_bytes() == whole


def test_another_release_of_what_works_it_out_does_not_read_the_table_of_the_last(folder, monkeypatch):
    session_table("XNYS", *DAYS)
    monkeypatch.setattr(kept_sessions, "_release", lambda package: f"{package} of tomorrow")
    session_table("XNYS", *DAYS)
    assert len(list(folder.iterdir())) == 2


def test_where_nothing_can_be_kept_the_table_is_worked_out(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert same(session_table("XNYS", *DAYS), exchange_sessions.session_table("XNYS", *DAYS))


def test_an_unknown_calendar_is_refused_and_leaves_nothing(folder):
    with pytest.raises(ValueError, match="unknown calendar 'XNYC'; the nearest known: XNYS"):
        session_table("XNYC", *DAYS)
    assert not folder.exists()


def test_a_kept_table_is_read_without_what_works_it_out():
    session_table("XNYS", *DAYS)
    code = (
        "import sys; from connectors.kept_sessions import session_table; "
        f"session_table('XNYS', *{DAYS}); sys.exit('pandas' in sys.modules or 'exchange_calendars' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_days_with_a_session_are_those_of_the_calendar():
    table = session_table("XNYS", "2024-06-28", "2024-07-10")
    assert table.trading_days("2024-07-01", "2024-07-08") == [
        "2024-07-01",
        "2024-07-02",
        "2024-07-03",
        "2024-07-05",
        "2024-07-08",
    ]
    assert table.trading_days("2024-07-04", "2024-07-04") == []
