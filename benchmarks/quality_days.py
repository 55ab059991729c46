"""Real days of ticks, as they came: the clean days that faults are put into."""

import gzip
import zipfile
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.files.open_source import open_source
from connectors.kept_sessions import session_table
from connectors.source import SEQUENCES_PER_DAY
from domain.market import SECOND, Kind, Ticks, canonical_order, complete_ticks, concatenate, row_count, select
from domain.sessions import SessionTable

TUNING, HELD_OUT = "tuning", "held out"
FAIR_SHARE = 0.1
EVENING = 5 * 3600 * SECOND
"""Days of America end at five in the morning, UTC, or before."""
NANOSECONDS_PER_DAY = 86_400 * 1_000_000_000
QUOTES_KEPT = {"spot/btcusdt": 0.01, "spot/ethusdt": 0.01, "usdm/btcusdt": 0.1}
"""The files of crypto ticks, and their tick sizes."""


class Day(NamedTuple):
    """A clean day: rows in canonical order, names and tick sizes by index, sessions, and whether numbers are dense.

    Of quotes that are `consolidated` each is the best of its side over all venues.
    """

    name: str
    ticks: Ticks
    names: tuple[str, ...]
    tick_sizes: NDArray[np.float64]
    sessions: SessionTable
    dense: bool
    half: str = "whole"
    consolidated: bool = False


def halves(day: Day) -> list[Day]:
    """Return what rules are tuned on and what is held out: the last day of several, the later half of a single one."""
    days = (day.ticks.known_at - EVENING) // NANOSECONDS_PER_DAY
    later = np.flatnonzero(days == days[-1])
    several = later[0] > 0 and FAIR_SHARE <= len(later) / len(days) <= 1 - FAIR_SHARE
    cut = int(later[0]) if several else len(days) // 2
    parts = ((TUNING, slice(0, cut)), (HELD_OUT, slice(cut, None)))
    return [day._replace(ticks=select(day.ticks, rows), half=half) for half, rows in parts]


def own_crossings(day: Day, seconds: int = 1) -> list[tuple[str, int, int]]:
    """Return (instrument, from, to) of the stretches in which a day's own quotes are crossed for longer than `seconds`.

    Of rows that quote both sides; instants are ns UTC, both included.
    """
    ticks, found = day.ticks, []
    assert ticks.bid is not None
    assert ticks.ask is not None
    for which, name in enumerate(day.names):
        rows = np.flatnonzero((ticks.instrument == which) & (ticks.bid > 0) & (ticks.ask > 0))
        crossed = (ticks.bid[rows] > ticks.ask[rows]).astype(np.int8)
        edges = np.diff(crossed, prepend=0, append=0)
        at = np.append(ticks.known_at[rows], ticks.known_at[-1] + 1)
        for begins, ends in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            if at[ends] - at[begins] > seconds * SECOND:
                found.append((name, int(at[begins]), int(at[ends])))
    return found


def _day(
    name: str, place: str, tick_size: float, calendar: str, first: str | None = None, last: str | None = None
) -> Day:
    source = open_source(place, None, first, last)
    names = source.instruments()
    index, owned = {one: at for at, one in enumerate(names)}, np.ones(len(names), np.bool_)
    days = source.segments()
    parts = [chunk.ticks for day in days for chunk in source.read(day, index, owned)]
    ticks = numbered(concatenate([part for part in parts if row_count(part)]))
    sessions = session_table(calendar, days[0], days[-1])
    return Day(name, ticks, names, np.full(len(names), tick_size), sessions, dense=True)


