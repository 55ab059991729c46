"""Coinbase's exchange feed in columns: `matches`, `ticker`, `level2` with its snapshots.

`side` of a match is the maker's, so that the taker's is the other. Sequences count every change of a product, also
those that no channel of ours shows, so that a gap in them says nothing here; level2 promises its own order. A damaged
change of depth therefore throws its book away.
"""

from collections.abc import Sequence

import msgspec

from connectors.websocket.coinbase.symbols import instrument_name
from connectors.websocket.columns import BUY, SELL, NoticeKind
from connectors.websocket.fields import ISO, Shape
from connectors.websocket.frames import Block, Damaged, FrameCodec, Reader, Route
from connectors.websocket.keys import Cut
from connectors.websocket.levels import PAIR, sided, two_sides
from connectors.websocket.readers import TradePaths, quote_reader, trade_reader
from features.depth_book import Event, Rule

_UPDATE = Shape("changes", "time", lists=("changes",), row=Shape("1", "2", "0"))
_SNAPSHOT = Shape("bids", "asks", optional=("time",), lists=("bids", "asks"), row=PAIR)
_MATCH = TradePaths("time", "price", "size", "side", "trade_id", counted=True)
_BEST = ("best_bid", "best_bid_size", "best_ask", "best_ask_size")
_NOTICES = {
    "heartbeat": NoticeKind.HEARTBEAT,
    "subscriptions": NoticeKind.ACKNOWLEDGED,
    "status": NoticeKind.STATUS,
    "error": NoticeKind.REFUSED,
    "last_match": NoticeKind.UNUSED,
    **dict.fromkeys(("received", "open", "done", "change", "activate", "auction"), NoticeKind.UNUSED),
}


class _Said(msgspec.Struct):
    type: str
    product_id: str = ""
    message: str = ""
    reason: str = ""


_SAID = msgspec.json.Decoder(_Said).decode


class Codec(FrameCodec):
    """Frames of the exchange feed."""

    rule = Rule.NONE
    key = Cut(head=16, mark=b'"product_id":"')
    order = ("type", "product_id")

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__(names, instrument_name)

    def _route(self, key: bytes) -> Route | None:
        readers: dict[bytes, Reader] = {
            b'{"type":"l2updat': _updates,
            b'{"type":"match",': _MATCHES,
            b'{"type":"ticker"': _TICKERS,
            b'{"type":"snapsho': _snapshots,
        }
        reader = readers.get(key[:16])
        return None if reader is None else self.route_to(reader, key[16:].decode())

    def _said(self, text: bytes) -> tuple[NoticeKind, str]:
        said = _SAID(text)
        if said.type not in _NOTICES:
            raise Damaged(f"a frame begins with a type that is known; {said.type!r} was given")
        return _NOTICES[said.type], said.reason or said.message or said.product_id


def _updates(block: Block) -> None:
    fields = block.fields(_UPDATE)
    at = fields.instants("time", unit=ISO)
    rows = fields.rows
    block.depth(fields, Event.DIFFERENCE, at, sided(rows, rows.floats("1"), rows.floats("2"), "0"))


def _snapshots(block: Block) -> None:
    fields = block.fields(_SNAPSHOT)
    at = fields.instants("time", unit=ISO, missing=0)
    block.depth(fields, Event.SNAPSHOT, at, two_sides(fields))


_MATCHES = trade_reader(_MATCH, ISO, {"sell": BUY, "buy": SELL})
_TICKERS = quote_reader(*_BEST, at="time", unit=ISO, sparse=True)
