"""The served desk gives the answers of the embedded one, in every store, also when its workers are killed."""

import random
import time

import pytest

from connectors.lake.schemas import DECISIONS
from tests.served.desk import ServedDesk, compared_whole, embedded_replay, initialised

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]
SOURCE = "simulator:instruments=4,days=1,ticks=20000"


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    out = tmp_path_factory.mktemp("embedded")
    return out, embedded_replay(SOURCE, out)


@pytest.fixture
def desk(request, tmp_path, own):
    with initialised(request, ServedDesk(own, tmp_path / "served", SOURCE)) as made:
        yield made


def assert_every_store_holds(desk, embedded):
    out, summary = embedded
    total, found = compared_whole(desk, out)

    assert total["records"] > 2 * sum(
        summary["counts"][topic] for topic in (*DECISIONS, "market.bars") if topic in summary["counts"]
    )
    assert (total["missing"], total["twice"], total["different"]) == (0, 0, 0)
    assert found == summary["digests"]


def test_every_store_and_a_replay_from_kafka_hold_what_the_embedded_desk_made(desk, embedded):
    desk.start_all()
    desk.wait()

    assert_every_store_holds(desk, embedded)
    assert desk.replayed("kafka:raw.trades,raw.quotes")["digests"] == embedded[1]["digests"]


@pytest.mark.parametrize("seed", [7])
def test_workers_that_are_killed_again_and_again_leave_every_store_the_same(desk, embedded, seed):
    moments = random.Random(seed)
    desk.start_all()
    kills = 0
    deadline = time.monotonic() + 300
    next_at = time.monotonic() + moments.uniform(2.0, 6.0)
    while not desk.look():
        assert time.monotonic() < deadline, {name: desk.said(name)[-500:] for name in desk.workers}
        if kills < 6 and time.monotonic() >= next_at:
            alive = sorted(name for name, process in desk.workers.items() if process.poll() is None)
            desk.kill(moments.choice(alive))
            kills += 1
            next_at = time.monotonic() + moments.uniform(2.0, 6.0)
        time.sleep(0.05)

    assert kills
    assert_every_store_holds(desk, embedded)
