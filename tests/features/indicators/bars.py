"""Bars for tests of indicators: random ones, and those of published sheets."""

import csv
from pathlib import Path

import numpy as np
import polars as pl

from features.indicators.catalogue import asked_for, program_of

SHEETS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "indicators"
COUNT = 1_200


def random_columns(seed=1, count=COUNT):
    """Return open, high, low, close and volume of bars that wander."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    opened = close * np.exp(rng.normal(0, 0.004, count))
    high = np.maximum(opened, close) * (1 + np.abs(rng.normal(0, 0.004, count)))
    low = np.minimum(opened, close) * (1 - np.abs(rng.normal(0, 0.004, count)))
    volume = rng.integers(1_000, 9_000, count).astype(float)
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume}


def values(text, columns):
    """Return the outputs of an indicator over one instrument's bars, by the name behind the dot."""
    (asked,) = asked_for([text])
    program = program_of([asked])
    rows = len(next(iter(columns.values())))
    columns = {name: np.ascontiguousarray(column, float) for name, column in columns.items()}
    out = program.run(program.fresh(1), np.zeros(rows, np.int32), columns)
    return dict(zip(asked.indicator.outputs, out, strict=True))


def sheet(name):
    """Return the columns of numbers of one of the sheets of `ta`."""
    with (SHEETS / "ta" / f"cs-{name}.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    found = {}
    for place, title in enumerate(rows[0]):
        texts = [row[place].replace(",", "") if place < len(row) else "" for row in rows[1:]]
        try:
            found[title.strip()] = np.array([float(text) if text.strip() else np.nan for text in texts])
        except ValueError:
            continue
    return found


def skender_quotes(name="default"):
    frame = pl.read_csv(SHEETS / "skender" / "quotes" / f"{name}.csv", encoding="utf8-lossy")
    return {
        each.lower().lstrip("\ufeff"): frame[each].to_numpy()
        for each in frame.columns
        if each.lower() in {"open", "high", "low", "close", "volume"}
    }
