"""A venue with corporate actions beside it: each is known from when this run heard of it, and a restart hears the same.

What was heard, and when, stands in a file of the run, one line of JSON each; what a later start finds in its actions
beside that was heard of then. An instrument is who a ticker of the venue was when the run began.
"""

import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.acted_ticks import DAY_NANOSECONDS, record_of
from connectors.files.new_york import days_of
from connectors.source import SourceError, TickSource, Wrapped
from connectors.websocket.live_ticks import Moment
from domain.action_records import ActionRecord, actions_in_order
from domain.corporate_actions import CorporateAction
from domain.market import Chunk, empty_ticks, row_count
from domain.sessions import SessionTable


class Venue(TickSource, Protocol):
    """A source whose rows come as they happen."""

    @property
    def began_at(self) -> int:
        """Return when this process began to receive (ns UTC)."""
        ...

    def stream(self, index: Mapping[str, int], owned: NDArray[np.bool_], first: int) -> Iterator[Moment]:
        """Yield moments from a segment on."""
        ...

    def synchronise(self) -> None:
        """Have all that was handed on so far on the disk."""
        ...

    def close(self) -> None:
        """Let go of the venue."""
        ...


class Heard(msgspec.Struct, frozen=True):
    """An action, and when this run heard of it (ns UTC)."""

    heard_at: int
    action: CorporateAction


class ActedLive(Wrapped):
    """A venue that is connected to, and actions; those that took effect before the run began are left out."""

    def __init__(self, venue: Venue, heard: Sequence[Heard], sessions: SessionTable) -> None:
        super().__init__(venue)
        self._venue = venue
        first_at = min((one.heard_at for one in heard), default=0)
        records = (
            _record(one, number, sessions.begins(one.action.ex_on)) for number, one in enumerate(heard)
        )
        self._records = actions_in_order(
            record for record in records if record is not None and record.effective_at >= first_at
        )

    def stream(self, index: Mapping[str, int], owned: NDArray[np.bool_], first: int) -> Iterator[Moment]:
        """Yield what has come from a segment on, each action with the first rows, or the instant, after it was known.

        An action belongs to the day on which it was known; those of days before `first` have been told.
        """
        days = self.segments()
        waiting = deque(
            record
            for record in self._records
            if record.instrument in index and owned[index[record.instrument]]
        )
        for moment in self._venue.stream(index, owned, first):
            ticks = moment.chunk.ticks
            until = int(ticks.known_at[-1]) if row_count(ticks) else moment.reached_at
            told: list[ActionRecord] = []
            while waiting and waiting[0].known_at <= until:
                told.append(waiting.popleft())
            for record in told:
                segment = days.index(days_of(np.array([record.known_at]))[0])
                if segment >= first:
                    yield Moment(segment, Chunk(empty_ticks(), actions=(record,)), -1)
            yield moment

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield what has come of a day by now, without the actions: those are kept in `market.actions`."""
        return self._venue.read(segment, index, owned)

    def synchronise(self) -> None:
        """Have all that was handed on so far on the disk."""
        self._venue.synchronise()

    def close(self) -> None:
        """Let go of the venue."""
        self._venue.close()


def heard_by(path: Path, actions: Sequence[CorporateAction], now_at: int) -> tuple[Heard, ...]:
    """Return all that a run has heard of, kept in a file; what is new in `actions` it hears of now (ns UTC).

    Raises SourceError where the file cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        known = [msgspec.json.decode(line, type=Heard) for line in lines if line.endswith(b"\n")]
    except (OSError, msgspec.MsgspecError, ValueError) as failure:
        raise SourceError(
            f"{path} cannot be read ({failure}); restore it, or begin in a new folder"
        ) from failure
    new = list((Counter(actions) - Counter(one.action for one in known)).elements())
    heard = (*known, *(Heard(now_at, action) for action in new))
    if len(heard) > len(known):
        made = path.with_name(f".{path.name}.{os.getpid()}")
        made.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in heard))
        made.replace(path)
    return heard


def _record(heard: Heard, number: int, effective_at: int | None) -> ActionRecord | None:
    """Return an action as a record of the run, known when it was heard of or later; None for no day of the run."""
    if effective_at is None:
        return None
    action = heard.action
    known_at = action.known_at
    if known_at == action.ex_on * DAY_NANOSECONDS:
        known_at = min(known_at, effective_at)
    told = msgspec.structs.replace(action, known_at=max(known_at, heard.heard_at))
    return record_of(told, number, effective_at, action.announced_at or action.known_at)
