"""A venue's lines in, what the desk takes out: ticks, refused frames, the standing of books, and snapshots wanted.

Trades are rows as they come. The top of a book is a quote after every change that was applied to it. The quotes that a
venue sends itself check its book where they name an update id, and stand in for a book that is not there.

`known_at` is the time of receipt. `event_at` is the venue's, or the receipt's where the venue's is later (its clock
runs ahead) or not sent: nothing is known before it happened. The venue's own time is in `Frames`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.recordings.session_lines import SessionLine, Traffic
from connectors.source import SEQUENCES_PER_DAY, SourceError, nearest
from connectors.websocket.binance.codec import Codec as Binance
from connectors.websocket.binance_futures.codec import Codec as BinanceFutures
from connectors.websocket.bitstamp.codec import Codec as Bitstamp
from connectors.websocket.bybit.codec import Codec as Bybit
from connectors.websocket.coinbase.codec import Codec as Coinbase
from connectors.websocket.columns import Frames, Notice, Refused
from connectors.websocket.frames import FrameCodec
from connectors.websocket.kraken.codec import Codec as Kraken
from connectors.websocket.okx.codec import Codec as Okx
from connectors.websocket.trade_ids import TradeIds
from domain.health import HealthState, MarketHealth, market_health
from domain.market import DAY_SECONDS, SECOND, Kind, Malformed, Ticks, canonical_order, complete_ticks, select
from features.depth_book import HELD_MAX, Event, Outcome, run
from features.depth_levels import Levels, best_levels, empty_books, with_room

CODECS: dict[str, Callable[[Sequence[str] | None], FrameCodec]] = {
    "binance": Binance,
    "binance_futures": BinanceFutures,
    "bitstamp": Bitstamp,
    "bybit": Bybit,
    "coinbase": Coinbase,
    "kraken": Kraken,
    "okx": Okx,
}
"""The venues that can be read."""

_REASONS = {
    Outcome.GAP: "sequence_gap: a difference of depth does not follow the one before it",
    Outcome.CHECKSUM: "book_checksum: the checksum of the venue is not that of the book",
    Outcome.DISAGREES: "book_top: the top of the book is not the venue's own quote of the same update",
    Outcome.UNTYPED: "book_update: a level was changed that is not there, or inserted where one is",
}
_DOUBLED = "duplicate: a trade of this id came before"
_LOST = "book_lost: a change of depth could not be read"
_FORGOTTEN = "reconnected: what the venue sent meanwhile is lost"
_RAW_MAX = 4096


class Clocks(NamedTuple):
    """When frames with a time of the venue's own were received, and that time (both ns UTC)."""

    received_at: NDArray[np.int64]
    venue_at: NDArray[np.int64]


NO_CLOCKS = Clocks(np.empty(0, np.int64), np.empty(0, np.int64))


class Decoded(NamedTuple):
    """What lines held: rows in canonical order, refused frames, instruments whose book needs a snapshot, health.

    `missing_at` says of each of those instruments when its book was last found missing (ns UTC, of receipt).
    """

    ticks: Ticks
    malformed: tuple[Malformed, ...]
    snapshots_wanted: tuple[str, ...]
    health: tuple[MarketHealth, ...]
    notices: tuple[Notice, ...] = ()
    clocks: Clocks = NO_CLOCKS
    missing_at: tuple[int, ...] = ()


class _Noticed(msgspec.Struct):
    state: HealthState
    reason: str = ""


_NOTICED = msgspec.json.Decoder(_Noticed).decode


def codec_of(venue: str, names: Sequence[str] | None = None) -> FrameCodec:
    """Return a venue's codec; raises SourceError where it is unknown."""
    if venue not in CODECS:
        raise SourceError(f"unknown venue {venue!r}; the nearest: {nearest(venue, CODECS)}")
    return CODECS[venue](names)


