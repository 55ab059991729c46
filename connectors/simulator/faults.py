"""What goes wrong in the simulated market, on purpose: halts, late and cancelled trades, bad ticks, duplicates.

Each fault is put into the rows of one instrument and day by the seed, so that it is there on every run; `FAULTS` says
how many of each a day has.
"""

import numpy as np
from numpy.typing import NDArray

from connectors.simulator.paths import CLOSE_SECONDS, OPEN_SECONDS
from domain.market import Condition, Kind, Ticks, complete_ticks, concatenate, row_count, select

SECOND = 1_000_000_000
HALT_BEGINS = 11 * 3600 * SECOND
HALT_ENDS = HALT_BEGINS + 300 * SECOND
LATE = np.uint32(Condition.COUNTS_VOLUME | Condition.MOVES_HIGH_LOW | Condition.OUT_OF_SEQUENCE)
FAULTS = {
    "halt": 1,
    "trade_while_halted": 1,
    "late_print": 6,
    "cancel": 2,
    "price_times_ten": 2,
    "not_positive": 3,
    "not_finite": 1,
    "off_tick": 3,
    "duplicate": 3,
    "identical": 3,
    "regression": 2,
}


def with_halt(ticks: Ticks) -> Ticks:
    """Return a day in which the instrument is halted for five minutes, with one trade that should not be."""
    inside = (ticks.event_at >= HALT_BEGINS) & (ticks.event_at < HALT_ENDS)
    trades = np.flatnonzero(inside & (_kinds(ticks) == Kind.TRADE))
    which = int(ticks.instrument[0])
    kept = ~inside
    if len(trades):
        kept[trades[len(trades) // 2]] = True
    status = complete_ticks(
        {
            "event_at": np.array([HALT_BEGINS, HALT_ENDS]),
            "instrument": np.full(2, which),
            "kind": np.full(2, Kind.STATUS),
            "conditions": np.array([Condition.HALTED, Condition.RESUMED], np.uint32),
        }
    )
    return concatenate([select(ticks, kept), status])


def with_bad_rows(random: np.random.Generator, ticks: Ticks) -> Ticks:
    """Return a day with bad prices, late prints and regressions in it; rows stay where they are."""
    chosen = random.permutation(_calm(ticks)).tolist()

    def take(count: int) -> list[int]:
        return [chosen.pop() for _ in range(min(count, len(chosen)))]

    price, size = ticks.price.copy(), ticks.size.copy()
    event_at, known_at = ticks.event_at.copy(), ticks.known_at.copy()
    conditions = _conditions(ticks).copy()
    price[take(FAULTS["price_times_ten"])] *= 10.0
    price[take(1)] = 0.0
    price[take(1)] *= -1.0
    size[take(1)] = 0.0
    price[take(FAULTS["not_finite"])] = np.nan
    price[take(FAULTS["off_tick"])] += 0.003
    late = take(FAULTS["late_print"])
    known_at[late] += random.integers(10 * SECOND, 90 * SECOND, len(late))
    conditions[late] = LATE
    event_at[take(FAULTS["regression"])] -= 5 * SECOND
    return ticks._replace(
        price=price,
        size=size,
        event_at=event_at,
        known_at=known_at,
        received_at=known_at,
        conditions=conditions,
    )


def with_cancels(random: np.random.Generator, ticks: Ticks) -> tuple[Ticks, NDArray[np.int64]]:
    """Return a day in which trades at an outlying price are taken back twenty seconds later, and which rows they are.

    The cancels come last, in the order of their trades, with no reference yet.
    """
    chosen = random.permutation(_calm(ticks))[: FAULTS["cancel"]]
    price = ticks.price.copy()
    price[chosen] = np.round(price[chosen] * 1.03, 2)
    ticks = ticks._replace(price=price)
    cancels = select(ticks, chosen)
    later = cancels.known_at + 20 * SECOND
    cancels = cancels._replace(
        kind=np.full(len(chosen), Kind.CANCEL, np.uint8), event_at=later, known_at=later, received_at=later
    )
    return concatenate([ticks, cancels]), chosen


def with_copies(random: np.random.Generator, ticks: Ticks) -> Ticks:
    """Return a numbered day with rows that come twice under one number, right behind each other."""
    chosen = np.sort(random.permutation(_calm(ticks))[: FAULTS["duplicate"]])
    order = np.sort(np.concatenate([np.arange(row_count(ticks)), chosen]))
    return select(ticks, order)


def with_twins(random: np.random.Generator, ticks: Ticks) -> Ticks:
    """Return a day with trades that look the same but are not: each will have a number of its own."""
    chosen = random.permutation(_calm(ticks))[: FAULTS["identical"]]
    return concatenate([ticks, select(ticks, chosen)])


def _kinds(ticks: Ticks) -> NDArray[np.uint8]:
    return np.zeros(row_count(ticks), np.uint8) if ticks.kind is None else ticks.kind


def _conditions(ticks: Ticks) -> NDArray[np.uint32]:
    return np.zeros(row_count(ticks), np.uint32) if ticks.conditions is None else ticks.conditions


def _calm(ticks: Ticks) -> NDArray[np.int64]:
    """Return the ordinary trades of the middle of the day that nothing else happens to."""
    begins, ends = (OPEN_SECONDS + 1200) * SECOND, (CLOSE_SECONDS - 1200) * SECOND
    moves = (_conditions(ticks) & np.uint32(Condition.MOVES_OPEN_CLOSE)) != 0
    inside = (ticks.event_at > begins) & (ticks.event_at < ends)
    away = (ticks.event_at < HALT_BEGINS - 120 * SECOND) | (ticks.event_at > HALT_ENDS + 120 * SECOND)
    return np.flatnonzero((_kinds(ticks) == Kind.TRADE) & moves & inside & away)
