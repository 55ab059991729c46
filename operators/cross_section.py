"""Cross-section: how does each instrument compare with the others, at each close, as the universe is known then?

Key     book
In      Ordered with features: the columns that are compared, rows of all shards in the one total order
Out     Ordered with `features`: those columns and the comparisons', a row for each row that came, and again for each
        row that a later bar or revision changes
State   the last closes of all instruments: bars, columns and what was said of them, a row of arrays for each close;
        corporate actions to come, and the factors of those that have taken effect
Time    the rows' own; what is known at one instant is compared together, once
Silence never: every feature row has an answer, NaN where it cannot be compared
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.action_records import ActionRecord, step_of
from domain.instruments import Split
from domain.market import BAR, SECOND, FeatureRows, Ordered
from features.comparison import Closes, Comparison, Rules, compare
from features.continuity import Factor
from operators.agenda import PRICED, Agenda, heard, planned
from operators.stage import Stage

LIVES = PRICED
ABSENT = -1


@dataclass(frozen=True)
class CrossSectionParams:
    """What is compared, and how.

    `names` of the instruments; `columns` are those of the rows that come; `sectors` int32, one for each instrument,
    below 0 where it has none; `members_min` and `carry_seconds` as in features/comparison.py; `revisable_seconds` is
    how far back rows are made again, that of the features.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    sectors: NDArray[np.int32]
    splits: tuple[Split, ...] = ()
    members_min: int = 2
    carry_seconds: int = 0
    interval_seconds: int = 60
    revisable_seconds: int = 1800

    def __post_init__(self) -> None:
        """Refuse nothing to compare, a column that does not come, and an instrument that is not there."""
        if not self.comparisons or self.members_min < 1 or self.carry_seconds < 0:
            raise ValueError(
                f"a cross-section needs a comparison, members_min of at least 1 and carry_seconds of at least 0; "
                f"{len(self.comparisons)}, {self.members_min} and {self.carry_seconds} were given"
            )
        for each in self.comparisons:
            if each.reads and each.reads not in self.columns:
                raise ValueError(f"{each.title} compares {each.reads!r}, which does not come")
            for name in each.pair:
                if name not in self.names:
                    known = ", ".join(self.names[:5])
                    raise ValueError(
                        f"{each.title} compares {name!r}, which is not in the universe of {known} ..."
                    )

    @property
    def made(self) -> tuple[str, ...]:
        """Return the columns of the comparisons."""
        return tuple(column for each in self.comparisons for column in each.columns)

    @property
    def closes(self) -> int:
        """Return how many closes are kept: what the longest comparison of the oldest revisable close looks at."""
        spans = [each.window + each.refit for each in self.comparisons]
        revisable = 2 * self.revisable_seconds // self.interval_seconds
        return max(spans) + revisable + self.carry_seconds // self.interval_seconds + 2


class CloseTooOld(RuntimeError):
    """A row came of a close that the cross-section has forgotten: it keeps less than the features do."""


@dataclass
class CrossSectionState:
    """The last closes; place i of each array is of the close `close_at[i]` (ns UTC), 0 where the place is free.

    `bars` (closes, instruments), version `ABSENT` where there is none; `values` (columns, closes, instruments),
    `prices` their log closes in the prices of today; `said` (made columns, closes, instruments). `batches` counts those
    that brought anything. `agenda` is None in a state of a version that knew of splits alone.
    """

    close_at: NDArray[np.int64]
    bars: NDArray[np.void]
    values: NDArray[np.float64]
    prices: NDArray[np.float64]
    said: NDArray[np.float64]
    batches: int = field(default=0)
    agenda: Agenda | None = None
    factors: tuple[Factor, ...] = ()


def adjust(state: CrossSectionState, which: int, action: ActionRecord) -> None:
    """Bring the closes of an instrument that opened before an action over it, by the last of them.

    An instrument that had no bar by then has nothing to be continued.
    """
    bars = state.bars[:, which]
    held = bars["close_at"] > 0
    before = held & (bars["open_at"] < action.effective_at) & ~np.isnan(bars["close"])
    if not before.any():
        return
    last = bars[before][np.argmax(bars["open_at"][before])]
    price = float(last["close"])
    for factor in state.factors:
        if factor.instrument == which and factor.effective_at > last["open_at"]:
            price /= factor.price
    step = step_of(action, price)
    state.factors = (*state.factors, Factor(which, action.effective_at, step.price, step.shares))
    state.prices[held, which] = _logs(state, bars[held])


def _logs(state: CrossSectionState, bars: NDArray[np.void]) -> NDArray[np.float64]:
    """Return the log closes of bars in the prices of today."""
    divisors = np.ones(len(bars))
    for factor in state.factors:
        before = (bars["instrument"] == factor.instrument) & (bars["open_at"] < factor.effective_at)
        divisors[before] *= factor.price
    logs: NDArray[np.float64] = np.log(bars["close"] / divisors)
    return logs


