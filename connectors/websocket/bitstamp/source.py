"""Where Bitstamp is, and how it is spoken to (Bitstamp, WebSocket API v2 and HTTP API v2).

Quotes come from the book alone: there is no channel of its own for them.
"""

import json
from collections.abc import Sequence

import msgspec

from connectors.websocket.candle_pages import CandlePages
from connectors.websocket.fields import SECOND
from connectors.websocket.listing import Listing
from connectors.websocket.venue import Answer, Subscription, Venue, confirmed

INTERVALS = (60, 180, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
CHANNELS = {"trades": "live_trades", "depth": "diff_order_book"}


class _Reason(msgspec.Struct):
    message: str = ""


class _Said(msgspec.Struct):
    event: str
    channel: str = ""
    data: _Reason = msgspec.field(default_factory=_Reason)


_decoder = msgspec.json.Decoder(_Said)


def subscriptions(symbols: Sequence[str], channels: Sequence[str]) -> tuple[Subscription, ...]:
    """Return a message for each channel of each symbol."""
    names = [
        f"{CHANNELS[channel]}_{symbol}" for channel in channels if channel in CHANNELS for symbol in symbols
    ]
    return tuple(
        Subscription(json.dumps({"event": "bts:subscribe", "data": {"channel": name}}), frozenset({name}))
        for name in names
    )


def answer(frame: bytes) -> Answer | None:
    """Read that a subscription succeeded, or an error."""
    if b'"bts:' not in frame:
        return None
    said = _decoder.decode(frame)
    match said.event:
        case "bts:subscription_succeeded":
            return confirmed(said.channel)
        case "bts:error":
            return Answer(refused=f"{said.data.message} ({said.channel})")
    return None


VENUE = Venue(
    name="bitstamp",
    websocket_url="wss://ws.bitstamp.net",
    rest_url="https://www.bitstamp.net",
    subscriptions=subscriptions,
    answer=answer,
    book_path=lambda symbol: f"/api/v2/order_book/{symbol}",
    listing=Listing(
        "/api/v2/trading-pairs-info/", "*", "url_symbol", "counter_decimals", "base_decimals", places=True
    ),
    candles=CandlePages(
        {seconds: str(seconds) for seconds in INTERVALS},
        lambda symbol, word, first, last: (
            f"/api/v2/ohlc/{symbol}/?step={word}&limit=1000&start={first // SECOND}&end={last // SECOND}"
        ),
        ("timestamp", "open", "high", "low", "close", "volume"),
        rows="rows.data.ohlc",
    ),
    ping='{"event":"bts:heartbeat"}',
    messages_per_second=20.0,
)
