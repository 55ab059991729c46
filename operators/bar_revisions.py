"""Revisions: what a late trade or a cancel does to bars that have closed, and to those still open.

The trades of the last minutes are retained, so that a bar of up to five minutes is made again from all of its
trades, second by second in order of arrival; the bar of a session is made again from its minute bars.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.market import BAR, DAY_SECONDS, MINUTE, SECOND, Condition, Kind, Ticks
from domain.sessions import SessionTable
from operators.agenda import Living, lives
from operators.bar_kernel import LAST_ONLY, NO_RANGE
from operators.retained_trades import RetainedTrades, take_back

Total = dict[str, float]
"""What trades come to, in the fields of an open bar."""


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
        _total(state, instrument, *each) is not None
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
        elif held[level] or total is not None:
            key = (instrument, seconds, open_at)
            version = state.history.versions.get(key, int(held[level]) - 1) + 1
            state.history.versions[key] = version
            bar = _bar(params, key, close_at, known_at, version, total)
            if seconds * SECOND == MINUTE:
                state.history.replace(bar)
            made.append(bar)
    return np.concatenate([np.empty(0, BAR), *made])


def _total(state: Memory, instrument: int, seconds: int, stretch: tuple[int, int]) -> Total | None:
    """Return what an instrument's trades of a stretch of time come to; None where there are none."""
    if seconds == DAY_SECONDS:
        return _of_minutes(state, instrument, *stretch)
    return _of_trades(state.history.trades.within(instrument, *stretch))


def _of_trades(rows: NDArray[np.void]) -> Total | None:
    if not len(rows):
        return None
    price, conditions = rows["price"], rows["conditions"]
    moves = conditions & Condition.MOVES_OPEN_CLOSE != 0
    counted = conditions & Condition.COUNTS_VOLUME != 0
    moving, ranging = price[moves], price[conditions & Condition.MOVES_HIGH_LOW != 0]
    only = price[~moves & (conditions & Condition.LAST_IF_ONLY != 0)]
    return {
        "open": float(moving[0]) if len(moving) else np.nan,
        "close": float(moving[-1]) if len(moving) else np.nan,
        "only": float(only[-1]) if len(only) else np.nan,
        "high": float(ranging.max(initial=-np.inf)),
        "low": float(ranging.min(initial=np.inf)),
        "volume": float(rows["size"][counted].sum()),
        "notional": float((price * rows["size"])[counted].sum()),
        "trade_count": float(counted.sum()),
    }


def _of_minutes(state: Memory, instrument: int, open_at: int, close_at: int) -> Total | None:
    """Return what an instrument's closed minutes of a session, and its open minute, come to."""
    parts = [_of_bar(row) for row in state.history.within(instrument, open_at, close_at)]
    minute = int(state.clock[0]["second"]) * SECOND // MINUTE * MINUTE
    if open_at <= minute < close_at:
        parts.append(
            _of_trades(state.history.trades.within(instrument, minute, min(close_at, minute + MINUTE)))
        )
    total: Total | None = None
    for part in parts:
        if part is not None:
            total = part if total is None else _joined(total, part)
    return total


def _of_bar(row: np.void) -> Total | None:
    """Return what the trades of a minute bar came to, by its marks; None where all of them were cancelled."""
    if row["trade_count"] == 0 and np.isnan(row["open"]) and np.isnan(row["high"]):
        return None
    volume, last_only, no_range = float(row["volume"]), row["ended"] & LAST_ONLY, row["ended"] & NO_RANGE
    return {
        "open": np.nan if last_only else float(row["open"]),
        "close": np.nan if last_only else float(row["close"]),
        "only": float(row["close"]) if last_only else np.nan,
        "high": -np.inf if no_range else float(row["high"]),
        "low": np.inf if no_range else float(row["low"]),
        "volume": volume,
        "notional": float(row["vwap"]) * volume if volume > 0 else 0.0,
        "trade_count": float(row["trade_count"]),
    }


def _joined(first: Total, second: Total) -> Total:
    return {
        "open": second["open"] if np.isnan(first["open"]) else first["open"],
        "close": first["close"] if np.isnan(second["close"]) else second["close"],
        "only": first["only"] if np.isnan(second["only"]) else second["only"],
        "high": max(first["high"], second["high"]),
        "low": min(first["low"], second["low"]),
        "volume": first["volume"] + second["volume"],
        "notional": first["notional"] + second["notional"],
        "trade_count": first["trade_count"] + second["trade_count"],
    }


def _bar(
    params: Params, key: tuple[int, int, int], close_at: int, known_at: int, version: int, total: Total | None
) -> NDArray[np.void]:
    """Return a bar made again; one whose every trade was cancelled has no prices left."""
    bar = np.zeros(1, BAR)
    bar["instrument"], bar["interval"], bar["open_at"] = key
    bar["close_at"], bar["known_at"], bar["version"] = close_at, known_at, version
    if params.sessions is not None:
        bar["session"] = params.sessions.session_at(key[2])
    if total is None:
        for name in ("open", "high", "low", "close", "vwap"):
            bar[name] = np.nan
        return bar
    last_only = np.isnan(total["open"]) and not np.isnan(total["only"])
    opened, closed = (total["only"], total["only"]) if last_only else (total["open"], total["close"])
    no_range = total["high"] < total["low"]
    bar["open"], bar["close"] = opened, closed
    bar["high"], bar["low"] = (opened, opened) if no_range else (total["high"], total["low"])
    bar["volume"], bar["trade_count"] = total["volume"], total["trade_count"]
    bar["vwap"] = total["notional"] / total["volume"] if total["volume"] > 0 else np.nan
    bar["ended"] = (LAST_ONLY if last_only else 0) | (NO_RANGE if no_range else 0)
    return bar


def _store(state: Memory, slot: int, instrument: int, total: Total | None) -> None:
    word, bit = instrument >> 6, np.uint64(1) << np.uint64(instrument & 63)
    if total is None:
        state.touched[slot, word] &= ~bit
        return
    state.touched[slot, word] |= bit
    for name, value in total.items():
        state.open[name][slot, instrument] = value
