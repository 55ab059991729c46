"""A wait for a server is counted once, from its first failure to its end, however it ends."""

import pytest

from connectors import patience
from connectors.patience import GivenUp, Patience, Waits


@pytest.fixture
def waits(monkeypatch):
    made = Waits()
    monkeypatch.setattr(patience, "WAITS", made)
    return made


def test_work_that_is_done_at_once_is_no_wait(waits):
    answer = Patience().until_done("kafka source a:0", lambda: 7, lambda _: True)

    assert answer == 7
    assert waits.by_server() == {}


def test_several_tries_are_one_wait_of_the_server_that_the_work_names(waits):
    tries = iter([OSError("away"), OSError("away"), 7])
    seen = []

    def work():
        seen.append(waits.now())
        given = next(tries)
        if isinstance(given, Exception):
            raise given
        return given

    answer = Patience(0.001, 0.001).until_done("publishing one at http://s3:1", work, lambda _: True)

    told = waits.by_server()
    assert answer == 7
    assert seen == [(), ("publishing one at http://s3:1",), ("publishing one at http://s3:1",)]
    assert {server: (wait.waits, wait.waiting) for server, wait in told.items()} == {"http://s3:1": (1, 0)}
    assert told["http://s3:1"].seconds > 0


def test_a_wait_that_is_given_up_or_fails_is_over(waits):
    failures = iter([OSError("away"), ValueError("lasting")])
    stopped = Patience()
    stopped.stop()

    def work():
        raise next(failures)

    with pytest.raises(ValueError, match="lasting"):
        Patience(0.001, 0.001).until_done(
            "kafka source a:0", work, lambda failure: isinstance(failure, OSError)
        )
    failures = iter([OSError("away")])
    with pytest.raises(GivenUp):
        stopped.until_done("kafka source a:0", work, lambda _: True)

    assert waits.now() == ()
    assert waits.by_server()["kafka"].waits == 2