class CrossSection(Stage[CrossSectionState]):
    """Feature rows of the universe to comparisons."""

    def __init__(self, params: CrossSectionParams) -> None:
        self.params = params
        self._pairs = [tuple(params.names.index(name) for name in each.pair) for each in params.comparisons]
        self._rules = Rules(
            params.sectors,
            params.interval_seconds * SECOND,
            params.members_min,
            params.carry_seconds * SECOND,
        )
        self._index = {name: at for at, name in enumerate(params.names)}

    def fresh(self) -> CrossSectionState:
        """Return the memory of a book that has seen no bar."""
        params = self.params
        shape = (params.closes, len(params.names))
        bars = np.zeros(shape, BAR)
        bars["version"] = ABSENT
        return CrossSectionState(
            np.zeros(params.closes, np.int64),
            bars,
            np.full((len(params.columns), *shape), np.nan),
            np.full(shape, np.nan),
            np.full((len(params.made), *shape), np.nan),
            agenda=planned(params.splits),
        )

    def step(self, state: CrossSectionState, item: Ordered) -> list[Ordered]:
        """Compare what an ordered batch brought, instant by instant."""
        rows = item.features
        if item.actions or state.agenda is None:
            self._hear(state, item)
        width = len(self.params.columns) + len(self.params.made)
        parts = [FeatureRows(np.empty(0, BAR), np.empty((width, 0)))]
        if rows is not None and len(rows.bars):
            state.batches += 1
            known_at = rows.bars["known_at"]
            edges = np.flatnonzero(np.diff(known_at)) + 1
            parts += [
                self._instant(state, rows.bars[mine], rows.values[:, mine])
                for mine in np.split(np.arange(len(known_at)), edges)
            ]
        joined = FeatureRows(
            np.concatenate([part.bars for part in parts]),
            np.concatenate([part.values for part in parts], axis=1),
        )
        return [item._replace(features=joined)]

    def _hear(self, state: CrossSectionState, item: Ordered) -> None:
        """Take in what a batch says of corporate actions."""
        if state.agenda is None:
            with np.errstate(divide="ignore"):
                state.prices = np.where(state.bars["close_at"] > 0, np.log(state.bars["close"]), np.nan)
        state.agenda = heard(state.agenda, item.actions, self.params.splits)
        state.batches += bool(item.actions)

    def changes(self, state: CrossSectionState) -> int:
        """Return how many batches have brought anything: between them the state stands still."""
        return state.batches

    def _instant(
        self, state: CrossSectionState, bars: NDArray[np.void], values: NDArray[np.float64]
    ) -> FeatureRows:
        """Take in what became known at one instant, and answer for it."""
        came = np.zeros(state.bars.shape, np.bool_)
        self._make_room(state, bars["close_at"])
        order = np.argsort(state.close_at, kind="stable")
        place = order[np.searchsorted(state.close_at, bars["close_at"], sorter=order)]
        which = bars["instrument"]
        versions = state.bars["version"][place, which]
        state.bars[place, which] = bars
        state.bars["version"][place, which] = versions
        state.values[:, place, which] = values
        state.prices[place, which] = _logs(state, bars)
        assert state.agenda is not None  # noqa: S101  the step has made it
        for action in state.agenda.due(int(bars["open_at"].max())):
            if action.instrument in self._index:
                adjust(state, self._index[action.instrument], action)
        came[place, which] = True
        return self._answer(state, came, int(bars["known_at"][0]), int(bars["close_at"].min()))

    def _make_room(self, state: CrossSectionState, close_at: NDArray[np.int64]) -> None:
        """Give each new close the place of the oldest; raise CloseTooOld for one that is older still."""
        for instant in np.unique(close_at).tolist():
            if instant in state.close_at:
                continue
            oldest = int(state.close_at.argmin())
            if instant < state.close_at[oldest]:
                raise CloseTooOld(
                    f"a bar that closed at {instant} came when closes are kept from {int(state.close_at[oldest])} on; "
                    "`revisable_seconds` is at least the bars' horizon"
                )
            state.close_at[oldest] = instant
            state.bars[oldest] = np.zeros(1, BAR)
            state.bars["version"][oldest] = ABSENT
            state.values[:, oldest] = state.prices[oldest] = state.said[:, oldest] = np.nan

    def _answer(
        self, state: CrossSectionState, came: NDArray[np.bool_], known_at: int, first_at: int
    ) -> FeatureRows:
        """Return the rows that came, and those of `first_at` (ns UTC) or later whose comparisons are others now."""
        order = np.argsort(state.close_at, kind="stable")
        order = order[state.close_at[order] > 0]
        close_at = state.close_at[order]
        first = int(np.searchsorted(close_at, first_at))
        since = self._since(order, first)
        touched = order[first:]
        closes = Closes(
            close_at[since:],
            state.bars["version"][order[since:]] != ABSENT,
            self.params.columns,
            state.values[:, order[since:]],
            state.prices[order[since:]],
        )
        closes.present[came[order[since:]]] = True
        said = np.concatenate(
            [
                compare(each, closes, first - since, self._rules, pair)
                for each, pair in zip(self.params.comparisons, self._pairs, strict=True)
            ]
        )
        before = state.said[:, touched].view(np.uint64)
        there = state.bars["version"][touched] != ABSENT
        changed = came[touched] | (there & (before != said.view(np.uint64)).any(axis=0))
        state.said[:, touched] = said
        which, at = np.nonzero(changed.T)
        slots = touched[at]
        state.bars["version"][slots, which] += 1
        state.bars["known_at"][slots, which] = known_at
        state.bars["ended"][slots, which] = 0
        return FeatureRows(
            state.bars[slots, which],
            np.concatenate([state.values[:, slots, which], state.said[:, slots, which]]),
        )

    def _since(self, order: NDArray[np.intp], first: int) -> int:
        """Return from which close on everything has to be looked at, so that those from `first` on can be compared."""
        reach = max(each.window + each.refit for each in self.params.comparisons)
        return max(0, first - reach - self.params.carry_seconds // self.params.interval_seconds - 1)
