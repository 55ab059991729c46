"""A market data worker with two feeds of the same instruments says what the embedded desk says of them."""

import pytest

from tests.apps.second_feed import SPEC, WRONG, write_second
from tests.apps.test_second_feed import STRATEGIES
from tests.served.desk import ServedDesk, compared_whole, embedded_replay, initialised

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]


@pytest.fixture
def desk(request, tmp_path, own):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "strategies.yaml").write_text(STRATEGIES)
    feed = write_second(tmp_path / "second.parquet")
    made = ServedDesk(
        own,
        tmp_path / "served",
        SPEC,
        shards=("0", "1-3"),
        config=tmp_path / "config",
        against=f"parquet:{feed}",
    )
    with initialised(request, made):
        yield made


def test_every_store_holds_what_the_embedded_desk_made_of_two_feeds_and_kafka_repeats_it(desk, tmp_path):
    summary = embedded_replay(SPEC, tmp_path / "embedded", *desk.configured, *desk.against)

    desk.start_all()
    while not desk.look():
        desk.wait(420)

    total, found = compared_whole(desk, tmp_path / "embedded")
    assert (total["missing"], total["twice"], total["different"]) == (0, 0, 0)
    assert found == summary["digests"]
    health = desk.kafka_rows("market.health", range(4))
    apart = [row for row in health.iter_rows(named=True) if row["state"] == "disagreeing"]
    assert {row["instrument"] for row in apart} == {WRONG}
    again = desk.replayed("kafka:raw.trades,raw.quotes")["digests"]
    assert again == summary["digests"]
