"""A venue as a source, against the replay venue with faults: the right rows, nothing twice, gaps said, books back."""

import importlib
import json
from contextlib import contextmanager

import numpy as np
import pytest

from connectors.files.recording_ticks import RecordingTicks
from connectors.recordings.session import read_session
from connectors.recordings.session_lines import session_lines
from connectors.websocket.backoff import Backoff
from connectors.websocket.connection import Patience, Plan
from connectors.websocket.live_ticks import LiveTicks, Wanted
from connectors.websocket.venue import CHANNELS
from connectors.websocket.venues import VENUES
from domain.market import Kind, concatenate, empty_ticks, row_count
from tests.connectors.websocket.replaying import SESSIONS, UNHURRIED, replayed, session_of, until

EACH = pytest.mark.parametrize("name", sorted(SESSIONS))
CHECKED = ("binance", "binance_futures", "kraken", "okx")
"""Venues whose depth says by itself that something is missing."""


def names_of(name, symbols):
    known = importlib.import_module(f"connectors.websocket.{name}.symbols")
    return {known.instrument_name(symbol): symbol for symbol in symbols}


class Reading:
    """A live source and all that it has given by now."""

    def __init__(self, live):
        self.live = live
        self.names = live.instruments()
        self.chunks = []
        self._stream = live.stream(
            {name: place for place, name in enumerate(self.names)}, np.ones(len(self.names), np.bool_), 0
        )

    def read(self):
        """Read until nothing has come."""
        for moment in self._stream:
            if moment.reached_at >= 0:
                return
            self.chunks.append(moment.chunk)

    def until(self, look):
        def again():
            self.read()
            return look()

        until(again)

    def over(self, replay):
        """Read until the session has been played and nothing is on its way."""
        until(replay.is_over)
        frames = []

        def quiet():
            frames.append(self.live.counts.frames)
            return frames[-20:] == [frames[-1]] * 20

        self.until(quiet)

    @property
    def ticks(self):
        return concatenate([empty_ticks(), *(chunk.ticks for chunk in self.chunks)])

    @property
    def malformed(self):
        return [row for chunk in self.chunks for row in chunk.malformed]

    @property
    def health(self):
        return [row for chunk in self.chunks for row in chunk.health]

    @property
    def states(self):
        return [row.state.value for row in self.health]

    @property
    def trades(self):
        return trades_of(self.ticks, self.names)

    def last_quotes(self):
        return last_quotes(self.ticks, self.names)


def trades_of(ticks, names):
    rows = ticks.kind == Kind.TRADE
    return [
        (names[which], price, size)
        for which, price, size in zip(
            ticks.instrument[rows], ticks.price[rows], ticks.size[rows], strict=True
        )
    ]


def last_quotes(ticks, names):
    last = {}
    for place in np.flatnonzero(ticks.kind == Kind.QUOTE):
        sides = (ticks.bid[place], ticks.bid_size[place], ticks.ask[place], ticks.ask_size[place])
        last[names[ticks.instrument[place]]] = sides
    return last


@contextmanager
def reading(folder, replay, name, symbols, channels=CHANNELS, **patience):
    wanted = names_of(name, symbols)
    plan = Plan(VENUES[name], replay.websocket, tuple(wanted.values()), channels)
    waits = Patience(Backoff(0.01, 0.05), **{**UNHURRIED, **patience})
    live = LiveTicks(Wanted(plan, replay.rest, wanted), waits)
    live.begin(folder, ())
    try:
        yield Reading(live)
    finally:
        live.close()


def speed_of(files):
    """Return the speed at which a session takes eight seconds."""
    moments = read_session(files).moments
    return (moments[-1].at - moments[0].at) / 8e9


def recorded(name, files, instruments):
    """Return the rows of the session as a recording gives them."""
    source = RecordingTicks(name, files, files[0].parent, tuple(sorted(instruments)))
    index = {one: place for place, one in enumerate(sorted(instruments))}
    owned = np.ones(len(index), np.bool_)
    return concatenate([chunk.ticks for day in source.segments() for chunk in source.read(day, index, owned)])


@EACH
def test_trades_and_the_top_of_each_book_are_those_of_the_recorded_session(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files) as replay, reading(tmp_path, replay, name, symbols) as live:
        live.over(replay)
        whole = recorded(name, files, live.names)

        assert live.trades == trades_of(whole, live.names)
        assert live.last_quotes() == last_quotes(whole, live.names)
        assert live.malformed == []


