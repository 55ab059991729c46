"""Bybit's topics in columns: `trade`, `orderBookL2` of the second version, `publicTrade`, `orderbook` of the fifth.

Of the second version, a level that is deleted or updated must stand and one that is inserted must not: a book where
that does not hold has lost a message, which the cross sequence alone, growing in steps of any size, would not tell. The
fifth version gives new sizes only, and counts the messages of a topic in `u`; each begins again with a snapshot.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from connectors.websocket.bybit.symbols import instrument_name
from connectors.websocket.columns import BUY, NO_ID, SELL, NoticeKind
from connectors.websocket.fields import MICROSECOND, MILLISECOND, Shape
from connectors.websocket.frames import Block, Damaged, FrameCodec, Reader, Route
from connectors.websocket.keys import Cut
from connectors.websocket.levels import PAIR, sided, two_sides
from connectors.websocket.readers import TradePaths, trade_reader
from features.depth_book import Event, Rule
from features.depth_levels import ANY, DELETE, INSERT, UPDATE

_START = b'{"topic":"'
_SIDES = {"Buy": BUY, "Sell": SELL}
_CHANGES = {
    "data.delete": DELETE,
    "data.update": UPDATE,
    "data.insert": INSERT,
    "data.order_book": ANY,
    "data": ANY,
}
_LISTS = tuple(_CHANGES)
_OLD_LEVEL = Shape("price", "side", optional=("size",))
_OLD_BOOK = Shape("type", "cross_seq", "timestamp_e6", optional=_LISTS, lists=_LISTS, row=_OLD_LEVEL)
_BOOK = Shape(
    "type", "data.b", "data.a", "data.u", "ts", optional=("cts",), lists=("data.b", "data.a"), row=PAIR
)
_OLD_TRADE = TradePaths("trade_time_ms", "price", "size", "side", "trade_id")
_TRADE = TradePaths("T", "p", "v", "S", "i")
_KINDS = {"snapshot": float(Event.SNAPSHOT), "delta": float(Event.DIFFERENCE)}


class _Said(msgspec.Struct):
    success: bool | None = None
    ret_msg: str = ""
    op: str = ""
    topic: str | None = None


_SAID = msgspec.json.Decoder(_Said).decode


class Codec(FrameCodec):
    """Frames of linear and inverse contracts."""

    rule = Rule.TYPED
    key = Cut(head=10, quoted=True)
    order = ("topic",)

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__(names, instrument_name)

    def _route(self, key: bytes) -> Route | None:
        if not key.startswith(_START):
            return None
        topic = key[len(_START) : -1].decode()
        channel, _, symbol = topic.rpartition(".")
        kind, _, depth = channel.replace("_", ".").partition(".")
        if kind in _BOOKS and (depth.isdecimal() or not depth):
            return self.book_to(_BOOKS[kind], symbol, key, int(depth or 25))
        if channel in _TRADES:
            return self.route_to(_TRADES[channel], symbol)
        return Route(lambda block: block.unused(topic))

    def _said(self, text: bytes) -> tuple[NoticeKind, str]:
        said = _SAID(text)
        beat = said.op in {"ping", "pong"}
        if said.topic is not None:
            raise Damaged("a frame of a topic begins with its topic")
        if said.success is None and not beat:
            raise Damaged("neither data of a topic nor an answer")
        if said.success is False:
            return NoticeKind.REFUSED, said.ret_msg
        return NoticeKind.HEARTBEAT if beat or said.ret_msg == "pong" else NoticeKind.ACKNOWLEDGED, ""


def _old_books(block: Block) -> None:
    fields = block.fields(_OLD_BOOK)
    at = fields.instants("timestamp_e6", unit=MICROSECOND)
    kind = fields.chosen("type", _KINDS)
    rows = fields.rows
    how = np.array(list(_CHANGES.values()))[rows.which]
    gone = how == DELETE
    size = np.where(gone, 0.0, rows.floats("size"))
    listed = np.logical_or.reduce([fields.given(path) for path in _CHANGES])
    fields.doubt(~listed, lambda _: "a book has levels; none were given")
    rows.doubt(~(gone | (size > 0)), lambda _: "a level that stands has a size above 0")
    levels = sided(rows, rows.floats("price"), size, "side", how)
    block.depth(fields, kind, at, levels, last=fields.integers("cross_seq"))


def _books(block: Block) -> None:
    fields = block.fields(_BOOK)
    at = fields.instants("cts", "ts", unit=MILLISECOND)
    kind, last = fields.chosen("type", _KINDS), fields.integers("data.u")
    before = np.where(kind == Event.SNAPSHOT, NO_ID, last - 1)
    block.depth(fields, kind, at, two_sides(fields), last=last, previous=before)


_BOOKS: dict[str, Reader] = {"orderBookL2": _old_books, "orderbook": _books}
_TRADES: dict[str, Reader] = {
    name: trade_reader(paths, MILLISECOND, _SIDES, "data")
    for name, paths in (("trade", _OLD_TRADE), ("publicTrade", _TRADE))
}
