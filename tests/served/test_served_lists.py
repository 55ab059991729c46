"""A list of names told to a served desk holds from one instant on, over a kill of its worker, and in a replay."""

import time

import pytest

from connectors.lake.digest import digests
from tests.apps.test_sanctions_command import NAME, configured, write_list
from tests.served.commanding import said_to, wait_for
from tests.served.desk import RAW, ServedDesk, initialised

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]
SOURCE = "simulator:instruments=8,days=1,ticks=40000"
SPEED = 400.0
SLOW = 60.0
"""Slow enough that the session is still open when the list has been told, on any machine."""
LISTED = "CALDR"


@pytest.fixture
def desk(request, tmp_path, own):
    made = ServedDesk(
        own,
        tmp_path / "served",
        SOURCE,
        speed=SPEED,
        config=configured(tmp_path / "config"),
    )
    with initialised(request, made):
        yield made


def test_a_list_holds_from_one_instant_on_over_a_kill_and_in_a_replay(desk, tmp_path):
    desk.start_all()
    wait_for(desk, "verdicts")
    desk.pace(SLOW)

    told = said_to(
        desk, "sanctions", "load", str(write_list(tmp_path / "SDN.csv", 3_000)), "--reason", "a test"
    )
    (since,) = desk.kafka_rows("risk.controls", (0,))["known_at"]
    desk.kill("decisions")
    desk.start("decisions")
    desk.pace(0.0)
    while not desk.look():
        time.sleep(0.2)

    verdicts = desk.kafka_rows("verdicts", (0,))
    its = verdicts.filter(verdicts["Symbol"] == LISTED)
    refused = its.filter(its["codes"].list.contains("SANCTION"))
    assert "holds from" in told
    assert NAME in desk.kafka_rows("risk.controls", (0,))["details"].item()
    assert refused["known_at"].to_list() == its.filter(its["known_at"] >= since)["known_at"].to_list()
    assert refused.height

    kept = {
        topic: value
        for topic, value in digests(desk.lake(desk.folder / "mirror")).items()
        if topic not in RAW
    }
    assert kept == desk.replayed("kafka:raw.trades,raw.quotes")["digests"]
