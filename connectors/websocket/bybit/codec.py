"""Bybit's topics in columns: `trade`, `orderBookL2` of the second version, `publicTrade`, `orderbook` of the fifth.

Of the second version, a level that is deleted or updated must stand and one that is inserted must not: a book where
that does not hold has lost a message, which the cross sequence alone, growing in steps of any size, would not tell. The
fifth version gives new sizes only.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from msgspec import Struct, field

from connectors.websocket.bybit.symbols import instrument_name
from connectors.websocket.frames import BUY, NO_ID, SELL, Columns, Damaged, FrameCodec, NoticeKind
from features.depth_book import Event, Rule
from features.depth_levels import ANY, DELETE, INSERT, UPDATE

_START = b'{"topic":"'
_MILLISECOND = 1_000_000
_SIDES = {"Buy": BUY, "Sell": SELL}


class _Row(Struct, gc=False):
    price: float
    side: Literal["Buy", "Sell"]
    size: float = 0.0


class _Whole(Struct, gc=False):
    rows: list[_Row] = field(name="order_book")


class _Changes(Struct, gc=False):
    delete: list[_Row]
    update: list[_Row]
    insert: list[_Row]


class _Book(Struct, gc=False):
    data: _Changes
    cross_seq: int
    timestamp_e6: int


class _Snapshot(Struct, gc=False):
    data: _Whole
    cross_seq: int
    timestamp_e6: int


class _BareSnapshot(Struct, gc=False):
    data: list[_Row]
    cross_seq: int
    timestamp_e6: int


class _Trade(Struct, gc=False):
    trade_time_ms: int
    price: float
    size: float
    side: str
    trade_id: str


class _Trades(Struct, gc=False):
    data: list[_Trade]


class _PublicTrade(Struct, gc=False):
    at: int = field(name="T")
    side: str = field(name="S")
    size: float = field(name="v")
    price: float = field(name="p")
    number: str = field(name="i")


class _PublicTrades(Struct, gc=False):
    data: list[_PublicTrade]


class _Levels(Struct, gc=False):
    bids: list[tuple[float, float]] = field(name="b")
    asks: list[tuple[float, float]] = field(name="a")
    sequence: int = field(name="seq")


class _OrderBook(Struct, gc=False):
    type: str
    data: _Levels
    ts: int
    cts: int = 0


class _Said(Struct, gc=False):
    success: bool | None = None
    ret_msg: str = ""
    op: str = ""
    topic: str | None = None


_BOOK = msgspec.json.Decoder(_Book, strict=False).decode
_SNAPSHOT = msgspec.json.Decoder(_Snapshot, strict=False).decode
_BARE_SNAPSHOT = msgspec.json.Decoder(_BareSnapshot, strict=False).decode
_TRADES = msgspec.json.Decoder(_Trades, strict=False).decode
_PUBLIC_TRADES = msgspec.json.Decoder(_PublicTrades, strict=False).decode
_ORDER_BOOK = msgspec.json.Decoder(_OrderBook, strict=False).decode
_SAID = msgspec.json.Decoder(_Said).decode
_WHOLE_JSON = msgspec.json.Decoder(msgspec.Raw).decode

Reader = Callable[[Columns, bytes, int], None]


class Codec(FrameCodec):
    """Frames of linear and inverse contracts."""

    rule = Rule.TYPED

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__(names, instrument_name)
        self._routes: dict[bytes, tuple[Reader, int]] = {}

    def _received(self, columns: Columns, text: bytes) -> None:
        topic = text[: text.find(b'"', 10)]
        route = self._routes.get(topic)
        if route is None:
            if not topic.startswith(_START):
                _said(columns, text)
                return
            route = self._routes[topic] = self._route(topic[len(_START) :].decode())
        reader, instrument = route
        reader(columns, text, instrument)

    def _route(self, topic: str) -> tuple[Reader, int]:
        channel, _, symbol = topic.rpartition(".")
        word = channel.partition(".")[0]
        if word.startswith("orderBookL2"):
            reader: Reader = _old_book
        elif word in {"trade", "publicTrade"}:
            reader = _old_trades if word == "trade" else _trades
        elif word == "orderbook":
            reader = _book
        else:
            return _unused, NO_ID
        instrument = self.instrument(symbol)
        return (reader, instrument) if instrument >= 0 else (_passed, NO_ID)


def _old_book(columns: Columns, text: bytes, instrument: int) -> None:
    if text.find(b'"type":"snapshot"', 0, 128) >= 0:
        bare = text.find(b'"data":[', 0, 128) >= 0
        whole = _BARE_SNAPSHOT(text) if bare else _SNAPSHOT(text)
        rows = whole.data.rows if isinstance(whole.data, _Whole) else whole.data
        _typed(columns, Event.SNAPSHOT, instrument, [(ANY, rows)], whole)
        return
    change = _BOOK(text)
    data = change.data
    changes = [(DELETE, data.delete), (UPDATE, data.update), (INSERT, data.insert)]
    _typed(columns, Event.DIFFERENCE, instrument, changes, change)


def _typed(
    columns: Columns,
    kind: Event,
    instrument: int,
    changes: Sequence[tuple[int, list[_Row]]],
    frame: _Book | _Snapshot | _BareSnapshot,
) -> None:
    bids: list[tuple[float, float]] = []
    asks: list[tuple[float, float]] = []
    bids_how: list[int] = []
    asks_how: list[int] = []
    for how, rows in changes:
        for row in rows:
            size = 0.0 if how == DELETE else row.size
            if size <= 0.0 and how != DELETE:
                raise Damaged(f"a level that stands has a size above 0; {size} was given")
            if row.side == "Buy":
                bids.append((row.price, size))
                bids_how += (how, 0)
            else:
                asks.append((row.price, size))
                asks_how += (how, 0)
    at = frame.timestamp_e6 * 1000
    columns.depth(kind, instrument, at, bids, asks, NO_ID, frame.cross_seq, NO_ID, bids_how + asks_how)


def _book(columns: Columns, text: bytes, instrument: int) -> None:
    frame = _ORDER_BOOK(text)
    if frame.type not in {"snapshot", "delta"}:
        raise Damaged(f"a book is a snapshot or a delta; {frame.type!r} was given")
    kind = Event.SNAPSHOT if frame.type == "snapshot" else Event.DIFFERENCE
    at = (frame.cts or frame.ts) * _MILLISECOND
    columns.depth(kind, instrument, at, frame.data.bids, frame.data.asks, last=frame.data.sequence)


def _old_trades(columns: Columns, text: bytes, instrument: int) -> None:
    for row in _TRADES(text).data:
        at = row.trade_time_ms * _MILLISECOND
        columns.trade(instrument, at, row.price, row.size, _SIDES[row.side], row.trade_id)


def _trades(columns: Columns, text: bytes, instrument: int) -> None:
    for row in _PUBLIC_TRADES(text).data:
        columns.trade(instrument, row.at * _MILLISECOND, row.price, row.size, _SIDES[row.side], row.number)


def _said(columns: Columns, text: bytes) -> None:
    said = _SAID(text)
    if said.topic is not None:
        raise Damaged("a frame of a topic begins with its topic")
    if said.success is None and said.op not in {"ping", "pong"}:
        raise Damaged("neither data of a topic nor an answer")
    if said.success is False:
        columns.notice(NoticeKind.REFUSED, said.ret_msg)
    elif said.op in {"ping", "pong"} or said.ret_msg == "pong":
        columns.notice(NoticeKind.HEARTBEAT)
    else:
        columns.notice(NoticeKind.ACKNOWLEDGED)


def _unused(columns: Columns, text: bytes, _instrument: int) -> None:
    _WHOLE_JSON(text)
    columns.notice(NoticeKind.UNUSED, text[len(_START) : text.find(b'"', len(_START))].decode())


def _passed(columns: Columns, text: bytes, instrument: int) -> None:
    """Read over a frame of an instrument that is not wanted."""
