"""What the tests of the clock's bars share: trades of one instrument, and their bars as the stage makes them."""

import numpy as np

from connectors.kept_sessions import session_table
from domain.market import (
    BAR,
    DAY_SECONDS,
    SECOND,
    Kind,
    MarketBatch,
    Ticks,
    canonical_order,
    complete_ticks,
    row_count,
    select,
)
from operators.bars import BarParams, Bars
from tests.operators.bar_oracle import Bar, BarOracle, Measures
from tests.operators.tick_samples import batches

INTERVALS = (1, 60, 300, DAY_SECONDS)
LATENESS = 250_000_000
OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York
CLOSE = OPEN + 23_400 * SECOND
ELIGIBLE = 7
TABLE = session_table("XNYS", "2024-03-06", "2024-03-09")


def run(params: BarParams, ticks: Ticks, size: int = 10**9):
    stage = Bars(params)
    state = stage.fresh()
    answers = [answer for batch in batches(ticks, size) for answer in stage.step(state, batch)]
    return (
        np.concatenate([np.empty(0, BAR), *(answer.bars for answer in answers)]),
        [malformed for answer in answers for malformed in answer.malformed],
    )


def assert_same(bars, expected: list[tuple[Bar, Measures]]) -> None:
    assert [Bar(*(int(bar[name]) for name in Bar._fields)) for bar in bars] == [bar for bar, _ in expected]
    for name in Measures._fields:
        wanted = np.array([getattr(measures, name) for _, measures in expected])
        np.testing.assert_allclose(bars[name], wanted, rtol=1e-12 if name == "vwap" else 0, err_msg=name)


def oracle_of(params: BarParams, ticks: Ticks) -> BarOracle:
    oracle = BarOracle(params.sessions, params.intervals_seconds, params.lateness_nanoseconds)
    oracle.feed(ticks)
    oracle.finish()
    return oracle


def trades(rows, **more) -> Ticks:
    """Rows of (seconds after the open: event, known; price, size), instrument 0, numbered from 1."""
    times = np.array(rows, float)
    columns = {
        "event_at": OPEN + np.rint(times[:, 0] * SECOND).astype(np.int64),
        "known_at": OPEN + np.rint(times[:, 1] * SECOND).astype(np.int64),
        "instrument": np.zeros(len(rows), np.int32),
        "price": times[:, 2],
        "size": times[:, 3],
        "sequence": np.arange(1, len(rows) + 1),
    }
    return complete_ticks(columns | {name: np.array(values) for name, values in more.items()})


def with_cancels(ticks: Ticks, cancels: list[tuple[int, float]]) -> Ticks:
    """Append a cancel of each named trade, so many seconds after it was known."""
    count = row_count(ticks)
    known = {number: int(ticks.known_at[number - 1] + delay * SECOND) for number, delay in cancels}
    made = complete_ticks(
        {
            "event_at": np.concatenate([ticks.event_at, np.array(list(known.values()), np.int64)]),
            "known_at": np.concatenate([ticks.known_at, np.array(list(known.values()), np.int64)]),
            "instrument": np.zeros(count + len(known), np.int32),
            "kind": np.repeat([int(Kind.TRADE), int(Kind.CANCEL)], [count, len(known)]),
            "price": np.concatenate([ticks.price, np.full(len(known), np.nan)]),
            "size": np.concatenate([ticks.size, np.zeros(len(known))]),
            "sequence": np.arange(1, count + len(known) + 1),
            "reference": np.concatenate([np.zeros(count, np.int64), np.array(list(known), np.int64)]),
        }
    )
    return select(made, canonical_order(made))


def bars_of(answer: MarketBatch):
    assert answer.bars is not None
    return answer.bars


def last_versions(bars):
    return {(int(b["instrument"]), int(b["interval"]), int(b["open_at"])): b for b in bars}
