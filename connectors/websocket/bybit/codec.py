"""Bybit's topics in columns: `trade`, `orderBookL2` of the second version, `publicTrade`, `orderbook` of the fifth.

Of the second version, a level that is deleted or updated must stand and one that is inserted must not: a book where
that does not hold has lost a message, which the cross sequence alone, growing in steps of any size, would not tell. The
fifth version gives new sizes only.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from connectors.websocket.bybit.symbols import instrument_name
from connectors.websocket.columns import BUY, SELL, NoticeKind
from connectors.websocket.fields import MICROSECOND, MILLISECOND, Shape
from connectors.websocket.frames import Block, Damaged, FrameCodec, Reader, Route
from connectors.websocket.levels import PAIR, sided, two_sides
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
    "type", "data.b", "data.a", "data.seq", "ts", optional=("cts",), lists=("data.b", "data.a"), row=PAIR
)
_OLD_TRADE = Shape("trade_time_ms", "side", "size", "price", "trade_id")
_OLD_TRADES = Shape("data", lists=("data",), row=_OLD_TRADE)
_TRADES = Shape("data", lists=("data",), row=Shape("T", "S", "v", "p", "i"))
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

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__(names, instrument_name)

    def _key(self, text: bytes) -> bytes:
        return text[: text.find(b'"', 10)]

    def _route(self, key: bytes) -> Route | None:
        if not key.startswith(_START):
            return None
        topic = key[len(_START) :].decode()
        channel, _, symbol = topic.rpartition(".")
        readers: dict[str, Reader] = {
            "orderBookL2_25": _old_books,
            "orderBookL2": _old_books,
            "orderBookL2_200": _old_books,
            "trade": _old_trades,
            "publicTrade": _trades,
            "orderbook": _books,
        }
        reader = readers.get(channel.partition(".")[0])
        return Route(lambda block: block.unused(topic)) if reader is None else self.route_to(reader, symbol)

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
    kind, last = fields.chosen("type", _KINDS), fields.integers("data.seq")
    block.depth(fields, kind, at, two_sides(fields), last=last)


def _old_trades(block: Block) -> None:
    fields = block.fields(_OLD_TRADES)
    rows = fields.rows
    numbers = rows.floats("price"), rows.floats("size"), rows.chosen("side", _SIDES)
    block.trades(fields, rows.instants("trade_time_ms", unit=MILLISECOND), numbers, rows.texts("trade_id"))


def _trades(block: Block) -> None:
    fields = block.fields(_TRADES)
    rows = fields.rows
    numbers = rows.floats("p"), rows.floats("v"), rows.chosen("S", _SIDES)
    block.trades(fields, rows.instants("T", unit=MILLISECOND), numbers, rows.texts("i"))
