"""Comparisons across a universe at each close, beside pandas on the same values.

    python benchmarks/cross_section.py --instruments 5000 --closes 60

Ours is the whole stage: taking the rows in, keeping what revisions need, and five comparisons, rank, z-score, both
within sectors, and the distance to the sector. Theirs is the arithmetic alone, on a frame that is there already. Both
see a close at a time; the figures are medians of `--rounds`, taken in turn.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from domain.market import BAR, END, SCORE, SECOND, FeatureRows, Ordered, empty_ticks
from features.comparison import asked_comparison
from operators.cross_section import CrossSection, CrossSectionParams

COMPARED = ("rank", "z_score", "rank_in_sector", "z_score_in_sector", "sector_neutral")
SECTORS = 11
MINUTE = 60 * SECOND


def rows_of_closes(instruments: int, closes: int, seed: int = 7) -> list[FeatureRows]:
    """Return the rows of each close, one for each instrument, one value in fifty missing."""
    rng = np.random.default_rng(seed)
    made = []
    for close in range(1, closes + 1):
        bars = np.zeros(instruments, BAR)
        bars["close_at"], bars["open_at"] = close * MINUTE, (close - 1) * MINUTE
        bars["known_at"] = close * MINUTE + SECOND // 4
        bars["instrument"], bars["interval"], bars["close"] = np.arange(instruments), 60, 100.0
        values = rng.normal(size=(1, instruments))
        values[rng.random(values.shape) < 0.02] = np.nan
        made.append(FeatureRows(bars, values))
    return made


def ours(stage: CrossSection, closes: list[FeatureRows]) -> float:
    """Step the stage through all closes; return the seconds a close."""
    state = stage.fresh()
    items = [Ordered(END, empty_ticks(), np.empty(0, SCORE), features=rows) for rows in closes]
    began = time.perf_counter()
    for item in items:
        stage.step(state, item)
    return (time.perf_counter() - began) / len(items)


def theirs(closes: list[FeatureRows], sectors: np.ndarray) -> float:
    """Compute the same five columns with pandas; return the seconds a close."""
    frames = [pd.DataFrame({"value": rows.values[0], "sector": sectors}) for rows in closes]
    began = time.perf_counter()
    for frame in frames:
        value, grouped = frame["value"], frame.groupby("sector")["value"]
        frame["rank"] = (value.rank() - 1) / (value.count() - 1)
        frame["z_score"] = (value - value.mean()) / value.std()
        frame["rank_in_sector"] = (grouped.rank() - 1) / (grouped.transform("count") - 1)
        mean = grouped.transform("mean")
        frame["z_score_in_sector"] = (value - mean) / grouped.transform("std")
        frame["sector_neutral"] = value - mean
    return (time.perf_counter() - began) / len(frames)


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--instruments", type=int, default=5_000)
    parser.add_argument("--closes", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="200 instruments, 10 closes, once")
    options = parser.parse_args()
    if options.quick:
        options.instruments, options.closes, options.rounds = 200, 10, 1
    names = tuple(f"I{number:05}" for number in range(options.instruments))
    sectors = (np.arange(options.instruments) % SECTORS).astype(np.int32)
    comparisons = tuple(asked_comparison(f"{kind}(roc_10)") for kind in COMPARED)
    stage = CrossSection(CrossSectionParams(names, ("roc_10",), comparisons, sectors))
    closes = rows_of_closes(options.instruments, options.closes)
    ours(stage, closes[:2])
    taken = [(ours(stage, closes), theirs(closes, sectors)) for _ in range(options.rounds)]
    mine, reference = (statistics.median(column) for column in zip(*taken, strict=True))
    figures = {
        "instruments": options.instruments,
        "closes": options.closes,
        "milliseconds_a_close": round(mine * 1000, 2),
        "pandas_milliseconds_a_close": round(reference * 1000, 2),
        "ratio": round(reference / mine, 2),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
