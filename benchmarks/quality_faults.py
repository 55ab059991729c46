"""What goes wrong with ticks, put into a clean day on purpose: one kind of fault at a time, where the seed says."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality_days import Day
from domain.market import (
    ELIGIBLE,
    SECOND,
    Condition,
    Kind,
    Session,
    Ticks,
    complete_ticks,
    concatenate,
    row_count,
    select,
)

Rows = NDArray[np.intp]
SHARE_OF_DAY = 0.1
"""The first tenth of a day is left alone, so that every rule has seen enough."""


class Fault(NamedTuple):
    """Something is wrong with an instrument from `from_at` to `to_at` (ns UTC), both inclusive."""

    instrument: str
    from_at: int
    to_at: int


class Faulty(NamedTuple):
    """A day with faults in it."""

    ticks: Ticks
    faults: list[Fault]


Put = Callable[[np.random.Generator, Day, int], Faulty | None]


def _chosen(rng: np.random.Generator, day: Day, fits: NDArray[np.bool_], count: int, apart: int = 1) -> Rows:
    """Return rows that fit, in the regular session and behind the warm-up, at least `apart` of those apart."""
    ticks = day.ticks
    calm = day.sessions.session(ticks.known_at) == Session.REGULAR
    calm[: int(SHARE_OF_DAY * len(calm))] = False
    rows = np.flatnonzero(fits & calm)
    if len(rows) <= apart * 2:
        return np.empty(0, np.intp)
    places = np.sort(rng.choice(len(rows) // apart, min(count, len(rows) // apart - 1), replace=False))
    return rows[places * apart]


def _spaced(day: Day, rows: Rows, seconds: int) -> Rows:
    """Return those rows that are so many seconds of the data's time apart, so that faults do not touch."""
    kept, free_at = [], 0
    for row in rows:
        if int(day.ticks.known_at[row]) >= free_at:
            kept.append(row)
            free_at = int(day.ticks.known_at[row]) + seconds * SECOND
    return np.array(kept, np.intp)


def _trades(day: Day) -> NDArray[np.bool_]:
    """Say which rows are trades of a round lot that count for everything."""
    ticks = day.ticks
    assert ticks.kind is not None
    assert ticks.conditions is not None
    eligible = (ticks.conditions & np.uint32(ELIGIBLE)) == ELIGIBLE
    return np.asarray((ticks.kind == Kind.TRADE) & eligible)


def _quotes(day: Day) -> NDArray[np.bool_]:
    """Say which rows are quotes of both sides."""
    ticks = day.ticks
    assert ticks.bid is not None
    assert ticks.ask is not None
    return np.asarray((ticks.bid > 0) & (ticks.ask > ticks.bid))


def _at(day: Day, rows: Rows) -> list[Fault]:
    ticks = day.ticks
    return [
        Fault(day.names[int(ticks.instrument[row])], int(ticks.known_at[row]), int(ticks.known_at[row]))
        for row in rows
    ]


def _priced(day: Day, rows: Rows, factors: NDArray[np.float64]) -> Ticks:
    """Return ticks whose prices, bids and asks at `rows` are multiplied."""
    ticks = day.ticks
    assert ticks.bid is not None
    assert ticks.ask is not None
    price, bid, ask = ticks.price.copy(), ticks.bid.copy(), ticks.ask.copy()
    for column in (price, bid, ask):
        column[rows] *= factors
    return ticks._replace(price=price, bid=bid, ask=ask)


def outliers(rng: np.random.Generator, day: Day, count: int) -> Faulty:
    """Move trades, or quotes where there are no trades, by one to five per cent, rounded to ticks."""
    trades = _trades(day)
    rows = _chosen(rng, day, trades if trades.any() else _quotes(day), count, 50)
    factors = 1.0 + rng.uniform(0.01, 0.05, len(rows)) * rng.choice([-1.0, 1.0], len(rows))
    return Faulty(_on_tick(day, _priced(day, rows, factors), rows), _at(day, rows))


def _on_tick(day: Day, ticks: Ticks, rows: Rows) -> Ticks:
    sizes = day.tick_sizes[ticks.instrument[rows]]
    columns = {"price": ticks.price, "bid": ticks.bid, "ask": ticks.ask}
    for column in columns.values():
        assert column is not None
        column[rows] = np.round(column[rows] / sizes) * sizes
    return ticks


def scales(rng: np.random.Generator, day: Day, count: int) -> Faulty:
    """Multiply prices by 10, 100, a 10th, a 100th, or put one over them."""
    trades = _trades(day)
    rows = _chosen(rng, day, trades if trades.any() else _quotes(day), count, 50)
    ticks = day.ticks
    assert ticks.bid is not None
    level = np.where(np.isnan(ticks.price[rows]), ticks.bid[rows], ticks.price[rows])
    kind = rng.integers(0, 5, len(rows))
    factors = np.select([kind == number for number in range(4)], [10.0, 100.0, 0.1, 0.01], 1.0 / level**2)
    return Faulty(_priced(day, rows, factors), _at(day, rows))


