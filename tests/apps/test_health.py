"""A worker says over HTTP whether it makes progress, and why it may not be relied on yet."""

import json
import urllib.error
import urllib.request
from typing import NamedTuple

import pytest

from apps.health import SILENT_SECONDS_MAX, STARTING_SECONDS_MAX, Health, opened
from apps.metrics import Metrics, serve
from connectors.kafka.client import Place
from connectors.kafka.reader import Reading
from connectors.patience import Waits
from connectors.sqlite.sink import JournalSink


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    made = Waits()
    monkeypatch.setattr("apps.health.WAITS", made)
    monkeypatch.setattr("apps.metrics.WAITS", made)
    return made


@pytest.fixture(autouse=True)
def reading(monkeypatch):
    made = Reading()
    monkeypatch.setattr("apps.health.READING", made)
    monkeypatch.setattr("apps.metrics.READING", made)
    return made


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    return Health(clock=clock)


@pytest.fixture
def address(health):
    server = serve(Metrics(), health, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def asked(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_flow_that_does_nothing_for_too_long_is_not_live(health, clock):
    health.activated("bars", 1, [], [])
    clock.now += SILENT_SECONDS_MAX

    at_the_bound = health.why_not_live()
    clock.now += 1
    over_it = health.why_not_live()

    assert at_the_bound is None
    assert over_it == "the flow has done nothing for 61 s; 60 s are allowed"


def test_a_reader_that_is_polled_keeps_a_flow_without_stages_live(health, clock, reading):
    clock.now += STARTING_SECONDS_MAX + 1
    before = health.why_not_live()

    reading.polled_at = clock.now

    assert before == "the flow has not begun for 301 s; 300 s are allowed"
    assert health.why_not_live() is None


def test_who_waits_for_others_before_the_flow_begins_stays_live(health, clock):
    clock.now += STARTING_SECONDS_MAX + 1

    health.still_starts()

    assert health.why_not_live() is None
    assert health.why_not_ready() == ["the flow has not begun"]


def test_who_waits_for_a_server_is_live_and_not_ready(health, clock, waits):
    health.activated("bars", 1, [], [])
    number = waits.begin("the journal at postgresql://here:1/ita")
    clock.now += 10 * SILENT_SECONDS_MAX

    waiting = health.why_not_live(), health.why_not_ready()
    waits.end(number)

    assert waiting == (None, ["the journal at postgresql://here:1/ita waits for its server"])
    assert health.why_not_live() is not None


def test_decisions_are_ready_when_every_shard_has_spoken_and_the_lag_is_within_its_bound(health, reading):
    health.needs_shards(("0", "1"))
    health.needs_lag(5)
    reading.left = {Place("scored", 0): 5, Place("scored", 1): 6}

    health.activated("sequence", 1, [("0", None)], [])
    one = health.why_not_ready()
    health.activated("sequence", 1, [("1", None)], [])
    reading.left[Place("scored", 1)] = 5

    assert one == [
        "shard 1 has not spoken yet",
        "topic scored, partition 1: 6 messages are left to read, 5 are allowed",
    ]
    assert health.why_not_ready() == []


def test_a_part_that_cannot_be_opened_holds_readiness_up(health, tmp_path):
    class JournalEdges(NamedTuple):
        journal: JournalSink

    health.activated("bars", 1, [], [])
    (tmp_path / "file").write_text("")
    sound = opened(JournalEdges(JournalSink(tmp_path / "journal.sqlite")), health).journal
    unsound = opened(JournalEdges(JournalSink(tmp_path / "file" / "journal.sqlite")), health).journal
    (part,) = sound.list_parts()

    sound.build_part("to_journal", part, None).close()
    ready = health.why_not_ready()
    with pytest.raises(FileExistsError):
        unsound.build_part("to_journal", part, None)

    assert ready == []
    assert health.why_not_ready() == [f"journal, part {part}, is being opened"]


def test_the_answers_over_http_carry_code_and_reasons(health, address, clock):
    health.needs("reference", "what the desk trades is not loaded yet")
    health.activated("bars", 1, [], [])

    unready = asked(f"{address}/ready")
    health.has("reference")
    ready = asked(f"{address}/ready")
    live = asked(f"{address}/live")
    clock.now += SILENT_SECONDS_MAX + 1
    dead = asked(f"{address}/live")

    assert (unready[0], json.loads(unready[1])) == (
        503,
        {"ready": False, "reasons": ["what the desk trades is not loaded yet"]},
    )
    assert (ready[0], json.loads(ready[1])) == (200, {"ready": True, "reasons": []})
    assert (live[0], json.loads(live[1])["live"]) == (200, True)
    assert (dead[0], json.loads(dead[1])["reason"]) == (
        503,
        "the flow has done nothing for 61 s; 60 s are allowed",
    )
    assert asked(f"{address}/else")[0] == 404


def test_waits_and_lag_are_among_the_metrics(address, waits, reading):
    waits.end(waits.begin("kafka source scored:0"))
    waits.begin("publishing raw/one at http://s3:1")
    reading.left[Place("scored", 3)] = 7

    code, words = asked(f"{address}/metrics")

    assert code == 200
    assert 'ita_server_waits_total{server="kafka"} 1.0' in words
    assert 'ita_server_waiting{server="kafka"} 0.0' in words
    assert 'ita_server_waiting{server="http://s3:1"} 1.0' in words
    assert 'ita_kafka_lag_messages{partition="3",topic="scored"} 7.0' in words
