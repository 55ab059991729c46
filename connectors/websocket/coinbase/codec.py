"""Coinbase's exchange feed in columns: `matches`, `ticker`, `level2` with its snapshots.

`side` of a match is the maker's, so that the taker's is the other. Sequences count every change of a product, also
those that no channel of ours shows, so that a gap in them says nothing here; level2 promises its own order. A damaged
change of depth therefore throws its book away.
"""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from connectors.websocket.coinbase.symbols import instrument_name
from connectors.websocket.frames import BUY, SELL, Columns, FrameCodec, NoticeKind
from connectors.websocket.instants import of_iso
from features.depth_book import Event, Rule

_NAN = float("nan")
_PRODUCT = re.compile(rb'"product_id"\s*:\s*"([A-Z0-9]+-[A-Z0-9]+)"')


class _Typed(Struct, tag_field="type", gc=False):
    pass


class _Update(_Typed, tag="l2update"):
    product_id: str
    changes: list[tuple[Literal["buy", "sell"], float, float]]
    time: str


class _Snapshot(_Typed, tag="snapshot"):
    product_id: str
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    time: str = ""


class _Match(_Typed, tag="match"):
    product_id: str
    trade_id: int
    side: str
    size: float
    price: float
    time: str


class _LastMatch(_Typed, tag="last_match"):
    product_id: str


class _Ticker(_Typed, tag="ticker"):
    product_id: str
    best_bid: float
    best_ask: float
    best_bid_size: float = _NAN
    best_ask_size: float = _NAN
    time: str = ""


class _Heartbeat(_Typed, tag="heartbeat"):
    product_id: str


class _Subscriptions(_Typed, tag="subscriptions"):
    pass


class _Error(_Typed, tag="error"):
    message: str = ""
    reason: str = ""


class _Status(_Typed, tag="status"):
    pass


_DECODE = msgspec.json.Decoder(
    _Update | _Snapshot | _Match | _LastMatch | _Ticker | _Heartbeat | _Subscriptions | _Error | _Status,
    strict=False,
).decode
_TAKERS = {"sell": BUY, "buy": SELL}
"""Who took from an order of a side."""


class Codec(FrameCodec):
    """Frames of the exchange feed."""

    rule = Rule.NONE

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__(names, instrument_name)

    def _received(self, columns: Columns, text: bytes) -> None:
        frame = _DECODE(text)
        kind = type(frame)
        if kind is _Update:
            self._update(columns, frame)
        elif kind is _Match:
            instrument = self.instrument(frame.product_id)
            if instrument >= 0:
                side = _TAKERS[frame.side]
                at = of_iso(frame.time)
                columns.trade(instrument, at, frame.price, frame.size, side, frame.trade_id)
        elif kind is _Ticker:
            self._ticker(columns, frame)
        elif kind is _Snapshot:
            instrument = self.instrument(frame.product_id)
            if instrument >= 0:
                at = of_iso(frame.time) if frame.time else 0
                columns.depth(Event.SNAPSHOT, instrument, at, frame.bids, frame.asks)
        else:
            _notice(columns, frame)

    def _update(self, columns: Columns, frame: _Update) -> None:
        instrument = self.instrument(frame.product_id)
        if instrument < 0:
            return
        changes = frame.changes
        if len(changes) == 1:
            side, price, size = changes[0]
            columns.change(instrument, of_iso(frame.time), price, size, bid=side == "buy")
            return
        bids = [change[1:] for change in changes if change[0] == "buy"]
        asks = [change[1:] for change in changes if change[0] == "sell"]
        columns.depth(Event.DIFFERENCE, instrument, of_iso(frame.time), bids, asks)

    def _ticker(self, columns: Columns, frame: _Ticker) -> None:
        instrument = self.instrument(frame.product_id)
        if instrument < 0:
            return
        at = of_iso(frame.time) if frame.time else 0
        columns.quote(
            instrument, at, frame.best_bid, frame.best_bid_size, frame.best_ask, frame.best_ask_size
        )

    def _doubted(self, columns: Columns, text: bytes) -> None:
        found = _PRODUCT.search(text)
        if found is not None and (b'"l2update"' in text or b'"snapshot"' in text):
            instrument = self.instrument(found[1].decode())
            if instrument >= 0:
                columns.lost(instrument)


def _notice(columns: Columns, frame: _Typed) -> None:
    if isinstance(frame, _Error):
        columns.notice(NoticeKind.REFUSED, frame.reason or frame.message)
    elif isinstance(frame, _Subscriptions):
        columns.notice(NoticeKind.ACKNOWLEDGED)
    elif isinstance(frame, _Heartbeat):
        columns.notice(NoticeKind.HEARTBEAT, frame.product_id)
    elif isinstance(frame, _Status):
        columns.notice(NoticeKind.STATUS)
    elif isinstance(frame, _LastMatch):
        columns.notice(NoticeKind.UNUSED, f"the last trade before the subscription of {frame.product_id}")
