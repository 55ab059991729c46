"""The names of the last events of a log, so that one that is delivered twice is written once."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from connectors.audit.findings import event_of
from connectors.audit.rows import SEGMENT_ROWS, lines_of, segments

REMEMBERED = 65_536


class RecentEvents:
    """Remembers at least the last REMEMBERED events, in two generations."""

    def __init__(self, events: Iterable[str] = ()) -> None:
        self._younger: set[str] = set(events)
        self._older: set[str] = set()

    def all_new(self, events: Sequence[str]) -> bool:
        """Say whether none of the events is remembered, and none comes twice among them."""
        return (
            self._younger.isdisjoint(events)
            and self._older.isdisjoint(events)
            and len(set(events)) == len(events)
        )

    def has(self, event: str) -> bool:
        """Say whether an event is remembered."""
        return event in self._younger or event in self._older

    def add(self, events: Iterable[str]) -> None:
        """Remember events."""
        self._younger.update(events)
        if len(self._younger) >= REMEMBERED:
            self._older, self._younger = self._younger, set()


def remembered(folder: Path, rows: int) -> RecentEvents:
    """Return the last events of the first `rows` rows of a writer's log."""
    first = max(0, rows - REMEMBERED)
    paths = [path for path in segments(folder) if first - SEGMENT_ROWS < int(path.stem) <= rows]
    number = int(paths[0].stem) - 1 if paths else 0
    names: list[str] = []
    for line in lines_of(paths):
        number += 1
        if number > rows:
            break
        if number > first:
            names.append(event_of(line))
    return RecentEvents(names)
