"""Trades, quotes and depth of a block of frames in columns, and what is none of them: notices and refusals.

Readers add whole columns of one kind of frame at a time; `Columns.frames` puts the rows of all kinds in the order of
the lines that they came in, and takes out what is no price or size.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.market import Float64, Int64
from features.depth_book import EVENT, Event
from features.depth_levels import Levels

BUY, SELL = 1.0, -1.0
"""The side of the one who took liquidity."""
NO_ID = -1
LARGEST = 1e300
"""No price or size is as large."""
_IMPOSSIBLE = (
    "a price is a number above 0, as is the size of a trade; the size of a quote or level is at least 0"
)
_NO_LEVELS = Levels(np.empty(0), np.empty(0), np.empty((0, 2), np.int64))


class NoticeKind(StrEnum):
    """What a frame without market data is."""

    ACKNOWLEDGED = "acknowledged"
    HEARTBEAT = "heartbeat"
    REFUSED = "refused"
    STATUS = "status"
    UNUSED = "unused"


class Notice(NamedTuple):
    """A frame without market data; `line` is its row in the block, `about` the channel or what was said."""

    line: int
    kind: NoticeKind
    about: str


class Refused(NamedTuple):
    """A frame that could not be read: its row in the block, and why."""

    line: int
    reason: str


class Frames(NamedTuple):
    """A block of frames in columns, in the order of their receipt.

    `events`, `line` (row of the block), `event_at` (ns UTC as the venue says it, 0 where it says nothing) and `numbers`
    (events, 4) go together. Numbers of a trade: price, size, side (BUY, SELL), NaN; its venue's id is in `trade_ids`,
    one a trade. Of a quote: bid, bid size, ask, ask size; a size that is not sent is NaN. Levels are of depth events.
    """

    events: NDArray[np.void]
    line: Int64
    event_at: Int64
    numbers: Float64
    levels: Levels
    trade_ids: tuple[int | str, ...]
    notices: tuple[Notice, ...]
    refused: tuple[Refused, ...]


class Columns:
    """Columns while they grow, by groups of frames of one kind."""

    def __init__(self) -> None:
        self._events: list[NDArray[np.void]] = []
        self._lines: list[Int64] = []
        self._instants: list[Int64] = []
        self._numbers: list[Float64] = []
        self._levels: list[Levels] = []
        self._level_count = 0
        self._trade_ids: list[tuple[Int64, Sequence[int | str]]] = []
        self._notices: list[Notice] = []
        self._refused: list[Refused] = []

    def trades(
        self, line: Int64, instrument: Int64, event_at: Int64, numbers: Float64, ids: Sequence[int | str]
    ) -> None:
        """Add trades: `numbers` (trades, 4) are price, size, side, NaN."""
        self._trade_ids.append((line, ids))
        self._add(depth_events(Event.TRADE, instrument), line, event_at, numbers)

    def quotes(self, line: Int64, instrument: Int64, event_at: Int64, numbers: Float64, last: Int64) -> None:
        """Add quotes: `numbers` (quotes, 4) are bid, its size, ask, its size; a size that is not sent is NaN."""
        events = depth_events(Event.QUOTE, instrument)
        events["last"] = last
        self._add(events, line, event_at, numbers)

    def depth(
        self, line: Int64, event_at: Int64, events: NDArray[np.void], counts: Int64, levels: Levels
    ) -> None:
        """Add changes of books; of each, `counts` (events, 2) levels are bids and asks, which follow each other."""
        stops = np.cumsum(counts).reshape(-1, 2) + self._level_count
        events["level"] = stops[:, 0] - counts[:, 0]
        events["ask_level"], events["level_stop"] = stops[:, 0], stops[:, 1]
        self._level_count += len(levels.price)
        self._levels.append(levels)
        self._add(events, line, event_at, np.full((len(events), 4), np.nan))

    def lost(self, line: int, instrument: int, kind: Event = Event.LOST) -> None:
        """Add that a book can no longer be relied on."""
        at = np.array([line]), np.zeros(1, np.int64)
        self.depth(*at, depth_events(kind, np.array([instrument])), np.zeros((1, 2), np.int64), _NO_LEVELS)

    def notice(self, line: int, kind: NoticeKind, about: str = "") -> None:
        """Add a frame without market data."""
        self._notices.append(Notice(line, kind, about))

    def refuse(self, line: int, reason: str) -> None:
        """Add that a frame cannot be read, and why."""
        self._refused.append(Refused(line, reason))

    def _add(self, events: NDArray[np.void], line: Int64, event_at: Int64, numbers: Float64) -> None:
        self._events.append(events)
        self._lines.append(line)
        self._instants.append(event_at)
        self._numbers.append(numbers)

    def frames(self) -> Frames:
        """Return what has been added, in the order of lines, without what is no price or size."""
        line = _one(self._lines, np.empty(0, np.int64))
        order = np.argsort(line, kind="stable")
        levels = [
            _one(parts, none)
            for parts, none in zip(zip(*self._levels, strict=True), _NO_LEVELS, strict=False)
        ]
        return _believed(
            Frames(
                events=np.take(_one(self._events, np.empty(0, EVENT)), order),
                line=line[order],
                event_at=_one(self._instants, np.empty(0, np.int64))[order],
                numbers=_one(self._numbers, np.empty((0, 4)))[order],
                levels=Levels._make(levels) if levels else _NO_LEVELS,
                trade_ids=self._ids(),
                notices=tuple(sorted(self._notices, key=lambda notice: notice.line)),
                refused=tuple(sorted(self._refused)),
            )
        )

    def _ids(self) -> tuple[int | str, ...]:
        """Return the ids of trades in the order of lines."""
        if len(self._trade_ids) < 2:
            return tuple(number for _, ids in self._trade_ids for number in ids)
        order = np.argsort(np.concatenate([line for line, _ in self._trade_ids]), kind="stable")
        numbers = [number for _, ids in self._trade_ids for number in ids]
        return tuple(numbers[at] for at in order)


def depth_events(kind: Event, instrument: Int64) -> NDArray[np.void]:
    """Return events of a kind without ids and levels."""
    events = np.zeros(len(instrument), EVENT)
    events["kind"], events["instrument"] = kind, instrument
    events["first"] = events["last"] = events["previous"] = NO_ID
    return events


def _one(parts: Sequence[NDArray[Any]], none: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate(parts) if len(parts) > 1 else parts[0] if parts else none


def _believed(frames: Frames) -> Frames:
    """Return frames without those that hold an impossible price or size; a book that one would change is lost."""
    events, numbers, levels = frames.events, frames.numbers, frames.levels
    kind = events["kind"]
    trade, quote = kind == Event.TRADE, kind == Event.QUOTE
    with np.errstate(invalid="ignore"):
        bad_first = ~((numbers[:, 0] > 0) & (numbers[:, 0] < LARGEST))
        bad_size = ~((numbers[:, 1] > 0) & (numbers[:, 1] < LARGEST))
        bad_ask = ~((numbers[:, 2] > 0) & (numbers[:, 2] < LARGEST))
        bad_sizes = (numbers[:, (1, 3)] < 0).any(axis=1) | np.isinf(numbers[:, (1, 3)]).any(axis=1)
        bad_level = ~(
            (levels.price > 0) & (levels.price < LARGEST) & (levels.size >= 0) & (levels.size < LARGEST)
        )
    bad = (trade & (bad_first | bad_size)) | (quote & (bad_first | bad_ask | bad_sizes))
    fallen = np.concatenate(([0], np.cumsum(bad_level)))
    deep = fallen[events["level_stop"]] > fallen[events["level"]]
    if not (bad.any() or deep.any()):
        return frames
    lines = np.unique(frames.line[bad | deep])
    drop = np.isin(frames.line, lines) & ~deep
    lost = events.copy()
    for name in ("level", "ask_level", "level_stop"):
        lost[name][deep] = 0
    lost["kind"][deep] = Event.LOST
    reasons = (Refused(int(line), _IMPOSSIBLE) for line in lines)
    return frames._replace(
        events=lost[~drop],
        line=frames.line[~drop],
        event_at=frames.event_at[~drop],
        numbers=numbers[~drop],
        trade_ids=tuple(
            number for number, gone in zip(frames.trade_ids, drop[trade], strict=True) if not gone
        ),
        refused=tuple(sorted((*frames.refused, *reasons))),
    )
