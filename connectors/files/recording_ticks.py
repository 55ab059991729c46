"""Ticks of recorded websocket sessions: a file, or every one below a folder, plain or gzip (docs/glossary.md, names).

What was received goes through the codec, the books and the checks that a live connection goes through. Frames and lines
that cannot be read are malformed rows that name their file and line.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from connectors.files.canonical import canonical_chunks
from connectors.files.combined_ticks import combine
from connectors.files.new_york import day_bounds, days_of
from connectors.files.recording_lines import PlacedLine, placed_lines
from connectors.recordings.session_lines import HOSTS, SessionLine
from connectors.source import SourceError, TickSource, selected_days, selected_names
from connectors.websocket.columns import Frames
from connectors.websocket.feed import CODECS, Feed, codec_of
from domain.instruments import Instrument, Split
from domain.market import Chunk, Float64, Int64, Malformed, select
from features.depth_book import Event

BLOCK_LINES = 16_384
DECIMALS_MAX = 10
SIZE_DECIMALS_MAX = 8
_ROUNDING = 2.0**-51
_PROBED = 2_000
_RAW_MAX = 4096
_FUTURES = (b'"pu":', b'"X":"', b'"e":"bookTicker"')


class _Places(NamedTuple):
    """The most decimal places that the prices and the sizes of an instrument have."""

    price: int
    size: int


class _Held(NamedTuple):
    """What a session holds: its days (ISO dates of New York), and the decimal places of each instrument."""

    days: tuple[str, ...]
    decimals: dict[str, _Places]


class RecordingTicks:
    """The sessions of one venue, in files of either kind; `name` is the venue.

    Raises SourceError where the files hold no instrument or day that is asked for.
    """

    def __init__(
        self,
        venue: str,
        paths: Sequence[Path],
        place: Path,
        instruments: tuple[str, ...] | None = None,
        first: str | None = None,
        last: str | None = None,
    ) -> None:
        self.name = venue
        self._paths = tuple(paths)
        held = _survey(venue, self._paths)
        if not held.decimals:
            raise SourceError(
                f"{place} holds no trade, quote or book of {venue}; record channels of market data"
            )
        self._names = selected_names(held.decimals, instruments)
        self._decimals = held.decimals
        self._days = selected_days(held.days, first, last, place)

    def instruments(self) -> tuple[str, ...]:
        """Return the names of what was recorded."""
        return self._names

    def reference(self) -> tuple[Instrument, ...]:
        """Return the instruments: traded round the clock, in steps of the decimal places that prices and sizes have."""
        return tuple(
            Instrument(
                name=name,
                issuer=name.partition("-")[0],
                tick_size=Decimal(1).scaleb(-self._decimals[name].price),
                unit=Decimal(1).scaleb(-self._decimals[name].size),
                currency=name.split("-")[1],
                calendar="24/7",
            )
            for name in self._names
        )

    def splits(self) -> tuple[Split, ...]:
        """Return nothing: currencies are not split."""
        return ()

    def segments(self) -> tuple[str, ...]:
        """Return the days of receipt."""
        return self._days

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield the day's rows in canonical order.

        A book of the day may have begun on a day before it, so that the session is read from its start.
        """
        yield from canonical_chunks([self._chunks(segment, index, owned)])

    def _chunks(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        start, stop = day_bounds(segment)
        feed = Feed(self.name, self._names)
        places = np.array([index.get(name, -1) for name in self._names], np.int64)
        mine = np.array([place >= 0 and bool(owned[place]) for place in places], np.bool_)
        speaks = bool(len(owned) and owned[0])
        for block in _blocks(self._paths):
            if block[0].at >= stop:
                return
            good = [placed for placed in block if placed.line is not None]
            names = [f"{self._paths[placed.file].name}:{placed.number}" for placed in good]
            decoded = feed.feed([placed.line for placed in good if placed.line is not None], names)
            ticks = decoded.ticks
            wanted = mine[ticks.instrument] & (ticks.known_at >= start) & (ticks.known_at < stop)
            kept = select(ticks, wanted)
            kept = kept._replace(instrument=places[kept.instrument].astype(np.int32))
            refused = [*decoded.malformed, *self._damaged(block)] if speaks else []
            yield Chunk(
                kept,
                tuple(row for row in refused if start <= row.known_at < stop),
                tuple(
                    row
                    for row in decoded.health
                    if start <= row.known_at < stop and mine[self._names.index(row.instrument)]
                ),
            )

    def _damaged(self, block: Iterable[PlacedLine]) -> Iterator[Malformed]:
        for placed in block:
            if placed.line is None:
                place = f"{self._paths[placed.file].name}:{placed.number}"
                raw = placed.raw[:_RAW_MAX].decode(errors="backslashreplace")
                yield Malformed(self.name, place, placed.reason, raw, placed.at)


def recording_ticks(
    place: Path, instruments: tuple[str, ...] | None = None, first: str | None = None, last: str | None = None
) -> TickSource:
    """Return the ticks of a file or folder, of several venues as one; raises SourceError."""
    paths = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    venues: dict[str, list[Path]] = {}
    for path in paths:
        venue = _venue_of(path)
        if venue:
            venues.setdefault(venue, []).append(path)
    if not venues:
        raise SourceError(
            f"{place} holds no recorded session of a venue that is known; those are {', '.join(CODECS)}"
        )
    if len(venues) == 1:
        venue, files = next(iter(venues.items()))
        return RecordingTicks(venue, files, place, instruments, first, last)
    return _several(venues, place, instruments, first, last)


def _several(
    venues: Mapping[str, Sequence[Path]],
    place: Path,
    instruments: tuple[str, ...] | None,
    first: str | None,
    last: str | None,
) -> TickSource:
    """Return the sessions of several venues as one; those that hold nothing but lists of instruments are left out."""
    whole = {}
    for venue, files in venues.items():
        held = _survey(venue, files)
        if held.decimals:
            whole[venue] = held
    names = selected_names((name for held in whole.values() for name in held.decimals), instruments)
    days = selected_days((day for held in whole.values() for day in held.days), first, last, place)
    sources = []
    for venue, held in whole.items():
        mine = tuple(name for name in names if name in held.decimals)
        if mine and set(days) & set(held.days):
            sources.append(RecordingTicks(venue, venues[venue], place, mine, first, last))
    return combine(sources)


def _venue_of(path: Path) -> str:
    """Return whose session a file holds, by its addresses, Binance's streams or Bybit's topics; "" where it is none."""
    combined = False
    for placed in islice(placed_lines([path]), _PROBED):
        line = placed.line
        if line is None:
            continue
        host = urlsplit(line.address).netloc
        for part, venue in HOSTS:
            if part in host and not (venue == "binance" and combined):
                return venue
        if line.text.startswith(b'{"topic":"'):
            return "bybit"
        if line.text.startswith(b'{"stream"'):
            combined = True
            if any(mark in line.text for mark in _FUTURES):
                return "binance_futures"
    return "binance" if combined else ""


def _blocks(paths: Sequence[Path]) -> Iterator[list[PlacedLine]]:
    lines = placed_lines(paths)
    while block := list(islice(lines, BLOCK_LINES)):
        yield block


def _survey(venue: str, paths: Sequence[Path]) -> _Held:
    """Read sessions through once, for what they hold."""
    codec = codec_of(venue)
    days: set[str] = set()
    decimals: dict[str, _Places] = {}
    for block in _blocks(paths):
        lines: list[SessionLine] = [placed.line for placed in block if placed.line is not None]
        frames = codec.decode(lines)
        days |= set(days_of(np.array([line.at for line in lines], np.int64)))
        for which, places in _decimals(frames).items():
            name = codec.names[which]
            known = decimals.get(name, places)
            decimals[name] = _Places(max(places.price, known.price), max(places.size, known.size))
    return _Held(tuple(sorted(days)), decimals)


def _decimals(frames: Frames) -> dict[int, _Places]:
    """Return the most decimal places that the prices and sizes of each instrument of a block have."""
    events, numbers = frames.events, frames.numbers
    counts = events["level_stop"] - events["level"]
    traded, quoted = events["kind"] == Event.TRADE, events["kind"] == Event.QUOTE
    which = events["instrument"]
    deep = counts > 0
    order = np.argsort(events["level"][deep], kind="stable")
    owners = np.concatenate(
        (which[traded], which[quoted], which[quoted], np.repeat(which[deep][order], counts[deep][order]))
    )

    def all_of(of_trades: int, of_bids: int, of_asks: int, of_levels: Float64) -> Int64:
        parts = numbers[traded, of_trades], numbers[quoted, of_bids], numbers[quoted, of_asks], of_levels
        return _places(np.concatenate(parts))

    prices = all_of(0, 0, 2, frames.levels.price)
    sizes = np.minimum(all_of(1, 1, 3, frames.levels.size), SIZE_DECIMALS_MAX)
    return {
        int(one): _Places(int(prices[owners == one].max()), int(sizes[owners == one].max()))
        for one in np.unique(owners)
    }


def _places(values: Float64) -> Int64:
    """Return how many decimal places each value has, at most `DECIMALS_MAX`; none where it is not known."""
    places = np.full(len(values), DECIMALS_MAX)
    known = np.where(np.isnan(values), 0.0, values)
    for digits in range(DECIMALS_MAX - 1, -1, -1):
        steps = known * 10.0**digits
        places[np.abs(steps - np.rint(steps)) <= np.maximum(1e-6, _ROUNDING * np.abs(steps))] = digits
    return places
