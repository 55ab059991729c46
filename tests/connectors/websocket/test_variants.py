"""Messages of venues that no recording of ours holds: other versions, depths, orders of writing, and resets."""

import json

import numpy as np
import pytest

from connectors.recordings.session_lines import SessionLine, Traffic
from connectors.websocket.columns import NoticeKind
from connectors.websocket.feed import Feed, codec_of
from domain.health import HealthState
from domain.market import Kind
from features.depth_book import Event
from tests.connectors.websocket.test_codecs import SAMPLES, received


def tops(decoded):
    """Return each top of book: how many frames came before it, bid, its size, ask, its size."""
    ticks = decoded.ticks
    rows = np.flatnonzero(ticks.kind == Kind.QUOTE)
    numbers = np.column_stack((ticks.bid, ticks.bid_size, ticks.ask, ticks.ask_size))[rows].tolist()
    return [(int(ticks.known_at[at]) - 10**9, *top) for at, top in zip(rows, numbers, strict=True)]


def stands(decoded):
    """Return what health said: after how many frames, the state, and the word of its reason."""
    return [(row.known_at - 10**9, row.state, row.reason.partition(":")[0]) for row in decoded.health]


FRESH, GAP = HealthState.FRESH, HealthState.GAP


@pytest.mark.parametrize("venue", [venue for venue in SAMPLES if venue != "kraken"])
@pytest.mark.parametrize("style", ["spaces", "other order", "both"])
def test_a_frame_means_the_same_however_its_parts_are_spaced_and_ordered(venue, style):
    message = json.loads(SAMPLES[venue])
    if style != "spaces":
        message = dict(sorted(message.items(), key=lambda part: part[0] not in {"channel", "time", "ts"}))
    text = json.dumps(message, separators=(",", ":") if style == "other order" else None)

    plain, other = (codec_of(venue).decode(received(one)) for one in (SAMPLES[venue], text))

    assert (other.notices, other.refused) == ((), ())
    assert other.trade_ids == plain.trade_ids
    np.testing.assert_array_equal(other.numbers, plain.numbers)
    np.testing.assert_array_equal(other.event_at, plain.event_at)


def test_the_trades_of_bitstamps_earlier_years_are_read():
    text = (
        '{"channel": "live_trades_btcusd", "data": {"amount": 0.25, "amount_str": "0.25000000", "id": 9, '
        '"microtimestamp": "1618677693509000", "price": 60312.88, "price_str": "60312.88", "type": 0}, '
        '"event": "trade"}'
    )

    frames = codec_of("bitstamp").decode(received(text))

    assert (frames.events["kind"].tolist(), frames.trade_ids) == ([Event.TRADE], (9,))
    np.testing.assert_array_equal(frames.numbers, [[60312.88, 0.25, 1.0, np.nan]])


def bybit(kind, update, bids, asks, depth=50):
    data = {"s": "BTCUSDT", "b": bids, "a": asks, "u": update, "seq": 7 * update}
    return json.dumps(
        {"topic": f"orderbook.{depth}.BTCUSDT", "type": kind, "ts": 5, "data": data, "cts": 4},
        separators=(",", ":"),
    )


def test_bybits_book_is_thrown_away_where_its_update_ids_skip_one_and_stands_again_after_a_snapshot():
    whole = [["10", "1"]], [["11", "1"]]
    sent = [
        bybit("snapshot", 40, *whole),
        bybit("delta", 41, [["10", "2"]], []),
        bybit("delta", 41, [["10", "2"]], []),
        bybit("delta", 43, [["10", "3"]], []),
        bybit("delta", 44, [["10", "4"]], []),
        bybit("snapshot", 1, *whole),
        bybit("delta", 2, [], [["11", "0"], ["12", "5"]]),
    ]

    decoded = Feed("bybit", ["BTC-USDT-PERP"]).feed(received(*sent))

    assert tops(decoded) == [(0, 10, 1, 11, 1), (1, 10, 2, 11, 1), (5, 10, 1, 11, 1), (6, 10, 1, 12, 5)]
    assert stands(decoded) == [
        (0, FRESH, "book_started"),
        (3, GAP, "sequence_gap"),
        (5, FRESH, "book_started"),
    ]
    assert decoded.snapshots_wanted == ("BTC-USDT-PERP",)


def test_a_restart_of_bybit_replaces_a_book_that_stands_and_is_no_news():
    sent = [
        bybit("snapshot", update, [["10", str(update)]], [["11", "1"]], depth=1) for update in (40, 40, 41, 1)
    ]

    decoded = Feed("bybit", ["BTC-USDT-PERP"]).feed(received(*sent))

    assert [top[2] for top in tops(decoded)] == [40, 40, 41, 1]
    assert stands(decoded) == [(0, FRESH, "book_started")]


@pytest.mark.parametrize("size", [1, 100])
def test_of_several_books_of_one_instrument_the_deepest_is_read(size):
    sent = [
        bybit("snapshot", 900, [["10", "1"]], [["11", "1"]], depth=1),
        bybit("snapshot", 40, [["10", "1"], ["9", "1"]], [["11", "1"]], depth=50),
        bybit("snapshot", 901, [["10", "8"]], [["11", "1"]], depth=1),
        bybit("delta", 41, [["10", "0"]], [], depth=50),
    ]
    feed, lines = Feed("bybit", ["BTC-USDT-PERP"]), received(*sent)

    parts = [feed.feed(lines[at : at + size]) for at in range(0, len(lines), size)]

    assert [top for part in parts for top in tops(part)] == [
        (0, 10, 1, 11, 1),
        (1, 10, 1, 11, 1),
        (3, 9, 1, 11, 1),
    ]


