"""Built bars: bars of the kinds that configuration names, `tick:500`, `renko:0.05`, `time:420`, beside the clock's.

Key     shard
In      MarketBatch with ticks and `bars`, which carry the marks of their kernel (`BarParams.keep_marks`)
Out     MarketBatch with `built`, in order of known_at, name, instrument, number, version; marks are off its `bars`
State   for each name an open bar of each instrument and the closed ones that may be revised; the rows of the revision
        horizon, and the seconds and minutes that longer bars are made of; what is made in the second that goes on
Time    a time bar closes when the shard's watermark, or a row's known_at, passes its end plus the lateness; any other
        with the row that completes it, or at its session's end. All leave when the second of their known_at is over.
Silence none: a late trade or a cancel that cannot revise a bar leaves as malformed, with its reason and the bar's name
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.bar_kinds import BUILT_BAR, BarKind, BarSpec, Empty, Partial
from domain.market import END, SECOND, Kind, Malformed, MarketBatch, Ticks, row_count
from domain.sessions import SessionTable
from operators.activity_bars import ActivityMaker, ActivityState
from operators.activity_rows import SIGN, Rows, held_rows, quote_rows, trade_rows
from operators.bar_kernel import MADE_AGAIN
from operators.bar_revisions import History
from operators.composed_bars import ComposedState, Composer, Grid, lower_interval, of_interval, with_partial
from operators.retained_rows import NONE, RetainedRows, late_number, row_type
from operators.stage import Stage


@dataclass(frozen=True)
class BuiltBarParams:
    """Which bars are made, and how.

    `intervals_seconds`, `lateness_nanoseconds` and `revision_horizon_seconds` are those of the clock's bars. Empty time
    bars are carried up to `ends_at` (ns UTC), when the input has ended. Imbalance and runs bars average what they
    expect over `expected_span_bars` bars and have between a part of `expected_limit` and as many times the trades of
    their size (0: any number).
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
    """All the memory of one shard."""

    signs: NDArray[np.void]
    mid_signs: NDArray[np.void]
    retained: RetainedRows
    activity: dict[int, ActivityState]
    composed: dict[int, ComposedState]
    lows: dict[int, History]
    waiting: NDArray[np.void] = field(default_factory=lambda: np.empty(0, BUILT_BAR))
    clock: int = -END


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
        self._composers: dict[int, Composer] = {}
        self._makers: dict[int, ActivityMaker] = {}
        self._lower: dict[int, list[int]] = {}
        for place, spec in enumerate(params.specs):
            if spec.kind == BarKind.TIME:
                self._composers[place] = Composer(place, int(spec.size), params.instruments, grid)
                lower = lower_interval(spec, params.intervals_seconds, edges)
                self._lower.setdefault(lower, []).append(place)
            else:
                self._makers[place] = ActivityMaker(
                    place, spec, params.instruments, (edges, labels), lateness, expected
                )
        self._of_trades = [place for place, maker in self._makers.items() if not maker.spec.quotes]
        self._of_quotes = [place for place, maker in self._makers.items() if maker.spec.quotes]
        self._columns = {place: column for column, place in enumerate(self._of_trades)}
        self._longest = max([each.length for each in self._composers.values()], default=0)
        self._horizon = horizon * SECOND

    def fresh(self) -> BuiltBarState:
        """Return the memory of a shard that has seen nothing."""
        return BuiltBarState(
            np.zeros(self.params.instruments, SIGN),
            np.zeros(self.params.instruments, SIGN),
            RetainedRows(len(self._of_trades)),
            {place: maker.fresh() for place, maker in self._makers.items()},
            {place: composer.fresh() for place, composer in self._composers.items()},
            {seconds: History() for seconds in self._lower},
        )

    def step(self, state: BuiltBarState, item: MarketBatch) -> list[MarketBatch]:
        """Take a batch in; answer with the same batch and the bars whose second is over."""
        made: list[NDArray[np.void]] = []
        refused: list[Malformed] = []
        if row_count(item.ticks):
            state.clock = max(state.clock, int(item.ticks.known_at[-1]))
            if self._of_quotes:
                self._take_quotes(state, item.ticks, made)
            if self._of_trades:
                self._take_trades(state, item.ticks, made, refused)
        state.clock = max(state.clock, item.watermark)
        for place, maker in self._makers.items():
            maker.close(state.activity[place], state.clock, partial(self._note, state, place, made))
        for seconds in self._lower:
            self._compose(state, seconds, of_interval(item.bars, seconds), made)
        self._forget(state)
        bars = item.bars
        if bars is not None and len(bars):
            bars = bars.copy()
            bars["ended"] &= 1
        malformed = item.malformed + tuple(refused)
        return [item._replace(bars=bars, built=self._released(state, made), malformed=malformed)]

    def _note(
        self, state: BuiltBarState, place: int, made: list[NDArray[np.void]], bars: NDArray[np.void]
    ) -> None:
        """Keep what closed as long as it may be revised, and hand it on."""
        if len(bars):
            if self._horizon and place in self._columns:
                state.activity[place].history.append(bars)
            made.append(bars.copy())

    def _take_quotes(self, state: BuiltBarState, ticks: Ticks, made: list[NDArray[np.void]]) -> None:
        rows, count = quote_rows(ticks, state.mid_signs), row_count(ticks)
        unread = np.zeros(count, np.int64)
        for place in self._of_quotes:
            self._makers[place].take(
                state.activity[place], rows, (0, count), unread, unread,
                partial(self._note, state, place, made),
            )  # fmt: skip

    def _take_trades(
        self, state: BuiltBarState, ticks: Ticks, made: list[NDArray[np.void]], refused: list[Malformed]
    ) -> None:
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
        made: list[NDArray[np.void]],
        refused: list[Malformed],
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

    def _again(
        self, state: BuiltBarState, column: int, at: int, known_at: int, made: list[NDArray[np.void]]
    ) -> None:
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
        made: list[NDArray[np.void]],
        refused: list[Malformed],
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

    def _refusal(self, ticks: Ticks, row: int, reason: str, columns: list[int]) -> Malformed:
        """Return the quarantine entry of a row that revised none of the bars of some names."""
        params, which = self.params, int(ticks.instrument[row])
        name = params.names[which] if params.names else str(which)
        sequence = 0 if ticks.sequence is None else int(ticks.sequence[row])
        kind = Kind.TRADE if ticks.kind is None else Kind(int(ticks.kind[row]))
        values: dict[str, Any] = {
            "kind": kind.name,
            "event_at": int(ticks.event_at[row]),
            "price": float(ticks.price[row]),
            "size": float(ticks.size[row]),
        }
        bars = "+".join(params.specs[self._of_trades[column]].name for column in columns)
        return Malformed(
            params.source, f"{name}:{sequence}:{bars}", reason, repr(values), int(ticks.known_at[row])
        )

    def _compose(
        self, state: BuiltBarState, seconds: int, bars: NDArray[np.void], made: list[NDArray[np.void]]
    ) -> None:
        """Add the closed bars of an interval to the longer ones, one revision at a time, and close what is over."""
        lows, places = state.lows[seconds], self._lower[seconds]
        start = 0
        for stop in [*np.flatnonzero(bars["ended"] & MADE_AGAIN).tolist(), len(bars)]:
            if self._horizon:
                lows.remember(bars[start:stop])
            for place in places:
                self._composers[place].take(state.composed[place], bars[start:stop], made.append)
            if stop < len(bars):
                lows.replace(bars[stop : stop + 1])
                for place in places:
                    self._composers[place].revise(state.composed[place], lows, bars[stop], made.append)
            start = stop + 1
        ended = state.clock == END
        until = self.params.ends_at + self.params.lateness_nanoseconds if ended else state.clock
        for place in places:
            self._composers[place].close(state.composed[place], until, made.append)
            if ended:
                self._composers[place].end(state.composed[place], made.append)

    def _forget(self, state: BuiltBarState) -> None:
        """Let go of what can no longer be revised."""
        if not self._horizon or state.clock == END:
            return
        before_at = state.clock - self.params.lateness_nanoseconds - self._horizon
        state.retained.forget(before_at)
        for place in self._of_trades:
            state.activity[place].history.forget(before_at)
        for place, composed in state.composed.items():
            self._composers[place].forget(composed, before_at - SECOND)
        for lows in state.lows.values():
            oldest_at = before_at - self._longest - 60 * SECOND
            if lows.minute_count and int(lows.minutes["open_at"][0]) < oldest_at - self._horizon // 2:
                lows.forget(oldest_at)

    def _released(self, state: BuiltBarState, made: list[NDArray[np.void]]) -> NDArray[np.void]:
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
