"""Feature rows as the online store takes them: the newest row of each instrument, and frames that Feast can push.

Rows are ordered by (event_at, version): a row that was computed again stands above the one that it replaces, and
knowledge only grows with the version. The order travels with the values: a pushed row carries `sequence` (its
event time in ns) and `version`, since Feast's SQLite store keeps whole seconds only.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from domain.market import BAR, FeatureRows

INSTRUMENT = "instrument"
EVENT_TIMESTAMP = "event_timestamp"
CREATED = "created"
SEQUENCE = "sequence"
VERSION = "version"
MICROSECOND = 1000
NEVER = np.iinfo(np.int64).min


class EndOfFeatures(NamedTuple):
    """No more feature rows will come of this shard."""

    ended: bool = True


END_OF_FEATURES = EndOfFeatures()

FeatureItem = FeatureRows | EndOfFeatures

ROW = np.dtype(
    [
        ("event_at", np.int64),
        ("known_at", np.int64),
        ("instrument", np.int32),
        ("version", np.int16),
    ],
    align=True,
)
"""What names a feature row: when it happened and was known (ns UTC), of which instrument, which version."""


def rows_of(table: pa.Table, index: Mapping[str, int], features: Sequence[str]) -> FeatureRows:
    """Return rows of the topic `features` as the feature store takes them; `index` maps instruments to indices.

    Rows of instruments that `index` does not know are left out. Raises KeyError where a column is missing.
    """
    names = table.column("instrument").combine_chunks().dictionary_decode().to_pylist()
    which = np.array([index.get(name, -1) for name in names], np.int32)
    bars = np.zeros(len(which), BAR)
    bars["instrument"], bars["version"] = which, table.column("version").to_numpy()
    for column, source in (("close_at", "event_at"), ("known_at", "known_at")):
        bars[column] = table.column(source).cast(pa.int64()).to_numpy()
    values = np.array([table.column(name).to_numpy() for name in features])
    known = which >= 0
    return FeatureRows(bars[known], values[:, known])


def newest(rows: FeatureRows) -> tuple[NDArray[np.void], NDArray[np.float64]]:
    """Return the newest row of each instrument, as `ROW` rows in order of instrument and their values (rows, F)."""
    bars = rows.bars
    instrument = bars["instrument"]
    order = np.lexsort((bars["known_at"], bars["version"], bars["close_at"], instrument))
    last = order[np.append(instrument[order][1:] != instrument[order][:-1], True)] if len(order) else order
    keys = np.zeros(len(last), ROW)
    keys["event_at"], keys["known_at"] = bars["close_at"][last], bars["known_at"][last]
    keys["instrument"], keys["version"] = instrument[last], bars["version"][last]
    return keys, np.ascontiguousarray(rows.values[:, last].T)


def above(
    keys: NDArray[np.void], event_at: NDArray[np.int64], version: NDArray[np.int16]
) -> NDArray[np.bool_]:
    """Say of each key whether it stands above the row of (event_at, version) beside it."""
    later: NDArray[np.bool_] = keys["event_at"] > event_at
    again: NDArray[np.bool_] = (keys["event_at"] == event_at) & (keys["version"] > version)
    return later | again


def push_frame(
    keys: NDArray[np.void],
    values: NDArray[np.float64],
    instruments: Sequence[str],
    features: Sequence[str],
) -> pd.DataFrame:
    """Return rows as Feast's `write_to_online_store` takes them; `values` has shape (rows, features).

    Timestamps are cut to microseconds, the finest that Feast carries.
    """
    names = np.array(instruments, object)
    columns: dict[str, Any] = {INSTRUMENT: names[keys["instrument"]]}
    for name, source in ((EVENT_TIMESTAMP, "event_at"), (CREATED, "known_at")):
        columns[name] = pd.to_datetime(keys[source] // MICROSECOND * MICROSECOND, utc=True)
    columns[SEQUENCE] = keys["event_at"].astype(np.int64)
    columns[VERSION] = keys["version"].astype(np.int32)
    columns.update(zip(features, values.T, strict=True))
    return pd.DataFrame(columns)


def held_rows(
    answer: Mapping[str, Sequence[Any]], instruments: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Return event time and version of the online row of each instrument, from what Feast answered.

    An instrument without one has `NEVER` and -1.
    """
    places = {name: place for place, name in enumerate(answer[INSTRUMENT])}
    event_at, version = np.full(len(instruments), NEVER), np.full(len(instruments), -1, np.int16)
    for row, name in enumerate(instruments):
        place = places.get(name)
        if place is not None and answer[SEQUENCE][place] is not None:
            event_at[row], version[row] = answer[SEQUENCE][place], answer[VERSION][place]
    return event_at, version
