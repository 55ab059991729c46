"""Commands to a served desk hold at once, in every store, over a kill of the worker, and in a replay of the run."""

import time

import pytest

from config.settings import DEFAULT
from connectors.lake.digest import digests
from connectors.lake.schemas import DECISIONS, HEALTH, MARKET
from tests.served.commanding import said_to, wait_for
from tests.served.desk import RAW, ServedDesk, initialised, topic_rows

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]
SOURCE = "simulator:instruments=8,days=1,ticks=40000"
SPEED = 400.0
SLOW = 60.0
"""Slow enough that the session is still open when the commands have been given, on any machine."""


@pytest.fixture
def desk(request, tmp_path, own):
    with initialised(request, ServedDesk(own, tmp_path / "served", SOURCE, speed=SPEED)) as made:
        yield made


def test_a_kill_switch_and_new_limits_hold_live_and_in_a_replay_of_that_run(desk, tmp_path):
    tighter = tmp_path / "tighter"
    tighter.mkdir()
    rows = (DEFAULT / "limits.yaml").read_text()
    (tighter / "limits.yaml").write_text(rows + "\n# the same limits, told again\n")
    desk.start_all()
    wait_for(desk, "oms.orders")
    desk.pace(SLOW)

    killed = said_to(desk, "kill", "firm:firm", "--reason", "a test")
    wait_for(desk, "verdicts", desk.kafka_rows("risk.controls", (0,))["known_at"].max())
    published = said_to(desk, "limits", "publish", "--reason", "a test", "--config", str(tighter))
    desk.kill("decisions")
    desk.start("decisions")
    asked = said_to(desk, "release", "firm:firm", "--reason", "a test")
    released = said_to(desk, "release", "firm:firm", "--reason", "a test", who="bob")
    controls = desk.kafka_rows("risk.controls", (0,)).sort("known_at")
    set_at, _, _, released_at = controls["known_at"]
    wait_for(desk, "oms.orders", released_at)
    desk.pace(0.0)
    while not desk.look():
        time.sleep(0.2)

    verdicts = desk.kafka_rows("verdicts", (0,))
    stopped = verdicts.filter(verdicts["known_at"].is_between(set_at, released_at, closed="left"))
    sent = desk.kafka_rows("oms.orders", (0,))
    assert all("holds from" in said for said in (killed, published, released))
    assert "a second person has to ask" in asked
    assert controls["kind"].to_list() == ["kill", "limits", "asked", "release"]
    assert controls["who"].to_list() == ["ann", "ann", "ann", "bob"]
    assert controls["maker"].to_list() == ["", "", "", "ann"]
    assert set(stopped["kind"]) == {"refused"}
    assert sent.filter(sent["known_at"].is_between(set_at, released_at, closed="left")).height == 0
    assert sent.filter(sent["known_at"] >= released_at).height

    lake = desk.lake(desk.folder / "mirror")
    assert topic_rows(lake, "risk.controls").height == 4
    assert len(desk.journal()["controls"]) == 4
    replayed = desk.replayed("kafka:raw.trades,raw.quotes")["digests"]
    kept = {topic: value for topic, value in digests(lake).items() if topic not in RAW}
    assert kept == replayed
    assert set(replayed) <= {*DECISIONS, *MARKET, HEALTH, "quarantine.market_data"}
