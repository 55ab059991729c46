"""A venue read by the market data workers of the served desk, each its own instruments, against the replay venue."""

import importlib
from collections import Counter

import pytest

from connectors.lake.digest import digests
from connectors.recordings.session_lines import Traffic, session_lines
from connectors.websocket.feed import Feed
from domain.market import Kind
from tests.connectors.websocket.replaying import replayed, session_of
from tests.served.desk import ServedDesk, initialised

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]
WORKERS = {
    "binance": {"ETH-USDT": "market-data-0.1.2.3"},
    "coinbase": {"BAND-GBP": "market-data-0", "SKL-USD": "market-data-1.2.3"},
}
"""Instruments of a session, and the worker that owns each: shards take them in order of name.

One venue tells its books over REST, the other with the subscription; how each venue is read is for its own tests.
"""


@pytest.fixture(params=sorted(WORKERS))
def venue(request):
    return request.param


@pytest.fixture
def desk(request, tmp_path, own, venue):
    files, _ = session_of(venue)
    shards = ("0-3",) if len(WORKERS[venue]) == 1 else ("0", "1-3")
    source = f"{venue}:{','.join(WORKERS[venue])},for=30s"
    with replayed(files) as replay:
        at = {f"ITA_VENUES__{venue.upper()}__URL": replay.websocket}
        made = ServedDesk(own, tmp_path / "served", source, shards=shards, servers=at)
        with initialised(request, made):
            yield made


def lines_of(desk, worker):
    return [
        line
        for path in sorted((desk.folder / worker / "recordings").glob("*.log"))
        for line in session_lines(path)
    ]


def asked(lines, venue):
    """Return the instruments that a worker's subscriptions name."""
    symbols = importlib.import_module(f"connectors.websocket.{venue}.symbols")
    sent = "".join(line.text.decode().lower() for line in lines if line.traffic is Traffic.SENT)
    return {name for name in WORKERS[venue] if symbols.venue_symbol(name).lower() in sent}


def received_rows(lines, venue, name):
    """Return what the recording of a worker holds of an instrument: (event_at, sequence, price or bid)."""
    ticks = Feed(venue, [name]).feed(lines).ticks
    prices = zip(ticks.kind.tolist(), ticks.price.tolist(), ticks.bid.tolist(), strict=True)
    shown = [price if kind == Kind.TRADE else bid for kind, price, bid in prices]
    return Counter(zip(ticks.event_at.tolist(), ticks.sequence.tolist(), map(repr, shown), strict=True))


def raw_rows(desk, name):
    found = Counter()
    for topic, price in (("raw.trades", "price"), ("raw.quotes", "bid")):
        rows = desk.kafka_rows(topic, range(4))
        for row in rows.iter_rows(named=True) if rows.height else ():
            if row["instrument"] == name:
                instant = row["event_at"]
                at = instant if isinstance(instant, int) else int(instant.timestamp() * 10**9)
                found[at, row["sequence"], repr(row[price])] += 1
    return found


def test_each_worker_asks_for_its_own_instruments_and_what_it_received_is_on_the_topics_once(desk, venue):
    desk.start_all()
    desk.wait(420)

    counted = 0
    for name, worker in WORKERS[venue].items():
        lines = lines_of(desk, worker)
        expected = received_rows(lines, venue, name)
        assert asked(lines, venue) == {name}
        assert raw_rows(desk, name).total() == expected.total() > 0
        counted += expected.total()
    assert counted > 50

    made = digests(desk.lake(desk.folder / "mirror"))
    again = desk.replayed("kafka:raw.trades,raw.quotes")["digests"]
    shared = {topic for topic in set(made) & set(again) if topic.startswith("market.")} - {"market.health"}
    assert {"market.trades", "market.quotes"} <= shared
    assert {topic: made[topic] for topic in shared} == {topic: again[topic] for topic in shared}
