"""Recorded sessions as a source: real ones, and every way in which a file can be wrong."""

import gzip
from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from connectors.files.open_source import open_source
from connectors.source import SEQUENCES_PER_DAY, SourceError
from connectors.websocket.feed import CODECS, Feed
from domain.health import HealthState
from domain.market import Kind, row_count
from tests.connectors.files.reading import assert_same, index_of, read_whole, split_and_joined
from tests.connectors.websocket.plain_sessions import COMBINED, FILES, PROTOCOL, lines_of, real_data

CONNECT = "wss://ws.kraken.com <-> 1618678132.5\n"
SNAPSHOT = (
    '1618678133.5: [1,{"as":[["11.05","1.5","1618678133.1"]],"bs":[["10.0","2.0","1618678133.2"]]},'
    '"book-10","XBT/USD"]\n'
)
TRADE = '1618678134.123456789: [2,[["10.5","2","1618678134.1","s","l",""]],"trade","XBT/USD"]\n'
OTHER = '1618678134.2: [3,[["0.5","7","1618678134.15","b","m",""]],"trade","ETH/XBT"]\n'


def written(folder: Path, *lines: str, name: str = "KRAKEN.ws.1.0") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(lines))
    return folder / name


@real_data
@pytest.mark.parametrize("venue", CODECS)
def test_a_recording_has_the_rows_of_its_lines(venue: str, tmp_path: Path) -> None:
    for path in FILES[venue]:
        (tmp_path / path.name).symlink_to(path)
    source = open_source(f"recording:{tmp_path}")

    ticks, malformed = read_whole(source)

    expected = Feed(venue, source.instruments()).feed(lines_of(venue))
    assert source.name == venue
    assert malformed == []
    assert_same(ticks, expected.ticks)


@real_data
def test_a_folder_of_five_venues_is_one_source() -> None:
    source = open_source(f"recording:{PROTOCOL}")

    assert source.name == "binance_futures+bitstamp+bybit+coinbase+kraken"
    assert len(source.instruments()) == 44
    assert source.segments() == ("2021-04-17", "2021-07-22", "2022-01-04")
    assert {row.calendar for row in source.reference()} == {"24/7"}


@real_data
def test_instruments_trade_in_the_steps_that_their_prices_and_sizes_have() -> None:
    reference = open_source(f"recording:{COMBINED}").reference()

    assert {row.name: (row.tick_size, row.unit) for row in reference} == {
        "BTC-USDT": (Decimal("0.01"), Decimal("0.000001")),
        "BTC-USDT-PERP": (Decimal("0.1"), Decimal("0.001")),
        "ETH-USDT": (Decimal("0.01"), Decimal("0.00001")),
    }


@real_data
def test_two_readers_hold_between_them_what_one_holds() -> None:
    source = open_source(f"recording:{FILES['kraken'][-1]}")

    whole, _ = read_whole(source)
    joined, _ = split_and_joined(source, 2)

    assert_same(joined, whole)


@real_data
def test_one_instrument_alone_has_the_rows_it_has_among_others() -> None:
    spec = f"recording:{FILES['coinbase'][-1]}"
    whole, _ = read_whole(open_source(spec))
    alone, _ = read_whole(open_source(spec, ("SKL-USD",)))

    which = index_of(open_source(spec))["SKL-USD"]
    rows = whole.instrument == which
    assert row_count(alone) > 1000
    for name in ("known_at", "event_at", "kind", "price", "bid", "ask", "sequence"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(whole, name)[rows])


def test_times_are_read_to_the_nanosecond_and_rows_are_counted(tmp_path: Path) -> None:
    source = open_source(f"recording:{written(tmp_path, CONNECT, SNAPSHOT, TRADE)}")

    ticks, _ = read_whole(source)

    first = 18734 * SEQUENCES_PER_DAY
    assert ticks.known_at.tolist() == [1618678133500000000, 1618678134123456789]
    assert ticks.event_at.tolist() == [1618678133200000000, 1618678134100000000]
    assert ticks.kind.tolist() == [Kind.QUOTE, Kind.TRADE]
    assert ticks.sequence.tolist() == [first + 1, first + 2]
    assert [row.tick_size for row in source.reference()] == [Decimal("0.01")]


def test_plain_and_gzip_are_the_same(tmp_path: Path) -> None:
    plain = written(tmp_path, CONNECT, SNAPSHOT, TRADE)
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    one, other = (read_whole(open_source(f"recording:{path}"))[0] for path in (plain, packed))

    assert_same(one, other)


