"""`ita serve-recording` from outside: what it says, how it ends, what it refuses; and a whole desk that lives on it."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest
from websockets.sync.client import connect

from apps.replaying import Request, replayed
from connectors.recordings.recorder import recording_numbers
from tests.apps.small_market import compared
from tests.connectors.websocket.replaying import PROTOCOL

ROOT = Path(__file__).resolve().parents[2]
FILES = [PROTOCOL / "COINBASE.0.gz", PROTOCOL / "COINBASE.ws.28.0.gz"]
NAMES = "BAND-GBP,SKL-USD"
DEADLINE_SECONDS = 120
pytestmark = pytest.mark.skipif(not FILES[1].exists(), reason=f"no recorded sessions in {PROTOCOL}")


def ita(*arguments):
    return [sys.executable, "-c", "from apps.cli.main import main; main()", *map(str, arguments)]


def until(look):
    never, ends = threading.Event(), monotonic() + DEADLINE_SECONDS
    while not look():
        assert monotonic() < ends, f"it did not come about within {DEADLINE_SECONDS} s"
        never.wait(0.05)


@contextmanager
def served(*options):
    """Run the command; yield its process and what it has said."""
    command = ita("serve-recording", *FILES, "--json", *options)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def refused(*arguments):
    answer = subprocess.run(
        ita(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    return answer.returncode, answer.stderr


def test_it_tells_where_it_listens_and_ends_with_0_when_it_is_told_to():
    with served() as (process, told):
        with urllib.request.urlopen(told["control"], timeout=10) as answer:
            control = json.load(answer)
        process.send_signal(signal.SIGTERM)
        code = process.wait(20)

    assert code == 0
    assert told["venue"] == control["venue"] == "coinbase"
    assert told["setting"] == f"ITA_VENUES__COINBASE__URL={told['websocket']}"
    assert (told["channels"], control["position"], control["moments"]) == (30, 0, told["messages"])


def heard(options):
    """Return the first thousand messages of a subscription."""
    asked = {
        "type": "subscribe",
        "product_ids": NAMES.split(","),
        "channels": ["level2", "matches", "ticker"],
    }
    with served("--speed", "max", *options) as (_, told), connect(told["websocket"], max_size=None) as venue:
        venue.send(json.dumps(asked))
        return [venue.recv(timeout=30) for _ in range(1000)]


def test_the_same_seed_gives_the_same_faults_and_another_one_others():
    faults = ("--fault", "drop=0.1", "--fault", "reorder=0.1", "--seed")

    assert heard((*faults, "7")) == heard((*faults, "7"))
    assert heard((*faults, "7")) != heard((*faults, "8"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing.gz",), "ita: nothing.gz is no file; give files of recorded websocket sessions\n"),
        (("README.md",), "ita: README.md, line 1: a line of a session begins with an address or with"),
        ((FILES[1], "--speed", "fast"), "ita: speed is a number above 0, or max; 'fast' was given\n"),
        ((FILES[1], "--speed", "0"), "ita: speed is a number above 0, or max; '0' was given\n"),
        ((FILES[1], "--fault", "dorp=1"), "ita: unknown fault 'dorp'; the nearest: drop"),
        ((FILES[1], PROTOCOL / "KRAKEN.ws.48.0.gz"), "give files of one venue\n"),
    ],
)
def test_what_cannot_be_served_is_refused_with_2(arguments, said):
    code, error = refused("serve-recording", *arguments)

    assert (code, said in error) == (2, True), error


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("coinbase:", "ita: 'coinbase:' names no instrument; write coinbase:BTC-USD or more of them"),
        ("coinbase:BTCUSD", "an instrument of coinbase is written BASE-QUOTE; 'BTCUSD' was given"),
        ("coinbase:BTC-USD,for=soon", "ita: for is a duration above 0 as 90s, 10m or 8h; 'soon' was given\n"),
        ("coinbase:BTC-USD,channels=news", "ita: channels are some of trades, quotes, depth, with + between"),
    ],
)
def test_a_venue_that_is_named_wrongly_is_refused_with_2(source, said, tmp_path):
    code, error = refused("run", "desk", "--source", source, "--out", tmp_path / "out", "--metrics-port", "0")

    assert (code, said in error) == (2, True), error


def test_a_venue_cannot_be_replayed(tmp_path):
    code, error = refused("replay", "coinbase:BTC-USD", "--out", tmp_path / "out")

    assert (code, "is live: run it with" in error) == (2, True), error


def desk(told, out, seconds):
    command = ita(
        "run", "desk", "--source", f"coinbase:{NAMES},for={seconds}s", "--out", out, "--metrics-port", 0
    )
    setting, _, value = told["setting"].partition("=")
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, setting: value})


def repeated(out):
    """Return the digests of a run and of its replay from the lake."""
    summary = json.loads((out / "summary.json").read_text())
    again = replayed(Request((f"lake:{out / 'lake'}",), None, None, None, 1, 4096, None), None)
    return compared(summary), again["digests"]


def test_a_live_desk_makes_bars_and_features_and_is_repeated_from_its_lake_to_the_last_digest(tmp_path):
    with served("--present") as (_, told), desk(told, tmp_path / "out", 40) as process:
        assert process.wait(DEADLINE_SECONDS) == 0

    live, again = repeated(tmp_path / "out")
    assert live == again
    assert {"market.trades", "market.quotes", "market.bars", "market.health"} <= set(live)


def size_of(folder):
    return sum(path.stat().st_size for path in folder.glob("*.log"))


def test_a_desk_that_is_killed_goes_on_from_its_recording_says_the_gap_and_is_repeated_all_the_same(tmp_path):
    out = tmp_path / "out"

    with served("--present") as (_, told):
        with desk(told, out, 45) as process:
            until(lambda: size_of(out / "recordings") > 300_000)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        with desk(told, out, 45) as process:
            assert process.wait(DEADLINE_SECONDS) == 0

    live, again = repeated(out)
    summary = json.loads((out / "summary.json").read_text())
    assert recording_numbers(out / "recordings") == [1, 2]
    assert summary["rows_in"] == summary["counts"]["raw.trades"] + summary["counts"]["raw.quotes"]
    assert live == again
