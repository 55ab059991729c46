"""Where Kraken is, and how it is spoken to (Kraken, WebSockets API 1.9).

A beat comes each second while there is nothing else, so that a few seconds of silence are too many.
"""

import json
from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from connectors.websocket.candle_pages import CandlePages
from connectors.websocket.fields import SECOND
from connectors.websocket.listing import Listing
from connectors.websocket.trade_pages import TradePages
from connectors.websocket.venue import Answer, Subscription, Venue, confirmed

CHANNELS: dict[str, dict[str, str | int]] = {
    "trades": {"name": "trade"},
    "quotes": {"name": "ticker"},
    "depth": {"name": "book", "depth": 1000},
}


class _Channel(msgspec.Struct):
    name: str = ""


class _Said(msgspec.Struct):
    event: str
    status: str = ""
    pair: str = ""
    subscription: _Channel = msgspec.field(default_factory=_Channel)
    errorMessage: str = ""  # noqa: N815  as Kraken writes it


_decoder = msgspec.json.Decoder(_Said)


def subscriptions(symbols: Sequence[str], channels: Sequence[str]) -> tuple[Subscription, ...]:
    """Return a message for each channel."""
    return tuple(
        Subscription(
            json.dumps({"event": "subscribe", "pair": list(symbols), "subscription": CHANNELS[channel]}),
            frozenset(f"{CHANNELS[channel]['name']} {symbol}" for symbol in symbols),
        )
        for channel in channels
    )


def renewal(symbol: str) -> tuple[Subscription, ...]:
    """Return the messages that leave the book of a pair and join it again."""
    asked = {"pair": [symbol], "subscription": CHANNELS["depth"]}
    return (
        Subscription(json.dumps({"event": "unsubscribe", **asked}), frozenset({f"no book {symbol}"})),
        Subscription(json.dumps({"event": "subscribe", **asked}), frozenset({f"book {symbol}"})),
    )


def answer(frame: bytes) -> Answer | None:
    """Read the status of a subscription."""
    if not frame.startswith(b"{") or b'"subscriptionStatus"' not in frame:
        return None
    said = _decoder.decode(frame)
    if said.status == "error":
        return Answer(refused=f"{said.errorMessage} ({said.pair})")
    left = "no " if said.status == "unsubscribed" else ""
    return confirmed(f"{left}{said.subscription.name} {said.pair}")


VENUE = Venue(
    name="kraken",
    websocket_url="wss://ws.kraken.com",
    rest_url="https://api.kraken.com",
    subscriptions=subscriptions,
    answer=answer,
    renewal=renewal,
    listing=Listing(
        "/0/public/AssetPairs", "result.*", "wsname", "pair_decimals", "lot_decimals", places=True
    ),
    history=TradePages(
        "6",
        "2",
        "0",
        "1",
        SECOND,
        rows="rows.result.*",
        since=lambda symbol, start, _stop: (
            f"/0/public/Trades?pair={quote(symbol, safe='')}&since={start - 1}"
        ),
    ),
    candles=CandlePages(
        {60 * minutes: str(minutes) for minutes in (1, 5, 15, 30, 60, 240, 1440)},
        lambda symbol, word, first, _last: (
            f"/0/public/OHLC?pair={quote(symbol, safe='')}&interval={word}&since={first // SECOND - 1}"
        ),
        ("0", "1", "2", "3", "4", "6"),
        rows="rows.result.*",
        page=720,
        latest=720,
    ),
    ping='{"event":"ping"}',
    requests_per_second=1.0,
    mute_floor_seconds=4.0,
    mute_cap_seconds=10.0,
)
