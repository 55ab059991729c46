"""Commands of another source, with lists of names compared on the way and nothing else kept waiting for it.

What `screen` makes of a command SANCTIONS is handed on when it is done, lists in the order in which they came; other
commands pass. ControlsRead waits for the lists that came before it, so that a desk begins with them.

    controls = op.input("controls", flow, ScreenedCommands(CommandFile(path, "book", is_over), screen))
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from domain.controls import Command, ControlKind, ControlsRead

Item = tuple[str, Command | ControlsRead]
Screen = Callable[[Command], "Future[Command]"]


class ScreenedCommands(FixedPartitionedSource[Item, None]):
    """Follows a source of commands whose state is None."""

    def __init__(self, commands: FixedPartitionedSource[Item, None], screen: Screen) -> None:
        self._commands, self._screen = commands, screen

    def list_parts(self) -> list[str]:
        """Return the parts of the source."""
        return self._commands.list_parts()

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "ScreenedReader":
        """Return a reader of a part."""
        return ScreenedReader(self._commands.build_part(step_id, for_part, resume_state), self._screen)


class ScreenedReader(StatefulSourcePartition[Item, None]):
    """Hands on what a reader has, lists when they are compared."""

    def __init__(self, reader: StatefulSourcePartition[Item, None], screen: Screen) -> None:
        self._reader, self._screen = reader, screen
        self._pending: deque[tuple[str, Future[Command]]] = deque()
        self._read: list[Item] = []

    def next_batch(self) -> list[Item]:
        """Return the commands that are ready; raises what comparing a list has raised."""
        ready: list[Item] = []
        for key, item in self._reader.next_batch():
            if isinstance(item, Command) and item.kind is ControlKind.SANCTIONS:
                self._pending.append((key, self._screen(item)))
            elif isinstance(item, ControlsRead):
                self._read.append((key, item))
            else:
                ready.append((key, item))
        while self._pending and self._pending[0][1].done():
            key, made = self._pending.popleft()
            ready.append((key, made.result()))
        if not self._pending:
            ready += self._read
            self._read = []
        return ready

    def next_awake(self) -> datetime | None:
        """Ask to be polled when the reader is."""
        return self._reader.next_awake()

    def snapshot(self) -> Any:
        """Keep what the reader keeps."""
        return self._reader.snapshot()

    def close(self) -> None:
        """Close the reader, and wait for no list."""
        for _, made in self._pending:
            made.cancel()
        self._reader.close()
