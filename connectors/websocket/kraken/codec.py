"""Kraken's channels in columns: `trade`, `ticker`, `spread`, and `book` with the digits that its checksum is of.

A book message may come in two parts, one a side; the checksum is of the book after both. Levels carry their own times,
the latest of which is the message's; `ticker` has none.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct, field

from connectors.websocket.frames import BUY, NO_ID, SELL, Columns, Damaged, FrameCodec, NoticeKind
from connectors.websocket.instants import of_seconds
from connectors.websocket.kraken.symbols import instrument_name
from features.depth_book import Event, Rule

Texts = tuple[str, ...]
_SIDES = {"b": BUY, "s": SELL}
_EVENTS = {
    "heartbeat": NoticeKind.HEARTBEAT,
    "pong": NoticeKind.HEARTBEAT,
    "systemStatus": NoticeKind.STATUS,
    "subscriptionStatus": NoticeKind.ACKNOWLEDGED,
}


class _Part(Struct, gc=False):
    bids: list[Texts] = field(name="b", default_factory=list)
    asks: list[Texts] = field(name="a", default_factory=list)
    all_bids: list[Texts] | None = field(name="bs", default=None)
    all_asks: list[Texts] | None = field(name="as", default=None)
    checksum: str | None = field(name="c", default=None)


class _Ticker(Struct, gc=False):
    ask: tuple[float, float, float] = field(name="a")
    bid: tuple[float, float, float] = field(name="b")


class _Said(Struct, gc=False):
    event: str
    status: str = ""
    message: str = field(name="errorMessage", default="")
    pair: str = ""


_BOOK = msgspec.json.Decoder(tuple[int, _Part, str, str]).decode
_BOOK_IN_TWO = msgspec.json.Decoder(tuple[int, _Part, _Part, str, str]).decode
_TRADES = msgspec.json.Decoder(
    tuple[int, list[tuple[float, float, str, str, str, str]], str, str], strict=False
).decode
_TICKERS = msgspec.json.Decoder(tuple[int, _Ticker, str, str], strict=False).decode
_SPREAD = msgspec.json.Decoder(
    tuple[int, tuple[float, float, str, float, float], str, str], strict=False
).decode
_PARTS = msgspec.json.Decoder(list[msgspec.Raw]).decode
_SAID = msgspec.json.Decoder(_Said).decode

Reader = Callable[[Columns, bytes, int, int], None]


class Codec(FrameCodec):
    """Frames of the first version of Kraken's websocket."""

    rule = Rule.CHECKSUM

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__(names, instrument_name)
        self._routes: dict[bytes, tuple[Reader, int, int]] = {}

    def _received(self, columns: Columns, text: bytes) -> None:
        if text[:1] != b"[":
            _said(columns, text)
            return
        ending = text[text.rfind(b',"', 0, max(text.rfind(b',"'), 0)) :]
        route = self._routes.get(ending)
        if route is None:
            route = self._route(ending)
            self._routes[ending] = route
        reader, instrument, depth = route
        reader(columns, text, instrument, depth)

    def _route(self, ending: bytes) -> tuple[Reader, int, int]:
        channel, pair = msgspec.json.decode(b"[" + ending[1:], type=tuple[str, str])
        word, _, depth = channel.partition("-")
        readers: dict[str, Reader] = {"book": _book, "trade": _trades, "ticker": _ticker, "spread": _spread}
        if word not in readers:
            return _unused, NO_ID, 0
        instrument = self.instrument(pair)
        if instrument < 0:
            return _passed, NO_ID, 0
        return readers[word], instrument, int(depth) if word == "book" and depth else 0


def _said(columns: Columns, text: bytes) -> None:
    said = _SAID(text)
    if said.status == "error" or said.event == "error":
        columns.notice(NoticeKind.REFUSED, said.message)
    elif said.event in _EVENTS:
        columns.notice(_EVENTS[said.event], said.pair or said.status)
    else:
        columns.notice(NoticeKind.UNUSED, said.event)


def _book(columns: Columns, text: bytes, instrument: int, depth: int) -> None:
    try:
        part = _BOOK(text)[1]
        bids, asks, checksum = part.bids, part.asks, part.checksum
    except msgspec.ValidationError:
        _, part, second, _, _ = _BOOK_IN_TWO(text)
        bids, asks = part.bids + second.bids, part.asks + second.asks
        checksum = second.checksum or part.checksum
    kind = Event.DIFFERENCE
    if part.all_bids is not None or part.all_asks is not None:
        kind, bids, asks = Event.SNAPSHOT, part.all_bids or [], part.all_asks or []
    rows = bids + asks
    if not rows and kind is Event.DIFFERENCE:
        raise Damaged("a book message changes at least one level; none was given")
    columns.depth(
        kind,
        instrument,
        of_seconds(rows[0][2] if len(rows) == 1 else max([row[2] for row in rows])) if rows else 0,
        [(float(row[0]), float(row[1])) for row in bids],
        [(float(row[0]), float(row[1])) for row in asks],
        NO_ID,
        NO_ID,
        NO_ID if checksum is None else int(checksum),
        [int(number.replace(".", "")) for row in rows for number in row[:2]],
        depth,
    )


def _trades(columns: Columns, text: bytes, instrument: int, _depth: int) -> None:
    for price, size, at, side, _, _ in _TRADES(text)[1]:
        instant = of_seconds(at)
        columns.trade(instrument, instant, price, size, _SIDES[side], at)


def _ticker(columns: Columns, text: bytes, instrument: int, _depth: int) -> None:
    data = _TICKERS(text)[1]
    columns.quote(instrument, 0, data.bid[0], data.bid[2], data.ask[0], data.ask[2])


def _spread(columns: Columns, text: bytes, instrument: int, _depth: int) -> None:
    bid, ask, at, bid_size, ask_size = _SPREAD(text)[1]
    columns.quote(instrument, of_seconds(at), bid, bid_size, ask, ask_size)


def _unused(columns: Columns, text: bytes, _instrument: int, _depth: int) -> None:
    parts = _PARTS(text)
    if len(parts) < 4:
        raise Damaged(f"a frame of a channel has at least 4 parts; {len(parts)} were given")
    columns.notice(NoticeKind.UNUSED, bytes(parts[-2]).decode().strip('"'))


def _passed(columns: Columns, text: bytes, instrument: int, depth: int) -> None:
    """Read over a frame of an instrument that is not wanted."""
