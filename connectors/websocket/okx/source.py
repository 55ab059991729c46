"""Where OKX's spot market is, and how it is spoken to (OKX, API v5, public channels).

The venue has no beat and ends a connection on which nothing was said for 30 s: pings come before silence may be called
mute, and are a word and no JSON. A confirmation names its channel, an error none.
"""

import json
from collections.abc import Sequence

import msgspec

from connectors.websocket.candle_pages import CandlePages
from connectors.websocket.fields import MILLISECOND
from connectors.websocket.listing import Listing
from connectors.websocket.trade_pages import TradePages
from connectors.websocket.venue import Answer, Subscription, Venue, confirmed

CHANNELS = {"trades": "trades", "quotes": "bbo-tbt", "depth": "books"}
CHANNELS_A_MESSAGE = 100
INTERVALS = {60: "1m", 180: "3m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1H", 7200: "2H", 14400: "4H"}
DAYS = {21600: "6Hutc", 43200: "12Hutc", 86400: "1Dutc"}


class _Channel(msgspec.Struct):
    channel: str = ""
    instrument: str = msgspec.field(name="instId", default="")


class _Said(msgspec.Struct):
    event: str = ""
    arg: _Channel = msgspec.field(default_factory=_Channel)
    msg: str = ""


_decoder = msgspec.json.Decoder(_Said)


def _asked(operation: str, pairs: Sequence[tuple[str, str]]) -> Subscription:
    args = [{"channel": channel, "instId": symbol} for channel, symbol in pairs]
    awaits = frozenset(f"{operation} {channel} {symbol}" for channel, symbol in pairs)
    return Subscription(json.dumps({"op": operation, "args": args}), awaits)


def subscriptions(symbols: Sequence[str], channels: Sequence[str]) -> tuple[Subscription, ...]:
    """Return messages for a hundred channels each."""
    pairs = [(CHANNELS[channel], symbol) for channel in channels for symbol in symbols]
    starts = range(0, len(pairs), CHANNELS_A_MESSAGE)
    return tuple(_asked("subscribe", pairs[start : start + CHANNELS_A_MESSAGE]) for start in starts)


def renewal(symbol: str) -> tuple[Subscription, ...]:
    """Return the messages that leave the book of a symbol and join it again."""
    return tuple(_asked(each, [(CHANNELS["depth"], symbol)]) for each in ("unsubscribe", "subscribe"))


def answer(frame: bytes) -> Answer | None:
    """Read that a channel was joined or left, or an error."""
    if b'"event"' not in frame[:400] or not frame.startswith(b"{"):
        return None
    said = _decoder.decode(frame)
    if said.event == "error":
        return Answer(refused=said.msg)
    return confirmed(f"{said.event} {said.arg.channel} {said.arg.instrument}") if said.event else None


VENUE = Venue(
    name="okx",
    websocket_url="wss://ws.okx.com:8443",
    rest_url="https://www.okx.com",
    path=lambda _symbols, _channels: "/ws/v5/public",
    subscriptions=subscriptions,
    answer=answer,
    renewal=renewal,
    listing=Listing("/api/v5/public/instruments?instType=SPOT", "data.*", "instId", "tickSz", "lotSz"),
    history=TradePages(
        "tradeId",
        "ts",
        "px",
        "sz",
        MILLISECOND,
        rows="rows.data",
        before=lambda symbol, number: (
            f"/api/v5/market/history-trades?instId={symbol}&limit=100&after={number or ''}".removesuffix(
                "&after="
            )
        ),
    ),
    candles=CandlePages(
        INTERVALS | DAYS,
        lambda symbol, word, first, last: (
            f"/api/v5/market/history-candles?instId={symbol}&bar={word}&limit=100"
            f"&before={first // MILLISECOND - 1}&after={last // MILLISECOND + 1}"
        ),
        unit=MILLISECOND,
        rows="rows.data",
        page=100,
    ),
    ping="ping",
    ping_seconds=4.0,
    messages_per_second=3.0,
)
