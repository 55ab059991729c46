"""Books of both versions of Kraken's websocket at every depth, against plain books and checksums of their texts."""

import json
import random
import zlib
from decimal import Decimal

import pytest

from connectors.websocket.columns import NoticeKind
from connectors.websocket.feed import Feed, codec_of
from domain.health import HealthState
from tests.connectors.websocket.test_codecs import received
from tests.connectors.websocket.test_variants import stands, tops

DEPTHS = [10, 25, 100, 500, 1000]
NAMES = {"BTC/USD": "BTC-USD", "MATIC/EUR": "MATIC-EUR"}


class PlainBook:
    """The levels of a book as texts, worst cut off; sides are bids and asks."""

    def __init__(self, depth):
        self.depth, self.sides = depth, ({}, {})

    def change(self, side, price, size):
        self.sides[side][price] = size
        if Decimal(size) == 0:
            del self.sides[side][price]

    def best(self, side):
        return sorted(self.sides[side], key=Decimal, reverse=side == 0)

    def cut(self):
        for side in (0, 1):
            for price in self.best(side)[self.depth :]:
                del self.sides[side][price]

    def checksum(self):
        digits = ""
        for side in (1, 0):
            for price in self.best(side)[:10]:
                digits += price.replace(".", "").lstrip("0")
                digits += self.sides[side][price].replace(".", "").lstrip("0")
        return zlib.crc32(digits.encode())

    def top(self):
        bid, ask = self.best(0)[0], self.best(1)[0]
        return float(bid), float(self.sides[0][bid]), float(ask), float(self.sides[1][ask])


def changes(seed, count):
    """Return a snapshot and updates of a book: lists of side, price and size."""
    chance = random.Random(seed)

    def level(side):
        steps = chance.randint(0, 1500) ** 2 // 1500
        price = Decimal(20_000 + (steps if side else -1 - steps)).scaleb(-5)
        return side, f"{price:.5f}", f"{Decimal(chance.randint(1, 10**9)).scaleb(-8):.8f}"

    book = [level(side) for side in (0, 1) for _ in range(1200)]
    updates = []
    for _ in range(count):
        update = [level(chance.randint(0, 1)) for _ in range(chance.randint(1, 4))]
        updates.append(
            [(side, price, "0.00000000" if chance.random() < 0.3 else size) for side, price, size in update]
        )
    return book, updates


def second(symbol, kind, levels, checksum):
    sides = [
        ",".join(f'{{"price":{price},"qty":{size}}}' for side, price, size in levels if side == which)
        for which in (0, 1)
    ]
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":[{sides[0]}],"asks":[{sides[1]}],'
        f'"checksum":{checksum},"timestamp":"2024-05-01T00:00:00.000001Z"}}]}}'
    )


def first(pair, kind, levels, checksum, depth):
    names = ("bs", "as") if kind == "snapshot" else ("b", "a")
    parts: list[dict[str, object]] = [
        {names[which]: [[price, size, "1700000000.000001"] for side, price, size in levels if side == which]}
        for which in (1, 0)
        if any(side == which for side, _, _ in levels)
    ]
    if kind == "snapshot":
        parts = [parts[0] | parts[1]]
    else:
        parts[-1]["c"] = str(checksum)
    return json.dumps([1, *parts, f"book-{depth}", pair], separators=(",", ":"))


