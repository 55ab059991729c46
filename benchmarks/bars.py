"""Bars of every kind: ticks a second, beside a plain loop that makes bars of the same kind of one instrument's trades.

    python -m benchmarks.bars --rows 2000000

The stage keeps 64 instruments, sessions, revisions and states that can be stored; the plain loops (numba for tick,
volume, range and renko, of tick bars for the kinds that have none; polars for time) keep nothing and write the closes
alone. `clock` is the stage that makes bars of 1 s, 1 min, 5 min and a session, beside polars' bars of a second; bars of
a part of a second are made of the trades, longer ones of the clock's. Each number is the median of `--rounds`, taken in
turn in this run; `ratio` is the plain loop's time over the stage's: 0.2 says that the stage takes five times as long.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numba import njit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from connectors.kept_sessions import session_table
from domain.bar_kinds import BarKind, bar_spec
from domain.market import END, SECOND, MarketBatch, Ticks, complete_ticks, row_count, select
from operators.bars import BarParams, Bars
from operators.built_bars import BuiltBarParams, BuiltBars
from operators.stage import Stage

OPEN = 1_709_821_800 * SECOND
INSTRUMENTS = 64
COMPOSED, CLOCK = "time:420", "clock"
NAMES = (
    "tick:500", "volume:100000", "notional:10000000", "range:0.1", "renko:0.05", "tick_imbalance:500",
    "volume_imbalance:500", "notional_imbalance:500", "tick_runs:500", "volume_runs:500", "notional_runs:500",
    COMPOSED, "time:0.25", CLOCK,
)  # fmt: skip


def market(rows: int, seed: int = 7) -> Ticks:
    """Return trades of a regular session, seeded."""
    rng = np.random.default_rng(seed)
    event_at = OPEN + np.sort(rng.integers(0, 23_000 * SECOND, rows))
    instrument = rng.integers(0, INSTRUMENTS, rows).astype(np.int32)
    price = np.empty(rows)
    for which in range(INSTRUMENTS):
        mine = instrument == which
        price[mine] = 100 + np.round(rng.normal(0, 0.01, mine.sum()).cumsum(), 2)
    size, sequence = rng.integers(1, 500, rows), np.arange(1, rows + 1)
    return complete_ticks(
        {"event_at": event_at, "instrument": instrument, "price": price, "size": size, "sequence": sequence}
    )


@njit(cache=True)
def plain(
    kind: int, size: float, instrument: np.ndarray, price: np.ndarray, volume: np.ndarray, out: np.ndarray
) -> int:
    """Write the close of each bar; return how many there are."""
    count, total = np.zeros(INSTRUMENTS), np.zeros(INSTRUMENTS)
    high, low = np.full(INSTRUMENTS, -np.inf), np.full(INSTRUMENTS, np.inf)
    made = 0
    for row in range(len(price)):
        which = instrument[row]
        count[which] += 1
        total[which] += volume[row]
        high[which], low[which] = max(high[which], price[row]), min(low[which], price[row])
        done = count[which] >= size
        if kind == 2:
            done = total[which] >= size
        elif kind > 3:
            done = high[which] - low[which] >= size
        if done:
            out[made] = price[row]
            made += 1
            count[which] = total[which] = 0.0
            high[which], low[which] = -np.inf, np.inf
    return made


def reference(name: str, ticks: Ticks) -> float:
    """Make bars the plain way; return the seconds. Kinds that no plain loop has are measured against tick bars."""
    spec = bar_spec("time:1" if name == CLOCK else name)
    began = time.perf_counter()
    if spec.kind == BarKind.TIME:
        table = pl.DataFrame(
            {"at": ticks.event_at, "who": ticks.instrument, "price": ticks.price, "size": ticks.size}
        )
        bar = (pl.col("at") - OPEN) // spec.nanoseconds
        price = pl.col("price")
        table.group_by("who", bar.alias("bar")).agg(
            price.first().alias("open"), price.max().alias("high"), price.min().alias("low"),
            price.last().alias("close"), pl.col("size").sum(),
        )  # fmt: skip
        return time.perf_counter() - began
    known = spec.kind in {BarKind.TICK, BarKind.VOLUME, BarKind.RANGE, BarKind.RENKO}
    kind, size = (int(spec.kind), spec.size) if known else (int(BarKind.TICK), 500.0)
    plain(kind, size, ticks.instrument, ticks.price, ticks.size, np.empty(row_count(ticks)))
    return time.perf_counter() - began


def ours(name: str, ticks: Ticks, batch_rows: int) -> tuple[float, int]:
    """Run the stage over all rows; return its seconds and the number of bars. The clock's bars are not in its time."""
    table = session_table("XNYS", "2024-03-06", "2024-03-09")
    stage: Stage[Any] = Bars(BarParams(INSTRUMENTS, table))
    if name != CLOCK:
        stage = BuiltBars(BuiltBarParams(INSTRUMENTS, table, (bar_spec(name),), ends_at=OPEN))
    clock = Bars(BarParams(INSTRUMENTS, table, keep_marks=True))
    state, clock_state, seconds, bars = stage.fresh(), clock.fresh(), 0.0, 0
    for start in range(0, row_count(ticks), batch_rows):
        part = select(ticks, slice(start, start + batch_rows))
        last = start + batch_rows >= row_count(ticks)
        item = MarketBatch(END if last else int(part.known_at[-1]), part)
        if name == COMPOSED:
            (item,) = clock.step(clock_state, item)
        began = time.perf_counter()
        (answer,) = stage.step(state, item)
        seconds += time.perf_counter() - began
        made = answer.bars if name == CLOCK else answer.built
        bars += 0 if made is None else len(made)
    return seconds, bars


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--batch-rows", type=int, default=16_384)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="200,000 rows, once")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.rounds = 200_000, 1
    warm, ticks = market(2_000), market(options.rows)
    told = {}
    for name in NAMES:
        ours(name, warm, options.batch_rows)
        reference(name, warm)
        rounds = [
            (*ours(name, ticks, options.batch_rows), reference(name, ticks)) for _ in range(options.rounds)
        ]
        seconds, plain_seconds = (statistics.median(each[at] for each in rounds) for at in (0, 2))
        told[name] = {
            "bars": rounds[0][1],
            "ticks_per_second": round(options.rows / seconds),
            "plain_ticks_per_second": round(options.rows / plain_seconds),
            "ratio": round(plain_seconds / seconds, 2),
        }
    print(json.dumps({"rows": options.rows, "instruments": INSTRUMENTS, "kinds": told}))


if __name__ == "__main__":
    main()
