"""The simulated market as a source of ticks: the same seed gives the same rows, whoever reads which of them.

`simulator:` takes settings as `simulator:seed=7,instruments=24,days=2,ticks=500000,start=2024-03-07`.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from connectors.kept_sessions import session_table
from connectors.simulator.day import simulated_day
from connectors.simulator.faults import with_bad_rows, with_cancels, with_copies, with_halt, with_twins
from connectors.simulator.paths import generator, instrument_path, market_path, names_of, traits_of
from connectors.source import (
    CHUNK_ROWS,
    SEQUENCES_PER_DAY,
    SourceError,
    nearest,
    selected_days,
    selected_names,
)
from domain.instruments import Instrument, Split
from domain.market import Chunk, Ticks, canonical_order, concatenate, row_count, select

NEW_YORK = ZoneInfo("America/New_York")
SPLIT_RATIO = 2
HALTED, FAULTY, COPIED, SPLITTING = 3, 1, 2, 5
NANOSECONDS_PER_DAY = 86_400 * 1_000_000_000


class Settings(NamedTuple):
    """What is simulated: `ticks` rows a day over `instruments`, on `days` trading days from `start`."""

    seed: int = 7
    instruments: int = 24
    days: int = 2
    ticks: int = 500_000
    start: str = "2024-03-07"


def settings_of(place: str) -> Settings:
    """Read `key=value,...`; raises SourceError with what is allowed."""
    values: dict[str, Any] = {}
    for part in filter(None, place.split(",")):
        name, sign, given = part.partition("=")
        if name not in Settings._fields or not sign:
            raise SourceError(
                f"the simulator has no setting {part!r}; the nearest: {nearest(name, Settings._fields)}; "
                "write simulator:seed=7,days=2"
            )
        values[name] = given if name == "start" else _whole(name, given)
    made = Settings(**values)
    try:
        date.fromisoformat(made.start)
    except ValueError as error:
        raise SourceError(f"start is a date YYYY-MM-DD; {made.start!r} was given") from error
    if made.instruments < 1 or made.days < 1 or made.ticks < 100 * made.instruments:
        raise SourceError(
            "the simulator needs instruments and days of at least 1 and 100 ticks for each instrument; "
            f"{made} was given"
        )
    return made


def _whole(name: str, given: str) -> int:
    try:
        return int(given)
    except ValueError as error:
        raise SourceError(f"{name} of the simulator is a whole number; {given!r} was given") from error


class Simulator:
    """A seeded market of our own."""

    name = "simulator"

    def __init__(self, settings: Settings, instruments: tuple[str, ...] | None = None) -> None:
        self.settings = settings
        self._all = names_of(settings.instruments)
        self._chosen = self._all if instruments is None else instruments
        self.chosen_days: tuple[str, ...] | None = None
        self._traits = traits_of(settings.seed, settings.instruments)
        self._levels: list[NDArray[np.float64]] = [
            np.log(np.array([traits.level for traits in self._traits]))
        ]

    def instruments(self) -> tuple[str, ...]:
        """Return the names, sorted."""
        return self._chosen

    def reference(self) -> tuple[Instrument, ...]:
        """Return what is known of the instruments: shares in ticks of a cent, each its own issuer."""
        return tuple(Instrument(name=name, issuer=f"{name.title()} Inc") for name in self._chosen)

    @cached_property
    def _days(self) -> tuple[str, ...]:
        day = date.fromisoformat(self.settings.start)
        made: list[str] = []
        while len(made) < self.settings.days:
            last = day + timedelta(days=30)
            month = (day.isoformat(), last.isoformat())
            made += session_table("XNYS", *month).trading_days(*month)
            day = last + timedelta(days=1)
        return tuple(made[: self.settings.days])

    def segments(self) -> tuple[str, ...]:
        """Return the simulated trading days."""
        return self._days if self.chosen_days is None else self.chosen_days

    def splits(self) -> tuple[Split, ...]:
        """Return the 2:1 split that takes effect before the second day, known the evening before."""
        if self.settings.days < 2 or self.settings.instruments <= SPLITTING:
            return ()
        name = self._all[SPLITTING]
        if name not in self._chosen:
            return ()
        effective_at = _midnight(self._days[1]) + 4 * 3600 * 1_000_000_000
        known_at = _midnight(self._days[0]) + 20 * 3600 * 1_000_000_000
        return (
            Split(instrument=name, effective_at=effective_at, known_at=known_at, ratio=Decimal(SPLIT_RATIO)),
        )

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield a day's rows of the owned instruments, in canonical order."""
        day = self._days.index(segment)
        midnight = _midnight(segment)
        market = market_path(self.settings.seed, day)
        parts = []
        for number, name in enumerate(self._all):
            if name in index and owned[index[name]] and name in self._chosen:
                parts.append(self._instrument_day(day, number, index[name], market, midnight))
        if not parts:
            return
        rows = concatenate(parts)
        del parts
        rows = select(rows, canonical_order(rows))
        for start, stop in _cuts(rows):
            yield Chunk(select(rows, slice(start, stop)))

    def _instrument_day(
        self, day: int, number: int, which: int, market: NDArray[np.float64], midnight: int
    ) -> Ticks:
        traits = self._traits[number]
        relative = instrument_path(self.settings.seed, day, number, traits, market)
        level = self._level(day)[number]
        if number == SPLITTING and day >= 1 and self.settings.days > 1:
            level -= np.log(SPLIT_RATIO)
        random = generator(self.settings.seed, 4, day, number)
        rows = max(int(self.settings.ticks * traits.weight), 60)
        ticks = simulated_day(random, which, traits, np.exp(level + relative), rows)
        return _numbered(self._faulty(random, day, number, ticks), random, number, midnight)

    def _faulty(self, random: np.random.Generator, day: int, number: int, ticks: Ticks) -> Ticks:
        """Put the day's faults into the rows of the instruments that have them."""
        if number == (HALTED + day) % self.settings.instruments:
            ticks = with_halt(ticks)
        if number == FAULTY % self.settings.instruments:
            ticks = with_twins(random, with_bad_rows(random, ticks))
        return ticks

    def _level(self, day: int) -> NDArray[np.float64]:
        """Return every instrument's log level at the start of a day: where it closed the day before."""
        while len(self._levels) <= day:
            before = len(self._levels) - 1
            market = market_path(self.settings.seed, before)
            moves = [
                instrument_path(self.settings.seed, before, number, traits, market)[-1]
                for number, traits in enumerate(self._traits)
            ]
            self._levels.append(self._levels[-1] + np.array(moves))
        return self._levels[day]


