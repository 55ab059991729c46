"""Revisions: what a late trade or a cancel does to bars that have closed, and to those still open.

The trades of the last minutes are retained, so that a bar of up to five minutes is made again from all of its
trades, second by second in order of arrival; the bar of a session is made again from its minute bars.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import BAR, DAY_SECONDS, MINUTE, SECOND, Condition, Kind, Ticks
from domain.sessions import SessionTable
from operators.agenda import Living, lives
from operators.bar_rules import ACCUMULATOR, add, clear, join, put, stands, take
from operators.retained_trades import RetainedTrades, take_back

_compiled = njit(cache=True, nogil=True, error_model="numpy")
Total = NDArray[np.void]
"""What trades come to: an open bar (ACCUMULATOR) in an array of one; an empty array where there are none."""


class Params(Protocol):
    """What a revision reads of the bars' parameters."""

    @property
    def intervals_seconds(self) -> tuple[int, ...]:
        """Intervals that are made."""
        ...

    @property
    def revision_horizon_seconds(self) -> int:
        """How far back a revision reaches."""
        ...

    @property
    def sessions(self) -> SessionTable | None:
        """Sessions that name a bar's part of the day."""
        ...


class Memory(Protocol):
    """What a revision reads and changes of the bars' state."""

    open: NDArray[np.void]
    touched: NDArray[np.uint64]
    clock: NDArray[np.void]
    history: "History"


LIVES = lives(Living.UNTOUCHED)
"""Bars and trades stay in the prices of their time: nothing that an action divides is revised across it."""


@dataclass
class History:
    """What revisions need of the past.

    The recent trades; the minute bars of the sessions that may still be revised, with their marks, in rows 0 to
    `minute_count` of `minutes`; and the versions of revised bars by (instrument, interval, open_at).
    """

    trades: RetainedTrades = field(default_factory=RetainedTrades)
    versions: dict[tuple[int, int, int], int] = field(default_factory=dict)
    minutes: NDArray[np.void] = field(default_factory=lambda: np.empty(0, BAR))
    minute_count: int = 0

    def remember(self, minutes: NDArray[np.void]) -> None:
        """Keep closed minute bars, with the marks that the kernel left on them."""
        count = self.minute_count + len(minutes)
        if count > len(self.minutes):
            grown = np.zeros(2 * count, BAR)
            grown[: self.minute_count] = self.minutes[: self.minute_count]
            self.minutes = grown
        self.minutes[self.minute_count : count] = minutes
        self.minute_count = count

    def forget(self, before_at: int) -> None:
        """Let go of minute bars and versions of bars that open before an instant (ns UTC)."""
        kept = self.minutes[: self.minute_count]
        if len(kept) and kept["open_at"][0] < before_at:
            self.minutes = kept[kept["open_at"] >= before_at].copy()
            self.minute_count = len(self.minutes)
        if self.versions and min(key[2] for key in self.versions) < before_at:
            self.versions = {key: version for key, version in self.versions.items() if key[2] >= before_at}

    def replace(self, bar: NDArray[np.void]) -> None:
        """Put a revised minute bar in the place of its earlier version, or add it."""
        kept = self.minutes[: self.minute_count]
        same = (kept["instrument"] == bar["instrument"][0]) & (kept["open_at"] == bar["open_at"][0])
        if same.any():
            kept[same] = bar
        else:
            self.remember(bar)

    def within(self, instrument: int, open_at: int, close_at: int) -> NDArray[np.void]:
        """Return an instrument's minute bars of a stretch of time, in order."""
        kept = self.minutes[: self.minute_count]
        rows = kept[
            (kept["instrument"] == instrument) & (kept["open_at"] >= open_at) & (kept["open_at"] < close_at)
        ]
        found: NDArray[np.void] = rows[np.argsort(rows["open_at"], kind="stable")]
        return found


def revise(
    state: Memory, params: Params, edges: NDArray[np.int64], ticks: Ticks, at: int
) -> tuple[NDArray[np.void], str]:
    """Take back a trade or take in a late one; return the bars made again and, where that cannot be, why.

    `at` is the row of `ticks` that is a cancel or a late trade. The bars carry the kernel's marks.
    """
    instrument, trades = int(ticks.instrument[at]), state.history.trades
    cancel = ticks.kind is not None and ticks.kind[at] == Kind.CANCEL
    traded_at = int(ticks.event_at[at])
    if cancel:
        found = trades.find(instrument, 0 if ticks.reference is None else int(ticks.reference[at]))
        if found is None:
            return np.empty(0, BAR), "cancel_of_unknown_trade"
        traded_at = int(found[0].rows["event_at"][found[1]])
    longest = max(interval for interval in params.intervals_seconds if interval < DAY_SECONDS)
    start_at = span(edges, traded_at, longest)[0]
    if start_at < horizon_at(state, params) or start_at <= trades.capped_at:
        return np.empty(0, BAR), "cancel_of_unknown_trade" if cancel else "beyond_revision_horizon"
    spans = [span(edges, traded_at, seconds) for seconds in params.intervals_seconds]
    held = [
        len(_total(state, instrument, *each)) > 0
        for each in zip(params.intervals_seconds, spans, strict=True)
    ]
    if cancel and found is not None:
        take_back(*found)
    else:
        trades.append(ticks, at, at + 1)
    return _bars_again(state, params, spans, held, instrument, int(ticks.known_at[at])), ""


