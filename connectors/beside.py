"""A sink whose work is done on a thread beside the flow, so that encoding and writing do not hold the flow up.

Promises what the sink that it hosts promises: items reach it in their order, one call at a time; a snapshot is taken
when everything before it is through; what goes wrong is raised in the flow, at the next call. Where more than
`ROWS_AHEAD` rows wait, the flow does.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.endings import kept

ROWS_AHEAD = 131_072

Item = TypeVar("Item")
State = TypeVar("State")


class BesideSink(FixedPartitionedSink[Item, State]):
    """Hosts a sink, each of its partitions on a thread of its own; `rows_of` says how many rows an item has."""

    def __init__(self, sink: FixedPartitionedSink[Item, State], rows_of: Callable[[Item], int]) -> None:
        self._sink, self._rows_of = sink, rows_of

    def list_parts(self) -> list[str]:
        """Return the parts of the hosted sink."""
        return self._sink.list_parts()

    def part_fn(self, item_key: str) -> int:
        """Return the place of a key among the parts, as the hosted sink says."""
        return self._sink.part_fn(item_key)

    def build_part(
        self, step_id: str, for_part: str, resume_state: State | None
    ) -> "BesidePartition[Item, State]":
        """Open a part of the hosted sink, on the calling thread."""
        return BesidePartition(
            self._sink.build_part(step_id, for_part, resume_state), self._rows_of, for_part
        )


class BesidePartition(StatefulSinkPartition[Item, State], Generic[Item, State]):
    """Hands items on to a thread and waits for it where a snapshot, or memory, needs it."""

    def __init__(
        self, part: StatefulSinkPartition[Item, State], rows_of: Callable[[Item], int], name: str
    ) -> None:
        self._part, self._rows_of = part, rows_of
        self._thread = ThreadPoolExecutor(1, f"beside-{name}")
        self._ahead: deque[tuple[Future[None], int]] = deque()
        self._rows = 0

    def write_batch(self, values: list[Item]) -> None:
        """Hand items on; raises what an earlier call came to."""
        while self._ahead and (self._rows > ROWS_AHEAD or self._ahead[0][0].done()):
            self._strike_off()
        rows = sum(map(self._rows_of, values))
        self._rows += rows
        self._ahead.append((self._thread.submit(self._part.write_batch, values), rows))

    def snapshot(self) -> State:
        """Wait for everything that was handed on, and return the hosted part's state."""
        self._catch_up()
        return self._part.snapshot()

    def close(self) -> None:
        """Wait, and let the hosted part go; what went wrong unasked is raised when the flow is over."""
        with kept():
            self._catch_up()
        self._thread.shutdown()
        self._part.close()

    def _catch_up(self) -> None:
        while self._ahead:
            self._strike_off()

    def _strike_off(self) -> None:
        written, rows = self._ahead.popleft()
        self._rows -= rows
        written.result()