def futures(first, last, previous, bids):
    data = {"e": "depthUpdate", "E": 5, "T": 4, "s": "BTCUSDT", "U": first, "u": last, "pu": previous}
    return json.dumps(
        {"stream": "btcusdt@depth@100ms", "data": {**data, "b": bids, "a": []}}, separators=(",", ":")
    )


def answered(address, update):
    text = json.dumps({"lastUpdateId": update, "E": 3, "T": 2, "bids": [["10", "1"]], "asks": [["11", "1"]]})
    return SessionLine(Traffic.ANSWERED, 10**9, address, text.encode())


BOOK = "https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000"


@pytest.mark.parametrize(
    ("first", "last", "previous", "outcome"),
    [
        (90, 99, 89, []),
        (95, 105, 94, [5]),
        (100, 105, 94, [5]),
        (103, 105, 100, None),
        (103, 105, 101, None),
    ],
)
def test_the_first_difference_of_a_futures_book_reaches_over_its_snapshot(first, last, previous, outcome):
    lines = [answered(BOOK, 100), *received(futures(first, last, previous, [["10", "5"]]))]

    decoded = Feed("binance_futures", ["BTC-USDT-PERP"]).feed(lines)

    assert [top[2] for top in tops(decoded)[1:]] == (outcome or [])
    assert [state for _, state, _ in stands(decoded)] == ([FRESH, GAP] if outcome is None else [FRESH])


def test_a_futures_difference_that_does_not_name_the_one_before_throws_the_book_away():
    sent = [futures(98, 101, 97, [["10", "5"]]), futures(104, 106, 103, [["10", "6"]])]

    decoded = Feed("binance_futures", ["BTC-USDT-PERP"]).feed([answered(BOOK, 100), *received(*sent)])

    assert [state for _, state, _ in stands(decoded)] == [FRESH, GAP]
    assert decoded.snapshots_wanted == ("BTC-USDT-PERP",)


@pytest.mark.parametrize(
    ("venue", "data"),
    [
        ("binance", '{"lastUpdateId":7,"bids":[["10","2"],["9","1"]],"asks":[["11","3"]]}'),
        (
            "binance_futures",
            '{"e":"depthUpdate","E":5,"T":4,"U":5,"u":7,"pu":4,"b":[["10","2"],["9","1"]],"a":[["11","3"]]}',
        ),
    ],
)
def test_binances_best_levels_are_a_book_each_time(venue, data):
    text = f'{{"stream":"btcusdt@depth5@100ms","data":{data}}}'
    name = "BTC-USDT-PERP" if venue == "binance_futures" else "BTC-USDT"

    decoded = Feed(venue, [name]).feed(received(text))

    assert tops(decoded) == [(0, 10, 2, 11, 3)]
    assert decoded.malformed == ()


@pytest.mark.parametrize(
    ("venue", "symbol", "name"),
    [
        ("binance", "omgusd", "OMG-USD"),
        ("binance", "busdusd", "BUSD-USD"),
        ("binance", "btcfdusd", "BTC-FDUSD"),
        ("binance_futures", "btcusd_perp", "BTC-USD-PERP"),
        ("binance_futures", "btcusd_210625", "BTC-USD-210625"),
    ],
)
def test_instruments_in_dollars_have_their_names(venue, symbol, name):
    codec = codec_of(venue)

    frames = codec.decode(
        received(f'{{"stream":"{symbol}@bookTicker","data":{{"u":1,"b":"1","B":"2","a":"3","A":"4"}}}}')
    )

    assert (codec.names, frames.refused) == ([name], ())


@pytest.mark.parametrize("kind", ["received", "open", "done", "change", "activate", "last_match"])
def test_what_coinbase_tells_of_single_orders_is_of_no_use_and_not_damaged(kind):
    text = f'{{"type":"{kind}","product_id":"BTC-USD","sequence":3,"order_id":"a","side":"buy","price":"1"}}'

    frames = codec_of("coinbase").decode(received(text))

    assert [(notice.kind, notice.about) for notice in frames.notices] == [(NoticeKind.UNUSED, "BTC-USD")]
    assert frames.refused == ()


@pytest.mark.parametrize("is_gone", [False, True])
def test_the_books_of_a_new_connection_come_by_themselves_and_are_not_asked_for(is_gone):
    whole = bybit("snapshot", 40, [["10", "1"]], [["11", "1"]])
    lines = received(whole, bybit("delta", 42, [["10", "2"]], [])) if is_gone else received(whole)
    begun = [
        SessionLine(Traffic.CONNECTED, 10**9 + 7, "wss://x", b""),
        SessionLine(Traffic.NOTICED, 10**9 + 8, "wss://x", b'{"state":"gap","reason":"connected"}'),
    ]

    decoded = Feed("bybit", ["BTC-USDT-PERP"]).feed([*lines, *begun])

    assert decoded.snapshots_wanted == ()
    word = "sequence_gap" if is_gone else "reconnected"
    assert [row for row in stands(decoded) if row[0] in {1, 7, 8}] == [
        (1 if is_gone else 7, GAP, word),
        (8, GAP, "connected"),
    ]
