"""Feature rows: at the close of each bar, what do the catalogue's features say of the instrument?

Key     shard
In      MarketBatch with bars and quote bars
Out     MarketBatch with `features`, one row for each bar of the feature interval
State   each family's state per instrument, and what revisions need: two earlier copies, the bars since the older one,
        and the quote bars that have no bar; the last close; corporate actions to come, and the factors of those before
Time    the bars' own; a revised bar makes its row again and every later row of its instrument, versions one higher
Silence none: every bar of the interval has a row, NaN where a feature does not speak yet
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.action_records import step_of
from domain.instruments import Split
from domain.market import BAR, END, QUOTE_BAR, SECOND, FeatureRows, MarketBatch
from domain.sessions import SessionTable
from features.catalogue import price_columns, share_columns
from features.continuity import Factor, continuous, continuous_quotes, factors_at
from features.evaluate import fresh, run
from features.family import Family
from operators.agenda import PRICED, Agenda, heard, planned
from operators.stage import Stage

LIVES = PRICED


@njit(cache=True, nogil=True, error_model="numpy")
def utc_days(bars: NDArray[np.void]) -> NDArray[np.int32]:
    """Return the UTC day in which each bar opened, in days since 1970-01-01."""
    open_at = bars["open_at"]
    days = np.empty(len(bars), np.int32)
    for row in range(len(bars)):
        days[row] = open_at[row] // (86_400 * SECOND)
    return days


@njit(cache=True, nogil=True, error_model="numpy")
def note_closes(bars: NDArray[np.void], closes: NDArray[np.float64]) -> None:
    """Keep the last close of each instrument, where a bar has one."""
    instrument, close = bars["instrument"], bars["close"]
    for row in range(len(bars)):
        if not np.isnan(close[row]):
            closes[instrument[row]] = close[row]


@dataclass(frozen=True)
class FeatureParams:
    """Which features of which bars.

    `families` in catalogue order; `interval_seconds` of the bars they are read from; `revisable_seconds` is how far
    back a revision reaches at the least, and not less than the bars' own horizon (0: bars are never revised and
    nothing is kept for it). Without `quotes` the families are given none; that needs a run without revisions.
    """

    instruments: int
    names: tuple[str, ...]
    families: tuple[Family, ...]
    sessions: SessionTable | None
    splits: tuple[Split, ...] = ()
    interval_seconds: int = 60
    revisable_seconds: int = 1800
    quotes: bool = True

    def __post_init__(self) -> None:
        """Refuse an empty catalogue."""
        if not self.families or self.interval_seconds < 1:
            raise ValueError(
                f"features need at least one family and an interval of at least 1 s; {len(self.families)} and "
                f"{self.interval_seconds} s were given"
            )
        if self.revisable_seconds and not self.quotes:
            seconds = self.revisable_seconds
            raise ValueError(
                f"features that can be revised need quotes; {seconds} seconds were given without"
            )


class RevisionTooOld(RuntimeError):
    """A bar was revised that is older than the features can go back: they keep less than the bars do."""


@dataclass
class Rows:
    """Bars that have been evaluated, with the version of their feature row, and the quote bar of each; raw prices."""

    bars: NDArray[np.void]
    quotes: NDArray[np.void]


@dataclass
class FeatureState:
    """All the memory of one shard.

    `earlier` are copies of `families` as of the bars closed at `earlier_at`, `since` the bars after the first of them,
    `waiting` the quote bars that no bar has been found for. `batches` counts those that brought anything. `closes` are
    the last closes, raw, by instrument; `factors` those of the actions that have taken effect; in a state of a version
    that knew of splits alone these are None.
    """

    families: list[NDArray[np.void]]
    waiting: NDArray[np.void]
    earlier: list[list[NDArray[np.void]]] = field(default_factory=list)
    earlier_at: list[int] = field(default_factory=list)
    since: list[Rows] = field(default_factory=list)
    batches: int = 0
    agenda: Agenda | None = None
    closes: NDArray[np.float64] | None = None
    factors: tuple[Factor, ...] = ()


def adjust(state: FeatureState, bars: NDArray[np.void], index: Mapping[str, int]) -> None:
    """Find the factors of the actions that take effect before the last of some bars, which come in order of closing.

    The price before an action is the close of the last bar of its instrument that opened before it. An instrument that
    had no bar by then has nothing to be continued.
    """
    assert state.agenda is not None  # noqa: S101  the step has made it
    assert state.closes is not None  # noqa: S101  likewise
    for action in state.agenda.due(int(bars["open_at"].max())):
        which = index.get(action.instrument)
        if which is None:
            continue
        mine = bars[(bars["instrument"] == which) & (bars["open_at"] < action.effective_at)]
        mine = mine[~np.isnan(mine["close"])]
        before = float(state.closes[which])
        if len(mine):
            before = float(mine["close"][-1])
            for factor in state.factors:
                if factor.instrument == which and factor.effective_at > mine["open_at"][-1]:
                    before /= factor.price
        if np.isnan(before):
            continue
        step = step_of(action, before)
        state.closes[which] = before / step.price
        state.factors = (*state.factors, Factor(which, action.effective_at, step.price, step.shares))


class FeatureStage(Stage[FeatureState]):
    """Bars and quote bars to feature rows."""

    layout = "2"

    def __init__(self, params: FeatureParams) -> None:
        self.params = params
        self._columns = sum(len(family.features) for family in params.families)
        self._price_columns = price_columns(params.families)
        self._share_columns = share_columns(params.families)
        self._index = {name: at for at, name in enumerate(params.names)}

    def fresh(self) -> FeatureState:
        """Return the memory of a shard that has seen nothing."""
        state = FeatureState(
            self._fresh_families(),
            np.empty(0, QUOTE_BAR),
            agenda=planned(self.params.splits),
            closes=np.full(self.params.instruments, np.nan),
        )
        if self.params.revisable_seconds:
            state.earlier, state.earlier_at = [self._fresh_families()], [0]
        return state

    def _fresh_families(self) -> list[NDArray[np.void]]:
        return fresh(self.params.families, self.params.instruments)

    def step(self, state: FeatureState, item: MarketBatch) -> list[MarketBatch]:
        """Add the feature rows of the bars that a batch closed."""
        if item.actions or state.agenda is None:
            self._hear(state, item)
        if item.bars is None:
            return [item]
        if self.params.quotes and item.quote_bars is not None and len(item.quote_bars):
            state.waiting = np.concatenate([state.waiting, item.quote_bars])
            state.batches += 1
        wanted = item.bars["interval"] == self.params.interval_seconds
        bars = item.bars if wanted.all() else item.bars[wanted]
        state.batches += bool(len(bars))
        if len(bars):
            adjust(state, bars, self._index)
        parts: list[FeatureRows] = []
        start = 0
        for at in self._late(state, bars):
            parts.append(self._evaluate(state, bars[start:at]))
            parts.append(self._again(state, bars[at : at + 1]))
            start = at + 1
        parts.append(self._evaluate(state, bars[start:]))
        return [item._replace(features=_joined(parts))]

    def _hear(self, state: FeatureState, item: MarketBatch) -> None:
        """Take in what a batch says of corporate actions."""
        if state.agenda is None:
            state.agenda, state.closes = Agenda(), np.full(self.params.instruments, np.nan)
            known = [split for split in self.params.splits if split.instrument in self._index]
            state.factors = tuple(
                Factor(
                    self._index[split.instrument], split.effective_at, float(split.ratio), float(split.ratio)
                )
                for split in known
            )
        state.agenda = heard(state.agenda, item.actions)
        state.batches += bool(item.actions)

    def changes(self, state: FeatureState) -> int:
        """Return how many batches have brought anything: between them the state stands still."""
        return state.batches

    def _late(self, state: FeatureState, bars: NDArray[np.void]) -> list[int]:
        """Return the rows of bars that are made again or may come after a later bar of their instrument."""
        if not self.params.revisable_seconds:
            return []
        late = bars["known_at"] > bars["close_at"] + SECOND
        late |= (bars["close_at"] <= state.earlier_at[-1]) | (bars["version"] > 0)
        return [int(at) for at in np.flatnonzero(late)]

    def _days(self, bars: NDArray[np.void]) -> NDArray[np.int32]:
        table = self.params.sessions
        if table is None:
            return utc_days(bars)
        return table.days[table.segment(np.ascontiguousarray(bars["open_at"]))]

    def _matched(self, state: FeatureState, bars: NDArray[np.void]) -> NDArray[np.void]:
        """Return the quote bar of each bar, an empty one where it has none; the others go on waiting while they may."""
        rows = np.zeros(len(bars), QUOTE_BAR)
        rows["bid"] = rows["ask"] = np.nan
        rows["instrument"], rows["close_at"] = bars["instrument"], bars["close_at"]
        waiting = state.waiting
        if len(waiting):
            width = self.params.instruments
            interval = self.params.interval_seconds * SECOND
            held = waiting["close_at"] // interval * width + waiting["instrument"]
            wanted = bars["close_at"] // interval * width + bars["instrument"]
            order = np.argsort(held, kind="stable")
            at = order[np.minimum(np.searchsorted(held, wanted, sorter=order), len(held) - 1)]
            found = held[at] == wanted
            rows[found] = waiting[at[found]]
            oldest = int(bars["close_at"].max()) - self.params.revisable_seconds * SECOND
            kept = waiting["close_at"] > oldest
            kept[at[found]] = False
            state.waiting = waiting[kept]
        return rows

    def _evaluate(self, state: FeatureState, bars: NDArray[np.void]) -> FeatureRows:
        """Take bars in as they close."""
        if not len(bars):
            return FeatureRows(bars, np.empty((self._columns, 0)))
        quotes = self._matched(state, bars) if self.params.quotes else np.empty(0, QUOTE_BAR)
        values = self._run(state, state.families, bars, quotes)
        assert state.closes is not None  # noqa: S101  the step has made it
        note_closes(bars, state.closes)
        if self.params.revisable_seconds:
            self._remember(state, Rows(bars.copy(), quotes))
        return FeatureRows(bars, values)

    def _run(
        self,
        state: FeatureState,
        families: list[NDArray[np.void]],
        bars: NDArray[np.void],
        quotes: NDArray[np.void],
        alone: bool = False,
    ) -> NDArray[np.float64]:
        """Step states over bars, made continuous across actions; return the features with prices raw again.

        Features that count shares are in those of the bar, too.

        `alone` says that the states are those of the bars' one instrument.
        """
        factors, days = factors_at(state.factors, bars), self._days(bars)
        if factors is not None:
            bars, quotes = continuous(bars, *factors), continuous_quotes(quotes, *factors)
        if alone:
            bars = bars.copy()
            bars["instrument"] = 0
        values = run(self.params.families, families, bars, days, quotes)
        if factors is not None:
            values[self._price_columns] /= factors[0]
            values[self._share_columns] *= factors[1]
        return values

    def _remember(self, state: FeatureState, rows: Rows) -> None:
        """Keep evaluated bars, and a copy of the states each `revisable_seconds`; forget before the older copy."""
        state.since.append(rows)
        close_at = int(rows.bars["close_at"].max())
        if close_at < state.earlier_at[-1] + self.params.revisable_seconds * SECOND:
            return
        state.earlier.append([family.copy() for family in state.families])
        state.earlier_at.append(close_at)
        while len(state.earlier) > 2:
            state.earlier.pop(0)
            state.earlier_at.pop(0)
            oldest = state.earlier_at[0]
            state.since = [kept for kept in state.since if int(kept.bars["close_at"].max()) > oldest]

    def _again(self, state: FeatureState, bar: NDArray[np.void]) -> FeatureRows:
        """Put a revised bar in its place and evaluate it, and all later bars of its instrument, once more."""
        which, close_at = int(bar["instrument"][0]), int(bar["close_at"][0])
        if close_at <= state.earlier_at[0]:
            raise RevisionTooOld(
                f"the bar of {self.params.names[which]} that closed at {close_at} was revised, features go back to "
                f"{state.earlier_at[0]}; `revisable_seconds` is at least the bars' horizon"
            )
        back = sum(instant < close_at for instant in state.earlier_at) - 1
        self._place(state, bar)
        bars, quotes = self._since(state, which, state.earlier_at[back])
        copies = [family[which : which + 1].copy() for family in state.earlier[back]]
        parts: list[NDArray[np.float64]] = []
        for later, until_at in [*enumerate(state.earlier_at[back + 1 :], back + 1), (0, END)]:
            begun = sum(len(part) for part in parts)
            until = int(np.searchsorted(bars["close_at"], until_at, side="right"))
            parts.append(self._run(state, copies, bars[begun:until], quotes[begun:until], alone=True).T)
            for family, copied in zip(state.earlier[later] if later else state.families, copies, strict=True):
                family[which] = copied[0]
        changed = bars["close_at"] >= close_at
        made = self._versioned(state, bars[changed], int(bar["known_at"][0]))
        return FeatureRows(made, np.ascontiguousarray(np.concatenate(parts)[changed].T))

    def _since(
        self, state: FeatureState, which: int, after_at: int
    ) -> tuple[NDArray[np.void], NDArray[np.void]]:
        """Return an instrument's evaluated bars that closed after an instant, in order, and their quotes."""
        bars, quotes = [np.empty(0, BAR)], [np.empty(0, QUOTE_BAR)]
        for rows in state.since:
            at = np.flatnonzero((rows.bars["instrument"] == which) & (rows.bars["close_at"] > after_at))
            bars.append(rows.bars[at])
            quotes.append(rows.quotes[at])
        joined = np.concatenate(bars)
        order = np.argsort(joined["close_at"], kind="stable")
        return joined[order], np.concatenate(quotes)[order]

    def _place(self, state: FeatureState, bar: NDArray[np.void]) -> None:
        """Replace the earlier version of a bar where it is kept, else add it to what has been evaluated."""
        for rows in state.since:
            same = (rows.bars["instrument"] == bar["instrument"][0]) & (
                rows.bars["close_at"] == bar["close_at"][0]
            )
            if same.any():
                version = int(rows.bars["version"][same][0])
                rows.bars[same] = bar
                rows.bars["version"][same] = version
                return
        state.since.append(Rows(bar.copy(), self._matched(state, bar)))
        state.since[-1].bars["version"] = -1

    def _versioned(self, state: FeatureState, made: NDArray[np.void], known_at: int) -> NDArray[np.void]:
        """Give rows that are made again the next version, here and where they are kept."""
        first_at, which = int(made["close_at"][0]), int(made["instrument"][0])
        for rows in state.since:
            inside = (rows.bars["instrument"] == which) & (rows.bars["close_at"] >= first_at)
            rows.bars["version"][inside] += 1
            rows.bars["known_at"][inside] = known_at
        made["version"] += 1
        made["known_at"] = known_at
        return made


def _joined(parts: list[FeatureRows]) -> FeatureRows:
    if len(parts) == 1:
        return parts[0]
    bars: NDArray[np.void] = np.concatenate([part.bars for part in parts])
    return FeatureRows(bars, np.concatenate([part.values for part in parts], axis=1))