def test_damaged_lines_are_quarantined_with_their_numbers_and_nothing_else_is_lost(tmp_path: Path) -> None:
    damaged = '1618678133.9: [2,[["10.5","2"\n'
    path = written(tmp_path, CONNECT, SNAPSHOT, "no line at all\n", damaged, TRADE)

    ticks, malformed = read_whole(open_source(f"recording:{path}"))

    assert ticks.kind.tolist() == [Kind.QUOTE, Kind.TRADE]
    assert [(row.source, row.place, row.known_at) for row in malformed] == [
        ("kraken", "KRAKEN.ws.1.0:3", 1618678133500000000),
        ("kraken", "KRAKEN.ws.1.0:4", 1618678133900000000),
    ]
    assert malformed[0].reason.startswith("a line of a session begins with")
    assert malformed[1].reason.startswith("no JSON")
    assert [row.raw for row in malformed] == ["no line at all", '[2,[["10.5","2"']


def test_a_file_that_breaks_off_gives_what_it_held_and_says_so(tmp_path: Path) -> None:
    trades = [TRADE.replace('"1618678134.1"', f'"1618678133.{number:06d}"') for number in range(500)]
    content = gzip.compress("".join((CONNECT, SNAPSHOT, *trades)).encode(), compresslevel=0)
    path = tmp_path / "broken.gz"
    path.write_bytes(content[: len(content) // 2])

    ticks, malformed = read_whole(open_source(f"recording:{path}"))

    assert row_count(ticks) > 200
    assert "the file cannot be read from here on" in malformed[-1].reason


def test_days_and_instruments_narrow_what_is_read(tmp_path: Path) -> None:
    later = TRADE.replace("1618678134.1", "1618778134.1")
    path = written(tmp_path, CONNECT, SNAPSHOT, TRADE, OTHER, later)

    whole = open_source(f"recording:{path}")
    narrow = open_source(f"recording:{path}", ("BTC-USD",), "2021-04-18", None)
    rows, _ = read_whole(narrow)

    assert (whole.instruments(), whole.segments()) == (("BTC-USD", "ETH-BTC"), ("2021-04-17", "2021-04-18"))
    assert (narrow.instruments(), narrow.segments()) == (("BTC-USD",), ("2021-04-18",))
    assert rows.known_at.tolist() == [1618778134123456789]
    assert rows.sequence.tolist() == [18735 * SEQUENCES_PER_DAY + 1]


def test_the_standing_of_a_book_is_in_the_chunk_where_it_changed(tmp_path: Path) -> None:
    broken = SNAPSHOT.replace('"as"', '"a"').replace(',"bs":[["10.0","2.0","1618678133.2"]]', ',"c":"1"')
    source = open_source(f"recording:{written(tmp_path, CONNECT, SNAPSHOT, broken, SNAPSHOT)}")

    chunks = list(source.read("2021-04-17", {"BTC-USD": 0}, np.ones(1, np.bool_)))

    said = [(row.state, row.instrument, row.source) for chunk in chunks for row in chunk.health]
    assert said == [
        (HealthState.FRESH, "BTC-USD", "kraken"),
        (HealthState.GAP, "BTC-USD", "kraken"),
        (HealthState.FRESH, "BTC-USD", "kraken"),
    ]


def test_a_line_that_was_stamped_too_early_takes_the_time_of_the_one_above_it(tmp_path: Path) -> None:
    early = TRADE.replace("1618678134.123456789: ", "1618678130.0: ")
    ticks, _ = read_whole(open_source(f"recording:{written(tmp_path, CONNECT, SNAPSHOT, early)}"))

    assert Counter(ticks.known_at.tolist()) == {1618678133500000000: 2}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "holds no recorded session of a venue that is known"),
        (("hello\n",), "holds no recorded session of a venue that is known; those are binance"),
        ((CONNECT,), "holds no trade, quote or book of kraken"),
    ],
)
def test_a_file_that_holds_no_market_data_is_refused(
    lines: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=message):
        open_source(f"recording:{written(tmp_path, *lines)}")


def test_an_instrument_that_was_not_recorded_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path, CONNECT, SNAPSHOT, TRADE)
    with pytest.raises(SourceError, match="unknown instrument 'BTCUSD'; the nearest held: BTC-USD"):
        open_source(f"recording:{path}", ("BTCUSD",))
