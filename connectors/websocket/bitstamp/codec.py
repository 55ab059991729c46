"""Bitstamp's channels in columns: `live_trades`, `diff_order_book`, `order_book`, and books over REST.

A difference belongs after a snapshot whose microtimestamp is before its own. Nothing numbers the differences, so a
damaged one throws its book away.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from connectors.websocket.bitstamp.symbols import instrument_name
from connectors.websocket.frames import BUY, NO_ID, SELL, Columns, Damaged, FrameCodec, NoticeKind
from features.depth_book import Event, Rule

_BOOK_PATH = "/api/v2/order_book/"
_MICROSECOND = 1000
_CHANNEL = re.compile(rb'"(?:diff_)?order_book_([a-z0-9]+)"')


class _Data(Struct, gc=False):
    microtimestamp: int = 0
    bids: list[tuple[float, float]] = []
    asks: list[tuple[float, float]] = []
    id: int = NO_ID
    amount: float = 0.0
    price: float = 0.0
    type: int = NO_ID
    message: str = ""


class _Frame(Struct, gc=False):
    event: str
    channel: str = ""
    data: _Data | str | None = None


class _Book(Struct, gc=False):
    microtimestamp: int
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


_DECODE = msgspec.json.Decoder(_Frame, strict=False).decode
_BOOK = msgspec.json.Decoder(_Book, strict=False).decode


class Codec(FrameCodec):
    """Frames of the second version of Bitstamp's websocket."""

    rule = Rule.NEWER

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__(names, instrument_name)
        self._channels: dict[str, tuple[str, int]] = {}

    def _received(self, columns: Columns, text: bytes) -> None:
        frame = _DECODE(text)
        data = frame.data
        if frame.event not in {"data", "trade"}:
            _notice(columns, frame)
            return
        kind, instrument = self._channels.get(frame.channel) or self._channel(frame.channel)
        if kind == "unused" or not isinstance(data, _Data):
            columns.notice(NoticeKind.UNUSED, frame.channel)
        elif instrument >= 0:
            at = data.microtimestamp * _MICROSECOND
            if at <= 0:
                raise Damaged("a frame with data has a microtimestamp above 0")
            if kind == "live_trades":
                if data.type not in {0, 1}:
                    raise Damaged(f"the type of a trade is 0 (buy) or 1 (sell); {data.type} was given")
                side = SELL if data.type else BUY
                columns.trade(instrument, at, data.price, data.amount, side, data.id)
            else:
                event = Event.DIFFERENCE if kind == "diff_order_book" else Event.SNAPSHOT
                columns.depth(event, instrument, at, data.bids, data.asks, last=data.microtimestamp)

    def _channel(self, channel: str) -> tuple[str, int]:
        kind, _, pair = channel.rpartition("_")
        known = kind in {"live_trades", "diff_order_book", "order_book"}
        found = (kind, self.instrument(pair)) if known else ("unused", NO_ID)
        self._channels[channel] = found
        return found

    def _answered(self, columns: Columns, address: str, text: bytes) -> None:
        path = urlsplit(address).path
        if not path.startswith(_BOOK_PATH):
            columns.notice(NoticeKind.UNUSED, address)
            return
        instrument = self.instrument(path.removeprefix(_BOOK_PATH).strip("/"))
        book = _BOOK(text)
        if instrument >= 0:
            at = book.microtimestamp * _MICROSECOND
            columns.depth(Event.SNAPSHOT, instrument, at, book.bids, book.asks, last=book.microtimestamp)

    def _doubted(self, columns: Columns, text: bytes) -> None:
        found = _CHANNEL.search(text)
        if found is not None:
            instrument = self.instrument(found[1].decode())
            if instrument >= 0:
                columns.lost(instrument)


def _notice(columns: Columns, frame: _Frame) -> None:
    if frame.event == "bts:error":
        said = frame.data.message if isinstance(frame.data, _Data) else frame.channel
        columns.notice(NoticeKind.REFUSED, said)
    elif frame.event.endswith("scription_succeeded"):
        columns.notice(NoticeKind.ACKNOWLEDGED, frame.channel)
    elif frame.event == "bts:heartbeat":
        columns.notice(NoticeKind.HEARTBEAT)
    elif frame.event == "bts:request_reconnect":
        columns.notice(NoticeKind.STATUS, "the venue asks for a new connection")
    else:
        columns.notice(NoticeKind.UNUSED, frame.event)
