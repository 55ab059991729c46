"""A source of ticks with corporate actions beside it: records in the order of what was known, and lasting instruments.

Tickers are what the source names its rows by; instruments are who trades under them on the day
(`domain/identities.py`). That is a fact of the rows, so a rename that was corrected or taken back, however late, counts
as it stands in the end.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.files.new_york import day_bounds
from connectors.source import TickSource, Wrapped
from domain.action_records import ActionRecord, actions_in_order, exact
from domain.corporate_actions import CorporateAction, as_known
from domain.envelope import record_id
from domain.identities import Identities
from domain.instruments import Instrument
from domain.market import Chunk, empty_ticks, row_count
from domain.sessions import SessionTable

DAY_NANOSECONDS = 86_400_000_000_000


class ActedTicks(Wrapped):
    """What a source holds, and actions; those that took effect before it begins, or do after it ends, are left out."""

    def __init__(
        self, source: TickSource, actions: Sequence[CorporateAction], sessions: SessionTable
    ) -> None:
        super().__init__(source)
        self._sessions = sessions
        days = [_day(segment) for segment in source.segments()]
        self._first, self._last = days[0], days[-1]
        self._identities = Identities(action for action in as_known(actions) if action.ex_on > self._first)
        self._records = actions_in_order(
            record for number, action in enumerate(actions) if (record := self._record(action, number))
        )

    def _record(self, action: CorporateAction, number: int) -> ActionRecord | None:
        """Return an action as a record of this run; None where it is not of its days."""
        effective_at, first_at = (
            self._sessions.begins(action.ex_on),
            day_bounds(self._source.segments()[0])[0],
        )
        if effective_at is None or effective_at < first_at:
            return None
        known_at = action.known_at
        if known_at == action.ex_on * DAY_NANOSECONDS:
            known_at = min(known_at, effective_at)
        known_at = max(known_at, first_at)
        into = self._identities.of(action.into, action.ex_on) if action.into else ""
        told = msgspec.structs.replace(
            action, instrument=self._identities.happens_to(action), into=into, known_at=known_at
        )
        return record_of(told, number, effective_at, action.announced_at or action.known_at)

    def instruments(self) -> tuple[str, ...]:
        """Return the names of all instruments that the source's tickers stand for in its days, sorted."""
        tickers = self._source.instruments()
        return tuple(
            sorted(
                {name for one in tickers for name in self._identities.all_of(one, self._first, self._last)}
            )
        )

    def reference(self) -> tuple[Instrument, ...]:
        """Return what the source knows of its tickers, under the names of the instruments."""
        known = {
            name: msgspec.structs.replace(one, name=name)
            for one in self._source.reference()
            for name in self._identities.all_of(one.name, self._first, self._last)
        }
        return tuple(known[name] for name in sorted(known))

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield a day's chunks of the source, each with the actions that were known by its last row."""
        day = _day(segment)
        of_day = {ticker: self._identities.of(ticker, day) for ticker in self._source.instruments()}
        tickers = {ticker: index[name] for ticker, name in of_day.items() if name in index}
        waiting = [
            record
            for record in self._told(segment)
            if record.instrument in index and owned[index[record.instrument]]
        ]
        for chunk in self._source.read(segment, tickers, owned):
            last_at = int(chunk.ticks.known_at[-1]) if row_count(chunk.ticks) else -1
            told = [record for record in waiting if record.known_at <= last_at]
            waiting = waiting[len(told) :]
            yield chunk._replace(actions=actions_in_order((*chunk.actions, *told))) if told else chunk
        if waiting:
            yield Chunk(empty_ticks(), actions=tuple(waiting))

    def _told(self, segment: str) -> list[ActionRecord]:
        """Return what became known since the day before in the source, up to the end of a day."""
        segments = self.segments()
        place = segments.index(segment)
        since = day_bounds(segments[place - 1])[1] if place else 0
        return [record for record in self._records if since <= record.known_at < day_bounds(segment)[1]]


def record_of(action: CorporateAction, number: int, effective_at: int, announced_at: int) -> ActionRecord:
    """Return an action as a record of a run, the `number`-th of it, that takes effect at an instant (ns UTC)."""
    name = action.action_id or f"{action.instrument}-{action.kind}-{action.ex_on}-{number}"
    return ActionRecord(
        event_at=action.known_at,
        known_at=action.known_at,
        received_at=action.known_at,
        source="actions",
        sequence=number,
        record_id=record_id("action", name),
        action_id=name,
        kind=action.kind,
        instrument=action.instrument,
        ex_on=action.ex_on,
        effective_at=effective_at,
        announced_at=announced_at,
        amount=exact(action.amount),
        ratio=exact(action.ratio),
        into=action.into,
        corrects=action.corrects,
    )


def _day(segment: str) -> int:
    return int(np.datetime64(segment, "D").astype(np.int64))
