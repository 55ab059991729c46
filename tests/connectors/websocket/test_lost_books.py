"""A book that is lost comes again by itself: nothing else of its connection is left, joined or interrupted by that."""

from contextlib import contextmanager
from dataclasses import replace

import msgspec
import pytest

from connectors.recordings.session_lines import Traffic, session_lines
from connectors.websocket.renewals import Renewals
from connectors.websocket.venue import Answer, Subscription
from connectors.websocket.venues import VENUES
from tests.connectors.websocket.replaying import captured, expected, over, replayed, session_of, until
from tests.connectors.websocket.test_live_ticks import last_quotes, reading, recorded, speed_of, trades_of

LOST = {
    "bybit": (("BCHUSDT", "LTCUSDT"), "drop:40:book:BCHUSDT"),
    "coinbase": (("SKL-USD", "BAND-GBP"), "damage:1:level2:SKL-USD"),
    "kraken": (("XMR/USD", "SC/EUR"), "drop:25:book:XMR/USD"),
    "okx": (("BTC-USDT", "ETH-BTC"), "drop:1:books:BTC-USDT"),
}
"""For venues whose books come with their subscription: symbols, of which the first loses its book by this fault.

Coinbase has no rule that finds what is missing: there a difference is damaged. Bybit's recorded books are typed, so
that one that is missing is found where a level is changed that is not there.
"""
EACH = pytest.mark.parametrize("name", sorted(LOST))


def kept(folder, traffic):
    """Return the texts of a kind that a recording holds."""
    files = sorted(folder.glob("*.log"))
    return [line.text.decode() for file in files for line in session_lines(file) if line.traffic is traffic]


def without_books(texts, manners):
    """Return texts that are no whole books: these are told again to who joins."""
    changes = [(text, manners.change_of(msgspec.json.decode(text))) for text in texts]
    return [text for text, change in changes if change is None or not change.whole]


@contextmanager
def depth_of(name, symbols, folder):
    """Give a replay venue, and what is connected to the books of its session, all there."""
    files, _ = session_of(name)
    with (
        replayed(files, speed=speed_of(files)) as replay,
        captured(folder, replay, name, symbols, ("depth",)) as capture,
    ):
        until(lambda: capture.counts.link == "fresh")
        yield replay, capture


@EACH
def test_only_the_lost_book_is_left_and_joined_again_and_all_else_goes_on(name, tmp_path):
    files, _ = session_of(name)
    symbols, fault = LOST[name]

    with replayed(files, speed=speed_of(files)) as replay, reading(tmp_path, replay, name, symbols) as live:
        lost = {symbol: one for one, symbol in live.live._wanted.symbols.items()}[symbols[0]]
        live.until(lambda: live.states.count("fresh") == len(symbols))
        stood = len(live.health)
        replay.control(f"?next={fault}")
        live.until(lambda: "fresh" in live.states[stood:])
        live.over(replay)
        whole = recorded(name, files, live.names)
        told = {row.instrument for row in live.health[stood:]}
        wanted = without_books(expected(replay, symbols[1:]), replay.session.manners)
        of_it = set(wanted)
        got = [text for text in kept(tmp_path, Traffic.RECEIVED) if text in of_it]

        assert live.live.counts.connects == 1
        steps = [step.text for step in VENUES[name].renewal(symbols[0])]
        renewals = [text for text in kept(tmp_path, Traffic.SENT) if "ping" not in text]
        assert renewals[-2 * live.states[stood:].count("fresh") :][:2] == steps
        assert (told, live.states[stood:][:2]) == ({lost}, ["gap", "fresh"])
        assert len(got) > len(wanted) // 2  # the session begins while the last channels are being joined
        assert got == wanted[-len(got) :]
        assert live.trades == trades_of(whole, live.names)
        assert live.last_quotes() == last_quotes(whole, live.names)


