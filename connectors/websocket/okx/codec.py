"""OKX's channels in columns: `trades`, `bbo-tbt`, and of books `books` with its changes and `books5` whole each time.

Each change of `books` names the message before it, by which a missing one is found. The checksum is not read: the venue
sends it as 0 by now (ccxt, pull requests 28660 and 30299, 2026).
"""

from collections.abc import Sequence

import msgspec

from connectors.websocket.columns import BUY, SELL, NoticeKind
from connectors.websocket.fields import MILLISECOND, Shape
from connectors.websocket.frames import Block, Damaged, FrameCodec, Reader, Route
from connectors.websocket.keys import Cut
from connectors.websocket.levels import PAIR, two_sides
from connectors.websocket.okx.symbols import instrument_name
from connectors.websocket.readers import TradePaths, quote_reader, trade_reader
from features.depth_book import Event, Rule

_START = b'{"arg":{"channel":"'
_SIDES = ("data.0.bids", "data.0.asks")
_DEEP, _BEST = 400, 5
_CHANGES = Shape("action", "data.0.seqId", "data.0.prevSeqId", "data.0.ts", *_SIDES, lists=_SIDES, row=PAIR)
_WHOLE = Shape("data.0.seqId", "data.0.ts", *_SIDES, lists=_SIDES, row=PAIR)
_TOP = ("data.0.bids.0.0", "data.0.bids.0.1", "data.0.asks.0.0", "data.0.asks.0.1")
_TRADE = TradePaths("ts", "px", "sz", "side", "tradeId")
_KINDS = {"snapshot": float(Event.SNAPSHOT), "update": float(Event.DIFFERENCE)}
_EVENTS = {
    "subscribe": NoticeKind.ACKNOWLEDGED,
    "unsubscribe": NoticeKind.ACKNOWLEDGED,
    "error": NoticeKind.REFUSED,
    "notice": NoticeKind.STATUS,
}


class _Channel(msgspec.Struct):
    channel: str = ""


class _Said(msgspec.Struct):
    event: str
    arg: _Channel = msgspec.field(default_factory=_Channel)
    msg: str = ""


_SAID = msgspec.json.Decoder(_Said).decode


class Codec(FrameCodec):
    """Frames of the public channels of spot."""

    rule = Rule.LINKED
    key = Cut(head=len(_START), mark=b'"instId":"', quoted=True)
    order = ("arg.channel", "arg.instId")

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__(names, instrument_name)

    def _route(self, key: bytes) -> Route | None:
        if not key.startswith(_START):
            return None
        channel, _, symbol = key[len(_START) :].decode().partition('"')
        readers: dict[str, Reader] = {"trades": _TRADES, "bbo-tbt": _QUOTES}
        if channel in readers:
            return self.route_to(readers[channel], symbol)
        if channel in {"books", "books5"}:
            reader, levels = (_changes, _DEEP) if channel == "books" else (_whole, _BEST)
            return self.book_to(reader, symbol, key, levels)
        return Route(lambda block: block.unused(f"{channel} {symbol}"))

    def _said(self, text: bytes) -> tuple[NoticeKind, str]:
        if text == b"pong":
            return NoticeKind.HEARTBEAT, ""
        said = _SAID(text)
        if said.event not in _EVENTS:
            raise Damaged(f"a frame has a channel or an event that is known; {said.event!r} was given")
        return _EVENTS[said.event], said.msg or said.arg.channel


def _changes(block: Block) -> None:
    fields = block.fields(_CHANGES)
    at, kind = fields.instants("data.0.ts", unit=MILLISECOND), fields.chosen("action", _KINDS)
    last, before = fields.integers("data.0.seqId"), fields.integers("data.0.prevSeqId")
    block.depth(fields, kind, at, two_sides(fields), last=last, previous=before)


def _whole(block: Block) -> None:
    fields = block.fields(_WHOLE)
    at, last = fields.instants("data.0.ts", unit=MILLISECOND), fields.integers("data.0.seqId")
    block.depth(fields, Event.SNAPSHOT, at, two_sides(fields), last=last)


_TRADES = trade_reader(_TRADE, MILLISECOND, {"buy": BUY, "sell": SELL}, "data")
_QUOTES = quote_reader(*_TOP, at="data.0.ts", unit=MILLISECOND)
