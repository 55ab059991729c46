"""A session of OKX that is made here, from a seed: no recorded one is at hand.

Its frames have the form that OKX's API v5 documents: `trades`, `bbo-tbt` and `books`, whose changes name the message
before; the instants of trades and books lie before their receipt.
"""

import json
import random
import tempfile
from functools import cache
from pathlib import Path

SYMBOLS = ("BTC-USDT", "ETH-BTC")
ADDRESS = "wss://ws.okx.com:8443/ws/v5/public"
BEGAN_MS = 1_700_000_000_000
STEP_MS = 10
STEPS = 1500
LEVELS = 40
TICKS = {"BTC-USDT": (1, 345_678), "ETH-BTC": (5, 5_432_1)}
"""Of each symbol: decimal places of its price, and the price in its smallest step."""

_folder = tempfile.TemporaryDirectory(prefix="okx-session-")


class Market:
    """The book of one symbol, in whole steps of price and of size (1e-4)."""

    def __init__(self, symbol: str, chance: random.Random) -> None:
        self.symbol, self._chance = symbol, chance
        self._places, self._middle = TICKS[symbol]
        self._sides = ({}, {})
        self._sequence, self._trades = 1000, 0
        for distance in range(1, LEVELS):
            for side, sign in enumerate((-1, 1)):
                self._sides[side][self._middle + sign * distance] = chance.randrange(1, 10**6)

    def frame(self, channel: str, data: list, **more: str) -> str:
        arg = {"channel": channel, "instId": self.symbol}
        return json.dumps({"arg": arg, **more, "data": data}, separators=(",", ":"))

    def _rows(self, side: int, prices: list[int]) -> list[list[str]]:
        """Return levels as they are written: price, size, nothing any more, orders."""
        sizes = self._sides[side]
        made = []
        for price in prices:
            size = sizes.get(price, 0)
            text = f"{size / 10**4:.4f}".rstrip("0").rstrip(".")
            made.append([self._priced(price), text, "0", "1" if size else "0"])
        return made

    def _priced(self, price: int) -> str:
        return f"{price / 10**self._places:.{self._places}f}"

    def _best(self, side: int) -> list[int]:
        return sorted(self._sides[side], reverse=side == 0)

    def whole(self, at: int) -> str:
        sides = {"asks": self._rows(1, self._best(1)), "bids": self._rows(0, self._best(0))}
        told = {**sides, "ts": str(at), "checksum": 0, "seqId": self._sequence, "prevSeqId": -1}
        return self.frame("books", [told], action="snapshot")

    def changed(self, at: int) -> str:
        """Change a few levels, now and then none, and say so."""
        touched: tuple[set[int], set[int]] = (set(), set())
        for _ in range(self._chance.randrange(5)):
            side = self._chance.randrange(2)
            sign = (-1, 1)[side]
            price = self._middle + sign * self._chance.randrange(1, LEVELS)
            touched[side].add(price)
            if self._chance.random() < 0.3 and len(self._sides[side]) > 2:
                self._sides[side].pop(price, None)
            else:
                self._sides[side][price] = self._chance.randrange(1, 10**6)
        before = self._sequence
        if any(touched):
            self._sequence += self._chance.randrange(1, 9)
        sides = {
            name: self._rows(side, sorted(touched[side], reverse=not side))
            for name, side in (("asks", 1), ("bids", 0))
        }
        told = {**sides, "ts": str(at), "checksum": 0, "seqId": self._sequence, "prevSeqId": before}
        return self.frame("books", [told], action="update")

    def quoted(self, at: int) -> str:
        sides = {name: self._rows(side, self._best(side)[:1]) for name, side in (("asks", 1), ("bids", 0))}
        return self.frame("bbo-tbt", [{**sides, "ts": str(at), "seqId": self._sequence}])

    def traded(self, at: int) -> str:
        self._trades += 1
        side = self._chance.randrange(2)
        size = f"{self._chance.randrange(1, 10**5) / 10**4:.4f}"
        row = {"instId": self.symbol, "tradeId": str(self._trades), "px": self._priced(self._best(side)[0])}
        said = {"sz": size, "side": ("sell", "buy")[side], "ts": str(at), "count": "1"}
        return self.frame("trades", [{**row, **said}])


def lines(seed: int = 7) -> list[str]:
    """Return the lines of a session: connected, subscribed, answered, and what came."""
    chance = random.Random(seed)
    markets = [Market(symbol, chance) for symbol in SYMBOLS]
    args = [
        {"channel": channel, "instId": symbol}
        for channel in ("trades", "bbo-tbt", "books")
        for symbol in SYMBOLS
    ]
    at = BEGAN_MS
    made = [f"{ADDRESS} <-> {_seconds(at)}"]
    made.append(f"{ADDRESS} <- {_seconds(at)}: {json.dumps({'op': 'subscribe', 'args': args})}")
    made += [
        f"{_seconds(at + 1)}: "
        + json.dumps({"event": "subscribe", "arg": arg, "connId": "a4d3ae55"}, separators=(",", ":"))
        for arg in args
    ]
    made += [f"{_seconds(at + 2)}: {market.whole(at)}" for market in markets]
    for step in range(1, STEPS):
        at = BEGAN_MS + STEP_MS * step
        market = markets[chance.randrange(len(markets))]
        kinds = (market.changed, market.changed, market.quoted, market.traded)
        made.append(f"{_seconds(at + 3)}: {kinds[chance.randrange(len(kinds))](at)}")
    return made


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"


@cache
def okx_files() -> list[Path]:
    """Return the file of a session, written once a process and gone when it ends."""
    path = Path(_folder.name) / "OKX.ws.1.0"
    path.write_text("\n".join(lines()) + "\n")
    return [path]