def spreads(rng: np.random.Generator, day: Day, count: int) -> Faulty:
    """Widen the spread to 100 to 300 times the day's median, and to 0.3 to 1 per cent of the price at least."""
    fits = _quotes(day)
    rows, ticks = _chosen(rng, day, fits, count, 50), day.ticks
    if not len(rows) or ticks.ask is None or ticks.bid is None:
        return Faulty(ticks, [])
    median = float(np.median((ticks.ask - ticks.bid)[fits]))
    ask = ticks.ask.copy()
    least = ticks.bid[rows] * rng.uniform(0.003, 0.01, len(rows))
    ask[rows] = ticks.bid[rows] + np.maximum(least, median * rng.uniform(100, 300, len(rows)))
    return Faulty(ticks._replace(ask=ask), _at(day, rows))


def crossings(rng: np.random.Generator, day: Day, count: int) -> Faulty:
    """Let the bid stand above the ask for three to ten seconds, ten seconds or more from where it does not stand below.

    The last of the crossed quotes stands until the next one.
    """
    rows, ticks = _spaced(day, _chosen(rng, day, _quotes(day), count, 100), 30)[:20], day.ticks
    assert ticks.bid is not None
    assert ticks.ask is not None
    bid, ask, faults = ticks.bid.copy(), ticks.ask.copy(), []
    for row in rows:
        start, which = int(ticks.known_at[row]), ticks.instrument[row]
        stop = start + int(rng.integers(3 * SECOND, 10 * SECOND))
        mine = ticks.instrument == which
        inside = (ticks.known_at >= start) & (ticks.known_at < stop) & mine
        near = (ticks.known_at >= start - 10 * SECOND) & (ticks.known_at < stop + 10 * SECOND) & mine
        if (ticks.bid[near] >= ticks.ask[near]).any():
            continue
        bid[inside], ask[inside] = ticks.ask[inside], ticks.bid[inside]
        later = np.flatnonzero(mine & (ticks.known_at >= stop))
        stands_to = int(ticks.known_at[later[0] if len(later) else -1])
        if stands_to - start > SECOND:
            faults.append(Fault(day.names[int(which)], start + SECOND, stands_to + SECOND))
    return Faulty(ticks._replace(bid=bid, ask=ask), faults)


