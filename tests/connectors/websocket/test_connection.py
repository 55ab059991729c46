"""The shared connection against the replay venue, for each venue: what arrives, and what a fault leaves behind."""

import json

import pytest

from connectors.recordings.session_lines import Traffic
from connectors.websocket.connection import Link
from tests.connectors.websocket.replaying import (
    SESSIONS,
    captured,
    expected,
    over,
    replayed,
    session_of,
    until,
)

EACH = pytest.mark.parametrize("name", sorted(SESSIONS))


@EACH
def test_every_message_of_the_session_arrives_once_and_in_order(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files) as replay, captured(tmp_path, replay, name, symbols) as capture:
        over(replay, capture)
        got = capture.data(replay.session.manners)

        assert got == expected(replay, symbols)
        assert capture.said() == ["connected"]
        begun = [line.traffic for line in capture.lines() if line.traffic is not Traffic.RECEIVED]
        assert begun[:3] == [Traffic.CONNECTED, Traffic.NOTICED, Traffic.SENT]


def is_within(part, whole):
    """Say whether `part` is `whole` with some left out."""
    rest = iter(whole)
    return all(text in rest for text in part)


def once(texts):
    return [text for place, text in enumerate(texts) if not place or texts[place - 1] != text]


@EACH
def test_dropped_messages_are_missing_and_nothing_else_is(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files, ["drop=0.05"]) as replay, captured(tmp_path, replay, name, symbols) as capture:
        over(replay, capture)
        got, dropped = capture.data(replay.session.manners), replay.control()["happened"]["drop"]

        assert dropped > 0
        assert len(got) == len(expected(replay, symbols)) - dropped
        assert is_within(got, expected(replay, symbols))


@EACH
def test_delayed_messages_arrive_all_and_in_order(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files, ["delay=30ms"]) as replay, captured(tmp_path, replay, name, symbols) as capture:
        over(replay, capture)

        assert capture.data(replay.session.manners) == expected(replay, symbols)


@EACH
def test_duplicates_are_kept_as_they_came_one_after_the_other(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files, ["duplicate=0.05"]) as replay, captured(tmp_path, replay, name, symbols) as capture:
        over(replay, capture)
        got, copies = capture.data(replay.session.manners), replay.control()["happened"]["duplicate"]

        assert copies > 0
        assert len(got) == len(expected(replay, symbols)) + copies
        assert once(got) == once(expected(replay, symbols))


@EACH
def test_reordered_messages_are_all_kept_in_the_order_in_which_they_came(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files, ["reorder=0.05"]) as replay, captured(tmp_path, replay, name, symbols) as capture:
        over(replay, capture)
        got, wanted = capture.data(replay.session.manners), expected(replay, symbols)

        assert got != wanted
        assert len(wanted) - len(got) in {0, 1}  # the last may be held back for one that never comes
        assert not set(got) - set(wanted)


@EACH
def test_garbage_is_kept_and_takes_nothing_with_it(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files, ["garbage=0.05"]) as replay, captured(tmp_path, replay, name, symbols) as capture:
        over(replay, capture)
        damaged = [text for text in capture.texts(Traffic.RECEIVED) if text.startswith('{"damaged"')]

        assert len(damaged) == replay.control()["happened"]["garbage"] > 0
        assert capture.data(replay.session.manners) == expected(replay, symbols)


def snapshots(capture, manners):
    """Return how many whole books came, by message or by request."""
    found = 0
    for line in capture.lines():
        if line.traffic in {Traffic.RECEIVED, Traffic.ANSWERED}:
            try:
                change = manners.change_of(json.loads(line.text))
            except (ValueError, AttributeError, KeyError, TypeError):
                continue
            found += change is not None and change.whole
    return found


@EACH
@pytest.mark.parametrize(
    ("fault", "link", "words"),
    [
        ("cut", Link.GAP, "code 1006"),
        ("kick", Link.GAP, "code 1008, too many requests"),
        ("mute", Link.MUTE, "connected, but nothing came"),
    ],
)
def test_a_lost_connection_is_said_and_comes_back_with_all_subscriptions_and_fresh_books(
    name, fault, link, words, tmp_path
):
    files, symbols = session_of(name)
    silence = {"mute_floor_seconds": 2.0, "mute_cap_seconds": 3.0} if fault == "mute" else {}

    with (
        replayed(files, speed=4) as replay,
        captured(tmp_path, replay, name, symbols, **silence) as capture,
    ):
        until(lambda: capture.counts.frames > 30 and capture.counts.link is Link.FRESH)
        until(lambda: snapshots(capture, replay.session.manners) >= len(symbols))
        joined = replay.control()["joined"]
        replay.control(f"?now={fault}")
        until(lambda: capture.counts.connects == 2 and capture.counts.link is Link.FRESH)
        until(lambda: replay.control()["joined"] == joined)
        noticed, manners = capture.noticed(), replay.session.manners

        assert [notice["reason"].partition(";")[0] for notice in noticed[:3:2]] == ["connected"] * 2
        assert noticed[1]["state"] == link
        assert words in noticed[1]["reason"]
        assert is_within(once(sequence_of(capture, replay, symbols)), expected(replay, symbols))
        until(lambda: snapshots(capture, manners) >= 2 * len(symbols))


def sequence_of(capture, replay, symbols):
    """Return what came of the session itself: a book that was sent again is none of it."""
    wanted = set(expected(replay, symbols))
    return [text for text in capture.data(replay.session.manners) if text in wanted]


@EACH
def test_a_refused_subscription_is_said_in_the_venues_words_and_tried_again(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files) as replay:
        replay.control("?next=refuse")
        with captured(tmp_path, replay, name, symbols) as capture:
            until(lambda: capture.counts.link is Link.FRESH)

            assert capture.counts.refusals == 1
            assert [notice["state"] for notice in capture.noticed()] == ["gap", "degraded", "gap"]
            assert capture.said()[::2] == ["connected"] * 2
            assert capture.noticed()[1]["reason"].startswith("the venue refuses a subscription: ")


@EACH
def test_a_venue_that_is_busy_is_left_alone_for_as_long_as_it_says(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files) as replay:
        replay.control("?next=limit")
        with captured(tmp_path, replay, name, symbols) as capture:
            until(lambda: capture.counts.link is Link.FRESH)
            said, back = (line for line in capture.lines() if line.traffic is Traffic.NOTICED)

            assert json.loads(said.text)["reason"].endswith("answers with status 429")
            assert back.at - said.at >= 1_000_000_000


@EACH
def test_an_instrument_that_the_venue_does_not_have_is_refused(name, tmp_path):
    files, _ = session_of(name)

    with replayed(files) as replay, captured(tmp_path, replay, name, ("NO-NAME",)) as capture:
        until(lambda: capture.counts.refusals > 0)

        assert capture.counts.link is Link.DEGRADED
