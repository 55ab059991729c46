"""A replay venue on a thread of the test, and a connection to it that keeps what it gets in a folder."""

import asyncio
import json
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import msgspec
import pytest

from connectors.recordings.faults import Faults
from connectors.recordings.recorder import Recorder, Tail
from connectors.recordings.replay_venue import ReplayVenue
from connectors.recordings.session import read_session
from connectors.recordings.session_lines import Traffic
from connectors.websocket.backoff import Backoff
from connectors.websocket.clock import MachineClock
from connectors.websocket.connection import Connection, Patience, Plan
from connectors.websocket.rest import Requests
from connectors.websocket.venue import CHANNELS
from connectors.websocket.venues import VENUES
from tests.connectors.websocket.okx_session import SYMBOLS as OKX_SYMBOLS
from tests.connectors.websocket.okx_session import okx_files

DATA = Path(__file__).parents[4] / "shared" / "data"
PROTOCOL = DATA / "ws_protocol"
COMBINED = DATA / "crypto_ws_l2"

SESSIONS = {
    "binance": ([COMBINED / "spot" / "ethusdt_20240808.gz"], ("ETHUSDT",)),
    "binance_futures": (
        [PROTOCOL / f"BINANCE_FUTURES.{name}.gz" for name in ("0", "http.0.0", "ws.1.0")],
        ("SUSHIUSDT", "CTKUSDT"),
    ),
    "bitstamp": (
        [PROTOCOL / f"BITSTAMP.{name}.gz" for name in ("0", "http.0.0", "ws.1.0")],
        ("ethusd", "batbtc"),
    ),
    "bybit": ([PROTOCOL / "BYBIT.0.gz", PROTOCOL / "BYBIT.ws.25.0.gz"], ("BCHUSDT", "LTCUSDT")),
    "coinbase": ([PROTOCOL / "COINBASE.0.gz", PROTOCOL / "COINBASE.ws.28.0.gz"], ("BAND-GBP", "SKL-USD")),
    "kraken": (
        [PROTOCOL / f"KRAKEN.{name}.gz" for name in ("0", "ws.48.0", "ws.49.0", "ws.50.0")],
        ("XMR/USD",),
    ),
    "okx": (okx_files(), OKX_SYMBOLS),
}
"""For each venue files of one session, and symbols that are in it; OKX's is made here and not recorded."""


UNHURRIED = {"mute_floor_seconds": 60.0, "mute_cap_seconds": 120.0, "confirm_seconds": 60.0}
"""Patience with a venue on a busy machine, for tests in which it does nothing wrong."""


def session_of(name):
    """Return the files and symbols of a venue's session; skips where they are not there."""
    files, symbols = SESSIONS[name]
    if not all(path.exists() for path in files):
        pytest.skip(f"no recorded sessions in {DATA}")
    return files, symbols


def until(look, seconds=90.0):
    """Return what `look` answers when it answers yes; it is asked fifty times a second."""
    never, ends = threading.Event(), monotonic() + seconds
    while monotonic() < ends:
        answer = look()
        if answer:
            return answer
        never.wait(0.02)
    raise AssertionError(f"it did not come about within {seconds} s")


class Replay:
    """Where a replay venue is, and what it says of itself."""

    def __init__(self, port, session):
        self.port, self.session = port, session
        self.websocket, self.rest = f"ws://127.0.0.1:{port}", f"http://127.0.0.1:{port}"

    def control(self, query=""):
        with urllib.request.urlopen(f"{self.rest}/_control{query}", timeout=10) as answer:
            return json.load(answer)

    def is_over(self):
        told = self.control()
        return told["position"] == told["moments"]


@contextmanager
def replayed(files, faults=(), speed=0.0, seed=1):
    """Serve a session on a thread of its own."""
    session = read_session(files)
    ports, failures = [], []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def told(port):
        ports.append(port)
        ready.set()

    def run():
        try:
            loop.run_until_complete(
                ReplayVenue(session, Faults(faults, seed), speed).serve("127.0.0.1", 0, told, stop)
            )
        except Exception as failure:  # noqa: BLE001  told to the test
            failures.append(failure)
            ready.set()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(30)
    try:
        assert not failures
        yield Replay(ports[0], session)
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join(30)
    assert not failures, failures


class Captured:
    """A connection and what it has kept."""

    def __init__(self, folder, recorder, connection, requests):
        self.folder, self.recorder, self.connection, self.requests = folder, recorder, connection, requests

    @property
    def counts(self):
        return self.connection.counts

    def lines(self):
        return [line for lines in Tail(self.folder).read(self.recorder.reached()) for line in lines]

    def texts(self, traffic):
        return [line.text.decode() for line in self.lines() if line.traffic is traffic]

    def noticed(self):
        return [json.loads(text) for text in self.texts(Traffic.NOTICED)]

    def said(self):
        """Return the first words of what was noticed."""
        return [notice["reason"].partition(";")[0] for notice in self.noticed()]

    def data(self, manners):
        """Return what was received of channels, without answers and beats."""
        found = []
        for text in self.texts(Traffic.RECEIVED):
            try:
                message = msgspec.json.decode(text)
                key = manners.key_of(message)
            except (msgspec.DecodeError, AttributeError, KeyError, TypeError):
                continue
            if key is not None and not key.startswith("heartbeat"):
                found.append(text)
        return found


@contextmanager
def captured(folder, replay, name, symbols, channels=CHANNELS, **patience):
    """Connect to a replay venue, and keep what comes."""
    clock = MachineClock()
    recorder = Recorder(folder, clock.now)
    requests = Requests(replay.rest, 50.0, clock)
    waits = Patience(Backoff(0.01, 0.05), **{**UNHURRIED, **patience})
    plan = Plan(VENUES[name], replay.websocket, tuple(symbols), tuple(channels))
    connection = Connection(plan, recorder, requests, clock, waits)
    connection.start()
    try:
        yield Captured(folder, recorder, connection, requests)
    finally:
        clock.stop()
        connection.stop()
        requests.close()
        recorder.close()


def expected(replay, symbols):
    """Return the texts of the session that the symbols' channels carry, in order."""
    wanted = {symbol.lower() for symbol in symbols}

    def carries(key):
        return any(
            key.lower().endswith(end)
            for symbol in wanted
            for end in (f":{symbol}", f"_{symbol}", f".{symbol}")
        )

    kinds = ("trade", "bookTicker", "depth")
    return [
        moment.text
        for moment in replay.session.moments
        if carries(moment.key)
        or (moment.key.partition("@")[0] in wanted and moment.key.partition("@")[2] in kinds)
    ]


def over(replay, capture):
    """Wait until the session has been played and what is on its way has arrived."""
    until(replay.is_over)
    count = -1
    while count != capture.counts.frames:
        count = capture.counts.frames
        capture.connection._clock.wait(0.3)