def silences(rng: np.random.Generator, day: Day, count: int) -> Faulty:
    """Take an instrument's rows away for 6 to 10 times the longest gap of the 1,000 rows before, a minute at least."""
    ticks = day.ticks
    kept, faults = np.ones(row_count(ticks), np.bool_), []
    for which, name in enumerate(day.names):
        mine = ticks.instrument == which
        rows = _chosen(rng, day, mine, min(count, 8), max(1, int(mine.sum()) // 40))
        for row in rows[::2]:
            start = int(ticks.known_at[row])
            before = ticks.known_at[: row + 1][mine[: row + 1]][-1000:]
            longest = int(np.diff(before).max())
            stop = start + max(60 * SECOND, int(rng.uniform(6, 10) * longest))
            gone = mine & (ticks.known_at > start) & (ticks.known_at < stop)
            after = mine & (ticks.known_at >= stop)
            regular = day.sessions.session(np.array([start, stop])) == Session.REGULAR
            same = len(np.unique(day.sessions.segment(np.array([start, stop])))) == 1
            if after.any() and regular.all() and same and kept[gone].all():
                kept &= ~gone
                faults.append(Fault(name, start, stop))
    return Faulty(select(ticks, kept), faults)


def regressions(rng: np.random.Generator, day: Day, count: int) -> Faulty:
    """Let rows have happened one to sixty seconds before the row of their kind that came before them."""
    rows, ticks = _chosen(rng, day, np.ones(row_count(day.ticks), np.bool_), count, 50), day.ticks
    event_at, kinds = ticks.event_at.copy(), ticks.kind
    assert kinds is not None
    for row in rows:
        alike = (ticks.instrument[:row] == ticks.instrument[row]) & (kinds[:row] == kinds[row])
        event_at[row] = event_at[:row][alike][-1] - rng.integers(SECOND, 60 * SECOND)
    return Faulty(ticks._replace(event_at=event_at), _at(day, rows))


def gaps(rng: np.random.Generator, day: Day, count: int) -> Faulty:
    """Leave rows out, one at a time, two hundred rows and ten seconds or more apart."""
    ticks = day.ticks
    rows = _spaced(day, _chosen(rng, day, np.ones(row_count(ticks), np.bool_), count, 200), 10)
    kept = np.ones(row_count(ticks), np.bool_)
    kept[rows] = False
    faults = [fault._replace(to_at=fault.from_at + 60 * SECOND) for fault in _at(day, rows)]
    return Faulty(select(ticks, kept), faults)


def copies(rng: np.random.Generator, day: Day, count: int) -> Faulty:
    """Let rows come twice under one number."""
    rows = _chosen(rng, day, np.ones(row_count(day.ticks), np.bool_), count, 50)
    order = np.sort(np.concatenate([np.arange(row_count(day.ticks)), rows]))
    return Faulty(select(day.ticks, order), _at(day, rows))


def halts(rng: np.random.Generator, day: Day, count: int) -> Faulty:
    """Halt instruments for twenty seconds in which trades go on."""
    rows, ticks = _spaced(day, _chosen(rng, day, _trades(day), count, 50), 60)[:30], day.ticks
    assert ticks.kind is not None
    at = ticks.known_at[rows]
    status = complete_ticks(
        {
            "event_at": np.concatenate([at, at + 20 * SECOND]),
            "instrument": np.tile(ticks.instrument[rows], 2),
            "kind": np.full(2 * len(rows), Kind.STATUS),
            "conditions": np.repeat(np.array([Condition.HALTED, Condition.RESUMED], np.uint32), len(rows)),
        }
    )
    halted = np.zeros(row_count(ticks), np.bool_)
    for row, start in zip(rows, at, strict=True):
        inside = (ticks.known_at > start) & (ticks.known_at < start + 20 * SECOND)
        halted |= inside & (ticks.instrument == ticks.instrument[row]) & (ticks.kind == Kind.TRADE)
    both = concatenate([ticks, status])
    order = np.argsort(both.known_at, kind="stable")
    return Faulty(select(both, order), _at(day, np.flatnonzero(halted)))


def volumes(rng: np.random.Generator, day: Day, count: int) -> Faulty:
    """Give trades a size of 100 to 1,000 times the largest of the day."""
    rows, size = _chosen(rng, day, _trades(day), count, 100), day.ticks.size.copy()
    size[rows] = size[_trades(day)].max(initial=0) * rng.integers(100, 1000, len(rows))
    return Faulty(day.ticks._replace(size=size), _at(day, rows))


def off_ticks(rng: np.random.Generator, day: Day, count: int) -> Faulty:
    """Move trades, or bids where there are no trades, by three tenths of a tick."""
    trades, ticks = _trades(day), day.ticks
    rows = _chosen(rng, day, trades if trades.any() else _quotes(day), count, 50)
    assert ticks.bid is not None
    price, bid = ticks.price.copy(), ticks.bid.copy()
    price[rows] += 0.3 * day.tick_sizes[ticks.instrument[rows]]
    bid[rows] += 0.3 * day.tick_sizes[ticks.instrument[rows]]
    return Faulty(ticks._replace(price=price, bid=bid), _at(day, rows))


FAULTS: dict[str, Put] = {
    "outlier": outliers,
    "scale": scales,
    "spread": spreads,
    "crossed": crossings,
    "stale": silences,
    "regression": regressions,
    "gap": gaps,
    "duplicate": copies,
    "halted": halts,
    "volume": volumes,
    "tick": off_ticks,
}


class Feeds(NamedTuple):
    """Rows of two feeds of one instrument in order: when known (ns UTC), which feed, and its mid."""

    known_at: NDArray[np.int64]
    feed: NDArray[np.int64]
    mid: NDArray[np.float64]


class TwoFeeds(NamedTuple):
    """Two feeds of an instrument that agree, and the same with faults in the second."""

    instrument: str
    clean: Feeds
    faulty: Feeds
    faults: list[Fault]


def feeds(rng: np.random.Generator, day: Day, count: int) -> TwoFeeds | None:
    """Return a day's quotes and a second feed, 20 to 150 ms late with a tick of noise; faults move it by 0.2 per cent.

    A fault lasts five to fifteen seconds. None where the day has no quotes of both sides.
    """
    ticks, quoted = day.ticks, np.flatnonzero(_quotes(day))
    if not len(quoted) or ticks.bid is None or ticks.ask is None:
        return None
    mid, at = 0.5 * (ticks.bid[quoted] + ticks.ask[quoted]), ticks.known_at[quoted]
    later = np.maximum.accumulate(at + rng.integers(20_000_000, 150_000_000, len(at)))
    other = mid + rng.integers(-1, 2, len(mid)) * day.tick_sizes[0]
    wrong, faults = other.copy(), []
    for row in _spaced(day, _chosen(rng, day, _quotes(day), count, 100), 40)[:20]:
        start = int(ticks.known_at[row])
        stop = start + int(rng.integers(5 * SECOND, 15 * SECOND))
        inside = (later >= start) & (later < stop)
        wrong[inside] = other[inside] * 1.002
        if inside.any() and later[inside][-1] - later[inside][0] > 3 * SECOND:
            faults.append(Fault(day.names[0], start, stop + 5 * SECOND))
    order = np.argsort(np.concatenate([at, later]), kind="stable")
    which = np.repeat(np.array([0, 1]), len(at))[order]
    known_at = np.concatenate([at, later])[order]
    clean, faulty = (Feeds(known_at, which, np.concatenate([mid, b])[order]) for b in (other, wrong))
    return TwoFeeds(day.names[0], clean, faulty, faults)
