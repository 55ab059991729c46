"""What the last version left of half a day is gone on with, or refused with what to do, and never mistaken."""

import json
import sqlite3
import tarfile
from contextlib import closing
from itertools import groupby, pairwise
from pathlib import Path

import msgspec
import pytest

from config.settings import read_settings
from connectors.kafka.client import Watch, producer_of
from connectors.kafka.transactions import TURNS
from connectors.lake.schemas import MARKET
from tests.served.desk import RAW, ServedDesk
from tests.served.topics import kafka_digests

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]
LEFT = Path(__file__).resolve().parents[1] / "data" / "served-desk-1.tar.xz"
WRONG_USE = 2
WORK_FAILED = 1
ENDS_IN_SECONDS = 400


class Left:
    """What the last version left, and its desk with this version's workers."""

    def __init__(self, own, folder):
        with tarfile.open(LEFT) as archive:
            archive.extractall(folder, filter="data")
        self.folder = folder
        self.about = json.loads((folder / "about.json").read_text())
        self.desk = ServedDesk(own, folder / "served", self.about["source"])
        for name, words in self.desk.commands.items():
            self.desk.commands[name] = (*words, "--config", str(folder / "config"))
        self.desk.init()
        self.cluster = self.desk.servers().kafka.cluster()

    def restore_topics(self):
        """Write every message at the offset that it had: what is missing between two are marks of transactions."""
        messages = msgspec.msgpack.decode((self.folder / "messages.msgpack").read_bytes())
        names = [f"{self.cluster.prefix}restore.{number}" for number in range(TURNS)]
        producers = [producer_of(self.cluster, Watch("restore"), name) for name in names]
        for producer in producers:
            producer.init_transactions(30)
        for _, partition in groupby(messages, key=lambda one: (one["topic"], one["partition"])):
            for run, marks in runs(list(partition)):
                self.write(run, producers[:marks])

    def write(self, run, producers):
        """Write messages that follow one another in as many transactions as have their marks behind them."""
        first = len(run) - len(producers) + 1
        for producer, part in zip(producers, [run[:first], *([one] for one in run[first:])], strict=True):
            producer.begin_transaction()
            for message in part:
                producer.produce(
                    self.cluster.topic(message["topic"]),
                    value=message["value"],
                    key=message["key"],
                    partition=message["partition"],
                    headers=[tuple(header) for header in message["headers"]],
                )
            assert producer.flush(30) == 0
        for producer in producers:
            producer.commit_transaction(30)

    def ends(self, name):
        """Run a worker until it ends; return its code and what it said."""
        self.desk.start(name)
        return self.desk.workers[name].wait(ENDS_IN_SECONDS), self.desk.said(name)


def runs(messages):
    """Yield messages whose offsets follow one another, with how many marks come behind them."""
    run = messages[:1]
    for one, other in pairwise(messages):
        marks = other["offset"] - one["offset"] - 1
        if marks:
            yield run, marks
            run = []
        run.append(other)
    yield run, 1


@pytest.fixture
def left(request, own, tmp_path):
    for server in ("kafka", "influx", "s3", "postgres", "redis"):
        request.getfixturevalue(server)
    made = Left(own, tmp_path)
    yield made
    made.desk.close()


def test_a_market_data_worker_goes_on_from_the_states_and_topics_of_the_last_version(left, tmp_path):
    left.restore_topics()

    code, said = left.ends("market-data-0-3")

    assert code == 0, said
    found, twice = kafka_digests(left.cluster, tmp_path / "topics")
    expected = {
        topic: left.about["digests"][topic] for topic in {*MARKET} & {*left.about["digests"]} - {*RAW}
    }
    assert twice == {}
    assert {topic: found[topic] for topic in expected} == expected
    assert resumed_at(left.desk.folder / "market-data-0.1.2.3" / "recovery" / "market-data") > 1


def resumed_at(store):
    """Return the epoch that the last run in a recovery store resumed at; 1 is the beginning."""
    with closing(sqlite3.connect(store / "part-0.sqlite3")) as states:
        return states.execute("SELECT resume_epoch FROM exs ORDER BY ex_num DESC LIMIT 1").fetchone()[0]


def test_a_decisions_worker_refuses_a_configuration_that_lacks_the_inputs_of_a_check(left):
    code, said = left.ends("decisions")

    assert code == WRONG_USE
    assert "compliance.yaml: PT-05 has no input 'algorithms'; give it under `inputs`, or say under" in said


def test_a_decisions_worker_refuses_a_state_of_an_older_version_and_says_what_to_do(left):
    left.restore_topics()
    begun = left.desk.folder / "decisions" / "run.json"
    begun.write_text(json.dumps({**json.loads(begun.read_text()), "configuration": read_settings().digest}))
    left.desk.commands["decisions"] = ("decisions",)

    code, said = left.ends("decisions")

    assert code == WORK_FAILED
    last = said.splitlines()[-1]
    assert last.startswith("ita: StateRefused: step ")
    assert last.endswith("; start with a new output folder, or run the version that wrote it")


def test_states_of_another_configuration_are_refused_with_what_to_do(left):
    (left.folder / "config" / "limits.yaml").write_text(
        (left.folder / "config" / "limits.yaml").read_text() + "\n"
    )

    code, said = left.ends("market-data-0-3")

    assert code == WRONG_USE
    assert f"holds a run with configuration {left.about['configuration']!r}; this one has" in said
    assert "choose another folder with --out, or remove this one" in said