@EACH
def test_what_was_captured_gives_the_same_rows_when_it_is_replayed_as_a_recording(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files) as replay, reading(tmp_path, replay, name, symbols) as live:
        live.over(replay)
        live.live.close()
        live.read()
        again = recorded(name, sorted(tmp_path.glob("*.log")), live.names)

        assert row_count(again) == row_count(live.ticks) > 0
        for column, mine, theirs in zip(again._fields, live.ticks, again, strict=True):
            if mine is not None:
                np.testing.assert_array_equal(mine, theirs, column)


@EACH
def test_garbage_is_malformed_and_the_rows_are_those_of_the_session(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files, ["garbage=0.05"]) as replay, reading(tmp_path, replay, name, symbols) as live:
        live.over(replay)

        assert len(live.malformed) == replay.control()["happened"]["garbage"] > 0
        assert live.trades == trades_of(recorded(name, files, live.names), live.names)


MISSING = 6
"""Kraken's checksum covers ten levels a side: one difference that is missing may lie below them."""


@pytest.mark.parametrize("name", CHECKED)
def test_a_difference_that_is_missing_is_a_gap_and_the_book_comes_back(name, tmp_path):
    files, symbols = session_of(name)

    with (
        replayed(files, speed=speed_of(files)) as replay,
        reading(tmp_path, replay, name, symbols, ("depth",)) as live,
    ):
        live.until(lambda: len(live.last_quotes()) == len(symbols))
        asked = live.live.counts.snapshots
        replay.control(f"?next=drop:{MISSING}")
        live.until(lambda: "gap" in live.states)
        live.until(lambda: live.live.counts.snapshots > asked)
        gaps = live.states.index("gap")
        live.until(lambda: "fresh" in live.states[gaps:])
        live.over(replay)
        whole = recorded(name, files, live.names)

        assert live.last_quotes() == last_quotes(whole, live.names)


@EACH
def test_a_connection_that_is_cut_is_a_gap_of_every_instrument_until_all_is_back(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files, speed=speed_of(files)) as replay, reading(tmp_path, replay, name, symbols) as live:
        live.until(lambda: len(live.last_quotes()) == len(symbols))
        replay.control("?now=cut")
        live.until(lambda: live.live.counts.connects == 2)
        live.until(lambda: live.states.count("gap") >= len(symbols))
        live.over(replay)
        whole = recorded(name, files, live.names)

        assert set(live.states) <= {"fresh", "gap"}
        assert live.last_quotes() == last_quotes(whole, live.names)
        assert set(live.trades) <= set(trades_of(whole, live.names))


@EACH
def test_a_venue_that_falls_silent_is_mute_until_it_speaks_again(name, tmp_path):
    files, symbols = session_of(name)
    silence = {"mute_floor_seconds": 0.3, "mute_cap_seconds": 1.0}

    with (
        replayed(files, speed=speed_of(files)) as replay,
        reading(tmp_path, replay, name, symbols, **silence) as live,
    ):
        live.until(lambda: len(live.last_quotes()) == len(symbols))
        replay.control("?now=mute")
        live.until(lambda: "mute" in live.states)
        mute = live.states.index("mute")
        live.until(lambda: "fresh" in live.states[mute:])


@EACH
def test_messages_that_come_twice_give_no_trade_twice(name, tmp_path):
    files, symbols = session_of(name)

    with replayed(files, ["duplicate=0.2"]) as replay, reading(tmp_path, replay, name, symbols) as live:
        live.over(replay)

        assert replay.control()["happened"]["duplicate"] > 0
        assert live.trades == trades_of(recorded(name, files, live.names), live.names)


@EACH
def test_messages_that_come_late_or_after_the_next_give_the_same_trades(name, tmp_path):
    files, symbols = session_of(name)
    faults = ["reorder=0.1", "delay=20ms"]

    with replayed(files, faults) as replay, reading(tmp_path, replay, name, symbols, ("trades",)) as live:
        live.over(replay)
        got, whole = live.trades, trades_of(recorded(name, files, live.names), live.names)

        assert len(whole) - len(got) in {0, 1}
        assert set(got) <= set(whole)


def test_the_offset_of_the_clocks_is_the_least_of_receipt_less_the_venues_own_time(tmp_path):
    files, symbols = session_of("binance_futures")

    with replayed(files) as replay, reading(tmp_path, replay, "binance_futures", symbols) as live:
        live.over(replay)
        least = min(
            line.at - json.loads(line.text)["data"]["T"] * 1_000_000
            for line in session_lines(tmp_path / "000001.log")
            if line.text.startswith(b'{"stream"') and b'"kline"' not in line.text
        )

        assert live.live.counts.clock_offset == least
