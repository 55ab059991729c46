"""Whether a worker makes progress, and whether it may be relied on: what `/live` and `/ready` answer.

A worker is live while its flow does something: a stage is activated or a reader polled. One that waits for a server
is live too, as starting it again would mend nothing; it is not ready. It is ready when all that it `needs` is there,
no server is waited for, and, where that has a bound, no partition lies further behind than the bound.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.kafka.reader import READING
from connectors.patience import WAITS
from domain.controls import ControlsRead
from operators.stage import UNOBSERVED, Observer

SILENT_SECONDS_MAX = 60.0
STARTING_SECONDS_MAX = 300.0
LAG_MESSAGES_MAX = 1_000
REFERENCE = "reference"
CONTROLS = "controls"

Edges = TypeVar("Edges", bound=tuple[Any, ...])


class Health(Observer):
    """Notes what a flow does and what is loaded, and passes activations on to `then`."""

    def __init__(self, then: Observer = UNOBSERVED, clock: Callable[[], float] = monotonic) -> None:
        self._then, self._clock = then, clock
        self._missing: dict[str, str] = {}
        self._lag_max: int | None = None
        self._began_at, self._active_at = clock(), 0.0

    def needs(self, name: str, reason: str) -> None:
        """Be not ready, for that reason, until the thing is there."""
        self._missing[name] = reason

    def needs_shards(self, shards: tuple[str, ...]) -> None:
        """Be not ready until each shard has reached the book."""
        for shard in shards:
            self.needs(f"shard {shard}", f"shard {shard} has not spoken yet")

    def needs_lag(self, messages_max: int) -> None:
        """Be not ready while more messages of a partition are left to read."""
        self._lag_max = messages_max

    def still_starts(self) -> None:
        """Note that the worker waits for others before its flow can begin."""
        self._began_at = self._clock()

    def has(self, name: str) -> None:
        """Note that a thing is there."""
        self._missing.pop(name, None)

    def activated(self, step_name: str, nanoseconds: int, items: list[Any], answers: list[Any]) -> None:
        """Note progress, which shards have spoken, and whether commands to the desk were read."""
        self._active_at = self._clock()
        if self._missing and step_name == "sequence":
            for shard, _ in items:
                self.has(f"shard {shard}")
        if CONTROLS in self._missing and any(isinstance(item, ControlsRead) for item in items):
            self.has(CONTROLS)
        self._then.activated(step_name, nanoseconds, items, answers)

    def stored(self, step_name: str, size: int) -> None:
        """Pass the size of a state on."""
        self._then.stored(step_name, size)

    def why_not_live(self) -> str | None:
        """Return why the worker should be started again, None where it should not."""
        if WAITS.now():
            return None
        active_at = max(self._active_at, READING.polled_at)
        bound = SILENT_SECONDS_MAX if active_at else STARTING_SECONDS_MAX
        silent = self._clock() - (active_at or self._began_at)
        if silent <= bound:
            return None
        what = "the flow has done nothing" if active_at else "the flow has not begun"
        return f"{what} for {silent:.0f} s; {bound:.0f} s are allowed"

    def why_not_ready(self) -> list[str]:
        """Return each reason not to rely on the worker yet."""
        reasons = list(self._missing.copy().values())
        if not (self._active_at or READING.polled_at):
            reasons.append("the flow has not begun")
        reasons += [f"{what} waits for its server" for what in WAITS.now()]
        silent = self.why_not_live()
        reasons += [silent] if silent else []
        if self._lag_max is not None:
            reasons += [
                f"topic {place.topic}, partition {place.partition}: {left} messages are left to read, "
                f"{self._lag_max} are allowed"
                for place, left in READING.left.copy().items()
                if left > self._lag_max
            ]
        return reasons


class OpenedSink(FixedPartitionedSink[Any, Any]):
    """A sink as it is, whose worker is not ready while a part is being opened.

    Bytewax opens a part with its first item, or when it resumes one; a part that nothing has come for holds nobody up.
    """

    def __init__(self, name: str, sink: FixedPartitionedSink[Any, Any], health: Health) -> None:
        self._name, self._sink, self._health = name, sink, health

    def list_parts(self) -> list[str]:
        """Return the parts of the sink."""
        return self._sink.list_parts()

    def part_fn(self, item_key: str) -> int:
        """Return the place of a key among the parts."""
        return self._sink.part_fn(item_key)

    def build_part(
        self, step_id: str, for_part: str, resume_state: Any | None
    ) -> StatefulSinkPartition[Any, Any]:
        """Open a part, and tell before and after."""
        self._health.needs(f"{self._name} {for_part}", f"{self._name}, part {for_part}, is being opened")
        part = self._sink.build_part(step_id, for_part, resume_state)
        self._health.has(f"{self._name} {for_part}")
        return part


def opened(edges: Edges, health: Health) -> Edges:
    """Return a flow's named tuple of edges with sinks that tell while they are being opened."""
    told = {
        name: OpenedSink(name, edge, health)
        for name, edge in edges._asdict().items()  # type: ignore[attr-defined]  # every named tuple has it
        if isinstance(edge, FixedPartitionedSink)
    }
    made: Edges = edges._replace(**told)  # type: ignore[attr-defined]
    return made
