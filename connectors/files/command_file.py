"""Commands to an embedded desk: a file of JSON lines in the folder of its run, followed as it grows.

Emits `(key, Command)`, and `(key, ControlsRead())` once what stood there at the start was read. Whatever the state of
the flow, all lines are emitted again after a start, and the desk knows what it has heard. A line is written whole,
under a lock; one that is no command is a command that is REFUSED, with the reason. `is_over` ends the source.

    controls = op.input("controls", flow, CommandFile(folder / "commands.jsonl", "book", desk_is_over))
"""

import fcntl
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from domain.controls import Command, ControlKind, ControlsRead
from domain.envelope import record_id

POLL_SECONDS = 0.05
Item = tuple[str, Command | ControlsRead]


class CommandFile(FixedPartitionedSource[Item, None]):
    """Follows a file for one key; a file that is not there yet holds no command."""

    def __init__(self, path: Path, key: str, is_over: Callable[[], bool]) -> None:
        self._path, self._key, self._is_over = path, key, is_over

    def list_parts(self) -> list[str]:
        """Return the one part."""
        return ["controls"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "CommandReader":
        """Return the reader."""
        return CommandReader(self._path, self._key, self._is_over)


class CommandReader(StatefulSourcePartition[Item, None]):
    """Reads the lines that have come, whole ones only."""

    def __init__(self, path: Path, key: str, is_over: Callable[[], bool]) -> None:
        self._path, self._key, self._is_over = path, key, is_over
        self._at, self._begun = 0, False

    def next_batch(self) -> list[Item]:
        """Return the commands that have come."""
        if self._is_over():
            raise StopIteration
        items: list[Item] = [(self._key, command) for command in self._lines()]
        if not self._begun:
            self._begun = True
            items.append((self._key, ControlsRead()))
        return items

    def _lines(self) -> list[Command]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._at)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._at += len(whole)
        return [_command(line) for line in whole.splitlines() if line.strip()]

    def next_awake(self) -> datetime:
        """Ask to be polled soon."""
        return datetime.now(UTC) + timedelta(seconds=POLL_SECONDS)

    def snapshot(self) -> None:
        """Keep nothing: the file is read again."""


def _command(line: bytes) -> Command:
    try:
        return msgspec.json.decode(line, type=Command)
    except msgspec.MsgspecError as failure:
        return Command(
            command_id=record_id("unreadable", line.hex()),
            kind=ControlKind.REFUSED,
            scope="commands",
            who="",
            reason=f"it cannot be read: {failure}",
            at=time.time_ns(),
            details=line.hex(),
        )


def append_command(path: Path, command: Command) -> None:
    """Write a command at the end of the file, whole, and wait until the disk has it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.write(handle, msgspec.json.encode(command) + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
