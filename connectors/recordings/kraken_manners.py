"""How Kraken's first websocket interface behaves: channels of pairs, one status for each pair, a beat each second."""

from collections.abc import Callable, Iterable
from typing import Any

from connectors.recordings.manners import (
    ASKS,
    BIDS,
    Asked,
    BookChange,
    PlainManners,
    ReplayBook,
    rows_of,
    text_of,
)
from connectors.recordings.session_lines import SessionLine

_SIDES = {"b": BIDS, "a": ASKS, "bs": BIDS, "as": ASKS}
_HEARTBEAT = text_of({"event": "heartbeat"})


class KrakenSystem(PlainManners):
    """What both versions of Kraken's interface share: a status for a greeting, a beat, books of bounded depth."""

    name = "kraken"
    beat = _HEARTBEAT

    def __init__(self, depth: int, status: str) -> None:
        self.depth: int | None = depth
        self._status = status

    def greeting(self) -> Iterable[str]:
        """Return the status of the system."""
        return (self._status,)

    def heartbeats(self, joined: Iterable[str], at: int) -> Iterable[str]:
        """Return the beat that says that the connection lives."""
        return (self.beat,)


class KrakenManners(KrakenSystem):
    """Of `ws.kraken.com`; a book has as many levels as the one that was recorded."""

    def __init__(self) -> None:
        status = {"connectionID": 1, "event": "systemStatus", "status": "online", "version": "1"}
        super().__init__(1000, text_of(status))
        self._channels: dict[str, tuple[int, str]] = {}

    def learn(self, line: SessionLine, message: Any) -> None:
        """Remember the recorded number and name of each channel, and the greeting."""
        if not isinstance(message, dict):
            return
        if message.get("event") == "systemStatus":
            self._status = line.text.decode()
        elif message.get("event") == "subscriptionStatus" and "channelID" in message:
            name = message["subscription"]["name"]
            self._channels[f"{name}:{message['pair']}"] = message["channelID"], message["channelName"]
            if name == "book":
                self.depth = int(message["subscription"].get("depth", self.depth))

    def asked(self, message: Any) -> Asked:
        """Read ping, subscribe and unsubscribe."""
        event, number = message.get("event"), message.get("reqid")
        if event == "ping":
            return Asked(answer=text_of({"event": "pong"} | ({} if number is None else {"reqid": number})))
        subscription = message.get("subscription") or {}
        keys = tuple(f"{subscription.get('name')}:{pair}" for pair in message.get("pair") or ())
        if event in {"subscribe", "unsubscribe"} and keys:
            return Asked(keys, event == "unsubscribe", (subscription, number))
        return Asked(answer=text_of({"errorMessage": "Malformed request", "event": "error"}))

    def acknowledged(self, asked: Asked, joined: Iterable[str]) -> Iterable[str]:
        """Return a status for each pair."""
        for key in asked.keys:
            name, _, pair = key.partition(":")
            number, channel = self._channel(key)
            yield text_of(
                {
                    "channelID": number,
                    "channelName": channel,
                    "event": "subscriptionStatus",
                    "pair": pair,
                    **({} if asked.about[1] is None else {"reqid": asked.about[1]}),
                    "status": "unsubscribed" if asked.leaving else "subscribed",
                    "subscription": {"name": name, **({"depth": self.depth} if name == "book" else {})},
                }
            )

    def refused(self, asked: Asked) -> str:
        """Return the error status of a pair that is not there."""
        return text_of(
            {
                "errorMessage": "Currency pair not supported",
                "event": "subscriptionStatus",
                "pair": asked.keys[0].partition(":")[2],
                "status": "error",
                "subscription": asked.about[0],
            }
        )

    def key_of(self, message: Any) -> str | None:
        """Return channel and pair."""
        if not isinstance(message, list):
            return None
        return f"{message[-2].partition('-')[0]}:{message[-1]}"

    def change_of(self, message: Any) -> BookChange | None:
        """Read a snapshot or an update of a book; an update may come in two parts."""
        if not isinstance(message, list) or not message[-2].startswith("book"):
            return None
        levels = [
            (_SIDES[name], row[0], None if float(row[1]) == 0 else row[:3])
            for part in message[1:-2]
            for name, rows in part.items()
            if name in _SIDES
            for row in rows
        ]
        return BookChange(message[-1], levels, whole="as" in message[1] or "bs" in message[1])

    def opening(self, key: str, book: Callable[[str], ReplayBook | None]) -> Iterable[str]:
        """Return the snapshot that a subscription to a book begins with."""
        name, _, pair = key.partition(":")
        held = book(pair) if name == "book" else None
        if held is None:
            return ()
        number, channel = self._channel(key)
        return (text_of([number, {"as": rows_of(held, ASKS), "bs": rows_of(held, BIDS)}, channel, pair]),)

    def book_asked(self, path: str, query: dict[str, str]) -> str | None:
        """Return the pair of a request for depth."""
        return query.get("pair") if path == "/0/public/Depth" else None

    def book_told(self, name: str, book: ReplayBook) -> str:
        """Return the levels under the name of the pair."""
        return text_of({"error": [], "result": {name: {side: rows_of(book, side) for side in (ASKS, BIDS)}}})

    def _channel(self, key: str) -> tuple[int, str]:
        name = key.partition(":")[0]
        return self._channels.get(key, (0, f"book-{self.depth}" if name == "book" else name))
