"""Commands to a served desk hold at once, in every store, over a kill of the worker, and in a replay of the run."""

import subprocess
import time
from datetime import UTC, datetime

import pytest

from config.settings import DEFAULT
from connectors.lake.digest import digests
from connectors.lake.schemas import DECISIONS, HEALTH, MARKET
from tests.served.desk import RAW, ROOT, ServedDesk, command, topic_rows

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]
SOURCE = "simulator:instruments=8,days=1,ticks=40000"
SPEED = 400.0
SLOW = 60.0
"""Slow enough that the session is still open when the commands have been given, on any machine."""
PATIENCE_SECONDS = 180
BEFORE_THE_DAY = datetime.min.replace(tzinfo=UTC)


@pytest.fixture
def desk(request, tmp_path, own):
    for server in ("kafka", "influx", "s3", "postgres", "redis"):
        request.getfixturevalue(server)
    made = ServedDesk(own, tmp_path / "served", SOURCE, speed=SPEED, redis_database=4)
    made.init()
    yield made
    made.close()


def said_to(desk, *words, who="ann"):
    """Give a command; return what was said of it."""
    done = subprocess.run(
        command(*words, "--who", who, "--wait", str(PATIENCE_SECONDS)),
        env=desk.environment,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def wait_for(desk, topic, since=BEFORE_THE_DAY):
    """Wait until a record of a topic is there that was known at `since` or later."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (rows := desk.kafka_rows(topic, (0,))).height or rows["known_at"].max() < since:
        assert time.monotonic() < deadline, {name: desk.said(name)[-500:] for name in desk.workers}
        time.sleep(0.3)


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
