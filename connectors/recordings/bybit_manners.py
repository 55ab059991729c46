"""How Bybit's public topics behave: snapshots and deltas on one topic, each request answered.

A session of the second or of the fifth version of the interface is played to a client of either: whoever asks for the
trades or the book of a symbol gets them in the form in which they were recorded.
"""

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
from connectors.recordings.session_lines import SessionLine

_SIDES = {"Buy": BIDS, "Sell": ASKS}
_KINDS = {"trade": "trade", "publicTrade": "trade", "orderBookL2_25": "book", "orderbook": "book"}
_CONNECTION = "00000000-0000-4000-8000-000000000000"


class BybitManners(PlainManners):
    """Of linear and inverse contracts; the snapshots of the second version differ in their wrapping between them."""

    name = "bybit"

    def __init__(self) -> None:
        self._snapshots: dict[str, Any] = {}

    def learn(self, line: SessionLine, message: Any) -> None:
        """Remember what the snapshot of a book looks like."""
        if isinstance(message, dict) and message.get("type") == "snapshot" and "topic" in message:
            data = message["data"]
            kept = {**data, "b": [], "a": []} if isinstance(data, dict) and "b" in data else type(data)()
            self._snapshots.setdefault(_key(message["topic"]), {**message, "data": kept})

    def asked(self, message: Any) -> Asked:
        """Read ping, subscribe and unsubscribe."""
        operation = message.get("op")
        if operation == "ping":
            return Asked(answer=_answer("pong", {"op": "ping", "args": None}))
        keys = tuple(_key(str(topic)) for topic in message.get("args") or ())
        if operation in {"subscribe", "unsubscribe"} and keys:
            return Asked(keys, operation == "unsubscribe", message)
        return Asked(answer=_answer("error:invalid op", message, success=False))

    def acknowledged(self, asked: Asked, joined: Iterable[str]) -> Iterable[str]:
        """Return the request with success."""
        return (_answer("", asked.about),)

    def refused(self, asked: Asked) -> str:
        """Return the request with the topic that is not there."""
        return _answer(f"error:handler not found,topic:{asked.keys[0]}", asked.about, success=False)

    def key_of(self, message: Any) -> str | None:
        """Return the topic."""
        topic = message.get("topic")
        return _key(topic) if topic else None

    def change_of(self, message: Any) -> BookChange | None:
        """Read a snapshot or a delta."""
        topic, data = _key(message.get("topic", "")), message.get("data")
        if not topic.startswith("book"):
            return None
        if isinstance(data, dict) and "b" in data:
            levels = pair_levels(BIDS, data["b"]) + pair_levels(ASKS, data["a"])
            told = {name: message[name] for name in ("ts", "cts") if name in message}
            return BookChange(
                topic, levels, message["type"] == "snapshot", (told, data["u"], data.get("seq"))
            )
        mark = (message.get("cross_seq"), message.get("timestamp_e6"))
        if message["type"] == "snapshot":
            rows = data["order_book"] if isinstance(data, dict) else data
            levels = [(_SIDES[row["side"]], row["price"], row) for row in rows]
            return BookChange(topic, levels, whole=True, mark=mark)
        gone = [(_SIDES[row["side"]], row["price"], None) for row in data["delete"]]
        there = [(_SIDES[row["side"]], row["price"], row) for row in data["update"] + data["insert"]]
        return BookChange(topic, gone + there, mark=mark)

    def opening(self, key: str, book: Callable[[str], ReplayBook | None]) -> Iterable[str]:
        """Return the snapshot that a subscription to a book begins with."""
        held, like = book(key), self._snapshots.get(key)
        if held is None or like is None or held.mark is None:
            return ()
        if isinstance(like["data"], dict) and "b" in like["data"]:
            told, update, sequence = held.mark
            data = {
                **like["data"],
                "b": rows_of(held, BIDS),
                "a": rows_of(held, ASKS),
                "u": update,
                "seq": sequence,
            }
            return (text_of({**like, **told, "data": data}),)
        rows = rows_of(held, BIDS)[::-1] + rows_of(held, ASKS)
        whole = {"order_book": rows} if isinstance(like["data"], dict) else rows
        return (text_of({**like, "data": whole, "cross_seq": held.mark[0], "timestamp_e6": held.mark[1]}),)


def _key(topic: str) -> str:
    """Return kind and symbol of a topic, the same for both versions; what is neither trades nor book stays."""
    kind = _KINDS.get(topic.partition(".")[0])
    return f"{kind}:{topic.rpartition('.')[2]}" if kind else topic


def _answer(said: str, request: Any, *, success: bool = True) -> str:
    told: dict[str, Any] = {"success": success, "ret_msg": said, "conn_id": _CONNECTION}
    if isinstance(request, dict) and "req_id" in request:
        told |= {"req_id": request["req_id"], "op": request["op"]}
    return text_of({**told, "request": request})
