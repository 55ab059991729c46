"""The clock of live connections: the one place where they read the machine's time and wait for it."""

import threading
from time import monotonic, time_ns
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> int:
        """Return the wall clock (ns UTC)."""
        ...

    def seconds(self) -> float:
        """Return a clock that never goes back (s)."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait; return early, with True, when waiting was stopped for good."""
        ...


class MachineClock:
    """The machine's own; `stop` ends every wait, now and later."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> int:
        """Return the wall clock (ns UTC)."""
        return time_ns()

    def seconds(self) -> float:
        """Return a clock that never goes back (s)."""
        return monotonic()

    def wait(self, seconds: float) -> bool:
        """Wait; return early, with True, when waiting was stopped for good."""
        return self._stopped.wait(max(0.0, seconds))

    def stop(self) -> None:
        """End every wait."""
        self._stopped.set()