class Feed:
    """Reads the lines of one venue for the instruments `names`, whose index the rows carry.

    Lines come in order of receipt, in blocks cut anywhere; the cut changes no row. `places` name lines in a refusal.
    """

    def __init__(self, venue: str, names: Sequence[str]) -> None:
        self.venue = venue
        self.names = tuple(names)
        self._codec = codec_of(venue, self.names)
        self._books = empty_books(len(self.names))
        self._held: Frames | None = None
        self._counted = np.zeros(len(self.names), np.int64)
        self._spoken = np.zeros(len(self.names), np.int64)
        self._trade_ids = TradeIds(len(self.names))
        self._lines = 0
        self._day = -1

    def checked(self) -> tuple[int, ...]:
        """Return how many of the venue's own quotes each book was compared with."""
        return tuple(int(count) for count in self._books.checked)

    def levels(self, name: str, count: int) -> NDArray[np.float64]:
        """Return the best levels of an instrument's book: bid, bid size, ask, ask size, best first."""
        best: NDArray[np.float64] = best_levels(self._books, self.names.index(name), count)
        return best

    def feed(self, lines: Sequence[SessionLine], places: Sequence[str] = ()) -> Decoded:
        """Return what lines held; raises no error for anything that the venue may send."""
        frames = self._codec.decode(lines)
        known = np.array([line.at for line in lines], np.int64)
        block, start, outcomes, tops = self._run(frames)
        fresh = slice(start, None)
        at = known[frames.line]
        event_at = np.where((frames.event_at <= 0) | (frames.event_at > at), at, frames.event_at)
        wanted: dict[str, int] = {}
        said = self._said(block.events[fresh], outcomes[fresh], at, event_at, wanted)
        health = [*said, *self._noticed(lines)]
        health.sort(key=lambda row: (row.known_at, row.instrument))
        numbered = tuple(self._numbered(row) for row in health)
        doubled = self._trade_ids.again(frames, self._lines)
        ticks = self._ticks(frames, outcomes[fresh], tops[fresh], at, event_at, doubled)
        self._keep(block, outcomes)
        refused = [*frames.refused, *(Refused(int(line), _DOUBLED) for line in frames.line[doubled])]
        malformed = self._malformed(sorted(refused, key=lambda row: row.line), lines, places)
        self._lines += len(lines)
        timed = frames.event_at > 0
        clocks = Clocks(at[timed], frames.event_at[timed])
        missing = tuple(wanted.values())
        return Decoded(ticks, malformed, tuple(wanted), numbered, frames.notices, clocks, missing)

    def _run(self, frames: Frames) -> tuple[Frames, int, NDArray[np.int64], NDArray[np.float64]]:
        """Take a block through the books; return it after what was held, its own first row, and what came."""
        start = 0 if self._held is None else len(self._held.events)
        block = frames if self._held is None else _joined(self._held, frames)
        outcomes = np.zeros(len(block.events), np.int64)
        outcomes[:start] = Outcome.HELD
        tops = np.full((len(block.events), 4), np.nan)
        if len(frames.events):
            self._books = with_room(self._books, block.events)
            run(
                self._books,
                block.events,
                block.numbers,
                block.levels,
                int(self._codec.rule),
                outcomes,
                tops,
                start,
            )
        return block, start, outcomes, tops

    def _keep(self, block: Frames, outcomes: NDArray[np.int64]) -> None:
        """Remember the differences that wait for a snapshot, the newest HELD_MAX of each instrument."""
        rows = np.flatnonzero(outcomes == Outcome.HELD)
        if len(rows) > HELD_MAX:
            which = block.events["instrument"][rows]
            newest = [rows[which == one][-HELD_MAX:] for one in np.unique(which)]
            rows = np.sort(np.concatenate(newest))
        self._held = _picked(block, rows) if len(rows) else None

    def _said(
        self,
        events: NDArray[np.void],
        outcomes: NDArray[np.int64],
        known_at: NDArray[np.int64],
        event_at: NDArray[np.int64],
        wanted: dict[str, int],
    ) -> Iterable[MarketHealth]:
        """Yield what the books' outcomes say of their instruments; add to `wanted` whose book is missing, and when.

        What cannot be read while there is no book may have been the book, and a difference that finds none where books
        come before their differences says that it was.
        With a new connection all books come by themselves, also those that were wanted before.
        """
        kinds = events["kind"]
        told = (outcomes >= Outcome.GAP) | (outcomes == Outcome.STARTED)
        told |= (kinds == Event.FORGET) | (kinds == Event.LOST)
        orphans = np.flatnonzero((outcomes == Outcome.NO_BOOK) & (kinds == Event.DIFFERENCE))
        _, back = np.unique(events["instrument"][orphans][::-1], return_index=True)
        told[orphans[::-1][back]] = True
        for row in np.flatnonzero(told):
            which = int(events["instrument"][row])
            name, outcome, kind = self.names[which], Outcome(outcomes[row]), Event(events["kind"][row])
            instants = (int(event_at[row]), int(known_at[row]))
            if outcome is Outcome.STARTED:
                yield self._stands(name, HealthState.FRESH, "book_started: a snapshot was applied", *instants)
                continue
            if kind is Event.DIFFERENCE and outcome is Outcome.NO_BOOK and self._books.whole[which]:
                continue
            if kind is not Event.FORGET:
                wanted[name] = int(known_at[row])
            else:
                wanted.pop(name, None)
            if outcome is Outcome.NO_BOOK:
                continue
            reason = (
                _LOST if kind is Event.LOST else _FORGOTTEN if kind is Event.FORGET else _REASONS[outcome]
            )
            state = HealthState.DISAGREEING if outcome is Outcome.DISAGREES else HealthState.GAP
            yield self._stands(name, state, reason, *instants)

    def _noticed(self, lines: Sequence[SessionLine]) -> Iterable[MarketHealth]:
        """Yield what the transport noticed, for every instrument."""
        for line in lines:
            if line.traffic is Traffic.NOTICED:
                try:
                    noticed = _NOTICED(line.text)
                except msgspec.DecodeError:
                    continue
                for name in self.names:
                    yield self._stands(name, noticed.state, noticed.reason, line.at, line.at)

    def _stands(
        self, name: str, state: HealthState, reason: str, event_at: int, known_at: int
    ) -> MarketHealth:
        return market_health(
            name, state, reason, source=self.venue, sequence=0, event_at=event_at, known_at=known_at
        )

    def _numbered(self, row: MarketHealth) -> MarketHealth:
        """Return a record with its sequence, and so its name."""
        which = self.names.index(row.instrument)
        self._spoken[which] += 1
        return market_health(
            row.instrument,
            row.state,
            row.reason,
            source=self.venue,
            sequence=int(self._spoken[which]),
            event_at=row.event_at,
            known_at=row.known_at,
        )

    def _ticks(
        self,
        frames: Frames,
        outcomes: NDArray[np.int64],
        tops: NDArray[np.float64],
        known_at: NDArray[np.int64],
        event_at: NDArray[np.int64],
        doubled: NDArray[np.bool_],
    ) -> Ticks:
        """Return trades, tops of books and the quotes that stand in for one, in canonical order."""
        kind, numbers = frames.events["kind"], frames.numbers
        top = ((outcomes == Outcome.APPLIED) | (outcomes == Outcome.STARTED)) & ~np.isnan(tops).all(axis=1)
        trade = (kind == Event.TRADE) & ~doubled
        sized = (kind == Event.QUOTE) & ~np.isnan(numbers).any(axis=1)
        sized &= outcomes == Outcome.PASSED
        rows = np.flatnonzero(trade | top | sized)
        quote = np.where(top[:, None], tops, numbers)[rows]
        trades = trade[rows]
        which = frames.events["instrument"][rows]
        quote[trades] = (np.nan, 0.0, np.nan, 0.0)
        columns: dict[str, NDArray[np.generic]] = {
            "event_at": event_at[rows],
            "known_at": known_at[rows],
            "instrument": which.astype(np.int32),
            "kind": np.where(trades, Kind.TRADE, Kind.QUOTE).astype(np.uint8),
            "price": np.where(trades, numbers[rows, 0], np.nan),
            "size": np.where(trades, numbers[rows, 1], 0.0),
            "bid": quote[:, 0],
            "bid_size": quote[:, 1],
            "ask": quote[:, 2],
            "ask_size": quote[:, 3],
            "sequence": self._sequences(which, known_at[rows]),
        }
        ticks = complete_ticks(columns)
        return select(ticks, canonical_order(ticks))

    def _sequences(self, which: NDArray[np.int64], known_at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the sequence of rows within their instruments and the day (UTC) of their receipt."""
        sequences = np.empty(len(which), np.int64)
        days = known_at // (DAY_SECONDS * SECOND)
        for day in np.unique(days):
            if day > self._day:
                self._counted[:] = 0
                self._day = int(day)
            of_day = np.flatnonzero(days == day)
            for one in np.unique(which[of_day]):
                rows = of_day[which[of_day] == one]
                sequences[rows] = self._counted[one] + 1 + np.arange(len(rows)) + day * SEQUENCES_PER_DAY
                self._counted[one] += len(rows)
        return sequences

    def _malformed(
        self, refused: Iterable[Refused], lines: Sequence[SessionLine], places: Sequence[str]
    ) -> tuple[Malformed, ...]:
        return tuple(
            Malformed(
                self.venue,
                places[row.line] if places else f"line {self._lines + row.line + 1}",
                row.reason,
                lines[row.line].text[:_RAW_MAX].decode(errors="backslashreplace"),
                lines[row.line].at,
            )
            for row in refused
        )


def _joined(held: Frames, frames: Frames) -> Frames:
    """Return two blocks as one, of which `held` are the first events."""
    events = frames.events.copy()
    for name in ("level", "ask_level", "level_stop"):
        events[name] += len(held.levels.price)
    pairs = zip(held.levels, frames.levels, strict=True)
    return frames._replace(
        events=np.concatenate((held.events, events)),
        numbers=np.concatenate((held.numbers, frames.numbers)),
        levels=Levels._make(np.concatenate(pair) for pair in pairs),
    )


def _picked(block: Frames, rows: NDArray[np.intp]) -> Frames:
    """Return some events of a block with their levels alone."""
    events = block.events[rows]
    counts = events["level_stop"] - events["level"]
    starts = np.cumsum(counts) - counts
    levels = np.repeat(events["level"] - starts, counts) + np.arange(int(counts.sum()))
    moved = events.copy()
    moved["ask_level"] += starts - events["level"]
    moved["level"], moved["level_stop"] = starts, starts + counts
    return block._replace(
        events=moved,
        numbers=block.numbers[rows],
        levels=Levels._make(column[levels] for column in block.levels),
    )