def _numbered(ticks: Ticks, random: np.random.Generator, number: int, midnight: int) -> Ticks:
    """Give rows their sequence in order of arrival, let cancels name their trades, and set instants to UTC."""
    cancelled = np.empty(0, np.int64)
    trades = row_count(ticks)
    if number == 0:
        ticks, cancelled = with_cancels(random, ticks)
    order = canonical_order(ticks)
    sequence = np.empty(row_count(ticks), np.int64)
    sequence[order] = (midnight // NANOSECONDS_PER_DAY) * SEQUENCES_PER_DAY + np.arange(1, len(order) + 1)
    reference = np.zeros(row_count(ticks), np.int64)
    reference[trades:] = sequence[cancelled]
    rows = select(ticks._replace(sequence=sequence, reference=reference), order)
    if number == COPIED:
        rows = with_copies(random, rows)
    known_at = rows.known_at + midnight
    return rows._replace(event_at=rows.event_at + midnight, known_at=known_at, received_at=known_at)


def _midnight(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=NEW_YORK).timestamp()) * 1_000_000_000


def _cuts(rows: Ticks) -> Iterator[tuple[int, int]]:
    """Yield where chunks begin and end; rows of one instant stay together."""
    start, count = 0, row_count(rows)
    while start < count:
        stop = min(start + CHUNK_ROWS, count)
        if stop < count:
            stop = int(np.searchsorted(rows.known_at, rows.known_at[stop - 1], side="right"))
        yield start, stop
        start = stop


def open_simulator(
    place: str, instruments: tuple[str, ...] | None, first: str | None, last: str | None
) -> Simulator:
    """Return the simulator that `place` sets, narrowed to instruments and to days; raises SourceError."""
    settings = settings_of(place)
    names = selected_names(names_of(settings.instruments), instruments)
    made = Simulator(settings, names)
    made.chosen_days = selected_days(made.segments(), first, last, "the simulator")
    return made
