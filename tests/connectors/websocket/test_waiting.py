"""Backoff, allowances, rhythm and clock offset, by a clock that the test turns."""

import numpy as np
import pytest

from connectors.websocket.backoff import Allowance, Backoff
from connectors.websocket.clock_offset import ClockOffset
from connectors.websocket.rhythm import GAPS_REMEMBERED, Rhythm

SECOND = 10**9


class Turned:
    """A clock that goes on when somebody waits; `stopped` ends every wait."""

    def __init__(self):
        self.at = 0.0
        self.waited = []
        self.stopped = False

    def now(self):
        return int(self.at * SECOND)

    def seconds(self):
        return self.at

    def wait(self, seconds):
        self.waited.append(round(seconds, 9))
        self.at += seconds
        return self.stopped


def test_pauses_double_up_to_the_cap_and_lie_between_half_of_it_and_all_of_it():
    backoff = Backoff(1.0, 8.0, seed=3)

    pauses = [backoff.next_seconds() for _ in range(6)]

    assert all(full / 2 <= pause <= full for pause, full in zip(pauses, (1, 2, 4, 8, 8, 8), strict=True))


def test_the_same_seed_gives_the_same_pauses():
    first, second = Backoff(seed=3), Backoff(seed=3)

    assert [first.next_seconds() for _ in range(9)] == [second.next_seconds() for _ in range(9)]


def test_a_reset_begins_again_from_the_first_pause():
    backoff = Backoff(1.0, 8.0)
    for _ in range(5):
        backoff.next_seconds()
    backoff.reset()

    assert backoff.next_seconds() <= 1.0


def test_pauses_that_cannot_grow_are_refused():
    with pytest.raises(
        ValueError, match=r"pauses grow from above 0 to the cap; 2\.0 and 1\.0 seconds were given"
    ):
        Backoff(2.0, 1.0)


def test_an_allowance_gives_its_burst_at_once_and_then_its_rate():
    clock = Turned()
    allowance = Allowance(2.0, 3, clock)

    assert all(allowance.take() for _ in range(6))
    assert clock.waited == [0.5, 0.5, 0.5]


def test_an_allowance_gives_nothing_while_the_venue_has_asked_for_a_pause():
    clock = Turned()
    allowance = Allowance(2.0, 3, clock)
    allowance.pause(30.0)

    assert allowance.take()
    assert clock.waited == [30.5]


def test_an_allowance_says_no_when_waiting_is_stopped():
    clock = Turned()
    clock.stopped = True
    allowance = Allowance(1.0, 1, clock)

    assert [allowance.take(), allowance.take()] == [True, False]


def heard(rhythm, times):
    for at in times:
        rhythm.heard(at)


def test_silence_is_judged_by_the_connections_own_rhythm():
    rhythm = Rhythm(2.0, 30.0, factor=8.0)
    heard(rhythm, [number * 0.5 for number in range(GAPS_REMEMBERED + 1)])
    last = GAPS_REMEMBERED * 0.5

    assert rhythm.allowed_seconds() == 4.0
    assert [rhythm.is_mute(last + 4.0), rhythm.is_mute(last + 4.01)] == [False, True]


def test_a_quick_rhythm_is_given_the_floor_and_a_slow_one_the_cap():
    quick, slow = Rhythm(2.0, 30.0), Rhythm(2.0, 30.0)
    heard(quick, [number * 0.001 for number in range(GAPS_REMEMBERED + 1)])
    heard(slow, [number * 60.0 for number in range(GAPS_REMEMBERED + 1)])

    assert (quick.allowed_seconds(), slow.allowed_seconds()) == (2.0, 30.0)


def test_a_connection_that_has_said_little_is_given_the_cap():
    rhythm = Rhythm(2.0, 30.0)
    heard(rhythm, [0.0, 0.1])

    assert rhythm.allowed_seconds() == 30.0


def test_a_long_gap_is_forgotten_when_enough_has_come_since():
    rhythm = Rhythm(0.1, 30.0, factor=2.0)
    heard(rhythm, [0.0, 5.0, *[5.0 + number for number in range(1, GAPS_REMEMBERED + 1)]])

    assert rhythm.allowed_seconds() == 2.0


def test_the_offset_is_the_least_delay_and_may_be_negative():
    offset = ClockOffset()
    event_at = np.arange(5) * SECOND
    delays = np.array([5, -1300, 20, 7, 900]) * 1_000_000
    offset.saw(event_at + delays, event_at)

    assert offset.nanoseconds() == -1_300_000_000


def test_the_offset_follows_a_clock_that_drifts():
    offset = ClockOffset()
    event_at = np.arange(0, 3600, 2) * SECOND
    drift = np.arange(len(event_at)) * 1_000
    jitter = np.random.default_rng(1).integers(0, 50_000_000, len(event_at))
    for start in range(0, len(event_at), 7):
        rows = slice(start, start + 7)
        offset.saw((event_at + drift + jitter)[rows], event_at[rows])

    true = int(drift[-1])
    assert abs(offset.nanoseconds() - true) < 2_000_000


def test_nothing_seen_is_no_offset():
    assert ClockOffset().nanoseconds() is None
