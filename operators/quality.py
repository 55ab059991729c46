"""Quality: may the data of each instrument be traded on, and which of its rows are doubtful?

Key     shard
In      MarketBatch with normalised ticks and the best quotes after each row
Out     MarketBatch with `health`: what the feed said, and each change that was found out; with `flags` of doubtful rows
        where that is wanted
State   per instrument: its rhythm, timers, numbers of rows and of refused rows, the conditions that hold, what was
        said, and what the rules for single rows remember; corporate actions to come
Time    known_at of the rows, and the watermark for what is silent; silence counts in the regular session alone
Silence never: every tick leaves; an instrument that falls silent is answered by a record of its own
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.action_records import ActionRecord, step_of
from domain.health import FOUND_OUT, HealthState, MarketHealth, in_order, market_health
from domain.instruments import Split
from domain.market import (
    END,
    SECOND,
    Malformed,
    MarketBatch,
    Session,
    Ticks,
    complete_ticks,
    row_count,
    select,
)
from domain.sessions import SessionTable
from features.quality import ROWS, WINDOW, RowRules, judge_rows
from operators.agenda import PRICED, Agenda, heard, planned, stretches
from operators.health_kernel import HEALTH, NEWS, NONE, begin_session, pass_all, watch
from operators.normalise import REASONS
from operators.stage import Stage

LIVES = PRICED

_STATES = tuple(HealthState)
_COUNTED = frozenset(REASONS) - {"duplicate"}
"""Why rows are refused that speak against a feed; a row that comes twice says nothing wrong."""
_WORDS = {
    HealthState.FRESH: "rows come",
    HealthState.GAP: "sequence gap: {measured:.0f} rows are missing",
    HealthState.CROSSED: "crossed: the best bid is above the best offer for more than {limit:g} s",
    HealthState.DEGRADED: "degraded: {measured:.2%} of the rows of five minutes were refused, {limit:.2%} are allowed",
    HealthState.MUTE: "stale: no row for {measured:.3f} s, longer than its own rhythm allows",
    HealthState.HALTED: "halted by the venue",
}
_OVER = {
    HealthState.FRESH: "rows come",
    HealthState.GAP: "sequence gap: none for a while",
    HealthState.CROSSED: "crossed: no longer",
    HealthState.DEGRADED: "degraded: no longer, {measured:.2%} of the rows were refused",
    HealthState.MUTE: "stale: rows come again",
    HealthState.HALTED: "resumed by the venue",
}


class HealthRules(NamedTuple):
    """What is healthy; spans in ns. See `health_kernel` for what each says; `dense` sequences have no holes."""

    silence_multiple: int = 4
    silence_min: int = 10 * SECOND
    crossed_max: int = SECOND
    gap_clears: int = 5 * SECOND
    bucket: int = 10 * SECOND
    refused_min: int = 10
    refused_share: float = 0.01
    dense: bool = False


HEALTHY = HealthRules()


@dataclass(frozen=True)
class QualityParams:
    """Whose rows are judged: instruments in index order, the feed's name, its sessions, and the rules.

    `ends_at` (ns UTC) is up to when silence is counted after the last row of an input that has ended; it must not
    depend on the shard. With `row_rules` doubtful rows are flagged, and then `tick_sizes` (in index order) are needed.
    """

    names: tuple[str, ...]
    source: str
    sessions: SessionTable
    ends_at: int
    rules: HealthRules = HEALTHY
    tick_sizes: NDArray[np.float64] | None = None
    row_rules: RowRules | None = None
    splits: tuple[Split, ...] = ()

    def __post_init__(self) -> None:
        """Refuse rules that would call everything unhealthy, and flags without tick sizes."""
        if self.row_rules is not None and self.tick_sizes is None:
            raise ValueError("row_rules need tick_sizes, one for each instrument; none were given")
        rules = self.rules
        if min(rules.silence_multiple, rules.silence_min, rules.bucket, rules.refused_min) < 1:
            raise ValueError(
                "silence_multiple, silence_min, bucket and refused_min are at least 1; "
                f"{rules.silence_multiple}, {rules.silence_min}, {rules.bucket} and {rules.refused_min} were given"
            )
        if min(rules.crossed_max, rules.gap_clears) < 0 or not 0 < rules.refused_share < 1:
            raise ValueError(
                "crossed_max and gap_clears are at least 0 and refused_share is between 0 and 1; "
                f"{rules.crossed_max}, {rules.gap_clears} and {rules.refused_share} were given"
            )


@dataclass
class QualityState:
    """All the memory of one shard; `segment` is the part of the day of the session table that it is in, -1 in none.

    `rows` is the memory of the rules for single rows, of no instrument where none are wanted.
    """

    instruments: NDArray[np.void]
    rows: NDArray[np.void]
    segment: int = -1
    agenda: Agenda | None = None


def adjust(rows: NDArray[np.void], which: int, action: ActionRecord) -> None:
    """Bring what the rules for single rows remember of an instrument over an action, by its last good trade."""
    mine = rows[which]
    count = int(mine["count"][0])
    step = step_of(action, float(mine["prices"][0, (count - 1) % WINDOW]) if count else 0.0)
    for name in ("prices", "suspect", "spread"):
        mine[name] /= step.price
    for name in ("largest", "largest_before"):
        mine[name] *= step.shares


class Quality(Stage[QualityState]):
    """Good rows to what may be done with them."""

    def __init__(self, params: QualityParams) -> None:
        self.params = params
        self._indices = {name: at for at, name in enumerate(params.names)}
        self._source = f"{FOUND_OUT}{params.source}"

    def fresh(self) -> QualityState:
        """Return the memory of a shard that has seen nothing."""
        memory = np.zeros(len(self.params.names), HEALTH)
        for name in ("mute_at", "crossed_at", "clear_at", "bucket_at", "next_at"):
            memory[name] = NONE
        memory["reported"] = -1
        rows = np.zeros(len(memory) if self.params.row_rules else 0, ROWS)
        return QualityState(memory, rows, agenda=planned(self.params.splits))

    def step(self, state: QualityState, item: MarketBatch) -> list[MarketBatch]:
        """Watch a batch; answer with it and the news of its instruments."""
        found: list[NDArray[np.void]] = []
        ticks, table = item.ticks, self.params.sessions
        refused = self._refused(item.malformed)
        start, count = 0, row_count(ticks)
        while start < count or len(refused[0]):
            first_at = min(
                int(ticks.known_at[start]) if start < count else END,
                int(refused[0][0]) if len(refused[0]) else END,
            )
            self._reach(state, table.segment_at(first_at), found)
            ends_at = self._bounds(state.segment)[1]
            stop = int(np.searchsorted(ticks.known_at, ends_at))
            cut = int(np.searchsorted(refused[0], ends_at))
            rows = select(ticks, slice(start, stop))
            self._watch(state, rows, (refused[0][:cut], refused[1][:cut]), found)
            start, refused = stop, (refused[0][cut:], refused[1][cut:])
        self._pass(state, self.params.ends_at if item.watermark == END else item.watermark, found)
        if self.params.row_rules is not None:
            state.agenda = heard(state.agenda, item.actions)
            if count:
                item = item._replace(ticks=self._flagged(state, ticks, self.params.row_rules))
        said = self._records(found)
        return [item._replace(health=in_order((*item.health, *said)))] if said else [item]

    def _refused(self, malformed: Sequence[Malformed]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return when rows were refused that speak against the feed, and of which instruments."""
        rows = [
            (row.known_at, self._indices[name])
            for row in malformed
            if row.reason in _COUNTED and (name := row.place.rsplit(":", 2)[0]) in self._indices
        ]
        at = np.array([row[0] for row in rows], np.int64)
        return at, np.array([row[1] for row in rows], np.int64)

    def _bounds(self, segment: int) -> tuple[int, int]:
        """Return from when to before when (ns UTC) a part of the day lasts."""
        edges = self.params.sessions.edges
        begins_at = int(edges[segment - 1]) if segment > 0 else 0
        return begins_at, int(edges[segment]) if segment < len(edges) else END

    def _open(self, segment: int) -> bool:
        return bool(self.params.sessions.labels[segment] == Session.REGULAR)

    def _reach(self, state: QualityState, segment: int, found: list[NDArray[np.void]]) -> None:
        """Go on to a part of the day, through all those between."""
        memory, rules = state.instruments, self.params.rules
        if state.segment < 0:
            state.segment = segment
            begin_session(memory, *self._bounds(segment), self._open(segment), rules)
        while state.segment < segment:
            ends_at = self._bounds(state.segment)[1]
            self._pass_all(state, ends_at, found)
            state.segment += 1
            begin_session(memory, *self._bounds(state.segment), self._open(state.segment), rules)

    def _pass(self, state: QualityState, until: int, found: list[NDArray[np.void]]) -> None:
        """Let time pass up to an instant (ns UTC), once the first row has come."""
        if state.segment < 0:
            return
        last = self.params.sessions.segment_at(until - 1)
        self._reach(state, max(state.segment, last), found)
        self._pass_all(state, until, found)

    def _pass_all(self, state: QualityState, until: int, found: list[NDArray[np.void]]) -> None:
        memory = state.instruments
        if int(memory["next_at"].min(initial=NONE)) >= until:
            return
        news = np.empty(8 * len(memory), NEWS)
        found.append(news[: pass_all(memory, until, self.params.rules, news, 0)])

    def _watch(
        self,
        state: QualityState,
        ticks: Ticks,
        refused: tuple[NDArray[np.int64], NDArray[np.int64]],
        found: list[NDArray[np.void]],
    ) -> None:
        count, none = row_count(ticks), np.empty(0)
        kind = np.zeros(count, np.uint8) if ticks.kind is None else ticks.kind
        conditions = np.zeros(count, np.uint32) if ticks.conditions is None else ticks.conditions
        dense = self.params.rules.dense and ticks.sequence is not None
        begins_at, ends_at = self._bounds(state.segment)
        news = np.empty(8 * (count + len(refused[0])), NEWS)
        found.append(
            news[
                : watch(
                    ticks.known_at,
                    ticks.instrument,
                    kind,
                    conditions,
                    np.empty(0, np.int64) if ticks.sequence is None else ticks.sequence,
                    none if ticks.best_bid is None else ticks.best_bid,
                    none if ticks.best_ask is None else ticks.best_ask,
                    *refused,
                    begins_at,
                    ends_at,
                    self._open(state.segment),
                    self.params.rules._replace(dense=dense),
                    state.instruments,
                    news,
                    0,
                )
            ]
        )

    def _flagged(self, state: QualityState, ticks: Ticks, rules: RowRules) -> Ticks:
        """Return ticks with the flags of the rules that rows break, beside those that they have."""
        full = complete_ticks(
            {name: column for name, column in ticks._asdict().items() if column is not None}
        )
        flags = np.array(full.flags, np.uint32)
        regular = self.params.sessions.session(full.known_at) == Session.REGULAR
        assert state.agenda is not None  # noqa: S101  the step has made it
        for start, stop, actions in stretches(state.agenda, full.known_at, self._indices):
            for which, action in actions:
                adjust(state.rows, which, action)
            rows = select(full, slice(start, stop))
            judge_rows(
                rows.instrument,
                rows.kind,
                rows.price,
                rows.size,
                rows.conditions,
                rows.bid,
                rows.ask,
                self.params.tick_sizes,
                regular[start:stop],
                rules,
                state.rows,
                flags[start:stop],
            )
        return ticks._replace(flags=flags)

    def _records(self, found: list[NDArray[np.void]]) -> list[MarketHealth]:
        return [self._record(row) for news in found for row in news]

    def _record(self, news: np.void) -> MarketHealth:
        state, cause = _STATES[int(news["state"])], _STATES[int(news["cause"])]
        words = (_WORDS if state is cause else _OVER)[cause]
        reason = words.format(measured=float(news["measured"]), limit=float(news["limit"]))
        return market_health(
            self.params.names[int(news["instrument"])],
            state,
            reason,
            source=self._source,
            sequence=int(news["number"]),
            event_at=int(news["at"]),
            known_at=int(news["at"]),
        )
