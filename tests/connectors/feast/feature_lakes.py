"""Small lakes of feature rows, written as the desk writes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from connectors.lake.codec import END_OF_INPUT, MarketCodec
from connectors.lake.sink import LakePartition
from domain.instruments import Instrument, Universe
from domain.market import BAR, MINUTE, SECOND, FeatureRows, MarketBatch, empty_ticks
from features.catalogue import CATALOGUE

UNIVERSE = Universe((Instrument(name="AAA"), Instrument(name="BBB"), Instrument(name="CCC")))
LINES = tuple(line for line in CATALOGUE if line.name in {"rsi_14", "atr_14"})
FEATURES = tuple(line.name for line in LINES)
OPEN = 1_709_821_800 * SECOND
LATENESS = 250_000_000


class Row(NamedTuple):
    """A feature row: minute, instrument's place, version, when it was known after its close, and its first value."""

    minute: int
    instrument: int
    value: float
    version: int = 0
    known_after: int = LATENESS


def event_at(minute: int) -> int:
    return OPEN + minute * MINUTE


def feature_rows(rows: Sequence[Row]) -> FeatureRows:
    """Return rows in the order given; the second feature is the first one times ten."""
    bars = np.zeros(len(rows), BAR)
    bars["close_at"] = [event_at(row.minute) for row in rows]
    bars["open_at"] = bars["close_at"] - MINUTE
    bars["known_at"] = [event_at(row.minute) + row.known_after for row in rows]
    bars["instrument"] = [row.instrument for row in rows]
    bars["version"] = [row.version for row in rows]
    bars["interval"] = 60
    first = np.array([row.value for row in rows])
    return FeatureRows(bars, np.array([first, first * 10]))


def write_lake(lake: Path, rows: Sequence[Row]) -> Path:
    """Write rows, in order of being known, to the topic `features` of a lake; return the lake."""
    known = sorted(rows, key=lambda row: event_at(row.minute) + row.known_after)
    codec = MarketCodec(UNIVERSE, "simulator", FEATURES)
    partition = LakePartition(lake, "0", None, codec, durable=False)
    batch = MarketBatch(0, empty_ticks(), features=feature_rows(known))
    partition.write_batch([batch, END_OF_INPUT])
    partition.close()
    return lake


def random_rows(seed: int, minutes: int, revised: float) -> list[Row]:
    """Return rows of all instruments with gaps, some of them revised up to three times, one after another."""
    generator = np.random.default_rng(seed)
    made: list[Row] = []
    for minute in range(1, minutes + 1):
        for instrument in range(len(UNIVERSE)):
            if generator.random() < 0.3:
                continue
            late = int(generator.integers(1, 300)) * SECOND if generator.random() < 0.1 else LATENESS
            versions = 1 + (int(generator.integers(1, 4)) if generator.random() < revised else 0)
            known = late + (np.cumsum(generator.integers(1, 300, versions)) - 1) * SECOND
            made += [
                Row(minute, instrument, float(generator.normal()), version, int(known[version]))
                for version in range(versions)
            ]
    return made


def asked(rows: Sequence[tuple[str, int] | tuple[str, int, int]]) -> pl.DataFrame:
    """Return rows to ask for: instrument, event timestamp and perhaps knowledge, both in ns UTC."""
    names = ("instrument", "event_timestamp", "knowledge_at")[: len(rows[0])]
    frame = pl.DataFrame(rows, schema=list(names), orient="row")
    return frame.with_columns(pl.col(names[1:]).cast(pl.Datetime("ns", "UTC")))
