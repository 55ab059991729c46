"""A venue as a source of ticks that come now: captured on file first, then read from there through the venue's codec.

A restart reads the recording again and goes on from where the last snapshot stood, so that what was received is neither
lost nor repeated; what the venue sent while nobody was connected is a gap, which the recording says and `market.health`
with it. `known_at` and `received_at` are the time of receipt.
"""

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.files.new_york import day_bounds, days_of
from connectors.recordings.recorder import Recorder, Tail, first_instant, recording_numbers
from connectors.recordings.session_lines import SessionLine, Traffic
from connectors.source import SourceError
from connectors.websocket.clock import MachineClock
from connectors.websocket.clock_offset import ClockOffset
from connectors.websocket.connection import Connection, Counts, Patience, Plan
from connectors.websocket.feed import Feed
from connectors.websocket.reference import listed_instruments
from connectors.websocket.rest import Requests
from domain.instruments import Instrument, Split
from domain.market import Chunk, empty_ticks, select

DAYS_AHEAD = 366


class Wanted(NamedTuple):
    """What is asked of a venue: instruments by symbol, channels, its addresses, and for how long (s; 0: for good)."""

    plan: Plan
    rest_url: str
    symbols: dict[str, str]
    seconds: float = 0.0


class Moment(NamedTuple):
    """What has come of a day since the last moment; everything before `reached_at` (ns UTC) has been handed on."""

    segment: int
    chunk: Chunk
    reached_at: int


