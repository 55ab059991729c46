"""Books, quotes and health of every venue's recorded session, against books kept in plain dictionaries."""

import json
import re
import zlib
from collections import Counter

import numpy as np
import pytest

from connectors.recordings.session_lines import SessionLine, Traffic
from connectors.websocket.feed import CODECS, Decoded, Feed
from domain.health import HealthState
from domain.market import Kind, concatenate
from tests.connectors.websocket.plain_sessions import (
    PlainDepth,
    PlainQuote,
    PlainTrade,
    lines_of,
    plain_rows,
    real_data,
)


def names_of(venue: str) -> list[str]:
    return sorted({row.name for row in plain_rows(venue)})


def plain_tops(venue: str) -> list[tuple[int, str, float, float, float, float]]:
    """Return every top of book that a session leaves: (receipt, instrument, bid, bid size, ask, ask size)."""
    books: dict[str, tuple[dict[float, float], dict[float, float]]] = {}
    marks: dict[str, int] = {}
    waiting: dict[str, list[PlainDepth]] = {}
    tops = []
    for row in plain_rows(venue):
        if not isinstance(row, PlainDepth):
            continue
        changes = [row]
        if row.whole:
            books[row.name], marks[row.name] = ({}, {}), row.last
            changes += waiting.pop(row.name, [])
        elif row.name not in books:
            waiting.setdefault(row.name, []).append(row)
            continue
        applied = False
        for change in changes:
            stale = change.last < marks[row.name] + (venue != "binance_futures")
            if not change.whole and change.last > -1 and stale:
                continue
            applied, marks[row.name] = True, change.last
            for book, levels in zip(books[row.name], (change.bids, change.asks), strict=True):
                for price, size in levels:
                    book[price] = size
                    if size == 0:
                        del book[price]
        if applied:
            bids, asks = books[row.name]
            bid, ask = max(bids, default=np.nan), min(asks, default=np.nan)
            tops.append((row.known_at, row.name, bid, bids.get(bid, 0.0), ask, asks.get(ask, 0.0)))
    return tops


def quotes_of(decoded: Decoded, names: list[str]) -> list[tuple[int, str, float, float, float, float]]:
    ticks = decoded.ticks
    rows = np.flatnonzero(ticks.kind == Kind.QUOTE)
    columns = (ticks.bid, ticks.bid_size, ticks.ask, ticks.ask_size)
    return [
        (int(ticks.known_at[at]), names[ticks.instrument[at]], *(float(column[at]) for column in columns))
        for at in rows
    ]


@real_data
@pytest.mark.parametrize("venue", CODECS)
def test_the_top_of_book_follows_every_change_of_depth(venue: str) -> None:
    names = names_of(venue)

    decoded = Feed(venue, names).feed(lines_of(venue))

    started: dict[str, int] = {}
    for health in decoded.health:
        started.setdefault(health.instrument, health.known_at)
    quotes = [row for row in quotes_of(decoded, names) if row[0] >= started.get(row[1], 2**63)]
    expected = plain_tops(venue)
    assert decoded.malformed == ()
    assert {health.state for health in decoded.health} == {HealthState.FRESH}
    assert sorted(map(repr, quotes)) == sorted(map(repr, expected))


@real_data
@pytest.mark.parametrize("venue", CODECS)
def test_every_trade_is_a_row_and_none_was_known_before_it_happened(venue: str) -> None:
    names = names_of(venue)

    ticks = Feed(venue, names).feed(lines_of(venue)).ticks

    traded = ticks.kind == Kind.TRADE
    rows = zip(
        ticks.known_at[traded],
        ticks.event_at[traded],
        (names[which] for which in ticks.instrument[traded]),
        ticks.price[traded],
        ticks.size[traded],
        strict=True,
    )
    expected = Counter(
        (row.known_at, min(row.event_at, row.known_at), row.name, row.price, row.size)
        for row in plain_rows(venue)
        if isinstance(row, PlainTrade)
    )
    assert Counter((int(k), int(e), n, float(p), float(s)) for k, e, n, p, s in rows) == expected
    assert (ticks.event_at <= ticks.known_at).all()


