"""How Kraken's second websocket interface behaves: one answer for each symbol, numbers with their digits, a checksum.

The checksum of a book that is sent to whoever joins is made here, over the digits of its ten best levels of each side,
asks first (Kraken, WebSocket API v2: book checksum).
"""

import re
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from connectors.recordings.kraken_manners import KrakenSystem
from connectors.recordings.manners import ASKS, BIDS, Asked, BookChange, ReplayBook, text_of
from connectors.recordings.session_lines import SessionLine

_NUMBER = re.compile(rb'"(price|qty)":\d+\.?(\d*)')
_CHANNELS = ("book", "trade", "ticker")
_CHECKED = 10


class KrakenSecondManners(KrakenSystem):
    """Of `ws.kraken.com/v2`; a book has as many levels as the one that was recorded, numbers as many digits."""

    beat = text_of({"channel": "heartbeat"})

    def __init__(self) -> None:
        status = {"channel": "status", "type": "update", "data": [{"api_version": "v2", "system": "online"}]}
        super().__init__(10, text_of(status))
        self._places: dict[tuple[str, str], int] = {}

    def learn(self, line: SessionLine, message: Any) -> None:
        """Remember the depth of books, the digits of their numbers, and the greeting."""
        if not isinstance(message, dict):
            return
        if message.get("channel") == "status":
            self._status = line.text.decode()
        elif message.get("channel") == "book":
            symbol = message["data"][0]["symbol"]
            for name, digits in _NUMBER.findall(line.text):
                key = symbol, name.decode()
                self._places[key] = max(len(digits), self._places.get(key, 0))
        elif message.get("method") == "subscribe" and message.get("success"):
            self.depth = int(message["result"].get("depth", self.depth))

    def asked(self, message: Any) -> Asked:
        """Read ping, subscribe and unsubscribe."""
        method = message.get("method")
        number = {"req_id": message["req_id"]} if "req_id" in message else {}
        if method == "ping":
            return Asked(answer=text_of({"method": "pong", **number}))
        params = message.get("params") or {}
        keys = tuple(f"{params.get('channel')}:{symbol}" for symbol in params.get("symbol") or ())
        if method in {"subscribe", "unsubscribe"} and keys:
            return Asked(keys, method == "unsubscribe", (method, number))
        return Asked(answer=text_of({"error": "Malformed request", "success": False, **number}))

    def acknowledged(self, asked: Asked, joined: Iterable[str]) -> Iterable[str]:
        """Return an answer for each symbol."""
        method, number = asked.about
        for key in asked.keys:
            channel, _, symbol = key.partition(":")
            depth = {"depth": self.depth} if channel == "book" else {}
            result = {"channel": channel, **depth, "snapshot": True, "symbol": symbol}
            yield text_of({"method": method, "result": result, "success": True, **number})

    def refused(self, asked: Asked) -> str:
        """Return the error of a symbol that is not there."""
        method, number = asked.about or ("subscribe", {})
        symbol = asked.keys[0].partition(":")[2]
        said = f"Currency pair not supported {symbol}"
        return text_of({"error": said, "method": method, "success": False, "symbol": symbol, **number})

    def key_of(self, message: Any) -> str | None:
        """Return channel and symbol."""
        channel = message.get("channel")
        return f"{channel}:{message['data'][0]['symbol']}" if channel in _CHANNELS else None

    def change_of(self, message: Any) -> BookChange | None:
        """Read a snapshot or an update of a book."""
        if not isinstance(message, dict) or message.get("channel") != "book":
            return None
        told = message["data"][0]
        levels = [
            (side, repr(row["price"]), row if row["qty"] else None)
            for side in (BIDS, ASKS)
            for row in told.get(side) or ()
        ]
        return BookChange(told["symbol"], levels, message["type"] == "snapshot", told.get("timestamp"))

    def opening(self, key: str, book: Callable[[str], ReplayBook | None]) -> Iterable[str]:
        """Return the snapshot that a subscription to a book begins with."""
        channel, _, symbol = key.partition(":")
        held = book(symbol) if channel == "book" else None
        return () if held is None else (self.book_told(symbol, held),)

    def book_told(self, name: str, book: ReplayBook) -> str:
        """Return the snapshot of a symbol's book, with its checksum."""
        sides = {side: [self._digits(name, row) for _, row in book.ordered(side)] for side in (ASKS, BIDS)}
        checked = (text for side in (ASKS, BIDS) for level in sides[side][:_CHECKED] for text in level)
        digits = "".join(text.replace(".", "").lstrip("0") for text in checked)
        rows = {
            side: [msgspec.Raw(f'{{"price":{price},"qty":{size}}}'.encode()) for price, size in levels]
            for side, levels in sides.items()
        }
        told = {"symbol": name, **rows, "checksum": zlib.crc32(digits.encode())}
        at = {} if book.mark is None else {"timestamp": book.mark}
        return text_of({"channel": "book", "type": "snapshot", "data": [{**told, **at}]})

    def _digits(self, symbol: str, row: Any) -> tuple[str, str]:
        """Return price and size of a level with the digits of the recording."""
        price, size = (f"{row[one]:.{self._places.get((symbol, one), 0)}f}" for one in ("price", "qty"))
        return price, size
