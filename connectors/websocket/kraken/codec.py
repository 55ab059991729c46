"""Kraken's channels in columns: `trade`, `ticker`, `spread`, and `book` with the digits that its checksum is of.

A book message may come in two parts, one a side; the checksum is of the book after both. Levels carry their own times,
the latest of which is the message's; `ticker` has none.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from connectors.websocket.columns import BUY, SELL, NoticeKind
from connectors.websocket.fields import SECOND, Shape
from connectors.websocket.frames import Block, FrameCodec, Reader, Route, Side
from connectors.websocket.kraken.symbols import instrument_name
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
_TRADES = Shape("1", lists=("1",), row=Shape("0", "1", "2", "3", "4", "5"))
_TICKER = Shape("1.b.0", "1.b.2", "1.a.0", "1.a.2")
_SPREAD = Shape("1.0", "1.1", "1.2", "1.3", "1.4")


class _Said(msgspec.Struct):
    event: str
    status: str = ""
    message: str = msgspec.field(name="errorMessage", default="")
    pair: str = ""


_SAID = msgspec.json.Decoder(_Said).decode


class Codec(FrameCodec):
    """Frames of the first version of Kraken's websocket."""

    rule = Rule.CHECKSUM

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__(names, instrument_name)

    def _key(self, text: bytes) -> bytes:
        at = text.rfind(b'},"')
        return text[at + 1 if at > 0 else text.rfind(b'],"') + 1 :] if text[:1] == b"[" else b""

    def _route(self, key: bytes) -> Route | None:
        if not key:
            return None
        channel, pair = msgspec.json.decode(b"[" + key[1:], type=tuple[str, str])
        word, _, depth = channel.partition("-")
        readers: dict[str, Reader] = {
            "book": _books,
            "trade": _trades,
            "ticker": _tickers,
            "spread": _spreads,
        }
        if word not in readers:
            return Route(lambda block: block.unused(channel))
        return self.route_to(readers[word], pair, int(depth) if word == "book" and depth else 0)

    def _said(self, text: bytes) -> tuple[NoticeKind, str]:
        said = _SAID(text)
        if said.status == "error" or said.event == "error":
            return NoticeKind.REFUSED, said.message
        known = said.event in _EVENTS
        return _EVENTS.get(said.event, NoticeKind.UNUSED), said.pair or said.status if known else said.event


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


def _trades(block: Block) -> None:
    fields = block.fields(_TRADES)
    rows = fields.rows
    numbers = rows.floats("0"), rows.floats("1"), rows.chosen("3", {"b": BUY, "s": SELL})
    block.trades(fields, rows.instants("2", unit=SECOND), numbers, rows.texts("2"))


def _tickers(block: Block) -> None:
    fields = block.fields(_TICKER)
    numbers = [fields.floats(f"1.{path}") for path in ("b.0", "b.2", "a.0", "a.2")]
    block.quotes(fields, np.zeros(len(fields), np.int64), numbers)


def _spreads(block: Block) -> None:
    fields = block.fields(_SPREAD)
    numbers = [fields.floats(f"1.{at}") for at in (0, 3, 1, 4)]
    block.quotes(fields, fields.instants("1.2", unit=SECOND), numbers)
