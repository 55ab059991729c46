"""The candles of a recorded session as its venue tells them afterwards over REST, counted from the session's trades."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from connectors.recordings.manners import text_of
from connectors.recordings.told_trades import Told

_MINUTES = {"D": 1440, "W": 10080}
_BINANCE = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class _Traded(NamedTuple):
    symbol: str
    at: Decimal
    price: str
    size: str


class _Candle(NamedTuple):
    """An interval: when it opens (s), its prices as they were written, its volume, how many trades."""

    at: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    trades: int


def told_candles(venue: str, messages: list[Any]) -> Told:
    """Return what answers a path and query that ask for candles, None where they ask for something else."""
    read: dict[str, Callable[[Any], Iterator[_Traded]]] = {
        "binance": _binance,
        "binance_futures": _binance,
        "bitstamp": _bitstamp,
        "bybit": _bybit,
        "coinbase": _coinbase,
        "kraken": _kraken,
        "okx": _okx,
    }
    trades: dict[str, list[_Traded]] = {}
    for message in messages:
        try:
            for trade in read[venue](message):
                trades.setdefault(trade.symbol, []).append(trade)
        except (AttributeError, KeyError, TypeError, IndexError):
            continue

    @cache
    def counted(symbol: str, seconds: int) -> list[_Candle]:
        return list(_counted(trades.get(symbol, ()), seconds))

    def candles(symbol: str, seconds: int, first: Decimal, last: Decimal) -> list[_Candle]:
        return [one for one in counted(symbol, seconds) if first <= one.at <= last]

    def told(path: str, query: Mapping[str, str]) -> str | None:
        answer = _ANSWERS[venue](path.strip("/").split("/"), query, candles)
        return None if answer is None else text_of(answer)

    return told


def _counted(trades: Iterable[_Traded], seconds: int) -> Iterator[_Candle]:
    """Yield the intervals in which something was traded, in order."""
    groups: dict[int, list[_Traded]] = {}
    for trade in sorted(trades, key=lambda trade: trade.at):
        groups.setdefault(int(trade.at // seconds) * seconds, []).append(trade)
    for at in sorted(groups):
        held = groups[at]
        prices = [trade.price for trade in held]
        volume = str(sum(Decimal(trade.size) for trade in held))
        high, low = max(prices, key=Decimal), min(prices, key=Decimal)
        yield _Candle(at, prices[0], high, low, prices[-1], volume, len(held))


def _binance(message: Any) -> Iterator[_Traded]:
    data = message["data"]
    if data.get("e") in {"trade", "aggTrade"} and data.get("X") != "NA":
        yield _Traded(data["s"], Decimal(data["T"]) / 1000, data["p"], data["q"])


def _bitstamp(message: Any) -> Iterator[_Traded]:
    if message["event"] == "trade":
        data, symbol = message["data"], message["channel"].rpartition("_")[2]
        at = Decimal(data["microtimestamp"]) / 10**6
        yield _Traded(symbol, at, str(data["price"]), str(data["amount"]))


def _bybit(message: Any) -> Iterator[_Traded]:
    kind, _, symbol = message["topic"].partition(".")
    for row in message["data"] if kind in {"trade", "publicTrade"} else ():
        at, names = (row["T"], "pv") if kind == "publicTrade" else (row["trade_time_ms"], ("price", "size"))
        yield _Traded(symbol, Decimal(at) / 1000, *(str(row[name]) for name in names))


def _coinbase(message: Any) -> Iterator[_Traded]:
    if message["type"] == "match":
        at = datetime.fromisoformat(message["time"])
        seconds = Decimal(int(at.timestamp())) + Decimal(at.microsecond) / 10**6
        yield _Traded(message["product_id"], seconds, message["price"], message["size"])


def _kraken(message: Any) -> Iterator[_Traded]:
    if isinstance(message, list) and message[-2] == "trade":
        for row in message[1]:
            yield _Traded(message[-1], Decimal(row[2]), row[0], row[1])


def _okx(message: Any) -> Iterator[_Traded]:
    for row in message["data"] if message["arg"]["channel"] == "trades" else ():
        yield _Traded(row["instId"], Decimal(row["ts"]) / 1000, row["px"], row["sz"])


Parts = list[str]
Counted = Callable[[str, int, Decimal, Decimal], list[_Candle]]
_ALL = Decimal(2**40)


def _tell_binance(parts: Parts, query: Mapping[str, str], candles: Counted) -> Any:
    if parts[-1] != "klines":
        return None
    word = query["interval"]
    first, last = Decimal(query.get("startTime", 0)) / 1000, Decimal(query.get("endTime", 2**60)) / 1000
    seconds = int(word[:-1]) * _BINANCE[word[-1]]
    return [
        [one.at * 1000, *one[1:6], (one.at + seconds) * 1000 - 1, "0", one.trades, "0", "0", "0"]
        for one in candles(query["symbol"], seconds, first, last)
    ][: int(query.get("limit", 500))]


def _tell_bitstamp(parts: Parts, query: Mapping[str, str], candles: Counted) -> Any:
    if parts[:3] != ["api", "v2", "ohlc"]:
        return None
    first, last = Decimal(query.get("start", 0)), Decimal(query.get("end", 2**40))
    rows = candles(parts[3], int(query["step"]), first, last)[: int(query["limit"])]
    names = ("timestamp", "open", "high", "low", "close", "volume")
    ohlc = [dict(zip(names, (str(each) for each in one[:6]), strict=True)) for one in rows]
    return {"data": {"pair": parts[3].upper(), "ohlc": ohlc}}


def _tell_bybit(parts: Parts, query: Mapping[str, str], candles: Counted) -> Any:
    if parts[-1] != "kline":
        return None
    minutes = _MINUTES.get(query["interval"]) or int(query["interval"])
    first, last = Decimal(query["start"]) / 1000, Decimal(query["end"]) / 1000
    rows = candles(query["symbol"], 60 * minutes, first, last)[::-1][: int(query.get("limit", 200))]
    listed = [[str(one.at * 1000), *one[1:6], "0"] for one in rows]
    return {
        "retCode": 0,
        "result": {"symbol": query["symbol"], "category": query["category"], "list": listed},
    }


def _tell_coinbase(parts: Parts, query: Mapping[str, str], candles: Counted) -> Any:
    if len(parts) != 3 or parts[2] != "candles":
        return None
    first, last = (_seconds(unquote(query[name])) for name in ("start", "end"))
    rows = candles(parts[1], int(query["granularity"]), first, last)[::-1][:300]
    numbers = ((one.low, one.high, one.open, one.close, one.volume) for one in rows)
    return [
        [one.at, *(msgspec.Raw(each.encode()) for each in values)]
        for one, values in zip(rows, numbers, strict=True)
    ]


def _seconds(text: str) -> Decimal:
    return Decimal(int(datetime.fromisoformat(text).astimezone(UTC).timestamp()))


def _tell_kraken(parts: Parts, query: Mapping[str, str], candles: Counted) -> Any:
    if parts[-1] != "OHLC":
        return None
    pair = unquote(query["pair"])
    rows = candles(pair, 60 * int(query["interval"]), Decimal(query.get("since", 0)) + 1, _ALL)[-720:]
    listed = [[one.at, *one[1:5], "0", one.volume, one.trades] for one in rows]
    return {"error": [], "result": {pair: listed, "last": rows[-1].at if rows else 0}}


def _tell_okx(parts: Parts, query: Mapping[str, str], candles: Counted) -> Any:
    if parts[-1] != "history-candles":
        return None
    word = query["bar"].removesuffix("utc")
    first, last = (Decimal(query[name]) / 1000 for name in ("before", "after"))
    told = candles(query["instId"], int(word[:-1]) * _BINANCE[word[-1].lower()], first, last)
    rows = [one for one in told if first < one.at < last][::-1][: int(query.get("limit", 100))]
    listed = [[str(one.at * 1000), *one[1:6], "0", "0", "1"] for one in rows]
    return {"code": "0", "msg": "", "data": listed}


_ANSWERS: dict[str, Callable[[Parts, Mapping[str, str], Counted], Any]] = {
    "binance": _tell_binance,
    "binance_futures": _tell_binance,
    "bitstamp": _tell_bitstamp,
    "bybit": _tell_bybit,
    "coinbase": _tell_coinbase,
    "kraken": _tell_kraken,
    "okx": _tell_okx,
}
