"""`ita features serve`: models get over HTTP what `ita features get` prints, and can change nothing."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from apps.cli.main import WrongUse
from apps.feature_server import NotServed, serve, wrong_with
from apps.feature_store import online_rows
from apps.served import online_store
from connectors.feast.codec import END_OF_FEATURES
from connectors.feast.sink import FeastPartition
from connectors.feast.store import SQLITE, VIEW, Declared, NoFeatureStore, prepare
from domain.market import BAR, SECOND, FeatureRows
from feature_repo.declarations import declarations
from features.catalogue import CATALOGUE

pytestmark = [pytest.mark.xdist_group("feast"), pytest.mark.filterwarnings("default")]

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("AAA", "BBB")
ASKED = [line.name for line in CATALOGUE][:5]


def kept(out, online):
    """Make the folder of a run with one row of each instrument online; the first feature of BBB does not speak."""
    out.mkdir()
    (out / "run.json").write_text("{}")
    bars = np.zeros(2, BAR)
    bars["instrument"], bars["close_at"], bars["known_at"] = (
        (0, 1),
        1_709_821_800 * SECOND,
        1_709_821_801 * SECOND,
    )
    values = np.arange(2.0 * len(CATALOGUE)).reshape(len(CATALOGUE), 2) / 7
    values[0, 1] = np.nan
    prepare(out / "feature_store", NAMES, CATALOGUE, declarations, online)
    sink = FeastPartition(out / "feature_store", NAMES, CATALOGUE, declarations, online=online)
    sink.write_batch([FeatureRows(bars, values), END_OF_FEATURES])
    sink.close()
    return out


class Answering:
    """`ita features serve` in a process of its own."""

    def __init__(self, out, environment=()):
        command = [sys.executable, "-m", "apps.cli.main", "features", "serve", "--out", out, "--port", "0"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, **dict(environment)}
        )
        said = self.process.stderr.readline()
        while said and "features: http" not in said:
            said = self.process.stderr.readline()
        self.url = said.split()[-1].rpartition("/")[0]

    def ask(self, path, body=None):
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read()

    def values(self):
        """Return the asked features of each instrument."""
        body = {"features": [f"{VIEW}:{name}" for name in ASKED], "entities": {"instrument": list(NAMES)}}
        code, content = self.ask("/get-online-features", body)
        assert code == 200, content
        answer = json.loads(content)
        columns = dict(zip(answer["metadata"]["feature_names"], answer["results"], strict=True))
        return {
            name: {feature: columns[feature]["values"][place] for feature in ASKED}
            for place, name in enumerate(columns["instrument"]["values"])
        }

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        return self.process.wait(30)


@pytest.fixture
def run(tmp_path):
    return kept(tmp_path / "run", SQLITE)


def printed(out):
    return {row.instrument: row.values for row in online_rows(out, NAMES, ASKED)}


def test_models_get_what_features_get_prints_and_can_change_nothing(run):
    server = Answering(run)
    try:
        values = server.values()
        health = server.ask("/health")[0]
        unknown, said = server.ask(
            "/get-online-features", {"features": [f"{VIEW}:none"], "entities": {"instrument": ["AAA"]}}
        )
        changing = {
            path: server.ask(path, {})[0]
            for path in ("/push", "/write-to-online-store", "/materialize", "/chat")
        }
    finally:
        code = server.stop()

    assert values == printed(run)
    assert values["BBB"][ASKED[0]] is None
    assert health == 200
    assert (unknown, b"unknown feature 'bar_features:none'" in said) == (422, True)
    assert changing == dict.fromkeys(changing, 404)
    assert code in {0, -signal.SIGTERM}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "a question is"),
        (b'{"entities": {}, "features": ["bar_features:rsi_14"]}', "nothing was given"),
        (b'{"entities": {"instrument": []}, "features": ["bar_features:rsi_14"]}', r"instrument \(0\)"),
        (b'{"entities": {"symbol": ["A"]}, "features": ["bar_features:rsi_14"]}', r"symbol \(1\)"),
        (b'{"entities": {"instrument": ["A"]}}', "features need one name"),
        (b'{"entities": {"instrument": ["A"]}, "features": ["bar_features:rsi_41"]}', "bar_features:rsi_14"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_with_what_is_allowed(body, said):
    assert re.search(said, wrong_with(body, Declared(NAMES, ("rsi_14", "atr_14"))))


@pytest.mark.served
def test_the_online_store_on_redis_is_served_alike_and_signs_in_by_the_environment(tmp_path, redis):
    from redis import Redis  # noqa: PLC0415  comes with Feast

    own = redis.model_copy(update={"database": 11})
    out = kept(tmp_path / "run", online_store(own))
    try:
        server = Answering(out)
        try:
            values = server.values()
        finally:
            server.stop()

        assert values == printed(out)
        assert values["AAA"][ASKED[1]] == pytest.approx(2 / 7)
    finally:
        with Redis(
            host=own.host, port=own.port, db=11, password=own.password.get_secret_value() or None
        ) as client:
            client.flushdb()


def test_an_address_that_is_taken_is_said_with_what_to_do(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(NotServed, match=f"127.0.0.1:{port}: Address already in use; choose another"):
            serve(run, None, "127.0.0.1", port)


def test_an_online_store_that_is_gone_is_said_before_anything_listens(run, monkeypatch):
    monkeypatch.setenv("ITA_REDIS__PASSWORD", "x")
    settings = run / "feature_store" / "feature_store.yaml"
    settings.write_text(settings.read_text().replace("type: sqlite", "type: redis"))
    settings.write_text(settings.read_text().replace("path: online.db", "connection_string: 127.0.0.1:9"))

    with pytest.raises(NotServed, match="does not answer"):
        serve(run, None, "127.0.0.1", 0)


def test_a_run_without_a_feature_store_is_wrong_use(tmp_path):
    (tmp_path / "run.json").write_text("{}")

    with pytest.raises((NoFeatureStore, WrongUse), match="holds no feature store"):
        serve(tmp_path, None, "127.0.0.1", 0)
