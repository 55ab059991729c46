"""Every indicator of the catalogue over minute bars of many instruments, beside TA-Lib in a loop on the same arrays.

    python benchmarks/indicators.py --instruments 5000 --bars 390

Two comparisons, each the median of `--rounds`, taken in turn: `both` are the indicators that TA-Lib has, too, a call
of each of its functions, like with like on one thread; `all` is the whole catalogue of ours, more than TA-Lib has,
against those same calls. A row is a bar of an instrument. Ours is one program over the bars of `--together`
instruments at a time; with `--threads` above 1 it takes a core each, as the kernels leave Python's lock, while TA-Lib
stays on one. TA-Lib is called for each indicator and instrument on contiguous float64 arrays, in a loop as its users
write it.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import talib

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from features.indicators.catalogue import asked_for, indicators, program_of
from features.series import Program
from tests.features.indicators.talib_oracles import COLUMNS, ORACLES

Columns = dict[str, np.ndarray]


def market(instruments: int, bars: int, seed: int = 7) -> Columns:
    """Return columns of the shape (instruments, bars), seeded."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.001, (instruments, bars)), axis=1))
    opened = close * np.exp(rng.normal(0.0, 0.0005, close.shape))
    high = np.maximum(opened, close) * (1.0 + np.abs(rng.normal(0.0, 0.0005, close.shape)))
    low = np.minimum(opened, close) * (1.0 - np.abs(rng.normal(0.0, 0.0005, close.shape)))
    volume = rng.integers(100, 90_000, close.shape).astype(float)
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume}


def ours(program: Program, columns: Columns, together: int, threads: int) -> float:
    """Run a program over all bars; return the seconds."""
    instruments, bars = columns["close"].shape

    def block(first: int) -> None:
        part = {name: column[first : first + together].ravel() for name, column in columns.items()}
        count = len(part["close"]) // bars
        program.run(program.fresh(count), np.repeat(np.arange(count, dtype=np.int32), bars), part)

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(block, range(0, instruments, together)):
            pass
    return time.perf_counter() - began


def theirs(calls: Sequence[tuple[str, str, tuple[str | float, ...]]], columns: Columns) -> float:
    """Call TA-Lib for each indicator and instrument; return the seconds."""
    began = time.perf_counter()
    for place in range(len(columns["close"])):
        mine = {letter: columns[name][place] for letter, name in COLUMNS.items()}
        for name, letters, params in calls:
            getattr(talib, name)(*(mine[letter] for letter in letters), *params)
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--instruments", type=int, default=5_000)
    parser.add_argument("--bars", type=int, default=390)
    parser.add_argument("--together", type=int, default=16, help="instruments that are computed at a time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="50 instruments, once")
    options = parser.parse_args()
    if options.quick:
        options.instruments, options.rounds = 50, 1
    columns = market(options.instruments, options.bars)
    texts = {str(call[0]): text for text, call in reversed(ORACLES.items())}
    calls = [(name, str(ORACLES[text][1]), ORACLES[text][2:]) for name, text in texts.items()]
    whole, both = program_of(asked_for(list(indicators()))), program_of(asked_for(list(texts.values())))
    warm = {name: column[:2] for name, column in columns.items()}
    ours(whole, warm, 2, 1)
    measured = [
        (
            ours(both, columns, options.together, options.threads),
            theirs(calls, columns),
            ours(whole, columns, options.together, options.threads),
        )
        for _ in range(options.rounds)
    ]
    seconds_both, seconds_talib, seconds_all = (
        statistics.median(each) for each in zip(*measured, strict=True)
    )
    rows = options.instruments * options.bars
    print(
        json.dumps(
            {
                "instruments": options.instruments,
                "bars": options.bars,
                "threads": options.threads,
                "both": {
                    "indicators": len(texts),
                    "bars_per_second": round(rows / seconds_both),
                    "talib_bars_per_second": round(rows / seconds_talib),
                    "ratio": round(seconds_talib / seconds_both, 2),
                },
                "all": {
                    "indicators": len(indicators()),
                    "bars_per_second": round(rows / seconds_all),
                    "ratio": round(seconds_talib / seconds_all, 2),
                },
            }
        )
    )


if __name__ == "__main__":
    main()
