"""A session of Kraken's second websocket served as a venue: its messages, its books and checksums, its faults."""

import json
from dataclasses import replace

import pytest

from connectors.recordings.session_lines import SessionLine, Traffic, format_line
from connectors.websocket.feed import Feed
from connectors.websocket.venue import Answer, Subscription, confirmed
from connectors.websocket.venues import VENUES
from domain.health import HealthState
from tests.connectors.websocket.replaying import captured, over, replayed, until
from tests.connectors.websocket.test_kraken_versions import NAMES, session
from tests.connectors.websocket.test_live_ticks import reading

SYMBOLS = tuple(NAMES)
BEGAN = 1_714_521_600 * 10**9


def subscriptions(symbols, _channels):
    asked = {"channel": "book", "symbol": list(symbols), "depth": 10, "snapshot": True}
    return (Subscription(json.dumps({"method": "subscribe", "params": asked}), frozenset(symbols)),)


def answer(frame):
    said = json.loads(frame)
    if said.get("method") != "subscribe":
        return None
    return confirmed(said["result"]["symbol"]) if said["success"] else Answer(refused=said["error"])


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Return the file of a session and its messages of books; the connection speaks as it is spoken there."""
    frames, _ = session(2, 10)
    second = replace(
        VENUES["kraken"],
        subscriptions=subscriptions,
        answer=answer,
        path=lambda _symbols, _channels: "/v2",
        ping="",
        renewal=None,
    )
    monkeypatch.setitem(VENUES, "kraken", second)
    lines = [SessionLine(Traffic.CONNECTED, BEGAN, "wss://ws.kraken.com/v2", b"")]
    lines += [
        SessionLine(Traffic.RECEIVED, BEGAN + (at + 1) * 10**7, "", text.encode())
        for at, text in enumerate(frames)
    ]
    file = tmp_path / "session.log"
    file.write_bytes(b"".join(map(format_line, lines)))
    return [file], [text for text in frames if text.startswith('{"channel":"book"')]


def decoded(capture):
    return Feed("kraken", list(NAMES.values())).feed(capture.lines())


def test_every_message_arrives_and_every_checksum_is_right(served, tmp_path):
    files, frames = served

    with replayed(files) as replay, captured(tmp_path / "kept", replay, "kraken", SYMBOLS) as capture:
        over(replay, capture)
        rows = decoded(capture)

        assert capture.data(replay.session.manners) == frames
        assert {row.reason.partition(":")[0] for row in rows.health[2:]} == {"book_started"}
        assert rows.malformed == ()


@pytest.mark.parametrize(
    ("fault", "states", "malformed"),
    [
        ("drop=0.05", {HealthState.GAP, HealthState.FRESH}, False),
        ("delay=20ms", {HealthState.GAP, HealthState.FRESH}, False),
        ("duplicate=0.05", {HealthState.GAP, HealthState.FRESH}, False),
        ("reorder=0.05", {HealthState.GAP, HealthState.FRESH}, False),
        ("garbage=0.05", {HealthState.GAP, HealthState.FRESH}, True),
        ("damage=0.05", {HealthState.GAP, HealthState.FRESH}, True),
    ],
)
def test_a_fault_of_messages_happens_as_often_as_it_says(served, tmp_path, fault, states, malformed):
    files, frames = served

    with (
        replayed(files, [fault]) as replay,
        captured(tmp_path / "kept", replay, "kraken", SYMBOLS) as capture,
    ):
        over(replay, capture)
        happened = replay.control()["happened"].get(fault.partition("=")[0], 0)
        rows, got = decoded(capture), capture.data(replay.session.manners)
        more = {"drop": -happened, "duplicate": happened, "damage": -happened}.get(fault.partition("=")[0], 0)

        assert happened > 0 or fault.startswith("delay")
        assert len(got) - len(frames) - more in ({-1, 0} if fault.startswith("reorder") else {0})
        assert {row.state for row in rows.health} == states
        assert len(rows.malformed) == (happened if malformed else 0)


@pytest.mark.parametrize("fault", ["cut", "kick", "mute"])
@pytest.mark.parametrize("speed", [1, 2])
def test_who_comes_back_gets_books_whose_checksums_are_right(served, tmp_path, fault, speed):
    files, _ = served
    silence = {"mute_floor_seconds": 2.0, "mute_cap_seconds": 3.0} if fault == "mute" else {}

    with (
        replayed(files, speed=speed) as replay,
        captured(tmp_path / "kept", replay, "kraken", SYMBOLS, **silence) as capture,
    ):
        until(lambda: capture.counts.frames > 20)
        replay.control(f"?now={fault}")
        until(lambda: capture.counts.connects == 2 and capture.counts.link == "fresh")
        over(replay, capture)
        rows = decoded(capture)

        assert "book_checksum" not in {row.reason.partition(":")[0] for row in rows.health}
        assert sum(row.reason.startswith("book_started") for row in rows.health) == 4


def renewal(symbol):
    """Return the messages that leave a book and join it again; each is answered with its symbol."""
    asked = {"channel": "book", "symbol": [symbol], "depth": 10}
    return tuple(
        Subscription(json.dumps({"method": method, "params": asked}), frozenset({symbol}))
        for method in ("unsubscribe", "subscribe")
    )


def either(frame):
    """Read the answer to who joins or leaves."""
    return answer(frame.replace(b'"unsubscribe"', b'"subscribe"'))


def test_a_book_whose_own_checksum_is_not_its_own_is_asked_for_again(served, tmp_path, monkeypatch):
    files, _ = served
    monkeypatch.setitem(VENUES, "kraken", replace(VENUES["kraken"], renewal=renewal, answer=either))

    with (
        replayed(files, speed=1) as replay,
        reading(tmp_path / "kept", replay, "kraken", SYMBOLS, ("depth",)) as live,
    ):
        live.until(lambda: live.states.count("fresh") == len(SYMBOLS))
        replay.control(f"?next=falsify:1:book:{SYMBOLS[0]}")
        live.live._connection.want_book(SYMBOLS[0])
        live.until(lambda: "gap" in live.states[len(SYMBOLS) :])
        gap = live.health[live.states.index("gap", live.states.index("fresh"))]
        live.until(lambda: live.states.count("fresh") == len(SYMBOLS) + 1)

        assert replay.control()["happened"] == {"falsify": 1}
        assert (gap.instrument, gap.reason.partition(":")[0]) == (NAMES[SYMBOLS[0]], "book_checksum")
        assert live.live.counts.connects == 1


def test_a_symbol_that_is_not_there_is_refused_in_the_venues_words(served, tmp_path):
    files, _ = served

    with replayed(files) as replay, captured(tmp_path / "kept", replay, "kraken", ("NO/NE",)) as capture:
        until(lambda: capture.counts.refusals > 0)

        assert capture.noticed()[1]["reason"].endswith("Currency pair not supported NO/NE")
