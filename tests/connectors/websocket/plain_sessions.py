"""Reads recorded sessions in the plainest way, by the standard library alone, for tests to compare with."""

import gzip
import json
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors.recordings.session_lines import SessionLine, Traffic, session_lines
from tests.connectors.websocket.okx_session import okx_files

SHARED = Path(__file__).parents[4] / "shared" / "data"
PROTOCOL = SHARED / "ws_protocol"
COMBINED = SHARED / "crypto_ws_l2"
real_data = pytest.mark.skipif(not PROTOCOL.is_dir(), reason=f"no recorded session is at {PROTOCOL}")

FILES = {
    "binance": sorted(COMBINED.glob("spot/eth*.gz")),
    "binance_futures": sorted(PROTOCOL.glob("BINANCE_FUTURES.*.gz")),
    "bitstamp": sorted(PROTOCOL.glob("BITSTAMP.*.gz")),
    "bybit": sorted(PROTOCOL.glob("BYBIT.*.gz")),
    "coinbase": sorted(PROTOCOL.glob("COINBASE.*.gz")),
    "kraken": sorted(PROTOCOL.glob("KRAKEN.*.gz")),
    "okx": okx_files(),
}

Levels = tuple[tuple[float, float], ...]


class PlainTrade(NamedTuple):
    known_at: int
    name: str
    event_at: int
    price: float
    size: float
    side: int


class PlainQuote(NamedTuple):
    known_at: int
    name: str
    event_at: int
    numbers: tuple[float, ...]


class PlainDepth(NamedTuple):
    known_at: int
    name: str
    event_at: int
    whole: bool
    last: int
    bids: Levels
    asks: Levels


@cache
def lines_of(venue: str) -> tuple[SessionLine, ...]:
    """Return the lines of a venue's files in order of receipt; a bare snapshot under the address of its request."""
    lines = [line for path in FILES[venue] for line in session_lines(path)]
    bare = "https://api.binance.com/api/v3/depth?symbol=ETHUSDT"
    lines = [
        line._replace(traffic=Traffic.ANSWERED, address=bare)
        if line.text.startswith(b'{"lastUpdateId"') and not line.address
        else line
        for line in lines
    ]
    return tuple(sorted(lines, key=lambda line: line.at))


def plain_lines(path: Path) -> Iterator[tuple[int, str, Any]]:
    """Yield receipt (ns), address and content of what a file holds that was received or answered."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as file:
        for line in file:
            text = line.rstrip("\n")
            if found := re.fullmatch(r"(\d{19}) (\{.*)", text):
                yield int(found[1]), "", json.loads(found[2])
            elif found := re.fullmatch(r"(?:(https://\S+) -> )?(\d+\.\d+): (.*)", text):
                yield int(Decimal(found[2]) * 10**9), found[1] or "", json.loads(found[3])


@cache
def plain_rows(venue: str) -> tuple[NamedTuple, ...]:
    """Return trades, quotes and depth of a venue's files, in order of receipt."""
    read = globals()[f"_{venue.removesuffix('_futures')}"]
    ending = "-PERP" if venue == "binance_futures" else ""
    rows = [row for path in FILES[venue] for line in plain_lines(path) for row in read(*line)]
    rows = [row._replace(name=row.name + ending) for row in rows]
    return tuple(sorted(rows, key=lambda row: row.known_at))


def _levels(rows: list[list[Any]]) -> Levels:
    return tuple((float(row[0]), float(row[1])) for row in rows)


def _binance(at: int, address: str, message: Any) -> Iterator[NamedTuple]:
    if "lastUpdateId" in message:
        symbol = address.partition("symbol=")[2].partition("&")[0] or "ETHUSDT"
        event_at = message.get("T", message.get("E", 0)) * 10**6
        sides = _levels(message["bids"]), _levels(message["asks"])
        yield PlainDepth(at, _dashed(symbol), event_at, True, message["lastUpdateId"], *sides)
    if "stream" not in message:
        return
    data, kind = message["data"], message["stream"].split("@")[1]
    name = _dashed(data["s"])
    event_at = data.get("T", data.get("E", 0)) * 10**6
    if kind in {"trade", "aggTrade"}:
        side = -1 if data["m"] else 1
        yield PlainTrade(at, name, data["T"] * 10**6, float(data["p"]), float(data["q"]), side)
    elif kind == "bookTicker":
        event_at = data.get("T", 0) * 10**6
        yield PlainQuote(at, name, event_at, tuple(float(data[key]) for key in "bBaA"))
    elif kind == "depth":
        yield PlainDepth(at, name, event_at, False, data["u"], _levels(data["b"]), _levels(data["a"]))


