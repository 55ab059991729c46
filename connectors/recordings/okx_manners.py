"""How OKX's public channels behave: an answer for each channel of an instrument, books with their subscription."""

from collections.abc import Callable, Iterable
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

_CONNECTION = "a4d3ae55"
_BOOKS = "books"


class OkxManners(PlainManners):
    """Of `ws.okx.com`; the checksum of a book is 0, as the venue has sent it since it gave it up."""

    name = "okx"

    def asked(self, message: Any) -> Asked:
        """Read the word ping, subscribe and unsubscribe."""
        if message == "ping":
            return Asked(answer="pong")
        operation = message.get("op")
        keys = tuple(_key(arg) for arg in message.get("args") or ())
        if operation in {"subscribe", "unsubscribe"} and keys:
            return Asked(keys, operation == "unsubscribe")
        return Asked(answer=_error("60012", f"Invalid request: {text_of(message)}"))

    def acknowledged(self, asked: Asked, joined: Iterable[str]) -> Iterable[str]:
        """Return an answer for each channel."""
        event = "unsubscribe" if asked.leaving else "subscribe"
        for key in asked.keys:
            yield text_of({"event": event, "arg": _arg(key), "connId": _CONNECTION})

    def refused(self, asked: Asked) -> str:
        """Return the error of a channel that is not there."""
        channel, _, symbol = asked.keys[0].partition(":")
        return _error("60018", f"Wrong URL or channel:{channel},instId:{symbol} doesn't exist.")

    def key_of(self, message: Any) -> str | None:
        """Return channel and instrument of what is no answer."""
        return _key(message["arg"]) if "arg" in message and "event" not in message else None

    def change_of(self, message: Any) -> BookChange | None:
        """Read a snapshot or an update of `books`."""
        if message.get("arg", {}).get("channel") != _BOOKS or "data" not in message:
            return None
        told = message["data"][0]
        levels = pair_levels(BIDS, told["bids"]) + pair_levels(ASKS, told["asks"])
        whole = message["action"] == "snapshot"
        return BookChange(_key(message["arg"]), levels, whole, (told["ts"], told["seqId"]))

    def opening(self, key: str, book: Callable[[str], ReplayBook | None]) -> Iterable[str]:
        """Return the snapshot that a subscription to a book begins with."""
        held = book(key)
        if held is None or held.mark is None:
            return ()
        at, sequence = held.mark
        sides = {"asks": rows_of(held, ASKS), "bids": rows_of(held, BIDS)}
        told = {**sides, "ts": at, "checksum": 0, "seqId": sequence, "prevSeqId": -1}
        return (text_of({"arg": _arg(key), "action": "snapshot", "data": [told]}),)


def _key(arg: Any) -> str:
    return f"{arg['channel']}:{arg['instId']}"


def _arg(key: str) -> dict[str, str]:
    channel, _, symbol = key.partition(":")
    return {"channel": channel, "instId": symbol}


def _error(code: str, said: str) -> str:
    return text_of({"event": "error", "code": code, "msg": said, "connId": _CONNECTION})
