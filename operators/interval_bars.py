"""Interval bars: time bars of configured lengths, of the longest bars of the clock that fit or of short ones."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.action_records import ActionRecord
from domain.bar_kinds import BarKind, BarSpec
from domain.market import BAR, DAY_SECONDS, END, SECOND, Ticks
from operators import composed_bars
from operators.agenda import Living, lives
from operators.bar_revisions import History
from operators.bar_rules import MADE_AGAIN
from operators.composed_bars import ComposedState, Composer, Grid, lower_interval, of_interval
from operators.short_bars import ShortMaker, ShortState

LIVES = lives(Living.UNTOUCHED)
"""No state of its own: what an action changes is in the composed bars."""
Made = list[NDArray[np.void]]


class Memory(Protocol):
    """What is read and changed of the built bars' state."""

    composed: dict[int, ComposedState]
    lows: dict[float, History]
    short: dict[float, ShortState] | None
    clock: int


class IntervalBars:
    """Makes the bars of all names of a kind of time; the others of `specs` are not its own.

    `ends_at` is when empty bars end (ns UTC). What has a length below is by seconds of the bars it is made of.
    """

    def __init__(
        self,
        specs: Sequence[BarSpec],
        instruments: int,
        grid: Grid,
        intervals_seconds: tuple[int, ...],
        ends_at: int,
    ) -> None:
        self._grid, self._specs, self._ends_at = grid, specs, ends_at
        self._composers: dict[int, Composer] = {}
        self._lower: dict[float, list[int]] = {}
        for place, spec in enumerate(specs):
            if spec.kind == BarKind.TIME:
                self._composers[place] = Composer(place, spec.nanoseconds, instruments, grid)
                lower = lower_interval(spec, intervals_seconds, grid.edges)
                self._lower.setdefault(lower, []).append(place)
        longest = max(interval for interval in intervals_seconds if interval < DAY_SECONDS)
        self._shorts = {
            lower: ShortMaker(round(lower * SECOND), grid.lateness, grid.horizon, longest)
            for lower in self._lower
            if lower < 1
        }
        self._longest = max([each.length for each in self._composers.values()], default=0)

    def fresh(self) -> tuple[dict[int, ComposedState], dict[float, History], dict[float, ShortState] | None]:
        """Return the memory of bars that have seen nothing: of each name, of lower bars, and of short ones."""
        return (
            {place: composer.fresh() for place, composer in self._composers.items()},
            {lower: History() for lower in self._lower},
            {lower: ShortState() for lower in self._shorts} or None,
        )

    def take(
        self, state: Memory, ticks: Ticks, lows: dict[float, Made], refuse: Callable[[str, int, str], None]
    ) -> None:
        """Add to `lows` the short bars that rows close or make again; `refuse` is told names, row and reason."""
        for lower, maker in self._shorts.items():
            names = "+".join(self._specs[place].name for place in self._lower[lower])
            made = maker.take((state.short or {})[lower], ticks, partial(refuse, names))
            lows.setdefault(lower, []).extend(made)

    def compose(
        self,
        state: Memory,
        bars: NDArray[np.void] | None,
        lows: dict[float, Made],
        acted: list[tuple[int, ActionRecord]],
        made: Made,
    ) -> None:
        """Add the closed bars of the clock, and the short ones, to the longer ones, and close what is over."""
        for lower in self._lower:
            if lower in self._shorts:
                closed = self._shorts[lower].close((state.short or {})[lower], state.clock)
                parts = np.concatenate([np.empty(0, BAR), *lows.get(lower, []), *closed])
                self._compose(state, lower, parts, acted, made)
            else:
                self._compose(state, lower, of_interval(bars, lower), acted, made)

    def _compose(
        self,
        state: Memory,
        lower: float,
        bars: NDArray[np.void],
        acted: list[tuple[int, ActionRecord]],
        made: Made,
    ) -> None:
        """Add the closed bars of an interval to the longer ones, up to each action, and close what is over."""
        for which, action in acted:
            later = np.flatnonzero(bars["open_at"] >= action.effective_at)
            cut = int(later[0]) if len(later) else len(bars)
            self._add(state, lower, bars[:cut], made)
            bars = bars[cut:]
            for place in self._lower[lower]:
                until = action.effective_at + self._grid.lateness
                self._composers[place].close(state.composed[place], until, made.append)
                composed_bars.adjust(state.composed[place], which, action)
        self._add(state, lower, bars, made)
        ended = state.clock == END
        until = self._ends_at + self._grid.lateness if ended else state.clock
        for place in self._lower[lower]:
            self._composers[place].close(state.composed[place], until, made.append)
            if ended:
                self._composers[place].end(state.composed[place], made.append)

    def _add(self, state: Memory, lower: float, bars: NDArray[np.void], made: Made) -> None:
        """Add closed bars to the longer ones, one revision at a time."""
        lows, places = state.lows[lower], self._lower[lower]
        start = 0
        for stop in [*np.flatnonzero(bars["ended"] & MADE_AGAIN).tolist(), len(bars)]:
            if self._grid.horizon:
                lows.remember(bars[start:stop])
            for place in places:
                self._composers[place].take(state.composed[place], bars[start:stop], made.append)
            if stop < len(bars):
                lows.replace(bars[stop : stop + 1])
                for place in places:
                    self._composers[place].revise(state.composed[place], lows, bars[stop], made.append)
            start = stop + 1

    def forget(self, state: Memory, before_at: int) -> None:
        """Let go of what can no longer be revised."""
        for place, composed in state.composed.items():
            self._composers[place].forget(composed, before_at - SECOND)
        for lows in state.lows.values():
            oldest_at = before_at - self._longest - 60 * SECOND
            if (
                lows.minute_count
                and int(lows.minutes["open_at"][0]) < oldest_at - self._grid.horizon * SECOND // 2
            ):
                lows.forget(oldest_at)
