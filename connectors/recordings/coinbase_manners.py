"""How Coinbase's exchange feed behaves: channels of products, each subscription answered with all that are joined."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from connectors.recordings.manners import (
    ASKS,
    BIDS,
    Asked,
    BookChange,
    PlainManners,
    ReplayBook,
    pair_levels,
    rows_of,
    text_of,
)

_CHANNEL_OF_TYPE = {
    "match": "matches",
    "last_match": "matches",
    "ticker": "ticker",
    "l2update": "level2",
    "snapshot": "level2",
    "heartbeat": "heartbeat",
}
_SIDES = {"buy": BIDS, "sell": ASKS}


class CoinbaseManners(PlainManners):
    """Of `ws-feed` in the format of the exchange."""

    name = "coinbase"

    def asked(self, message: Any) -> Asked:
        """Read subscribe and unsubscribe, products named once or by channel."""
        kind, products = message.get("type"), message.get("product_ids") or []
        keys = [
            f"{_channel(name)}:{product}"
            for channel in message.get("channels") or []
            for name, own in [
                (channel, products)
                if isinstance(channel, str)
                else (channel.get("name", ""), channel.get("product_ids") or products)
            ]
            for product in own
        ]
        if kind in {"subscribe", "unsubscribe"} and keys:
            return Asked(tuple(keys), kind == "unsubscribe")
        return Asked(
            answer=_error("Type has to be either subscribe or unsubscribe, with products and channels")
        )

    def acknowledged(self, asked: Asked, joined: Iterable[str]) -> Iterable[str]:
        """Return all channels with their products."""
        channels: dict[str, list[str]] = {}
        for key in sorted(joined):
            channel, _, product = key.partition(":")
            channels.setdefault(channel, []).append(product)
        told = [{"name": name, "product_ids": products} for name, products in channels.items()]
        return (text_of({"type": "subscriptions", "channels": told}),)

    def refused(self, asked: Asked) -> str:
        """Return the error of a product that is not there."""
        return _error(f"{asked.keys[0].partition(':')[2]} is not a valid product")

    def key_of(self, message: Any) -> str | None:
        """Return channel and product."""
        channel = _CHANNEL_OF_TYPE.get(message.get("type", ""))
        return f"{channel}:{message['product_id']}" if channel else None

    def change_of(self, message: Any) -> BookChange | None:
        """Read a snapshot, or the changes of an update."""
        if message.get("type") == "snapshot":
            levels = pair_levels(BIDS, message["bids"]) + pair_levels(ASKS, message["asks"])
            return BookChange(message["product_id"], levels, whole=True)
        if message.get("type") == "l2update":
            levels = [
                level for side, *row in message["changes"] for level in pair_levels(_SIDES[side], [row])
            ]
            return BookChange(message["product_id"], levels, mark=message["time"])
        return None

    def opening(self, key: str, book: Callable[[str], ReplayBook | None]) -> Iterable[str]:
        """Return the snapshot that a subscription to level2 begins with."""
        channel, _, product = key.partition(":")
        held = book(product) if channel == "level2" else None
        if held is None:
            return ()
        sides = {ASKS: rows_of(held, ASKS), BIDS: rows_of(held, BIDS)}
        return (text_of({"type": "snapshot", "product_id": product, **sides}),)

    def book_asked(self, path: str, query: dict[str, str]) -> str | None:
        """Return the product of `/products/PRODUCT/book`."""
        parts = path.strip("/").split("/")
        return parts[1] if len(parts) == 3 and parts[0] == "products" and parts[2] == "book" else None

    def book_told(self, name: str, book: ReplayBook) -> str:
        """Return the levels, each with a count of one order."""
        sides = {side: [[*row[:2], 1] for row in rows_of(book, side)] for side in (BIDS, ASKS)}
        return text_of({**sides, "sequence": 0, "time": book.mark})

    def heartbeats(self, joined: Iterable[str], at: int) -> Iterable[str]:
        """Return a beat for each product whose heartbeat is joined."""
        time = datetime.fromtimestamp(at / 1e9, UTC).isoformat().replace("+00:00", "Z")
        for product in sorted(key.partition(":")[2] for key in joined if key.startswith("heartbeat:")):
            told = {"type": "heartbeat", "sequence": 0, "last_trade_id": 0, "product_id": product}
            yield text_of({**told, "time": time})


def _channel(name: str) -> str:
    return "level2" if name.startswith("level2") else name


def _error(reason: str) -> str:
    return text_of({"type": "error", "message": "Failed to subscribe", "reason": reason})
