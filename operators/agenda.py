"""What a stage knows of corporate actions that are not in effect yet, and how an operator says that it outlives them.

Each operator that remembers anything declares `LIVES`: for each kind of action whether it adjusts what it remembers
(its module then has `adjust`), warms up again, or keeps nothing that the action changes. A test holds every operator to
it (`tests/operators/test_living.py`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from domain.action_records import ActionRecord, of_split
from domain.corporate_actions import RATIOS, ActionKind
from domain.instruments import Split
from domain.market import END

KINDS: tuple[ActionKind, ...] = tuple(kind for kind in ActionKind if kind is not ActionKind.CANCEL)
"""What may happen to a share; a cancel only takes back what has not happened."""


class Living(StrEnum):
    """How an operator outlives a kind of action."""

    ADJUSTS = "adjusts"
    REWARMS = "rewarms"
    UNTOUCHED = "untouched"


Lives = Mapping[ActionKind, Living]


def lives(manner: Living, others: Mapping[Living, Iterable[ActionKind]] | None = None) -> Lives:
    """Return one manner for all kinds but those that are named with another."""
    made: dict[ActionKind, Living] = dict.fromkeys(KINDS, manner)
    for other, kinds in (others or {}).items():
        made.update(dict.fromkeys(kinds, other))
    return made


PRICED: Lives = lives(
    Living.ADJUSTS, {Living.UNTOUCHED: (ActionKind.MERGER, ActionKind.RENAME, ActionKind.DELISTING)}
)
"""Of an operator that remembers prices or sizes: what leaves the share as it is leaves them as they are."""


@dataclass
class Agenda:
    """Actions that are known and wait for their effect, in order of effect; bounded by what is announced."""

    waiting: list[ActionRecord] = field(default_factory=list)

    def take(self, records: Iterable[ActionRecord]) -> None:
        """Let records be known: a correction stands in the place of what it corrects, a cancel takes it away."""
        for record in records:
            if record.corrects:
                self.waiting = [known for known in self.waiting if known.action_id != record.corrects]
            if record.kind is not ActionKind.CANCEL:
                self.waiting.append(record)
        self.waiting.sort(key=_place)

    def next_at(self) -> int:
        """Return when the next action takes effect (ns UTC)."""
        return self.waiting[0].effective_at if self.waiting else END

    def due(self, until: int) -> list[ActionRecord]:
        """Return the actions that have taken effect by an instant (ns UTC), and let go of them."""
        count = 0
        while count < len(self.waiting) and self.waiting[count].effective_at <= until:
            count += 1
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def copy(self) -> "Agenda":
        """Return an agenda that goes on by itself."""
        return Agenda(list(self.waiting))


def _place(action: ActionRecord) -> tuple[int, str, bool, str, str]:
    """Return what orders actions: amounts are of the share as it is on the ex-date, so splits come first."""
    is_paid = action.kind not in RATIOS
    return action.effective_at, action.instrument, is_paid, action.kind, action.action_id


def heard(
    agenda: Agenda | None, records: Collection[ActionRecord], splits: Sequence[Split] = (), done: int = 0
) -> Agenda:
    """Return a stage's agenda with what a batch says.

    A state of a version that had none begins with the splits that were known when the run began, without the first
    `done`.
    """
    agenda = planned(splits, done) if agenda is None else agenda
    if records:
        agenda.take(records)
    return agenda


def stretches(
    agenda: Agenda, known_at: NDArray[np.int64], index: Mapping[str, int]
) -> Iterator[tuple[int, int, list[tuple[int, ActionRecord]]]]:
    """Cut rows in order of known_at (ns UTC) where actions take effect.

    Yields first row, row after the last, and the actions that take effect before the first, each with the index of its
    instrument; those of instruments that `index` does not name are let go.
    """
    start, count = 0, len(known_at)
    while start < count:
        taken = agenda.due(int(known_at[start]))
        stop = min(int(np.searchsorted(known_at, agenda.next_at())), count)
        yield start, stop, [(index[one.instrument], one) for one in taken if one.instrument in index]
        start = stop


def planned(splits: Sequence[Split], done: int = 0) -> Agenda:
    """Return the agenda of splits that were known when the run began, without the first `done` in order of effect."""
    ordered = sorted(splits, key=lambda split: (split.effective_at, split.instrument))
    agenda = Agenda()
    agenda.take(of_split(split, number) for number, split in enumerate(ordered) if number >= done)
    return agenda