def session(version, depth):
    """Return the frames of two books that take turns, and the tops that they leave."""
    frames, expected = [], []
    books = {}
    for seed, symbol in enumerate(NAMES):
        book, updates = changes(seed, 150)
        books[symbol] = PlainBook(depth), updates
        plain = books[symbol][0]
        for change in book:
            plain.change(*change)
        plain.cut()
        levels = [(side, price, plain.sides[side][price]) for side in (0, 1) for price in plain.best(side)]
        if version == 2:
            acknowledged = {"channel": "book", "depth": depth, "snapshot": True, "symbol": symbol}
            frames.append(json.dumps({"method": "subscribe", "result": acknowledged, "success": True}))
            frames.append(second(symbol, "snapshot", levels, plain.checksum()))
        else:
            frames.append(first(symbol.replace("BTC", "XBT"), "snapshot", levels, 0, depth))
        expected.append((len(frames) - 1, *plain.top()))
    for number in range(150):
        for symbol, (plain, updates) in books.items():
            for change in updates[number]:
                side, price, size = change
                if Decimal(size) or price in plain.sides[side]:
                    plain.change(*change)
            plain.cut()
            if version == 2:
                frames.append(second(symbol, "update", updates[number], plain.checksum()))
            else:
                pair = symbol.replace("BTC", "XBT")
                frames.append(first(pair, "update", updates[number], plain.checksum(), depth))
            expected.append((len(frames) - 1, *plain.top()))
    return frames, expected


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("version", [1, 2])
def test_every_checksum_of_books_of_each_depth_is_right_and_every_top_is_that_of_the_plain_book(
    version, depth
):
    frames, expected = session(version, depth)

    decoded = Feed("kraken", list(NAMES.values())).feed(received(*frames))

    assert tops(decoded) == expected
    assert [state for _, state, _ in stands(decoded)] == [HealthState.FRESH] * 2
    assert (decoded.malformed, decoded.snapshots_wanted) == ((), ())


@pytest.mark.parametrize("version", [1, 2])
def test_a_checksum_that_is_off_by_one_throws_that_book_away_and_no_other(version):
    frames, _ = session(version, 10)
    at = 101
    told = json.loads(frames[at])
    checksum = told["data"][0]["checksum"] if version == 2 else int(told[-3]["c"])
    frames[at] = frames[at].replace(str(checksum), str(checksum ^ 1))

    decoded = Feed("kraken", list(NAMES.values())).feed(received(*frames))

    gaps = [row for row in stands(decoded) if row[1] is not HealthState.FRESH]
    assert gaps == [(at, HealthState.GAP, "book_checksum")]
    assert len(decoded.snapshots_wanted) == 1


def test_a_book_of_another_depth_counts_from_its_own_subscription_on():
    frames, _ = session(2, 10)
    again, expected = session(2, 25)

    decoded = Feed("kraken", list(NAMES.values())).feed(received(*frames, *again))

    assert tops(decoded)[-len(expected) :] == [(at + len(frames), *top) for at, *top in expected]
    assert {state for _, state, _ in stands(decoded)} == {HealthState.FRESH}


def test_the_second_version_has_trades_quotes_and_notices():
    trade = (
        '{"channel":"trade","type":"%s","data":[{"symbol":"BTC/USD","side":"sell","price":0.5147,"qty":6423.46326,'
        '"ord_type":"limit","trade_id":4665846,"timestamp":"2023-09-25T07:48:36.925533Z"}]}'
    )
    ticker = (
        '{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":10.5,"bid_qty":2.0,"ask":10.6,'
        '"ask_qty":3.0,"last":10.5}]}'
    )
    others = [
        '{"channel":"heartbeat"}',
        '{"channel":"status","type":"update","data":[{"system":"online","version":"2.0.4"}]}',
        '{"error":"Currency pair not supported XX/YY","method":"subscribe","success":false,"symbol":"XX/YY"}',
        '{"channel":"ohlc","type":"update","data":[{"symbol":"BTC/USD","open":1}]}',
        '{"method":"pong","time_in":"2023-09-24T14:10:23.799685Z"}',
    ]

    frames = codec_of("kraken").decode(received(trade % "snapshot", trade % "update", ticker, *others))

    assert (frames.refused, frames.trade_ids, frames.line.tolist()) == ((), (4665846,), [1, 2])
    assert frames.numbers[0, :3].tolist() == [0.5147, 6423.46326, -1.0]
    assert frames.numbers[1].tolist() == [10.5, 2.0, 10.6, 3.0]
    assert frames.event_at.tolist() == [1695628116925533000, 0]
    assert [(notice.line, notice.kind) for notice in frames.notices] == [
        (0, NoticeKind.UNUSED),
        (3, NoticeKind.HEARTBEAT),
        (4, NoticeKind.STATUS),
        (5, NoticeKind.REFUSED),
        (6, NoticeKind.UNUSED),
        (7, NoticeKind.HEARTBEAT),
    ]