@real_data
@pytest.mark.parametrize("venue", CODECS)
@pytest.mark.parametrize("size", [1, 97])
def test_the_cut_into_blocks_changes_nothing(venue: str, size: int) -> None:
    names, lines = names_of(venue), lines_of(venue)[:2000]
    whole = Feed(venue, names).feed(lines)

    feed = Feed(venue, names)
    parts = [feed.feed(lines[at : at + size]) for at in range(0, len(lines), size)]

    for name, one, other in zip(
        whole.ticks._fields, concatenate([part.ticks for part in parts]), whole.ticks, strict=True
    ):
        np.testing.assert_array_equal(one, other, err_msg=name)
    assert tuple(row for part in parts for row in part.health) == whole.health


@real_data
@pytest.mark.parametrize("venue", ["binance", "binance_futures"])
def test_the_books_were_compared_with_each_quote_of_their_own_update(venue: str) -> None:
    names = names_of(venue)
    ids = {name: set() for name in names}
    compared: Counter[str] = Counter()
    started = {}
    for line in lines_of(venue):
        message = json.loads(line.text) if line.text else {}
        data = message.get("data", message)
        kind = message.get("stream", "").partition("@")[2].partition("@")[0]
        name = f"{data.get('s', '')[:-4]}-USDT" + ("-PERP" if venue == "binance_futures" else "")
        if "lastUpdateId" in message:
            symbol = line.address.partition("symbol=")[2].partition("&")[0]
            started[f"{symbol[:-4]}-USDT" + ("-PERP" if venue == "binance_futures" else "")] = message[
                "lastUpdateId"
            ]
        elif kind == "bookTicker":
            ids[name].add(data["u"])
        elif kind == "depth" and data["u"] > started.get(name, 2**63):
            compared[name] += data["u"] in ids[name]

    feed = Feed(venue, names)
    feed.feed(lines_of(venue))

    assert min(feed.checked()) > 5
    assert all(
        found >= expected
        for found, expected in zip(feed.checked(), [compared[name] for name in names], strict=True)
    )


def kraken(body: str) -> str:
    return f'[1,{body},"book-10","XBT/USD"]'


def kraken_checksum(asks: list[str], bids: list[str]) -> int:
    digits = [text.replace(".", "").lstrip("0") for text in asks + bids]
    return zlib.crc32("".join(digits).encode())


def lines(*texts: str) -> list[SessionLine]:
    return [SessionLine(Traffic.RECEIVED, 10**18 + at, "", text.encode()) for at, text in enumerate(texts)]


def test_a_wrong_checksum_throws_the_book_away_and_asks_for_a_snapshot() -> None:
    snapshot = kraken('{"as":[["11.0","1.50","1.1"]],"bs":[["10.0","2.00","1.1"]]}')
    right = kraken_checksum(["11.0", "1.50"], ["10.0", "3.00"])
    update = '{"b":[["10.0","3.00","1.2"]],"c":"%d"}'
    sent = [snapshot, kraken(update % right), kraken(update % (right ^ 1)), kraken(update % right), snapshot]

    decoded = Feed("kraken", ["BTC-USD"]).feed(lines(*sent))

    assert [row[2:] for row in quotes_of(decoded, ["BTC-USD"])] == [
        (10.0, 2.0, 11.0, 1.5),
        (10.0, 3.0, 11.0, 1.5),
        (10.0, 2.0, 11.0, 1.5),
    ]
    assert [(row.state, row.known_at - 10**18, row.sequence) for row in decoded.health] == [
        (HealthState.FRESH, 0, 1),
        (HealthState.GAP, 2, 2),
        (HealthState.FRESH, 4, 3),
    ]
    assert decoded.health[1].reason.startswith("book_checksum")
    assert decoded.snapshots_wanted == ("BTC-USD",)


