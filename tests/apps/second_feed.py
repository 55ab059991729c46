"""A second feed for the tests: what a simulated market quotes as Parquet, wrong for hours in one instrument."""

from pathlib import Path

import numpy as np
import polars as pl

from connectors.files.open_source import open_source
from domain.market import SECOND, Kind, concatenate, row_count

SPEC = "simulator:seed=7,instruments=4,days=1,ticks=30000"
WRONG, FROM_AT, UNTIL_AT = (
    "BOREA",
    1_709_829_000 * SECOND,
    1_709_832_600 * SECOND,
)  # 11:30 to 12:30 in New York


def write_second(path: Path, share: float = 1.02) -> Path:
    """Write the market's quotes, 50 ms late, those of one instrument moved by a factor for five hours."""
    source = open_source(SPEC)
    names = source.instruments()
    index = {name: at for at, name in enumerate(names)}
    every = np.ones(len(names), np.bool_)
    parts = [chunk.ticks for day in source.segments() for chunk in source.read(day, index, every)]
    ticks = concatenate([part for part in parts if row_count(part)])
    quoted = np.flatnonzero(ticks.kind == Kind.QUOTE)
    known_at, which = ticks.known_at[quoted] + 50_000_000, ticks.instrument[quoted]
    wrong = (which == index[WRONG]) & (known_at >= FROM_AT) & (known_at < UNTIL_AT)
    factor = np.where(wrong, share, 1.0)
    pl.DataFrame(
        {
            "event_at": ticks.event_at[quoted],
            "known_at": known_at,
            "instrument": np.array(names)[which],
            "bid": ticks.bid[quoted] * factor,
            "bid_size": ticks.bid_size[quoted],
            "ask": ticks.ask[quoted] * factor,
            "ask_size": ticks.ask_size[quoted],
        }
    ).write_parquet(path)
    return path
