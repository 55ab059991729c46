"""A shard has one worker and one state, whoever works on it: claims, growth, and a worker that comes back too late."""

import signal
import time

import pytest

from connectors.lake.schemas import DECISIONS, MARKET
from tests.served.desk import RAW, ServedDesk, all_compared, embedded_replay
from tests.served.topics import ends_of, kafka_digests, words_of

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]
SOURCE = "simulator:instruments=8,days=1,ticks=16000"
SHARDS = 4
SLOWLY = 1_500.0
"""A simulated day in a quarter of a minute."""
PATIENCE_SECONDS = 400
WRONG_USE = 2
WORK_FAILED = 1


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    out = tmp_path_factory.mktemp("embedded")
    return out, embedded_replay(SOURCE, out)


@pytest.fixture
def make_desk(request, own):
    """Return what makes desks of one name, each with workers and a folder of its own."""
    for server in ("kafka", "influx", "s3", "postgres", "redis"):
        request.getfixturevalue(server)
    made = []

    def make(folder, *shards, speed=0.0):
        shared = made[0].redis_database if made else None
        made.append(ServedDesk(own, folder, SOURCE, speed=speed, redis_database=shared, shards=shards))
        if len(made) == 1:
            made[0].init()
        return made[-1]

    yield make
    for desk in made:
        desk.close()


def eventually(desk, look):
    """Wait until `look` says yes; no worker may end with an error before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        for name, process in desk.workers.items():
            assert process.poll() in (None, 0), (
                f"{name} ended with {process.poll()}: {desk.said(name)[-2000:]}"
            )
        assert time.monotonic() < deadline, {name: desk.said(name)[-500:] for name in desk.workers}
        time.sleep(0.1)


def deciding(desk):
    """Return the workers that take the decisions, in one process or several."""
    return [name for name in desk.commands if not name.startswith("market-data") and name != "sinks"]


def market(desk):
    return [name for name in desk.commands if name.startswith("market-data")]


def start(desk, names):
    for name in names:
        desk.start(name)


def grown(desk, topic="scored"):
    """Return what says whether each partition has grown since."""
    cluster = desk.servers().kafka.cluster()
    before = ends_of(cluster, topic, SHARDS)
    return lambda: all(now > then for now, then in zip(ends_of(cluster, topic, SHARDS), before, strict=True))


def assert_kafka_holds(desk, embedded, folder):
    found, twice = kafka_digests(desk.servers().kafka.cluster(), folder)
    expected = embedded[1]["digests"]

    assert twice == {}
    assert found == {topic: expected[topic] for topic in found}
    assert set(found) == ({*MARKET, *DECISIONS} & set(expected)) - set(RAW)


def test_four_workers_write_what_the_embedded_desk_does_and_so_does_a_replay(make_desk, embedded, tmp_path):
    desk = make_desk(tmp_path / "served", "0", "1", "2", "3")

    start(desk, [*market(desk), *deciding(desk)])
    desk.wait(PATIENCE_SECONDS)

    assert_kafka_holds(desk, embedded, tmp_path / "topics")
    assert desk.replayed("kafka:raw.trades,raw.quotes")["digests"] == embedded[1]["digests"]


def test_a_desk_that_grows_from_one_worker_to_four_and_shrinks_to_two_keeps_every_state(
    make_desk, embedded, tmp_path
):
    out = tmp_path / "served"
    stages = [
        (("0-3",), signal.SIGTERM),
        (("0", "1", "2", "3"), signal.SIGKILL),
    ]
    for shards, end in stages:
        desk = make_desk(out, *shards, speed=SLOWLY)
        has_grown = grown(desk)
        start(desk, market(desk))
        eventually(desk, has_grown)
        for name in market(desk):
            assert desk.kill(name, end) == (0 if end == signal.SIGTERM else -signal.SIGKILL)

    last = make_desk(out, "0-1", "2-3")
    start(last, [*market(last), *deciding(last)])
    last.wait(PATIENCE_SECONDS)

    assert_kafka_holds(last, embedded, tmp_path / "topics")
    assert stores(out / "market-data-0.1") == ["market-data.3", "market-data.3.pages"]


def stores(folder):
    """Return the recovery stores in the folder of a worker, named after their generation."""
    return sorted(path.name for path in (folder / "recovery").iterdir())


def test_who_comes_second_is_refused_and_who_was_killed_comes_back_at_once(make_desk, tmp_path):
    desk = make_desk(tmp_path / "served", "0-1", speed=1.0)
    cluster = desk.servers().kafka.cluster()
    desk.start_all()
    units = {"market-data.0", "market-data.1", "sinks", *deciding(desk)}
    eventually(desk, lambda: units <= {unit for word in words_of(cluster) for unit in word.units})

    second = make_desk(tmp_path / "elsewhere", "1-2", speed=1.0)
    second.start_all()
    codes = {name: process.wait(PATIENCE_SECONDS) for name, process in second.workers.items()}
    first = desk.workers["market-data-0-1"].pid
    desk.kill("market-data-0-1")
    desk.start("market-data-0-1")
    eventually(desk, lambda: len(claims_of("market-data.0", cluster)) == 2)

    assert codes == dict.fromkeys(codes, WRONG_USE)
    assert "ita: market-data.1 is worked on by a live process on" in second.said("market-data-1-2")
    assert str(tmp_path / "served" / "market-data-0.1") in second.said("market-data-1-2")
    for name in ("sinks", *deciding(desk)):
        assert f"ita: {name} is worked on by a live process on" in second.said(name)
    assert desk.workers["market-data-0-1"].pid != first
    assert claims_of("market-data.0", cluster)[1].over == ()


def claims_of(unit, cluster):
    return [word for word in words_of(cluster) if word.says == "claim" and unit in word.units]


def test_a_whole_desk_that_was_stopped_and_comes_back_after_its_successor_began_changes_nothing(
    make_desk, embedded, tmp_path
):
    desk = make_desk(tmp_path / "served", "0-1", "2-3", speed=SLOWLY)
    cluster = desk.servers().kafka.cluster()
    has_grown = grown(desk)
    desk.start_all()
    eventually(desk, has_grown)
    eventually(desk, lambda: ends_of(cluster, "positions", 1) > [0] and lake_has_begun(desk))
    for process in desk.workers.values():
        process.send_signal(signal.SIGSTOP)
    owners = {word.owner for word in words_of(cluster)}

    successor = make_desk(tmp_path / "successor", "0-1", "2-3")
    successor.start_all()
    eventually(
        successor, lambda: len({word.owner for word in words_of(cluster)} - owners) == len(desk.workers)
    )
    for process in desk.workers.values():
        process.send_signal(signal.SIGCONT)
    codes = {name: process.wait(PATIENCE_SECONDS) for name, process in desk.workers.items()}
    successor.wait(PATIENCE_SECONDS)

    assert codes == dict.fromkeys(codes, WORK_FAILED)
    for name in desk.workers:
        assert "taken over" in desk.said(name)
    assert_kafka_holds(successor, embedded, tmp_path / "topics")
    total = all_compared(successor, embedded[0])
    assert (total["missing"], total["twice"], total["different"]) == (0, 0, 0)


def lake_has_begun(desk):
    return any(path.is_file() for path in (desk.folder / "sinks" / "lake").rglob("*"))