@real_data
@pytest.mark.parametrize("venue", ["binance", "binance_futures"])
def test_a_difference_that_is_lost_is_found_out_at_the_next_one(venue: str) -> None:
    names, whole = names_of(venue), lines_of(venue)
    depth = [at for at, line in enumerate(whole) if b'"depthUpdate"' in line.text]
    lost = depth[len(depth) // 2]
    name = json.loads(whole[lost].text)["data"]["s"]
    following = next(at for at in depth if at > lost and json.loads(whole[at].text)["data"]["s"] == name)

    decoded = Feed(venue, names).feed(whole[:lost] + whole[lost + 1 :])

    gaps = [row for row in decoded.health if row.state is HealthState.GAP]
    assert [row.known_at for row in gaps] == [whole[following].at]
    assert decoded.snapshots_wanted == (gaps[0].instrument,)


@real_data
@pytest.mark.parametrize("venue", ["binance", "binance_futures"])
def test_a_book_that_is_not_the_venues_own_quote_is_thrown_away(venue: str) -> None:
    names, whole = names_of(venue), lines_of(venue)
    changed = [
        line._replace(text=re.sub(rb'"B":"[0-9.]+"', b'"B":"123456789"', line.text))
        if b"@bookTicker" in line.text
        else line
        for line in whole
    ]

    decoded = Feed(venue, names).feed(changed)

    states = {row.state for row in decoded.health}
    assert states == {HealthState.FRESH, HealthState.DISAGREEING}
    assert set(decoded.snapshots_wanted) == set(names)


@real_data
def test_a_lost_message_of_bybit_is_found_out_by_its_types() -> None:
    names, whole = names_of("bybit"), lines_of("bybit")
    inserts = [at for at, line in enumerate(whole) if b'"insert":[{' in line.text]

    decoded = Feed("bybit", names).feed([line for at, line in enumerate(whole) if at != inserts[50]])

    assert [row.reason.partition(":")[0] for row in decoded.health if row.state is HealthState.GAP] == [
        "book_update"
    ]


@real_data
@pytest.mark.parametrize("venue", ["bitstamp", "coinbase"])
def test_a_damaged_change_throws_its_book_away_where_nothing_else_would_show_it(venue: str) -> None:
    names, whole = names_of(venue), lines_of(venue)
    mark = (
        b'"diff_order_book_ethusd","event":"data"'
        if venue == "bitstamp"
        else b'"l2update","product_id":"SKL-USD"'
    )
    at = [number for number, line in enumerate(whole) if mark in line.text][20]
    damaged = whole[at]._replace(text=whole[at].text.replace(b"[[", b"[[[", 1))

    decoded = Feed(venue, names).feed([*whole[:at], damaged, *whole[at + 1 :]])

    name = "ETH-USD" if venue == "bitstamp" else "SKL-USD"
    gaps = [(row.instrument, row.known_at) for row in decoded.health if row.state is HealthState.GAP]
    assert gaps == [(name, whole[at].at)]
    assert [row.place for row in decoded.malformed] == [f"line {at + 1}"]


def test_a_book_that_cannot_be_read_is_wanted_again() -> None:
    snapshot = '{"type":"snapshot","product_id":"BTC-USD","asks":[["11.0","1.5"]],"bids":[["10.0","2.0"]]}'
    feed = Feed("coinbase", ["BTC-USD", "ETH-USD"])

    damaged, whole = feed.feed(lines(snapshot[:70])), feed.feed(lines(snapshot))

    assert (damaged.snapshots_wanted, damaged.health, len(damaged.malformed)) == (("BTC-USD",), (), 1)
    assert (whole.snapshots_wanted, [row.state for row in whole.health]) == ((), [HealthState.FRESH])


def test_a_new_connection_forgets_the_books_and_the_transports_word_is_health() -> None:
    snapshot = kraken('{"as":[["11.0","1.50","1.1"]],"bs":[["10.0","2.00","1.1"]]}')
    said = SessionLine(Traffic.NOTICED, 10**18 + 7, "wss://x", b'{"state":"mute","reason":"silent for 9 s"}')
    connected = SessionLine(Traffic.CONNECTED, 10**18 + 8, "wss://x", b"")

    decoded = Feed("kraken", ["BTC-USD"]).feed([*lines(snapshot), said, connected])

    assert [(row.state, row.reason.partition(":")[0]) for row in decoded.health] == [
        (HealthState.FRESH, "book_started"),
        (HealthState.MUTE, "silent for 9 s"),
        (HealthState.GAP, "reconnected"),
    ]


@real_data
def test_the_venues_quotes_stand_in_until_there_is_a_book() -> None:
    names = names_of("binance")
    decoded = Feed("binance", names).feed(lines_of("binance"))
    start = decoded.health[0].known_at

    early = [row for row in quotes_of(decoded, names) if row[0] < start]

    expected = [
        (row.known_at, row.name, *row.numbers)
        for row in plain_rows("binance")
        if isinstance(row, PlainQuote) and row.known_at < start
    ]
    assert len(early) > 0
    assert early == expected
