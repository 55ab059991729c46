"""Where Bybit's linear perpetuals are, and how they are spoken to (Bybit, API v5, public channels).

Quotes come from the book alone. The venue asks for a ping each 20 s. A confirmation names the request and no topics.
"""

import json
from collections.abc import Sequence

import msgspec

from connectors.websocket.candle_pages import CandlePages
from connectors.websocket.fields import MILLISECOND
from connectors.websocket.listing import Listing
from connectors.websocket.venue import Answer, Subscription, Venue, confirmed

TOPICS = {"trades": "publicTrade", "depth": "orderbook.50"}
TOPICS_A_REQUEST = 10


class _Said(msgspec.Struct):
    success: bool
    ret_msg: str = ""
    req_id: str = ""


_decoder = msgspec.json.Decoder(_Said)


def subscriptions(symbols: Sequence[str], channels: Sequence[str]) -> tuple[Subscription, ...]:
    """Return numbered messages for ten topics each."""
    topics = [
        f"{TOPICS[channel]}.{symbol}" for channel in channels if channel in TOPICS for symbol in symbols
    ]
    made = []
    for start in range(0, len(topics), TOPICS_A_REQUEST):
        number = f"topics {start + 1}"
        asked = {"op": "subscribe", "req_id": number, "args": topics[start : start + TOPICS_A_REQUEST]}
        made.append(Subscription(json.dumps(asked), frozenset({number})))
    return tuple(made)


def renewal(symbol: str) -> tuple[Subscription, ...]:
    """Return the messages that leave the book of a symbol and join it again."""
    topics = [f"{TOPICS['depth']}.{symbol}"]
    made = []
    for operation in ("unsubscribe", "subscribe"):
        number = f"{operation} {symbol}"
        made.append(
            Subscription(json.dumps({"op": operation, "req_id": number, "args": topics}), frozenset({number}))
        )
    return tuple(made)


def answer(frame: bytes) -> Answer | None:
    """Read the answer to a request."""
    if not frame.startswith(b'{"success"'):
        return None
    said = _decoder.decode(frame)
    return confirmed(said.req_id) if said.success else Answer(refused=said.ret_msg)


VENUE = Venue(
    name="bybit",
    websocket_url="wss://stream.bybit.com",
    rest_url="https://api.bybit.com",
    path=lambda _symbols, _channels: "/v5/public/linear",
    subscriptions=subscriptions,
    answer=answer,
    renewal=renewal,
    listing=Listing(
        "/v5/market/instruments-info?category=linear&limit=1000",
        "result.list.*",
        "symbol",
        "priceFilter.tickSize",
        "lotSizeFilter.qtyStep",
    ),
    candles=CandlePages(
        {60 * minutes: str(minutes) for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)} | {86400: "D"},
        lambda symbol, word, first, last: (
            f"/v5/market/kline?category={'inverse' if symbol.endswith('USD') else 'linear'}&symbol={symbol}"
            f"&interval={word}&start={first // MILLISECOND}&end={last // MILLISECOND}&limit=1000"
        ),
        unit=MILLISECOND,
        rows="rows.result.list",
    ),
    ping='{"op":"ping"}',
    ping_seconds=20.0,
)
