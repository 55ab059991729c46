"""Frames of venues in columns: trades, quotes and depth, and what is none of them, said as notices.

A codec reads lines of a session and leaves them in `Columns`, whose `frames` are arrays. A frame that cannot be read is
refused whole, with its reason; it takes nothing else with it.
"""

from array import array
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.recordings.session_lines import SessionLine, Traffic
from domain.market import Float64, Int64
from features.depth_book import EVENT, Event, Rule
from features.depth_levels import Levels

BUY, SELL = 1.0, -1.0
"""The side of the one who took liquidity."""
NO_ID = -1
_CODE = 2**32
_QUICK, _DEEP = 4, 9
_NAN = float("nan")
_DIFFERENCE = int(Event.DIFFERENCE) * _CODE
LARGEST = 1e300
"""No price or size is as large."""
_IMPOSSIBLE = (
    "a price is a number above 0, as is the size of a trade; the size of a quote or level is at least 0"
)


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


class Damaged(ValueError):
    """A frame whose JSON is whole and whose content is not."""


class Columns:
    """Columns while they grow."""

    def __init__(self) -> None:
        self._quick = array("q")
        self._numbers = array("d")
        self._deep = array("q")
        self._levels = array("d")
        self._digits: list[int] = []
        self.line = 0
        self.trade_ids: list[int | str] = []
        self.notices: list[Notice] = []
        self.refused: list[Refused] = []

    def trade(
        self, instrument: int, event_at: int, price: float, size: float, side: float, number: int | str
    ) -> None:
        """Add a trade."""
        self._quick.extend((self.line, instrument, event_at, NO_ID))
        self._numbers.extend((price, size, side, _NAN))
        self.trade_ids.append(number)

    def quote(
        self,
        instrument: int,
        event_at: int,
        bid: float,
        bid_size: float,
        ask: float,
        ask_size: float,
        last: int = NO_ID,
    ) -> None:
        """Add a quote; a size that is not sent is NaN."""
        self._quick.extend((self.line, _CODE + instrument, event_at, last))
        self._numbers.extend((bid, bid_size, ask, ask_size))

    def depth(  # noqa: PLR0913, PLR0917  the fields of a change of depth
        self,
        kind: Event,
        instrument: int,
        event_at: int,
        bids: Sequence[tuple[float, float]],
        asks: Sequence[tuple[float, float]],
        first: int = NO_ID,
        last: int = NO_ID,
        previous: int = NO_ID,
        digits: Sequence[int] | None = None,
        keep: int = 0,
    ) -> None:
        """Add a snapshot or difference; `digits` has two numbers a level, bids first."""
        levels = self._levels
        start = len(levels) // 2
        middle = start + len(bids)
        stop = middle + len(asks)
        levels.extend(chain.from_iterable(bids))
        levels.extend(chain.from_iterable(asks))
        if digits is not None:
            self._digits.extend((0,) * (2 * start - len(self._digits)))
            self._digits.extend(digits)
        code = kind * _CODE + instrument
        self._deep.extend(
            (self.line, code, event_at, first, last, previous, start, middle, stop + keep * _CODE)
        )

    def change(self, instrument: int, event_at: int, price: float, size: float, *, bid: bool) -> None:
        """Add a difference of one level, without ids."""
        at = len(self._levels) // 2
        self._levels.extend((price, size))
        code = _DIFFERENCE + instrument
        self._deep.extend((self.line, code, event_at, NO_ID, NO_ID, NO_ID, at, at + bid, at + 1))

    def lost(self, instrument: int, kind: Event = Event.LOST) -> None:
        """Add that a book can no longer be relied on."""
        at = len(self._levels) // 2
        self._deep.extend((self.line, kind * _CODE + instrument, 0, NO_ID, NO_ID, NO_ID, at, at, at))

    def notice(self, kind: NoticeKind, about: str = "") -> None:
        """Add a frame without market data."""
        self.notices.append(Notice(self.line, kind, about))

    def refuse(self, reason: str) -> None:
        """Take away what the frame has added, and note why."""
        while self._quick and self._quick[-_QUICK] == self.line:
            if self._quick[1 - _QUICK] < _CODE:
                self.trade_ids.pop()
            del self._quick[-_QUICK:]
            del self._numbers[-4:]
        while self._deep and self._deep[-_DEEP] == self.line:
            del self._deep[-_DEEP:]
        stop = self._deep[-1] % _CODE if self._deep else 0
        del self._levels[2 * stop :]
        del self._digits[2 * stop :]
        self.refused.append(Refused(self.line, reason))

    def frames(self) -> Frames:
        """Return what has been added, as arrays, without what is no price or size."""
        quick = np.array(self._quick, np.int64).reshape(-1, _QUICK)
        deep = np.array(self._deep, np.int64).reshape(-1, _DEEP)
        order = np.argsort(np.concatenate((quick[:, 0], deep[:, 0])), kind="stable")
        count = len(quick)
        code = np.concatenate((quick[:, 1], deep[:, 1]))
        events = np.zeros(len(code), EVENT)
        events["kind"], events["instrument"] = np.divmod(code, _CODE)
        events["first"] = events["previous"] = NO_ID
        events["last"] = np.concatenate((quick[:, 3], deep[:, 4]))
        events["first"][count:], events["previous"][count:] = deep[:, 3], deep[:, 5]
        events["level"][count:], events["ask_level"][count:] = deep[:, 6], deep[:, 7]
        events["depth"][count:], events["level_stop"][count:] = np.divmod(deep[:, 8], _CODE)
        numbers = np.full((len(code), 4), np.nan)
        numbers[:count] = np.array(self._numbers, np.float64).reshape(-1, 4)
        levels = np.array(self._levels, np.float64).reshape(-1, 2)
        digits = np.zeros((len(levels), 2), np.int64)
        given = np.array(self._digits, np.int64).reshape(-1, 2)
        digits[: len(given)] = given
        return _believed(
            Frames(
                events=events[order],
                line=np.concatenate((quick[:, 0], deep[:, 0]))[order],
                event_at=np.concatenate((quick[:, 2], deep[:, 2]))[order],
                numbers=numbers[order],
                levels=Levels(levels[:, 0].copy(), levels[:, 1].copy(), digits),
                trade_ids=tuple(self.trade_ids),
                notices=tuple(self.notices),
                refused=tuple(self.refused),
            )
        )


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


