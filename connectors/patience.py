"""Waiting for a server that is slow or gone: the same work again, with capped exponential backoff and jitter.

Nothing is dropped and nothing grows: whoever waits here is not ready for more, and so the flow slows down.
"""

import logging
import random
import threading
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple, TypeVar

FIRST_SECONDS = 0.05
CAP_SECONDS = 5.0

Answer = TypeVar("Answer")

_log = logging.getLogger("ita.connectors")


class GivenUp(RuntimeError):
    """The wait was ended because the worker stops; what was to be done is done after the next start."""


class ServerWaits(NamedTuple):
    """How often a server was waited for, for how many seconds in all, and by how many now."""

    waits: int
    seconds: float
    waiting: int


class Waits:
    """Counts every wait of this process, by server; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over: dict[str, tuple[int, float]] = {}
        self._now: dict[int, tuple[str, float]] = {}
        self._next = 0

    def begin(self, what: str) -> int:
        """Note that something begins to wait; return what `end` takes."""
        with self._lock:
            self._next += 1
            self._now[self._next] = what, monotonic()
            return self._next

    def end(self, number: int) -> float:
        """Note that a wait is over; return its seconds."""
        with self._lock:
            what, began = self._now.pop(number)
            seconds = monotonic() - began
            count, total = self._over.get(server_of(what), (0, 0.0))
            self._over[server_of(what)] = count + 1, total + seconds
            return seconds

    def now(self) -> tuple[str, ...]:
        """Return what waits now."""
        with self._lock:
            return tuple(what for what, _ in self._now.values())

    def by_server(self) -> dict[str, ServerWaits]:
        """Return the waits of each server, with those that are not over yet."""
        with self._lock:
            told = {server: ServerWaits(*over, 0) for server, over in self._over.items()}
            for what, began in self._now.values():
                so_far = told.get(server_of(what), ServerWaits(0, 0.0, 0))
                told[server_of(what)] = ServerWaits(
                    so_far.waits + 1, so_far.seconds + monotonic() - began, so_far.waiting + 1
                )
            return told


WAITS = Waits()


def server_of(what: str) -> str:
    """Return the server that the words for a piece of work name: the address after `at`, or `kafka`."""
    place = what.rpartition(" at ")[2]
    return "kafka" if place.startswith("kafka ") else place


class Patience:
    """Does work until it is done; `stop` ends every wait, now and later.

    `first_seconds` and `cap_seconds` bound the pauses; each is drawn from half of it to all of it.
    """

    def __init__(self, first_seconds: float = FIRST_SECONDS, cap_seconds: float = CAP_SECONDS) -> None:
        if not 0 < first_seconds <= cap_seconds:
            raise ValueError(
                f"pauses grow from above 0 to the cap; {first_seconds} and {cap_seconds} seconds were given"
            )
        self._first, self._cap = first_seconds, cap_seconds
        self._stopped = threading.Event()
        self._random = random.Random()  # noqa: S311  spreads the load, decides nothing

    def stop(self) -> None:
        """End every wait."""
        self._stopped.set()

    def until_done(
        self, what: str, work: Callable[[], Answer], passes: Callable[[Exception], bool]
    ) -> Answer:
        """Return what the work answers; an error for which `passes` says yes is waited out.

        Says once that it waits, and once that it is over. Raises every other error, and GivenUp when stopped.
        """
        pause, number = self._first, 0
        try:
            while True:
                try:
                    return work()
                except Exception as failure:
                    if not passes(failure):
                        raise
                    if not number:
                        number = WAITS.begin(what)
                        _log.warning("%s has to wait: %s", what, _words(failure))
                    if self._stopped.wait(pause * self._random.uniform(0.5, 1.0)):
                        raise GivenUp(f"{what} was given up while waiting: {_words(failure)}") from failure
                    pause = min(2 * pause, self._cap)
        finally:
            if number:
                _log.info("%s ends its wait after %.1f s", what, WAITS.end(number))


def _words(failure: Exception) -> str:
    return " ".join(str(failure).split()) or type(failure).__name__
