"""Session tables of calendars, kept on the disk: loading exchange_calendars and asking it takes the better of a second.

A table is kept in `$XDG_CACHE_HOME/ita/sessions` (`~/.cache/ita/sessions`), under a name that changes with what it was
worked out from: the calendar, the days, the releases of exchange_calendars and of the time zones, and our own hours.
What cannot be read is worked out again, and where nothing can be kept nothing is.
"""

import hashlib
import os
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from domain.sessions import SessionTable
from domain.venue_hours import VENUE_HOURS

WORKED_OUT_BY = ("exchange_calendars", "pandas", "tzdata")
LAYOUT = 1


def session_table(calendar: str, first: str, last: str) -> SessionTable:
    """Return the sessions of a calendar from `first` to `last` (ISO dates, inclusive), with ten days on either side.

    Raises ValueError where the calendar is unknown or has no session in the range.
    """
    path = _folder() / f"{_name(calendar, first, last)}.npz"
    with suppress(OSError, EOFError, ValueError, KeyError, BadZipFile), path.open("rb") as file:
        held = np.load(file, allow_pickle=False)
        return SessionTable(*(held[name] for name in SessionTable._fields))
    from domain.exchange_sessions import session_table as worked_out  # noqa: PLC0415  loads exchange_calendars

    table = worked_out(calendar, first, last)
    with suppress(OSError):
        _keep(path, table)
    return table


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "ita" / "sessions"


def _name(calendar: str, first: str, last: str) -> str:
    """Return a name that is another one wherever the table could be."""
    parts = (LAYOUT, calendar, first, last, *map(_release, WORKED_OUT_BY), VENUE_HOURS.get(calendar))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@cache
def _release(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _keep(path: Path, table: SessionTable) -> None:
    """Write a table whole, or not at all; several processes may do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_suffix(f".{os.getpid()}.making")
    try:
        with making.open("wb") as file:
            np.savez(file, **table._asdict())
        making.replace(path)
    finally:
        making.unlink(missing_ok=True)
