"""Composed bars the slow way: the last version of every bar from the list of trades that stand in the end."""

from math import gcd

import numpy as np

from domain.bar_kinds import Mark
from domain.market import END, SECOND, Session, Ticks
from domain.sessions import SessionTable
from tests.operators.bar_oracle import BarOracle, Measures

Key = tuple[int, int]


def grid(table: SessionTable, seconds: float, at: int) -> tuple[int, int]:
    """Return open and close of the bar of a session's grid in which an instant lies."""
    edges = [0, *table.edges.tolist(), END]
    begun = max(edge for edge in edges if edge <= at)
    after = min(edge for edge in edges if edge > at)
    length = round(seconds * SECOND)
    number = (at - begun) // length
    return begun + number * length, min(begun + (number + 1) * length, after)


def final_bars(
    table: SessionTable, seconds: float, lateness: int, ticks: Ticks, at: int
) -> dict[Key, Measures]:
    """Return, by instrument and open_at, what the standing trades come to in the bars that are over at an instant.

    Bars whose every trade was taken back are left out.
    """
    oracle = BarOracle(table, (1, 60, 300, 86_400), lateness, unit=gcd(round(seconds * SECOND), SECOND))
    oracle.feed(ticks)
    found: dict[Key, Measures] = {}
    for trade in oracle.trades:
        span = grid(table, seconds, trade.event_at)
        if span[1] <= at and (trade.instrument, span[0]) not in found:
            measures = oracle.measures(trade.instrument, *span)
            if measures is not None:
                found[trade.instrument, span[0]] = measures
    return found


def with_carried(
    table: SessionTable, seconds: float, found: dict[Key, Measures], ends_at: int, begun: dict[int, int]
) -> dict[Key, Measures]:
    """Return bars with those in between that carry a close, in the regular session, up to `ends_at`.

    `begun` is the close_at of each instrument's first bar that closed in time.
    """
    made = dict(found)
    for which, first_at in begun.items():
        last = np.nan
        at = min(key[1] for key in found if key[0] == which)
        while at < ends_at:
            span = grid(table, seconds, at)
            here = found.get((which, span[0]))
            regular = table.session(np.array([span[0]]))[0] == Session.REGULAR
            if here is not None:
                last = last if np.isnan(here.close) else here.close
            elif first_at <= span[0] and span[1] <= ends_at and regular and not np.isnan(last):
                made[which, span[0]] = Measures(last, last, last, last, 0.0, np.nan, 0)
            at = span[1]
    return made


def measures_of(bars) -> dict[Key, Measures]:
    """Return the last version of each bar that holds a trade or carries a close."""
    last = {(int(bar["instrument"]), int(bar["open_at"])): bar for bar in bars}
    return {
        key: Measures(*(bar[name].item() for name in Measures._fields))
        for key, bar in last.items()
        if bar["trade_count"] or bar["marks"] & int(Mark.EMPTY) or not np.isnan(bar["high"])
    }
