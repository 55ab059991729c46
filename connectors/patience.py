"""Waiting for a server that is slow or gone: the same work again, with capped exponential backoff and jitter.

Nothing is dropped and nothing grows: whoever waits here is not ready for more, and so the flow slows down.
"""

import logging
import random
import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

FIRST_SECONDS = 0.05
CAP_SECONDS = 5.0

Answer = TypeVar("Answer")

_log = logging.getLogger("ita.connectors")


class GivenUp(RuntimeError):
    """The wait was ended because the worker stops; what was to be done is done after the next start."""


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
        pause, began = self._first, 0.0
        while True:
            try:
                answer = work()
            except Exception as failure:
                if not passes(failure):
                    raise
                if not began:
                    began = monotonic()
                    _log.warning("%s has to wait: %s", what, _words(failure))
                if self._stopped.wait(pause * self._random.uniform(0.5, 1.0)):
                    raise GivenUp(f"{what} was given up while waiting: {_words(failure)}") from failure
                pause = min(2 * pause, self._cap)
            else:
                if began:
                    _log.info("%s goes on after %.1f s", what, monotonic() - began)
                return answer


def _words(failure: Exception) -> str:
    return " ".join(str(failure).split()) or type(failure).__name__