@EACH
@pytest.mark.parametrize("when", ["first", "again"])
def test_a_book_that_comes_damaged_is_asked_for_again(name, when, tmp_path):
    files, _ = session_of(name)
    symbols, fault = LOST[name]
    key = fault.split(":", 2)[2]

    with replayed(files, speed=speed_of(files)) as replay:
        if when == "first":
            replay.control(f"?next=damage:1:{key}")
        with reading(tmp_path, replay, name, symbols, ("depth",)) as live:
            if when == "again":
                live.until(lambda: live.states.count("fresh") == len(symbols))
                replay.control(f"?next=spoil:1:{key}&next={fault}")
                live.until(lambda: replay.control()["happened"].get("spoil") == 1)
            live.until(lambda: live.states.count("fresh") >= len(symbols) + (when == "again"))
            live.over(replay)
            whole = recorded(name, files, live.names)

            assert len(live.malformed) == (2 if when == "again" and fault.startswith("damage") else 1)
            assert (live.live.counts.connects, live.live.counts.snapshots > (when == "again")) == (1, True)
            assert live.last_quotes() == last_quotes(whole, live.names)


@EACH
def test_a_book_that_the_venue_refuses_to_send_again_has_all_connected_to_again(name, tmp_path):
    symbols, _ = LOST[name]

    with depth_of(name, symbols, tmp_path) as (replay, capture):
        replay.control("?next=refuse")
        capture.connection.want_book(symbols[0])
        until(lambda: capture.counts.connects == 2 and capture.counts.link == "fresh")

        assert [notice["state"] for notice in capture.noticed()] == ["gap", "gap", "gap"]
        assert capture.said()[1].startswith("the venue refuses to send a book again: ")


def test_a_venue_that_cannot_send_a_book_again_is_connected_to_again(tmp_path, monkeypatch):
    files, _ = session_of("kraken")
    monkeypatch.setitem(VENUES, "kraken", replace(VENUES["kraken"], renewal=None))

    with (
        replayed(files, speed=4) as replay,
        captured(tmp_path, replay, "kraken", ("XMR/USD",), ("depth",)) as capture,
    ):
        until(lambda: capture.counts.link == "fresh")
        capture.connection.want_book("XMR/USD")
        until(lambda: capture.counts.connects == 2 and capture.counts.link == "fresh")

        assert capture.said()[1] == "the book of XMR/USD is lost, and comes again with a new connection"


@EACH
def test_each_of_several_books_that_are_wanted_at_once_comes_again(name, tmp_path):
    symbols, _ = LOST[name]

    with depth_of(name, symbols, tmp_path) as (replay, capture):
        for symbol in (*symbols, *symbols):
            capture.connection.want_book(symbol)
        over(replay, capture)
        steps = [step.text for symbol in symbols for step in VENUES[name].renewal(symbol)]

        assert capture.counts.connects == 1
        assert [text for text in capture.texts(Traffic.SENT) if "ping" not in text][-4:] == steps


def answer(frame):
    """Read `yes WORD` and `no WORD`."""
    said, word = msgspec.json.decode(frame).split()
    return Answer(frozenset({word})) if said == "yes" else Answer(refused=word)


def steps_of(symbol):
    return tuple(Subscription(f"{step} {symbol}", frozenset({f"{step}-{symbol}"})) for step in ("out", "in"))


def test_the_next_step_is_sent_when_the_one_before_is_confirmed_and_the_next_book_after_that():
    sent = []
    renewals = Renewals(answer, sent.append, 5.0)

    told = [renewals.begin("A", steps_of("A"), 0.0), renewals.begin("B", steps_of("B"), 1.0)]
    words = (b"in-A", b"out-A", b"in-A", b"out-B", b"in-B", b"in-B")
    heard = [renewals.heard(b'"yes %s"' % word, 2.0) for word in words]

    assert sent == ["out A", "in A", "out B", "in B"]
    assert told == ["", ""]
    assert heard == [("", ""), ("A", ""), ("", ""), ("B", ""), ("", ""), ("", "")]


def test_a_step_that_is_not_confirmed_is_late_after_its_seconds_and_not_before():
    renewals = Renewals(answer, lambda _text: None, 5.0)

    renewals.begin("A", steps_of("A"), 10.0)

    assert [renewals.late(at) for at in (10.0, 15.0, 15.1)] == ["", "", "A"]
    assert renewals.heard(b'"no reason"', 11.0) == ("", "reason")