class FrameCodec:
    """What the codecs of all venues share: lines in, columns out, and which instruments are wanted.

    `names` are the instruments wanted, in index order; where it is None every instrument is, in the order in which they
    are met, and `names` grows.
    """

    rule = Rule.NONE
    damages: tuple[type[Exception], ...] = (
        msgspec.DecodeError,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        OverflowError,
    )

    def __init__(self, names: Sequence[str] | None, instrument_name: Callable[[str], str]) -> None:
        self._grows = names is None
        self.names = list(names or ())
        self._index = {name: at for at, name in enumerate(self.names)}
        self._instrument_name = instrument_name
        self._known: dict[str, int] = {}

    def decode(self, lines: Sequence[SessionLine]) -> Frames:
        """Return a block of lines in columns; what a codec remembers from block to block are symbols alone."""
        columns = Columns()
        received = Traffic.RECEIVED
        for number, (traffic, _, address, text) in enumerate(lines):
            columns.line = number
            try:
                if traffic is received:
                    self._received(columns, text)
                elif traffic is Traffic.ANSWERED:
                    self._answered(columns, address, text)
                elif traffic is Traffic.CONNECTED:
                    self._connected(columns, address)
            except self.damages as failure:
                columns.refuse(_reason(failure))
                self._doubted(columns, text)
        return columns.frames()

    def instrument(self, symbol: str) -> int:
        """Return the index of a venue's symbol, -1 where it is not wanted; raises SourceError."""
        known = self._known.get(symbol)
        if known is not None:
            return known
        name = self._instrument_name(symbol)
        if self._grows and name not in self._index:
            self._index[name] = len(self.names)
            self.names.append(name)
        self._known[symbol] = self._index.get(name, -1)
        return self._known[symbol]

    def _received(self, columns: Columns, text: bytes) -> None:
        raise NotImplementedError

    def _answered(self, columns: Columns, address: str, text: bytes) -> None:
        """Read the answer of a REST request; a venue whose books come over its websocket needs none."""

    def _connected(self, columns: Columns, address: str) -> None:
        """Forget all books: what the venue sent while nobody listened is lost."""
        for instrument in range(len(self.names)):
            columns.lost(instrument, Event.FORGET)

    def _doubted(self, columns: Columns, text: bytes) -> None:
        """Say which book a damaged frame may have changed, where the venue's own rule would not find it out."""


def _reason(failure: Exception) -> str:
    if isinstance(failure, msgspec.ValidationError):
        return f"unexpected content: {failure}"
    if isinstance(failure, msgspec.DecodeError):
        return f"no JSON: {failure}"
    if isinstance(failure, KeyError | IndexError):
        return f"unexpected content: {failure.args[0] if failure.args else 'a part is missing'}"
    return str(failure)
