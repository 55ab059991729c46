"""Where Coinbase's public feed is, and how it is spoken to (Coinbase Exchange, Websocket Feed, 2024).

`level2_batch` is the book that needs no account; heartbeats come for each product once a second.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from connectors.websocket.candle_pages import CandlePages
from connectors.websocket.fields import ISO, SECOND
from connectors.websocket.listing import Listing
from connectors.websocket.trade_pages import TradePages
from connectors.websocket.venue import Answer, Subscription, Venue

CHANNELS = {"trades": "matches", "quotes": "ticker", "depth": "level2_batch"}
_LISTED = "subscriptions"


class _Channel(msgspec.Struct):
    name: str
    product_ids: list[str] = []


class _Said(msgspec.Struct):
    type: str
    channels: list[_Channel] = []
    message: str = ""
    reason: str = ""


_decoder = msgspec.json.Decoder(_Said)


def subscriptions(symbols: Sequence[str], channels: Sequence[str]) -> tuple[Subscription, ...]:
    """Return one message for all channels, with heartbeats."""
    names = [*(CHANNELS[channel] for channel in channels), "heartbeat"]
    text = json.dumps({"type": "subscribe", "product_ids": list(symbols), "channels": names})
    awaits = frozenset(f"{_kind(name)} {symbol}" for name in names for symbol in symbols)
    return (Subscription(text, awaits),)


def renewal(symbol: str) -> tuple[Subscription, ...]:
    """Return the messages that leave the book of a product and join it again; each is answered with the whole list."""
    asked = {"product_ids": [symbol], "channels": [CHANNELS["depth"]]}
    return (
        Subscription(json.dumps({"type": "unsubscribe", **asked}), frozenset({_LISTED})),
        Subscription(json.dumps({"type": "subscribe", **asked}), frozenset({f"level2 {symbol}"})),
    )


def answer(frame: bytes) -> Answer | None:
    """Read the list of what is subscribed, or an error."""
    if not frame.startswith((b'{"type":"subscriptions"', b'{"type":"error"')):
        return None
    said = _decoder.decode(frame)
    if said.type == "error":
        return Answer(refused=f"{said.message}: {said.reason}")
    joined = (f"{_kind(one.name)} {name}" for one in said.channels for name in one.product_ids)
    return Answer(frozenset({_LISTED, *joined}))


def iso_of(at: int) -> str:
    """Return an instant (ns UTC) as an address has it, to the second."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _kind(name: str) -> str:
    """Return a channel's name, the same for every form of level2."""
    return name.partition("_")[0]


VENUE = Venue(
    name="coinbase",
    websocket_url="wss://ws-feed.exchange.coinbase.com",
    rest_url="https://api.exchange.coinbase.com",
    subscriptions=subscriptions,
    answer=answer,
    renewal=renewal,
    listing=Listing("/products", "*", "id", "quote_increment", "base_increment"),
    history=TradePages(
        "trade_id",
        "time",
        "price",
        "size",
        ISO,
        before=lambda symbol, number: (
            f"/products/{symbol}/trades?limit=1000&after={number or ''}".removesuffix("&after=")
        ),
    ),
    candles=CandlePages(
        {seconds: str(seconds) for seconds in (60, 300, 900, 3600, 21600, 86400)},
        lambda symbol, word, first, last: (
            f"/products/{symbol}/candles?granularity={word}&start={iso_of(first)}&end={iso_of(last)}"
        ),
        ("0", "3", "2", "1", "4", "5"),
        page=300,
    ),
    messages_per_second=8.0,
)
