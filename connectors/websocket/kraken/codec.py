"""Kraken's channels in columns: `trade`, `ticker`, `spread`, and `book` with the digits that its checksum is of.

The first version of its websocket is read here, which is what a connection speaks; recordings may be of the second.

A book message may come in two parts, one a side; the checksum is of the book after both. Levels carry their own times,
the latest of which is the message's; `ticker` has none.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from connectors.websocket.columns import BUY, SELL, NoticeKind
from connectors.websocket.fields import SECOND, Shape
from connectors.websocket.frames import Block, Damaged, FrameCodec, Reader, Route, Side
from connectors.websocket.keys import Cut
from connectors.websocket.kraken.second_version import (
    BOOK_KEY,
    READERS,
    SECOND_VERSION,
    STATUSES,
    second_books,
)
from connectors.websocket.kraken.symbols import instrument_name
from connectors.websocket.readers import TradePaths, quote_reader, trade_reader
from features.depth_book import Event, Rule

_EVENTS = {
    "heartbeat": NoticeKind.HEARTBEAT,
    "pong": NoticeKind.HEARTBEAT,
    "systemStatus": NoticeKind.STATUS,
    "subscriptionStatus": NoticeKind.ACKNOWLEDGED,
}
_BIDS, _ASKS = ("1.b", "1.bs", "2.b", "2.bs"), ("1.a", "1.as", "2.a", "2.as")
_SIDES = (*_BIDS, *_ASKS)
_BOOK = Shape(optional=(*_SIDES, "1.c", "2.c"), lists=_SIDES, row=Shape("0", "1", "2"))


class _Book(msgspec.Struct):
    channel: str = ""
    symbol: str = ""
    depth: int = 0


class _Said(msgspec.Struct):
    """A status of either version."""

    event: str = ""
    status: str = ""
    message: str = msgspec.field(name="errorMessage", default="")
    pair: str = ""
    channel: str = ""
    method: str = ""
    success: bool = True
    error: str = ""
    result: _Book = msgspec.field(default_factory=_Book)


_SAID = msgspec.json.Decoder(_Said).decode


class Codec(FrameCodec):
    """Frames of both versions of Kraken's websocket."""

    rule = Rule.CHECKSUM
    key = Cut(head=16, mark=b'"symbol":"')
    order = ("channel", "type", "data")

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__(names, instrument_name)
        self._depths: dict[str, int] = {}

    def _route(self, key: bytes) -> Route | None:
        if key.startswith(SECOND_VERSION):
            return self._second_route(key)
        if not key.startswith(b","):
            return None
        channel, pair = msgspec.json.decode(b"[" + key[1:], type=tuple[str, str])
        word, _, depth = channel.partition("-")
        readers: dict[str, Reader] = {
            "trade": _TRADES,
            "ticker": _TICKERS,
            "spread": _SPREADS,
        }
        if word == "book":
            return self.book_to(_books, pair, key, int(depth or 0), int(depth or 0))
        return self.route_to(readers[word], pair) if word in readers else Route(_unused)

    def _second_route(self, key: bytes) -> Route:
        """Return how frames of the second version are read; how deep a book is was said when it was subscribed to."""
        channel, symbol = key[: len(BOOK_KEY)], key[len(BOOK_KEY) :].decode()
        if channel == BOOK_KEY:
            depth = self._depths.get(symbol, 0)
            return self.book_to(second_books, symbol, key, depth, depth)
        return self.route_to(READERS[channel], symbol) if channel in READERS else Route(_unused)

    def _said(self, text: bytes) -> tuple[NoticeKind, str]:
        said = _SAID(text)
        if said.channel or said.method:
            return self._second_said(said)
        if not said.event:
            raise Damaged("neither a channel nor an event")
        if said.status == "error" or said.event == "error":
            return NoticeKind.REFUSED, said.message
        known = said.event in _EVENTS
        return _EVENTS.get(said.event, NoticeKind.UNUSED), said.pair or said.status if known else said.event

    def _second_said(self, said: _Said) -> tuple[NoticeKind, str]:
        """Read a status of the second version; the depth of a book counts from its subscription on."""
        if not said.success:
            return NoticeKind.REFUSED, said.error
        if said.result.channel == "book":
            self._depths[said.result.symbol] = said.result.depth
            key = BOOK_KEY + said.result.symbol.encode()
            self._put(key, self._second_route(key))
        about = said.channel or said.method
        return STATUSES.get(about, NoticeKind.UNUSED), said.result.symbol or about


def _unused(block: Block) -> None:
    block.unused("a channel without trades, quotes or depth")


def _books(block: Block) -> None:
    fields = block.fields(_BOOK)
    rows = fields.rows
    at = np.zeros(len(fields), np.int64)
    np.maximum.at(at, rows.row, rows.instants("2", unit=SECOND))
    digits = np.column_stack((rows.digits("0"), rows.digits("1")))
    levels = Side(rows, rows.floats("0"), rows.floats("1"), rows.which >= len(_BIDS), digits)
    whole = np.logical_or.reduce([fields.given(path) for path in _SIDES if path.endswith("s")])
    empty = (np.bincount(rows.row, minlength=len(fields)) == 0) & ~whole
    fields.doubt(empty, lambda _: "a book message changes at least one level; none was given")
    checksum = np.maximum(fields.integers("1.c"), fields.integers("2.c"))
    kind = np.where(whole, Event.SNAPSHOT, Event.DIFFERENCE)
    block.depth(fields, kind, at, levels, previous=checksum, depth=block.extra)


_TRADES = trade_reader(TradePaths("2", "0", "1", "3", "2"), SECOND, {"b": BUY, "s": SELL}, "1")
_TICKERS = quote_reader("1.b.0", "1.b.2", "1.a.0", "1.a.2")
_SPREADS = quote_reader("1.0", "1.3", "1.1", "1.4", at="1.2", unit=SECOND)
