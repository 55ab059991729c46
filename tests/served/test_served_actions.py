"""The served desk lives through corporate actions as the embedded one does, and a replay of its topics repeats it."""

import time

import pytest

from tests.apps.test_replay_actions import HEADER, ROWS, SPEC, STRATEGIES
from tests.served.desk import ServedDesk, compared_whole, embedded_replay, initialised

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]


REFUSED = "quarantine.market_data"
"""Holds an action that was known after its effect: a replay is not told of it again."""


@pytest.fixture
def desk(request, tmp_path, own):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "strategies.yaml").write_text(STRATEGIES)
    (tmp_path / "actions.csv").write_text(HEADER + ROWS)
    made = ServedDesk(
        own,
        tmp_path / "served",
        SPEC,
        shards=("0", "1-3"),
        config=tmp_path / "config",
        actions=tmp_path / "actions.csv",
    )
    with initialised(request, made):
        yield made


def test_every_store_holds_what_the_embedded_desk_made_of_the_actions_and_kafka_repeats_it(desk, tmp_path):
    summary = embedded_replay(SPEC, tmp_path / "embedded", *desk.configured, *desk.actions)

    desk.start_all()
    time.sleep(8.0)
    desk.kill("market-data-1-3")
    while not desk.look():
        time.sleep(0.1)

    total, found = compared_whole(desk, tmp_path / "embedded")
    assert (total["missing"], total["twice"], total["different"]) == (0, 0, 0)
    assert found == summary["digests"]
    assert "market.actions" in found
    again = desk.replayed("kafka:raw.trades,raw.quotes")["digests"]
    assert {**again, REFUSED: ""} == {**summary["digests"], REFUSED: ""}
