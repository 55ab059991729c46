"""Every venue's frames in columns, against what the recorded messages say."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from connectors.recordings.session_lines import SessionLine, Traffic
from connectors.websocket.columns import Frames, NoticeKind
from connectors.websocket.feed import CODECS, codec_of
from features.depth_book import Event
from tests.connectors.websocket.plain_sessions import (
    PlainDepth,
    PlainQuote,
    PlainTrade,
    lines_of,
    plain_rows,
    real_data,
)

SAMPLES = {
    "binance": '{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","t":7,"p":"10.5","q":"2","T":3,"m":true}}',
    "binance_futures": '{"stream":"btcusdt@aggTrade","data":{"a":7,"s":"BTCUSDT","p":"10.5","q":"2","T":3,"m":true}}',
    "bitstamp": '{"data":{"id":7,"amount":2,"price":10.5,"type":1,"microtimestamp":"3000"},'
    '"channel":"live_trades_btcusd","event":"trade"}',
    "bybit": '{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":4,"data":[{"T":3,"s":"BTCUSDT","S":"Sell","v":"2",'
    '"p":"10.5","i":"7"}]}',
    "coinbase": '{"type":"match","trade_id":7,"side":"buy","size":"2","price":"10.5","product_id":"BTC-USD",'
    '"time":"1970-01-01T00:00:00.003Z"}',
    "kraken": '[1,[["10.5","2","0.003","s","l",""]],"trade","XBT/USD"]',
    "okx": '{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"7","px":"10.5",'
    '"sz":"2","side":"sell","ts":"3","count":"1"}]}',
}


def received(*texts: str | bytes) -> list[SessionLine]:
    return [
        SessionLine(Traffic.RECEIVED, 10**9 + number, "", text.encode() if isinstance(text, str) else text)
        for number, text in enumerate(texts)
    ]


def row_of(frames: Frames, names: list[str], lines: Sequence[SessionLine], at: int) -> object:
    event = frames.events[at]
    known_at, name = lines[frames.line[at]].at, names[event["instrument"]]
    event_at = int(frames.event_at[at])
    numbers = tuple(float(number) for number in frames.numbers[at])
    if event["kind"] == Event.TRADE:
        return PlainTrade(known_at, name, event_at, numbers[0], numbers[1], int(numbers[2]))
    if event["kind"] == Event.QUOTE:
        return PlainQuote(known_at, name, event_at, numbers)
    bids, asks = (
        tuple(
            zip(
                frames.levels.price[start:stop].tolist(), frames.levels.size[start:stop].tolist(), strict=True
            )
        )
        for start, stop in (
            (event["level"], event["ask_level"]),
            (event["ask_level"], event["level_stop"]),
        )
    )
    whole = bool(event["kind"] == Event.SNAPSHOT)
    return PlainDepth(known_at, name, event_at, whole, int(event["last"]), bids, asks)


@real_data
@pytest.mark.parametrize("venue", CODECS)
def test_every_recorded_message_is_in_the_columns_with_its_own_values(venue: str) -> None:
    lines = lines_of(venue)
    codec = codec_of(venue)

    frames = codec.decode(lines)

    market = np.flatnonzero(frames.events["kind"] <= Event.DIFFERENCE)
    rows = [row_of(frames, codec.names, lines, at) for at in market]
    assert frames.refused == ()
    differing = [
        (repr(row)[:300], repr(plain)[:300])
        for row, plain in zip(rows, plain_rows(venue), strict=True)
        if repr(row) != repr(plain)
    ]
    assert differing == []


@pytest.mark.parametrize("venue", CODECS)
def test_a_trade_has_price_size_side_time_and_the_id_of_its_venue(venue: str) -> None:
    frames = codec_of(venue).decode(received(SAMPLES[venue]))

    assert frames.event_at.tolist() == [3_000_000]
    np.testing.assert_array_equal(frames.numbers, [[10.5, 2.0, -1.0, np.nan]])
    assert [str(number) for number in frames.trade_ids] == ["0.003" if venue == "kraken" else "7"]


@pytest.mark.parametrize("venue", CODECS)
@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_frame_that_breaks_off_is_refused_and_its_neighbours_are_not(venue: str, cut: int) -> None:
    sample = SAMPLES[venue]

    frames = codec_of(venue).decode(received(sample, sample[:-cut], sample))

    assert [row.line for row in frames.refused] == [1]
    assert frames.line.tolist() == [0, 2]
    assert len(frames.trade_ids) == 2


@pytest.mark.parametrize("venue", CODECS)
@pytest.mark.parametrize(
    "garbage", [b"", b"\xff\xfe", b"null", b"[]", b"{}", b"7", b'{"stream":1}', b'["a"]']
)
def test_garbage_is_refused_with_a_reason(venue: str, garbage: bytes) -> None:
    frames = codec_of(venue).decode(received(garbage))

    assert [row.line for row in frames.refused] == [0]
    assert frames.refused[0].reason
    assert len(frames.events) == 0


@pytest.mark.parametrize("venue", CODECS)
@pytest.mark.parametrize("price", ["-10.5", "0", "nan", "inf", "1e301", "ten", ""])
def test_a_trade_at_an_impossible_price_is_refused(venue: str, price: str) -> None:
    sample = SAMPLES[venue]
    quoted = sample.replace('"10.5"', json.dumps(price)).replace(":10.5", f":{json.dumps(price)}")

    frames = codec_of(venue).decode(received(sample, quoted, sample))

    assert [row.line for row in frames.refused] == [1]
    assert frames.line.tolist() == [0, 2]
    assert len(frames.trade_ids) == 2


@pytest.mark.parametrize(
    ("venue", "text", "kind", "about"),
    [
        ("binance", '{"result":null,"id":3}', NoticeKind.ACKNOWLEDGED, "3"),
        (
            "binance",
            '{"error":{"code":2,"msg":"no such stream"},"id":3}',
            NoticeKind.REFUSED,
            "no such stream",
        ),
        ("binance", '{"stream":"btcusdt@kline_1m","data":{}}', NoticeKind.UNUSED, "btcusdt@kline_1m"),
        (
            "bitstamp",
            '{"event":"bts:error","channel":"","data":{"message":"bad"}}',
            NoticeKind.REFUSED,
            "bad",
        ),
        ("bitstamp", '{"event":"bts:heartbeat","channel":"","data":{}}', NoticeKind.HEARTBEAT, ""),
        ("bybit", '{"success":false,"ret_msg":"unknown topic"}', NoticeKind.REFUSED, "unknown topic"),
        ("bybit", '{"success":true,"ret_msg":"pong","op":"ping"}', NoticeKind.HEARTBEAT, ""),
        (
            "coinbase",
            '{"type":"error","message":"f","reason":"no product"}',
            NoticeKind.REFUSED,
            "no product",
        ),
        ("coinbase", '{"type":"heartbeat","product_id":"BTC-USD"}', NoticeKind.HEARTBEAT, "BTC-USD"),
        ("kraken", '{"event":"heartbeat"}', NoticeKind.HEARTBEAT, ""),
        (
            "kraken",
            '{"event":"subscriptionStatus","status":"error","errorMessage":"no pair"}',
            NoticeKind.REFUSED,
            "no pair",
        ),
        ("kraken", '{"event":"systemStatus","status":"online"}', NoticeKind.STATUS, "online"),
        ("okx", "pong", NoticeKind.HEARTBEAT, ""),
        ("okx", '{"event":"error","code":"60018","msg":"no channel"}', NoticeKind.REFUSED, "no channel"),
        ("okx", '{"event":"notice","code":"64008","msg":"closing soon"}', NoticeKind.STATUS, "closing soon"),
        (
            "okx",
            '{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a"}',
            NoticeKind.ACKNOWLEDGED,
            "books",
        ),
        (
            "okx",
            '{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[]}',
            NoticeKind.UNUSED,
            "tickers BTC-USDT",
        ),
    ],
)
def test_what_is_no_data_is_a_notice(venue: str, text: str, kind: NoticeKind, about: str) -> None:
    frames = codec_of(venue).decode(received(text))

    assert [(notice.kind, notice.about) for notice in frames.notices] == [(kind, about)]
    assert (len(frames.events), frames.refused) == (0, ())


def test_a_frame_of_an_instrument_that_is_not_wanted_leaves_nothing() -> None:
    for venue, sample in SAMPLES.items():
        wanted = ["LTC-USDT-PERP"] if venue in {"bybit", "binance_futures"} else ["LTC-USD"]
        frames = codec_of(venue, wanted).decode(received(sample))
        assert (len(frames.events), frames.refused) == (0, ()), venue


def test_bybits_fifth_version_has_the_sizes_of_its_levels() -> None:
    text = (
        '{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":9,"cts":8,'
        '"data":{"s":"BTCUSDT","b":[["10","1"]],"a":[["11","0"],["12","4"]],"u":2,"seq":77}}'
    )
    lines = received(text)
    codec = codec_of("bybit")

    frames = codec.decode(lines)

    row = row_of(frames, codec.names, lines, 0)
    sides = ((10.0, 1.0),), ((11.0, 0.0), (12.0, 4.0))
    assert row == PlainDepth(10**9, "BTC-USDT-PERP", 8_000_000, False, 2, *sides)
