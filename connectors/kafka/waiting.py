"""Items on their way to a thread that writes them: as many as may wait, and whoever brings more waits himself."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

WEIGHT_MAX = 131_072
"""How much may wait or be written at a time, in rows of columns."""
LOOK_SECONDS = 0.2


class Waiting:
    """Hands all that has come to `write` on a thread of its own; what `write` raises is raised by the next call.

    With `linger_seconds` the thread lets that much time pass for more to come, so that it writes less often, unless
    half of `weight_max` is there or somebody waits.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[Any]], None],
        weight_max: int = WEIGHT_MAX,
        linger_seconds: float = 0.0,
    ) -> None:
        self._write, self._weight_max, self._linger_seconds = write, weight_max, linger_seconds
        self._changed = threading.Condition()
        self._hurried = threading.Event()
        self._items: list[Any] = []
        self._weight = 0
        self._closed = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def put(self, item: Any, weight: int) -> None:
        """Hand an item over; waits while too much waits already."""
        with self._changed:
            while self._weight and self._weight + weight > self._weight_max:
                self._look()
                self._hurried.set()
                self._changed.wait(LOOK_SECONDS)
            self._look()
            self._items.append(item)
            self._weight += weight
            if 2 * self._weight >= self._weight_max:
                self._hurried.set()
            if len(self._items) == 1:
                self._changed.notify_all()

    def settle(self) -> None:
        """Wait until everything is written."""
        with self._changed:
            while self._weight:
                self._look()
                self._hurried.set()
                self._changed.wait(LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._items and not self._closed:
                    self._changed.wait()
            if self._linger_seconds:
                self._hurried.wait(self._linger_seconds)
            with self._changed:
                if self._closed:
                    return
                self._hurried.clear()
                items, weight, self._items = self._items, self._weight, []
            try:
                self._write(items)
            except BaseException as failure:  # noqa: BLE001  handed to the flow, which raises it
                with self._changed:
                    self._failure = failure
                    self._changed.notify_all()
                return
            with self._changed:
                self._weight -= weight
                self._changed.notify_all()

    def close(self) -> None:
        """End the thread; what was not written is left."""
        with self._changed:
            self._closed = True
            self._hurried.set()
            self._changed.notify_all()
        self._thread.join()
