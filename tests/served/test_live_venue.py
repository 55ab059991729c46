"""A venue read by the market data workers of the served desk, each its own instruments, against the replay venue."""

import re
from collections import Counter

import pytest

from connectors.lake.digest import digests
from connectors.recordings.session_lines import Traffic, session_lines
from connectors.websocket.feed import Feed
from domain.market import Kind
from tests.connectors.websocket.replaying import replayed, session_of
from tests.served.desk import ServedDesk

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]
NAMES = ("BAND-GBP", "SKL-USD")
SOURCE = f"coinbase:{','.join(NAMES)},for=30s"


@pytest.fixture
def desk(request, tmp_path, own):
    for server in ("kafka", "influx", "s3", "postgres", "redis"):
        request.getfixturevalue(server)
    files, _ = session_of("coinbase")
    with replayed(files) as replay:
        at = {"ITA_VENUES__COINBASE__URL": replay.websocket}
        made = ServedDesk(own, tmp_path / "served", SOURCE, shards=("0", "1-3"), servers=at)
        made.init()
        yield made
        made.close()


def lines_of(desk, worker):
    return [
        line
        for path in sorted((desk.folder / worker / "recordings").glob("*.log"))
        for line in session_lines(path)
    ]


def asked(lines):
    """Return the products of a worker's subscription."""
    return {
        name
        for line in lines
        if line.traffic is Traffic.SENT
        for name in re.findall(r'"product_ids": \[([^]]*)\]', line.text.decode())
    }


def received_rows(lines, name):
    """Return what the recording of a worker holds of an instrument: (event_at, kind, price or bid)."""
    ticks = Feed("coinbase", [name]).feed(lines).ticks
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


def test_each_worker_asks_for_its_own_instruments_and_what_it_received_is_on_the_topics_once(desk):
    desk.start_all()
    desk.wait(420)

    workers = {"BAND-GBP": "market-data-0", "SKL-USD": "market-data-1.2.3"}
    counted = 0
    for name, worker in workers.items():
        lines = lines_of(desk, worker)
        expected = received_rows(lines, name)
        assert asked(lines) == {f'"{name}"'}
        assert raw_rows(desk, name).total() == expected.total() > 0
        counted += expected.total()
    assert counted > 50

    made = digests(desk.lake(desk.folder / "mirror"))
    again = desk.replayed("kafka:raw.trades,raw.quotes")["digests"]
    shared = {topic for topic in set(made) & set(again) if topic.startswith("market.")} - {"market.health"}
    assert {"market.trades", "market.quotes"} <= shared
    assert {topic: made[topic] for topic in shared} == {topic: again[topic] for topic in shared}
