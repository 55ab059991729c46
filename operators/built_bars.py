"""Built bars: bars of the kinds that configuration names, `tick:500`, `renko:0.05`, `time:420`, beside the clock's.

Key     shard
In      MarketBatch with ticks and `bars`, which carry the marks of their kernel (`BarParams.keep_marks`)
Out     MarketBatch with `built`, in order of known_at, name, instrument, number, version; marks are off its `bars`
State   for each name an open bar of each instrument and the closed ones that may be revised; the rows of the revision
        horizon, and the short bars, seconds and minutes that longer ones are made of; what is made in the second that
        goes on; corporate actions to come
Time    a time bar closes when the shard's watermark, or a row's known_at, passes its end plus the lateness; any other
        with the row that completes it, or at its session's end. All leave when the second of their known_at is over.
Silence none: a late trade or a cancel that cannot revise a bar leaves as malformed, with its reason and the bar's name
"""

from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from domain.action_records import UNCHANGED, ActionRecord, Step, step_of
from domain.bar_kinds import BUILT_BAR, BarKind, BarSpec, Empty, Partial
from domain.instruments import Split
from domain.market import END, SECOND, Kind, Malformed, MarketBatch, Ticks, row_count, select
from domain.sessions import SessionTable
from operators import activity_bars
from operators.activity_bars import ActivityMaker, ActivityState
from operators.activity_rows import SIGN, Rows, held_rows, quote_rows, trade_rows
from operators.agenda import PRICED, Agenda, heard, planned, stretches
from operators.bar_revisions import History
from operators.built_history import refusal_of
from operators.composed_bars import ComposedState, Grid, with_partial
from operators.interval_bars import IntervalBars
from operators.retained_rows import NONE, RetainedRows, late_number, row_type
from operators.short_bars import ShortState
from operators.stage import Stage

LIVES = PRICED
Made = list[NDArray[np.void]]
Refused = list[tuple[int, Malformed]]
"""Rows of a batch, and why they were refused: they leave in the order of rows, so that none depends on batches."""


