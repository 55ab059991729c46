"""Bitstamp's channels in columns: `live_trades`, `diff_order_book`, `order_book`, and books over REST.

A difference belongs after a snapshot whose microtimestamp is before its own. Nothing numbers the differences, so a
damaged one throws its book away.
"""

from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

import msgspec

from connectors.websocket.bitstamp.symbols import instrument_name
from connectors.websocket.columns import BUY, SELL, Columns, NoticeKind
from connectors.websocket.fields import MICROSECOND, Shape
from connectors.websocket.frames import Block, FrameCodec, Reader, Route
from connectors.websocket.keys import Cut
from connectors.websocket.levels import PAIR, two_sides
from connectors.websocket.readers import TradePaths, trade_reader
from features.depth_book import Event, Rule

_BOOK_PATH = "/api/v2/order_book/"
_TRADE = TradePaths("data.microtimestamp", "data.price", "data.amount", "data.type", "data.id", counted=True)

_EVENTS = {
    "bts:subscription_succeeded": NoticeKind.ACKNOWLEDGED,
    "bts:unsubscription_succeeded": NoticeKind.ACKNOWLEDGED,
    "bts:heartbeat": NoticeKind.HEARTBEAT,
}


class _Data(msgspec.Struct):
    message: str = ""


class _Said(msgspec.Struct):
    event: str
    channel: str = ""
    data: _Data | str | None = None


_SAID = msgspec.json.Decoder(_Said).decode


class Codec(FrameCodec):
    """Frames of the second version of Bitstamp's websocket."""

    rule = Rule.NEWER
    key = Cut(mark=b'"channel":"', last=True)
    order = ("data", "channel", "event")

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__(names, instrument_name)

    def _route(self, key: bytes) -> Route | None:
        channel, _, event = key.decode().partition('","event":"')
        kind, _, pair = channel.rpartition("_")
        readers: dict[str, Reader] = {
            "live_trades": _TRADES,
            "diff_order_book": _DIFFERENCES,
            "order_book": _SNAPSHOTS,
        }
        if event.rstrip('"}') not in {"data", "trade"}:
            return None
        return (
            self.route_to(readers[kind], pair)
            if kind in readers
            else Route(lambda block: block.unused(channel))
        )

    def _said(self, text: bytes) -> tuple[NoticeKind, str]:
        said = _SAID(text)
        if said.event == "bts:error":
            return NoticeKind.REFUSED, said.data.message if isinstance(said.data, _Data) else said.channel
        if said.event == "bts:request_reconnect":
            return NoticeKind.STATUS, "the venue asks for a new connection"
        known = said.event in _EVENTS
        return _EVENTS.get(said.event, NoticeKind.UNUSED), said.channel if known else said.event

    def _answered(self, columns: Columns, number: int, address: str, text: bytes) -> None:
        path = urlsplit(address).path
        if path.startswith(_BOOK_PATH):
            symbol = path.removeprefix(_BOOK_PATH).strip("/")
            self._one(columns, number, symbol, text, _ANSWERS)
        else:
            columns.notice(number, NoticeKind.UNUSED, address)


def _books(kind: Event, at: str, shape: Shape, block: Block) -> None:
    fields = block.fields(shape)
    instants = fields.instants(f"{at}microtimestamp", unit=MICROSECOND)
    last = fields.integers(f"{at}microtimestamp")
    block.depth(fields, kind, instants, two_sides(fields), last=last)


def _reader(kind: Event, at: str) -> Reader:
    """Return the reader of books whose parts are at a path."""
    lists = (f"{at}bids", f"{at}asks")
    return partial(_books, kind, at, Shape(f"{at}microtimestamp", *lists, lists=lists, row=PAIR))


_TRADES = trade_reader(_TRADE, MICROSECOND, {"0": BUY, "1": SELL})
_DIFFERENCES, _SNAPSHOTS = _reader(Event.DIFFERENCE, "data."), _reader(Event.SNAPSHOT, "data.")
_ANSWERS = _reader(Event.SNAPSHOT, "")
