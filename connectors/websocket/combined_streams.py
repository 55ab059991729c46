"""Binance's way of subscribing, which its markets share: streams of symbols, one numbered message for all of them."""

import json
from collections.abc import Sequence

import msgspec

from connectors.websocket.candle_pages import CandlePages
from connectors.websocket.fields import MILLISECOND
from connectors.websocket.trade_pages import TradePages
from connectors.websocket.venue import Answer, Subscription, confirmed

STREAMS_A_MESSAGE = 200
HOUR = 3600 * 10**9
INTERVALS = {
    60: "1m",
    180: "3m",
    300: "5m",
    900: "15m",
    1800: "30m",
    3600: "1h",
    7200: "2h",
    14400: "4h",
    21600: "6h",
    28800: "8h",
    43200: "12h",
    86400: "1d",
}
STEPS = ("filters.*.tickSize", "filters.*.stepSize")
"""Where the list of instruments has the steps of price and of quantity."""


class _Said(msgspec.Struct):
    """A frame that may be an answer: it has a number, and a result or an error."""

    id: int | None = None
    error: dict[str, object] | None = None


_decoder = msgspec.json.Decoder(_Said)


def candle_pages(path: str) -> CandlePages:
    """Return how the candles of the past are told."""

    def asked(symbol: str, word: str, first: int, last: int) -> str:
        span = f"startTime={first // MILLISECOND}&endTime={last // MILLISECOND}"
        return f"{path}?symbol={symbol}&interval={word}&{span}&limit=1000"

    return CandlePages(INTERVALS, asked, unit=MILLISECOND)


def trade_pages(path: str) -> TradePages:
    """Return how the trades of the past are told, those of one order and price together."""
    asked = f"{path}?limit=1000&symbol="

    def since(symbol: str, start: int, stop: int) -> str:
        return f"{asked}{symbol}&startTime={-(-start // MILLISECOND)}&endTime={(stop - 1) // MILLISECOND}"

    def after(symbol: str, number: int) -> str:
        return f"{asked}{symbol}&fromId={number + 1}"

    return TradePages("a", "T", "p", "q", MILLISECOND, since=since, after=after, window=HOUR)


def subscriptions(
    symbols: Sequence[str], channels: Sequence[str], streams: dict[str, str]
) -> tuple[Subscription, ...]:
    """Return the messages that ask for the streams of channels."""
    names = [f"{symbol.lower()}@{streams[channel]}" for channel in channels for symbol in symbols]
    made = []
    for number, start in enumerate(range(0, len(names), STREAMS_A_MESSAGE), 1):
        params = names[start : start + STREAMS_A_MESSAGE]
        text = json.dumps({"method": "SUBSCRIBE", "params": params, "id": number})
        made.append(Subscription(text, frozenset({f"id {number}"})))
    return tuple(made)


def answer(frame: bytes) -> Answer | None:
    """Read the answer to a numbered message."""
    if frame.startswith(b'{"stream"'):
        return None
    try:
        said = _decoder.decode(frame)
    except msgspec.MsgspecError:
        return None
    if said.error is not None:
        return Answer(refused=str(said.error.get("msg", said.error)))
    return None if said.id is None else confirmed(f"id {said.id}")