@dataclass(frozen=True)
class BuiltBarParams:
    """Which bars are made, and how.

    `intervals_seconds`, `lateness_nanoseconds` and `revision_horizon_seconds` are those of the clock's bars. Empty time
    bars are carried up to `ends_at` (ns UTC), when the input has ended. Imbalance and runs bars average what they
    expect over `expected_span_bars` bars and have between a part of `expected_limit` and as many times the trades of
    their size (0: any number). `splits` were known when the run began.
    """

    instruments: int
    sessions: SessionTable
    specs: tuple[BarSpec, ...]
    names: tuple[str, ...] = ()
    source: str = ""
    intervals_seconds: tuple[int, ...] = (1, 60)
    lateness_nanoseconds: int = 0
    revision_horizon_seconds: int = 1200
    empty: Empty = Empty.SKIP
    partial: Partial = Partial.MARK
    expected_span_bars: int = 20
    expected_limit: int = 10
    ends_at: int = 0
    splits: tuple[Split, ...] = ()

    def __post_init__(self) -> None:
        """Refuse names that come twice, and averages and limits that are none."""
        names = [spec.name for spec in self.specs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if not names or twice:
            raise ValueError(f"built bars need names, each once; {', '.join(twice or ['none'])} was given")
        if self.expected_span_bars < 1 or self.expected_limit < 0:
            raise ValueError(
                f"expectations need a span of at least 1 bar and a limit of at least 0; {self.expected_span_bars} and "
                f"{self.expected_limit} were given"
            )


@dataclass
class BuiltBarState:
    """All the memory of one shard.

    `effected` are actions that have taken effect while bars of before may still be on their way. `agenda` is None in a
    state of a version that knew of no actions; `short` where no bar has a part of a second.
    """

    signs: NDArray[np.void]
    mid_signs: NDArray[np.void]
    retained: RetainedRows
    activity: dict[int, ActivityState]
    composed: dict[int, ComposedState]
    lows: dict[float, History]
    waiting: NDArray[np.void] = field(default_factory=lambda: np.empty(0, BUILT_BAR))
    clock: int = -END
    agenda: Agenda | None = None
    effected: tuple[tuple[int, ActionRecord], ...] = ()
    short: dict[float, ShortState] | None = None


def adjust(state: BuiltBarState, which: int, action: ActionRecord) -> Step:
    """Bring the last prices of the tick rule over an action; return the step, by the last trade or else the mid."""
    traded, middle = float(state.signs["price"][which]), float(state.mid_signs["price"][which])
    step = step_of(action, traded if traded > 0 else middle)
    state.signs["price"][which] /= step.price
    state.mid_signs["price"][which] /= step.price
    return step


class BuiltBars(Stage[BuiltBarState]):
    """Ticks and bars of the clock to bars of named kinds."""

    def __init__(self, params: BuiltBarParams) -> None:
        self.params = params
        table = params.sessions
        edges = np.append(table.edges, END)
        labels = np.append(table.labels, 0).astype(np.int32)
        lateness, horizon = params.lateness_nanoseconds, params.revision_horizon_seconds
        grid = Grid(edges, labels, lateness, params.empty, horizon)
        expected = (params.expected_span_bars, params.expected_limit)
        self._intervals = IntervalBars(
            params.specs, params.instruments, grid, params.intervals_seconds, params.ends_at
        )
        self._makers = {
            place: ActivityMaker(place, spec, params.instruments, (edges, labels), lateness, expected)
            for place, spec in enumerate(params.specs)
            if spec.kind != BarKind.TIME
        }
        self._of_trades = [place for place, maker in self._makers.items() if not maker.spec.quotes]
        self._of_quotes = [place for place, maker in self._makers.items() if maker.spec.quotes]
        self._columns = {place: column for column, place in enumerate(self._of_trades)}
        self._horizon = horizon * SECOND
        self._index = {name: at for at, name in enumerate(params.names)}

    def fresh(self) -> BuiltBarState:
        """Return the memory of a shard that has seen nothing."""
        composed, lows, short = self._intervals.fresh()
        return BuiltBarState(
            np.zeros(self.params.instruments, SIGN),
            np.zeros(self.params.instruments, SIGN),
            RetainedRows(len(self._of_trades)),
            {place: maker.fresh() for place, maker in self._makers.items()},
            composed,
            lows,
            agenda=planned(self.params.splits),
            short=short,
        )

    def step(self, state: BuiltBarState, item: MarketBatch) -> list[MarketBatch]:
        """Take a batch in; answer with the same batch and the bars whose second is over."""
        made: Made = []
        lows: dict[float, Made] = {}
        refused: list[Malformed] = []
        state.agenda = heard(state.agenda, item.actions, self.params.splits)
        rows = row_count(item.ticks)
        for start, stop, actions in stretches(state.agenda, item.ticks.known_at, self._index) if rows else ():
            for which, action in actions:
                self._act(state, which, action, made)
            ticks = item.ticks if stop - start == rows else select(item.ticks, slice(start, stop))
            state.clock = max(state.clock, int(ticks.known_at[-1]))
            told: Refused = []
            if self._of_quotes:
                self._take_quotes(state, ticks, made)
            if self._of_trades:
                self._take_trades(state, ticks, made, told)
            self._intervals.take(state, ticks, lows, partial(self._refuse, ticks, told))
            refused += [entry for _, entry in sorted(told, key=itemgetter(0))]
        state.clock = max(state.clock, item.watermark)
        for action in state.agenda.due(state.clock) if state.clock < END else ():
            if action.instrument in self._index:
                self._act(state, self._index[action.instrument], action, made)
        for place, maker in self._makers.items():
            maker.close(state.activity[place], state.clock, partial(self._note, state, place, made))
        latest_at = state.clock if state.clock == END else state.clock - self.params.lateness_nanoseconds
        acted = [each for each in state.effected if each[1].effective_at <= latest_at]
        state.effected = tuple(each for each in state.effected if each[1].effective_at > latest_at)
        self._intervals.compose(state, item.bars, lows, acted, made)
        self._forget(state)
        bars = item.bars
        if bars is not None and len(bars):
            bars = bars.copy()
            bars["ended"] &= 1
        malformed = item.malformed + tuple(refused)
        return [item._replace(bars=bars, built=self._released(state, made), malformed=malformed)]

    def _note(self, state: BuiltBarState, place: int, made: Made, bars: NDArray[np.void]) -> None:
        """Keep what closed as long as it may be revised, and hand it on."""
        if len(bars):
            if self._horizon and place in self._columns:
                state.activity[place].history.append(bars)
            made.append(bars.copy())

    def _act(self, state: BuiltBarState, which: int, action: ActionRecord, made: Made) -> None:
        """Let an action happen to an instrument, when the sessions before it are cut."""
        step = adjust(state, which, action)
        for place, maker in self._makers.items():
            note = partial(self._note, state, place, made)
            maker.close(state.activity[place], action.effective_at, note)
            activity_bars.adjust(state.activity[place], maker.spec.kind, which, step)
            if maker.spec.kind == BarKind.RENKO and step != UNCHANGED:
                maker.begin_anew(state.activity[place], which, action.effective_at, note)
        state.effected = (*state.effected, (which, action))

    def _take_quotes(self, state: BuiltBarState, ticks: Ticks, made: Made) -> None:
        rows, count = quote_rows(ticks, state.mid_signs), row_count(ticks)
        unread = np.zeros(count, np.int64)
        for place in self._of_quotes:
            self._makers[place].take(
                state.activity[place], rows, (0, count), unread, unread,
                partial(self._note, state, place, made),
            )  # fmt: skip

    def _take_trades(self, state: BuiltBarState, ticks: Ticks, made: Made, refused: Refused) -> None:
        """Take trades in from cancel to cancel."""
        rows, count = trade_rows(ticks, state.signs), row_count(ticks)
        member = np.full((len(self._of_trades), count), NONE, np.int64)
        late = np.zeros((len(self._of_trades), count), np.int64)
        cancels = [] if ticks.kind is None else np.flatnonzero(ticks.kind == Kind.CANCEL).tolist()
        start = 0
        for stop in [*cancels, count]:
            for column, place in enumerate(self._of_trades):
                self._makers[place].take(
                    state.activity[place], rows, (start, stop), member[column], late[column],
                    partial(self._note, state, place, made),
                )  # fmt: skip
            self._take_late(state, ticks, rows, (start, stop), member, late, made, refused)
            if stop < count:
                self._cancel(state, ticks, stop, made, refused)
            start = stop + 1

    def _take_late(
        self,
        state: BuiltBarState,
        ticks: Ticks,
        rows: Rows,
        span: tuple[int, int],
        member: NDArray[np.int64],
        late: NDArray[np.int64],
        made: Made,
        refused: Refused,
    ) -> None:
        """Retain the rows of a span, and make the closed bars again that its late ones belong to."""
        start, stop = span
        for row in (start + np.flatnonzero(late[:, start:stop].any(axis=0))).tolist():
            which, known_at = int(rows.instrument[row]), int(rows.known_at[row])
            found: dict[int, int] = {}
            reached = rows.event_at[row] >= known_at - self._horizon
            for column in np.flatnonzero(late[:, row]).tolist() if reached else ():
                history = state.activity[self._of_trades[column]].history
                at = history.covering(which, int(rows.event_at[row]), int(late[column, row]) - 1)
                if at is not None and self._revisable(state, int(history.rows["open_at"][at]), known_at):
                    found[column] = at
                    member[column, row] = late_number(int(history.rows["number"][at]))
            self._retain(state, ticks, rows, start, row + 1, member)
            start = row + 1
            for column, at in found.items():
                self._again(state, column, at, known_at, made)
            unrevised = [column for column in np.flatnonzero(late[:, row]).tolist() if column not in found]
            if unrevised:
                reason = "beyond_revision_horizon" if self._horizon else "late_for_closed_bar"
                refused.append(self._refusal(ticks, row, reason, unrevised))
        self._retain(state, ticks, rows, start, stop, member)

    def _retain(
        self, state: BuiltBarState, ticks: Ticks, rows: Rows, start: int, stop: int, member: NDArray[np.int64]
    ) -> None:
        if not self._horizon or start >= stop:
            return
        at, columns = held_rows(rows, ticks, start, stop)
        kept = np.zeros(len(at), row_type(len(self._of_trades)))
        for name, values in columns.items():
            kept[name] = values
        kept["numbers"] = member[:, at].T
        state.retained.append(kept)

    def _revisable(self, state: BuiltBarState, open_at: int, known_at: int) -> bool:
        """Say whether every row of a bar that opened at an instant is still held when a row becomes known."""
        return (
            self._horizon > 0 and open_at >= known_at - self._horizon and open_at > state.retained.capped_at
        )

    def _again(self, state: BuiltBarState, column: int, at: int, known_at: int, made: Made) -> None:
        place = self._of_trades[column]
        history = state.activity[place].history
        bar = history.rows[at]
        which, number, open_at = int(bar["instrument"]), int(bar["number"]), int(bar["open_at"])
        rows = state.retained.of_bar(column, which, number, open_at)
        made.append(self._makers[place].closed_again(state.activity[place], at, rows, column, known_at))

    def _cancel(
        self,
        state: BuiltBarState,
        ticks: Ticks,
        row: int,
        made: Made,
        refused: Refused,
    ) -> None:
        """Take back a trade from the bar of each name that it stands in, closed or open."""
        which, known_at = int(ticks.instrument[row]), int(ticks.known_at[row])
        found = state.retained.find(which, 0 if ticks.reference is None else int(ticks.reference[row]))
        columns = list(range(len(self._of_trades)))
        if found is None:
            refused.append(self._refusal(ticks, row, "cancel_of_unknown_trade", columns))
            return
        found["cancelled"] = True
        unrevised = []
        for column in columns:
            number, one = int(found["numbers"][0, column]), state.activity[self._of_trades[column]]
            if number == NONE:
                continue
            number = number if number >= 0 else late_number(number)
            if number == int(one.open["number"][which]):
                done = self._revisable(state, int(one.open["open_at"][which]), known_at)
                if done:
                    rows = state.retained.of_bar(column, which, number, int(one.open["open_at"][which]))
                    self._makers[self._of_trades[column]].open_again(one, which, rows, column)
            else:
                at = one.history.at(which, number)
                done = at is not None and self._revisable(
                    state, int(one.history.rows["open_at"][at]), known_at
                )
                if done and at is not None:
                    self._again(state, column, at, known_at, made)
            if not done:
                unrevised.append(column)
        if unrevised:
            refused.append(self._refusal(ticks, row, "beyond_revision_horizon", unrevised))

    def _refusal(self, ticks: Ticks, row: int, reason: str, columns: list[int]) -> tuple[int, Malformed]:
        """Return a row that revised none of the bars of some names, and its quarantine entry."""
        bars = "+".join(self.params.specs[self._of_trades[column]].name for column in columns)
        return self._entry(ticks, row, reason, bars)

    def _refuse(self, ticks: Ticks, refused: Refused, bars: str, row: int, reason: str) -> None:
        refused.append(self._entry(ticks, row, reason, bars))

    def _entry(self, ticks: Ticks, row: int, reason: str, bars: str) -> tuple[int, Malformed]:
        params, which = self.params, int(ticks.instrument[row])
        name = params.names[which] if params.names else str(which)
        return row, refusal_of(ticks, row, reason, (params.source, name, bars))

    def _forget(self, state: BuiltBarState) -> None:
        """Let go of what can no longer be revised."""
        if not self._horizon or state.clock == END:
            return
        before_at = state.clock - self.params.lateness_nanoseconds - self._horizon
        state.retained.forget(before_at)
        for place in self._of_trades:
            state.activity[place].history.forget(before_at)
        self._intervals.forget(state, before_at)

    def _released(self, state: BuiltBarState, made: Made) -> NDArray[np.void]:
        """Return the bars whose known_at lies in a second that is over, by the partial policy; the others wait."""
        bars = np.concatenate([state.waiting, *made]) if made else state.waiting
        ready = bars["known_at"] // SECOND < state.clock // SECOND
        if state.clock == END:
            ready = np.ones(len(bars), np.bool_)
        state.waiting, leaving = bars[~ready], bars[ready]
        leaving = with_partial(leaving, self.params.partial)
        order = [leaving[name] for name in ("version", "number", "instrument", "spec", "known_at")]
        released: NDArray[np.void] = leaving[np.lexsort(order)]
        return released
