"""REST requests to a venue: kept as answered, repeated while it is busy, given up where it says no."""

import json

import pytest

from connectors.recordings.recorder import Recorder
from connectors.recordings.session_lines import Traffic, session_lines
from connectors.websocket.clock import MachineClock
from connectors.websocket.rest import RequestFailed, Requests
from connectors.websocket.venues import VENUES
from tests.connectors.websocket.replaying import replayed, session_of

LISTED = ["binance_futures", "bitstamp", "coinbase", "kraken"]
BOOKED = ["binance", "binance_futures", "bitstamp"]


@pytest.mark.parametrize("name", LISTED)
def test_the_list_of_instruments_has_a_tick_size_for_each_symbol_of_the_session(name):
    files, symbols = session_of(name)

    with replayed(files) as replay:
        requests = Requests(replay.rest, 20.0, MachineClock())
        listing = VENUES[name].listing
        steps = listing.steps(requests.get(listing.path))
        requests.close()

    assert set(symbols) <= set(steps)
    assert all(tick_size > 0 and (unit is None or unit > 0) for tick_size, unit in steps.values())


@pytest.mark.parametrize("name", BOOKED)
def test_a_book_is_kept_as_it_was_answered_before_it_is_handed_on(name, tmp_path):
    files, symbols = session_of(name)
    clock = MachineClock()

    with replayed(files) as replay:
        recorder = Recorder(tmp_path, clock.now)
        requests = Requests(replay.rest, 20.0, clock)
        path = VENUES[name].book_path(symbols[0])
        body = requests.get(path, recorder)
        requests.close()
        recorder.close()
        (kept,) = session_lines(tmp_path / "000001.log")

    assert (kept.traffic, kept.address, kept.text) == (Traffic.ANSWERED, replay.rest + path, body)
    assert len(json.loads(body)["bids"]) > 100


def test_a_venue_that_is_busy_is_asked_again_after_the_time_that_it_names():
    files, _ = session_of("coinbase")
    clock = MachineClock()

    with replayed(files) as replay:
        replay.control("?next=limit")
        requests = Requests(replay.rest, 20.0, clock)
        began = clock.seconds()
        requests.get("/products")
        requests.close()

    assert clock.seconds() - began >= 1.0
    assert requests.limited == 1


def test_what_a_venue_does_not_have_is_given_up_at_once():
    files, _ = session_of("coinbase")

    with replayed(files) as replay:
        requests = Requests(replay.rest, 20.0, MachineClock())
        with pytest.raises(RequestFailed, match="/nothing was not answered \\(status 404: "):
            requests.get("/nothing")
        requests.close()
        assert replay.control()["requests"] == 1
