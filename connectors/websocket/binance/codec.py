"""Binance's combined streams in columns: `trade` and `aggTrade`, `bookTicker`, `depth` and its best levels, and REST.

Both markets of Binance are read here; they differ in their rule and their names. Event time is the transaction's where
one is sent, else the message's; spot's bookTicker has none.
"""

from collections.abc import Callable, Sequence
from urllib.parse import parse_qs

import msgspec
import numpy as np

from connectors.websocket.binance.symbols import instrument_name
from connectors.websocket.columns import BUY, SELL, Columns, NoticeKind
from connectors.websocket.fields import MILLISECOND, Shape, word
from connectors.websocket.frames import Block, Damaged, FrameCodec, Reader, Route, Side
from connectors.websocket.keys import Cut
from connectors.websocket.levels import PAIR, two_sides
from connectors.websocket.readers import quote_reader
from features.depth_book import Event, Rule

_START = b'{"stream":"'
_DEPTH_PATHS = ("/api/v3/depth", "/fapi/v1/depth", "/dapi/v1/depth")
_ALL = 10**6
_TRADE = Shape("data.T", "data.p", "data.q", "data.m", optional=("data.t", "data.a", "data.X"))
_DEPTH = Shape(
    "data.U",
    "data.u",
    "data.E",
    "data.b",
    "data.a",
    optional=("data.T", "data.pu"),
    lists=("data.b", "data.a"),
    row=PAIR,
)
_SNAPSHOT = Shape("lastUpdateId", "bids", "asks", optional=("E", "T"), lists=("bids", "asks"), row=PAIR)
_BEST_OF_SPOT, _BEST = ("data.bids", "data.asks"), ("data.b", "data.a")
_PART = Shape(
    optional=("data.lastUpdateId", "data.u", "data.T", "data.E", *_BEST_OF_SPOT, *_BEST),
    lists=(*_BEST_OF_SPOT, *_BEST),
    row=PAIR,
)


class _Failure(msgspec.Struct):
    msg: str = ""


class _Other(msgspec.Struct):
    stream: str = ""
    error: _Failure | None = None
    code: int = 0
    msg: str = ""
    last: int | None = msgspec.field(name="lastUpdateId", default=None)
    id: int | str | None = None
    result: object = msgspec.UNSET


_OTHER = msgspec.json.Decoder(_Other).decode


class Codec(FrameCodec):
    """Frames of spot; USD-M futures differ in their rule and their names."""

    rule = Rule.SPOT
    key = Cut(head=11, quoted=True)
    order = ("stream",)

    def __init__(
        self, names: Sequence[str] | None = None, naming: Callable[[str], str] = instrument_name
    ) -> None:
        super().__init__(names, naming)

    def _route(self, key: bytes) -> Route | None:
        if not key.startswith(_START):
            return None
        symbol, _, kind = key[len(_START) : -1].decode().partition("@")
        readers: dict[str, Reader] = {"bookTicker": _TICKERS, "trade": _trades, "aggTrade": _trades}
        kind = kind.partition("@")[0]
        if kind == "depth":
            return self.book_to(_differences, symbol, key, _ALL)
        if kind in {"depth5", "depth10", "depth20"}:
            return self.book_to(_parts, symbol, key, int(kind.removeprefix("depth")))
        reader = readers.get(kind)
        if reader is None:
            return Route(lambda block: block.unused(f"{symbol}@{kind}"))
        return self.route_to(reader, symbol)

    def _said(self, text: bytes) -> tuple[NoticeKind, str]:
        frame = _OTHER(text)
        if frame.stream:
            raise Damaged("a frame of a combined stream begins with its stream")
        if frame.last is not None:
            raise Damaged("a snapshot of depth names no instrument, and no request for it is recorded")
        if frame.error is not None or frame.code < 0:
            return NoticeKind.REFUSED, frame.msg if frame.error is None else frame.error.msg
        if frame.result is msgspec.UNSET:
            raise Damaged("neither data of a stream nor an answer")
        return NoticeKind.ACKNOWLEDGED, str(frame.id)

    def _answered(self, columns: Columns, number: int, address: str, text: bytes) -> None:
        path, _, query = address.partition("?")
        symbol = parse_qs(query).get("symbol", [""])[0]
        if path.endswith(_DEPTH_PATHS) and symbol:
            self._one(columns, number, symbol, text, _snapshot)
        else:
            columns.notice(number, NoticeKind.UNUSED, address)


def _trades(block: Block) -> None:
    fields = block.fields(_TRADE)
    block.left_out(fields, fields.words("data.X") == word("NA"), "a trade outside the book")
    side = fields.chosen("data.m", {"true": SELL, "false": BUY})
    numbers = fields.floats("data.p"), fields.floats("data.q"), side
    ids = np.where(fields.given("data.t"), fields.integers("data.t"), fields.integers("data.a"))
    block.trades(fields, fields.instants("data.T", unit=MILLISECOND), numbers, ids.tolist())


def _differences(block: Block) -> None:
    fields = block.fields(_DEPTH)
    ids = {"first": "data.U", "last": "data.u", "previous": "data.pu"}
    block.depth(
        fields,
        Event.DIFFERENCE,
        fields.instants("data.T", "data.E", unit=MILLISECOND, missing=0),
        two_sides(fields),
        **{name: fields.integers(path) for name, path in ids.items()},
    )


def _parts(block: Block) -> None:
    """Read the best levels, which come whole each time; spot and futures write them differently."""
    fields = block.fields(_PART)
    last = np.maximum(fields.integers("data.lastUpdateId"), fields.integers("data.u"))
    fields.doubt(last < 0, lambda _: "unexpected content: the best levels have no update id")
    at = fields.instants("data.T", "data.E", unit=MILLISECOND, missing=0)
    rows = fields.rows
    levels = Side(rows, rows.floats("0"), rows.floats("1"), rows.which % 2 == 1)
    block.depth(fields, Event.SNAPSHOT, at, levels, last=last)


def _snapshot(block: Block) -> None:
    fields = block.fields(_SNAPSHOT)
    at = fields.instants("T", "E", unit=MILLISECOND, missing=0)
    levels, last = two_sides(fields), fields.integers("lastUpdateId")
    block.depth(fields, Event.SNAPSHOT, at, levels, last=last)


_TICKERS = quote_reader("data.b", "data.B", "data.a", "data.A", at="data.T", unit=MILLISECOND, last="data.u")
