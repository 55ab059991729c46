"""How Binance behaves, spot and USD-M futures: streams by address or by SUBSCRIBE, books over REST.

A stream is known by its instrument and kind alone: whichever speed of depth and kind of trade was recorded is what a
client gets that asks for another.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

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

_DEPTH_PATHS = ("/api/v3/depth", "/fapi/v1/depth")


class BinanceManners(PlainManners):
    """Of one of the two markets, which differ in the fields of a snapshot."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._symbol = ""

    def learn(self, line: SessionLine, message: Any) -> None:
        """Remember the instrument of the file: a snapshot among its lines does not name one."""
        if line.traffic is Traffic.ANSWERED:
            self._symbol = parse_qs(line.address.partition("?")[2]).get("symbol", [""])[0]
        elif isinstance(message, dict) and "stream" in message:
            self._symbol = message["stream"].partition("@")[0].upper()

    def joined_by(self, query: str) -> tuple[str, ...]:
        """Return the streams named in an address."""
        return tuple(_key(name) for name in parse_qs(query).get("streams", [""])[0].split("/") if name)

    def asked(self, message: Any) -> Asked:
        """Read SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS."""
        method, number = message.get("method"), message.get("id")
        keys = tuple(_key(str(name)) for name in message.get("params") or ())
        if method in {"SUBSCRIBE", "UNSUBSCRIBE"} and keys:
            return Asked(keys, method == "UNSUBSCRIBE", number)
        return Asked(answer=text_of({"error": {"code": 2, "msg": "Invalid request"}, "id": number}))

    def acknowledged(self, asked: Asked, joined: Iterable[str]) -> Iterable[str]:
        """Return the empty result."""
        return (text_of({"result": None, "id": asked.about}),)

    def refused(self, asked: Asked) -> str:
        """Return an error with the number of the request."""
        return text_of({"error": {"code": 2, "msg": "Invalid request: unknown stream"}, "id": asked.about})

    def key_of(self, message: Any) -> str | None:
        """Return instrument and kind of the stream."""
        stream = message.get("stream") if isinstance(message, dict) else None
        return _key(stream) if stream else None

    def change_of(self, message: Any) -> BookChange | None:
        """Read a difference of depth, or a snapshot."""
        if not isinstance(message, dict):
            return None
        data = message.get("data", message)
        if data.get("e") == "depthUpdate":
            levels = pair_levels(BIDS, data["b"]) + pair_levels(ASKS, data["a"])
            return BookChange(data["s"], levels, mark=(data["u"], data["E"], data.get("T")), number=data["u"])
        if "lastUpdateId" in data:
            levels = pair_levels(BIDS, data["bids"]) + pair_levels(ASKS, data["asks"])
            mark = (data["lastUpdateId"], data.get("E"), data.get("T"))
            return BookChange(self._symbol, levels, whole=True, mark=mark, number=data["lastUpdateId"])
        return None

    def book_asked(self, path: str, query: dict[str, str]) -> str | None:
        """Return the instrument of a request for depth."""
        return query.get("symbol", "").upper() if path in _DEPTH_PATHS else None

    def book_told(self, name: str, book: ReplayBook) -> str:
        """Return a snapshot as of the last difference."""
        last, event_at, traded_at = book.mark
        told: dict[str, Any] = {"lastUpdateId": last}
        if self.name == "binance_futures":
            told |= {"E": event_at, "T": traded_at}
        return text_of({**told, BIDS: rows_of(book, BIDS), ASKS: rows_of(book, ASKS)})


def _key(stream: str) -> str:
    instrument, _, kind = stream.partition("@")
    kind = kind.partition("@")[0]
    return f"{instrument}@{'trade' if kind == 'aggTrade' else kind}"