def _bitstamp(at: int, address: str, message: Any) -> Iterator[NamedTuple]:
    if "order_book" in address:
        name = _dashed(address.rpartition("/")[2].upper())
        mark = int(message["microtimestamp"])
        yield PlainDepth(
            at, name, mark * 1000, True, mark, _levels(message["bids"]), _levels(message["asks"])
        )
    if address or message["event"] not in {"data", "trade"}:
        return
    data, name = message["data"], _dashed(message["channel"].rpartition("_")[2].upper())
    mark = int(data["microtimestamp"])
    if message["event"] == "trade":
        side = -1 if data["type"] else 1
        yield PlainTrade(at, name, mark * 1000, data["price"], data["amount"], side)
    else:
        yield PlainDepth(at, name, mark * 1000, False, mark, _levels(data["bids"]), _levels(data["asks"]))


def _bybit(at: int, _address: str, message: Any) -> Iterator[NamedTuple]:
    topic, _, symbol = message.get("topic", "").partition(".")
    name = f"{_dashed(symbol)}-PERP" if symbol else ""
    if topic == "trade":
        for row in message["data"]:
            side = 1 if row["side"] == "Buy" else -1
            event_at = int(row["trade_time_ms"]) * 10**6
            yield PlainTrade(at, name, event_at, float(row["price"]), float(row["size"]), side)
    elif topic:
        data = message["data"]
        whole = message["type"] == "snapshot"
        rows = data if isinstance(data, list) else data.get("order_book", [])
        if not whole:
            rows = [{**row, "size": 0} for row in data["delete"]] + data["update"] + data["insert"]
        sides = [[(r["price"], r["size"]) for r in rows if r["side"] == side] for side in ("Buy", "Sell")]
        marks = int(message["timestamp_e6"]) * 1000, whole, int(message["cross_seq"])
        yield PlainDepth(at, name, *marks, _levels(sides[0]), _levels(sides[1]))


def _coinbase(at: int, address: str, message: Any) -> Iterator[NamedTuple]:
    if address or message["type"] not in {"snapshot", "l2update", "match", "ticker"}:
        return
    name, event_at = message["product_id"], 0
    if "time" in message:
        moment = datetime.fromisoformat(message["time"])
        event_at = (int(moment.replace(microsecond=0).timestamp()) * 10**6 + moment.microsecond) * 1000
    if message["type"] == "match":
        side = 1 if message["side"] == "sell" else -1
        yield PlainTrade(at, name, event_at, float(message["price"]), float(message["size"]), side)
    elif message["type"] == "ticker":
        nan = float("nan")
        yield PlainQuote(
            at, name, event_at, (float(message["best_bid"]), nan, float(message["best_ask"]), nan)
        )
    elif message["type"] == "snapshot":
        yield PlainDepth(at, name, 0, True, -1, _levels(message["bids"]), _levels(message["asks"]))
    else:
        bids = [row[1:] for row in message["changes"] if row[0] == "buy"]
        asks = [row[1:] for row in message["changes"] if row[0] == "sell"]
        yield PlainDepth(at, name, event_at, False, -1, _levels(bids), _levels(asks))


def _kraken(at: int, _address: str, message: Any) -> Iterator[NamedTuple]:
    if not isinstance(message, list):
        return
    name = message[-1].replace("XBT", "BTC").replace("/", "-")
    if message[-2] == "trade":
        for price, size, moment, side, *_ in message[1]:
            event_at = int(Decimal(moment) * 10**9)
            yield PlainTrade(at, name, event_at, float(price), float(size), 1 if side == "b" else -1)
    elif message[-2] == "ticker":
        ask, bid = message[1]["a"], message[1]["b"]
        yield PlainQuote(at, name, 0, (float(bid[0]), float(bid[2]), float(ask[0]), float(ask[2])))
    else:
        parts = {key: rows for part in message[1:-2] for key, rows in part.items()}
        whole = "as" in parts
        bids, asks = parts.get("bs" if whole else "b", []), parts.get("as" if whole else "a", [])
        event_at = max(int(Decimal(row[2]) * 10**9) for row in bids + asks)
        yield PlainDepth(at, name, event_at, whole, -1, _levels(bids), _levels(asks))


def _okx(at: int, _address: str, message: Any) -> Iterator[NamedTuple]:
    channel, name = message["arg"]["channel"], message["arg"]["instId"]
    for row in message.get("data", ()):
        event_at = int(row["ts"]) * 10**6
        if channel == "trades":
            side = 1 if row["side"] == "buy" else -1
            yield PlainTrade(at, name, event_at, float(row["px"]), float(row["sz"]), side)
            continue
        bids, asks = _levels(row["bids"]), _levels(row["asks"])
        if channel == "bbo-tbt":
            yield PlainQuote(at, name, event_at, (*bids[0], *asks[0]))
        else:
            yield PlainDepth(at, name, event_at, message["action"] == "snapshot", row["seqId"], bids, asks)


def _dashed(symbol: str) -> str:
    """Return base and quote apart; the recorded instruments need no more than this."""
    found = re.fullmatch(r"(.+?)(USDT|USD|EUR|GBP|BTC)", symbol)
    assert found is not None
    return f"{found[1]}-{found[2]}"