class LiveTicks:
    """Ticks of one venue as they come.

    Nothing is connected to before `begin`. Raises SourceError where a venue cannot tell its instruments.
    """

    def __init__(self, wanted: Wanted, patience: Patience | None = None) -> None:
        self._wanted, self._patience = wanted, patience
        self.name = wanted.plan.venue.name
        self._names = tuple(sorted(wanted.symbols))
        self._clock = MachineClock()
        self._offset = ClockOffset()
        self._requests = Requests(wanted.rest_url, wanted.plan.venue.requests_per_second, self._clock)
        self._reference: tuple[Instrument, ...] = ()
        self._folder: Path | None = None
        self._recorder: Recorder | None = None
        self._connection: Connection | None = None
        self._began_at = self._ends_at = 0
        self._days: tuple[str, ...] = ()

    def begin(self, folder: Path, known: Sequence[Instrument], names: Collection[str] | None = None) -> None:
        """Connect, and keep what comes in a folder; `known` are the instruments of an earlier start, if there was one.

        Where `names` are given the venue is asked for these alone, and where they are none it is not connected to.
        Raises SourceError, RequestFailed.
        """
        first_at = first_instant(folder)
        self._folder = folder
        self._recorder = Recorder(folder, self._clock.now)
        self._began_at = self._recorder.reached().at
        self._days = _days_from(first_at or self._began_at)
        if self._wanted.seconds:
            self._ends_at = (first_at or self._began_at) + int(self._wanted.seconds * 1e9)
            last = days_of(np.array([self._ends_at]))[0]
            self._days = tuple(day for day in self._days if day <= last)
        self._reference = tuple(known) or listed_instruments(
            self._wanted.plan.venue, self._wanted.symbols, self._requests, self._recorder
        )
        plan = self._wanted.plan
        if names is not None:
            plan = plan._replace(symbols=tuple(self._wanted.symbols[name] for name in names))
        if plan.symbols:
            self._connection = Connection(plan, self._recorder, self._requests, self._clock, self._patience)
            self._connection.start()

    @property
    def counts(self) -> Counts:
        """Return what the connection has come to."""
        return Counts() if self._connection is None else self._connection.counts

    @property
    def began_at(self) -> int:
        """Return when this process began to receive (ns UTC)."""
        return self._began_at

    def instruments(self) -> tuple[str, ...]:
        """Return the instruments that were asked for."""
        return self._names

    def reference(self) -> tuple[Instrument, ...]:
        """Return what the venue has said of them."""
        return self._reference

    def splits(self) -> tuple[Split, ...]:
        """Return nothing: coins do not split."""
        return ()

    def segments(self) -> tuple[str, ...]:
        """Return the days from the first one on, a year ahead."""
        return self._days

    def stream(self, index: Mapping[str, int], owned: NDArray[np.bool_], first: int) -> Iterator[Moment]:
        """Yield what has come, from the beginning of a segment on, and then what comes; it never waits."""
        recorder, folder = self._running()
        rows = _Rows(self._names, index, owned)
        feed = Feed(self.name, rows.names)
        tail = Tail(folder, _file_before(folder, day_bounds(self._days[max(0, first - 1)])[0]))
        while True:
            if self._connection is not None and self._connection.failure is not None:
                raise self._connection.failure
            reached = recorder.reached()
            for lines in tail.read(reached):
                for day, part in _by_day(lines):
                    segment = self._segment(day)
                    for block in _by_connect(part):
                        chunk = rows.of(self._decoded(feed, block))
                        if segment >= first:
                            yield Moment(segment, chunk, -1)
                    if self._is_over(part[-1].at):
                        return
            yield Moment(self._segment(days_of(np.array([reached.at]))[0]), Chunk(empty_ticks()), reached.at)
            if self._is_over(reached.at):
                return

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield what has come of a day by now."""
        number = self._days.index(segment)
        for moment in self.stream(index, owned, number):
            if moment.reached_at >= 0:
                return
            if moment.segment == number:
                yield moment.chunk

    def synchronise(self) -> None:
        """Have all that was handed on so far on the disk."""
        self._running()[0].synchronise()

    def close(self) -> None:
        """Close the connection and the recording."""
        self._clock.stop()
        if self._connection is not None:
            self._connection.stop()
        self._requests.close()
        if self._recorder is not None:
            self._recorder.close()

    def _running(self) -> tuple[Recorder, Path]:
        if self._recorder is None or self._folder is None:
            raise SourceError(f"{self.name} is not connected to; use it with `ita run`")
        return self._recorder, self._folder

    def _is_over(self, at: int) -> bool:
        return bool(self._ends_at) and at >= self._ends_at

    def _segment(self, day: str) -> int:
        if day not in self._days:
            raise SourceError(
                f"the run began on {self._days[0]} and cannot go on after a year; begin one in a new folder"
            )
        return self._days.index(day)

    def _decoded(self, feed: Feed, lines: Sequence[SessionLine]) -> Chunk:
        """Decode lines, and ask for the books that are missing by now; those of a new connection come by themselves."""
        decoded = feed.feed(lines, [str(line.at) for line in lines])
        self._offset.saw(*decoded.clocks)
        last_at = lines[-1].at
        if self._connection is not None and last_at > self._began_at:
            self._connection.counts.clock_offset = self._offset.nanoseconds()
            for name, at in zip(decoded.snapshots_wanted, decoded.missing_at, strict=True):
                self._connection.want_book(self._wanted.symbols[name], at)
        return Chunk(decoded.ticks, decoded.malformed, decoded.health)


class _Rows:
    """Gives rows the indices of the run, and leaves out what belongs to other shards.

    `names` are those to decode: a shard's own, and all for the first, which answers for frames that cannot be read.
    """

    def __init__(self, names: tuple[str, ...], index: Mapping[str, int], owned: NDArray[np.bool_]) -> None:
        self._first = bool(len(owned) and owned[0])
        if not self._first:
            names = tuple(name for name in names if name in index and owned[index[name]])
        self.names = names
        self._which = np.array([index.get(name, -1) for name in names], np.int32)
        self._mine = np.array([place >= 0 and bool(owned[place]) for place in self._which], np.bool_)
        self._owned = {name for name, mine in zip(names, self._mine, strict=True) if mine}

    def of(self, chunk: Chunk) -> Chunk:
        ticks = select(chunk.ticks, self._mine[chunk.ticks.instrument])
        health = tuple(record for record in chunk.health if record.instrument in self._owned)
        ticks = ticks._replace(instrument=self._which[ticks.instrument])
        return Chunk(ticks, chunk.malformed if self._first else (), health)


def _days_from(at: int) -> tuple[str, ...]:
    first = datetime.date.fromisoformat(days_of(np.array([at]))[0])
    return tuple((first + datetime.timedelta(days=number)).isoformat() for number in range(DAYS_AHEAD))


def _file_before(folder: Path, at: int) -> int:
    """Return the last file that begins before an instant, so that reading from it meets a connect before that."""
    numbers = [number for number in recording_numbers(folder) if 0 < first_instant(folder, number) < at]
    return max(numbers, default=1)


def _by_day(lines: Sequence[SessionLine]) -> Iterator[tuple[str, Sequence[SessionLine]]]:
    """Yield the lines of each New York day."""
    start = 0
    while start < len(lines):
        day = days_of(np.array([lines[start].at]))[0]
        until = day_bounds(day)[1]
        stop = start + 1
        while stop < len(lines) and lines[stop].at < until:
            stop += 1
        yield day, lines[start:stop]
        start = stop


def _by_connect(lines: Sequence[SessionLine]) -> Iterator[Sequence[SessionLine]]:
    """Yield lines in blocks of which each connect ends one."""
    start = 0
    for place, line in enumerate(lines, 1):
        if line.traffic is Traffic.CONNECTED or place == len(lines):
            yield lines[start:place]
            start = place
