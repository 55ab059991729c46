"""The trades of a venue's past over REST, against those that its websocket sent in the same session."""

import importlib
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from apps.sources import sources_of
from connectors.files.new_york import days_of
from connectors.recordings import told_trades
from connectors.source import SourceError
from connectors.websocket.feed import codec_of
from connectors.websocket.rest_ticks import RestTicks
from connectors.websocket.trade_pages import TradePages
from connectors.websocket.venues import VENUES
from domain.market import Kind, concatenate
from features.depth_book import Event
from tests.connectors.websocket.plain_sessions import lines_of
from tests.connectors.websocket.replaying import replayed, session_of

TELLING = [name for name, venue in VENUES.items() if venue.history is not None]
SILENT = [name for name, venue in VENUES.items() if venue.history is None]
REQUESTS_PER_SECOND = 1_000.0
"""The replay venue takes as many; how a venue's own pace is kept is for the tests of waiting."""


def names_of(venue, symbols):
    naming = importlib.import_module(f"connectors.websocket.{venue}.symbols").instrument_name
    return {naming(symbol): symbol for symbol in symbols}


def sent(venue, symbols):
    """Return the trades that a session's websocket sent of instruments: when, which, price and size."""
    names = sorted(names_of(venue, symbols))
    frames = codec_of(venue, names).decode(lines_of(venue))
    trades = frames.events["kind"] == Event.TRADE
    rows = zip(
        frames.event_at[trades].tolist(),
        frames.events["instrument"][trades].tolist(),
        frames.numbers[trades, 0].tolist(),
        frames.numbers[trades, 1].tolist(),
        strict=True,
    )
    return sorted(set(rows))


def read(source, owned=None):
    index = {name: which for which, name in enumerate(source.instruments())}
    owned = np.ones(len(index), bool) if owned is None else np.array(owned)
    parts = [chunk.ticks for day in source.segments() for chunk in source.read(day, index, owned)]
    return concatenate(parts)


def told(ticks):
    assert set(ticks.kind.tolist()) <= {Kind.TRADE}
    columns = (ticks.event_at, ticks.instrument, ticks.price, ticks.size)
    return sorted(set(zip(*(column.tolist() for column in columns), strict=True)))


def day_of(rows):
    (day,) = days_of(np.array([row[0] for row in rows]))
    return day


@pytest.mark.parametrize("page", [3, 1000])
@pytest.mark.parametrize("venue", TELLING)
def test_a_day_of_the_past_is_what_the_websocket_sent_of_it_in_pages_of_any_size(venue, page, monkeypatch):
    files, symbols = session_of(venue)
    if page == 3 and venue == "binance":
        page = 500
    monkeypatch.setattr(told_trades, "PAGE", page)
    expected = sent(venue, symbols)

    with replayed(files) as replay:
        day = day_of(expected)
        hurried = replace(VENUES[venue], requests_per_second=REQUESTS_PER_SECOND)
        source = RestTicks(hurried, replay.rest, names_of(venue, symbols), day, day)
        ticks = read(source)

    assert len(expected) > 0
    assert told(ticks) == expected
    assert (ticks.known_at == ticks.event_at).all()
    assert (np.diff(ticks.known_at) >= 0).all()


def test_each_worker_reads_its_own_instruments_and_they_make_the_whole():
    files, symbols = session_of("coinbase")
    day = day_of(sent("coinbase", symbols))

    with replayed(files) as replay:
        source = RestTicks(VENUES["coinbase"], replay.rest, names_of("coinbase", symbols), day, day)
        whole, one, other = read(source), read(source, [True, False]), read(source, [False, True])

    for name, column in zip(whole._fields, concatenate([one, other]), strict=True):
        if column is not None:
            order = np.lexsort((concatenate([one, other]).instrument, concatenate([one, other]).known_at))
            whole_order = np.lexsort((whole.instrument, whole.known_at))
            np.testing.assert_array_equal(column[order], getattr(whole, name)[whole_order], err_msg=name)


def test_a_venue_that_is_busy_is_asked_again():
    files, symbols = session_of("coinbase")
    expected = sent("coinbase", symbols)
    day = day_of(expected)

    with replayed(files) as replay:
        source = RestTicks(VENUES["coinbase"], replay.rest, names_of("coinbase", symbols), day, day)
        replay.control("?next=limit:2")
        ticks = read(source)

    assert told(ticks) == expected


def test_a_day_without_trades_has_none():
    files, symbols = session_of("kraken")

    with replayed(files) as replay:
        source = RestTicks(
            VENUES["kraken"], replay.rest, names_of("kraken", symbols), "2021-04-19", "2021-04-20"
        )
        ticks = read(source)

    assert (source.segments(), len(ticks.known_at)) == (("2021-04-19", "2021-04-20"), 0)


@pytest.mark.parametrize("venue", SILENT)
def test_a_venue_that_tells_only_its_latest_trades_says_so(venue):
    with pytest.raises(SourceError, match="tells only its latest trades over REST"):
        RestTicks(VENUES[venue], "http://127.0.0.1:1", {"BTC-USD": "btcusd"}, "2021-04-17", "2021-04-17")


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2021-4-17", "2021-04-17", "a date is written YYYY-MM-DD"),
        ("2021-04-18", "2021-04-17", "from 1 to 366 days"),
        ("2019-01-01", "2021-04-17", "from 1 to 366 days"),
        ("2021-04-17", datetime.now(UTC).date().isoformat(), "from 1 to 366 days|days that are over"),
    ],
)
def test_days_that_cannot_be_asked_for_are_refused(first, last, words):
    with pytest.raises(SourceError, match=words):
        RestTicks(VENUES["coinbase"], "http://127.0.0.1:1", {"BTC-USD": "BTC-USD"}, first, last)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{}", "is no list"),
        (b'{"message":"no"}', "is no list"),
        (b"[{", "no JSON"),
        (b'[{"i":1,"t":5,"p":"x","q":"1"}]', "price and size of a trade are above 0"),
        (b'[{"i":1,"t":5,"p":"1"}]', "'q' is missing"),
        (b'[{"i":"a","t":5,"p":"1","q":"1"}]', "'i' is no whole number"),
    ],
)
def test_an_answer_that_is_no_list_of_trades_is_refused_with_its_address(body, why):
    pages = TradePages("i", "t", "p", "q", 10**6)

    with pytest.raises(SourceError, match=rf"http://x was not answered with trades \(.*({why})"):
        pages.page(body, "http://x")


def test_what_somebody_types_names_the_venue_the_instruments_and_the_days(monkeypatch):
    files, symbols = session_of("coinbase")
    expected = sent("coinbase", symbols)
    day = day_of(expected)

    with replayed(files) as replay:
        monkeypatch.setenv("ITA_VENUES__COINBASE__URL", replay.websocket)
        source = sources_of((f"coinbase:{','.join(symbols)}",), None, day, day)
        with pytest.raises(SourceError, match="or give --from and --to for its past"):
            sources_of(("coinbase:SKL-USD",))
        with pytest.raises(SourceError, match="leave for and channels out"):
            sources_of(("coinbase:SKL-USD,for=9s",), None, day, day)
        ticks = read(source)

    assert told(ticks) == expected
    assert [str(one.unit) for one in source.reference()] == ["0.01", "0.1"]
