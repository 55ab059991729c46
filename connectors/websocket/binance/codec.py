"""Binance's combined streams in columns: `trade` and `aggTrade`, `bookTicker`, `depth`, and depth over REST.

Both markets of Binance are read here; they differ in the fields of their differences and in whose time an event has.
Event time is the transaction's where one is sent, else the message's; spot's bookTicker has none.
"""

from collections.abc import Callable, Sequence
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct, field

from connectors.websocket.binance.symbols import instrument_name
from connectors.websocket.frames import BUY, NO_ID, SELL, Columns, Damaged, FrameCodec, NoticeKind
from features.depth_book import Event, Rule

MILLISECOND = 1_000_000
_START = b'{"stream":"'
_DEPTH_PATHS = ("/api/v3/depth", "/fapi/v1/depth")

Level = tuple[float, float]


class _Ticker(Struct, gc=False):
    last: int = field(name="u")
    bid: float = field(name="b")
    bid_size: float = field(name="B")
    ask: float = field(name="a")
    ask_size: float = field(name="A")
    at: int = field(name="T", default=0)


class _Trade(Struct, gc=False):
    at: int = field(name="T")
    price: float = field(name="p")
    size: float = field(name="q")
    sold: bool = field(name="m")
    number: int = field(name="t", default=NO_ID)
    group: int = field(name="a", default=NO_ID)
    how: str = field(name="X", default="MARKET")


class _Depth(Struct, gc=False):
    first: int = field(name="U")
    last: int = field(name="u")
    said_at: int = field(name="E")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")
    at: int = field(name="T", default=0)
    previous: int = field(name="pu", default=NO_ID)


class _Snapshot(Struct, gc=False):
    last: int = field(name="lastUpdateId")
    bids: list[Level]
    asks: list[Level]
    said_at: int = field(name="E", default=0)
    at: int = field(name="T", default=0)


class _TickerFrame(Struct, gc=False):
    data: _Ticker


class _TradeFrame(Struct, gc=False):
    data: _Trade


class _DepthFrame(Struct, gc=False):
    data: _Depth


class _Failure(Struct, gc=False):
    msg: str = ""


class _Other(Struct, gc=False):
    stream: str = ""
    error: _Failure | None = None
    code: int = 0
    msg: str = ""
    last: int | None = field(name="lastUpdateId", default=None)
    id: int | str | None = None
    result: object = msgspec.UNSET


_TICKER = msgspec.json.Decoder(_TickerFrame, strict=False).decode
_TRADE = msgspec.json.Decoder(_TradeFrame, strict=False).decode
_DEPTH = msgspec.json.Decoder(_DepthFrame, strict=False).decode
_SNAPSHOT = msgspec.json.Decoder(_Snapshot, strict=False).decode
_OTHER = msgspec.json.Decoder(_Other).decode
_WHOLE_JSON = msgspec.json.Decoder(msgspec.Raw).decode

Reader = Callable[[Columns, bytes, int], None]


class Codec(FrameCodec):
    """Frames of spot; USD-M futures differ in their rule and their names."""

    rule = Rule.SPOT

    def __init__(
        self, names: Sequence[str] | None = None, naming: Callable[[str], str] = instrument_name
    ) -> None:
        super().__init__(names, naming)
        self._routes: dict[bytes, tuple[Reader, int]] = {}

    def _received(self, columns: Columns, text: bytes) -> None:
        stream = text[: text.find(b'"', 11)]
        route = self._routes.get(stream)
        if route is None:
            if not stream.startswith(_START):
                return self._other(columns, text)
            route = self._routes[stream] = self._route(stream[len(_START) :].decode())
        reader, instrument = route
        reader(columns, text, instrument)
        return None

    def _route(self, stream: str) -> tuple[Reader, int]:
        symbol, _, kind = stream.partition("@")
        match kind.partition("@")[0]:
            case "bookTicker":
                reader: Reader = _ticker
            case "trade" | "aggTrade":
                reader = _trade
            case "depth":
                reader = _depth
            case _:
                return _unused, NO_ID
        instrument = self.instrument(symbol)
        return (reader, instrument) if instrument >= 0 else (_passed, NO_ID)

    def _other(self, columns: Columns, text: bytes) -> None:
        frame = _OTHER(text)
        if frame.stream:
            raise Damaged("a frame of a combined stream begins with its stream")
        if frame.last is not None:
            raise Damaged("a snapshot of depth names no instrument, and no request for it is recorded")
        if frame.error is not None or frame.code < 0:
            columns.notice(NoticeKind.REFUSED, frame.msg if frame.error is None else frame.error.msg)
        elif frame.result is not msgspec.UNSET:
            columns.notice(NoticeKind.ACKNOWLEDGED, str(frame.id))
        else:
            raise Damaged("neither data of a stream nor an answer")

    def _answered(self, columns: Columns, address: str, text: bytes) -> None:
        path, _, query = address.partition("?")
        symbol = parse_qs(query).get("symbol", [""])[0]
        if not path.endswith(_DEPTH_PATHS) or not symbol:
            columns.notice(NoticeKind.UNUSED, address)
            return
        instrument = self.instrument(symbol)
        book = _SNAPSHOT(text)
        if instrument >= 0:
            at = (book.at or book.said_at) * MILLISECOND
            columns.depth(Event.SNAPSHOT, instrument, at, book.bids, book.asks, last=book.last)


def _ticker(columns: Columns, text: bytes, instrument: int) -> None:
    data = _TICKER(text).data
    columns.quote(
        instrument, data.at * MILLISECOND, data.bid, data.bid_size, data.ask, data.ask_size, data.last
    )


def _trade(columns: Columns, text: bytes, instrument: int) -> None:
    data = _TRADE(text).data
    if data.how == "NA":
        columns.notice(NoticeKind.UNUSED, "a trade outside the book")
        return
    number = data.group if data.number == NO_ID else data.number
    columns.trade(
        instrument, data.at * MILLISECOND, data.price, data.size, SELL if data.sold else BUY, number
    )


def _depth(columns: Columns, text: bytes, instrument: int) -> None:
    data = _DEPTH(text).data
    at = (data.at or data.said_at) * MILLISECOND
    columns.depth(
        Event.DIFFERENCE,
        instrument,
        at,
        data.bids,
        data.asks,
        first=data.first,
        last=data.last,
        previous=data.previous,
    )


def _unused(columns: Columns, text: bytes, _instrument: int) -> None:
    _WHOLE_JSON(text)
    columns.notice(NoticeKind.UNUSED, text[len(_START) : text.find(b'"', len(_START))].decode())


def _passed(columns: Columns, text: bytes, instrument: int) -> None:
    """Read over a frame of an instrument that is not wanted."""
