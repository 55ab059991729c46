"""Where Coinbase's public feed is, and how it is spoken to (Coinbase Exchange, Websocket Feed, 2024).

`level2_batch` is the book that needs no account; heartbeats come for each product once a second.
"""

import json
from collections.abc import Sequence

import msgspec

from connectors.websocket.fields import ISO
from connectors.websocket.listing import Listing
from connectors.websocket.trade_pages import TradePages
from connectors.websocket.venue import Answer, Subscription, Venue

CHANNELS = {"trades": "matches", "quotes": "ticker", "depth": "level2_batch"}


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


def answer(frame: bytes) -> Answer | None:
    """Read the list of what is subscribed, or an error."""
    if not frame.startswith((b'{"type":"subscriptions"', b'{"type":"error"')):
        return None
    said = _decoder.decode(frame)
    if said.type == "error":
        return Answer(refused=f"{said.message}: {said.reason}")
    return Answer(frozenset(f"{_kind(one.name)} {name}" for one in said.channels for name in one.product_ids))


def _kind(name: str) -> str:
    """Return a channel's name, the same for every form of level2."""
    return name.partition("_")[0]


VENUE = Venue(
    name="coinbase",
    websocket_url="wss://ws-feed.exchange.coinbase.com",
    rest_url="https://api.exchange.coinbase.com",
    subscriptions=subscriptions,
    answer=answer,
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
    messages_per_second=8.0,
)
