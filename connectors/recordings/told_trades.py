"""The trades of a recorded session as its venue tells them afterwards over REST: in pages, by its own rules.

Kraken's websocket numbers no trades; they are numbered here in the order in which they were sent.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import msgspec

from connectors.recordings.manners import text_of

PAGE = 1000
Told = Callable[[str, Mapping[str, str]], str | None]


def messages_of(texts: Iterable[str]) -> list[Any]:
    """Return what texts hold, without those that are no JSON."""
    messages = []
    for text in texts:
        try:
            messages.append(msgspec.json.decode(text))
        except msgspec.DecodeError:
            continue
    return messages


def told_trades(venue: str, messages: list[Any]) -> Told:
    """Return what answers a path and query that ask a venue for trades, None where they ask for something else."""
    kinds: dict[str, Callable[[list[Any]], Told]] = {
        "binance": _binance,
        "binance_futures": _binance,
        "coinbase": _coinbase,
        "kraken": _kraken,
        "okx": _okx,
    }
    if venue not in kinds:
        return lambda _path, _query: None
    return kinds[venue](messages)


def _binance(messages: list[Any]) -> Told:
    rows: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        data = message.get("data", {}) if isinstance(message, dict) else {}
        if isinstance(data, dict) and data.get("e") in {"trade", "aggTrade"} and data.get("X") != "NA":
            number = data.get("a") if data["e"] == "aggTrade" else data["t"]
            row = {"a": number, "p": data["p"], "q": data["q"], "f": number, "l": number, "T": data["T"]}
            rows.setdefault(data["s"], []).append({**row, "m": data["m"]})

    def told(path: str, query: Mapping[str, str]) -> str | None:
        if not path.endswith("/aggTrades"):
            return None
        held = sorted(rows.get(query.get("symbol", ""), []), key=lambda row: int(row["a"]))
        if "fromId" in query:
            held = [row for row in held if row["a"] >= int(query["fromId"])]
        else:
            first, last = int(query.get("startTime", 0)), int(query.get("endTime", 2**62))
            held = [row for row in held if first <= row["T"] <= last]
        return text_of(held[: min(PAGE, int(query.get("limit", 500)))])

    return told


def _coinbase(messages: list[Any]) -> Told:
    rows: dict[str, dict[int, dict[str, Any]]] = {}
    for message in messages:
        if isinstance(message, dict) and message.get("type") == "match":
            row = {name: message[name] for name in ("time", "trade_id", "price", "size", "side")}
            rows.setdefault(message["product_id"], {})[message["trade_id"]] = row

    def told(path: str, query: Mapping[str, str]) -> str | None:
        parts = path.strip("/").split("/")
        if len(parts) != 3 or (parts[0], parts[2]) != ("products", "trades"):
            return None
        before = int(query.get("after", 2**62))
        held = rows.get(parts[1], {})
        numbers = sorted((number for number in held if number < before), reverse=True)
        return text_of([held[number] for number in numbers[: min(PAGE, int(query.get("limit", PAGE)))]])

    return told


def _kraken(messages: list[Any]) -> Told:
    rows: dict[str, list[list[Any]]] = {}
    for message in messages:
        if isinstance(message, list) and message[-2:-1] == ["trade"]:
            held = rows.setdefault(message[-1], [])
            held += [
                [*row[:2], msgspec.Raw(row[2].encode()), *row[3:6], len(held) + place]
                for place, row in enumerate(message[1], 1)
            ]

    def told(path: str, query: Mapping[str, str]) -> str | None:
        if path != "/0/public/Trades":
            return None
        pair, since = unquote(query.get("pair", "")), int(query.get("since", 0))
        held = [row for row in rows.get(pair, []) if _nanoseconds(row) > since][:PAGE]
        last = str(_nanoseconds(held[-1]) if held else since)
        return text_of({"error": [], "result": {pair: held, "last": last}})

    return told


def _okx(messages: list[Any]) -> Told:
    rows: dict[str, dict[int, dict[str, Any]]] = {}
    for message in messages:
        if isinstance(message, dict) and message.get("arg", {}).get("channel") == "trades":
            for row in message.get("data", ()):
                rows.setdefault(row["instId"], {})[int(row["tradeId"])] = row

    def told(path: str, query: Mapping[str, str]) -> str | None:
        if path != "/api/v5/market/history-trades":
            return None
        before = int(query.get("after", 2**62))
        held = rows.get(query.get("instId", ""), {})
        numbers = sorted((number for number in held if number < before), reverse=True)
        page = numbers[: min(PAGE, int(query.get("limit", 100)))]
        return text_of({"code": "0", "msg": "", "data": [held[number] for number in page]})

    return told


def _nanoseconds(row: list[Any]) -> int:
    return int(Decimal(bytes(row[2]).decode()) * 10**9)
