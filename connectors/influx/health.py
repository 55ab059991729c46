"""Counts what passes a shard, as points of measurement `health` that do not depend on how rows were batched.

`rows` of a topic: how many became known in each second of event time, written when a row of a later second comes,
or the input ends. `refused` by stage and reason: how many so far, written at the instant of each refused row.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from connectors.influx.codec import escaped
from domain.market import SECOND

REASON_LENGTH_MAX = 60
REASONS_MAX = 200
OTHER = "other"

HealthState = dict[str, Any]
NOTHING = pa.array([], pa.string())


class HealthMeter:
    """The counts of one shard; `state` is what a snapshot keeps."""

    def __init__(self, shard: str, state: HealthState | None = None) -> None:
        self._shard = escaped(shard)
        kept = state or {"seconds": {}, "refused": {}}
        self._seconds: dict[str, tuple[int, int]] = dict(kept["seconds"])
        self._refused: dict[tuple[str, str], int] = dict(kept["refused"])

    def rows(self, topic: str, known_at: NDArray[np.int64]) -> pa.StringArray:
        """Take in the instants at which rows became known (ns UTC, in order); return the seconds that are over."""
        if not len(known_at):
            return NOTHING
        first, last = int(known_at[0]) // SECOND, int(known_at[-1]) // SECOND
        second, count = self._seconds.get(topic, (first, 0))
        if last <= second:
            self._seconds[topic] = second, count + len(known_at)
            return NOTHING
        if second < first == last:
            self._seconds[topic] = last, len(known_at)
            return self._row_lines(topic, [(second, count)])
        seconds, counts = np.unique(known_at // SECOND, return_counts=True)
        later = seconds > second
        count += int(counts[~later].sum())
        whole = [(second, count), *zip(seconds[later].tolist(), counts[later].tolist(), strict=True)]
        self._seconds[topic] = whole.pop()
        return self._row_lines(topic, whole)

    def end(self) -> pa.StringArray:
        """Return the seconds that are not over yet, because no more will come."""
        made = [self._row_lines(topic, [last]) for topic, last in sorted(self._seconds.items())]
        self._seconds.clear()
        return pa.concat_arrays([NOTHING, *made])

    def _row_lines(self, topic: str, counted: list[tuple[int, int]]) -> pa.StringArray:
        series = f"health,shard={self._shard},topic={escaped(topic)}"
        made = [f"{series} rows={count}i {second * SECOND}\n" for second, count in counted]
        return pa.array(made, pa.string())

    def refused(self, stage: str, rows: Sequence[tuple[str, int]]) -> pa.StringArray:
        """Take in refused rows as (reason, ns UTC when known); return one point for each."""
        made = []
        for reason, known_at in rows:
            kept = reason.split(":")[0][:REASON_LENGTH_MAX].strip() or OTHER
            if (stage, kept) not in self._refused and len(self._refused) >= REASONS_MAX:
                kept = OTHER
            count = self._refused[stage, kept] = self._refused.get((stage, kept), 0) + 1
            tags = f"shard={self._shard},stage={escaped(stage)},reason={escaped(kept)}"
            made.append(f"health,{tags} refused={count}i {known_at}\n")
        return pa.array(made, pa.string())

    def state(self) -> HealthState:
        """Return the counts."""
        return {"seconds": dict(self._seconds), "refused": dict(self._refused)}
