"""How Bitstamp behaves: one channel a subscription, books over REST, heartbeats answered."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

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
from connectors.recordings.session_lines import SessionLine, Traffic

_BOOK_PATH = "/api/v2/order_book/"
_DIFFERENCES = "diff_order_book_"


class BitstampManners(PlainManners):
    """Of `ws.bitstamp.net`."""

    name = "bitstamp"

    def __init__(self) -> None:
        self._pair = ""

    def learn(self, line: SessionLine, message: Any) -> None:
        """Remember whose book an answer is: it does not say so."""
        if line.traffic is Traffic.ANSWERED:
            self._pair = urlsplit(line.address).path.removeprefix(_BOOK_PATH).strip("/")

    def asked(self, message: Any) -> Asked:
        """Read bts:subscribe, bts:unsubscribe and bts:heartbeat."""
        event, channel = message.get("event"), (message.get("data") or {}).get("channel")
        if event == "bts:heartbeat":
            return Asked(answer=text_of({"event": event, "channel": "", "data": {"status": "success"}}))
        if event in {"bts:subscribe", "bts:unsubscribe"} and channel:
            return Asked((channel,), event == "bts:unsubscribe")
        return Asked(answer=_error("", "Bad subscription string."))

    def acknowledged(self, asked: Asked, joined: Iterable[str]) -> Iterable[str]:
        """Return that it succeeded."""
        event = "bts:unsubscription_succeeded" if asked.leaving else "bts:subscription_succeeded"
        return (text_of({"event": event, "channel": asked.keys[0], "data": {}}),)

    def refused(self, asked: Asked) -> str:
        """Return the error of a channel that is not there."""
        return _error(asked.keys[0], "Incorrect channel.")

    def key_of(self, message: Any) -> str | None:
        """Return the channel of data and trades."""
        return message.get("channel") if message.get("event") in {"data", "trade"} else None

    def change_of(self, message: Any) -> BookChange | None:
        """Read the differences of a channel, or the answer of a request."""
        if message.get("event") == "data" and message["channel"].startswith(_DIFFERENCES):
            return self._change(message["channel"].removeprefix(_DIFFERENCES), message["data"], whole=False)
        if "bids" in message and "asks" in message:
            return self._change(self._pair, message, whole=True)
        return None

    def _change(self, pair: str, data: Any, *, whole: bool) -> BookChange:
        levels = pair_levels(BIDS, data["bids"]) + pair_levels(ASKS, data["asks"])
        mark = data["timestamp"], data["microtimestamp"]
        return BookChange(pair, levels, whole, mark, int(data["microtimestamp"]))

    def book_asked(self, path: str, query: dict[str, str]) -> str | None:
        """Return the pair of a request for a book."""
        return path.removeprefix(_BOOK_PATH).strip("/") if path.startswith(_BOOK_PATH) else None

    def book_told(self, name: str, book: ReplayBook) -> str:
        """Return the book as of the last difference."""
        seconds, microseconds = book.mark
        told = {"timestamp": seconds, "microtimestamp": microseconds}
        return text_of({**told, BIDS: rows_of(book, BIDS), ASKS: rows_of(book, ASKS)})


def _error(channel: str, message: str) -> str:
    return text_of({"event": "bts:error", "channel": channel, "data": {"code": None, "message": message}})