def numbered(ticks: Ticks) -> Ticks:
    """Return ticks with numbers without holes for each instrument and kind, in the order in which they stand."""
    sequence = np.zeros(row_count(ticks), np.int64)
    kinds = np.zeros(row_count(ticks), np.uint8) if ticks.kind is None else ticks.kind
    day = int(ticks.known_at[0]) // NANOSECONDS_PER_DAY * SEQUENCES_PER_DAY
    for key in np.unique(ticks.instrument.astype(np.int64) * len(Kind) + kinds):
        rows = np.flatnonzero(ticks.instrument.astype(np.int64) * len(Kind) + kinds == key)
        sequence[rows] = day + np.arange(1, len(rows) + 1)
    return ticks._replace(sequence=sequence)


def lean_days(data: Path) -> list[Day]:
    """Return two days of four shares and a day of EURUSD."""
    equities = _day("equities", f"lean:{data / 'equity_ticks'}", 0.01, "XNYS")
    return [equities._replace(consolidated=True), _fx_day(data / "fx_quotes")]


def _fx_day(folder: Path) -> Day:
    """Return the ticks of EURUSD: milliseconds since midnight at UTC-05:00, bid, ask."""
    with zipfile.ZipFile(next(folder.glob("*/tick/eurusd/*.zip"))) as archive:
        rows = np.loadtxt(archive.open(archive.namelist()[0]), delimiter=",")
    midnight = np.datetime64("2014-05-01T05:00", "ns").astype(np.int64)
    at = midnight + rows[:, 0].astype(np.int64) * 1_000_000
    ticks = complete_ticks(
        {
            "event_at": at,
            "instrument": np.zeros(len(at), np.int32),
            "kind": np.full(len(at), Kind.QUOTE),
            "bid": rows[:, 1],
            "bid_size": np.ones(len(at)),
            "ask": rows[:, 2],
            "ask_size": np.ones(len(at)),
        }
    )
    sessions = session_table("FX", "2014-05-01", "2014-05-01")
    return Day("EURUSD", numbered(ticks), ("EURUSD",), np.array([0.00001]), sessions, dense=True)


def simulated_days() -> list[Day]:
    """Return a simulated day, with the faults that it has of its own."""
    return [_day("simulated", "simulator:days=1,ticks=60000,instruments=8", 0.01, "XNYS")]


def crypto_days(data: Path) -> list[Day]:
    """Return six minutes of best quotes and trades of three markets, by the clock of the receiver."""
    made = []
    for name, tick_size in QUOTES_KEPT.items():
        rows = _crypto_rows(next((data / "crypto_ws_l2").glob(f"{name}_*.gz")))
        names = (name.replace("/", ":").upper(),)
        sessions = session_table("24/7", "2024-08-08", "2024-08-09")
        made.append(Day(name, numbered(rows), names, np.array([tick_size]), sessions, dense=True))
    return made


def _crypto_rows(path: Path) -> Ticks:
    columns: dict[str, list[float]] = {
        name: [] for name in ("known_at", "kind", "price", "size", "bid", "bid_size", "ask", "ask_size")
    }
    nan = float("nan")
    with gzip.open(path) as lines:
        for line in lines:
            at, _, text = line.partition(b" ")
            if b"@bookTicker" not in text and b"@trade" not in text:
                continue
            said = msgspec.json.decode(text)["data"]
            quote = "B" in said
            bid = (said["b"], said["B"], said["a"], said["A"]) if quote else (nan, 0, nan, 0)
            trade = (nan, 0) if quote else (said["p"], said["q"])
            row = (int(at), int(Kind.QUOTE if quote else Kind.TRADE), *trade, *bid)
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
    whole = {"known_at": np.int64, "kind": np.uint8}
    made = {name: np.array(column).astype(whole.get(name, np.float64)) for name, column in columns.items()}
    made["known_at"] = np.array(columns["known_at"], np.int64)
    ticks = complete_ticks(
        {**made, "event_at": made["known_at"], "instrument": np.zeros(len(made["kind"]), np.int32)}
    )
    ticks = select(ticks, np.argsort(ticks.known_at, kind="stable"))
    return select(ticks, canonical_order(ticks._replace(sequence=np.arange(row_count(ticks)))))