def horizon_at(state: Memory, params: Params) -> int:
    """Return the instant (ns UTC) before which nothing is revised; a function of the bars' clock alone."""
    return (int(state.clock[0]["second"]) - params.revision_horizon_seconds) * SECOND


def span(edges: NDArray[np.int64], event_at: int, seconds: int) -> tuple[int, int]:
    """Return open and close (ns UTC) of the bar of that many seconds in which an instant lies."""
    if seconds == DAY_SECONDS:
        segment = int(np.searchsorted(edges, event_at, side="right"))
        return (int(edges[segment - 1]) if segment else 0), int(edges[segment])
    length = seconds * SECOND
    return event_at // length * length, event_at // length * length + length


def _bars_again(
    state: Memory,
    params: Params,
    spans: list[tuple[int, int]],
    held: list[bool],
    instrument: int,
    known_at: int,
) -> NDArray[np.void]:
    begun = int(state.clock[0]["second"]) * SECOND
    made: list[NDArray[np.void]] = []
    for level, (seconds, (open_at, close_at)) in enumerate(zip(params.intervals_seconds, spans, strict=True)):
        if level and open_at >= begun:
            continue  # its slot holds the bar before it, or nothing yet
        open_still = close_at > begun
        until = begun if open_still and level else close_at
        total = _total(state, instrument, seconds, (open_at, until))
        if open_still:
            _store(state, level + 1 if level else (open_at // SECOND) & 1, instrument, total)
        elif held[level] or len(total):
            key = (instrument, seconds, open_at)
            version = state.history.versions.get(key, int(held[level]) - 1) + 1
            state.history.versions[key] = version
            bar = _bar(params, key, close_at, known_at, version, total)
            if seconds * SECOND == MINUTE:
                state.history.replace(bar)
            made.append(bar)
    return np.concatenate([np.empty(0, BAR), *made])


def _total(state: Memory, instrument: int, seconds: int, stretch: tuple[int, int]) -> Total:
    """Return what an instrument's trades of a stretch of time come to."""
    if seconds == DAY_SECONDS:
        return _of_minutes(state, instrument, *stretch)
    return _of_trades(state.history.trades.within(instrument, *stretch))


def _of_trades(rows: NDArray[np.void]) -> Total:
    """Return what trades come to; sums are numpy's, which adds in pairs: nearer than one by one over many trades."""
    total: Total = _taken(rows)
    counted = rows["conditions"] & Condition.COUNTS_VOLUME != 0
    total["volume"] = rows["size"][counted].sum()
    total["notional"] = (rows["price"] * rows["size"])[counted].sum()
    return total


def _of_minutes(state: Memory, instrument: int, open_at: int, close_at: int) -> Total:
    """Return what an instrument's closed minutes of a session, and its open minute, come to."""
    minutes, last = state.history.within(instrument, open_at, close_at), np.empty(0, ACCUMULATOR)
    minute = int(state.clock[0]["second"]) * SECOND // MINUTE * MINUTE
    if open_at <= minute < close_at:
        until = min(close_at, minute + MINUTE)
        last = _of_trades(state.history.trades.within(instrument, minute, until))
    total: Total = _added(minutes, last)
    return total


@_compiled
def _taken(rows):  # type: ignore[no-untyped-def]
    """Return what trades come to, taken one by one."""
    total = np.zeros(min(len(rows), 1), ACCUMULATOR)
    if len(rows):
        clear(total[0])
    for row in range(len(rows)):
        take(total[0], rows[row].price, rows[row].size, rows[row].conditions)
    return total


@_compiled
def _added(minutes, last):  # type: ignore[no-untyped-def]
    """Return what minute bars of which a trade stands, and then what is open, come to."""
    total, held = np.zeros(1, ACCUMULATOR), len(last) > 0
    clear(total[0])
    for row in range(len(minutes)):
        if stands(minutes[row]):
            add(total[0], minutes[row])
            held = True
    if len(last):
        join(total[0], last[0])
    return total if held else total[:0]


@_compiled
def _written(bar, total):  # type: ignore[no-untyped-def]
    """Write what trades came to into a bar, an array of one."""
    bar[0].ended = put(bar[0], total[0])


def _bar(
    params: Params, key: tuple[int, int, int], close_at: int, known_at: int, version: int, total: Total
) -> NDArray[np.void]:
    """Return a bar made again; one whose every trade was cancelled has no prices left."""
    bar = np.zeros(1, BAR)
    bar["instrument"], bar["interval"], bar["open_at"] = key
    bar["close_at"], bar["known_at"], bar["version"] = close_at, known_at, version
    if params.sessions is not None:
        bar["session"] = params.sessions.session_at(key[2])
    if not len(total):
        for name in ("open", "high", "low", "close", "vwap"):
            bar[name] = np.nan
        return bar
    _written(bar, total)
    return bar


def _store(state: Memory, slot: int, instrument: int, total: Total) -> None:
    word, bit = instrument >> 6, np.uint64(1) << np.uint64(instrument & 63)
    if not len(total):
        state.touched[slot, word] &= ~bit
        return
    state.touched[slot, word] |= bit
    state.open[slot, instrument] = total[0]
