"""How a stage hangs on a stream: state and pure step in, a Bytewax operator out.

Key     shard or book, as the stage says
In      (key, item)
Out     (key, item), in the order of the step's answers
State   the stage's own object, stored pickled under its layout version; its large arrays in pages where a run has them
Time    none of its own
Silence never
"""

import pickle
from collections.abc import Callable, Iterable
from datetime import datetime
from time import perf_counter_ns
from typing import Any, Generic, TypeVar

import bytewax.operators as op
from bytewax.operators import KeyedStream, StatefulBatchLogic

from operators.paged_state import PagedState, Pages

State = TypeVar("State")


class StateRefused(RuntimeError):
    """A stored state has a layout that this version does not read."""


class Stage(Generic[State]):
    """One verb of the desk: `fresh()` makes the memory of a key, `step(state, item)` answers an item.

    `layout` names the shape of the state; it changes when the state's fields do, and a stored state of
    another layout is refused with what to do.
    """

    layout = "1"

    def fresh(self) -> State:
        """Return the memory of a key that has seen nothing."""
        raise NotImplementedError

    def step(self, state: State, item: Any) -> Iterable[Any]:
        """Answer one item, changing `state` in place; a pure function of parameters, state and item."""
        raise NotImplementedError

    def changes(self, _state: State) -> int | None:
        """Return a number that differs whenever the state may differ, so that it is not stored again; None: always."""
        return None


class Observer:
    """Told of each activation of a step and of each stored state; this one takes no note."""

    def activated(self, step_name: str, nanoseconds: int, items: list[Any], answers: list[Any]) -> None:
        """Take note that a step answered items within that time."""

    def stored(self, step_name: str, size: int) -> None:
        """Take note of how many bytes a step's state takes."""


UNOBSERVED = Observer()


class StageLogic(StatefulBatchLogic[Any, Any, bytes]):
    """A stage as Bytewax hosts it: pickles its state at each snapshot, with the stage's layout."""

    def __init__(
        self,
        name: str,
        stage: Stage[Any],
        resume: bytes | None,
        observer: Observer,
        pages: Pages | None = None,
    ) -> None:
        self._name = name
        self._stage = stage
        self._observer = observer
        self._paged = PagedState(pages, name) if pages is not None else None
        self._stored: tuple[int | None, bytes, int] = (None, b"", 0)
        if resume is None:
            self._state = stage.fresh()
        else:
            self._state = unpack(name, stage, resume) if self._paged is None else self._resumed(resume)

    def _resumed(self, resume: bytes) -> Any:
        assert self._paged is not None  # noqa: S101  the caller has looked
        return checked(self._name, self._stage, read(self._name, self._paged.load, resume))

    def on_batch(self, values: list[Any]) -> tuple[Iterable[Any], bool]:
        """Step through the items in order."""
        began = perf_counter_ns()
        answers: list[Any] = []
        for value in values:
            answers.extend(self._stage.step(self._state, value))
        self._observer.activated(self._name, perf_counter_ns() - began, values, answers)
        return answers, StatefulBatchLogic.RETAIN

    def notify_at(self) -> datetime | None:
        """Ask for no wake-up: time comes in with the items."""
        return None

    def snapshot(self) -> bytes:
        """Return the state as it is now."""
        changes, packed, size = self._stage.changes(self._state), self._stored[1], self._stored[2]
        if changes is None or changes != self._stored[0]:
            packed, size = self._packed()
            self._stored = (None, b"", 0) if changes is None else (changes, packed, size)
        self._observer.stored(self._name, size)
        return packed

    def _packed(self) -> tuple[bytes, int]:
        if self._paged is not None:
            return self._paged.store(named(self._stage, self._state))
        packed = pack(self._stage, self._state)
        return packed, len(packed)


def named(stage: Stage[Any], state: Any) -> tuple[str, str, Any]:
    """Return a state with the stage and layout that read it."""
    return type(stage).__name__, stage.layout, state


def pack(stage: Stage[Any], state: Any) -> bytes:
    """Return a state as bytes, with the layout that reads it."""
    return pickle.dumps(named(stage, state), protocol=pickle.HIGHEST_PROTOCOL)


def unpack(name: str, stage: Stage[Any], stored: bytes) -> Any:
    """Return a stored state; raises StateRefused where it is of another stage or layout."""
    return checked(name, stage, read(name, pickle.loads, stored))


def read(name: str, load: Callable[[bytes], Any], stored: bytes) -> Any:
    """Return what `load` makes of stored bytes; raises StateRefused where they name what this version does not have."""
    try:
        return load(stored)
    except (AttributeError, ImportError) as failure:
        raise StateRefused(
            f"step {name} holds a state that this version cannot read ({failure}); start with a new output folder, or "
            f"run the version that wrote it"
        ) from failure


def checked(name: str, stage: Stage[Any], stored: tuple[str, str, Any]) -> Any:
    """Return the state of what `named` made; raises StateRefused where it is of another stage or layout."""
    owner, layout, state = stored
    if (owner, layout) != (type(stage).__name__, stage.layout):
        raise StateRefused(
            f"step {name} holds a state of {owner} layout {layout}, this version reads {type(stage).__name__} "
            f"layout {stage.layout}; start with a new output folder, or run the version that wrote it"
        )
    return state


def hang(
    step_name: str,
    up: KeyedStream[Any],
    stage: Stage[Any],
    observer: Observer,
    pages: Pages | None = None,
) -> KeyedStream[Any]:
    """Hang a stage on a stream under a lasting step name; with `pages`, snapshots store what has changed."""
    return op.stateful_batch(
        step_name, up, lambda resume: StageLogic(step_name, stage, resume, observer, pages)
    )
